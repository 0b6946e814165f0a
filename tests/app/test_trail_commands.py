"""The trail as FHIR and the accounting of disclosures, on the command line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import consents, disclosures
from app.cli import cli
from mappings.disclosure import CHART
from mappings.fhir import gate
from tests.app.office import ISSUER, LINDQVIST, MOSS, RIVERA, Office, actor, final, undecided


@pytest.fixture
def lived_in(office: Office) -> Office:
    undecided(office)
    final(office)
    with office.store.write() as session:
        disclosures.leaves(
            session, ISSUER, MOSS, CHART, "note", "note/C-1/1", "ab", office.now, part2=True, consent=7
        )
    return office


def run(office: Office, *words: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *words, "--data", str(office.settings.data_dir)])


def test_the_trail_is_written_as_audit_events_that_fit_and_hold_nothing_of_a_note(
    lived_in: Office, tmp_path: Path
) -> None:
    out = tmp_path / "trail.ndjson"
    done = run(lived_in, "export", "--issuer", ISSUER, "--out", str(out))
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    text = out.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        gate.check(event)
    actions = [event["subtype"][0]["display"] for event in events]
    assert {"note signed", "note co-signed", "record disclosed", "draft saved"} <= set(actions)
    assert [event["recorded"] for event in events] == sorted(event["recorded"] for event in events)
    assert "questions" not in text


def test_the_trail_of_one_person_names_nobody_else(lived_in: Office) -> None:
    text = run(lived_in, "export", "--issuer", ISSUER, "--patient", MOSS).output
    people = {
        entity["what"]["reference"]
        for line in text.splitlines()
        for entity in json.loads(line)["entity"]
        if "reference" in entity["what"]
    }
    assert people == {f"Patient/{MOSS}"}


def test_the_accounting_of_a_person_is_a_table_and_asking_for_it_is_in_the_trail(lived_in: Office) -> None:
    text = run(lived_in, "disclosures", "--issuer", ISSUER, "--patient", MOSS).output
    heading, line = text.splitlines()
    assert heading.startswith("when,recipient,purpose,what,record")
    assert ",treatment,Signed note,note/C-1/1,ab,7,yes," in line
    told = run(lived_in, "export", "--issuer", ISSUER).output
    assert "accounting of disclosures exported" in told
    assert run(lived_in, "disclosures", "--issuer", ISSUER, "--patient", LINDQVIST).output.count("\n") == 1


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_recipient_whose_name_begins_as_a_formula_is_a_name_in_the_accounting(
    office: Office, start: str
) -> None:
    told = ("note", "note/C-1/1", "ab", office.now)
    with office.store.write() as session:
        disclosures.leaves(
            session, ISSUER, MOSS, CHART, *told, part2=False, consent=None, recipient=f"{start} Clinic"
        )
    _, line = run(office, "disclosures", "--issuer", ISSUER, "--patient", MOSS).output.splitlines()
    assert f",'{start} Clinic," in line


def test_the_consents_of_a_person_are_written_as_consents_that_fit(office: Office) -> None:
    who = actor(RIVERA, MOSS)
    given = consents.Given("tpo", (CHART,), "My providers", date(2026, 3, 1), None, "Binder 1", "")
    with office.store.write() as session:
        first = consents.record(session, who, given, office.now)
        consents.record(session, who, given, office.now)
        consents.revoke(session, who, first, "On the phone", office.later(minutes=5))
    text = run(office, "consents", "--issuer", ISSUER, "--patient", MOSS).output
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        gate.check(each, full=True)
    assert [each["status"] for each in found] == ["active", "inactive"]
    assert {each["patient"]["reference"] for each in found} == {f"Patient/{MOSS}"}
    assert run(office, "consents", "--issuer", ISSUER, "--patient", "pat-nobody").exit_code == 2
