"""A registration as it is typed or written in a file -> Issuer; what is not right is said field by field."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args
from urllib.parse import urlsplit

from smart_launch import addresses, scopes
from smart_launch.issuers import AuthMethod, Issuer
from smart_launch.keys import Algorithm

LISTS = ("scopes", "frame_origins", "backend_scopes", "endpoint_hosts")
REQUIRED = ("id", "iss", "client_id", "auth_method", "redirect_uri", "scopes")
PLAIN_SCOPES = (
    "launch",
    "launch/patient",
    "launch/encounter",
    "openid",
    "fhirUser",
    "profile",
    "online_access",
    "offline_access",
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})(:[0-9]{1,5})?")
_JURISDICTION = re.compile(r"[a-z]{2}-[a-z]{2,3}")
_TEXT = re.compile(r"[!-~]([ -~]{0,498}[!-~])?")
_SECURE = "it must use https (plain http is for this machine alone)"


class WrongRegistration(ValueError):
    """What is not right, by field, each with the right form."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {words}" for name, words in errors.items()))
        self.errors = dict(errors)


def read_registration(given: Mapping[str, Any]) -> Issuer:
    """The registration in JSON data. Raises WrongRegistration naming every field that is not right."""
    known = {one.name for one in fields(Issuer)}
    errors = {
        name: f"there is no such field; known are {', '.join(sorted(known))}"
        for name in given
        if name not in known
    }
    values = {name: _value(name, given[name], errors) for name in given if name in known}
    for name in REQUIRED:
        if not values.get(name):
            errors.setdefault(name, "it is missing")
    if not errors:
        errors.update(_together(values))
    if errors:
        raise WrongRegistration(errors)
    return Issuer(**{name: value for name, value in values.items() if value is not None})


def _value(name: str, value: Any, errors: dict[str, str]) -> Any:
    if value is None or value == "":
        return None
    try:
        if name in LISTS:
            return _list(name, value)
        if not isinstance(value, str):
            raise ValueError("it must be one text in quotation marks")
        CHECKS.get(name, _text)(value)
    except ValueError as error:
        errors[name] = str(error)
    return value


def _list(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError('it must be a list of texts, such as ["one", "two"]')
    for one in value:
        CHECKS[name](one)
    if len(set(value)) != len(value):
        raise ValueError("the same word stands in it twice")
    return tuple(value)


def _together(values: Mapping[str, Any]) -> dict[str, str]:
    """What fits one by one and does not fit together."""
    errors: dict[str, str] = {}
    method, secret = values["auth_method"], values.get("client_secret")
    if method == "client_secret_basic" and not secret:
        errors["client_secret"] = f"it is missing: auth_method {method} needs the EHR's secret"
    if method != "client_secret_basic" and secret:
        errors["client_secret"] = f"auth_method {method} has no secret; leave it out"
    if values.get("backend_scopes") and not values.get("backend_client_id"):
        errors["backend_client_id"] = "it is missing: backend_scopes are asked for by a client of their own"
    if values.get("backend_client_id") and not values.get("backend_scopes"):
        errors["backend_scopes"] = (
            'they are missing: say what it may do, such as ["system/DocumentReference.crus"]'
        )
    wrong = [one for one in values["scopes"] if one.startswith("system/")]
    if wrong:
        errors["scopes"] = f"{wrong[0]} belongs to backend_scopes: a person's launch has patient/ and user/"
    foreign = [one for one in values.get("backend_scopes") or () if not one.startswith("system/")]
    if foreign:
        errors["backend_scopes"] = f"{foreign[0]} is of a person's launch; here stands system/ alone"
    return errors


def _text(value: str) -> None:
    if not _TEXT.fullmatch(value):
        raise ValueError("it must be one line of plain letters, at most 500, without a space at either end")


def _id(value: str) -> None:
    if not _ID.fullmatch(value):
        raise ValueError(
            "it stands in addresses: letters, digits, dot, - and _, at most 64, such as riverbend"
        )


def _base(value: str) -> None:
    parts = _plain(value, "https://ehr.example/fhir")
    if parts.query:
        raise ValueError("it must be the FHIR base alone, without ?, such as https://ehr.example/fhir")
    if value.rstrip("/").endswith(("/metadata", "/.well-known/smart-configuration")):
        raise ValueError("it must be the FHIR base alone, without what stands below it")


def _redirect(value: str) -> None:
    if _plain(value, "https://peerchart.example/cb/riverbend").query:
        raise ValueError("it must have no ?, such as https://peerchart.example/cb/riverbend")


def _origin(value: str) -> None:
    parts = _plain(value, "https://ehr.example")
    if parts.path or parts.query:
        raise ValueError(
            "it must be scheme and host alone, such as https://ehr.example, without a / at the end"
        )
    if not _HOST.fullmatch(parts.netloc):
        raise ValueError("its host must be plain letters, such as https://ehr.example")


def _plain(value: str, form: str) -> Any:
    if addresses.split(value) is None:
        raise ValueError(f"it must be a whole address, such as {form}")
    if not addresses.is_secure(value):
        raise ValueError(f"{_SECURE}, such as {form}")
    return urlsplit(value)


def _host(value: str) -> None:
    if not _HOST.fullmatch(value) or addresses.split(f"https://{value}") is None:
        raise ValueError("it must be a host or host:port, such as login.ehr.example, without https://")


def _scope(value: str) -> None:
    if value not in PLAIN_SCOPES and scopes.parse(value) is None:
        raise ValueError(
            f"{value!r} is no SMART scope; write patient/Coverage.rs, system/Encounter.crus, or one of "
            f"{', '.join(PLAIN_SCOPES)}"
        )


def _jurisdiction(value: str) -> None:
    if not _JURISDICTION.fullmatch(value):
        raise ValueError("it must be a country and a state, such as us-ny")


def _one_of(words: tuple[str, ...]) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in words:
            raise ValueError(f"it must be one of {', '.join(words)}")

    return check


CHECKS: dict[str, Callable[[str], None]] = {
    "id": _id,
    "iss": _base,
    "redirect_uri": _redirect,
    "auth_method": _one_of(get_args(AuthMethod)),
    "key_alg": _one_of(get_args(Algorithm)),
    "frame_origins": _origin,
    "endpoint_hosts": _host,
    "scopes": _scope,
    "backend_scopes": _scope,
    "jurisdiction": _jurisdiction,
}
