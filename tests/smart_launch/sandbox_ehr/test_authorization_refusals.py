"""What the authorization server must refuse, each refusal a row."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import ASSERTION, Office, redirected


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "http://localhost:1/fhir"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"launch": "unknown", "scope": "user/*.rs"}, "invalid_request"),
        ({"launch": "unknown"}, "invalid_request"),
        ({"launch": ""}, "invalid_request"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "user/*.rs?category=x"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_a_wrong_request_is_sent_back_with_its_error(
    office: Office, changes: dict[str, Any], error: str
) -> None:
    answer = office.authorize(office.request(secrets.token_urlsafe(48), **changes))
    found = redirected(answer)
    assert found["error"] == error
    assert found.get("state") == (None if "state" in changes else "a-state")
    assert "code" not in found


def test_patient_scopes_fall_away_without_a_patient(office: Office) -> None:
    launch = office.launch(client_id="public")
    assert office.sign_in(launch=launch, scope="launch patient/*.rs")["scope"] == "launch"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "http://127.0.0.1:9/cb/sandbox/"},
        {"redirect_uri": "http://127.0.0.1:9/cb/sandbox?x=1"},
        {"redirect_uri": "https://evil.example/cb"},
    ],
)
def test_an_unknown_client_or_address_gets_a_page_and_no_redirect(
    office: Office, changes: dict[str, Any]
) -> None:
    answer = office.authorize(office.request(secrets.token_urlsafe(48), **changes))
    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert "refused" in answer.text


def test_a_parameter_that_comes_twice_is_refused(office: Office) -> None:
    parameters = office.request(secrets.token_urlsafe(48))
    answer = office.authorize({**parameters, "aud": [office.fhir, office.fhir]})
    assert redirected(answer)["error"] == "invalid_request"
    assert office.authorize({**parameters, "state": ["a", "b"]}).status_code == 400


def test_an_ehr_launch_needs_the_scope_launch(office: Office) -> None:
    launch = office.launch(patient="pat-moss", client_id="public")
    for scope in ("user/*.rs", "launch/patient user/*.rs"):
        answer = office.authorize(office.request(secrets.token_urlsafe(48), launch=launch, scope=scope))
        assert redirected(answer)["error"] == "invalid_scope"
    right = office.request(secrets.token_urlsafe(48), launch=launch, scope="launch user/*.rs")
    assert "code" in redirected(office.authorize(right))


def test_a_launch_is_used_once(office: Office) -> None:
    launch = office.launch(patient="pat-moss", client_id="public")
    parameters = office.request(secrets.token_urlsafe(48), launch=launch)
    assert "code" in redirected(office.authorize(parameters))
    assert redirected(office.authorize(parameters))["error"] == "invalid_request"


def test_a_launch_is_good_for_its_own_client_only(office: Office) -> None:
    launch = office.launch(patient="pat-moss", client_id="confidential")
    answer = office.authorize(office.request(secrets.token_urlsafe(48), launch=launch))
    assert redirected(answer)["error"] == "invalid_request"


def test_a_launch_expires(office: Office) -> None:
    launch = office.launch(patient="pat-moss", client_id="public")
    office.clock.forward(seconds=301)
    answer = office.authorize(office.request(secrets.token_urlsafe(48), launch=launch))
    assert redirected(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "x"}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:9/other"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"client_id": "confidential"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
    ],
)
def test_a_wrong_exchange_is_refused(office: Office, changes: dict[str, Any], error: str) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = office.exchange(office.code(verifier), verifier, **changes)
    assert (answer.status_code, answer.json()["error"]) in {(400, error), (401, error)}
    assert answer.headers["Content-Type"].startswith("application/json")


def test_a_code_that_comes_twice_is_refused_and_ends_its_tokens(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier)
    first = office.exchange(code, verifier).json()
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    assert office.call("GET", "/Patient/pat-moss", bearer).status_code == 200
    again = office.exchange(code, verifier)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert office.call("GET", "/Patient/pat-moss", bearer).status_code == 401
    refresh = {"grant_type": "refresh_token", "client_id": "public", "refresh_token": first["refresh_token"]}
    assert office.post("/auth/token", data=refresh).status_code == 400


def test_of_eight_exchanges_at_once_at_most_one_gets_a_token(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: office.exchange(code, verifier).status_code, range(8)))
    assert answers.count(200) == 1
    assert set(answers) == {200, 400}


def test_a_code_expires(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier)
    office.clock.forward(seconds=61)
    assert office.exchange(code, verifier).json()["error"] == "invalid_grant"


def test_a_code_of_another_client_is_refused(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier, client_id="confidential")
    assert office.exchange(code, verifier).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "public"},
        {"sub": "public"},
        {"sub": None},
        {"iss": None},
        {"aud": "http://localhost:1/auth/token"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"jti": None},
        {"kid": "unknown"},
    ],
)
def test_a_wrong_client_assertion_is_refused(office: Office, changes: dict[str, Any]) -> None:
    answer = office.backend(assertion=office.assertion(**changes))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_an_assertion_lives_at_most_five_minutes(office: Office) -> None:
    now = int(office.clock.now.timestamp())
    assert office.backend(assertion=office.assertion(exp=now + 299)).status_code == 200
    assert office.backend(assertion=office.assertion(exp=now + 302)).status_code == 400


def test_the_jti_of_an_assertion_is_used_once(office: Office) -> None:
    assertion = office.assertion()
    assert office.backend(assertion=assertion).status_code == 200
    assert office.backend(assertion=assertion).json()["error"] == "invalid_client"


def test_other_algorithms_and_keys_are_refused(office: Office) -> None:
    keys = office.keys
    wrong = [
        office.assertion(keys.es256, "ES256"),
        office.assertion(keys.rs384, "RS256"),
        office.assertion(keys.stranger, "ES384"),
        "not.a.token",
        "nonsense",
    ]
    for assertion in wrong:
        answer = office.backend(assertion=assertion)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("scope", ["user/*.rs", "openid", "", "launch", "nonsense", "patient/*.cruds"])
def test_a_backend_gets_nothing_but_system_scopes(office: Office, scope: str) -> None:
    answer = office.backend(scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_an_app_client_may_not_use_the_backend_grant(office: Office) -> None:
    signed = office.assertion(iss="confidential", sub="confidential")
    answer = office.backend(assertion=signed)
    assert answer.json()["error"] == "unauthorized_client"


def test_a_client_that_signs_may_not_come_with_its_id_alone(office: Office) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", "client_id": "backend"}
    assert office.post("/auth/token", data=form).json()["error"] == "invalid_client"
    form |= {"client_assertion_type": ASSERTION, "client_assertion": ""}
    assert office.post("/auth/token", data=form).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"user": "nobody"}, "rivera"),
        ({"user": "rivera", "patient": "pat-nobody"}, "pat-nobody"),
        ({"user": "rivera", "encounter": "enc-visit-70002"}, "patient"),
        ({"user": "rivera", "patient": "pat-moss", "encounter": "enc-visit-70002"}, "not one of"),
        ({"user": "rivera", "client_id": "backend"}, "launch_uri"),
        ({"user": "rivera", "surprise": 1}, "surprise"),
        ({"user": "rivera", "intent": 1}, "intent"),
        ([], "object"),
    ],
)
def test_an_impossible_launch_says_why(office: Office, asked: Any, text: str) -> None:
    answer = office.post("/launches", json=asked)
    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert office.post("/launches", data="{}").status_code == 400
