"""Practitioner and PractitionerRole read as members of the staff: tables decide, and nothing is guessed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given as anything
from hypothesis import settings
from hypothesis import strategies as st

from mappings.fhir.staff import FhirMember, Given, StaffSheet, read_staff
from mappings.fhir.staff_codes import StaffCodes
from mappings.library import load
from tests.fhir_staff import BASE, LCSW, NUCC, V2_0360, given, practitioner, role

ON = date(2026, 7, 1)
OURS = "Organization/org-riverbend"
REVOKED = {"url": "status", "valueCode": "revoked"}
US_CORE = Path(__file__).parents[4] / "shared" / "data" / "us-core" / "examples"


def read(*resources: dict, organization: str | None = OURS) -> StaffSheet:
    return read_staff(given(*resources), load(), ON, base=BASE, organization=organization)


def one(*resources: dict) -> FhirMember:
    [member] = read(*resources).members
    return member


def qualified(**changes) -> FhirMember:
    return one(practitioner(qualification=[LCSW | changes]))


def test_a_us_core_practitioner_is_read_whole():
    found = one(practitioner(), role())
    assert (found.npi, found.reference) == ("1900000311", "Practitioner/p1")
    assert (found.name.full, found.birth_date) == ("Noor Amari", date(1981, 3, 9))
    [credential] = found.credentials
    assert (credential.code, credential.number, credential.issuer) == ("lcsw", "LCSW-0311", "nysed")
    assert (credential.from_, credential.to) == (date(2019, 7, 1), date(2029, 6, 30))
    assert [each.value for each in found.telecom] == ["555-0142"]
    assert {hint.role for hint in found.roles} == {"lpha", "clinician", "supervisor"}
    assert (found.remarks, found.refusal, found.works_here) == ((), "", True)


@pytest.mark.parametrize(
    ("code", "credential"),
    [
        ({"text": "NYCPS"}, "nycps"),
        ({"text": "  nycps "}, "nycps"),
        ({"text": "Peer Supervisor"}, "peer-supervisor"),
        ({"text": "licensed practical nurse"}, "lpn"),
        ({"coding": [{"system": V2_0360, "code": "MD"}]}, "physician"),
        ({"coding": [{"system": f"{V2_0360}/2.7", "code": "MD"}]}, "physician"),
        ({"coding": [{"system": f"{V2_0360}|2.7", "code": "NP"}]}, "np"),
        ({"coding": [{"system": "http://hl7.org/fhir/v2/0360", "code": "RN"}]}, "rn"),
        ({"coding": [{"system": NUCC, "code": "106H00000X"}]}, "lmft"),
        ({"coding": [{"system": "urn:oid:2.16.840.1.113883.6.101", "code": "106H00000X"}]}, "lmft"),
        ({"coding": [{"code": "LMHC"}]}, "lmhc"),
        ({"coding": [{"system": "urn:ehr:local", "code": "77", "display": "LMHC"}]}, "lmhc"),
        ({"coding": [{"system": "https://peerchart.example/CodeSystem/credential", "code": "crpa"}]}, "crpa"),
        (
            {"coding": [{"system": "https://peerchart.example/CodeSystem/staff-category", "code": "lcat"}]},
            "lcat",
        ),
    ],
)
def test_a_credential_is_known_by_its_code_system_or_its_words(code, credential):
    assert [each.code for each in qualified(code=code).credentials] == [credential]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"text": "Wizard"}, "“Wizard” is not known"),
        ({"coding": [{"system": V2_0360, "code": "XX"}]}, "v2-0360|XX"),
        ({"coding": [{"system": "urn:ehr:local", "code": "RN"}]}, "urn:ehr:local|RN"),
        ({"coding": [{"system": V2_0360, "code": "RN"}], "text": "LCSW"}, "more than one: lcsw and rn"),
        ({"coding": [{"system": NUCC, "code": "175T00000X"}]}, "names no certificate"),
        ({"text": "Certified Peer Specialist"}, "names no certificate"),
        (None, "nothing that can be read"),
        ([], "nothing that can be read"),
    ],
)
def test_a_credential_that_the_tables_do_not_know_is_said_and_not_guessed(code, said):
    found = qualified(code=code)
    assert found.credentials == ()
    assert any(said in remark for remark in found.remarks), found.remarks


def test_a_peer_taxonomy_code_suggests_the_role_of_a_peer():
    found = qualified(code={"coding": [{"system": NUCC, "code": "175T00000X"}]})
    assert [hint.role for hint in found.roles] == ["peer"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"period": {"start": "2019"}}, "start “2019” is no whole day"),
        ({"period": {"start": "2019-07-01", "end": "2018-01-01"}}, "ends before it begins"),
        ({"identifier": [{"value": "A"}, {"value": "B"}]}, "several numbers (A, B)"),
        ({"issuer": {"display": "Board of Somewhere"}}, "“Board of Somewhere” is taken as written"),
        ({"issuer": {"reference": "Organization/x"}}, "Organization/x is not named"),
    ],
)
def test_what_of_a_credential_cannot_be_read_is_said_and_the_rest_is_taken(changes, said):
    found = qualified(**changes)
    assert [each.code for each in found.credentials] == ["lcsw"]
    assert any(said in remark for remark in found.remarks), found.remarks


def test_an_issuer_that_is_an_organization_of_the_source_is_known_by_its_name():
    board = {"resourceType": "Organization", "id": "b", "name": "New York State Education Department"}
    person = practitioner(qualification=[LCSW | {"issuer": {"reference": "Organization/b"}}])
    assert one(person, board).credentials[0].issuer == "nysed"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "modifier"),
        (
            {"extension": [{"url": "urn:practitioner-qualification", "extension": [REVOKED]}]},
            "revoked",
        ),
    ],
)  # fmt: skip
def test_a_credential_that_is_not_in_force_or_not_understood_is_not_taken(changes, said):
    found = qualified(**changes)
    assert found.credentials == ()
    assert any(said in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": False}, "is not active"),
        ({"period": {"end": "2026-06-30"}}, "ended on 2026-06-30"),
        ({"period": {"start": "2026-07-02"}}, "begins on 2026-07-02"),
        ({"organization": {"reference": "Organization/org-lakeside", "display": "Lakeside"}}, "Lakeside"),
        ({"modifierExtension": [{}]}, "modifier"),
    ],
)
def test_a_role_that_does_not_count_today_and_here_suggests_nothing(changes, said):
    found = one(practitioner(qualification=None), role(**changes))
    assert found.roles == ()
    assert not found.works_here
    assert any(said in remark for remark in found.remarks)


@pytest.mark.parametrize(
    "changes", [{"period": {"end": "2026-07-01"}}, {"period": {"start": "2026-07-01"}}, {}]
)
def test_both_ends_of_the_period_of_a_role_count(changes):
    assert one(practitioner(), role(**changes)).works_here


def test_a_role_without_a_known_word_is_said():
    found = one(practitioner(qualification=None), role(code=[{"text": "Gardener"}], specialty=None))
    assert found.roles == ()
    assert any("Gardener" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    "whose",
    [
        {"reference": "Practitioner/p1"},
        {"reference": f"{BASE}/Practitioner/p1"},
        {"reference": "Practitioner/p1/_history/3"},
        {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1900000311"}},
    ],
)
def test_a_role_finds_its_practitioner_by_reference_or_npi(whose):
    assert "supervisor" in {hint.role for hint in one(practitioner(), role(practitioner=whose)).roles}


def test_a_role_whose_practitioner_is_not_there_is_left_with_the_next_step():
    [left] = read(role(of="Practitioner/gone")).left
    assert "Practitioner/gone" in left.reason
    assert "_include" in left.what_to_do


def test_other_resources_are_named_as_left_out():
    [left] = read({"resourceType": "Patient", "id": "x"}).left
    assert "Patient" in left.reason


@pytest.mark.parametrize("value", ["12345", "3900000311", "19000003110", "19000003l1", "", None, 1900000311])
def test_what_is_no_npi_is_said_and_not_taken(value):
    odd = practitioner(identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": value}])
    found = one(odd)
    assert found.npi is None
    assert "is no NPI" in found.remarks[0]


def test_a_practitioner_with_two_npis_is_refused():
    npi = "http://hl7.org/fhir/sid/us-npi"
    found = one(
        practitioner(
            identifier=[{"system": npi, "value": "1900000311"}, {"system": npi, "value": "1900000312"}]
        )
    )
    assert "more than one NPI" in found.refusal


def test_a_practitioner_that_stands_twice_is_refused_both_times():
    first, second = read(practitioner(), practitioner()).members
    assert "twice" in first.refusal
    assert "twice" in second.refusal
    assert first.key != second.key


def test_a_practitioner_with_a_modifier_that_is_not_understood_is_refused():
    assert "modifier" in one(practitioner(modifierExtension=[{"url": "urn:x"}])).refusal


def test_an_id_of_another_server_is_no_login_here():
    elsewhere = Given("entry 1", practitioner(), "https://other.example/fhir/Practitioner/p1")
    to_be_made = Given(
        "entry 2", practitioner("p2", "1900000312"), "urn:uuid:9d0c0f3c-8e3f-4b2c-9a54-0d7c1c0b7f1a"
    )
    sheet = read_staff([elsewhere, to_be_made], load(), ON, base=BASE)
    assert [member.reference for member in sheet.members] == [None, None]
    assert "not an address of this EHR" in sheet.members[0].remarks[0]


def test_old_names_and_private_phones_are_not_taken():
    names = [{"use": "maiden", "family": "Old"}, {"family": "Amari", "given": ["Noor"]}]
    phones = [{"system": "phone", "value": "1", "use": "home"}, {"system": "email", "value": "n@x.example"}]
    found = one(practitioner(name=names, telecom=phones))
    assert found.name.family == "Amari"
    assert [each.value for each in found.telecom] == ["n@x.example"]


def test_every_word_of_the_tables_is_a_credential_or_role_of_the_office():
    from app.actor import ADMINISTRATOR, ROLES

    tables = load().tables
    known = {*tables["credentials"].codes, *tables["staff-categories"].codes}
    for name in ("staff-nucc", "staff-v2-0360", "staff-labels"):
        for code in tables[name].codes.values():
            assert code.properties.get("credential", "lcsw") in known, code
            assert set(code.properties.get("roles", ())) <= ROLES - {ADMINISTRATOR}, code
    for name in ("staff-labels", "staff-issuers"):
        assert all(code == code.casefold() for code in tables[name].codes)
    assert StaffCodes(load(), ON).issuer("NYSED") == "nysed"


@pytest.mark.skipif(not US_CORE.is_dir(), reason="the US Core examples are not on this machine")
def test_the_examples_of_us_core_are_read():
    files = sorted(US_CORE.glob("practitioner-*.json"))
    sheet = read(*(json.loads(file.read_text()) for file in files))
    assert len(sheet.members) == len(files) >= 3
    assert all(member.name and not member.refusal for member in sheet.members)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(
        ["Practitioner", "Practitioner/p1", "1900000311", "LCSW", "2020-01-01", "status", "old"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["resourceType", "id", "identifier", "system", "value", "use", "name", "family", "given", "code",
             "coding", "text", "display", "qualification", "issuer", "reference", "period", "start", "end",
             "practitioner", "organization", "specialty", "telecom", "extension", "url", "valueCode"]
        ), inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip
PERSON = st.dictionaries(
    st.sampled_from(["id", "identifier", "name", "birthDate", "qualification", "telecom", "active"]), JSON
).map(lambda some: practitioner() | some)
ROLES = st.dictionaries(
    st.sampled_from(
        ["id", "practitioner", "code", "specialty", "organization", "period", "active", "telecom"]
    ),
    JSON,
).map(lambda some: role() | some)
OTHER = st.dictionaries(st.sampled_from(["resourceType", "id", "name"]), JSON)


@settings(max_examples=200, deadline=None)
@anything(st.lists(PERSON | ROLES | OTHER, max_size=4))
def test_whatever_the_resources_hold_they_are_read_or_said(resources):
    sheet = read(*resources)
    people = [each for each in resources if each.get("resourceType") == "Practitioner"]
    assert len(sheet.members) == len(people)
    assert len({member.key for member in sheet.members}) == len(people)
