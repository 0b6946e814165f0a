"""`peerchart rules load-table`: Washington's claims are held until its table is loaded, and no day longer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from tests.guidance.builder import changed, contact_and_entry

CSV = "code,modifiers,format,unit_minutes\nH0038,,individual,15\nH0038,HQ,group,15\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """A small invented table."""
    file = tmp_path / "seri.csv"
    file.write_text(CSV, "utf-8")
    return file


def peerchart(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=given)


def _checked(site: Path | None, **changes: Any) -> dict[str, Any]:
    contact = changed(contact_and_entry("us-wa")[0], changes)
    words = ["check", "--now", "2026-03-10T09:00:00-08:00", *(["--site", str(site)] if site else [])]
    result = peerchart(*words, given=json.dumps(contact))
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_claim_is_held_until_the_table_is_loaded_and_ready_afterwards(tmp_path: Path, csv: Path) -> None:
    before = _checked(None)
    assert (before["signing"], before["claim"], before["billed_units"]) == ("ready", "held", 0)
    [finding] = [f for f in before["findings"] if f["rule"] == "WA.CODE.SERI"]
    assert "peerchart rules load-table us-wa" in finding["fix"]
    site = tmp_path / "site"
    result = peerchart("rules", "load-table", "us-wa", str(csv), "--from", "2026-01-01", "--site", str(site))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2 rows in force from 2026-01-01" in result.stdout
    after = _checked(site)
    assert (after["claim"], after["units"], after["billed_units"]) == ("ready", 2, 2)
    assert peerchart("rules", "check", "--site", str(site)).exit_code == 0


def test_table_counts_from_its_day_and_an_older_one_stays_for_its_own(tmp_path: Path, csv: Path) -> None:
    site = tmp_path / "site"
    peerchart("rules", "load-table", "us-wa", str(csv), "--from", "2026-03-04", "--site", str(site))
    assert _checked(site)["claim"] == "ready"
    day = {"start": "2026-03-03T10:00:00-08:00", "end": "2026-03-03T10:30:00-08:00"}
    assert _checked(site, **day)["claim"] == "held"
    csv.write_text("code,unit_minutes\nH0038,30\n", "utf-8")
    peerchart("rules", "load-table", "us-wa", str(csv), "--from", "2026-03-05", "--site", str(site))
    assert _checked(site)["units"] == 2
    day = {
        "start": "2026-03-05T10:00:00-08:00",
        "end": "2026-03-05T10:30:00-08:00",
        "note.edited_at": "2026-03-05T10:31:00-08:00",
        "signatures[0].at": "2026-03-05T10:32:00-08:00",
    }
    assert _checked(site, **day)["units"] == 1


def test_installation_s_own_folder_is_used_without_being_named(
    tmp_path: Path, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEERCHART_DATA_DIR", str(tmp_path / "data"))
    result = peerchart("rules", "load-table", "us-wa", str(csv), "--from", "2026-01-01", "--json")
    assert json.loads(result.stdout)["rows"] == 2
    assert (tmp_path / "data" / "site" / "tables" / "us-wa-service-encounters.toml").is_file()
    assert _checked(None)["claim"] == "ready"


@pytest.mark.parametrize(
    ("place", "text", "start", "words"),
    [
        ("us-wa", "code\nH0038\n", "2026-01-01", "seri.csv: line 1: the column `unit_minutes` is missing"),
        ("us-wa", CSV, "2024-01-01", "no rules there bill by a table of service encounters"),
        ("us-ny", CSV, "2026-01-01", "one of the places us-wa"),
        ("us-qq", CSV, "2026-01-01", "one of the places us-wa"),
    ],
)
def test_nothing_is_written_of_what_cannot_be_a_table(
    tmp_path: Path, csv: Path, place: str, text: str, start: str, words: str
) -> None:
    csv.write_text(text, "utf-8")
    site = tmp_path / "site"
    result = peerchart("rules", "load-table", place, str(csv), "--from", start, "--site", str(site))
    assert result.exit_code == 1
    assert words in result.stderr
    assert "Nothing was written." in result.stderr
    assert not site.exists()


def test_file_that_is_not_utf_8_and_a_day_that_is_none_are_named(tmp_path: Path, csv: Path) -> None:
    csv.write_bytes(b"code,unit_minutes\nH0038,15,\xff\n")
    site = str(tmp_path / "site")
    result = peerchart("rules", "load-table", "us-wa", str(csv), "--from", "2026-01-01", "--site", site)
    assert "not UTF-8" in result.stderr
    assert (
        peerchart("rules", "load-table", "us-wa", str(csv), "--from", "soon", "--site", site).exit_code == 2
    )
