"""Consents and lines of the audit trail go to an EHR that asks for them: once each, and in their order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from app import also_sent, audit, consents, disclosures, individuals, outbox, staff
from app.also_sent import AUDIT_EVENTS, CONSENTS
from app.consents import Given
from app.problems import MendInput, NotAllowed
from mappings.disclosure import CHART, CLAIMS
from tests.app import office as people
from tests.app.delivery_house import PATIENT, House, house
from tests.app.office import CHEN, RIVERA, actor
from tests.app.test_delivery import FAULTS, Killed

GIVEN = Given("tpo", (CHART, CLAIMS), "my treating providers", date(2026, 1, 5), None, "Binder 7", "")
PEER = actor(RIVERA, PATIENT)
OTHER = "pat-farrell"


def program(made: House, *, part2: bool) -> None:
    with made.store.write() as session:
        said = people.program().model_copy(update={"part2": part2})
        staff.save_program(session, people.SETTING_UP, said, made.now)


def set_up(made: House) -> None:
    """A programme under 42 CFR Part 2 with its staff and two people."""
    program(made, part2=True)
    with made.store.write() as session:
        for who in (RIVERA, CHEN):
            roles = frozenset(people.ROLES[who])
            staff.save(session, people.SETTING_UP, people.member(who), roles, True, made.now)
        for patient, number in ((PATIENT, 70001), (OTHER, 70002)):
            person, links = people.individual(number), individuals.PersonLinks()
            individuals.remember(session, "sandbox", patient, person, (), links, made.now)


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        set_up(made)
        made.ehr()
        yield made


def asks(made: House, *what: str) -> None:
    with made.store.write() as session:
        also_sent.switch(session, people.SETTING_UP, what, made.now)


def given(made: House, what: Given = GIVEN) -> int:
    with made.store.write() as session:
        return consents.record(session, PEER, what, made.now)


def revoked(made: House, number: int) -> consents.Revoked:
    with made.store.write() as session:
        return consents.revoke(session, PEER, number, "Said so on the phone", made.now)


def did(made: House, action: str, patient: str = PATIENT) -> None:
    with made.store.write() as session:
        audit.did(session, PEER, action, made.now, subject="C-1", patient=patient)


def of_kind(made: House, kind: str) -> list[outbox.DeliveryLine]:
    return [line for line in made.lines() if line.kind == kind]


def lines_there(made: House) -> list[tuple[str, str]]:
    """The person and the action of every AuditEvent in the EHR."""
    there = made.all_of("AuditEvent")
    return sorted(
        (one["entity"][0]["what"]["reference"].split("/")[1], one["subtype"][0]["code"]) for one in there
    )


def test_an_ehr_that_asks_for_nothing_gets_neither(ehr: House) -> None:
    given(ehr)
    did(ehr, "note opened")
    ehr.later(hours=1)
    ehr.deliver()
    assert ehr.lines() == []


def test_a_consent_arrives_once_and_says_what_it_allows(ehr: House) -> None:
    asks(ehr, CONSENTS)
    number = given(ehr)
    ehr.deliver()
    ehr.deliver()
    [there] = ehr.all_of("Consent")
    assert there["status"] == "active"
    assert there["patient"]["reference"] == f"Patient/{PATIENT}"
    assert there["identifier"][0]["value"].endswith(f"/{number}")
    assert "42CFRPart2" in [one["code"] for one in there["meta"]["security"]]
    [line] = of_kind(ehr, outbox.CONSENT)
    assert (line.state, line.key) == (outbox.IN_CHART, f"consent/{number}")


@pytest.mark.parametrize(
    "what",
    [replace(GIVEN, from_=date(2026, 7, 2)), replace(GIVEN, until=date(2026, 6, 30))],
    ids=["not begun", "over"],
)
def test_a_consent_goes_while_it_is_in_force(ehr: House, what: Given) -> None:
    asks(ehr, CONSENTS)
    given(ehr, what)
    ehr.deliver()
    assert ehr.lines() == []
    ehr.later(days=1)
    ehr.deliver()
    assert len(ehr.all_of("Consent")) == (what.until is None)


def test_a_consent_to_claims_alone_does_not_go_into_the_chart(ehr: House) -> None:
    asks(ehr, CONSENTS)
    given(ehr, replace(GIVEN, destinations=(CLAIMS,)))
    [report] = ehr.deliver()
    assert report.state == outbox.HELD
    assert report.reason.startswith("42 CFR Part 2")
    given(ehr)
    ehr.deliver()
    assert len(ehr.all_of("Consent")) == 2


def test_the_consent_goes_before_what_leaves_by_it(ehr: House) -> None:
    asks(ehr, CONSENTS)
    ehr.add_note()
    ehr.deliver()
    number = given(ehr)
    ehr.deliver()
    [consent], [note] = of_kind(ehr, outbox.CONSENT), of_kind(ehr, outbox.NOTE)
    assert consent.id > note.id
    assert (consent.state, note.state) == (outbox.IN_CHART, outbox.IN_CHART)
    sent = [one.key for one in _accounted(ehr)][::-1]
    assert sent == [f"consent/{number}", "note/1/1"]


def test_while_the_consent_is_under_way_what_leaves_by_it_waits_and_a_refused_one_keeps_nothing(
    ehr: House,
) -> None:
    asks(ehr, CONSENTS)
    given(ehr)
    ehr.fault("down", count=1)
    ehr.add_note()
    reports = ehr.worker().drain()
    assert [(one.key.split("/")[0], one.state) for one in reports] == [
        ("consent", outbox.WAITING),
        ("note", outbox.WAITING),
    ]
    assert "waits for the consent by which it leaves" in reports[1].reason
    ehr.fault("refuse", count=1)
    ehr.later(minutes=16)
    ehr.deliver()
    assert {line.kind: line.state for line in ehr.lines()} == {
        outbox.CONSENT: outbox.REFUSED, outbox.NOTE: outbox.IN_CHART,
    }  # fmt: skip


def test_a_revocation_changes_the_ehr_s_copy_and_tells_no_more_of_anything(ehr: House) -> None:
    asks(ehr, CONSENTS)
    number = given(ehr)
    ehr.deliver()
    before = _accounted(ehr)
    ehr.later(hours=1)
    revoked(ehr, number)
    ehr.deliver()
    [there] = ehr.all_of("Consent")
    assert there["status"] == "inactive"
    assert datetime.fromisoformat(there["provision"]["period"]["end"]) <= ehr.now
    assert there["meta"]["versionId"] == "2"
    assert _accounted(ehr) == before
    assert [line.state for line in of_kind(ehr, outbox.REVOCATION)] == [outbox.IN_CHART]


def test_a_consent_that_was_revoked_before_it_went_never_stands_in_the_ehr(ehr: House) -> None:
    asks(ehr, CONSENTS)
    number = given(ehr)
    ehr.fault("down", count=1)
    ehr.worker().drain()
    revoked(ehr, number)
    given(ehr)
    ehr.deliver()
    ehr.later(minutes=20)
    ehr.deliver()
    [there] = ehr.all_of("Consent")
    assert there["status"] == "active"
    assert not there["identifier"][0]["value"].endswith(f"/{number}")
    [held, _] = of_kind(ehr, outbox.CONSENT)
    assert held.state == outbox.HELD
    assert "revoked before it went" in str(held.reason)


@pytest.mark.parametrize(
    ("fault", "takes"), [*((one, "full") for one in FAULTS), ("drop-after-commit", "single")]
)
def test_after_a_fault_consent_revocation_and_lines_stand_once(ehr: House, fault: str, takes: str) -> None:
    if takes == "single":
        ehr.fault("lying-metadata", claims=[], hides=["transaction"], count=None)
        ehr.ehrs.profiles.forget("sandbox")
        ehr.ehr()
    asks(ehr, CONSENTS, AUDIT_EVENTS)
    number = given(ehr)
    did(ehr, "note opened")
    did(ehr, "plan opened")
    ehr.later(minutes=20)
    ehr.fault(fault, **FAULTS[fault])
    ehr.deliver(rounds=40)
    revoked(ehr, number)
    given(ehr)
    ehr.fault(fault, **FAULTS[fault])
    ehr.deliver(rounds=40)
    ehr.fault(fault, count=0)
    assert {(line.state, line.reason) for line in ehr.lines()} == {(outbox.IN_CHART, None)}
    assert sorted(one["status"] for one in ehr.all_of("Consent")) == ["active", "inactive"]
    there = lines_there(ehr)
    assert [there.count((PATIENT, one)) for one in ("note-opened", "plan-opened")] == [1, 1]


@pytest.mark.parametrize("what", [CONSENTS, AUDIT_EVENTS])
def test_a_worker_killed_after_the_ehr_stored_it_sends_nothing_twice(ehr: House, what: str) -> None:
    asks(ehr, what)
    given(ehr)
    ehr.later(minutes=20)
    with pytest.raises(SystemExit):
        ehr.worker(ehrs=Killed(ehr.ehrs)).drain()
    ehr.later(minutes=10)
    ehr.deliver()
    assert [line.state for line in ehr.lines()] == [outbox.IN_CHART]
    assert len(ehr.all_of(also_sent.TYPES[what])) == 1


def test_lines_about_people_of_the_ehr_go_together_a_quarter_of_an_hour_later(ehr: House) -> None:
    did(ehr, "note opened before")
    asks(ehr, AUDIT_EVENTS)
    given(ehr)
    for one in ("note opened", "note read"):
        did(ehr, one)
    with ehr.store.write() as session:
        audit.did(session, people.SETTING_UP, "worklist opened", ehr.now, subject="worklist")
    ehr.deliver()
    assert ehr.lines() == []
    ehr.later(minutes=16)
    ehr.deliver(rounds=1)
    assert lines_there(ehr) == [(PATIENT, one) for one in ("consent-recorded", "note-opened", "note-read")]
    assert len(ehr.lines()) == 1


def test_what_is_written_down_of_the_delivery_of_lines_is_not_delivered_in_turn(ehr: House) -> None:
    asks(ehr, AUDIT_EVENTS)
    given(ehr)
    for _ in range(4):
        ehr.later(minutes=20)
        ehr.deliver()
    assert len(of_kind(ehr, outbox.LINES)) == 1


def test_lines_about_each_person_go_by_that_person_s_consent(ehr: House) -> None:
    asks(ehr, AUDIT_EVENTS)
    given(ehr)
    did(ehr, "note opened", patient=OTHER)
    ehr.later(minutes=20)
    ehr.deliver()
    assert {line.patient: line.state for line in ehr.lines()} == {
        PATIENT: outbox.IN_CHART, OTHER: outbox.HELD,
    }  # fmt: skip
    assert {patient for patient, _ in lines_there(ehr)} == {PATIENT}
    assert [one.what for one in _accounted(ehr)] == ["Lines of the audit trail"]


def test_a_line_says_who_did_what_and_nothing_of_what_a_record_says(ehr: House) -> None:
    asks(ehr, AUDIT_EVENTS)
    given(ehr)
    ehr.later(minutes=20)
    ehr.deliver()
    [there] = ehr.all_of("AuditEvent")
    assert there["agent"][0]["who"]["identifier"]["value"] == RIVERA
    assert "Binder 7" not in json.dumps(there)
    assert there["meta"]["versionId"] == "1"


@pytest.mark.parametrize("what", [CONSENTS, AUDIT_EVENTS])
def test_an_ehr_that_does_not_declare_them_gets_none_and_the_reason_is_told(ehr: House, what: str) -> None:
    ehr.fault("unserved", types=[also_sent.TYPES[what]], count=None)
    ehr.ehrs.profiles.forget("sandbox")
    asks(ehr, what)
    given(ehr)
    ehr.later(minutes=20)
    ehr.deliver()
    [line] = ehr.lines()
    assert line.state == outbox.HELD
    assert f"does not offer to create {also_sent.TYPES[what]}" in str(line.reason)


@pytest.mark.parametrize(("parameter", "state"), [("date", outbox.IN_CHART), ("patient", outbox.IN_CHART)])
def test_a_line_is_found_again_by_its_time_or_among_those_of_its_person(
    ehr: House, parameter: str, state: str
) -> None:
    ehr.fault("unsearched", types=["AuditEvent"], parameter=parameter, count=None)
    ehr.ehrs.profiles.forget("sandbox")
    asks(ehr, AUDIT_EVENTS)
    given(ehr)
    ehr.later(minutes=20)
    ehr.fault("drop-after-commit", count=1)
    ehr.deliver(rounds=20)
    assert [line.state for line in ehr.lines()] == [state]
    ehr.ehrs.profiles.forget("sandbox")
    assert len(_events(ehr, parameter)) == 1


def test_what_an_ehr_no_longer_asks_for_is_held_but_a_revocation_is_told_all_the_same(ehr: House) -> None:
    asks(ehr, CONSENTS)
    number = given(ehr)
    ehr.deliver()
    ehr.fault("down", count=1)
    given(ehr)
    ehr.worker().drain()
    asks(ehr)
    revoked(ehr, number)
    ehr.later(minutes=20)
    ehr.deliver()
    first, second = of_kind(ehr, outbox.CONSENT)
    assert (first.state, second.state) == (outbox.IN_CHART, outbox.HELD)
    assert "no longer set up" in str(second.reason)
    assert [one["status"] for one in ehr.all_of("Consent")] == ["inactive"]


def test_outside_part_2_lines_go_without_a_consent_and_without_its_label(ehr: House) -> None:
    program(ehr, part2=False)
    asks(ehr, AUDIT_EVENTS)
    did(ehr, "note opened")
    ehr.later(minutes=20)
    ehr.deliver()
    [there] = ehr.all_of("AuditEvent")
    assert "security" not in there["meta"]


def test_what_goes_is_changed_by_an_administrator_and_written_down_once(ehr: House) -> None:
    with ehr.store.write() as session:
        assert also_sent.switch(session, people.SETTING_UP, [CONSENTS], ehr.now)
        assert not also_sent.switch(session, people.SETTING_UP, [CONSENTS], ehr.now)
        assert also_sent.asked(session, "sandbox") == (CONSENTS,)
        lines = audit.of_subject(session, "sandbox", "sandbox")
        assert [one.action for one in lines].count("what goes beside records changed") == 1
        with pytest.raises(NotAllowed):
            also_sent.switch(session, PEER, [], ehr.now)
        with pytest.raises(MendInput):
            also_sent.switch(session, people.SETTING_UP, ["notes"], ehr.now)


def _accounted(made: House) -> tuple[disclosures.Disclosure, ...]:
    with made.store.read() as session:
        return disclosures.of_patient(session, "sandbox", PATIENT)


def _events(made: House, but_by: str) -> list[dict[str, Any]]:
    asked = {"patient": f"Patient/{PATIENT}"} if but_by == "date" else {"date": "ge2026-01-01"}
    return list(made.ehr().client.search("AuditEvent", asked, request_id="test").matches)
