"""Risk that was seen and service that was not voluntary reach people at the first saving, unsigned."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from app import audit, charting, duties
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.duties import APPEARED, SEEN, WITHDRAWN
from app.migrations.versions import duties_seen
from app.problems import NotAllowed, NotFound, Stale
from app.tables import DutyRow
from mappings.records import Risk, Service
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    HADDAD,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    OKAFOR,
    RIVERA,
    WHITFIELD,
    actor,
    cosigned,
    drafted,
    signed,
    undecided,
)

UNTOLD = {"risk": {"seen": True}}
FORCED = {"service": {"voluntary": False}}
TOLD_AT = "2026-03-04T15:30:00+00:00"
TOLD = {"risk": {"seen": True, "notified": CHEN, "at": TOLD_AT}}


def listed(office, who=CHEN, patient=None, since=None):
    with office.store.read() as session:
        return duties.listing(session, actor(who, patient), since)


def saved(office, draft, by=RIVERA, patient=MOSS, **changes):
    """The author saves the draft once more, with these parts of it changed."""
    with office.store.write() as session:
        contact = draft.contact.model_copy(update=changes)
        who = actor(by, patient)
        return charting.save_draft(session, who, contact, draft.edit, office.library, office.later(minutes=1))


def acknowledged(office, duty, by=CHEN, patient=None):
    with office.store.write() as session:
        now = office.later(minutes=1)
        duties.acknowledge(session, actor(by, patient), duty.contact, duty.duty, duty.number, now)


def trail(office, contact):
    with office.store.read() as session:
        assert audit.verify(session) == ()
        lines = audit.of_subject(session, ISSUER, contact)
    return [line.action for line in lines if "repor" in line.action]


@pytest.mark.parametrize("who", [WHITFIELD, CHEN, HADDAD])
def test_risk_in_a_draft_is_seen_at_the_first_saving_by_those_who_answer_for_it(office, who):
    draft = drafted(office, **TOLD)
    (duty,) = listed(office, who).open
    assert (duty.contact, duty.duty, duty.rule) == (draft.contact.id, "risk", "GEN.SCOPE.RISK")
    assert (duty.person, duty.mrn, duty.peer) == ("Alex Moss", "MRN-70001", "Pat Rivera")
    assert (duty.start, duty.reported_at) == (draft.contact.start, office.now)
    assert (duty.told, duty.told_at) == ("Dana Chen", datetime(2026, 3, 4, 15, 30, tzinfo=UTC))
    assert not duty.nobody_told


def test_service_that_was_not_voluntary_is_seen_at_the_first_saving(office):
    drafted(office, **FORCED)
    (duty,) = listed(office, WHITFIELD).open
    assert (duty.duty, duty.rule, duty.nobody_told) == ("voluntary", "GEN.SCOPE.VOLUNTARY", False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"risk": {"seen": False}}, set()),
        ({"risk": {"seen": None}}, set()),
        ({"risk": {"notified": CHEN}}, set()),
        ({"service": {"voluntary": None}}, set()),
        (UNTOLD, {"risk"}),
        (FORCED, {"voluntary"}),
        (UNTOLD | FORCED, {"risk", "voluntary"}),
    ],
)
def test_only_what_was_said_is_reported_and_a_blank_is_no_report(office, changes, expected):
    drafted(office, **changes)
    assert {duty.duty for duty in listed(office).open} == expected


def test_nothing_that_is_shown_holds_a_word_of_the_note(office):
    draft = drafted(office, **UNTOLD | FORCED)
    shown = repr(listed(office))
    words = [draft.contact.note.purpose, draft.contact.note.response, draft.contact.note.own_words]
    assert all(word and word not in shown for word in words)


@pytest.mark.parametrize("who", [RIVERA, OKAFOR, MORENO])
def test_peers_and_billers_are_not_given_the_list(office, who):
    drafted(office, **UNTOLD)
    with pytest.raises(NotAllowed):
        listed(office, who)


def test_risk_of_which_nobody_was_told_stands_first_whatever_its_age(office):
    drafted(office, **TOLD)
    office.later(hours=1)
    drafted(office, LINDQVIST, by=OKAFOR, **UNTOLD | FORCED)
    found = [(duty.patient, duty.duty, duty.nobody_told) for duty in listed(office).open]
    assert found == [(LINDQVIST, "risk", True), (MOSS, "risk", False), (LINDQVIST, "voluntary", False)]


def test_blanks_in_place_of_a_name_tell_nobody(office):
    draft = drafted(office)
    saved(office, draft, risk=Risk(seen=True, notified="  "))
    assert listed(office).open[0].nobody_told


def test_that_somebody_was_told_since_shows_with_the_next_saving(office):
    draft = drafted(office, **UNTOLD)
    saved(office, draft, risk=Risk(seen=True, notified=HADDAD, at=office.now))
    (duty,) = listed(office).open
    assert duty.told == "Omar Haddad"
    assert trail(office, draft.contact.id) == ["risk reported"]


def test_in_a_chart_only_its_person_is_shown_and_another_ehr_shows_nothing(office):
    drafted(office, **UNTOLD)
    assert len(listed(office, CHEN, MOSS).open) == 1
    assert listed(office, CHEN, LINDQVIST).open == ()
    with office.store.read() as session:
        elsewhere = actor(CHEN, None, ELSEWHERE)
        assert duties.listing(session, elsewhere).open == ()


def test_what_somebody_saw_moves_below_with_who_and_when(office):
    draft = drafted(office, **UNTOLD)
    acknowledged(office, listed(office).open[0])
    at = office.now
    known = listed(office, WHITFIELD)
    assert known.open == ()
    assert [(each.by, each.name, each.at) for each in known.seen[0].seen] == [(CHEN, "Dana Chen", at)]
    assert not known.seen[0].seen_by_me
    assert trail(office, draft.contact.id) == ["risk reported", "report seen"]


def test_a_second_person_can_see_it_too_and_the_same_person_only_once(office):
    draft = drafted(office, **UNTOLD)
    (duty,) = listed(office).open
    for who in (CHEN, CHEN, WHITFIELD):
        acknowledged(office, duty, who)
    assert [each.by for each in listed(office).seen[0].seen] == [CHEN, WHITFIELD]
    assert trail(office, draft.contact.id).count("report seen") == 2


def test_in_the_list_what_was_seen_long_ago_stands_in_the_chart_alone(office):
    drafted(office, **UNTOLD)
    acknowledged(office, listed(office).open[0])
    later = office.now + timedelta(seconds=1)
    assert len(listed(office, since=office.now).seen) == 1
    assert listed(office, since=later).seen == ()
    assert len(listed(office, CHEN, MOSS).seen) == 1


def test_what_nobody_saw_never_leaves_the_list_by_its_age(office):
    drafted(office, **UNTOLD)
    assert len(listed(office, since=office.now + timedelta(days=400)).open) == 1


def test_a_fact_that_is_taken_back_leaves_the_list_and_stays_in_the_audit(office):
    draft = drafted(office, **UNTOLD | FORCED)
    saved(office, draft, risk=Risk(seen=False), service=Service(voluntary=True))
    assert listed(office) == duties.Duties((), ())
    assert trail(office, draft.contact.id) == [
        "risk reported",
        "service reported as not voluntary",
        "report of risk withdrawn",
        "report of service not voluntary withdrawn",
    ]


def test_a_fact_that_comes_again_has_to_be_seen_again(office):
    draft = drafted(office, **UNTOLD)
    (before,) = listed(office).open
    acknowledged(office, before)
    draft = saved(office, draft, risk=None)
    with pytest.raises(Stale):
        acknowledged(office, before)
    saved(office, draft, risk=Risk(seen=True))
    (again,) = listed(office).open
    assert again.seen == ()
    with pytest.raises(Stale):
        acknowledged(office, before, WHITFIELD)


def test_a_discarded_draft_takes_its_report_back(office):
    contact = drafted(office, **UNTOLD).contact.id
    with office.store.write() as session:
        charting.discard(session, actor(RIVERA, MOSS), contact, office.library, office.later(minutes=1))
    assert listed(office).open == ()
    assert trail(office, contact) == ["risk reported", "report of risk withdrawn"]


def test_a_discarded_change_of_a_signed_note_brings_back_what_the_signed_one_says(office):
    undecided(office)
    contact = drafted(office, **UNTOLD).contact.id
    office.later(minutes=1)
    signed(office, contact)
    me = actor(RIVERA, MOSS)
    with office.store.write() as session:
        fresh = charting.amend(session, me, contact, office.library, office.later(minutes=1))
    saved(office, fresh, risk=Risk(seen=False))
    assert listed(office).open == ()
    with office.store.write() as session:
        charting.discard(session, me, contact, office.library, office.later(minutes=1))
    assert [duty.contact for duty in listed(office).open] == [contact]


def test_a_signature_makes_no_report_go_away(office):
    undecided(office)
    contact = drafted(office, **UNTOLD).contact.id
    office.later(minutes=1)
    signed(office, contact)
    assert len(listed(office).open) == 1
    office.later(minutes=1)
    cosigned(office, contact)
    assert len(listed(office).open) == 1


def test_nobody_acknowledges_a_report_of_their_own(office):
    drafted(office, **UNTOLD)
    both = replace(actor(RIVERA), roles=frozenset({PEER, SUPERVISOR}))
    with office.store.write() as session:
        (duty,) = duties.listing(session, both).open
        assert duty.mine
        with pytest.raises(NotAllowed):
            duties.acknowledge(session, both, duty.contact, duty.duty, duty.number, office.now)


@pytest.mark.parametrize(
    ("who", "patient", "duty", "refused"),
    [
        (OKAFOR, None, "risk", NotAllowed),
        (MORENO, None, "risk", NotAllowed),
        (CHEN, LINDQVIST, "risk", NotFound),
        (CHEN, None, "voluntary", NotFound),
        (CHEN, None, "gossip", NotFound),
    ],
)
def test_what_is_not_theirs_to_see_is_acknowledged_by_nobody(office, who, patient, duty, refused):
    drafted(office, **UNTOLD)
    (shown,) = listed(office).open
    with pytest.raises(refused):
        acknowledged(office, replace(shown, duty=duty), who, patient)


def test_another_ehr_acknowledges_nothing_here(office):
    drafted(office, **UNTOLD)
    (duty,) = listed(office).open
    with office.store.write() as session, pytest.raises(NotFound):
        who = actor(CHEN, None, ELSEWHERE, LPHA, CLINICIAN)
        duties.acknowledge(session, who, duty.contact, duty.duty, duty.number, office.now)


def test_notes_of_an_older_installation_are_reported_when_the_schema_is_brought_up(office):
    contact = drafted(office, **UNTOLD | FORCED).contact.id
    drafted(office, LINDQVIST, by=OKAFOR)
    with office.store.write() as session:
        for trigger in ("duties_seen_never_changes", "duties_seen_never_goes"):
            session.execute(text(f"DROP TRIGGER {trigger}"))
        session.execute(text("DELETE FROM duties_seen"))
        for statement in duties_seen.WHAT_IS_KNOWN:
            session.connection().exec_driver_sql(statement)
    assert {(duty.contact, duty.duty) for duty in listed(office).open} == {
        (contact, "risk"),
        (contact, "voluntary"),
    }


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_the_moments_of_a_duty_are_numbered_and_turn_by_turn(office, turns):
    draft = drafted(office)
    for turn in range(turns):
        draft = saved(office, draft, risk=Risk(seen=turn % 2 == 0))
        for duty in listed(office).open:
            acknowledged(office, duty)
    with office.store.read() as session:
        rows = session.query(DutyRow).order_by(DutyRow.number).all()
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        events = [row.event for row in rows]
        assert all(one.at < two.at for one, two in pairwise(rows))
    assert events == ([APPEARED, SEEN, WITHDRAWN] * turns)[: len(events)]
    assert len(listed(office).seen) == turns % 2
