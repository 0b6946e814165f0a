"""What goes over the wire, request by request, as SMART App Launch 2.2 words it for the client."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from smart_launch import reauthorize, token_care
from smart_launch.backend import backend_token
from smart_launch.discovery import discover
from smart_launch.issuers import Issuer
from smart_launch.keys import ASSERTION_TYPE, public_set
from smart_launch.launch import LaunchContext, LaunchRefused, PendingLaunch, begin, finish, refresh
from smart_launch.profile import EhrProfile
from tests.smart_launch.people import (
    NOW,
    claims,
    id_token,
    issuer_of,
    later,
    open_for_business,
    our_key,
    smart_configuration,
    token_answer,
)
from tests.smart_launch.scripted_ehr import Request, ScriptedEhr, reply

SMART = "/fhir/.well-known/smart-configuration"
OPENID = "/.well-known/openid-configuration"
TOKEN, INTROSPECT, REVOKE = "/auth/token", "/auth/introspect", "/auth/revoke"
FORM = "application/x-www-form-urlencoded"
SECRET = "a-secret_of.32~letters"
CLIENTS: dict[str, dict[str, Any]] = {
    "key": {"auth_method": "private_key_jwt"},
    "secret": {"auth_method": "client_secret_basic", "client_secret": SECRET},
    "public": {"auth_method": "none"},
}


def _open(ehr: ScriptedEhr, **changes: Any) -> None:
    offered = {"introspection_endpoint": f"{ehr.origin}{INTROSPECT}",
               "revocation_endpoint": f"{ehr.origin}{REVOKE}"}  # fmt: skip
    open_for_business(ehr, **{**offered, **changes})
    ehr.on("POST", INTROSPECT, reply({"active": True, "scope": "openid"}))
    ehr.on("POST", REVOKE, reply({}))


def _begun(
    ehr: ScriptedEhr, http: requests.Session, launch: str | None = "launch-1", **changes: Any
) -> tuple[Issuer, EhrProfile, PendingLaunch, dict[str, list[str]]]:
    issuer = issuer_of(ehr, **changes)
    profile = discover(http, issuer, NOW)
    pending, address = begin(issuer, profile, launch, NOW)
    return issuer, profile, pending, parse_qs(urlsplit(address).query)


def _finished(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile, pending: PendingLaunch
) -> LaunchContext:
    token = id_token(claims(ehr, pending.nonce))
    ehr.on("POST", TOKEN, reply(token_answer(id_token=token)))
    params = {"code": "code-1", "state": pending.state}
    return finish(http, issuer, profile, our_key(), pending, params, NOW)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_configuration_is_asked_for_below_the_fhir_base_as_json_and_with_no_token(
    ehr: ScriptedEhr, http: requests.Session, slash: str
) -> None:
    _open(ehr)
    discover(http, issuer_of(ehr, iss=ehr.fhir + slash), NOW)
    (asked,) = ehr.asked(SMART)
    assert (asked.method, asked.query, asked.body) == ("GET", "", b"")
    assert asked.headers["accept"] == "application/json"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("iss", "stated", "meant"),
    [
        ("/fhir", "/auth/token", "/auth/token"),
        ("/fhir", "auth/token", "/auth/token"),
        ("/fhir/", "auth/token", "/fhir/auth/token"),
        ("/fhir", "../token", "/token"),
        ("/r4/fhir", "oauth/token?tenant=a", "/r4/oauth/token?tenant=a"),
        ("/r4/fhir/", "../oauth/token", "/r4/oauth/token"),
    ],
)
def test_a_relative_endpoint_starts_at_the_fhir_base(
    ehr: ScriptedEhr, http: requests.Session, iss: str, stated: str, meant: str
) -> None:
    told = smart_configuration(ehr, token_endpoint=stated)
    base = iss.rstrip("/")
    ehr.on("GET", f"{base}/.well-known/smart-configuration", reply(told))
    profile = discover(http, issuer_of(ehr, iss=f"{ehr.origin}{iss}"), NOW)
    assert profile.token_endpoint == f"{ehr.origin}{meant}"


def test_every_way_to_the_sign_in_carries_a_state_of_its_own(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    _open(ehr)
    issuer = issuer_of(ehr)
    profile = discover(http, issuer, NOW)
    ways = [
        begin(issuer, profile, "launch-1", NOW),
        begin(issuer, profile, None, NOW),
        reauthorize.begin(issuer, profile, NOW),
    ]
    sent = [parse_qs(urlsplit(address).query)["state"] for _, address in ways]
    assert sent == [[pending.state] for pending, _ in ways]
    assert len({state for (state,) in sent}) == 3


def test_a_state_has_256_bits_of_which_each_may_be_either(ehr: ScriptedEhr, http: requests.Session) -> None:
    _open(ehr)
    issuer = issuer_of(ehr)
    profile = discover(http, issuer, NOW)
    states = [begin(issuer, profile, None, NOW)[0].state for _ in range(400)]
    numbers = [int.from_bytes(base64.urlsafe_b64decode(state + "="), "big") for state in states]
    assert len(set(states)) == 400
    for bit in range(256):
        assert {number >> bit & 1 for number in numbers} == {0, 1}, bit


@pytest.mark.parametrize("launch", ["launch-1", None])
@pytest.mark.parametrize("kind", CLIENTS)
def test_no_launch_asks_for_the_time_or_the_age_of_a_sign_in(
    ehr: ScriptedEhr, http: requests.Session, kind: str, launch: str | None
) -> None:
    """Only a programme that chose to sign in again at its EHR makes us ask for it."""
    _open(ehr)
    _, _, _, asked = _begun(ehr, http, launch, **CLIENTS[kind])
    assert not {"max_age", "claims", "auth_time", "prompt"} & asked.keys()


def test_who_signs_in_is_asked_for_with_both_scopes_and_read_from_the_verified_token(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    _open(ehr)
    issuer, profile, pending, asked = _begun(ehr, http)
    assert {"openid", "fhirUser"} <= set(asked["scope"][0].split())
    assert _finished(ehr, http, issuer, profile, pending).fhir_user == "Practitioner/prac-rivera"


def test_the_keys_are_found_from_the_issuer_by_its_openid_configuration(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    _open(ehr, jwks_uri=None)
    key = RSAKey.generate_key(2048, {"kid": "by-openid"})
    ehr.on("GET", OPENID, reply({"issuer": ehr.origin, "jwks_uri": f"{ehr.origin}/by-openid"}))
    ehr.on("GET", "/by-openid", reply({"keys": [key.as_dict(private=False)]}))
    issuer, profile, pending, _ = _begun(ehr, http)
    with pytest.raises(LaunchRefused, match="does not publish"):
        _finished(ehr, http, issuer, profile, pending)
    stated = claims(ehr, pending.nonce)
    token = jwt.encode({"alg": "RS256", "kid": "by-openid"}, stated, key, algorithms=["RS256"])
    ehr.on("POST", TOKEN, reply(token_answer(id_token=token)))
    params = {"code": "code-1", "state": pending.state}
    context = finish(http, issuer, profile, our_key(), pending, params, NOW)
    assert context.fhir_user == "Practitioner/prac-rivera"
    assert [one.path for one in ehr.requests].count(OPENID) == 1


def _code(http: requests.Session, ehr: ScriptedEhr, issuer: Issuer, profile: EhrProfile) -> None:
    pending, _ = begin(issuer, profile, "launch-1", NOW)
    _finished(ehr, http, issuer, profile, pending)


def _context(issuer: Issuer) -> LaunchContext:
    return LaunchContext(issuer.id, "at-1", "Bearer", later(300), "rt-1", ("openid", "user/Patient.rs"))


def _refresh(http: requests.Session, ehr: ScriptedEhr, issuer: Issuer, profile: EhrProfile) -> None:
    ehr.on("POST", TOKEN, reply(token_answer(patient=None)))
    refresh(http, issuer, profile, our_key(), _context(issuer), NOW)


def _introspect(http: requests.Session, ehr: ScriptedEhr, issuer: Issuer, profile: EhrProfile) -> None:
    assert token_care.introspect(http, issuer, profile, our_key(), "at-1", NOW)


def _revoke(http: requests.Session, ehr: ScriptedEhr, issuer: Issuer, profile: EhrProfile) -> None:
    assert token_care.revoke(http, issuer, profile, our_key(), "rt-1", "refresh_token", NOW)


Ask = Callable[[requests.Session, ScriptedEhr, Issuer, EhrProfile], None]
QUESTIONS: dict[str, tuple[Ask, str, dict[str, str]]] = {
    "code": (_code, TOKEN, {"grant_type": "authorization_code", "code": "code-1"}),
    "refresh": (_refresh, TOKEN, {"grant_type": "refresh_token", "refresh_token": "rt-1"}),
    "introspection": (_introspect, INTROSPECT, {"token": "at-1", "token_type_hint": "access_token"}),
    "revocation": (_revoke, REVOKE, {"token": "rt-1", "token_type_hint": "refresh_token"}),
}
OF_THE_CODE = {"redirect_uri", "code_verifier"}


def _asked(ehr: ScriptedEhr, http: requests.Session, question: str, kind: str) -> tuple[Request, EhrProfile]:
    _open(ehr)
    ask, path, _ = QUESTIONS[question]
    issuer = issuer_of(ehr, **CLIENTS[kind])
    profile = discover(http, issuer, NOW)
    ask(http, ehr, issuer, profile)
    (asked,) = ehr.asked(path)
    return asked, profile


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_about_a_token_is_a_posted_form_with_what_it_must_hold_and_no_more(
    ehr: ScriptedEhr, http: requests.Session, question: str, kind: str
) -> None:
    asked, _ = _asked(ehr, http, question, kind)
    proof = {"key": {"client_assertion", "client_assertion_type"}, "secret": set(), "public": {"client_id"}}
    must = QUESTIONS[question][2]
    assert (asked.method, asked.query) == ("POST", "")
    assert asked.headers["content-type"] == FORM
    assert must.items() <= asked.form.items()
    assert asked.form.keys() - must.keys() - proof[kind] == (OF_THE_CODE if question == "code" else set())


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_client_with_a_key_proves_itself_each_time_by_a_new_signed_assertion(
    ehr: ScriptedEhr, http: requests.Session, question: str
) -> None:
    asked, profile = _asked(ehr, http, question, "key")
    assert asked.form["client_assertion_type"] == ASSERTION_TYPE
    assert not {"client_id", "client_secret"} & asked.form.keys()
    assert "authorization" not in asked.headers
    keys = KeySet.import_key_set(public_set([our_key()]))  # type: ignore[arg-type]
    assertion = jwt.decode(asked.form["client_assertion"], keys, algorithms=["ES384"])
    assert assertion.header == {"alg": "ES384", "kid": our_key().kid, "typ": "JWT"}
    assert assertion.claims["iss"] == assertion.claims["sub"] == "peerchart"
    assert assertion.claims["aud"] == profile.token_endpoint
    assert isinstance(assertion.claims["exp"], int)
    assert 0 < assertion.claims["exp"] - NOW.timestamp() < 300


def test_no_assertion_is_sent_a_second_time(ehr: ScriptedEhr, http: requests.Session) -> None:
    _open(ehr)
    issuer = issuer_of(ehr)
    profile = discover(http, issuer, NOW)
    for ask in (_code, _refresh, _refresh, _introspect, _revoke):
        ask(http, ehr, issuer, profile)
    ehr.on("POST", TOKEN, reply({"access_token": "bt", "token_type": "bearer", "expires_in": 300}))
    backend_token(http, issuer, profile, our_key(), NOW)
    backend_token(http, issuer, profile, our_key(), NOW)
    assertions = [one.form["client_assertion"] for one in ehr.requests if one.method == "POST"]
    keys = KeySet.import_key_set(public_set([our_key()]))  # type: ignore[arg-type]
    jtis = [jwt.decode(text, keys, algorithms=["ES384"]).claims["jti"] for text in assertions]
    assert len(jtis) == len(set(jtis)) == 7


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_client_with_a_secret_proves_itself_each_time_by_basic(
    ehr: ScriptedEhr, http: requests.Session, question: str
) -> None:
    asked, _ = _asked(ehr, http, question, "secret")
    scheme, _, shown = asked.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(shown).decode()) == ("Basic", f"peerchart:{SECRET}")
    assert not {"client_id", "client_secret", "client_assertion"} & asked.form.keys()


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_public_client_names_itself_each_time_and_proves_nothing(
    ehr: ScriptedEhr, http: requests.Session, question: str
) -> None:
    asked, _ = _asked(ehr, http, question, "public")
    assert asked.form["client_id"] == "peerchart"
    assert not {"client_secret", "client_assertion"} & asked.form.keys()
    assert "authorization" not in asked.headers


def test_the_code_goes_back_with_the_redirect_address_it_was_asked_for(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    """Also when the registration was changed while the person signed in."""
    _open(ehr)
    issuer, profile, pending, asked = _begun(ehr, http)
    moved = replace(issuer, redirect_uri="http://127.0.0.1:5000/cb/elsewhere")
    _finished(ehr, http, moved, profile, pending)
    assert [ehr.asked(TOKEN)[0].form["redirect_uri"]] == asked["redirect_uri"] == [issuer.redirect_uri]


def test_the_backend_asks_by_a_posted_form_with_its_own_id_and_system_scopes(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    _open(ehr)
    ehr.on("POST", TOKEN, reply({"access_token": "bt", "token_type": "bearer", "expires_in": 300}))
    issuer = issuer_of(ehr, **CLIENTS["public"])
    profile = discover(http, issuer, NOW)
    backend_token(http, issuer, profile, our_key(), NOW)
    (asked,) = ehr.asked(TOKEN)
    assert asked.headers["content-type"] == FORM
    assert asked.form["grant_type"] == "client_credentials"
    assert asked.form["scope"] == "system/Encounter.crus"
    assert asked.form["client_assertion_type"] == ASSERTION_TYPE
    keys = KeySet.import_key_set(public_set([our_key()]))  # type: ignore[arg-type]
    shown = jwt.decode(asked.form["client_assertion"], keys, algorithms=["ES384"]).claims
    assert (shown["iss"], shown["sub"], shown["aud"]) == (
        "peerchart-backend", "peerchart-backend", profile.token_endpoint,
    )  # fmt: skip
