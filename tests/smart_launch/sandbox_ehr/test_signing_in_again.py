"""prompt=login and max_age=0: the EHR asks who is there, launch or not, and says when they signed in."""

import json
import secrets
from typing import Any

import pytest
from joserfc import jws

from tests.smart_launch.sandbox_ehr.office import Office, redirected

AGAIN = [{"prompt": "login"}, {"max_age": "0"}, {"prompt": "login", "max_age": "0"}]


def _signed_in(office: Office, asked: dict[str, Any], user: str = "rivera") -> Any:
    form = {**asked, "user": user, "decision": "sign-in"}
    return office.post("/auth/authorize", data=form, allow_redirects=False)


@pytest.mark.parametrize("again", AGAIN)
def test_a_launch_does_not_stand_for_a_fresh_sign_in(office: Office, again: dict[str, str]) -> None:
    launch = office.launch(client_id="public", patient="pat-moss")
    asked = office.request(secrets.token_urlsafe(48), launch=launch, **again)
    page = office.authorize(asked)
    assert page.status_code == 200
    assert "Sign in for" in page.text
    assert "code" in redirected(_signed_in(office, asked))


def test_nobody_else_signs_in_to_a_launch(office: Office) -> None:
    launch = office.launch(client_id="public", patient="pat-moss")
    asked = office.request(secrets.token_urlsafe(48), launch=launch, prompt="login")
    assert "Sign in for" in _signed_in(office, asked, "chen").text
    assert "code" in redirected(_signed_in(office, asked))


def test_a_fresh_sign_in_cannot_be_had_in_silence(office: Office) -> None:
    launch = office.launch(client_id="public")
    asked = office.request(secrets.token_urlsafe(48), launch=launch, prompt="none", max_age="0")
    assert redirected(office.authorize(asked))["error"] == "login_required"


def test_the_id_token_says_when_the_person_signed_in(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    asked = office.request(verifier, scope="openid fhirUser", prompt="login", max_age="0")
    assert office.authorize(asked).status_code == 200
    office.clock.forward(seconds=40)
    at = int(office.clock.now.timestamp())
    code = redirected(_signed_in(office, asked))["code"]
    answer = office.exchange(code, verifier).json()
    token = jws.extract_compact(answer["id_token"].encode())
    claims = json.loads(token.payload)
    assert claims["auth_time"] == at
    assert claims["fhirUser"].endswith("/Practitioner/prac-rivera")
    assert "patient" not in answer
