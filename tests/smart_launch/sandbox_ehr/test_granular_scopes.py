"""A scope with a query carries for what matches the query: in search, in read, in writing."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office, bearer_of

CATEGORY = "http://terminology.hl7.org/CodeSystem/goal-category"


def goal(category: str, patient: str = "pat-lindqvist") -> dict[str, Any]:
    return {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "description": {"text": f"A goal of {category}"},
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.fixture
def made(office: Office) -> Iterator[dict[str, str]]:
    """One goal of each category in one chart, and one in another; by name, deleted afterwards."""
    wanted = {
        "dietary": goal("dietary"),
        "safety": goal("safety"),
        "elsewhere": goal("dietary", "pat-moss"),
    }
    ids = {name: office.call("POST", "/Goal", json=one).json()["id"] for name, one in wanted.items()}
    yield ids
    for one in ids.values():
        office.call("DELETE", f"/Goal/{one}")


def bearer(office: Office, scope: str) -> dict[str, str]:
    launch = office.launch(patient="pat-lindqvist", client_id="public")
    token = office.sign_in(launch=launch, scope=f"launch {scope}")
    assert token["scope"] == f"launch {scope}"
    return bearer_of(token)


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ("patient/Goal.rs?category=dietary", {"dietary"}),
        (f"patient/Goal.rs?category={CATEGORY}|safety", {"safety"}),
        ("user/Goal.rs?category=dietary", {"dietary", "elsewhere"}),
        ("patient/Goal.rs?category=dietary patient/Goal.rs?category=safety", {"dietary", "safety"}),
        ("patient/Goal.rs?category=dietary patient/Goal.rs", {"dietary", "safety"}),
        ("patient/Goal.rs?category=dietary&lifecycle-status=proposed", set()),
        ("patient/Goal.rs user/Goal.rs?category=dietary", {"dietary", "safety", "elsewhere"}),
    ],
)
def test_search_and_read_show_what_the_query_matches(
    office: Office, made: dict[str, str], scope: str, seen: set[str]
) -> None:
    headers = bearer(office, scope)
    found = office.call("GET", "/Goal", headers).json()
    ids = {entry["resource"]["id"] for entry in found.get("entry", [])}
    assert ids & set(made.values()) == {made[name] for name in seen}
    assert found["total"] == len(ids)
    for name, one in made.items():
        for path in (f"/Goal/{one}", f"/Goal/{one}/_history/1"):
            assert office.call("GET", path, headers).status_code == (200 if name in seen else 403)


def test_a_search_cannot_widen_the_scope(office: Office, made: dict[str, str]) -> None:
    headers = bearer(office, "user/Goal.rs?category=dietary")
    for query in (
        "category=safety",
        f"_id={made['safety']}",
        "category=safety,dietary&subject=Patient/pat-moss",
    ):
        found = office.call("GET", f"/Goal?{query}", headers).json()
        assert made["safety"] not in {entry["resource"]["id"] for entry in found.get("entry", [])}


def test_only_what_matches_is_written(office: Office, made: dict[str, str]) -> None:
    headers = bearer(office, "patient/Goal.cu?category=dietary")
    assert office.call("POST", "/Goal", headers, json=goal("safety")).status_code == 403
    right = office.call("POST", "/Goal", headers, json=goal("dietary"))
    assert right.status_code == 201, right.text
    moved = goal("safety") | {"id": right.json()["id"]}
    match = {"If-Match": 'W/"1"'}
    path = f"/Goal/{right.json()['id']}"
    assert office.call("PUT", path, headers, json=moved, headers=match).status_code == 403
    theirs = goal("dietary") | {"id": made["safety"]}
    answer = office.call("PUT", f"/Goal/{made['safety']}", headers, json=theirs, headers=match)
    assert answer.status_code == 403
    office.call("DELETE", path)
