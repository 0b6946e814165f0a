"""What may be wrong with the documents of discovery and with the key set."""

import base64
import secrets
from typing import Any
from urllib.parse import urlsplit

from .faults import Fault
from .striking import strike
from .surface_faults import narrowed

Document = dict[str, Any]
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
    "management_endpoint",
)


def spoiled_configuration(document: Document) -> Document:
    """Return smart-configuration with every planned fault in it."""
    changed = dict(document)
    if strike("no-jwks-uri") or strike("no-jwks-uri-anywhere"):
        del changed["jwks_uri"]
    if fault := strike("missing-endpoint"):
        changed.pop(fault["endpoint"], None)
    if fault := strike("foreign-endpoints"):
        changed |= _moved(changed, fault["base"], fault["endpoints"])
    if fault := strike("http-endpoints"):
        changed |= _moved(changed, fault["base"], _ENDPOINTS)
    if fault := strike("relative-endpoints"):
        changed |= {name: _relative(changed[name], fault) for name in _ENDPOINTS if name in changed}
    if fault := strike("lying-capabilities"):
        kept = [name for name in changed["capabilities"] if name not in fault["hides"]]
        changed["capabilities"] = [*kept, *(name for name in fault["adds"] if name not in kept)]
    if fault := strike("odd-configuration"):
        changed[fault["member"]] = fault["value"]
    return {name: value for name, value in changed.items() if value is not None}


def spoiled_openid(document: Document) -> Document:
    """Return openid-configuration; without jwks_uri under a fault that says it reaches here too."""
    gone = strike("no-jwks-uri-anywhere")
    return {name: value for name, value in document.items() if not (gone and name == "jwks_uri")}


def spoiled_metadata(statement: Document) -> Document:
    """Return the CapabilityStatement, narrower or lying when that is planned."""
    [whole] = statement["rest"]
    statement = {**statement, "rest": [{**whole, "resource": narrowed(whole["resource"])}]}
    fault = strike("lying-metadata")
    if fault is None:
        return statement
    rest = statement["rest"][0]
    resources = [_claimed(one) if one["type"] in fault["claims"] else one for one in rest["resource"]]
    shown = [one for one in rest["interaction"] if one["code"] not in fault["hides"]]
    return {**statement, "rest": [{**rest, "resource": resources, "interaction": shown}]}


def spoiled_keys(keys: list[Document]) -> list[Document]:
    """Return the published keys, none of them, or the right ones after a flood of others."""
    if strike("empty-key-set"):
        return []
    if fault := strike("key-set-flood"):
        return [*(_junk() for _ in range(int(fault["keys"]))), *keys]
    return keys


def _moved(document: Document, base: str, names: Any) -> Document:
    return {name: base + urlsplit(document[name]).path for name in names if name in document}


def _relative(address: str, fault: Fault) -> str:
    # The document stands two levels below the host: /fhir/.well-known/smart-configuration.
    path = urlsplit(address).path
    return path if fault["form"] == "path" else f"../..{path}"


def _claimed(resource: Document) -> Document:
    writes = [{"code": code} for code in ("create", "update")]
    return {**resource, "interaction": [*resource["interaction"], *writes], "conditionalCreate": True}


def _junk() -> Document:
    modulus = base64.urlsafe_b64encode(secrets.token_bytes(256)).rstrip(b"=").decode()
    return {"kty": "RSA", "use": "sig", "kid": secrets.token_hex(16), "n": modulus, "e": "AQAB"}
