"""`peerchart map`: what may leave leaves as Bundles in input order, what is held is reported with why."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from mappings.fhir import gate
from mappings.fhir.xml import from_xml
from tests.generator import generate
from tests.intake_makers import NOW, Generated, as_line, contact, office, plan_entry, seeded

NOTE = "https://peerchart.example/id/note"
US_NPI = "http://hl7.org/fhir/sid/us-npi"


def peerchart(*words: str, given: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=given)


@pytest.fixture(scope="module")
def records() -> list[Generated]:
    return generate(seed=11, records=240, bad=40)


@pytest.fixture(scope="module")
def mapped(records: list[Generated], tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("mapped")
    (folder / "in.ndjson").write_bytes(b"\n".join(one.line for one in records))
    words = ("--out", str(folder / "out.ndjson"), "--claims", str(folder / "claims.ndjson"))
    report = ("--report", str(folder / "report.ndjson"), "--json", "--now", NOW)
    return peerchart("map", str(folder / "in.ndjson"), *words, *report), folder


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def of_type(bundle: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    resources = [entry["resource"] for entry in bundle["entry"]]
    return [one for one in resources if one["resourceType"] == resource_type]


def test_a_bundle_for_each_record_that_may_leave_and_no_other(
    mapped: tuple[Result, Path], records: list[Generated]
) -> None:
    result, folder = mapped
    assert result.exit_code == 2
    assert len(lines(folder / "out.ndjson")) == sum(one.leaves for one in records)


def test_the_bundles_stand_in_input_order(mapped: tuple[Result, Path], records: list[Generated]) -> None:
    notes = [
        of_type(bundle, "DocumentReference")[0]["identifier"][0]["value"]
        for bundle in lines(mapped[1] / "out.ndjson")
        if of_type(bundle, "DocumentReference")
    ]
    wanted = [one.id for one in records if one.leaves and one.id.startswith("ENC")]
    assert [note.split("/")[0] for note in notes] == wanted


def test_what_is_held_is_reported_with_rule_reason_and_what_to_do(
    mapped: tuple[Result, Path], records: list[Generated]
) -> None:
    report = {(line["id"], line["outcome"]): line for line in lines(mapped[1] / "report.ndjson")}
    held = [one for one in records if one.lines_out and not one.leaves]
    assert {one.id for one in held} == {name for name, outcome in report if outcome == "held"}
    for one in held:
        reasons = report[one.id, "held"]["reasons"]
        assert all(reason["message"] and reason["fix"] for reason in reasons)
        assert one.rule in {reason["rule"] for reason in reasons}, one.made_as


def test_a_note_whose_claim_is_held_leaves_and_its_claim_does_not(
    mapped: tuple[Result, Path], records: list[Generated]
) -> None:
    waiting = {one.id for one in records if one.leaves and one.claim == "held"}
    reported = {line["id"] for line in lines(mapped[1] / "report.ndjson") if line["outcome"] == "claim held"}
    assert waiting
    assert waiting <= reported


def test_claims_carry_the_units_the_generator_counted_and_stand_in_bundles_of_their_own(
    mapped: tuple[Result, Path], records: list[Generated]
) -> None:
    bundles = lines(mapped[1] / "claims.ndjson")
    claims = [claim for bundle in bundles for claim in of_type(bundle, "Claim")]
    assert len(claims) == len(bundles)
    units = sum(item["quantity"]["value"] for claim in claims for item in claim["item"])
    assert units == sum(one.billed for one in records)


def test_there_is_one_claim_for_each_person_day_and_rate_code(mapped: tuple[Result, Path]) -> None:
    claims = [claim for bundle in lines(mapped[1] / "claims.ndjson") for claim in of_type(bundle, "Claim")]
    keys = Counter(
        (claim["patient"]["reference"], claim["item"][0]["servicedDate"], _rate_code(claim))
        for claim in claims
    )
    assert set(keys.values()) == {1}


def _rate_code(claim: dict[str, Any]) -> str:
    return str(next(info["valueString"] for info in claim["supportingInfo"] if "valueString" in info))


def test_every_bundle_passes_the_models_and_our_own_layer_in_full(mapped: tuple[Result, Path]) -> None:
    for name in ("out.ndjson", "claims.ndjson"):
        for bundle in lines(mapped[1] / name)[:20]:
            gate.check(bundle, full=True)


def test_xml_is_one_bundle_a_line_and_reads_back_to_the_same(tmp_path: Path) -> None:
    many = b"\n".join(as_line(one) for one in [*office(), _with_line_breaks()])
    for form in ("json", "xml"):
        done = peerchart("map", "--out", str(tmp_path / form), "--format", form, "--now", NOW, given=many)
        assert done.exit_code == 0
    [line] = (tmp_path / "xml").read_bytes().splitlines()
    assert from_xml(line) == json.loads((tmp_path / "json").read_bytes())


def _with_line_breaks() -> dict[str, Any]:
    made = contact(seeded(3), minutes=30)
    made["note"]["purpose"] = "First line.\nSecond <line> & more."
    return made


def test_an_unfinished_contact_is_held_and_a_cancelled_one_has_nothing_to_send(tmp_path: Path) -> None:
    maker = seeded(5)
    begun, cancelled, ahead = contact(maker), contact(maker), contact(maker)
    begun["status"], cancelled["status"], ahead["status"] = "in-progress", "cancelled", "planned"
    many = b"\n".join(as_line(one) for one in [*office(), begun, cancelled, ahead])
    done = peerchart("map", "--out", str(tmp_path / "out"), "--now", NOW, "--json", given=many)
    outcomes = {line["id"]: line["outcome"] for line in map(json.loads, done.stderr.splitlines())}
    assert outcomes == {begun["id"]: "held", cancelled["id"]: "left-out", ahead["id"]: "left-out"}
    assert done.exit_code == 1
    assert (tmp_path / "out").read_bytes() == b""


def test_only_the_highest_version_of_an_id_leaves(tmp_path: Path) -> None:
    old = contact(seeded(5))
    new = {**old, "version": 2, "signatures": [{**old["signatures"][0], "version": 2}]}
    many = b"\n".join(as_line(one) for one in [*office(), new, old])
    peerchart("map", "--out", str(tmp_path / "out"), "--now", NOW, given=many)
    [bundle] = lines(tmp_path / "out")
    assert of_type(bundle, "DocumentReference")[0]["identifier"][0]["value"].endswith("/2")


def test_entries_of_one_plan_leave_as_one_plan(tmp_path: Path) -> None:
    maker = seeded(9)
    person = contact(maker)["individual"]
    first, second = plan_entry(maker, person), plan_entry(maker, person, "targeted")
    second["plan"] = first["plan"]
    many = b"\n".join(as_line(one) for one in [*office(), first, second])
    peerchart("map", "--out", str(tmp_path / "out"), "--now", NOW, given=many)
    for bundle in lines(tmp_path / "out"):
        assert len(of_type(bundle, "ServiceRequest")) == 2
        assert len(of_type(bundle, "CarePlan")) == 1


def test_a_run_that_fails_leaves_the_old_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ndjson"
    out.write_text("what stood here before\n")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the machine is out of order")

    monkeypatch.setattr("mappings.fhir.writing.Writer.contact", broken)
    many = b"\n".join(as_line(one) for one in [*office(), contact(seeded(5))])
    result = peerchart("map", "--out", str(out), "--now", NOW, given=many)
    assert isinstance(result.exception, RuntimeError)
    assert out.read_text() == "what stood here before\n"
    assert [each.name for each in tmp_path.iterdir()] == ["out.ndjson"]


def test_a_place_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    result = peerchart("map", "--out", str(tmp_path / "no" / "such" / "folder"), given=b"")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_one_file_for_two_outputs_is_wrong_usage(tmp_path: Path) -> None:
    same = str(tmp_path / "same")
    result = peerchart("map", "--out", same, "--claims", same, given=b"")
    assert result.exit_code == 2
    assert "different files" in result.stderr


def test_bundles_go_to_standard_output_where_a_dash_is_given() -> None:
    many = b"\n".join(as_line(one) for one in [*office(), contact(seeded(5))])
    result = peerchart("map", "--out", "-", "--now", NOW, given=many)
    assert json.loads(result.stdout)["resourceType"] == "Bundle"


def _of_one_evening() -> list[dict[str, Any]]:
    """Two contacts of one person on one day in New York; of the second, UTC says that it is the next day."""
    maker = seeded(9)
    one = contact(maker, minutes=30)
    other = {**one, "id": f"{one['id']}-evening", "note": {**one["note"]}}
    day = one["start"][:10]
    following = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    one["start"], one["end"] = f"{day}T10:00:00-05:00", f"{day}T10:30:00-05:00"
    other["start"], other["end"] = f"{following}T04:15:00+00:00", f"{following}T04:45:00+00:00"
    for each in (one, other):
        each["note"]["edited_at"] = each["end"]
        each["signatures"] = [{**sign, "at": each["end"]} for sign in each["signatures"]]
    return [one, other]


def test_the_programme_named_by_id_says_the_day_and_the_provider_of_a_claim(tmp_path: Path) -> None:
    both = _of_one_evening()
    program = next(one for one in office() if one["kind"] == "program")
    assert [one["program"] for one in both] == [{"id": program["id"]}] * 2
    many = b"\n".join(as_line(one) for one in [*office(), *both])
    out, claims = str(tmp_path / "out"), str(tmp_path / "claims")
    done = peerchart("map", "--out", out, "--claims", claims, "--now", NOW, given=many)
    assert done.exit_code == 0, done.stderr
    [claim] = [of_type(bundle, "Claim")[0] for bundle in lines(tmp_path / "claims")]
    assert claim["billablePeriod"]["start"] == both[0]["start"][:10]
    assert claim["item"][0]["quantity"]["value"] == 4
    assert claim["provider"]["identifier"] == {"system": US_NPI, "value": program["npi"]}


def test_the_plan_of_an_individual_named_by_id_is_for_the_patient_of_the_contacts(tmp_path: Path) -> None:
    made = contact(seeded(9), minutes=30)
    entry = plan_entry(seeded(9), {"id": made["individual"]["id"]})
    many = b"\n".join(as_line(one) for one in [*office(), made, entry])
    done = peerchart("map", "--out", str(tmp_path / "out"), "--now", NOW, given=many)
    assert done.exit_code == 0, done.stderr
    patients = [of_type(bundle, "Patient") for bundle in lines(tmp_path / "out")]
    assert [len(each) for each in patients] == [1, 1]
    assert patients[0] == patients[1]


def test_an_id_of_two_identifier_systems_names_nobody_in_a_plan(tmp_path: Path) -> None:
    made, other = contact(seeded(9), minutes=30), contact(seeded(10), minutes=30)
    system = f"{made['individual']['identifier_system']}:elsewhere"
    other["individual"] = {**made["individual"], "identifier_system": system}
    entry = plan_entry(seeded(9), {"id": made["individual"]["id"]})
    many = b"\n".join(as_line(one) for one in [*office(), made, other, entry])
    peerchart("map", "--out", str(tmp_path / "out"), "--now", NOW, given=many)
    [patient] = of_type(lines(tmp_path / "out")[-1], "Patient")
    assert patient["identifier"][0]["system"] == "https://peerchart.example/id/individual"


def test_a_claim_filed_elsewhere_is_judged_and_no_second_one_leaves(tmp_path: Path) -> None:
    made = contact(seeded(9), minutes=30)
    made["claim"] = {"code": "H0038", "modifiers": [], "rate_code": "1474", "units": 2, "filed": "2026-03-06"}
    many = b"\n".join(as_line(one) for one in [*office(), made])
    out, claims = str(tmp_path / "out"), str(tmp_path / "claims")
    done = peerchart("map", "--out", out, "--claims", claims, "--now", NOW, "--json", given=many)
    assert done.exit_code == 0
    assert lines(tmp_path / "claims") == []
    [said] = [json.loads(line) for line in done.stderr.splitlines()]
    assert (said["id"], said["kind"], said["outcome"]) == (made["id"], "claim", "left-out")


@pytest.mark.parametrize("form", ["json", "xml"])
def test_bundles_for_one_version_of_us_core_have_its_form_and_name_its_profiles(
    tmp_path: Path, form: str
) -> None:
    given = b"\n".join(one.line for one in generate(seed=3, records=20, bad=0))
    words = ("--out", str(tmp_path / "out"), "--claims", str(tmp_path / "claims"), "--format", form)
    assert peerchart("map", *words, "--us-core", "7.0.0", "--now", NOW, given=given).exit_code in (0, 1)
    written = (tmp_path / "out").read_bytes().splitlines() + (tmp_path / "claims").read_bytes().splitlines()
    bundles = [json.loads(line) if form == "json" else from_xml(line) for line in written]
    profiles = {each["meta"]["profile"][0] for one in bundles for each in of_type(one, "Encounter")}
    assert profiles == {"http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter|7.0.0"}
    assert any(of_type(one, "Claim") for one in bundles)


def test_a_version_of_us_core_that_nobody_knows_is_wrong_usage(tmp_path: Path) -> None:
    result = peerchart("map", "--out", str(tmp_path / "out"), "--us-core", "5.0.1", given=b"")
    assert result.exit_code == 2
    assert "7.0.0" in result.output and "or say any" in result.output


def test_a_terminal_is_shown_how_far_a_run_is(tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_bytes(b"\n".join(one.line for one in generate(seed=3, records=20, bad=0)))
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-c",
        "from app.cli import main; main()",
        "map",
        "in.ndjson",
        "--out",
        "out.ndjson",
        "--report",
        "held",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    run = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=theirs)
    os.close(theirs)
    shown = _all_of(ours)
    assert run.wait(timeout=60) in (0, 1)
    assert "Reading" in shown and "Mapping" in shown and "100%" in shown


def _all_of(terminal: int) -> str:
    """What is written to a terminal until whoever writes there is gone."""
    read = b""
    # Linux reports the end of a terminal as an error, others as nothing to read.
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], 60)[0] and (part := os.read(terminal, 4096)):
            read += part
    os.close(terminal)
    return read.decode()
