"""What changes between two days, in words."""

from __future__ import annotations

from datetime import date

from click.testing import CliRunner

from app.cli import cli
from mappings.differences import differences
from mappings.library import load
from tests.guidance.office_cases import library_with


def _said(start: date, end: date, place: str | None = None) -> list[str]:
    return [f"{c.jurisdiction} {c.id}: {c.words}" for c in differences(load(), start, end, place)]


def test_washington_changes_on_the_first_day_of_2027() -> None:
    said = _said(date(2026, 12, 31), date(2027, 1, 1))
    assert any(line.startswith("us-wa WA.REND.CPC: A new version from 2027-01-01") for line in said)
    assert "us-wa credentials.adult: Changes from wa-cpc, wa-cps to wa-cps from 2027-01-01." in said
    assert all(line.startswith("us-wa ") for line in said)


def test_idaho_ends_with_june_2024() -> None:
    [line] = _said(date(2024, 6, 30), date(2024, 7, 1), "us-id")
    assert "its rules end on 2024-06-30" in line


def test_new_york_begins_with_its_guidance() -> None:
    [line] = _said(date(2022, 11, 22), date(2022, 11, 23), "us-ny")
    assert "its rules begin on 2022-11-23" in line


def test_nothing_changes_within_a_day_and_the_command_says_so() -> None:
    assert _said(date(2026, 3, 4), date(2026, 3, 4)) == []
    out = CliRunner().invoke(cli, ["rules", "diff", "--from", "2026-03-04", "--to", "2026-03-05"])
    assert (out.exit_code, out.stdout.strip()) == (0, "Nothing changes between 2026-03-04 and 2026-03-05.")


def test_place_without_rules_is_wrong_usage() -> None:
    asked = ["rules", "diff", "--from", "2026-03-04", "--to", "2026-03-05", "--jurisdiction", "us-xx"]
    out = CliRunner().invoke(cli, asked)
    assert out.exit_code == 2
    assert "us-ny" in out.stderr


def test_value_of_a_site_is_on_both_days_and_no_difference() -> None:
    library = library_with({"supervision.max_gap_days": 7})
    assert differences(library, date(2026, 3, 4), date(2026, 3, 5), "us-ny") == []
