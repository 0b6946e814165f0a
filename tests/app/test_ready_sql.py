"""Statements made ready once answer what SQLAlchemy answers, convert as it does, and fail as it fails."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from app.store import rows
from app.tables import AuditRow, EngagementGoalRow, IndividualRow
from app.tables.base import Table
from mappings.records import Individual
from tests.app.office import ISSUER, MOSS, NOW

GOALS = Table.metadata.tables[EngagementGoalRow.__tablename__]
PEOPLE = Table.metadata.tables[IndividualRow.__tablename__]
TRAIL = Table.metadata.tables[AuditRow.__tablename__]
ADD = insert(GOALS)
GOAL = {"issuer": ISSUER, "patient": MOSS, "on": date(2026, 3, 2), "recorded_by": "x", "recorded_at": NOW}
OF_PERSON = select(GOALS).where(GOALS.c.patient == bindparam("who")).order_by(GOALS.c.id.desc())


def asked_both_ways(session, statement, **values):
    ready = rows(session, statement, **values).all()
    plain = session.connection().execute(statement, values).all()
    assert [tuple(row) for row in ready] == [tuple(row) for row in plain]
    assert [row._fields for row in ready] == [row._fields for row in plain]
    return ready


def test_what_is_found_is_what_sqlalchemy_finds_by_the_same_names_and_of_the_same_kinds(office):
    with office.store.write() as session:
        for number in range(3):
            assert rows(session, ADD, goal=f"goal {number}", **GOAL).rowcount == 1
        found = asked_both_ways(session, OF_PERSON, who=MOSS)
        assert [row.goal for row in found] == ["goal 2", "goal 1", "goal 0"]
        assert (found[0].on, found[0].recorded_at) == (date(2026, 3, 2), NOW)
        (last,) = asked_both_ways(session, OF_PERSON.limit(1), who=MOSS)
        assert last.goal == "goal 2"
        assert asked_both_ways(session, OF_PERSON, who="nobody") == []
        asked_both_ways(session, select(func.count().label("many")).select_from(GOALS))


def test_records_and_json_come_back_as_they_were_kept(office):
    person = Individual.model_validate({"id": "MRN-1", "name": {"given": ("Ana",), "family": "Moss"}})
    said = {"record": person, "diagnoses": [{"a": Decimal("1.5")}], "links": {}, "seen_at": NOW}
    with office.store.write() as session:
        rows(session, insert(PEOPLE), issuer=ISSUER, patient="new", **said)
        (kept,) = asked_both_ways(session, select(PEOPLE).where(PEOPLE.c.patient == "new"))
    assert (kept.record, kept.diagnoses) == (person, [{"a": Decimal("1.5")}])


def test_what_a_session_holds_is_written_before_it_is_asked(office):
    with office.store.write() as session:
        session.add(EngagementGoalRow(goal="held", **GOAL))
        assert rows(session, OF_PERSON, who=MOSS).first().goal == "held"


def test_the_first_row_and_its_first_column_are_none_where_nothing_is_found(office):
    with office.store.read() as session:
        assert rows(session, OF_PERSON, who="nobody").first() is None
        assert rows(session, OF_PERSON, who="nobody").scalar() is None


def test_a_statement_that_fails_fails_with_the_error_of_sqlalchemy_and_changes_nothing(office):
    with office.store.write() as session:
        with pytest.raises(IntegrityError):
            rows(session, ADD, **{**GOAL, "goal": None})
        assert rows(session, OF_PERSON, who=MOSS).all() == []
        rows(session, ADD, goal="afterwards", **GOAL)
    with office.store.read() as session:
        assert rows(session, OF_PERSON, who=MOSS).first().goal == "afterwards"
        with pytest.raises(OperationalError, match="readonly"):
            rows(session, update(GOALS).values(goal=bindparam("words")), words="by stealth")


def test_a_value_of_the_wrong_kind_or_one_that_is_missing_is_refused(office):
    with office.store.write() as session:
        with pytest.raises(ValueError, match="no time zone"):
            rows(session, ADD, goal="when?", **{**GOAL, "recorded_at": NOW.replace(tzinfo=None)})
        with pytest.raises(ValueError, match="words"):
            rows(session, ADD.values(goal=bindparam("words")), **GOAL)


def test_a_statement_whose_text_hangs_on_its_values_cannot_be_made_ready(office):
    listed = select(GOALS).where(GOALS.c.patient.in_(["a", "b"]))
    with office.store.read() as session, pytest.raises(ValueError, match="not the same each time"):
        rows(session, listed)
