"""Scopes are narrowed to what is registered, and asked at every call."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.sandbox_ehr.scopes import narrow, read_scope
from tests.smart_launch.sandbox_ehr.office import Office


@pytest.mark.parametrize(
    ("requested", "registered", "granted"),
    [
        ("user/*.cruds", "user/*.cruds", "user/*.cruds"),
        ("user/*.cruds", "user/*.rs", "user/*.rs"),
        ("user/*.read", "user/*.cruds", "user/*.read"),
        ("user/*.*", "user/*.rs", "user/*.rs"),
        ("user/*.rs", "user/Patient.rs user/Task.r", "user/Patient.rs user/Task.r"),
        ("user/Task.write", "user/*.cruds", "user/Task.write"),
        ("patient/Task.rs", "user/*.cruds", ""),
        ("user/Task.sr", "user/*.cruds", ""),
        ("user/Task.", "user/*.cruds", ""),
        ("openid fhirUser", "openid", "openid"),
        ("user/Goal.rs?category=x", "user/*.cruds", "user/Goal.rs?category=x"),
        ("user/Goal.rs", "user/Goal.rs?category=x", "user/Goal.rs?category=x"),
        ("user/Goal.rs?category=x", "user/Goal.rs?category=y", ""),
        ("user/Goal.rs?category=x", "user/Goal.cruds?category=x", "user/Goal.rs?category=x"),
        ("user/Goal.read?category=x", "user/*.cruds", ""),
        ("user/Goal.rs?unheard-of=x", "user/*.cruds", ""),
        ("user/Goal.rs?category=", "user/*.cruds", ""),
        ("user/*.rs?category=x", "user/*.cruds", ""),
        ("nonsense", "nonsense", ""),
    ],
)
def test_granted_is_requested_and_registered(requested: str, registered: str, granted: str) -> None:
    assert " ".join(narrow(requested.split(), registered.split())) == granted


scopes = st.builds(
    "{}/{}.{}".format,
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Patient", "Task"]),
    st.sampled_from(["read", "write", "*", "rs", "cruds", "c", "ud"]),
)


@given(st.lists(scopes, max_size=5), st.lists(scopes, max_size=5))
def test_nothing_is_granted_that_was_not_both_requested_and_registered(
    requested: list[str], registered: list[str]
) -> None:
    for granted in map(read_scope, narrow(requested, registered)):
        assert granted is not None
        for side in (requested, registered):
            for action in granted.actions:
                assert any(
                    scope.context == granted.context
                    and scope.type in ("*", granted.type)
                    and action in scope.actions
                    for scope in map(read_scope, side)
                    if scope
                )


_CALLS: dict[str, tuple[str, str]] = {
    "read": ("GET", "/Encounter/enc-visit-70002"),
    "vread": ("GET", "/Encounter/enc-visit-70002/_history/1"),
    "history": ("GET", "/Encounter/enc-visit-70002/_history"),
    "search": ("GET", "/Encounter?patient=pat-moss"),
    "create": ("POST", "/Encounter"),
    "update": ("PUT", "/Encounter/enc-visit-70002"),
    "delete": ("DELETE", "/Encounter/enc-visit-70002"),
}


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("system/Encounter.r", {"read", "vread", "history"}),
        ("system/Encounter.s", {"search"}),
        ("system/*.read", {"read", "vread", "history", "search"}),
        ("system/Encounter.c", {"create"}),
        ("system/Encounter.u", {"update"}),
        ("system/Encounter.d", {"delete"}),
        ("system/Encounter.write", {"create", "update", "delete"}),
        ("system/Task.cruds", set()),
    ],
)
@pytest.mark.parametrize("kind", list(_CALLS))
def test_each_call_needs_its_scope(
    office: Office, encounter: dict[str, Any], scope: str, allowed: set[str], kind: str
) -> None:
    method, path = _CALLS[kind]
    how: dict[str, Any] = {"json": encounter} if kind == "create" else {}
    if kind in ("update", "delete"):
        # A version that is not the latest: nothing changes, and 412 says that the scope was enough.
        how = {"headers": {"If-Match": 'W/"999"'}}
        how |= {"json": encounter | {"id": "enc-visit-70002"}} if kind == "update" else {}
    answer = office.call(method, path, office.bearer(scope), **how)
    expected = {"create": 201, "update": 412, "delete": 412}.get(kind, 200) if kind in allowed else 403
    assert answer.status_code == expected, answer.text
    if expected == 403:
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
        assert answer.json()["resourceType"] == "OperationOutcome"


def patient_bearer(office: Office, patient: str = "pat-lindqvist", scope: str = "patient/*.cruds") -> Any:
    launch = office.launch(patient=patient, client_id="public")
    token = office.sign_in(launch=launch, scope=f"launch {scope}")
    return {"Authorization": f"Bearer {token['access_token']}"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Patient/pat-lindqvist", 200),
        ("/Patient/pat-moss", 403),
        ("/Encounter/enc-visit-70002", 200),
        ("/Encounter/enc-visit-70012", 403),
        ("/Encounter/enc-visit-70012/_history", 403),
        ("/Encounter/enc-visit-70012/_history/1", 403),
        ("/Practitioner/prac-rivera", 200),
        ("/Coverage/cov-70002-1", 200),
        ("/Coverage/cov-70001-1", 403),
    ],
)
def test_a_patient_scope_reads_that_record_only(office: Office, path: str, status: int) -> None:
    assert office.call("GET", path, patient_bearer(office)).status_code == status


def test_a_patient_scope_finds_that_record_only(office: Office) -> None:
    bearer = patient_bearer(office)
    found = office.call("GET", "/Patient", bearer).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["pat-lindqvist"]
    assert office.call("GET", "/Encounter?patient=pat-romero", bearer).json()["total"] == 0
    assert office.call("GET", "/Practitioner", bearer).json()["total"] == 7


def test_a_patient_scope_writes_in_that_record_only(office: Office, encounter: dict[str, Any]) -> None:
    bearer = patient_bearer(office)
    assert office.call("POST", "/Encounter", bearer, json=encounter).status_code == 403
    mine = encounter | {"subject": {"reference": "Patient/pat-lindqvist"}}
    made = office.call("POST", "/Encounter", bearer, json=mine)
    assert made.status_code == 201, made.text
    moved = made.json() | {"subject": {"reference": "Patient/pat-moss"}}
    path = f"/Encounter/{moved['id']}"
    answer = office.call("PUT", path, bearer, json=moved, headers={"If-Match": 'W/"1"'})
    assert answer.status_code == 403


def test_an_include_shows_nothing_beyond_the_scopes(office: Office) -> None:
    bearer = patient_bearer(office, scope="patient/Encounter.rs")
    found = office.call("GET", "/Encounter?_include=Encounter:subject", bearer).json()
    assert {entry["search"]["mode"] for entry in found["entry"]} == {"match"}
    bearer = patient_bearer(office)
    found = office.call("GET", "/Encounter?_include=Encounter:subject", bearer).json()
    assert found["entry"][-1]["search"]["mode"] == "include"


def test_scopes_hold_inside_a_transaction_too(office: Office, encounter: dict[str, Any]) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "POST", "url": "Encounter"}, "resource": encounter}],
    }
    answer = office.call("POST", "", office.bearer("system/Encounter.rs"), json=bundle)
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0]"]


def test_a_condition_tells_nothing_about_other_records(office: Office, encounter: dict[str, Any]) -> None:
    theirs = office.call("POST", "/Encounter", json=encounter).json()
    mine = encounter | {"subject": {"reference": "Patient/pat-lindqvist"}}
    condition = f"identifier=urn:test:encounter|{theirs['identifier'][0]['value']}"
    headers = {"If-None-Exist": condition}
    answer = office.call("POST", "/Encounter", patient_bearer(office), json=mine, headers=headers)
    assert answer.status_code == 403
    assert "pat-moss" not in answer.text
