"""Codes and tokens that turn out used, over, or worth less than was asked."""

import secrets
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office, bearer_of, redirected, shows


@shows("code-replay")
def test_a_code_may_count_as_used_before(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = office.exchange(office.code(verifier, launch=office.launched_with("code-replay")), verifier)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@shows("refresh-reuse")
def test_a_refresh_token_may_count_as_used_before_and_everything_ends(office: Office) -> None:
    token = office.faulty("refresh-reuse")
    assert office.call("GET", "/Patient", bearer_of(token)).status_code == 200
    assert office.refresh(token).json()["error"] == "invalid_grant"
    assert office.call("GET", "/Patient", bearer_of(token)).status_code == 401


@shows("no-refresh-rotation")
def test_a_refresh_token_may_stay_what_it_is(office: Office) -> None:
    token = office.faulty("no-refresh-rotation")
    for _ in range(3):
        answer = office.refresh(token)
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
        assert office.call("GET", "/Patient", bearer_of(answer.json())).status_code == 200


@shows("narrowed-scopes")
@pytest.mark.parametrize(
    ("options", "granted"),
    [
        ({}, "openid launch user/Task.rs user/*.read"),
        ({"scope": "openid user/Task.cruds"}, "openid user/Task.cruds user/Task.cruds"),
        ({"without": ["user/*.*"]}, "openid launch user/Task.cruds"),
    ],
)
def test_less_is_granted_than_was_asked(office: Office, options: dict[str, Any], granted: str) -> None:
    fault = {"name": "narrowed-scopes", **options}
    token = office.faulty(fault, scope="openid launch user/Task.cruds user/*.*")
    assert set(token["scope"].split()) == set(granted.split())


@pytest.mark.parametrize("form", ["user/*.cruds", "user/*.*"])
def test_narrowed_to_reading_means_that_writing_is_refused(office: Office, form: str) -> None:
    bearer = bearer_of(office.faulty("narrowed-scopes", scope=f"openid launch {form}"))
    goal = {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "Go to the choir"},
        "subject": {"reference": "Patient/pat-moss"},
    }
    assert office.call("POST", "/Goal", bearer, json=goal).status_code == 403
    assert office.call("GET", "/Goal", bearer).status_code == 200


@shows("expired-token", "revoked-token")
@pytest.mark.parametrize("name", ["expired-token", "revoked-token"])
def test_an_access_token_may_be_over_when_it_comes(office: Office, name: str) -> None:
    token = office.faulty({"name": name, "count": 1})
    answer = office.call("GET", "/Patient", bearer_of(token))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    renewed = office.refresh(token).json()
    assert office.call("GET", "/Patient", bearer_of(renewed)).status_code == 200


@shows("token-refused", "scope-refused")
@pytest.mark.parametrize(
    ("name", "status", "error"),
    [("token-refused", 401, "invalid_token"), ("scope-refused", 403, "insufficient_scope")],
)
def test_a_good_token_may_be_refused(office: Office, name: str, status: int, error: str) -> None:
    token = office.faulty({"name": name, "count": 1})
    answer = office.call("GET", "/Patient", bearer_of(token))
    assert answer.status_code == status
    assert error in answer.headers["WWW-Authenticate"]
    assert office.call("GET", "/Patient", bearer_of(token)).status_code == 200


@shows("token-error")
def test_the_token_endpoint_may_answer_with_an_error_and_use_up_nothing(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    fault = {"name": "token-error", "error": "server_error", "status": 500, "count": 1}
    code = office.code(verifier, launch=office.launched_with(fault))
    answer = office.exchange(code, verifier)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert office.exchange(code, verifier).status_code == 200


@shows("foreign-next-link", "other-patient-in-search")
def test_a_search_may_lead_astray(office: Office) -> None:
    bearer = bearer_of(office.faulty("foreign-next-link", "other-patient-in-search"))
    found = office.call("GET", "/Patient?_id=pat-lindqvist", bearer).json()
    links = {link["relation"]: link["url"] for link in found["link"]}
    assert links["next"] == "http://127.0.0.1:9/fhir/next"
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["pat-lindqvist", "pat-moss"]


def back(office: Office, *faults: Any) -> dict[str, str]:
    request = office.request(secrets.token_urlsafe(48), launch=office.launched_with(*faults))
    return redirected(office.authorize(request))


@shows("mixed-up-issuer", "no-issuer-parameter", "wrong-state", "missing-code")
def test_the_authorization_response_may_be_another_servers(office: Office) -> None:
    assert back(office, "mixed-up-issuer")["iss"] == "http://localhost:1/another-ehr"
    assert "iss" not in back(office, "no-issuer-parameter")
    assert back(office, "wrong-state")["state"] == "another-state"
    assert "state" not in back(office, {"name": "wrong-state", "value": None})
    assert set(back(office, "missing-code")) == {"state", "iss"}


@shows("error-redirect")
def test_the_browser_may_come_back_with_an_error(office: Office) -> None:
    found = back(office, {"name": "error-redirect", "error": "temporarily_unavailable", "description": "<b>"})
    assert (found["error"], found["error_description"]) == ("temporarily_unavailable", "<b>")
    assert "code" not in found
    both = back(office, {"name": "error-redirect", "with_code": True, "uri": "https://elsewhere.example/"})
    assert {"error", "code", "error_uri"} <= set(both)


@shows("code-twice")
def test_the_browser_may_come_back_with_two_codes(office: Office) -> None:
    launch = office.launched_with("code-twice")
    answer = office.authorize(office.request(secrets.token_urlsafe(48), launch=launch))
    assert answer.headers["Location"].count("code=") == 2
