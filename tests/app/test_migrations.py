"""The schema that the migrations make is the one the tables say, and it freezes what must not change."""

import shutil
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import billing, planning
from app.migrations import head, revision, upgrade
from app.settings import Settings
from app.store import open_store
from app.tables import Table
from tests.app.office import (
    CHEN,
    LINDQVIST,
    MORENO,
    MOSS,
    RIVERA,
    Office,
    actor,
    drafted,
    final,
    open_office,
    planned,
    undecided,
)


def test_the_migrated_schema_is_the_one_of_the_tables(office):
    with office.store.read() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_twice_changes_nothing(tmp_path):
    settings = Settings(data_dir=tmp_path)
    with open_store(settings) as store:
        assert revision(store) is None
        assert upgrade(store) == head()
        assert upgrade(store) == head()
        assert revision(store) == head()
    assert upgrade(settings) == head()


def test_an_upgrade_that_stops_in_the_middle_leaves_the_empty_database(tmp_path, monkeypatch):
    monkeypatch.setattr("app.migrations.freezing.FIRST", ("this is no SQL",))
    monkeypatch.delitem(__import__("sys").modules, "app.migrations.versions.first_schema", raising=False)
    with open_store(Settings(data_dir=tmp_path)) as store:
        with pytest.raises(Exception, match="this"):
            upgrade(store)
        assert revision(store) is None
        with store.read() as session:
            assert session.execute(text("SELECT count(*) FROM sqlite_master")).scalar() == 0


def test_every_table_of_people_carries_the_issuer():
    without = {table.name for table in Table.metadata.sorted_tables if "issuer" not in table.columns}
    # The rules, and how far each submitter has counted: not people.
    assert without == {"libraries", "x12_numbers"}


@pytest.fixture(scope="module")
def full(tmp_path_factory, furnished):
    """An installation in which something of every kind is signed, sent or released; no test changes it."""
    office = open_office(shutil.copytree(furnished, tmp_path_factory.mktemp("full") / "data"))
    yield _filled(office)
    office.close()


def _filled(office: Office) -> Office:
    undecided(office)
    final(office)
    biller = actor(MORENO)
    with office.store.write() as session:
        number = billing.listing(session, biller)[0].control_number
        assert billing.release(session, biller, number, office.library, office.now).released
    drafted(office, LINDQVIST, at=office.now - timedelta(hours=9), risk={"seen": True})
    entry = planned(office, MOSS)
    with office.store.write() as session:
        on = office.now.date()
        planning.end_entry(session, actor(CHEN, MOSS), entry, on, office.library, office.now)
    return office


FROZEN = [
    "UPDATE audit SET action = 'nothing'",
    "DELETE FROM audit",
    "UPDATE signatures SET by = 'somebody'",
    "DELETE FROM signatures",
    "UPDATE engagement_entries SET status = 'admitted'",
    "DELETE FROM engagement_entries",
    "UPDATE engagement_goals SET goal = 'another'",
    "DELETE FROM engagement_goals",
    "UPDATE contact_versions SET text = 'another'",
    "UPDATE contact_versions SET record = '{}'",
    "UPDATE contact_versions SET digest = 'x'",
    "UPDATE contact_versions SET units = 12",
    'UPDATE contact_versions SET "end" = NULL',
    "UPDATE contact_versions SET frozen_at = NULL",
    "UPDATE contact_versions SET state = 'draft'",
    "UPDATE contact_versions SET state = 'returned'",
    "UPDATE contact_versions SET state = 'discarded'",
    "DELETE FROM contact_versions",
    "UPDATE contacts SET patient = 'pat-lindqvist'",
    "UPDATE contacts SET author = 'somebody'",
    "DELETE FROM contacts",
    "UPDATE reviews SET author = 'somebody'",
    "UPDATE reviews SET state = 'open'",
    "DELETE FROM reviews",
    "UPDATE plan_entries SET record = '{}'",
    "UPDATE plan_entries SET text = 'another'",
    "UPDATE plan_entries SET state = 'draft'",
    "UPDATE plan_entries SET ended_on = NULL",
    "DELETE FROM plan_entries",
    "UPDATE claims SET units = 1",
    "UPDATE claims SET draft = '{}'",
    "UPDATE claims SET released_at = NULL",
    "DELETE FROM claims",
    "UPDATE claim_units SET units = 1",
    "UPDATE claim_units SET contact = 'C-2'",
    "UPDATE claim_units SET live = 0",
    "DELETE FROM claim_units",
    "UPDATE outbox SET payload = x'00'",
    "UPDATE outbox SET digest = 'x'",
    "UPDATE outbox SET key = 'x'",
    "UPDATE outbox SET patient = 'pat-lindqvist'",
    "UPDATE outbox SET fence = -1",
    "DELETE FROM outbox",
    "UPDATE duties_seen SET event = 'withdrawn'",
    "DELETE FROM duties_seen",
    "UPDATE libraries SET texts = x'00'",
    "DELETE FROM libraries",
    "UPDATE decisions SET findings = '[]'",
    "UPDATE decisions SET at = '2020-01-01T00:00:00+00:00'",
    "DELETE FROM decisions",
    "UPDATE contact_versions SET library = 'another' WHERE frozen_at IS NULL",
]


@pytest.mark.parametrize("statement", FROZEN)
def test_no_statement_of_sql_changes_what_is_frozen(full, statement):
    with pytest.raises(IntegrityError), full.store.write() as session:
        session.execute(text(statement))


STEP = (
    "INSERT INTO outbox_steps (issuer, row, position, key, method, address, headers, body, digest, made_at, "
    "state, attempts) SELECT issuer, id, 1, 'k', 'POST', '/', '{}', x'00', 'd', made_at, 'waiting', 0 "
    "FROM outbox LIMIT 1"
)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (STEP, "UPDATE outbox_steps SET body = x'01'"),
        (STEP, "UPDATE outbox_steps SET key = 'another', state = 'ready'"),
        (STEP, "DELETE FROM outbox_steps"),
        ("UPDATE outbox SET state = 'in-chart'", "UPDATE outbox SET state = 'waiting'"),
        ("UPDATE outbox SET fence = 7", "UPDATE outbox SET fence = 6"),
    ],
)
def test_what_a_delivery_has_reached_does_not_go_back(full, first, then):
    with pytest.raises(IntegrityError), full.store.write() as session:
        session.execute(text(first))
        session.execute(text(then))


COPY = (
    "INSERT INTO signatures (issuer, kind, subject, version, meaning, by, name, at, digest, statement, jws, "
    "kid, launch) SELECT issuer, kind, subject, version, :meaning, :by, name, at, :digest, statement, jws, "
    "kid, launch FROM signatures WHERE kind = 'contact' AND meaning = 'author'"
)


@pytest.mark.parametrize(
    ("meaning", "by", "digest", "why"),
    [
        ("second-cosigner", RIVERA, None, "own"),
        ("author", CHEN, None, "UNIQUE"),
        ("second-cosigner", "somebody", "another text", "frozen text"),
    ],
)
def test_the_database_refuses_a_signature_that_cannot_be(full, meaning, by, digest, why):
    with full.store.write() as session:
        stands = session.execute(text("SELECT digest FROM signatures WHERE kind = 'contact'")).scalar()
    with pytest.raises(IntegrityError, match=why), full.store.write() as session:
        session.execute(text(COPY), {"meaning": meaning, "by": by, "digest": digest or stands})


def test_a_draft_cannot_be_signed_past_the_use_case(office):
    undecided(office)
    final(office)
    draft = drafted(office, at=office.now - timedelta(hours=5)).contact.id
    copy = COPY.replace("SELECT issuer, kind, subject, version", f"SELECT issuer, kind, '{draft}', 1")
    with pytest.raises(IntegrityError, match="frozen text"), office.store.write() as session:
        session.execute(text(copy), {"meaning": "author", "by": RIVERA, "digest": ""})


def test_a_contact_is_in_one_live_claim_at_most(full):
    twice = (
        "INSERT INTO claim_units (issuer, control_number, contact, version, patient, program, day, units, "
        "live) SELECT issuer, control_number, contact, version, patient, program, day, units, 1 "
        "FROM claim_units"
    )
    with pytest.raises(IntegrityError, match="UNIQUE"), full.store.write() as session:
        session.execute(text(twice))
