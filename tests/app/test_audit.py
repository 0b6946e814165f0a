"""The trail holds who did what, nothing of the note and no token, and shows every change."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app import audit
from app.tables import AuditRow
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    ISSUER,
    MOSS,
    NOW,
    RIVERA,
    actor,
    cosigned,
    drafted,
    signed,
    undecided,
)


@pytest.fixture
def walked(office):
    undecided(office)
    office.later(minutes=1)
    note = drafted(office).contact.id
    office.later(minutes=1)
    signed(office, note)
    office.later(minutes=1)
    cosigned(office, note)
    return office


def lines(session, issuer=ISSUER) -> list[str]:
    query = text("SELECT action FROM audit WHERE issuer = :issuer ORDER BY seq")
    return list(session.execute(query, {"issuer": issuer}).scalars())


def test_the_trail_tells_the_walk_of_a_note_in_order(walked):
    with walked.store.read() as session:
        found = lines(session)
    assert found[-7:] == [
        "engagement goal set",
        "engagement recorded",
        "contact begun",
        "draft saved",
        "note signed",
        "note co-signed",
        "note final",
    ]


def test_the_trail_of_an_untouched_database_holds(walked):
    with walked.store.read() as session:
        assert audit.verify(session) == ()
        assert set(audit.heads(session)) == {ISSUER, ELSEWHERE}


def test_the_trail_holds_no_word_of_the_note_and_no_launch_that_opens_a_door(walked):
    with walked.store.read() as session:
        everything = " ".join(str(tuple(row)) for row in session.execute(text("SELECT * FROM audit")).all())
    for secret in (
        "treatment here",
        "many questions",
        "Friday",
        "start treatment",
        f"launch-{RIVERA}-{MOSS}",
    ):
        assert secret not in everything


def test_a_refused_launch_of_an_unknown_issuer_can_be_written_down(office):
    with office.store.write() as session:
        audit.write(session, "", "launch refused", NOW, why="unknown issuer")
        audit.did(session, actor(CHEN, MOSS), "looked", NOW, subject="C-1", version=2)
    with office.store.read() as session:
        assert audit.verify(session) == ()
        line = audit.of_subject(session, ISSUER, "C-1")[0]
    assert (line.actor, line.action, line.patient, line.version, line.at) == (CHEN, "looked", MOSS, 2, NOW)


COLUMNS = ("issuer", "at", "actor", "launch", "action", "patient", "subject", "version", "detail", "previous")


def break_in(session) -> None:
    for name in session.execute(
        text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
    ).scalars():
        session.execute(text(f"DROP TRIGGER {name}"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(COLUMNS), place=st.integers(0, 1000))
def test_a_change_of_any_line_by_somebody_with_the_file_in_hand_is_found(walked, column, place):
    with walked.store.write() as session:
        break_in(session)
        seqs = list(session.execute(text("SELECT seq FROM audit ORDER BY seq")).scalars())
        seq = seqs[place % len(seqs)]
        changed = {"at": "2020-01-01T00:00:00.000000+00:00", "version": "77", "detail": '{"a":1}'}
        session.execute(
            text(f"UPDATE audit SET {column} = :value WHERE seq = :seq"),  # noqa: S608 - column is of the list above
            {"value": changed.get(column, "changed"), "seq": seq},
        )
        assert audit.verify(session) != ()
        session.rollback()


def test_a_line_that_was_taken_out_or_moved_is_found(walked):
    for statement in (
        "DELETE FROM audit WHERE seq = 20",
        "UPDATE audit SET seq = 100000 WHERE seq = 20",
    ):
        with walked.store.write() as session:
            break_in(session)
            session.execute(text(statement))
            assert audit.verify(session) != ()
            session.rollback()


def test_a_cut_at_the_end_shows_against_heads_that_were_kept_elsewhere(walked):
    with walked.store.write() as session:
        before = audit.heads(session)
        break_in(session)
        session.execute(text("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"))
        assert audit.verify(session) == ()
        assert audit.heads(session) != before
        session.rollback()


def test_the_hash_is_over_the_line_and_the_one_before_it(walked):
    with walked.store.read() as session:
        rows = list(session.query(AuditRow).where(AuditRow.issuer == ISSUER).order_by(AuditRow.seq))
    assert rows[0].previous == audit.BEGINNING
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]
