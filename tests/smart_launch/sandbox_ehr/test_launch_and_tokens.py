"""What an app gets: the launch, its tokens, their renewal and their end."""

import secrets
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.smart_launch.sandbox_ehr.office import ASSERTION, CALLBACK, Office, redirected


def verified(office: Office, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(office.get("/auth/jwks").json())
    return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)


def test_an_ehr_launch_answers_with_patient_visit_and_user(office: Office) -> None:
    answer = office.sign_in()
    assert (answer["patient"], answer["encounter"]) == ("pat-lindqvist", "enc-visit-70002")
    assert answer["need_patient_banner"] is False
    assert "fhirContext" not in answer
    claims = verified(office, answer["id_token"])
    assert claims["fhirUser"] == f"{office.fhir}/Practitioner/prac-rivera"
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (office.base, "public", "a-nonce")
    assert claims["exp"] > office.clock.now.timestamp()


def test_the_authorization_response_names_its_issuer(office: Office) -> None:
    launch = office.launch(patient="pat-moss", client_id="public")
    answer = office.authorize(office.request(secrets.token_urlsafe(48), launch=launch))
    assert redirected(answer)["iss"] == office.base


def test_a_launch_without_a_patient_grants_no_patient_scopes(office: Office) -> None:
    answer = office.sign_in(launch=office.launch(client_id="public"))
    assert "patient" not in answer
    assert "need_patient_banner" not in answer
    assert "patient/" not in answer["scope"]
    assert "user/*.cruds" in answer["scope"]


def test_further_context_is_passed_on_when_the_launch_carries_it(office: Office) -> None:
    context = [{"reference": "Task/1"}]
    launch = office.launch(
        patient="pat-moss", client_id="public", fhirContext=context, intent="note", tenant="north"
    )
    answer = office.sign_in(launch=launch)
    assert (answer["fhirContext"], answer["intent"], answer["tenant"]) == (context, "note", "north")


def test_no_id_token_without_openid_and_no_fhir_user_without_its_scope(office: Office) -> None:
    assert "id_token" not in office.sign_in(scope="launch user/*.rs")
    claims = verified(office, office.sign_in(scope="openid launch user/*.rs")["id_token"])
    assert "fhirUser" not in claims


@pytest.mark.parametrize(("key", "alg"), [("es384", "ES384"), ("rs384", "RS384")])
def test_a_confidential_client_signs_with_es384_or_rs384(office: Office, key: str, alg: str) -> None:
    verifier = secrets.token_urlsafe(48)
    code = office.code(verifier, client_id="confidential")
    signed = office.assertion(getattr(office.keys, key), alg, iss="confidential", sub="confidential")
    answer = office.exchange(
        code, verifier, client_id=None, client_assertion_type=ASSERTION, client_assertion=signed
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refresh_token_is_rotated_and_its_reuse_ends_the_whole_family(office: Office) -> None:
    first = office.sign_in()
    form = {"grant_type": "refresh_token", "client_id": "public", "refresh_token": first["refresh_token"]}
    second = office.post("/auth/token", data=form)
    assert second.status_code == 200, second.text
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert second.json()["patient"] == "pat-lindqvist"
    bearer = {"Authorization": f"Bearer {second.json()['access_token']}"}
    assert office.call("GET", "/Patient/pat-moss", bearer).status_code == 200
    again = office.post("/auth/token", data=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert office.call("GET", "/Patient/pat-moss", bearer).status_code == 401


def test_a_refresh_may_narrow_the_scopes_and_never_widen_them(office: Office) -> None:
    first = office.sign_in(scope="launch offline_access user/Patient.rs user/Encounter.rs")
    form = {"grant_type": "refresh_token", "client_id": "public", "refresh_token": first["refresh_token"]}
    wider = office.post("/auth/token", data=form | {"scope": "user/*.cruds"})
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")
    narrower = office.post("/auth/token", data=form | {"scope": "user/Patient.rs"}).json()
    assert narrower["scope"] == "user/Patient.rs"
    form["refresh_token"] = narrower["refresh_token"]
    assert "user/Encounter.rs" in office.post("/auth/token", data=form).json()["scope"]


def test_without_offline_or_online_access_there_is_no_refresh_token(office: Office) -> None:
    assert "refresh_token" not in office.sign_in(scope="launch user/*.rs")
    assert "refresh_token" in office.sign_in(scope="launch user/*.rs online_access")


def test_a_backend_gets_system_scopes_and_no_refresh_token(office: Office) -> None:
    answer = office.backend("system/Encounter.cruds system/Patient.rs").json()
    assert answer["scope"] == "system/Encounter.cruds system/Patient.rs"
    assert answer["expires_in"] == 300
    assert "refresh_token" not in answer


def test_a_client_with_a_secret_authenticates_by_basic(office: Office) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Encounter.rs"}
    assert office.post("/auth/token", data=form, auth=("basic", "a-secret")).status_code == 200
    wrong = office.post("/auth/token", data=form, auth=("basic", "other"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_granted_is_what_was_requested_and_registered(office: Office) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.cruds"}
    answer = office.post("/auth/token", data=form, auth=("basic", "a-secret")).json()
    assert answer["scope"] == "system/Encounter.rs"


def test_introspection_answers_only_the_client_the_token_was_given_to(office: Office) -> None:
    token = office.backend().json()["access_token"]

    def asked(**form: Any) -> dict[str, Any]:
        found: dict[str, Any] = office.post("/auth/introspect", data={"token": token}, **form).json()
        return found

    assert asked(auth=("basic", "a-secret")) == {"active": False}
    form = {"token": token, "client_assertion_type": ASSERTION, "client_assertion": office.assertion()}
    mine = office.post("/auth/introspect", data=form).json()
    assert (mine["active"], mine["client_id"], mine["scope"]) == (True, "backend", "system/*.cruds")
    assert office.post("/auth/introspect", data={"token": token}).status_code in (400, 401)


def test_a_revoked_token_is_refused_at_once(office: Office) -> None:
    answer = office.sign_in()
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    form = {"client_id": "public", "token": answer["refresh_token"]}
    assert office.post("/auth/revoke", data=form).status_code == 200
    assert office.call("GET", "/Patient/pat-moss", bearer).status_code == 401


def test_an_expired_token_is_refused(office: Office) -> None:
    bearer = office.bearer()
    office.clock.forward(seconds=301)
    answer = office.call("GET", "/Patient/pat-moss", bearer)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_standalone_launch_asks_who_signs_in_and_for_whom(office: Office) -> None:
    verifier = secrets.token_urlsafe(48)
    parameters = office.request(verifier, scope="openid fhirUser launch/patient patient/*.rs")
    page = office.authorize(parameters)
    assert page.status_code == 200
    assert "Maja Lindqvist" in page.text
    form = parameters | {"decision": "sign-in", "user": "chen", "patient": "pat-farrell"}
    answer = office.post("/auth/authorize", data=form, allow_redirects=False)
    token = office.exchange(redirected(answer)["code"], verifier).json()
    assert (token["patient"], token["need_patient_banner"]) == ("pat-farrell", True)
    assert verified(office, token["id_token"])["sub"] == "chen"


@pytest.mark.parametrize("chosen", [{"user": "nobody", "patient": "pat-moss"}, {"user": "chen"}])
def test_a_standalone_launch_needs_a_known_user_and_patient(office: Office, chosen: dict[str, str]) -> None:
    parameters = office.request(secrets.token_urlsafe(48), scope="launch/patient patient/*.rs")
    answer = office.post("/auth/authorize", data=parameters | {"decision": "sign-in"} | chosen)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text


def test_who_cancels_is_sent_back_with_access_denied(office: Office) -> None:
    parameters = office.request(secrets.token_urlsafe(48), scope="launch/patient patient/*.rs")
    form = parameters | {"decision": "cancel"}
    answer = office.post("/auth/authorize", data=form, allow_redirects=False)
    assert redirected(answer)["error"] == "access_denied"


def test_the_discovery_documents_agree_with_each_other_and_are_open(office: Office) -> None:
    smart = office.get("/fhir/.well-known/smart-configuration").json()
    openid = office.get("/.well-known/openid-configuration").json()
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert smart[name] == openid[name]
        assert requests.get(smart["jwks_uri"], timeout=10).status_code == 200
    metadata = office.get("/fhir/metadata").json()
    rest = metadata["rest"][0]
    assert {one["code"] for one in rest["interaction"]} == {"batch", "transaction"}
    uris = {one["url"]: one["valueUri"] for one in rest["security"]["extension"][0]["extension"]}
    assert uris["token"] == smart["token_endpoint"]
    assert uris["authorize"] == smart["authorization_endpoint"]
    assert CALLBACK not in str(metadata)
