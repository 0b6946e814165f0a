"""`peerchart check` on a real file: every line answered, every refusal named, exit codes as promised."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from tests.generator import generate
from tests.intake_faults import HELD, REFUSED
from tests.intake_makers import NOW, Generated, as_line, contact, seeded

ALL_KINDS = len(REFUSED) + len(HELD)


def peerchart(*words: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=given)


@pytest.fixture(scope="module")
def records() -> list[Generated]:
    return generate(seed=7, records=300, bad=ALL_KINDS)


@pytest.fixture(scope="module")
def checked(records: list[Generated], tmp_path_factory: pytest.TempPathFactory) -> Result:
    file = tmp_path_factory.mktemp("intake") / "records.ndjson"
    file.write_bytes(b"\n".join(one.line for one in records) + b"\n")
    return peerchart("check", str(file), "--now", NOW)


def judged(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def a_contact() -> dict[str, object]:
    return contact(seeded(1), minutes=40)


def test_a_refused_line_makes_exit_code_2_and_the_others_are_still_judged(
    checked: Result, records: list[Generated]
) -> None:
    assert checked.exit_code == 2
    assert len(judged(checked)) == sum(one.lines_out for one in records) > 200


def test_contacts_and_plan_entries_are_answered_one_line_each_in_input_order(
    checked: Result, records: list[Generated]
) -> None:
    assert [line["id"] for line in judged(checked)] == [one.id for one in records if one.lines_out]


def test_every_line_has_the_promised_fields_in_their_order(checked: Result) -> None:
    wanted = ["id", "kind", "signing", "claim", "units", "billed_units", "findings"]
    assert all(list(line) == wanted for line in judged(checked))


def test_each_record_stands_as_the_generator_counted_it_by_itself(
    checked: Result, records: list[Generated]
) -> None:
    wanted = [one for one in records if one.lines_out]
    for one, line in zip(wanted, judged(checked), strict=True):
        found = (line["signing"], line["claim"], line["units"], line["billed_units"])
        assert found == (one.signing, one.claim, one.units, one.billed), one.made_as


def test_each_held_record_names_the_rule_that_holds_it(checked: Result, records: list[Generated]) -> None:
    lines = {str(line["id"]): line for line in judged(checked)}
    held = [one for one in records if one.rule]
    assert len(held) == len(HELD)
    for one in held:
        findings = lines[one.id]["findings"]
        assert isinstance(findings, list)
        assert one.rule in {finding["rule"] for finding in findings}, one.made_as


def test_each_refusal_names_line_and_right_form(checked: Result, records: list[Generated]) -> None:
    wanted = [number for number, one in enumerate(records, start=1) if one.refused]
    refusals = [line for line in checked.stderr.splitlines() if line.startswith("refused: ")]
    assert [int(line.split(".ndjson:")[1].split(":")[0]) for line in refusals] == wanted
    assert len(wanted) == len(REFUSED)
    assert all("; expected " in line for line in refusals)


def test_with_json_a_refusal_is_an_object_with_file_line_field_and_form(tmp_path: Path) -> None:
    file = tmp_path / "in.ndjson"
    file.write_bytes(b'{"kind": "visit"}\n')
    result = peerchart("check", "--json", str(file))
    refusal = json.loads(result.stderr)
    assert refusal["file"] == str(file)
    assert (refusal["line"], refusal["field"]) == (1, "kind")
    assert refusal["form"].startswith("one of contact")


def test_standard_input_is_read_when_no_file_or_a_dash_is_given() -> None:
    line = as_line(a_contact()) + b"\n"
    for words in (("check", "--now", NOW), ("check", "-", "--now", NOW)):
        result = peerchart(*words, given=line)
        assert len(judged(result)) == 1
        assert result.exit_code == 1  # nobody knows the peer: the claim is held


def test_nothing_held_is_exit_code_0() -> None:
    from tests.intake_makers import office

    lines = b"\n".join(as_line(one) for one in [*office(), a_contact()])
    assert peerchart("check", "--now", NOW, given=lines).exit_code == 0


def test_all_lists_passing_and_inapplicable_rules_too() -> None:
    line = as_line(a_contact())
    shown = judged(peerchart("check", "--now", NOW, given=line))[0]["findings"]
    everything = judged(peerchart("check", "--all", "--now", NOW, given=line))[0]["findings"]
    assert isinstance(shown, list)
    assert isinstance(everything, list)
    assert {"pass", "not-applicable"} <= {finding["result"] for finding in everything}
    assert not {"pass", "not-applicable"} & {finding["result"] for finding in shown}


def test_the_clock_can_be_replaced_and_a_contact_may_not_lie_in_its_future() -> None:
    line = as_line(a_contact())
    early = peerchart("check", "--now", "2026-01-15T12:00:00-05:00", given=line)
    assert judged(early)[0]["signing"] == "held"


@pytest.mark.parametrize("wrong", ["2026-03-04", "2026-03-04T10:00:00", "yesterday"])
def test_a_time_without_offset_is_wrong_usage_and_the_right_form_is_shown(wrong: str) -> None:
    result = peerchart("check", "--now", wrong, given=b"")
    assert result.exit_code == 2
    assert "2026-03-04T10:00:00-05:00" in result.stderr


def test_a_missing_file_is_wrong_usage_before_anything_is_read(tmp_path: Path) -> None:
    there = tmp_path / "there.ndjson"
    there.write_bytes(as_line(a_contact()))
    result = peerchart("check", str(there), str(tmp_path / "missing.ndjson"))
    assert result.exit_code == 2
    assert "there is no file" in result.stderr
    assert result.stdout == ""


def test_a_folder_is_wrong_usage(tmp_path: Path) -> None:
    result = peerchart("check", str(tmp_path))
    assert result.exit_code == 2
    assert "is a folder" in result.stderr


def test_control_signs_of_a_file_do_not_reach_the_screen() -> None:
    result = peerchart("check", given=b'{"kind": "contact", "\\u001b[2Jid": 1, "id": "x"}')
    assert "\x1b" not in result.stderr


def test_a_line_far_over_the_limit_is_refused_and_the_next_one_judged() -> None:
    long = b'{"kind": "' + b"x" * (3 * 1024 * 1024) + b'"}\n'
    result = peerchart("check", "--now", NOW, given=long + as_line(a_contact()))
    assert "larger than 1 MiB" in result.stderr
    assert len(judged(result)) == 1


def test_a_reader_that_goes_away_early_ends_it_quietly(records: list[Generated], tmp_path: Path) -> None:
    file = tmp_path / "records.ndjson"
    file.write_bytes(b"\n".join(one.line for one in records if one.lines_out))
    program = "from app.cli import main; main()"
    command = f"{sys.executable} -c '{program}' check {file} --now {NOW} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert done.stdout.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert b"rror" not in done.stderr


def test_the_command_line_pulls_in_nothing_heavy_before_a_command_needs_it() -> None:
    program = (
        "import sys, app.cli; heavy = {'flask', 'sqlalchemy', 'fhir', 'pydantic', 'requests'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=30, check=False).returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        "check", "map", "rules list", "rules explain", "rules check", "demo", "serve", "deliver",
        "db upgrade",
        "keys list", "keys rotate", "issuers add", "issuers list", "issuers remove", "staff import",
    ],
)  # fmt: skip
def test_the_help_of_every_command_shows_an_example(words: str) -> None:
    result = peerchart(*words.split(), "--help")
    assert result.exit_code == 0
    assert f"peerchart {words}" in result.stdout.partition("Example")[2]
