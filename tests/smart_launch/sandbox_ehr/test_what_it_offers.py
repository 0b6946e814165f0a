"""What the EHR says of itself is complete and true, and follows its configuration."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock, Keys, Office

REQUIRED = {
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "grant_types_supported",
    "scopes_supported",
    "response_types_supported",
    "management_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "capabilities",
    "code_challenge_methods_supported",
    "authorization_response_iss_parameter_supported",
}


@pytest.fixture
def configured(clients: tuple[Client, ...], tmp_path: Path) -> Config:
    return Config("", str(tmp_path / "ehr.sqlite3"), clients, Clock(), TODAY)


def test_smart_configuration_is_whole(office: Office) -> None:
    found = office.smart()
    assert set(found) >= REQUIRED
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == {"RS384", "ES384"}
    assert set(found["grant_types_supported"]) == {
        "authorization_code",
        "refresh_token",
        "client_credentials",
    }
    for name in ("launch-ehr", "launch-standalone", "context-style", "context-banner", "authorize-post"):
        assert name in found["capabilities"]
    assert requests.get(found["management_endpoint"], timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("versions", "granted"),
    [
        ({"v1"}, "launch user/Patient.read"),
        ({"v2"}, "launch user/Task.cruds"),
        ({"v1", "v2"}, "launch user/Patient.read user/Task.cruds"),
    ],
)
def test_scopes_of_a_version_that_is_not_offered_are_not_granted(
    configured: Config, keys: Keys, versions: set[str], granted: str
) -> None:
    config = replace(configured, permissions=frozenset(versions))
    with running(config) as base:
        office = Office(base, config.clock, keys)  # type: ignore[arg-type]  # the clock of the fixture
        stated = {one for one in office.smart()["capabilities"] if one.startswith("permission-v")}
        assert stated == {f"permission-{version}" for version in versions}
        token = office.sign_in(scope="launch user/Patient.read user/Task.cruds")
        assert token["scope"] == granted
        backend = office.backend("system/*.read system/*.rs").json()["scope"].split()
        assert {"system/*.read"} & set(backend) == ({"system/*.read"} if "v1" in versions else set())


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "ES256", "ES384"])
def test_id_tokens_are_signed_as_configured(configured: Config, keys: Keys, algorithm: str) -> None:
    config = replace(configured, id_token_algorithm=algorithm)
    with running(config) as base:
        office = Office(base, config.clock, keys)  # type: ignore[arg-type]  # the clock of the fixture
        openid = office.get("/.well-known/openid-configuration").json()
        assert openid["id_token_signing_alg_values_supported"] == [algorithm]
        published = KeySet.import_key_set(office.get("/auth/jwks").json())
        claims = jwt.decode(office.sign_in()["id_token"], published, algorithms=[algorithm]).claims
        assert {"iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "fhirUser", "at_hash"} <= set(claims)


def test_the_style_is_served_and_named_in_the_launch(office: Office) -> None:
    answer = requests.get(office.sign_in()["smart_style_url"], timeout=10)
    assert answer.json()["color_background"].startswith("#")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"


def test_without_a_style_none_is_named(configured: Config, keys: Keys) -> None:
    config = replace(configured, style=False)
    with running(config) as base:
        office = Office(base, config.clock, keys)  # type: ignore[arg-type]  # the clock of the fixture
        assert "context-style" not in office.smart()["capabilities"]
        assert "smart_style_url" not in office.sign_in()
        assert office.get("/style.json").status_code == 404


def test_people_see_which_apps_act_for_them_and_end_it(office: Office) -> None:
    token = office.sign_in(launch=office.launch(patient="pat-romero", client_id="public", user="chen"))
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    page = office.get("/manage").text
    assert "pat-romero" in page
    assert token["access_token"] not in page
    family = page.split("pat-romero")[1].split('name="family" value="')[1].split('"')[0]
    assert office.post("/manage", data={"family": family}).status_code == 200
    assert "pat-romero" not in office.get("/manage").text
    assert office.call("GET", "/Patient", bearer).status_code == 401


def context(office: Office, **asked: Any) -> dict[str, Any]:
    return office.sign_in(launch=office.launch(client_id="public", **asked))


def test_fhir_context_names_resources_in_every_way_of_the_guide(office: Office) -> None:
    items = [
        {"reference": "Encounter/enc-visit-70002", "type": "Encounter"},
        {
            "reference": "https://elsewhere.example/fhir/ImagingStudy/1",
            "role": "https://a.example/roles#prior",
        },
        {"canonical": "https://a.example/Questionnaire/1|2", "type": "Questionnaire"},
        {"identifier": {"system": "urn:example:visit", "value": "VISIT-70002"}, "type": "Encounter"},
    ]
    assert context(office, patient="pat-lindqvist", fhirContext=items)["fhirContext"] == items


@pytest.mark.parametrize("item", [7, {}, {"type": "Task"}, {"reference": "Task/1", "role": ""}, {"x": 1}])
def test_an_odd_fhir_context_is_left_to_the_fault(office: Office, item: Any) -> None:
    answer = office.post("/launches", json={"user": "rivera", "fhirContext": [item]})
    assert answer.status_code == 400
    assert "fhirContext" in answer.json()["error"]


def task(office: Office, code: str = "launch-app-ehr") -> str:
    smart = "http://hl7.org/fhir/smart-app-launch/CodeSystem/smart-codes"
    said = {"coding": [{"system": smart, "code": "smartonfhir-appcontext"}]}
    body = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "proposal",
        "code": {"coding": [{"system": smart, "code": code}]},
        "for": {"reference": "Patient/pat-lindqvist"},
        "encounter": {"reference": "Encounter/enc-visit-70002"},
        "input": [{"type": said, "valueString": '{"note": "draft"}'}],
    }
    made = office.call("POST", "/Task", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_a_task_asks_for_a_launch(office: Office) -> None:
    name = task(office)
    found = context(office, task=name, intent="record-contact")
    assert (found["patient"], found["encounter"]) == ("pat-lindqvist", "enc-visit-70002")
    assert found["fhirContext"] == [{"reference": f"Task/{name}", "type": "Task"}]
    assert (found["appContext"], found["intent"]) == ('{"note": "draft"}', "record-contact")


def test_another_task_asks_for_none(office: Office) -> None:
    for name in (task(office, "something-else"), "unknown"):
        assert office.post("/launches", json={"user": "rivera", "task": name}).status_code == 400


def test_the_banner_is_asked_for_as_the_launch_says(office: Office) -> None:
    assert context(office, patient="pat-moss", need_patient_banner=True)["need_patient_banner"] is True
