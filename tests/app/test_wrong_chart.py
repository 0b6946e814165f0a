"""A note in the chart of the wrong person: gone from view there, kept here, marked in the EHR, not billed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import audit, billing, charting, engagement, history, outbox, staff, wrong_chart
from app.delivery.capability import Override
from app.problems import MendInput, NotAllowed, NotFound, Stale
from app.tables import VersionRow
from mappings.fhir.elements import NotFit
from mappings.fhir.withdrawal import withdrawal
from tests.app.delivery_house import PATIENT, House, house, note_bundle
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    OKAFOR,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    Office,
    actor,
    drafted,
    final,
    program,
    signed,
    undecided,
)

AUTHOR = actor(RIVERA, MOSS)
SUPERVISOR = actor(WHITFIELD, MOSS)


@pytest.fixture
def note(office: Office) -> str:
    undecided(office)
    return final(office)


def withdraw(
    office: Office, contact: str, who: Any = AUTHOR, reason: str = "It was Alex Moss senior"
) -> None:
    with office.store.write() as session:
        wrong_chart.withdraw(session, who, contact, reason, office.library, office.now)


def deliveries(office: Office) -> list[outbox.DeliveryLine]:
    with office.store.read() as session:
        found = list(outbox.listing(session, None))[::-1]
    return [line for line in found if line.kind != outbox.EPISODE]


def taken(office: Office) -> outbox.Leased:
    """The next row that is no episode, in a worker's hands."""
    with office.store.write() as session:
        leased = outbox.lease(session, "one", office.now, 60)
        assert leased is not None
        if leased.kind != outbox.EPISODE:
            return leased
        outbox.settle(session, leased, {}, office.now)
    return taken(office)


def sent(office: Office) -> None:
    leased = taken(office)
    with office.store.write() as session:
        outbox.settle(session, leased, {}, office.now)


@pytest.mark.parametrize("who", [AUTHOR, SUPERVISOR, actor(CHEN, MOSS)], ids=["author", "supervisor", "lpha"])
def test_it_is_gone_from_the_view_of_everybody_in_that_chart(office: Office, note: str, who: Any) -> None:
    withdraw(office, note)
    with office.store.read() as session:
        assert charting.of_person(session, who) == []
        with pytest.raises(NotFound):
            charting.visible(session, who, note)


def test_it_stays_as_it_was_signed_and_the_trail_and_a_supervisor_know_of_it(
    office: Office, note: str
) -> None:
    withdraw(office, note)
    with office.store.read() as session:
        kept = session.scalars(select(VersionRow).where(VersionRow.contact == note)).one()
        assert (kept.state, bool(kept.text), bool(kept.digest)) == ("entered-in-error", True, True)
        assert [line.action for line in audit.of_subject(session, ISSUER, note)][
            -1
        ] == "note entered in error"
        assert audit.verify(session) == ()
        [told] = wrong_chart.of_person(session, SUPERVISOR)
        assert (told.contact, told.reason, told.name) == (note, "It was Alex Moss senior", "Pat Rivera")
        with pytest.raises(NotAllowed):
            wrong_chart.of_person(session, AUTHOR)


def test_nothing_of_it_leaves_that_had_not_left_and_the_ehr_is_told_of_nothing(
    office: Office, note: str
) -> None:
    withdraw(office, note)
    [line] = deliveries(office)
    assert line.state == outbox.HELD
    assert "wrong person" in str(line.reason)
    with office.store.read() as session, pytest.raises(wrong_chart.Held):
        wrong_chart.refuse(session, ISSUER, outbox.NOTE, note)


def test_what_the_ehr_holds_of_it_is_marked_there_and_what_is_told_holds_no_word_of_it(
    office: Office, note: str
) -> None:
    sent(office)
    withdraw(office, note)
    *_, told = deliveries(office)
    assert (told.kind, told.state) == (outbox.WITHDRAWAL, outbox.WAITING)
    leased = taken(office)
    batch = json.loads(leased.payload)
    assert [each["resource"]["status"] for each in batch["entry"]] == ["entered-in-error"] * 3
    assert b"questions" not in leased.payload
    assert b"data" not in leased.payload


def test_an_ehr_that_never_answered_is_told_once_it_has_had_time_to_store_the_note(
    office: Office, note: str
) -> None:
    taken(office)
    withdraw(office, note)
    *_, told = deliveries(office)
    assert told.due_at == office.now + wrong_chart.SETTLING


def test_a_note_that_waits_for_its_cosignature_leaves_the_queue(office: Office) -> None:
    undecided(office)
    contact = drafted(office).contact.id
    signed(office, contact)
    withdraw(office, contact)
    with office.store.read() as session:
        assert charting.of_person(session, AUTHOR) == []
    assert deliveries(office) == []


def test_an_unreleased_claim_is_withdrawn_and_a_released_one_is_taken_back(office: Office) -> None:
    undecided(office)
    first, biller = final(office), actor(MORENO)
    with office.store.write() as session:
        [claim] = billing.listing(session, biller)
        assert billing.release(session, biller, claim.control_number, office.library, office.now).released
    withdraw(office, first)
    with office.store.read() as session:
        found = {each.prior: each for each in billing.listing(session, biller)}
    assert found[claim.control_number].voids
    other = final(office, minutes=20)
    withdraw(office, other)
    with office.store.read() as session:
        assert {each.prior for each in billing.listing(session, biller)} == {None, claim.control_number}


@pytest.mark.parametrize(
    ("who", "reason", "problem"),
    [
        (actor(OKAFOR, MOSS), "Wrong", NotAllowed),
        (actor(CHEN, MOSS), "Wrong", NotAllowed),
        (actor(RIVERA, LINDQVIST), "Wrong", NotFound),
        (actor(RIVERA, MOSS, "elsewhere"), "Wrong", NotFound),
        (AUTHOR, " ", MendInput),
    ],
    ids=["another peer", "an LPHA", "another chart", "another EHR", "no reason"],
)
def test_only_its_author_or_a_supervisor_says_so_in_that_chart_and_why(
    office: Office, note: str, who: Any, reason: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        withdraw(office, note, who, reason)


def test_it_is_said_once_and_not_while_its_author_changes_it(office: Office, note: str) -> None:
    with office.store.write() as session:
        charting.amend(session, AUTHOR, note, office.library, office.now)
    with pytest.raises(Stale):
        withdraw(office, note)
    with office.store.write() as session:
        charting.discard(session, AUTHOR, note, office.library, office.now)
    withdraw(office, note, SUPERVISOR)
    with pytest.raises(NotFound):
        withdraw(office, note)


def test_a_claim_of_a_part_2_programme_is_not_released_without_a_consent(office: Office, note: str) -> None:
    with office.store.write() as session:
        part2 = program().model_copy(update={"part2": True})
        staff.save_program(session, SETTING_UP, part2, office.now, organization="Organization/org-riverbend")
    with office.store.write() as session:
        [claim] = billing.listing(session, actor(MORENO))
        done = billing.release(session, actor(MORENO), claim.control_number, office.library, office.now)
    assert not done.released
    assert "payers, by claims" in done.reason


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def second_version() -> dict[str, Any]:
    """The next version of the same note, which replaces it."""
    text = json.dumps(note_bundle(1)).replace("C-1/note/1", "C-1/note/2").replace("C-1%2Fnote", "C-1%2Fnote")
    text = text.replace("C-1%2Fnote%2F1", "C-1%2Fnote%2F2")
    bundle: dict[str, Any] = json.loads(text)
    document = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "DocumentReference")
    series = document["resource"]["identifier"][1]
    target = {"type": "DocumentReference", "identifier": series}
    document["resource"]["relatesTo"] = [{"code": "replaces", "target": target}]
    return bundle


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_a_version_that_is_replaced_becomes_superseded_where_the_ehr_allows_updates(
    ehr: House, takes: str
) -> None:
    ehr.takes = takes
    ehr.add_note()
    ehr.add(second_version(), outbox.NOTE, "note/1/2", PATIENT, "C-1")
    ehr.deliver()
    found = {each["identifier"][0]["value"]: each["status"] for each in ehr.all_of("DocumentReference")}
    assert found == {"C-1/note/1": "superseded", "C-1/note/2": "current"}


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_every_version_in_the_ehr_is_marked_as_entered_in_error_and_its_text_stays(
    ehr: House, takes: str
) -> None:
    ehr.takes = takes
    first = ehr.add_note()
    ehr.add(second_version(), outbox.NOTE, "note/1/2", PATIENT, "C-1")
    ehr.add_note(2)
    ehr.deliver()
    told = withdrawal("C-1", [first, second_version()])
    ehr.add(told, outbox.WITHDRAWAL, "withdrawal/C-1", PATIENT, "withdrawal/C-1")
    ehr.deliver()
    assert {line.state for line in ehr.lines()} == {outbox.IN_CHART}
    documents = {each["identifier"][0]["value"]: each for each in ehr.all_of("DocumentReference")}
    statuses = {name: each["status"] for name, each in documents.items()}
    gone = "entered-in-error"
    assert statuses == {"C-1/note/1": gone, "C-1/note/2": gone, "C-2/note/1": "current"}
    assert documents["C-1/note/1"]["content"] == next(
        e["resource"]["content"]
        for e in first["entry"]
        if e["resource"]["resourceType"] == "DocumentReference"
    )
    if takes == "full":
        assert [each["status"] for each in ehr.all_of("Encounter") if each["identifier"][0]["value"] == "C-1"]


def test_what_never_arrived_is_not_put_there_by_the_word_that_it_is_wrong(ehr: House) -> None:
    told = withdrawal("C-1", [note_bundle(1)])
    ehr.add(told, outbox.WITHDRAWAL, "withdrawal/C-1", PATIENT, "withdrawal/C-1")
    assert [each.state for each in ehr.deliver()] == [outbox.IN_CHART]
    assert ehr.all_of("DocumentReference") == []


def test_an_ehr_that_lets_nothing_be_changed_has_people_mark_the_note(
    ehr: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = Override(creates=frozenset({"DocumentReference"}), updates=frozenset(), name="only")
    monkeypatch.setattr("tests.app.delivery_house.PRESETS", {"full": only})
    told = withdrawal("C-1", [note_bundle(1)])
    ehr.add(told, outbox.WITHDRAWAL, "withdrawal/C-1", PATIENT, "withdrawal/C-1")
    [report] = ehr.deliver()
    assert report.state == outbox.HELD
    assert "by hand" in report.reason


def test_what_is_no_bundle_of_the_contact_cannot_be_withdrawn() -> None:
    with pytest.raises(NotFit, match="no note of C-9"):
        withdrawal("C-9", [note_bundle(1)])


@pytest.fixture
def unknown(office: Office) -> Office:
    """Of the person a goal is known, and no state."""
    with office.store.write() as session:
        engagement.set_goal(session, AUTHOR, "Decide whether to start", office.now)
    return office


def history_of(office: Office) -> list[tuple[str, str]]:
    with office.store.read() as session:
        return [(each.status, str(each.at)) for each in history.entries(session, ISSUER, MOSS)]


def test_an_engagement_that_the_note_alone_began_is_withdrawn_with_it_and_the_ehr_is_told(
    unknown: Office,
) -> None:
    office = unknown
    note = final(office)
    assert history_of(office) == [("undecided", "2026-03-04")]
    withdraw(office, note)
    assert history_of(office) == []
    with office.store.read() as session:
        [gone] = history.all_written(session, ISSUER, MOSS)
        assert gone.withdrawn is not None
        assert gone.withdrawn.reason == "The contact that began it was entered in error"
        told = [line for line in outbox.listing(session, None) if line.kind == outbox.EPISODE]
        assert [line.key.endswith("/in-error") for line in told] == [True, False]
        assert audit.verify(session) == ()


def test_what_another_contact_tells_of_the_beginning_stands_after_it(unknown: Office) -> None:
    office = unknown
    note = final(office)
    office.later(days=1)
    final(office)
    withdraw(office, note)
    assert history_of(office) == [("undecided", "2026-03-05")]


def test_a_beginning_that_another_contact_of_that_day_tells_of_too_stays(unknown: Office) -> None:
    office = unknown
    note = final(office)
    office.later(hours=2)
    final(office)
    before = history_of(office)
    withdraw(office, note)
    assert history_of(office) == before == [("undecided", "2026-03-04")]


def test_a_beginning_that_a_person_stated_stays(office: Office, note: str) -> None:
    before = history_of(office)
    withdraw(office, note)
    assert history_of(office) == before == [("undecided", "2026-03-01")]
