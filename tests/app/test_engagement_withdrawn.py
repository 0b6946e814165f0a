"""A state that never was is withdrawn by a line of its own: findings, claims and the EHR's episode follow."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import select

from app import audit, engagement, history, judging
from app.problems import MendInput, NotAllowed, NotFound
from app.tables import ClaimRow, EngagementRow, OutboxRow, VersionRow
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, UNDECIDED
from tests.app.office import CHEN, ISSUER, MOSS, RIVERA, Office, actor, final

FIRST, SECOND, THIRD = date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)
WHY = "It was written in the wrong chart"


def step(office: Office, status: str, at: date, by: str = CHEN) -> None:
    with office.store.write() as session:
        engagement.record(session, actor(by, MOSS), status, at, office.library, office.now)


def withdrawn(office: Office, status: str, why: str = WHY, by: str = CHEN) -> None:
    number = next(each.number for each in entries(office) if each.status == status)
    with office.store.write() as session:
        engagement.withdraw(session, actor(by, MOSS), number, why, office.library, office.now)


def entries(office: Office) -> tuple[history.Entry, ...]:
    with office.store.read() as session:
        return history.entries(session, ISSUER, MOSS)


def told(office: Office) -> list[tuple[str, object]]:
    return [(each.status, each.at) for each in entries(office)]


def episodes(office: Office) -> list[tuple[str, str]]:
    """The name and status of every episode that was sent, in order."""
    with office.store.read() as session:
        rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == "episode").order_by(OutboxRow.id))
        bundles = [json.loads(row.payload) for row in rows]
    sent = [
        each["resource"]
        for bundle in bundles
        for each in bundle["entry"]
        if each["resource"]["resourceType"] == "EpisodeOfCare"
    ]
    return [(each["identifier"][0]["value"].rpartition("/")[2], each["status"]) for each in sent]


def test_what_was_withdrawn_counts_nowhere_and_stays_to_be_read(office: Office) -> None:
    step(office, UNDECIDED, FIRST, RIVERA)
    step(office, ADMITTED, SECOND)
    withdrawn(office, ADMITTED)
    assert told(office) == [(UNDECIDED, FIRST)]
    with office.store.read() as session:
        written = history.all_written(session, ISSUER, MOSS)
        assert len(session.scalars(select(EngagementRow)).all()) == 3
        [line] = [
            each for each in audit.of_subject(session, ISSUER, MOSS) if each.action.endswith("withdrawn")
        ]
    gone = written[1].withdrawn
    assert gone is not None and (gone.by, gone.reason) == (CHEN, WHY)
    assert line.actor == CHEN


def test_the_same_engagement_goes_to_the_chart_without_the_state(office: Office) -> None:
    step(office, UNDECIDED, FIRST, RIVERA)
    step(office, ADMITTED, SECOND)
    withdrawn(office, ADMITTED)
    assert episodes(office) == [
        ("2026-01-05", "planned"),
        ("2026-01-05", "active"),
        ("2026-01-05", "planned"),
    ]


def test_an_engagement_of_which_nothing_is_left_is_marked_as_entered_in_error(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    withdrawn(office, ADMITTED)
    assert told(office) == []
    assert episodes(office)[-1] == ("2026-01-05", "entered-in-error")


def test_an_engagement_whose_first_state_never_was_keeps_its_name(office: Office) -> None:
    step(office, UNDECIDED, FIRST, RIVERA)
    step(office, ADMITTED, SECOND)
    withdrawn(office, UNDECIDED)
    assert told(office) == [(ADMITTED, SECOND)]
    assert episodes(office)[-1] == ("2026-01-05", "active")


def test_a_decline_that_never_was_makes_one_engagement_of_two(office: Office) -> None:
    step(office, UNDECIDED, FIRST, RIVERA)
    step(office, DECLINED, SECOND, RIVERA)
    step(office, ADMITTED, THIRD)
    withdrawn(office, DECLINED)
    assert told(office) == [(UNDECIDED, FIRST), (ADMITTED, THIRD)]
    assert episodes(office)[-2:] == [("2026-01-05", "active"), ("2026-01-19-admitted", "entered-in-error")]


def test_what_follows_must_be_able_to_stand_without_it(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    step(office, DISCHARGED, SECOND)
    with pytest.raises(MendInput, match="Withdraw discharged of 2026-01-12 first"):
        withdrawn(office, ADMITTED)
    withdrawn(office, DISCHARGED)
    withdrawn(office, ADMITTED)
    assert told(office) == []


def test_a_reason_is_asked_for(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    with pytest.raises(MendInput, match="The reason is blank"):
        withdrawn(office, ADMITTED, why="  ")


def test_who_may_not_record_a_state_may_not_withdraw_it(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    with pytest.raises(NotAllowed):
        withdrawn(office, ADMITTED, by=RIVERA)


def test_it_can_be_withdrawn_once(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    number = entries(office)[0].number
    withdrawn(office, ADMITTED)
    with office.store.write() as session, pytest.raises(NotFound):
        engagement.withdraw(session, actor(CHEN, MOSS), number, WHY, office.library, office.now)


def test_what_a_signed_contact_began_is_not_withdrawn(office: Office) -> None:
    with office.store.write() as session:
        engagement.set_goal(session, actor(RIVERA, MOSS), "Decide", office.now)
    final(office)
    with pytest.raises(MendInput, match="Nobody stated this entry"):
        withdrawn(office, UNDECIDED, by=RIVERA)


def test_the_ehrs_own_echo_does_not_bring_it_back(office: Office) -> None:
    step(office, ADMITTED, FIRST)
    withdrawn(office, ADMITTED)
    with office.store.write() as session:
        assert not engagement.adopt(session, ISSUER, MOSS, ADMITTED, FIRST, "EpisodeOfCare/ours", office.now)
        assert engagement.adopt(session, ISSUER, MOSS, ADMITTED, SECOND, "EpisodeOfCare/other", office.now)


def test_findings_and_claims_follow(office: Office) -> None:
    step(office, UNDECIDED, FIRST, RIVERA)
    with office.store.write() as session:
        engagement.set_goal(session, actor(RIVERA, MOSS), "Decide", office.now)
    note = final(office)
    assert _findings(office, note)["NY.PRE.COSIGN"] == "pass"
    step(office, ADMITTED, SECOND)
    assert _findings(office, note)["NY.PRE.COSIGN"] == "not-applicable"
    withdrawn(office, ADMITTED)
    assert _findings(office, note)["NY.PRE.COSIGN"] == "pass"
    with office.store.read() as session:
        assert [row.state for row in session.scalars(select(ClaimRow)) if row.state != "void"] == ["ready"]


def _findings(office: Office, note: str) -> dict[str, str]:
    with office.store.read() as session:
        stored = session.get_one(VersionRow, (ISSUER, note, 1))
        around = judging.around(session, ISSUER, MOSS, stored.record)
        judged = around.judged(judging.as_judged(session, ISSUER, [stored])[0], office.library, office.now)
    return {each.rule: each.result for each in judged.findings}
