"""`peerchart verify`: files from anywhere, keys from the installation, a key set, or beside the file."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from app.keyring import SEAL
from mappings.fhir.xml import to_xml
from tests.app.office import ISSUER, Office, final, undecided
from tests.app.test_note_copies import payload_of

GOLDEN = Path(__file__).parent.parent / "golden"
BUNDLE = json.loads((GOLDEN / "contact-pre-admission.json").read_text(encoding="utf-8"))
KEYS = GOLDEN / "seal-keys.json"


@pytest.fixture(autouse=True)
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PEERCHART_DATA_DIR", raising=False)


def verify(file: Path, *more: str | Path) -> Result:
    return CliRunner().invoke(cli, ["verify", str(file), *map(str, more)])


def lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def ndjson(bundle: Any) -> str:
    return "\n".join(json.dumps(each["resource"]) for each in bundle["entry"])


def test_a_bundle_is_told_signature_by_signature(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(BUNDLE))
    result = verify(file, "--keys", KEYS)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("HOLDS") == 2
    for words in (
        "Signed as the author by 1900000021",
        "Co-signed by 1900000039",
        "2026-03-05T09:00:00-05:00",
    ):
        assert words in result.stdout
    assert "over ENC-2026-000451, version 1, for urn:example:mrn|MRN-70001" in result.stdout


def test_the_same_as_xml_and_as_bulk_data_holds_as_well(tmp_path: Path) -> None:
    (tmp_path / "bundle.xml").write_bytes(to_xml(BUNDLE))
    found = verify(tmp_path / "bundle.xml", "--keys", KEYS, "--json")
    assert [one["state"] for one in lines(found)] == ["holds", "holds"], found.output
    in_ehr = json.loads((GOLDEN / "contact-pre-admission-ehr.json").read_text(encoding="utf-8"))
    text = ndjson(in_ehr)
    for number, each in enumerate(in_ehr["entry"]):
        kind = each["resource"]["resourceType"]
        text = text.replace(f'"{each["fullUrl"]}"', f'"{kind}/n{number}"')
    rows = [json.loads(line) | {"id": f"n{number}"} for number, line in enumerate(text.splitlines())]
    (tmp_path / "bulk.ndjson").write_text("\n".join(json.dumps(row) for row in rows))
    found = verify(tmp_path / "bulk.ndjson", "--keys", KEYS, "--json")
    assert [one["state"] for one in lines(found)] == ["holds", "holds"], found.output


def test_a_changed_file_ends_with_one_and_says_what(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(BUNDLE).replace("2026-03-05T09:00:00", "2026-03-05T09:00:01"))
    result = verify(file, "--keys", KEYS)
    assert result.exit_code == 1
    assert "BROKEN" in result.stdout
    assert "wrong: it was signed at 2026-03-05T09:00:00-05:00" in result.stdout


def test_keys_beside_the_file_are_used_and_said_to_prove_little(tmp_path: Path) -> None:
    shutil.copy(KEYS, tmp_path)
    shutil.copy(GOLDEN / "contact-planned.json", tmp_path)
    result = verify(tmp_path / "contact-planned.json")
    assert result.exit_code == 0
    assert "came with the file" in result.stderr


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        ("{", ["--keys", KEYS], "no FHIR"),
        ("", ["--keys", KEYS], "empty"),
        (json.dumps({"resourceType": "Patient", "id": "a"}), ["--keys", KEYS], "holds no signature"),
        (json.dumps(BUNDLE), [], "no seal keys"),
        (json.dumps(BUNDLE), ["--keys", __file__], "no JWK Set"),
        (json.dumps(BUNDLE), ["--data", "/nonexistent"], "no database"),
    ],
)
def test_what_cannot_be_checked_is_wrong_usage(
    tmp_path: Path, content: str, more: list[str | Path], words: str
) -> None:
    file = tmp_path / "in.json"
    file.write_text(content)
    result = verify(file, *more)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_installation_checks_by_its_own_keys_and_texts_and_a_key_in_other_hands_is_said(
    tmp_path: Path, office: Office
) -> None:
    undecided(office)
    note = final(office)
    payload = payload_of(office, note)
    kept = [each for each in payload["entry"] if each["resource"]["resourceType"] == "Provenance"]
    (tmp_path / "whole.json").write_text(json.dumps(payload))
    (tmp_path / "alone.json").write_text(json.dumps(payload | {"entry": kept}))
    data = office.settings.data_dir
    with office.store.write() as session:
        kid = office.keyring.seal_key(session, ISSUER)["kid"]
        office.keyring.rotate(session, ISSUER, SEAL, office.now + timedelta(days=1))
    assert verify(tmp_path / "whole.json", "--data", data).exit_code == 0
    alone = verify(tmp_path / "alone.json", "--data", data, "--json")
    assert alone.exit_code == 1
    assert not [word for one in lines(alone) for word in one["untold"] if word.startswith("the text")]
    since = (office.now - timedelta(days=30)).isoformat()
    told = CliRunner().invoke(cli, ["keys", "compromised", ISSUER, kid, "--from", since, "--data", str(data)])
    assert told.exit_code == 0, told.output
    after = verify(tmp_path / "whole.json", "--data", data)
    assert after.exit_code == 1
    assert "may have been in other hands" in after.stdout


def test_a_key_that_still_seals_is_not_reported_before_the_next_is_made(office: Office) -> None:
    with office.store.read() as session:
        kid = office.keyring.seal_key(session, ISSUER)["kid"]
    words = ["keys", "compromised", ISSUER, kid, "--from", "2026-01-01T00:00:00+00:00"]
    told = CliRunner().invoke(cli, [*words, "--data", str(office.settings.data_dir)])
    assert told.exit_code == 2
    assert "still seals" in told.stderr


def test_an_engineer_says_in_which_forms_an_ehr_takes_notes(office: Office) -> None:
    from app.delivery.overrides import override_of

    data = office.settings.data_dir
    words = ["issuers", "forms", ISSUER]
    assert CliRunner().invoke(cli, [*words, "xhtml", "pdf", "--data", str(data)]).exit_code == 0
    assert override_of(data, ISSUER).note_forms == ("xhtml", "pdf")
    for wrong in (["docx"], ["text", "text"], []):
        assert CliRunner().invoke(cli, [*words, *wrong, "--data", str(data)]).exit_code == 2
    assert CliRunner().invoke(cli, ["issuers", "forms", "x", "pdf", "--data", str(data)]).exit_code == 2
