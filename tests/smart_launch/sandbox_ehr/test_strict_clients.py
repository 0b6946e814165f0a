"""How clients prove who they are, and what is refused for it."""

import secrets
from typing import Any

import pytest

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import ASSERTION, TODAY, Clock, Keys, Office, redirected

BASIC = ("basic", "a-secret")


@pytest.mark.parametrize("extra", [{"client_id": "basic"}, {"client_secret": "a-secret"}])
def test_who_authenticates_by_basic_sends_nothing_of_it_in_the_body(
    office: Office, extra: dict[str, str]
) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Encounter.rs"}
    assert office.post("/auth/token", data=form, auth=BASIC).status_code == 200
    answer = office.post("/auth/token", data=form | extra, auth=BASIC)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_lenient_registration_ignores_the_client_id_in_the_body(
    clients: tuple[Client, ...], keys: Keys, tmp_path: Any
) -> None:
    basic = next(one for one in clients if one.client_id == "basic")
    lenient = basic.model_copy(update={"client_id_in_body": "ignored"})
    clock = Clock()
    with running(Config("", str(tmp_path / "ehr.sqlite3"), (lenient,), clock, TODAY)) as base:
        form = {"grant_type": "client_credentials", "scope": "system/Encounter.rs", "client_id": "basic"}
        assert Office(base, clock, keys).post("/auth/token", data=form, auth=BASIC).status_code == 200


def test_a_secret_in_the_body_alone_is_refused(office: Office) -> None:
    form = {"grant_type": "client_credentials", "client_id": "basic", "client_secret": "a-secret"}
    assert office.post("/auth/token", data=form).json()["error"] == "invalid_client"


def test_a_secret_client_goes_through_the_whole_launch(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    request = office.request(verifier, client_id="basic", scope="openid")
    form = request | {"decision": "sign-in", "user": "rivera"}
    back = redirected(office.post("/auth/authorize", data=form, allow_redirects=False))
    asked = {"grant_type": "authorization_code", "code": back["code"], "code_verifier": verifier}
    asked["redirect_uri"] = request["redirect_uri"]
    wrong = office.post("/auth/token", data=asked, auth=("basic", "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert office.post("/auth/token", data=asked, auth=BASIC).status_code == 200


def test_a_refresh_token_of_another_client_is_refused(office: Office) -> None:
    token = office.sign_in()
    signed = office.assertion(iss="confidential", sub="confidential")
    proof = {"client_assertion_type": ASSERTION, "client_assertion": signed}
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    answer = office.post("/auth/token", data=form | proof)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert office.refresh(token).status_code == 200


def test_client_id_beside_an_assertion_names_the_same_client(office: Office) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", "client_assertion_type": ASSERTION}
    for client_id, status in (("backend", 200), ("public", 400)):
        proof = {"client_assertion": office.assertion(), "client_id": client_id}
        assert office.post("/auth/token", data=form | proof).status_code == status


def test_an_assertion_of_exactly_five_minutes_is_refused(office: Office) -> None:
    now = int(office.clock.now.timestamp())
    assert office.backend(assertion=office.assertion(exp=now + 301)).json()["error"] == "invalid_client"


@pytest.mark.parametrize("header", [{"jku": "https://elsewhere.example/jwks.json"}, {"typ": "at+jwt"}])
def test_an_odd_header_of_an_assertion_is_refused(office: Office, header: dict[str, str]) -> None:
    odd = office.assertion(header=header)
    assert office.backend(assertion=odd).json()["error"] == "invalid_client"


def test_authorization_by_post_carries_a_launch_too(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    launch = office.launch(patient="pat-lindqvist", client_id="public")
    answer = office.post(
        "/auth/authorize", data=office.request(verifier, launch=launch), allow_redirects=False
    )
    token = office.exchange(redirected(answer)["code"], verifier).json()
    assert token["patient"] == "pat-lindqvist"


def test_introspection_and_revocation_want_an_authenticated_client(office: Office) -> None:
    token = office.sign_in()["access_token"]
    for path in ("/auth/introspect", "/auth/revoke"):
        assert office.post(path, data={"token": token}).status_code == 401
        wrong = office.post(path, data={"token": token}, auth=("basic", "wrong"))
        assert wrong.status_code == 401
    assert office.post("/auth/introspect", data={"token": token, "client_id": "public"}).status_code == 401


def test_introspection_tells_the_context_of_the_launch(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier, client_id="confidential")

    def proof() -> dict[str, str]:
        signed = office.assertion(iss="confidential", sub="confidential")
        return {"client_assertion_type": ASSERTION, "client_assertion": signed}

    token = office.exchange(code, verifier, client_id=None, **proof()).json()
    form = {"token": token["access_token"], **proof()}
    found = office.post("/auth/introspect", data=form).json()
    assert found["active"] is True
    for name in ("patient", "encounter", "scope", "smart_style_url"):
        assert found[name] == token[name]
    assert found["fhirUser"].endswith("Practitioner/prac-rivera")
    office.post("/auth/revoke", data={"token": token["access_token"], **proof()})
    after = office.post("/auth/introspect", data={"token": token["access_token"], **proof()})
    assert after.json() == {"active": False}


def test_a_standalone_launch_may_choose_a_visit(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    request = office.request(verifier, scope="launch/patient launch/encounter patient/*.rs")
    page = office.authorize(request).text
    assert 'name="encounter"' in page
    form = request | {"decision": "sign-in", "user": "chen", "encounter": "enc-visit-70002"}
    mixed = office.post("/auth/authorize", data=form | {"patient": "pat-moss"}, allow_redirects=False)
    assert 'role="alert"' in mixed.text
    right = office.post("/auth/authorize", data=form | {"patient": "pat-lindqvist"}, allow_redirects=False)
    token = office.exchange(redirected(right)["code"], verifier).json()
    assert (token["patient"], token["encounter"]) == ("pat-lindqvist", "enc-visit-70002")
