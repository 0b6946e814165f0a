"""The staff written as Practitioner and PractitionerRole comes back as it went out, and the rest is told."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.fhir.elements import to_bytes
from mappings.fhir.reading.records import Located, read_records
from mappings.fhir.staff import Given, read_staff
from mappings.fhir.staff_written import Listed, roster
from mappings.library import load
from mappings.records import ProgramFields, Staff

ON = date(2026, 7, 1)
LIBRARY = load()
PROGRAM = ProgramFields(id="riverbend", npi="1900000013", name="Riverbend Peer Services")
CODES = sorted(
    code.code
    for name in ("credentials", "staff-categories")
    for code in LIBRARY.table(name).codes.values()
    if code.covers(ON)
)
ISSUERS = sorted({str(one.properties["issuer"]) for one in LIBRARY.table("staff-issuers").codes.values()})
WORDS = st.text("abcdefghXYZ-'é<&", min_size=1, max_size=12)
DAYS = st.dates(date(2015, 1, 1), date(2030, 12, 31))
# What is written of a record, and comes back.
CARRIED = ("kind", "id", "jurisdiction", "npi", "name", "credentials", "telecom")


@st.composite
def credentials(draw: st.DrawFn) -> dict[str, Any]:
    first, last = sorted([draw(DAYS), draw(DAYS)])
    return {
        "code": draw(st.sampled_from(CODES)),
        "issuer": draw(st.none() | st.sampled_from(ISSUERS)),
        "number": draw(st.none() | WORDS),
        "from": draw(st.sampled_from([None, first.isoformat()])),
        "to": draw(st.sampled_from([None, last.isoformat()])),
    }


@st.composite
def members(draw: st.DrawFn) -> Listed:
    number = draw(st.integers(0, 10**6))
    found = draw(st.lists(credentials(), max_size=3, unique_by=lambda one: json.dumps(one, sort_keys=True)))
    kinds = st.sampled_from(["phone", "email", "fax"])
    record = {
        "kind": "staff",
        "id": draw(st.sampled_from([f"19{number:08d}", f"S-{number}"])),
        "jurisdiction": "us-ny",
        "npi": draw(st.sampled_from([None, f"19{number:08d}"])),
        "name": {"given": draw(st.lists(WORDS, max_size=2)), "family": draw(WORDS)},
        "birth_date": "1980-01-01",
        "hired": "2020-01-01",
        "attestations": [{"kind": "lived-experience", "answer": True}],
        "credentials": found,
        "telecom": [
            {"system": one, "value": value}
            for one, value in draw(st.lists(st.tuples(kinds, WORDS), max_size=2, unique=True))
        ],
    }
    roles = draw(st.frozensets(st.sampled_from(["peer", "supervisor", "biller", "administrator"])))
    return Listed(Staff.model_validate(record), roles, draw(st.booleans()))


def settled(record: Staff) -> dict[str, Any]:
    said = record.model_dump(mode="json", by_alias=True)
    npi = said["npi"] or (said["id"] if said["id"].startswith("19") else None)
    return {name: said[name] for name in CARRIED} | {"npi": npi}


@settings(max_examples=150, deadline=None)
@given(st.lists(members(), min_size=1, max_size=4, unique_by=lambda one: one.record.id[-8:]))
def test_what_is_written_of_the_staff_comes_back(listed: list[Listed]) -> None:
    bundle = json.loads(to_bytes(roster(listed, PROGRAM, LIBRARY, ON).bundle))
    located = [
        Located("bundle 1", f"bundle 1, {n}", one["resource"], one["fullUrl"])
        for n, one in enumerate(bundle["entry"], start=1)
    ]
    read = read_records(located, LIBRARY, ON, jurisdiction="us-ny")
    back = {one.id: settled(one) for one in read.records if isinstance(one, Staff)}
    assert back == {one.record.id: settled(one.record) for one in listed}
    sheet = read_staff(
        [Given(one.where, one.resource, one.full_url) for one in located], LIBRARY, ON, base=""
    )
    sayable = {"peer", "supervisor", "biller"}
    for one, member in zip(listed, sheet.members, strict=True):
        assert member.works_here == one.works_here
        if one.works_here and one.record.telecom:
            assert {hint.role for hint in member.roles} == one.roles & sayable


def member(**changes: Any) -> Staff:
    said = {
        "kind": "staff",
        "id": "S-1",
        "jurisdiction": "us-ny",
        "name": {"given": ["Dana"], "family": "Chen"},
        "telecom": [{"system": "email", "value": "dana@clinic.example"}],
    }
    return Staff.model_validate(said | changes)


def test_what_only_the_employer_knows_is_not_written() -> None:
    known = member(
        birth_date="1976-02-11", hired="2015-09-01", employment="employed",
        attestations=[{"kind": "lived-experience", "answer": True}],
        supervision=[{"on": "2026-02-20", "by": "1900000039", "minutes": 50}],
    )  # fmt: skip
    raw = to_bytes(roster([Listed(known, frozenset({"peer"}))], PROGRAM, LIBRARY, ON).bundle)
    for words in (b"1976", b"2015", b"lived", b"2026-02-20", b"employed"):
        assert words not in raw


def test_each_is_brought_up_to_date_by_identifier_and_a_licence_names_its_taxonomy() -> None:
    record = member(npi="1900000039", credentials=[{"code": "lcsw", "issuer": "nysed"}])
    made = roster([Listed(record, frozenset({"lpha", "clinician"}))], PROGRAM, LIBRARY, ON).bundle
    person, role = made["entry"]
    assert person["request"] == {
        "method": "PUT",
        "url": "Practitioner?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-npi%7C1900000039",
    }
    assert role["resource"]["specialty"][0]["coding"][0]["code"] == "1041C0700X"
    assert role["resource"]["organization"]["identifier"]["value"] == "1900000013"


def test_whoever_cannot_be_reached_gets_no_role_and_that_is_told() -> None:
    made = roster([Listed(member(telecom=[]), frozenset({"peer"}))], PROGRAM, LIBRARY, ON)
    assert [one["resource"]["resourceType"] for one in made.bundle["entry"]] == ["Practitioner"]
    assert made.left == (("S-1", "has no phone or e-mail at work, so no PractitionerRole was written"),)


def test_what_no_code_says_is_told_by_member() -> None:
    odd = member(credentials=[{"code": "wizard"}])
    nameless = member(id="S-2", name=None)
    made = roster(
        [Listed(odd, frozenset({"administrator"})), Listed(nameless, frozenset())], None, LIBRARY, ON
    )
    assert made.left == (
        ("S-1", "the role administrator has no code and was not written"),
        ("S-1", "the credential wizard is in no table; its words were written"),
        ("S-2", "has no family name, so no Practitioner was written"),
    )
    assert [one["resource"]["resourceType"] for one in made.bundle["entry"]] == ["Practitioner"]
