"""Faults of the wire, at each place where an app may meet them."""

import json
import secrets
from typing import Any

import pytest
import requests

from tests.smart_launch.sandbox_ehr.office import Office, bearer_of, shows

DOCUMENTS = {
    "configuration": "/fhir/.well-known/smart-configuration",
    "openid-configuration": "/.well-known/openid-configuration",
    "metadata": "/fhir/metadata",
    "keys": "/auth/jwks",
    "style": "/style.json",
}


def at_the_token_endpoint(office: Office, fault: Any) -> requests.Response:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier, launch=office.launched_with(fault))
    return office.exchange(code, verifier)


def unreadable(answer: requests.Response) -> bool:
    try:
        return not isinstance(answer.json(), dict)
    except (requests.JSONDecodeError, RecursionError):
        return True


@shows("html", "truncated-json", "list-instead-of-object", "deep-json")
@pytest.mark.parametrize("name", ["html", "truncated-json", "list-instead-of-object", "deep-json"])
@pytest.mark.parametrize("place", ["token", "fhir", "introspection", *DOCUMENTS])
def test_an_answer_may_be_no_readable_object(office: Office, name: str, place: str) -> None:
    fault = {"name": name, "at": place}
    if place == "token":
        answer = at_the_token_endpoint(office, fault)
    elif place == "fhir":
        answer = office.call("GET", "/Patient", bearer_of(office.faulty(fault)))
    elif place == "introspection":
        token = office.faulty(fault, scope="launch user/*.rs")["access_token"]
        answer = office.post("/auth/introspect", data={"token": token}, auth=("basic", "a-secret"))
    else:
        office.launched_with(fault)
        answer = office.get(DOCUMENTS[place])
    assert answer.status_code == 200
    assert unreadable(answer)


@shows("slow")
@pytest.mark.parametrize("place", ["token", "keys", "metadata"])
def test_an_answer_may_come_too_late(office: Office, place: str) -> None:
    office.plan("slow", at=place, seconds=1)
    address = office.token_url if place == "token" else f"{office.base}{DOCUMENTS[place]}"
    with pytest.raises(requests.ReadTimeout):
        requests.request("POST" if place == "token" else "GET", address, timeout=0.2)
    assert office.sign_in()["token_type"] == "Bearer"


@shows("down")
def test_a_place_may_be_down(office: Office) -> None:
    answer = at_the_token_endpoint(office, {"name": "down", "at": "token"})
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    office.plan("down")
    answer = office.get("/fhir/metadata")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


@shows("redirect")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_endpoint_may_redirect(office: Office, status: int) -> None:
    verifier = secrets.token_urlsafe(48)
    fault = {"name": "redirect", "status": status, "to": "http://127.0.0.1:9/steal"}
    form = {"grant_type": "authorization_code", "client_id": "public"}
    form |= {"code": office.code(verifier, launch=office.launched_with(fault)), "code_verifier": verifier}
    answer = office.post("/auth/token", data=form, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (status, "http://127.0.0.1:9/steal")


@shows("no-answer")
def test_the_tokens_may_be_made_and_their_answer_lost(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier, launch=office.launched_with({"name": "no-answer", "count": 1}))
    with pytest.raises(requests.ConnectionError):
        office.exchange(code, verifier)
    assert office.exchange(code, verifier).json()["error"] == "invalid_grant"


@shows("duplicate-keys")
def test_a_member_may_stand_twice(office: Office) -> None:
    fault = {"name": "duplicate-keys", "key": "patient", "value": "pat-moss"}
    pairs = json.loads(at_the_token_endpoint(office, fault).content, object_pairs_hook=list)
    assert [value for name, value in pairs if name == "patient"] == ["pat-lindqvist", "pat-moss"]


@shows("huge-body")
def test_a_body_may_be_huge(office: Office) -> None:
    answer = at_the_token_endpoint(office, {"name": "huge-body", "megabytes": 3})
    assert len(answer.content) > 3_000_000
    assert answer.json()["patient"] == "pat-lindqvist"


@shows("wrong-content-type")
def test_right_json_may_be_labelled_as_a_page(office: Office) -> None:
    answer = at_the_token_endpoint(office, "wrong-content-type")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json()["token_type"] == "Bearer"
