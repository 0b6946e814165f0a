"""What a narrower EHR looks like: types that it does not serve, searches that it does not know."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office, shows

GOAL = {
    "resourceType": "Goal",
    "identifier": [{"system": "https://a.example/goal", "value": "1"}],
    "lifecycleStatus": "active",
    "description": {"text": "Walk again"},
    "subject": {"reference": "Patient/pat-moss"},
}
CONDITION = "identifier=https%3A%2F%2Fa.example%2Fgoal%7C1"


@pytest.fixture
def bearer(office: Office) -> Iterator[dict[str, str]]:
    yield office.bearer()
    office.delete("/_faults")


def declared(office: Office, resource_type: str) -> set[str] | None:
    rest = office.get("/fhir/metadata").json()["rest"][0]
    found = next((one for one in rest["resource"] if one["type"] == resource_type), None)
    return None if found is None else {one["name"] for one in found["searchParam"]}


def bundle(resource: dict[str, Any], **asked: str) -> dict[str, Any]:
    entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **asked}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


@shows("unsearched")
def test_a_search_parameter_may_be_unknown_to_declaration_search_and_condition(
    office: Office, bearer: dict[str, str]
) -> None:
    assert "identifier" in (declared(office, "Goal") or ())
    office.plan("unsearched", count=None)
    assert "identifier" not in (declared(office, "Goal") or ())
    assert "identifier" in (declared(office, "CarePlan") or ())
    assert office.call("GET", f"/Goal?{CONDITION}", bearer).status_code == 400
    headers = {"If-None-Exist": CONDITION}
    assert office.call("POST", "/Goal", bearer, json=GOAL, headers=headers).status_code == 400
    assert office.call("POST", "", bearer, json=bundle(GOAL, ifNoneExist=CONDITION)).status_code == 400
    assert office.call("POST", "", bearer, json=bundle(GOAL)).status_code == 200
    assert office.call("GET", "/Goal?patient=pat-moss", bearer).json()["entry"]


@shows("unserved")
def test_a_type_may_be_unknown_to_declaration_and_doors(office: Office, bearer: dict[str, str]) -> None:
    office.plan("unserved", count=None, types=["Goal"])
    assert declared(office, "Goal") is None
    assert office.call("POST", "/Goal", bearer, json=GOAL).status_code == 404
    assert office.call("GET", "/Goal?patient=pat-moss", bearer).status_code == 404
    assert office.call("POST", "", bearer, json=bundle(GOAL)).status_code == 404
