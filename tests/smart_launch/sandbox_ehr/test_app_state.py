"""The state of apps: kept by version, for the patient or the user of the launch, behind its scopes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock, Keys, Office, bearer_of

SYSTEM = "http://127.0.0.1:9"
SCOPES = "launch user/Basic.cruds"


@pytest.fixture(scope="module")
def keeper(
    clients: tuple[Client, ...], keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    clock = Clock()
    file = tmp_path_factory.mktemp("state") / "ehr.sqlite3"
    with running(Config("", str(file), clients, clock, TODAY, app_state=True)) as base:
        yield Office(base, clock, keys)


def state(name: str, subject: str | None = None, /, **changes: Any) -> dict[str, Any]:
    basic = {
        "resourceType": "Basic",
        "code": {"coding": [{"system": SYSTEM, "code": name}]},
        "extension": [{"url": f"{SYSTEM}/preferences", "valueString": '{"view": "list"}'}],
    }
    return basic | ({"subject": {"reference": subject}} if subject else {}) | changes


def ask(keeper: Office, method: str, path: str = "", scope: str = SCOPES, **how: Any) -> requests.Response:
    launch = keeper.launch(patient="pat-lindqvist", client_id="public")
    headers = bearer_of(keeper.sign_in(launch=launch, scope=scope)) | how.pop("headers", {})
    if "json" in how:
        headers["Content-Type"] = "application/fhir+json"
    return requests.request(method, f"{keeper.base}/appstate/Basic{path}", headers=headers, timeout=20, **how)


def test_it_is_announced_only_where_it_is_offered(keeper: Office, office: Office) -> None:
    announced = keeper.smart()
    assert "smart-app-state" in announced["capabilities"]
    where = {"url": f"{keeper.base}/appstate", "capabilities": ["smart-app-state"]}
    assert announced["associated_endpoints"] == [where]
    assert "smart-app-state" not in office.smart()["capabilities"]
    assert "associated_endpoints" not in office.smart()
    assert ask(office, "GET", "?code=a|b&subject:missing=true").status_code == 404


@pytest.mark.parametrize("subject", ["Patient/pat-lindqvist", "Practitioner/prac-rivera", None])
def test_a_state_is_made_found_changed_and_deleted(keeper: Office, subject: str | None) -> None:
    whose = f"{keeper.fhir}/{subject}" if subject else None
    made = ask(keeper, "POST", json=state("walk", whose))
    assert made.status_code == 201, made.text
    kept, path = made.json(), f"/{made.json()['id']}"
    assert made.headers["ETag"] == f'W/"{kept["meta"]["versionId"]}"'
    query = {"code": f"{SYSTEM}|walk"} | ({"subject": whose} if whose else {"subject:missing": "true"})
    assert ask(keeper, "GET", params=query).json()["entry"][0]["resource"] == kept
    match = {"If-Match": made.headers["ETag"]}
    changed = ask(keeper, "PUT", path, json=kept | {"extension": []} | state("walk", whose), headers=match)
    assert changed.status_code == 200, changed.text
    assert ask(keeper, "PUT", path, json=kept, headers=match).status_code == 412
    assert ask(keeper, "DELETE", path, headers=match).status_code == 412
    match = {"If-Match": changed.headers["ETag"]}
    assert ask(keeper, "DELETE", path, headers=match).status_code == 204
    assert ask(keeper, "DELETE", path, headers=match).status_code == 412
    assert ask(keeper, "GET", params=query).json()["total"] == 0


def test_there_is_one_state_of_a_code_and_subject(keeper: Office) -> None:
    assert ask(keeper, "POST", json=state("once")).status_code == 201
    assert ask(keeper, "POST", json=state("once")).status_code == 409


def test_code_and_subject_never_change(keeper: Office) -> None:
    made = ask(keeper, "POST", json=state("fixed"))
    match, identity = {"If-Match": made.headers["ETag"]}, {"id": made.json()["id"]}
    for other in (state("other"), state("fixed", f"{keeper.fhir}/Patient/pat-lindqvist")):
        answer = ask(keeper, "PUT", f"/{identity['id']}", json=other | identity, headers=match)
        assert answer.status_code == 412


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"id": "mine"}, 400),
        ({"meta": {"versionId": "1"}}, 400),
        ({"resourceType": "Patient"}, 400),
        ({"code": {"coding": []}}, 422),
        ({"code": {"text": "preferences"}}, 422),
        ({"code": {"coding": [{"system": SYSTEM, "code": "a"}, {"system": SYSTEM, "code": "b"}]}}, 422),
        ({"extension": [{"url": SYSTEM, "valueInteger": 7}]}, 422),
        ({"subject": {"reference": "Patient/pat-lindqvist"}}, 422),
        ({"subject": {"reference": "https://elsewhere.example/fhir/Patient/1"}}, 422),
        ({"code": {"coding": [{"system": "https://another.example", "code": "a"}]}}, 403),
        ({"extension": [{"url": SYSTEM, "valueString": "x" * 263_000}]}, 413),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_no_state_of_the_app_is_refused(keeper: Office, changes: dict[str, Any], status: int) -> None:
    answer = ask(keeper, "POST", json=state("refused", **changes))
    assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize(
    ("scope", "subject", "status"),
    [
        ("launch user/Basic.rs", None, 403),
        ("launch user/Patient.cruds", None, 403),
        ("launch patient/Basic.cruds", None, 403),
        ("launch patient/Basic.cruds", "Patient/pat-lindqvist", 201),
        ("launch patient/Basic.cruds", "Practitioner/prac-rivera", 403),
        ("launch user/Basic.cruds", "Patient/pat-moss", 403),
        ("launch user/Basic.cruds", "Practitioner/prac-chen", 403),
        (f"launch user/Basic.c?code={SYSTEM}|scoped", "Practitioner/prac-rivera", 201),
        (f"launch user/Basic.c?code={SYSTEM}|another", None, 403),
    ],
)
def test_a_state_needs_its_scope_and_its_person(
    keeper: Office, scope: str, subject: str | None, status: int
) -> None:
    whose = f"{keeper.fhir}/{subject}" if subject else None
    assert ask(keeper, "POST", scope=scope, json=state("scoped", whose)).status_code == status


def test_a_call_without_a_token_or_a_version_is_refused(keeper: Office) -> None:
    address = f"{keeper.base}/appstate/Basic"
    assert requests.post(address, json=state("bare"), timeout=10).status_code == 401
    made = ask(keeper, "POST", json=state("unmatched")).json()
    assert ask(keeper, "PUT", f"/{made['id']}", json=made).status_code == 428
    assert ask(keeper, "DELETE", f"/{made['id']}").status_code == 428


@pytest.mark.parametrize("query", ["", "?code=a|b", "?subject:missing=true", "?code=a|b&subject=", "?_id=1"])
def test_a_search_names_code_and_subject(keeper: Office, query: str) -> None:
    assert ask(keeper, "GET", query).status_code == 400


def test_a_system_beyond_the_own_origin_is_registered(
    clients: tuple[Client, ...], keys: Keys, tmp_path: Path
) -> None:
    elsewhere = "https://companion.example"
    trusted = clients[0].model_copy(update={"state_systems": (elsewhere,)})
    clock = Clock()
    config = Config("", str(tmp_path / "ehr.sqlite3"), (trusted,), clock, TODAY, app_state=True)
    with running(replace(config)) as base:
        basic = state("shared", code={"coding": [{"system": elsewhere, "code": "shared"}]})
        assert ask(Office(base, clock, keys), "POST", json=basic).status_code == 201
