"""Engagement: every step stays, only possible steps are taken, and the rules hear of each at once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app import billing, charting, engagement, outbox, signing
from app.problems import MendInput, NotAllowed
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, UNDECIDED
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    ISSUER,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    WHITFIELD,
    actor,
    admitted,
    drafted,
    final,
    undecided,
)

FIRST = date(2026, 3, 1)


def step(office, status, at=FIRST, by=CHEN, patient=MOSS):
    with office.store.write() as session:
        return engagement.record(session, actor(by, patient), status, at, office.library, office.now)


def known(office, patient=MOSS, issuer=ISSUER):
    with office.store.read() as session:
        return engagement.of(session, issuer, patient)


def test_a_person_nobody_spoke_of_has_no_history_and_no_goal(office):
    assert known(office).history == ()
    assert known(office).goal is None


@pytest.mark.parametrize(
    "walk",
    [
        (UNDECIDED, ADMITTED, DISCHARGED, UNDECIDED, ADMITTED),
        (UNDECIDED, DECLINED, UNDECIDED, DECLINED),
        (ADMITTED, DISCHARGED),
        (DECLINED, UNDECIDED, ADMITTED),
        (UNDECIDED, DECLINED, ADMITTED),
        (ADMITTED, DISCHARGED, ADMITTED),
    ],
)
def test_the_steps_of_an_engagement_follow_each_other_and_all_stay(office, walk):
    for status in walk:
        step(office, status)
    assert tuple(entry.status for entry in known(office).history) == walk


@pytest.mark.parametrize(
    "walk",
    [
        (DISCHARGED,),
        (UNDECIDED, UNDECIDED),
        (UNDECIDED, DISCHARGED),
        (ADMITTED, DECLINED),
        (ADMITTED, UNDECIDED),
        (UNDECIDED, DECLINED, DISCHARGED),
        (ADMITTED, DISCHARGED, DECLINED),
        ("moved away",),
    ],
)
def test_an_impossible_step_is_refused_and_changes_nothing(office, walk):
    for status in walk[:-1]:
        step(office, status)
    with pytest.raises(MendInput) as caught:
        step(office, walk[-1])
    assert "status" in caught.value.errors
    assert len(known(office).history) == len(walk) - 1


@pytest.mark.parametrize(
    "at",
    [date(2026, 3, 5), NOW + timedelta(minutes=1), datetime(2026, 2, 28, 12, tzinfo=UTC), date(2026, 2, 28)],
)
def test_a_step_in_the_future_or_before_the_last_one_is_refused(office, at):
    step(office, UNDECIDED)
    with pytest.raises(MendInput):
        step(office, ADMITTED, at)


def test_the_day_counts_where_the_programme_is(office):
    office.now = datetime(2026, 3, 5, 3, 0, tzinfo=UTC)
    with pytest.raises(MendInput, match="still to come"):
        step(office, UNDECIDED, date(2026, 3, 5))
    assert step(office, UNDECIDED, date(2026, 3, 4)).history[0].at == date(2026, 3, 4)


def test_a_day_stays_a_day_and_a_time_stays_a_time(office):
    at = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)
    step(office, UNDECIDED, FIRST)
    history = step(office, ADMITTED, at).history
    assert [entry.at for entry in history] == [FIRST, at]
    assert not isinstance(history[0].at, datetime)


@pytest.mark.parametrize(
    ("by", "status", "allowed"),
    [
        (RIVERA, UNDECIDED, True),
        (RIVERA, DECLINED, True),
        (RIVERA, ADMITTED, False),
        (WHITFIELD, ADMITTED, True),
        (MORENO, UNDECIDED, False),
    ],
)
def test_admission_is_the_programmes_to_record_and_the_talk_before_it_the_peers(office, by, status, allowed):
    if allowed:
        assert step(office, status, by=by).history[-1].status == status
    else:
        with pytest.raises(NotAllowed):
            step(office, status, by=by)


def test_a_launch_without_a_person_records_nothing(office):
    with pytest.raises(NotAllowed, match="No individual"):
        step(office, UNDECIDED, patient=None)


def test_the_goal_is_that_of_the_last_wording_and_never_blank(office):
    who = actor(RIVERA, MOSS)
    with office.store.write() as session:
        engagement.set_goal(session, who, "One", NOW)
        engagement.set_goal(session, who, "  Two ", NOW)
        with pytest.raises(MendInput):
            engagement.set_goal(session, who, " ", NOW)
    assert (known(office).goal, known(office).goal_on) == ("Two", date(2026, 3, 4))


def test_each_step_goes_to_the_chart_in_its_order(office):
    step(office, UNDECIDED)
    step(office, ADMITTED)
    with office.store.read() as session:
        rows = outbox.listing(session, actor(CHEN, MOSS))
    assert [row.kind for row in rows] == ["episode", "episode"]
    assert len({row.key for row in rows}) == 2


def test_engagements_of_two_ehrs_are_apart(office):
    step(office, UNDECIDED)
    assert known(office, issuer=ELSEWHERE).history == ()


def adopt(office, status, at=date(2026, 1, 5)):
    with office.store.write() as session:
        return engagement.adopt(session, ISSUER, MOSS, status, at, "EpisodeOfCare/ep-1", NOW)


def test_what_the_chart_shows_is_taken_over_once_and_not_sent_back(office):
    assert adopt(office, ADMITTED)
    assert not adopt(office, ADMITTED)
    assert [entry.at for entry in known(office).history] == [date(2026, 1, 5)]
    with office.store.read() as session:
        assert outbox.listing(session, None) == ()


def test_what_the_chart_shows_never_overrules_what_was_recorded_later(office):
    step(office, ADMITTED)
    step(office, DISCHARGED)
    assert not adopt(office, UNDECIDED, date(2026, 2, 1))
    assert not adopt(office, ADMITTED)


def test_an_admission_changes_what_the_rules_say_of_a_draft(office):
    undecided(office)
    draft = drafted(office)
    with office.store.read() as session:
        before = signing.shown(session, actor(RIVERA, MOSS), draft.contact.id, office.library, NOW)
    admitted(office, MOSS, FIRST)
    with office.store.read() as session:
        after = signing.shown(session, actor(RIVERA, MOSS), draft.contact.id, office.library, NOW)
        judged = charting.judge(session, actor(RIVERA, MOSS), draft.contact, office.library, NOW)
    assert (before.judgement.state, after.judgement.state, judged.state) == (UNDECIDED, ADMITTED, ADMITTED)
    assert before.digest != after.digest


def test_an_admission_that_was_recorded_late_drafts_the_claims_anew(office):
    undecided(office)
    final(office)
    with office.store.read() as session:
        assert [view.state for view in billing.listing(session, actor(MORENO))] == ["ready"]
    admitted(office, MOSS, FIRST)
    with office.store.read() as session:
        held = billing.listing(session, actor(MORENO))
    assert [view.state for view in held] == ["held"]
    assert held[0].findings


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\ufffe", "x" * 20_001])
def test_a_goal_that_no_signed_note_could_carry_to_the_chart_is_refused(office, text):
    with office.store.write() as session, pytest.raises(MendInput) as refused:
        engagement.set_goal(session, actor(RIVERA, MOSS), text, NOW)
    assert list(refused.value.errors) == ["goal"]
