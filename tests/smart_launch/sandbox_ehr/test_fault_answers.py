"""What a faulty token answer looks like to an app."""

from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office, shows

GONE = object()
ROWS: dict[str, tuple[str, Any]] = {
    "no-scope-in-answer": ("scope", GONE),
    "no-access-token": ("access_token", GONE),
    "no-id-token": ("id_token", GONE),
    "no-refresh-token": ("refresh_token", GONE),
    "token-type": ("token_type", "mac"),
    "no-token-type": ("token_type", GONE),
    "expires-in-missing": ("expires_in", GONE),
    "expires-in-string": ("expires_in", "3600"),
    "expires-in-negative": ("expires_in", -60),
    "missing-patient": ("patient", GONE),
    "patient-as-number": ("patient", 70002),
    "patient-as-object": ("patient", {"reference": "Patient/pat-moss"}),
    "missing-encounter": ("encounter", GONE),
    "need-patient-banner": ("need_patient_banner", "no"),
    "tenant": ("tenant", "tenant-north"),
    "intent": ("intent", "unheard-of"),
    "style-url": ("smart_style_url", "javascript:alert(1)"),
}


@shows(*ROWS)
@pytest.mark.parametrize("name", ROWS)
def test_a_member_of_the_answer_is_spoiled_and_nothing_else(office: Office, name: str) -> None:
    member, value = ROWS[name]
    right, spoiled = office.faulty(), office.faulty(name)
    assert spoiled.get(member, GONE) == value
    assert right.get(member, GONE) != value
    assert set(right) - {member} == set(spoiled) - {member}


@shows("app-context", "fhir-context")
def test_context_of_the_launch_may_be_hostile(office: Office) -> None:
    answer = office.faulty("app-context", "fhir-context")
    assert "<script>" in answer["appContext"]
    assert {"reference": "javascript:alert(1)"} in answer["fhirContext"]
    assert 7 in answer["fhirContext"]


@pytest.mark.parametrize("value", ["Encounter/1", {"reference": "Encounter/1"}, [], 7, [[{}]]])
def test_fhir_context_may_be_anything(office: Office, value: Any) -> None:
    assert office.faulty({"name": "fhir-context", "value": value})["fhirContext"] == value


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://169.254.169.254/latest", "https://127.0.0.1:9/style.json", "//x", 7],
)
def test_the_style_address_may_be_anything(office: Office, address: Any) -> None:
    assert office.faulty({"name": "style-url", "value": address})["smart_style_url"] == address


@shows("patient-changed")
def test_a_later_answer_names_another_patient(office: Office) -> None:
    first = office.faulty("patient-changed")
    assert first["patient"] == "pat-lindqvist"
    assert office.refresh(first).json()["patient"] == "pat-moss"
    at_once = office.faulty({"name": "patient-changed", "at": "token", "value": "pat-farrell"})
    assert at_once["patient"] == "pat-farrell"


def test_a_fault_may_wait_for_the_refresh(office: Office) -> None:
    first = office.faulty({"name": "missing-patient", "at": "refresh"})
    assert first["patient"] == "pat-lindqvist"
    assert "patient" not in office.refresh(first).json()
