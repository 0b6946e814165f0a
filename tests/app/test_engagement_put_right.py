"""What was written late or with a wrong day is put right by a line of its own.

Nothing is overwritten, the EHR keeps one episode for each engagement, and the order of writing makes no
difference in the end."""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import audit, billing, engagement, history, judging, outbox
from app.charting import save_draft
from app.problems import MendInput, NotAllowed, NotFound, Stale
from app.tables import EngagementRow, OutboxRow, VersionRow
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, UNDECIDED, stretches
from mappings.intake import record_from
from tests.app.office import (
    CHEN,
    ISSUER,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    WHITFIELD,
    actor,
    cosigned,
    drafted,
    open_office,
    signed,
)

FIRST = date(2026, 1, 1)
WHY = "It was told a week later"


def day(number):
    return FIRST + timedelta(days=number)


def step(office, status, at, reason="", by=CHEN):
    with office.store.write() as session:
        return engagement.record(session, actor(by, MOSS), status, at, office.library, office.now, reason)


def put_right(office, number, at, reason=WHY, by=CHEN):
    with office.store.write() as session:
        return engagement.put_right(session, actor(by, MOSS), number, at, reason, office.library, office.now)


def entries(office):
    with office.store.read() as session:
        return history.entries(session, ISSUER, MOSS)


def told(office):
    return [(entry.status, entry.at) for entry in entries(office)]


def goal(office):
    with office.store.write() as session:
        engagement.set_goal(session, actor(RIVERA, MOSS), "Decide", datetime(2026, 1, 1, 12, tzinfo=UTC))


def contact(office, number):
    """A contact of a day, fit to be signed before and after an admission."""
    at = datetime(2026, 1, 1, 15, tzinfo=UTC) + timedelta(days=number)
    begun = drafted(office, at=at)
    service = begun.contact.service.model_dump(mode="json", by_alias=True)
    service |= {"basis": "ad-hoc", "rationale": "Asked for a talk before Friday."}
    draft = _saved(office, begun, service)
    office.later(seconds=10)
    signed(office, draft.contact.id)
    return draft.contact.id


def _saved(office, begun, service):
    data = begun.contact.model_dump(mode="json", by_alias=True) | {"service": service}
    with office.store.write() as session:
        return save_draft(
            session, actor(RIVERA, MOSS), record_from(data), begun.edit, office.library, office.now
        )


def held_by_the_decline(office):
    """The days of the signed contacts that NY.PRE.DECLINE holds."""
    with office.store.read() as session:
        rows = session.scalars(select(VersionRow).where(VersionRow.frozen_at.is_not(None))).all()
        found = set()
        for record in judging.as_judged(session, ISSUER, rows):
            around = judging.around(session, ISSUER, MOSS, record)
            finding = around.judged(record, office.library, office.now).finding("NY.PRE.DECLINE")
            if finding.blocks:
                found.add(record.start)
        return found


def episodes_sent(office):
    """Every EpisodeOfCare that was sent for its own sake: identifier and status, in order."""
    with office.store.read() as session:
        rows = session.scalars(
            select(OutboxRow).where(OutboxRow.kind == outbox.EPISODE).order_by(OutboxRow.id)
        ).all()
        bundles = [json.loads(row.payload) for row in rows]
    found = [e["resource"] for b in bundles for e in b["entry"]]
    return [(r["identifier"][0]["value"], r) for r in found if r["resourceType"] == "EpisodeOfCare"]


def test_a_contact_of_an_earlier_day_that_is_written_later_moves_the_beginning(office):
    goal(office)
    contact(office, 9)
    contact(office, 5)
    assert told(office) == [(UNDECIDED, day(5))]
    [begun] = entries(office)
    assert begun.automatic
    assert (begun.first_at, [c.at for c in begun.corrections]) == (day(9), [day(5)])


def test_the_moved_beginning_stays_one_episode_under_its_identifier(office):
    goal(office)
    contact(office, 9)
    contact(office, 5)
    (first, before), (second, after) = episodes_sent(office)
    assert first == second
    starts = [one["statusHistory"][0]["period"]["start"] for one in (before, after)]
    assert starts == [day(9).isoformat(), day(5).isoformat()]


def test_the_note_of_the_earlier_day_names_the_same_episode(office):
    goal(office)
    late = contact(office, 9)
    early = contact(office, 5)
    for each in (late, early):
        office.later(minutes=1)
        cosigned(office, each)
    with office.store.read() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == outbox.NOTE)).all()
    named = {
        entry["resource"]["identifier"][0]["value"]
        for row in rows
        for entry in json.loads(row.payload)["entry"]
        if entry["resource"]["resourceType"] == "EpisodeOfCare"
    }
    assert len(rows) == 2
    assert named == {name for name, _ in episodes_sent(office)}
    with office.store.read() as session:
        assert {view.state for view in billing.listing(session, actor(MORENO))} == {"ready"}


def test_no_line_of_the_history_is_changed_or_removed(office):
    goal(office)
    contact(office, 9)
    with office.store.read() as session:
        [before] = session.scalars(select(EngagementRow)).all()
        kept = (before.id, before.status, before.at, before.recorded_by, before.recorded_at)
    contact(office, 5)
    put_right(office, kept[0], day(3))
    with office.store.read() as session:
        rows = session.scalars(select(EngagementRow).order_by(EngagementRow.id)).all()
    first = rows[0]
    assert (first.id, first.status, first.at, first.recorded_by, first.recorded_at) == kept
    assert [(row.corrects, row.automatic, row.reason) for row in rows] == [
        (None, True, None),
        (first.id, True, None),
        (first.id, False, WHY),
    ]


def test_a_beginning_that_a_person_stated_is_a_persons_to_put_right(office):
    goal(office)
    step(office, UNDECIDED, day(9))
    early = contact(office, 5)
    assert told(office) == [(UNDECIDED, day(9))]
    with office.store.read() as session:
        [outside] = engagement.outside(session, actor(CHEN, MOSS))
    assert (outside.contact, outside.since) == (early, None)
    put_right(office, entries(office)[0].number, day(5))
    with office.store.read() as session:
        assert engagement.outside(session, actor(CHEN, MOSS)) == ()


def test_a_re_engagement_that_was_dated_too_late_frees_the_contact_once_it_is_put_right(office):
    goal(office)
    step(office, DECLINED, day(2))
    step(office, UNDECIDED, day(9))
    contact(office, 5)
    assert len(held_by_the_decline(office)) == 1
    with office.store.read() as session:
        [outside] = engagement.outside(session, actor(CHEN, MOSS))
    assert (outside.status, outside.since) == (DECLINED, day(2))
    put_right(office, entries(office)[1].number, day(5))
    assert held_by_the_decline(office) == set()


def test_a_step_that_nobody_wrote_down_is_put_in_between_with_its_reason(office):
    step(office, UNDECIDED, day(1))
    step(office, ADMITTED, day(20))
    with pytest.raises(MendInput) as refused:
        step(office, DECLINED, day(5))
    assert "reason" in refused.value.errors
    step(office, DECLINED, day(5), WHY)
    step(office, UNDECIDED, day(9), WHY)
    assert told(office) == [
        (UNDECIDED, day(1)),
        (DECLINED, day(5)),
        (UNDECIDED, day(9)),
        (ADMITTED, day(20)),
    ]
    assert [entry.late for entry in entries(office)] == ["", WHY, WHY, ""]


def test_an_engagement_that_turns_out_to_be_two_keeps_its_identifier_for_the_first(office):
    step(office, UNDECIDED, day(1))
    step(office, ADMITTED, day(20))
    step(office, DECLINED, day(5), WHY)
    sent = episodes_sent(office)
    assert [resource["status"] for _, resource in sent] == ["planned", "active", "cancelled", "active"]
    names = [name for name, _ in sent]
    assert names[0] == names[1] == names[2] != names[3]


def test_an_end_and_a_new_beginning_are_put_in_together_where_neither_fits_alone(office):
    step(office, ADMITTED, day(1))
    step(office, DISCHARGED, day(20))
    for status, at in ((DISCHARGED, day(5)), (ADMITTED, day(9))):
        with pytest.raises(MendInput, match="cannot be"):
            step(office, status, at, WHY)
    both = [(DISCHARGED, day(5)), (ADMITTED, day(9))]
    with office.store.write() as session:
        engagement.record_steps(session, actor(CHEN, MOSS), both, office.library, office.now, WHY)
    assert [status for status, _ in told(office)] == [ADMITTED, DISCHARGED, ADMITTED, DISCHARGED]


def test_a_late_admission_is_no_longer_stopped_by_the_beginning_that_a_contact_made(office):
    goal(office)
    contact(office, 9)
    step(office, ADMITTED, day(3))
    assert told(office) == [(UNDECIDED, day(3)), (ADMITTED, day(3))]
    assert len({name for name, _ in episodes_sent(office)}) == 1


def test_a_contact_before_a_recorded_admission_begins_the_talk_before_it(office):
    goal(office)
    step(office, ADMITTED, day(9))
    contact(office, 5)
    assert told(office) == [(UNDECIDED, day(5)), (ADMITTED, day(9))]
    assert len({name for name, _ in episodes_sent(office)}) == 1


def test_an_admission_that_the_chart_shows_passes_a_beginning_that_a_contact_made(office):
    goal(office)
    contact(office, 9)
    with office.store.write() as session:
        assert engagement.adopt(session, ISSUER, MOSS, ADMITTED, day(2), "EpisodeOfCare/1", NOW)
        assert not engagement.adopt(session, ISSUER, MOSS, ADMITTED, day(2), "EpisodeOfCare/1", NOW)
    assert told(office) == [(UNDECIDED, day(2)), (ADMITTED, day(2))]


@pytest.mark.parametrize(
    ("at", "reason", "error"),
    [
        (day(1), WHY, "to"),
        (day(30), WHY, "to"),
        (day(11), "  ", "why"),
        (NOW.date() + timedelta(days=9), WHY, "at"),
    ],
)
def test_a_day_that_passes_another_entry_or_has_no_reason_is_refused(office, at, reason, error):
    step(office, UNDECIDED, day(2))
    step(office, ADMITTED, day(10))
    step(office, DISCHARGED, day(20))
    with pytest.raises(MendInput) as refused:
        put_right(office, entries(office)[1].number, at, reason)
    assert error in refused.value.errors
    assert [entry.corrections for entry in entries(office)] == [(), (), ()]


def test_who_may_not_record_an_admission_cannot_put_its_day_right(office):
    step(office, ADMITTED, day(10))
    [entry] = entries(office)
    with pytest.raises(NotAllowed):
        put_right(office, entry.number, day(9), by=RIVERA)
    with pytest.raises(Stale):
        put_right(office, entry.number, day(10))
    with pytest.raises(NotFound):
        put_right(office, entry.number + 100, day(9))
    assert put_right(office, entry.number, day(9), by=WHITFIELD).history[0].at == day(9)


def test_the_trail_says_who_put_which_day_right_and_never_why(office):
    step(office, ADMITTED, day(10))
    put_right(office, entries(office)[0].number, day(9))
    with office.store.read() as session:
        last = audit.of_subject(session, ISSUER, MOSS)[-1]
    assert (last.action, last.actor) == ("engagement put right", CHEN)
    assert (last.detail["was"], last.detail["since"]) == (day(10).isoformat(), day(9).isoformat())
    assert WHY not in json.dumps(dict(last.detail))


# What happened, day by day, told in any order: the states as people know them, and signed contacts.


@dataclass(frozen=True)
class Facts:
    """The states of one person with their days, the days of contacts, and an order of writing it all down."""

    states: tuple
    contacts: tuple
    order: tuple


@st.composite
def facts(draw):
    known, states = None, []
    for number in sorted(draw(st.sets(st.integers(2, 50), max_size=5))):
        known = draw(st.sampled_from(engagement.NEXT[known]))
        states.append((known, day(number)))
    contacts = tuple(sorted(draw(st.sets(st.integers(0, 52), min_size=1, max_size=3))))
    order = draw(st.permutations([*states, *contacts]))
    return Facts(tuple(states), contacts, tuple(order))


def _known(office, state, first):
    """Whether the history says this: as it is, or as the beginning that a contact told of earlier."""
    if state in told(office):
        return True
    begun = entries(office)[:1]
    return (
        state == first
        and state[0] == UNDECIDED
        and any(each.automatic and each.status == UNDECIDED and each.at <= state[1] for each in begun)
    )


def _write_down(office, order, states):
    """Write everything in this order; what cannot be yet is tried again, and all of it together at last."""
    waiting = []
    for each in order:
        if isinstance(each, int):
            contact(office, each)
        else:
            waiting.append(each)
        waiting = _as_far_as_possible(office, waiting, states)
    if waiting:
        with office.store.write() as session:
            engagement.record_steps(session, actor(CHEN, MOSS), waiting, office.library, office.now, WHY)


def _as_far_as_possible(office, waiting, states):
    left = list(waiting)
    for state in waiting:
        if not _known(office, state, states[0]):
            try:
                step(office, *state, WHY)
            except MendInput:
                continue
        left.remove(state)
    return left if left == waiting else _as_far_as_possible(office, left, states)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts())
def test_the_order_of_writing_changes_neither_what_is_held_nor_the_number_of_episodes(
    furnished, tmp_path_factory, fact
):
    ends = []
    for order in (
        fact.order,
        sorted(fact.order, key=lambda one: day(one) if isinstance(one, int) else one[1]),
    ):
        office = open_office(shutil.copytree(furnished, tmp_path_factory.mktemp("order") / "data"))
        try:
            goal(office)
            _write_down(office, order, fact.states)
            sent = {name for name, _ in episodes_sent(office)}
            assert len(sent) == len(stretches(entries(office)))
            ends.append((held_by_the_decline(office), len(sent)))
        finally:
            office.close()
    assert ends[0] == ends[1]
