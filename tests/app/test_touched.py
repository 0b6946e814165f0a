"""Which records a change of the rules touches: for Washington, what falls on the first day of 2027."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app import staff
from app.cli import cli
from app.site_rules import install
from app.touched import Span, Touched, touched
from mappings.as_of import as_of, turns
from mappings.findings import Judgement
from mappings.library import load
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MOSS,
    OKAFOR,
    RIVERA,
    SETTING_UP,
    Office,
    admitted,
    drafted,
    final,
    member,
    open_office,
    planned,
    program,
    undecided,
)

BEFORE, AFTER = date(2026, 12, 31), date(2027, 1, 1)
DAYS = ("--from", "2026-12-31", "--to", "2027-01-01")
OLD_YEAR, NEW_YEAR = datetime(2026, 12, 20, 18, tzinfo=UTC), datetime(2027, 1, 4, 18, tzinfo=UTC)


@pytest.fixture
def washington(office: Office) -> Office:
    """The programme stands in Washington; Rivera is a peer counselor, Okafor a peer specialist."""
    office.now = datetime(2027, 1, 5, 18, tzinfo=UTC)
    with office.store.write() as session:
        session.execute(text("UPDATE issuers SET jurisdiction = 'us-wa' WHERE issuer = 'sandbox'"))
        here = {"jurisdiction": "us-wa", "time_zone": "America/Los_Angeles", "program_kind": "cbha"}
        staff.save_program(session, SETTING_UP, program().model_copy(update=here), office.now)
        for who, code in ((RIVERA, "wa-cpc"), (OKAFOR, "wa-cps"), (CHEN, "lcsw")):
            held = {"code": code, "issuer": "wa-doh", "number": "1", "from": "2026-01-01", "to": "2027-12-31"}
            record = member(who, jurisdiction="us-wa", credentials=[held])
            known = staff.find(session, ISSUER, who)
            assert known is not None
            staff.save(session, SETTING_UP, record, known.roles, True, office.now)
    return office


def _touched(
    office: Office, start: date = BEFORE, end: date = AFTER, place: str | None = None
) -> list[Touched]:
    heard: list[tuple[int, int]] = []
    with office.store.read() as session:
        span = Span.of(office.library, start, end)
        found = touched(
            session, lambda _issuer: span, place, office.now, lambda at, of: heard.append((at, of))
        )
    assert [at for at, _ in heard] == list(range(1, len(heard) + 1))
    return found


def _of(found: list[Touched], id: str) -> Touched:
    [one] = [each for each in found if each.id == id and each.issuer == ISSUER]
    return one


def test_the_peer_whose_credential_a_list_drops_is_named_and_no_other(washington: Office) -> None:
    people = [each for each in _touched(washington) if each.kind == "staff"]
    [rivera] = [each for each in people if each.lost]
    assert (rivera.issuer, rivera.id) == (ISSUER, RIVERA)
    assert "credentials.adult no longer lists wa-cpc from 2027-01-01" in rivera.lost


def test_a_draft_of_the_new_year_is_judged_by_the_new_rules(washington: Office) -> None:
    draft = drafted(washington, by=RIVERA, at=NEW_YEAR).contact.id
    found = _of(_touched(washington), draft)
    assert (found.kind, found.day, found.counts) == ("draft", date(2027, 1, 4), True)
    [turn] = [turn for turn in found.why if turn.rule == "WA.REND.CPC"]
    assert (turn.before, turn.after) == ("pass", "fail (block)")


def test_a_draft_of_the_old_year_keeps_the_rules_of_its_day(washington: Office) -> None:
    draft = drafted(washington, by=RIVERA, at=OLD_YEAR).contact.id
    found = _of(_touched(washington), draft)
    assert (found.day, found.counts) == (date(2026, 12, 20), False)
    assert "WA.REND.CPC" in [turn.rule for turn in found.why]


def test_a_peer_specialist_passes_by_a_new_version_from_its_first_day_on(washington: Office) -> None:
    new = drafted(washington, by=OKAFOR, at=NEW_YEAR).contact.id
    old = drafted(washington, LINDQVIST, by=OKAFOR, at=OLD_YEAR).contact.id
    found = _touched(washington)
    [turn] = [turn for turn in _of(found, new).why if turn.rule == "WA.REND.CPC"]
    assert (turn.before, turn.after) == ("pass", "pass")
    assert [each for each in found if each.id == old] == []


def test_nothing_of_another_place_is_touched(washington: Office) -> None:
    drafted(washington, by=RIVERA, at=NEW_YEAR)
    assert _touched(washington, place="us-ny") == []
    assert _touched(washington, place="us-wa")


def test_notes_entries_and_programme_of_new_york_lose_their_rules_before_the_guidance(office: Office) -> None:
    undecided(office)
    note, draft = final(office), drafted(office, LINDQVIST).contact.id
    entry = planned(office)
    found = _touched(office, date(2026, 3, 4), date(2022, 11, 22))
    assert {(each.kind, each.id) for each in found if each.issuer == ISSUER} >= {
        ("final, not released", note),
        ("draft", draft),
        ("plan entry", entry),
        ("programme", "1900000013"),
    }


def test_between_days_of_equal_rules_nothing_is_touched(office: Office) -> None:
    admitted(office)
    final(office, LINDQVIST)
    assert _touched(office, date(2026, 3, 4), date(2026, 3, 5)) == []


def test_a_library_as_of_a_day_answers_so_for_every_day() -> None:
    library = load()
    then = as_of(library, BEFORE)
    for day in (date(2020, 1, 1), BEFORE, date(2030, 1, 1)):
        pack = then.on("us-wa", day)
        assert pack is not None
        assert pack.value("credentials.adult") == ("wa-cpc", "wa-cps")
    assert as_of(library, date(2024, 7, 1)).on("us-id", date(2024, 1, 1)) is None
    assert library.on("us-wa", AFTER).value("credentials.adult") == ("wa-cps",)


def test_two_judgements_alike_turn_nothing() -> None:
    same = Judgement("C", "contact", 1, "ready", "ready", 0, 0, ())
    assert turns(same, same) == ()


def _diff(office: Office, *words: str) -> Result:
    data = str(office.settings.data_dir)
    return CliRunner().invoke(cli, ["rules", "diff", *DAYS, "--data", data, *words])


def test_the_command_names_records_by_their_ids_alone(washington: Office) -> None:
    draft = drafted(washington, by=RIVERA, at=NEW_YEAR).contact.id
    result = _diff(washington)
    assert result.exit_code == 0
    assert "Records that it touches: " in result.stdout
    assert draft in result.stdout
    assert "WA.REND.CPC: pass -> fail (block)" in result.stdout
    assert "credentials.adult no longer lists wa-cpc" in result.stdout
    said = result.stdout + _diff(washington, "--json").stdout
    for word in ("Rivera", "Moss", MOSS, "Talk about", "choir"):
        assert word not in said


def test_the_command_tells_machines_rules_and_records_apart(washington: Office) -> None:
    drafted(washington, by=RIVERA, at=NEW_YEAR)
    said = [json.loads(line) for line in _diff(washington, "--json").stdout.splitlines()]
    assert {"jurisdiction", "kind", "id", "words"} in [set(each) for each in said]
    records = [each for each in said if "record" in each]
    assert {each["record"] for each in records} >= {"draft", "staff"}
    assert {tuple(each) for each in records} == {
        ("record", "issuer", "id", "state", "day", "counts", "rules", "lists")
    }


def test_without_a_database_the_command_says_so_in_a_line_and_shows_the_rules(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["rules", "diff", *DAYS, "--data", str(tmp_path / "none")])
    assert result.exit_code == 0
    assert "WA.REND.CPC" in result.stdout
    assert [line for line in result.stderr.splitlines() if "There is no database at" in line]
    assert not (tmp_path / "none").exists()


def test_an_older_database_is_left_as_it_is(washington: Office) -> None:
    with washington.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    result = _diff(washington)
    assert "Run: peerchart db upgrade" in result.stderr
    assert "Records that it touches" not in result.stdout


def _own_overlay(office: Office) -> None:
    """The EHR's own site takes a peer specialist's note within 12 hours, from the new year on."""
    file = office.settings.data_dir.parent / "own.toml"
    file.write_text(
        'id = "own"\njurisdiction = "us-wa"\nfrom = 2027-01-01\n[parameters]\n"note.due_hours" = 12\n',
        "utf-8",
    )
    install(office.settings, ISSUER, file, "us-wa")


def test_records_are_judged_by_the_overlay_of_their_own_ehr(washington: Office) -> None:
    _own_overlay(washington)
    said = [json.loads(line) for line in _diff(washington, "--json").stdout.splitlines()]
    [change] = [each for each in said if each.get("id") == "note.due_hours"]
    assert (change["issuer"], change["jurisdiction"]) == (ISSUER, "us-wa")
    assert "from 24 to 12" in change["words"]
    assert "us-wa at sandbox  parameter note.due_hours" in _diff(washington).stdout


def test_one_ehr_alone_is_told_of_by_its_name(washington: Office) -> None:
    _own_overlay(washington)
    draft = drafted(washington, by=RIVERA, at=NEW_YEAR).contact.id
    out = _diff(washington, "--issuer", ISSUER).stdout
    assert "us-wa  parameter note.due_hours: Changes from 24 to 12" in out
    assert draft in out
    assert "us-ny" not in out
    unknown = _diff(washington, "--issuer", "nowhere")
    assert (unknown.exit_code, "registered: elsewhere" in unknown.stderr) == (2, True)


def test_an_office_without_records_says_so(tmp_path: Path) -> None:
    from app.migrations import upgrade
    from app.settings import Settings

    upgrade(Settings(data_dir=tmp_path))
    office = open_office(tmp_path)
    assert "No record of the database is touched." in _diff(office).stdout
    office.close()
