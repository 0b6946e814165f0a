"""`peerchart rules`: one rule a line, one rule whole, and the proof that the library is sound."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.cli import cli


def peerchart(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_the_list_has_one_rule_a_line_with_id_severity_stage_and_sentence() -> None:
    lines = peerchart("rules", "list").stdout.splitlines()
    [cosign] = [line for line in lines if line.startswith("NY.PRE.COSIGN ")]
    assert cosign.split()[1:3] == ["block", "claim"]
    assert cosign.endswith(".")
    assert len(lines) == len(
        json.loads(f"[{','.join(peerchart('rules', 'list', '--json').stdout.splitlines())}]")
    )


def test_a_list_into_a_pipe_is_neither_cut_nor_coloured() -> None:
    out = peerchart("rules", "list").stdout
    assert "\x1b" not in out
    assert "…" not in out


def test_a_rule_is_explained_with_its_source_its_words_and_its_values() -> None:
    out = peerchart("rules", "explain", "NY.UNIT.DAYCAP", "--on", "2026-03-04").stdout
    assert "up to twelve units per day, or 3 hours maximum" in out
    assert "cap.units_per_day = 12" in out
    assert "omh.ny.gov" in out
    assert "What to do:" in out


def test_a_rule_is_found_by_its_number_too() -> None:
    out = peerchart("rules", "explain", "R065", "--json").stdout
    assert json.loads(out)["rule"] == "NY.UNIT.DAYCAP"


def test_an_unknown_rule_is_wrong_usage_and_near_ones_are_named() -> None:
    result = peerchart("rules", "explain", "NY.PRE.COSIGNS")
    assert result.exit_code == 2
    assert "NY.PRE.COSIGN" in result.stderr


def test_a_day_that_is_none_is_wrong_usage() -> None:
    result = peerchart("rules", "explain", "R065", "--on", "04.03.2026")
    assert result.exit_code == 2
    assert "2026-03-04" in result.stderr


def test_the_library_is_sound() -> None:
    result = peerchart("rules", "check")
    assert result.exit_code == 0
    assert result.stdout.startswith("sound: ")


def test_documents_that_do_not_say_what_is_quoted_are_a_failed_proof(tmp_path: Path) -> None:
    result = peerchart("rules", "check", "--sources", str(tmp_path), "--json")
    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert said["problems"]
    assert not said["sound"]


def test_an_overlay_that_names_an_unknown_parameter_is_refused(tmp_path: Path) -> None:
    overlay = tmp_path / "site.toml"
    overlay.write_text('id = "x"\njurisdiction = "us-ny"\nfrom = 2026-01-01\n[values]\n"no.such" = 1\n')
    assert peerchart("rules", "check", "--site", str(overlay)).exit_code == 1
    assert peerchart("rules", "list", "--site", str(overlay)).exit_code == 2


def test_a_rule_shows_its_cases_and_its_words() -> None:
    out = peerchart("rules", "explain", "GEN.LANG.PERSON_FIRST_NOTES").stdout
    assert "pass: quoted words of the person" in out
    assert "non-compliant/non-compliance/non-adherent/non-adherence: chose not to, or decided against" in out


def test_what_changes_between_two_days_is_said_one_change_a_line() -> None:
    asked = ["rules", "diff", "--from", "2026-12-31", "--to", "2027-01-01", "--jurisdiction", "us-wa"]
    assert "WA.REND.CPC" in peerchart(*asked).stdout
    said = [json.loads(line) for line in peerchart(*asked, "--json").stdout.splitlines()]
    assert {change["jurisdiction"] for change in said} == {"us-wa"}


def test_staff_and_programmes_are_judged_where_it_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "office.ndjson"
    file.write_text('{"kind": "staff", "id": "1", "jurisdiction": "us-ny"}\n')
    assert peerchart("check", str(file)).stdout == ""
    said = json.loads(peerchart("check", "--office", str(file)).stdout)
    assert (said["id"], said["kind"], said["signing"], said["claim"]) == ("1", "staff", "ready", "none")
