"""Records of a programme under 42 CFR Part 2: label, notice, consents, and lines of the trail as FHIR."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mappings.disclosure import CHART, CLAIMS, NOTICE, TPO, WrittenConsent, missing_words
from mappings.fhir import gate
from mappings.fhir.audit_event import Trace, audit_event
from mappings.fhir.bundle import ChartLinks, contact_bundle
from mappings.fhir.consent import consent_entry
from mappings.fhir.elements import transaction
from mappings.fhir.part2 import LABELS, accompanied, marked
from mappings.fhir.people import People
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, library

Json = dict[str, Any]
AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
CONSENT = WrittenConsent(
    1, TPO, (CHART, CLAIMS), "my treating providers and health plans", date(2026, 1, 5), None, copy="Binder 7"
)


def bundle(kind: str = "planned") -> Json:
    of, around = c.contact(c.KINDS[kind]), c.surroundings(part2=True)
    return contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW)


@pytest.mark.parametrize("kind", c.KINDS)
def test_every_resource_of_a_part_2_programme_carries_label_and_notice(kind: str) -> None:
    for entry in bundle(kind)["entry"]:
        resource = entry["resource"]
        assert resource["meta"]["security"] == list(LABELS), resource["resourceType"]
        assert NOTICE in resource["text"]["div"], resource["resourceType"]


def test_the_note_of_a_part_2_programme_says_it_where_lists_of_documents_show_it() -> None:
    document = c.one(bundle(), "DocumentReference")
    assert NOTICE in document["description"]
    assert [each["coding"][0]["code"] for each in document["securityLabel"]] == ["R", "42CFRPart2"]


def test_a_resource_is_labelled_once_however_often_it_is_asked() -> None:
    document = c.one(bundle(), "DocumentReference")
    assert marked(document) == document
    assert marked({"resourceType": "Task", "meta": {"versionId": "3"}})["meta"]["versionId"] == "3"


def test_what_leaves_by_a_consent_carries_the_explanation_of_its_scope_and_still_fits() -> None:
    sent = accompanied(bundle(), CONSENT.words)
    gate.check(sent, full=True)
    for entry in sent["entry"]:
        assert "to my treating providers and health plans, for treatment, payment" in str(
            entry["resource"]["text"]["div"]
        )
    assert CONSENT.words in c.one(sent, "DocumentReference")["description"]


def test_an_explanation_is_written_as_text_whatever_signs_it_holds() -> None:
    sent = accompanied(bundle(), 'Only <b>"notes"</b> & nothing else')
    gate.check(sent, full=True)
    assert "&lt;b&gt;" in sent["entry"][0]["resource"]["text"]["div"]


@pytest.mark.parametrize(
    ("changes", "destination", "day", "allowed"),
    [
        ({}, CHART, date(2026, 1, 5), True),
        ({}, CHART, date(2026, 1, 4), False),
        ({"until": date(2026, 3, 1)}, CHART, date(2026, 3, 1), True),
        ({"until": date(2026, 3, 1)}, CHART, date(2026, 3, 2), False),
        ({"scope": "treatment"}, CHART, date(2026, 3, 1), True),
        ({"scope": "treatment"}, CLAIMS, date(2026, 3, 1), False),
        ({"scope": "payment"}, CHART, date(2026, 3, 1), False),
        ({"scope": "payment"}, CLAIMS, date(2026, 3, 1), True),
        ({"destinations": (CHART,)}, CLAIMS, date(2026, 3, 1), False),
        ({"scope": "unheard-of"}, CHART, date(2026, 3, 1), False),
        ({"revoked_at": AT}, CHART, date(2026, 3, 1), False),
    ],
)
def test_a_consent_allows_its_purpose_to_its_recipients_in_its_time(
    changes: Json, destination: str, day: date, allowed: bool
) -> None:
    assert replace(CONSENT, **changes).allows(destination, day) is allowed


def test_what_is_missing_is_said_in_words_that_name_the_destination() -> None:
    assert "payers, by claims" in missing_words(CLAIMS)


@pytest.mark.parametrize("links", [ChartLinks(), EHR], ids=["own store", "ehr"])
def test_a_consent_is_a_consent_resource_that_fits(links: ChartLinks) -> None:
    around = c.surroundings(part2=True)
    person = c.contact(c.PLANNED).individual
    people = People(person, around.program_of(None), around, links)
    [entry] = transaction([consent_entry(CONSENT, people, AT)])["entry"]
    gate.check(entry["resource"], full=True)
    made = entry["resource"]
    assert [made["status"], made["scope"]["coding"][0]["code"]] == ["active", "patient-privacy"]
    assert [each["code"] for each in made["provision"]["purpose"]] == ["TREAT", "HPAYMT", "HOPERAT"]
    assert made["provision"]["period"] == {"start": "2026-01-05"}
    gone = consent_entry(replace(CONSENT, revoked_at=AT), people, AT)["resource"]
    gate.check(gone, full=True)
    assert (gone["status"], gone["provision"]["period"]["end"][:10]) == ("inactive", "2026-01-05")


TRACE = Trace(
    7, AT, "1900000021", "note signed", "pat-moss", "C-1", 2, {"sha256": "ab" * 32, "blank": ""}, "cd" * 32
)
TRACES = [
    (TRACE, "113031", "C"),
    (replace(TRACE, actor="", action="delivered", detail={"request_id": "r-1"}), "110106", "E"),
    (replace(TRACE, action="note read as file"), "rest", "R"),
    (replace(TRACE, action="draft discarded", version=None), "rest", "D"),
    (replace(TRACE, action="draft saved"), "rest", "U"),
    (replace(TRACE, action="session ended", patient=None, subject=None), "110114", "E"),
]


@pytest.mark.parametrize(("trace", "kind", "action"), TRACES)
def test_a_line_of_the_trail_is_an_audit_event_that_fits(trace: Trace, kind: str, action: str) -> None:
    event = audit_event(trace, "Riverbend")
    gate.check(event, full=True)
    assert (event["type"]["code"], event["action"]) == (kind, action)
    assert sum(agent["requestor"] for agent in event["agent"]) == 1
    told = [each["what"]["identifier"]["value"] for each in event["entity"] if "identifier" in each["what"]]
    assert "7" in told
    assert ("r-1" in told) is ("request_id" in trace.detail)


def test_an_audit_event_names_its_person_and_record_and_never_what_the_record_says() -> None:
    event = audit_event(TRACE, "Riverbend")
    patient, record, line = event["entity"]
    assert patient["what"]["reference"] == "Patient/pat-moss"
    assert (record["what"]["identifier"]["value"], record["name"]) == ("C-1", "version 2")
    assert record["detail"] == [{"type": "sha256", "valueString": "ab" * 32}]
    assert line["what"]["identifier"]["value"] == "7"
