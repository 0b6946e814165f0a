"""Written consents under 42 CFR Part 2: nothing leaves without one, nothing after one is revoked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import consents, disclosures, individuals, outbox, staff
from app.consents import ConsentMissing, Given
from app.problems import MendInput, NotAllowed, NotFound, Stale
from mappings.disclosure import CHART, CLAIMS, NOTICE
from tests.app import office as people
from tests.app.delivery_house import PATIENT, House, house, note_bundle
from tests.app.office import CHEN, MORENO, RIVERA, WHITFIELD, Office, actor

GIVEN = Given("tpo", (CHART, CLAIMS), "my treating providers", date(2026, 1, 5), None, "Binder 7", "")
PEER = actor(RIVERA, PATIENT)


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        program = people.program().model_copy(update={"part2": True})
        with made.store.write() as session:
            staff.save_program(session, people.SETTING_UP, program, made.now)
            for who in (RIVERA, CHEN):
                staff.save(
                    session,
                    people.SETTING_UP,
                    people.member(who),
                    frozenset(people.ROLES[who]),
                    True,
                    made.now,
                )
            person = people.individual(70001)
            individuals.remember(session, "sandbox", PATIENT, person, (), individuals.PersonLinks(), made.now)
        yield made


@pytest.fixture
def part2(office: Office) -> Office:
    """An office without an EHR that answers."""
    program = people.program().model_copy(update={"part2": True})
    with office.store.write() as session:
        staff.save_program(session, people.SETTING_UP, program, office.now)
    return office


def given(made: House | Office, what: Given = GIVEN) -> int:
    with made.store.write() as session:
        return consents.record(session, PEER, what, made.now)


def revoked(made: House | Office, number: int) -> consents.Revoked:
    with made.store.write() as session:
        return consents.revoke(session, PEER, number, "Said so on the phone", made.now)


def accounted(made: House) -> tuple[disclosures.Disclosure, ...]:
    with made.store.read() as session:
        return disclosures.of_patient(session, "sandbox", PATIENT)


def states(made: House) -> list[str]:
    return [line.state for line in made.lines()]


def test_a_note_of_a_part_2_programme_is_held_until_the_person_consents_and_then_leaves(ehr: House) -> None:
    ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.HELD
    assert report.reason.startswith("42 CFR Part 2: no written consent in force")
    assert ehr.all_of("DocumentReference") == []
    assert accounted(ehr) == ()
    given(ehr)
    assert states(ehr) == [outbox.WAITING]
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_what_leaves_by_a_consent_carries_label_notice_and_its_scope(ehr: House, takes: str) -> None:
    ehr.takes = takes
    given(ehr)
    sent = ehr.add_note()
    ehr.deliver()
    [there] = ehr.all_of("DocumentReference")
    assert "42CFRPart2" in [each["code"] for each in there["meta"]["security"]]
    assert NOTICE in there["description"]
    assert "to disclose records of peer support to my treating providers" in there["description"]
    before = next(
        e["resource"] for e in sent["entry"] if e["resource"]["resourceType"] == "DocumentReference"
    )
    assert there["content"] == before["content"]


@pytest.mark.parametrize(
    "what",
    [
        replace(GIVEN, scope="payment"),
        replace(GIVEN, destinations=(CLAIMS,)),
        replace(GIVEN, from_=date(2026, 7, 2)),
        replace(GIVEN, until=date(2026, 6, 30)),
    ],
    ids=["another purpose", "another recipient", "not begun", "over"],
)
def test_a_consent_to_something_else_or_of_another_time_lets_nothing_go(ehr: House, what: Given) -> None:
    given(ehr, what)
    ehr.add_note()
    assert [each.state for each in ehr.deliver()] == [outbox.HELD]
    assert ehr.all_of("DocumentReference") == []


def test_what_was_written_under_part_2_stays_so_when_the_programme_no_longer_is(ehr: House) -> None:
    payload = note_bundle(1)
    payload["entry"][0]["resource"]["meta"] = {"security": [{"system": "x", "code": "42CFRPart2"}]}
    with ehr.store.write() as session:
        staff.save_program(session, people.SETTING_UP, people.program(), ehr.now)
    ehr.add(payload, outbox.NOTE, "note/1/1", PATIENT, "C-1")
    assert [each.state for each in ehr.deliver()] == [outbox.HELD]


def test_without_part_2_nothing_asks_for_a_consent_and_what_left_is_accounted_for(ehr: House) -> None:
    with ehr.store.write() as session:
        staff.save_program(session, people.SETTING_UP, people.program(), ehr.now)
    ehr.add_note()
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    [one] = accounted(ehr)
    assert (one.what, one.purpose, one.part2, one.consent) == ("Signed note", "treatment", False, None)
    assert one.recipient.endswith("/fhir")


def test_a_revocation_holds_what_waits_and_a_new_consent_lets_it_go(ehr: House) -> None:
    number = given(ehr)
    for each in (1, 2, 3):
        ehr.add_note(each)
    assert len(revoked(ehr, number).stopped) == 3
    assert states(ehr) == [outbox.HELD] * 3
    given(ehr)
    assert states(ehr) == [outbox.WAITING] * 3


def test_another_consent_that_still_stands_is_enough(ehr: House) -> None:
    number = given(ehr)
    given(ehr, replace(GIVEN, scope="treatment"))
    ehr.add_note()
    assert revoked(ehr, number).stopped == ()
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]


class Revoking:
    """A line to the EHR on which a consent is revoked right after a write, and whatever is written later."""

    def __init__(self, made: House, number: int, after: int) -> None:
        self.made, self.number, self.after = made, number, after
        self.written, self.late = 0, list[str]()
        self.exchange, self.done = made.http.exchange, False  # type: ignore[attr-defined]  # of http_session
        made.http.exchange = self  # type: ignore[attr-defined]  # as above

    def __call__(self, method: str, address: str, *how: Any) -> Any:
        writes = method in ("POST", "PUT") and "/fhir" in address
        if writes and self.done:
            self.late.append(f"{method} {address}")
        answer = self.exchange(method, address, *how)
        self.written += writes
        if writes and self.written == self.after and not self.done:
            revoked(self.made, self.number)
            self.done = True
        return answer


@pytest.mark.parametrize("after", [1, 3, 7])
@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_after_a_revocation_no_request_with_a_record_leaves(ehr: House, takes: str, after: int) -> None:
    ehr.takes = takes
    number = given(ehr)
    for each in (1, 2, 3):
        ehr.add_note(each)
    ehr.ehr()
    line = Revoking(ehr, number, after)
    ehr.deliver()
    assert line.late == []
    if line.done:
        assert all(each.at <= ehr.clock.now for each in accounted(ehr))
        assert outbox.WAITING not in states(ehr)


def test_a_revocation_between_an_unknown_outcome_and_the_next_attempt_stops_the_attempt(ehr: House) -> None:
    number = given(ehr)
    ehr.ehr()
    ehr.add_note()
    ehr.fault("drop-after-commit", count=1)
    [report] = ehr.worker().drain()
    assert report.state == outbox.WAITING
    revoked(ehr, number)
    line = Revoking(ehr, number, 0)
    line.done = True
    ehr.deliver()
    assert (line.late, states(ehr)) == ([], [outbox.HELD])
    given(ehr)
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted()["DocumentReference"] == 1


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_what_was_frozen_and_never_sent_leaves_with_the_explanation_of_the_consent_it_leaves_by(
    ehr: House, takes: str
) -> None:
    ehr.takes = takes
    first = given(ehr, replace(GIVEN, explanation="The first consent, of January."))
    ehr.ehr()
    ehr.add_note()
    ehr.fault("refuse", count=1)
    [report] = ehr.worker().drain()
    assert report.state == outbox.REFUSED
    revoked(ehr, first)
    given(ehr, replace(GIVEN, explanation="The second consent, of July."))
    with ehr.store.write() as session:
        outbox.retry(session, actor(WHITFIELD), ehr.lines()[0].id, ehr.now)
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    [there] = ehr.all_of("DocumentReference")
    assert "The second consent, of July." in there["description"]
    assert "The first consent" not in json.dumps(there)


def test_the_accounting_names_each_record_once_however_often_it_was_tried(ehr: House) -> None:
    number = given(ehr)
    ehr.ehr()
    ehr.add_note()
    ehr.fault("fail-after-commit", count=2)
    ehr.deliver()
    [one] = accounted(ehr)
    assert (one.consent, one.part2, one.state, one.key) == (number, True, outbox.IN_CHART, "note/1/1")
    text = disclosures.as_csv((one,))
    assert text.splitlines()[1].split(",")[2:5] == ["treatment", "Signed note", "note/1/1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scope": "anything"}, "scope"),
        ({"destinations": ()}, "destinations"),
        ({"recipient": " "}, "recipient"),
        ({"from_": None}, "from"),
        ({"until": date(2026, 1, 4)}, "until"),
        ({"copy": "", "explanation": ""}, "copy"),
    ],
)
def test_a_consent_that_says_too_little_is_not_recorded(
    part2: Office, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(MendInput) as problem:
        given(part2, replace(GIVEN, **changes))
    assert list(problem.value.errors) == [field]


def test_a_consent_is_revoked_once_by_people_who_work_with_the_person_and_says_how(part2: Office) -> None:
    number = given(part2)
    with part2.store.write() as session, pytest.raises(MendInput):
        consents.revoke(session, PEER, number, " ", part2.now)
    with part2.store.write() as session, pytest.raises(NotFound):
        consents.revoke(session, actor(RIVERA, "pat-farrell"), number, "No", part2.now)
    with part2.store.write() as session, pytest.raises(NotAllowed):
        consents.revoke(session, actor(MORENO, PATIENT), number, "No", part2.now)
    revoked(part2, number)
    with part2.store.write() as session, pytest.raises(Stale):
        consents.revoke(session, PEER, number, "Again", part2.now)


def test_the_page_says_which_consents_are_there_and_what_is_missing(part2: Office) -> None:
    over = given(part2, replace(GIVEN, until=date(2026, 2, 1)))
    number = given(part2, replace(GIVEN, destinations=(CHART,)))
    part2.later(minutes=5)
    revoked(part2, number)
    with part2.store.read() as session:
        page = consents.of_person(session, PEER, part2.now)
        accounting = disclosures.of_person(session, actor(WHITFIELD, PATIENT))
    assert [(each.consent.number, each.state) for each in page.kept] == [(number, "revoked"), (over, "over")]
    assert page.kept[0].ended == "Said so on the phone"
    assert page.missing == (CHART, CLAIMS)
    assert accounting == ()


def test_what_needs_a_consent_says_so_whoever_asks(part2: Office) -> None:
    with part2.store.read() as session:
        with pytest.raises(ConsentMissing, match="payers, by claims"):
            consents.by_which(session, "sandbox", PATIENT, CLAIMS, part2.now)
        assert consents.allowing(session, "sandbox", PATIENT, CHART, part2.now + timedelta(days=1)) is None
