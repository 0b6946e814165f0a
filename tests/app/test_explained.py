"""Findings of the past are explained by the rules as they stood, whatever the rules have become."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import billing, explained, library_shelf
from app.cli import cli
from app.problems import NotAllowed, NotFound
from app.site_rules import install
from app.tables import ClaimHoldRow, ContactRow, DecisionRow, LibraryRow, VersionRow
from mappings.library import Library
from mappings.library_files import HERE, read_library
from mappings.past_findings import GONE
from tests.app.office import (
    CHEN,
    FARRELL,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    OKAFOR,
    RIVERA,
    Office,
    actor,
    admitted,
    cosigned,
    drafted,
    final,
    planned,
    signed,
    undecided,
)

CAP = "NY.UNIT.DAYCAP"


@pytest.fixture
def later(tmp_path: Path) -> Library:
    """The library of a later release: ten units a day, and a rule is gone."""
    for folder in ("guidance", "tables"):
        shutil.copytree(HERE / folder, tmp_path / "later" / folder)
    ny = tmp_path / "later" / "guidance" / "us-ny"
    parameters = (ny / "parameters.toml").read_text("utf-8")
    at = parameters.index('id = "cap.units_per_day"')
    (ny / "parameters.toml").write_text(
        parameters[:at] + parameters[at:].replace("value = 12", "value = 10", 1), "utf-8"
    )
    notes = (ny / "units.toml").read_text("utf-8")
    (ny / "units.toml").write_text(notes.replace('id = "NY.UNIT.MIN15"', 'id = "NY.UNIT.NEW"'), "utf-8")
    return read_library(tmp_path / "later" / "guidance", tmp_path / "later" / "tables")


@pytest.fixture
def note(office: Office) -> str:
    """A co-signed contact."""
    undecided(office)
    return final(office)


def _of_note(office: Office, contact: str, who: str = RIVERA, patient: str = MOSS, **how: object) -> tuple:
    with office.store.read() as session:
        return explained.of_note(
            session, actor(who, patient), contact, how.get("version"), office.library, office.now
        )


def test_signature_and_co_signature_each_keep_all_that_the_rules_said(office: Office, note: str) -> None:
    first, second = _of_note(office, note)
    assert [(d.occasion, d.by, d.version) for d in (first, second)] == [
        ("signed", RIVERA, 1),
        ("co-signed", CHEN, 1),
    ]
    assert {"NY.PRE.COSIGN"} <= {f.reason.rule for f in first.findings}
    assert "NY.PRE.COSIGN" in {f.reason.rule for f in second.passed}
    assert (first.claim, second.claim) == ("held", "ready")
    [cap] = explained.of_rule(second, CAP)
    assert cap.reason.result == "pass"
    assert "twelve units per day" in cap.then.cite.quote
    assert cap.then.values["cap.units_per_day"].value == "12"
    assert cap.otherwise == ()


def test_a_decision_stands_on_the_day_of_service_and_its_packs(office: Office, note: str) -> None:
    with office.store.read() as session:
        rows = session.scalars(select(DecisionRow)).all()
    assert {(row.jurisdiction, row.on.isoformat(), tuple(row.layers)) for row in rows} == {
        ("us-ny", "2026-03-04", ("federal", "us-ny"))
    }


def test_the_texts_are_kept_once_with_the_first_finding(office: Office, note: str) -> None:
    with office.store.read() as session:
        [row] = session.scalars(select(LibraryRow)).all()
        kept = library_shelf.take(session, row.digest)
    assert row.digest == office.library.digest
    assert row.first_used_at <= office.now
    assert row.product
    assert kept is not None
    assert kept.library.rules_by_id == office.library.rules_by_id


def test_a_signature_that_fails_keeps_no_library(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    undecided(office)
    contact = drafted(office).contact.id

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the key is gone")

    monkeypatch.setattr("app.signing._seal", fails)
    with pytest.raises(RuntimeError, match="the key is gone"):
        signed(office, contact)
    with office.store.read() as session:
        assert session.scalars(select(LibraryRow)).all() == []
        assert session.scalars(select(DecisionRow)).all() == []


def test_no_version_is_signed_by_a_library_that_is_not_kept(office: Office) -> None:
    undecided(office)
    drafted(office)
    with (
        pytest.raises(IntegrityError, match="texts of the library are not kept"),
        office.store.write() as session,
    ):
        session.execute(text("UPDATE contact_versions SET library = 'x', frozen_at = saved_at"))


def test_an_old_finding_is_explained_by_its_own_library_after_the_rules_changed(
    office: Office, note: str, later: Library
) -> None:
    office.library = later
    _, second = _of_note(office, note)
    [cap] = explained.of_rule(second, CAP)
    assert cap.then.values["cap.units_per_day"].value == "12"
    assert cap.otherwise == ("cap.units_per_day is now 10; then it was 12.",)
    [gone] = explained.of_rule(second, "NY.UNIT.MIN15")
    assert gone.then.says
    assert gone.otherwise == (GONE,)
    assert second.library != later.digest


def test_each_version_is_explained_by_the_library_of_its_day(office: Office, later: Library) -> None:
    undecided(office)
    first, old = final(office), office.library
    office.library = later
    office.later(hours=20)
    second = final(office)
    assert {d.library for d in _of_note(office, first)} == {old.digest}
    assert {d.library for d in _of_note(office, second)} == {later.digest}
    with office.store.read() as session:
        assert len(session.scalars(select(LibraryRow)).all()) == 2


def test_what_is_asked_again_today_is_said_where_it_differs(office: Office, note: str) -> None:
    first, second = _of_note(office, note)
    [cosign] = explained.of_rule(first, "NY.PRE.COSIGN")
    assert (cosign.reason.result, cosign.now) == ("fail", "pass")
    assert all(each.now is None for each in second.passed)


def test_versions_signed_before_decisions_were_kept_are_explained_by_what_they_kept(
    office: Office, note: str
) -> None:
    with office.store.write() as session:
        for name in ("decisions", "libraries"):
            session.execute(text(f"DROP TRIGGER {name}_never_goes"))
        session.execute(text("DELETE FROM decisions"))
        session.execute(text("DELETE FROM libraries"))
    [only] = _of_note(office, note)
    assert (only.occasion, only.passed, only.product) == ("signed", None, None)
    # The program still runs the very library of the finding, so that its rules can be told all the same.
    assert all(each.then for each in only.findings)
    office.library = replace(office.library, digest="another", _days={})
    [only] = _of_note(office, note)
    assert [each.then for each in only.findings] == [None] * len(only.findings)
    assert all(each.reason.cite for each in only.findings)


def test_only_who_may_read_the_note_is_told_why(office: Office, note: str) -> None:
    assert _of_note(office, note, CHEN)
    with pytest.raises(NotAllowed):
        _of_note(office, note, MORENO)
    with pytest.raises(NotFound):
        _of_note(office, note, RIVERA, LINDQVIST)
    with pytest.raises(NotFound):
        _of_note(office, note, version=7)


def test_of_a_draft_there_is_nothing_to_explain(office: Office) -> None:
    undecided(office)
    contact = drafted(office).contact.id
    with pytest.raises(NotFound):
        _of_note(office, contact)
    with pytest.raises(NotFound):
        _of_note(office, contact, OKAFOR)


def test_a_plan_entry_is_explained_as_it_was_signed(office: Office) -> None:
    entry = planned(office)
    with office.store.read() as session:
        [decision] = explained.of_entry(session, actor(RIVERA, LINDQVIST), entry, office.library, office.now)
    assert (decision.subject, decision.occasion, decision.by) == (entry, "signed", CHEN)
    assert decision.passed
    assert all(each.then and each.then.says for each in decision.passed)


def test_a_released_claim_keeps_why_it_was_allowed_contact_by_contact(office: Office, note: str) -> None:
    biller = actor(MORENO)
    with office.store.write() as session:
        number = billing.listing(session, biller)[0].control_number
        assert billing.release(session, biller, number, office.library, office.now).released
    with office.store.read() as session:
        [decision] = explained.of_claim(session, biller, number, office.library, office.now)
    assert (decision.subject, decision.occasion, decision.by) == (note, "released", MORENO)
    assert decision.claim == "ready"
    assert {each.reason.stage for each in decision.passed} == {"claim"}
    assert all(f.reason.stage == "claim" or f.reason.severity == "block" for f in decision.findings)


def test_a_note_that_is_billed_again_after_a_void_keeps_why_for_each_of_its_claims(
    office: Office, note: str
) -> None:
    biller, numbers = actor(MORENO), list[str]()

    def released() -> str:
        with office.store.write() as session:
            (ready,) = [one for one in billing.listing(session, biller) if one.state == "ready"]
            assert billing.release(session, biller, ready.control_number, office.library, office.now).released
        return str(ready.control_number)

    numbers.append(released())
    with office.store.write() as session:
        billing.ask(session, biller, numbers[0], "void", "Other payer", office.library, office.now)
    released()
    with office.store.write() as session:
        billing.redraft_all(session, biller, office.library, office.now)
        (held,) = [one for one in billing.listing(session, biller) if one.state == "held"]
        billing.unhold(session, biller, held.control_number, office.now)
    numbers.append(released())
    with office.store.read() as session:
        found = [explained.of_claim(session, biller, one, office.library, office.now) for one in numbers]
    assert [[each.occasion for each in one] for one in found] == [["released"], [f"released in {numbers[1]}"]]
    assert [[each.subject for each in one] for one in found] == [[note], [note]]
    said = _peerchart(office, "--contact", note).stdout
    assert f"version 1: Released in {numbers[1]} " in said


def test_a_held_contact_is_explained_by_the_rules_that_hold_it(office: Office) -> None:
    admitted(office, FARRELL)
    held = final(office, FARRELL)
    with office.store.read() as session:
        row = session.get_one(ClaimHoldRow, (ISSUER, held))
        [decision] = explained.of_claim(session, actor(MORENO), held, office.library, office.now)
    assert decision.holding
    assert [f.reason.rule for f in decision.findings] == [f["rule"] for f in row.findings]
    assert all(f.then is not None for f in decision.findings)


def test_every_signed_version_of_a_contact_has_its_findings(office: Office, note: str) -> None:
    with office.store.read() as session:
        versions = session.scalars(select(VersionRow).where(VersionRow.frozen_at.is_not(None))).all()
        kept = {(row.subject, row.version) for row in session.scalars(select(DecisionRow))}
    assert {(row.contact, row.version) for row in versions} <= kept


def _peerchart(office: Office, *words: str) -> Result:
    data = str(office.settings.data_dir)
    return CliRunner().invoke(cli, ["rules", "explain", *words, "--data", data])


def test_the_command_says_every_finding_with_its_sentence_quote_and_source(office: Office, note: str) -> None:
    out = _peerchart(office, "--contact", note).stdout
    assert f"{note} version 1: Signed" in out
    assert f"{note} version 1: Co-signed" in out
    assert "NY.PRE.COSIGN did not pass (block at claim)" in out
    assert "Version in force: from 2022-11-23" in out
    assert "Today's library says the same." in out
    assert "Asked again today, with all that is recorded by now: passed." in out
    assert f"Library: {office.library.digest} (Peerchart " in out
    assert "  Passed: " in out


def test_the_command_tells_of_one_rule_and_as_json(office: Office, note: str) -> None:
    said = [
        json.loads(line)
        for line in _peerchart(office, "--contact", note, "--rule", CAP, "--json").stdout.splitlines()
    ]
    assert {(each["rule"], each["result"]) for each in said} == {(CAP, "pass")}
    assert said[-1]["then"]["values"]["cap.units_per_day"]["value"] == "12"
    assert "twelve units per day" in said[-1]["then"]["cite"]["quote"]


def test_the_command_explains_a_plan_entry_and_a_hold(office: Office) -> None:
    admitted(office, FARRELL)
    held, entry = final(office, FARRELL), planned(office)
    assert "In no claim since" in _peerchart(office, "--contact", held).stdout
    assert f"{entry} version 1: Signed" in _peerchart(office, "--plan-entry", entry).stdout


def test_looking_by_the_command_is_written_into_the_trail(office: Office, note: str) -> None:
    _peerchart(office, "--contact", note)
    with office.store.read() as session:
        [row] = session.execute(text("SELECT actor, subject FROM audit WHERE action = 'findings explained'"))
    assert (row[0].startswith("command line: "), row[1]) == (True, note)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--contact", "C-none"), "no such contact"),
        (("--plan-entry", "P-none"), "no such signed plan entry"),
        ((CAP, "--contact", "C-none"), "one thing at a time"),
        ((), "name a rule ID"),
        ((CAP, "--version", "1"), "go with --contact"),
    ],
)
def test_what_cannot_be_explained_is_wrong_usage(office: Office, words: tuple[str, ...], says: str) -> None:
    result = _peerchart(office, *words)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_draft_and_an_unknown_rule_are_wrong_usage(office: Office, note: str) -> None:
    draft = drafted(office, at=office.now).contact.id
    assert _peerchart(office, "--contact", draft).exit_code == 2
    result = _peerchart(office, "--contact", note, "--rule", "NY.NONE")
    assert (result.exit_code, "said nothing of 'NY.NONE'" in result.stderr) == (2, True)


def _own_cap(office: Office) -> None:
    """The EHR's own site lets ten units a day be claimed."""
    file = office.settings.data_dir.parent / "own.toml"
    file.write_text('id = "own"\njurisdiction = "us-ny"\n[parameters]\n"cap.units_per_day" = 10\n', "utf-8")
    install(office.settings, ISSUER, file, "us-ny")


def test_todays_library_is_that_of_the_records_own_ehr(office: Office, note: str) -> None:
    _own_cap(office)
    said = _peerchart(office, "--contact", note, "--rule", CAP).stdout
    assert "Today's library says otherwise: " in said
    assert "10" in said.partition("says otherwise: ")[2].splitlines()[0]
    entry = planned(office, FARRELL)
    assert _peerchart(office, "--plan-entry", entry).exit_code == 0


def test_a_rule_is_explained_with_the_values_of_an_ehr_of_its_own_site(office: Office) -> None:
    _own_cap(office)
    assert "cap.units_per_day = 12" in _peerchart(office, CAP, "--on", "2026-03-04").stdout
    own = _peerchart(office, CAP, "--on", "2026-03-04", "--issuer", ISSUER).stdout
    assert "cap.units_per_day = 10 (site" in own


def test_an_id_of_two_ehrs_asks_which(office: Office, note: str) -> None:
    with office.store.write() as session:
        row = session.get_one(ContactRow, (ISSUER, note))
        session.add(
            ContactRow(
                issuer="elsewhere",
                id=note,
                patient=MOSS,
                author=RIVERA,
                encounter=None,
                current=1,
                begun_at=row.begun_at,
            )
        )
    result = _peerchart(office, "--contact", note)
    assert (result.exit_code, "elsewhere, sandbox" in result.stderr) == (2, True)
    assert _peerchart(office, "--contact", note, "--issuer", ISSUER).exit_code == 0


def test_a_note_that_waits_is_explained_by_its_author(office: Office) -> None:
    undecided(office)
    contact = drafted(office).contact.id
    signed(office, contact)
    [decision] = _of_note(office, contact)
    assert decision.holding
    cosigned(office, contact)
    assert len(_of_note(office, contact)) == 2
