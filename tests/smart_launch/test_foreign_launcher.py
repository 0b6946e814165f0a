"""A launcher written by others is served by configuration alone: nothing here is set but a registration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from smart_launch.backend import backend_token
from smart_launch.discovery import discover
from smart_launch.fhir_client import FhirClient, NotAllowed
from smart_launch.issuers import Issuer, by_iss
from smart_launch.keys import Algorithm, ClientKey, new_client_key, public_set
from smart_launch.launch import LaunchContext, LaunchRefused, begin, finish, refresh
from smart_launch.registration import read_registration
from tests.smart_launch.foreign_launcher import App, Books, launcher, packed

BACK = "http://127.0.0.1:5000/cb/launcher"
SECRET = "a-secret_of.32~letters"
ASKED: dict[str, Any] = {"request_id": "req-1"}
# What an administrator writes down; iss and client come from the launcher's own page.
REGISTRATION = {
    "id": "launcher",
    "redirect_uri": BACK,
    "jurisdiction": "us-ny",
    "scopes": ["openid", "fhirUser", "launch", "launch/patient", "offline_access", "patient/Patient.rs"],
    "backend_client_id": "backend",
    "backend_scopes": ["system/Task.crus"],
}
KEYED = {"client_id": "keyed", "auth_method": "private_key_jwt"}
SYMMETRIC = {"client_id": "secret", "auth_method": "client_secret_basic", "client_secret": SECRET}
CLIENTS: dict[str, tuple[dict[str, str], Algorithm | None]] = {
    "public": ({"client_id": "public", "auth_method": "none"}, None),
    "secret": (SYMMETRIC, None),
    "ES384": (KEYED, "ES384"),
    "RS384": (KEYED, "RS384"),
}


@cache
def _key(alg: Algorithm) -> ClientKey:
    return new_client_key(alg)


@pytest.fixture(scope="module")
def standing() -> Iterator[tuple[str, Books]]:
    jwks = public_set([_key("ES384"), _key("RS384")])
    apps = (
        App("public", "none", BACK),
        App("secret", "client_secret_basic", BACK, SECRET),
        App("keyed", "private_key_jwt", BACK, jwks=jwks),
        App("backend", "private_key_jwt", jwks=jwks),
    )
    with launcher(*apps) as (origin, books):
        yield origin, books


def _issuer(iss: str, client: Mapping[str, str] = KEYED) -> Issuer:
    return read_registration(json.loads(json.dumps({**REGISTRATION, **client, "iss": iss})))


def _launched(
    http: requests.Session, issuer: Issuer, key: ClientKey | None, launch: str | None
) -> LaunchContext:
    now = datetime.now(UTC)
    profile = discover(http, issuer, now)
    pending, address = begin(issuer, profile, launch, now)
    back = requests.get(address, timeout=5, allow_redirects=False)
    assert back.headers["Location"].startswith(f"{BACK}?"), back.text
    params = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    return finish(http, issuer, profile, key, pending, params, datetime.now(UTC))


def _renewed(
    http: requests.Session, issuer: Issuer, key: ClientKey | None, context: LaunchContext
) -> LaunchContext:
    now = datetime.now(UTC)
    return refresh(http, issuer, discover(http, issuer, now), key, context, now)


def _fhir(http: requests.Session, issuer: Issuer, token: str) -> FhirClient:
    return FhirClient(http, issuer.base, lambda: token)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_launch_from_its_chart_opens_for_each_kind_of_client_and_is_renewed(
    standing: tuple[str, Books], http: requests.Session, kind: str
) -> None:
    client, alg = CLIENTS[kind]
    key = _key(alg) if alg else None
    issuer = _issuer(f"{standing[0]}/v/r4/fhir", client)
    context = _launched(http, issuer, key, packed("pat-1", "doc-1", "enc-1"))
    assert (context.patient, context.encounter) == ("pat-1", "enc-1")
    assert context.fhir_user == "Practitioner/doc-1"
    assert context.missing_scopes(issuer.scopes) == ()
    assert context.smart_style_url == f"{standing[0]}/smart-style.json"
    again = _renewed(http, issuer, key, context)
    assert again.access_token != context.access_token
    assert again.refresh_token not in (None, context.refresh_token)
    assert (again.patient, again.fhir_user) == (context.patient, context.fhir_user)
    assert _fhir(http, issuer, again.access_token).read("Patient/pat-1", **ASKED).status == 200
    with pytest.raises(LaunchRefused, match="has ended"):
        _renewed(http, issuer, key, context)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_standalone_launch_works_at_an_address_that_carries_the_settings(
    standing: tuple[str, Books], http: requests.Session, kind: str
) -> None:
    client, alg = CLIENTS[kind]
    key = _key(alg) if alg else None
    issuer = _issuer(f"{standing[0]}/v/r4/sim/{packed('pat-2', 'doc-2')}/fhir", client)
    context = _launched(http, issuer, key, None)
    assert (context.patient, context.encounter) == ("pat-2", None)
    assert context.fhir_user == "Practitioner/doc-2"
    assert _renewed(http, issuer, key, context).patient == "pat-2"


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_the_installation_gets_a_token_of_its_own_there(
    standing: tuple[str, Books], http: requests.Session, alg: Algorithm
) -> None:
    issuer, now = _issuer(f"{standing[0]}/v/r4/sim/{packed()}/fhir"), datetime.now(UTC)
    token = backend_token(http, issuer, discover(http, issuer, now), _key(alg), now)
    assert token.scope == ("system/Task.crus",)
    assert _fhir(http, issuer, token.access_token).read("Task/t-1", **ASKED).status == 200


def test_its_two_addresses_are_two_registrations(standing: tuple[str, Books]) -> None:
    chart = _issuer(f"{standing[0]}/v/r4/fhir")
    alone = _issuer(f"{standing[0]}/v/r4/sim/{packed('pat-2', 'doc-2')}/fhir")
    assert by_iss([chart, alone], chart.iss) is chart
    assert by_iss([chart, alone], alone.iss + "/") is alone


@pytest.mark.parametrize("kind", CLIENTS)
def test_what_it_is_sent_is_the_flow_of_the_guide_and_nothing_else(
    standing: tuple[str, Books], http: requests.Session, kind: str
) -> None:
    client, alg = CLIENTS[kind]
    key = _key(alg) if alg else None
    origin, books = standing
    books.asked.clear()
    _launched(http, _issuer(f"{origin}/v/r4/fhir", client), key, packed("pat-1", "doc-1"))
    assert [(method, path) for method, path, _ in books.asked] == [
        ("GET", "/v/r4/fhir/metadata"),
        ("GET", "/v/r4/fhir/.well-known/smart-configuration"),
        ("GET", "/v/r4/auth/authorize"),
        ("POST", "/v/r4/auth/token"),
        ("GET", "/keys"),
    ]
    form = books.asked[3][2]
    assert {"grant_type", "code", "redirect_uri", "code_verifier"} <= form.keys()
    assert ("client_id" in form, "client_assertion" in form) == (kind == "public", alg is not None)


@pytest.mark.parametrize("kind", ["public", "secret", "ES384"])
def test_the_launcher_does_refuse_what_is_not_right(
    standing: tuple[str, Books], http: requests.Session, kind: str
) -> None:
    """So that passing it means something: a proof of another launch, and a token that nobody gave."""
    client, alg = CLIENTS[kind]
    issuer = _issuer(f"{standing[0]}/v/r4/fhir", client)
    now = datetime.now(UTC)
    profile = discover(http, issuer, now)
    _, address = begin(issuer, profile, packed("pat-1", "doc-1"), now)
    back = requests.get(address, timeout=5, allow_redirects=False)
    params = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    other, _ = begin(issuer, profile, packed("pat-1", "doc-1"), now)
    swapped = {**params, "state": other.state}
    with pytest.raises(LaunchRefused):
        finish(http, issuer, profile, new_client_key() if alg else None, other, swapped, datetime.now(UTC))
    with pytest.raises(NotAllowed):
        _fhir(http, issuer, "nobody-gave-this").read("Patient/pat-1", **ASKED)
