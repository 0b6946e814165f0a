"""`peerchart import`: our own Bundles and FHIR of others as intake records; nothing is left out unsaid."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from app.commands import import_people
from mappings.fhir.xml import to_xml
from tests.fhir_staff import LCSW, as_bytes, bundle, practitioner, role
from tests.generator import generate
from tests.intake_makers import NOW

Json = dict[str, Any]
GOLDEN = Path(__file__).parent.parent / "golden"
NPI, ICD10 = "http://hl7.org/fhir/sid/us-npi", "http://hl7.org/fhir/sid/icd-10-cm"
PATIENT: Json = {
    "resourceType": "Patient", "id": "p1", "birthDate": "1987-02-20", "gender": "female",
    "identifier": [{"system": "urn:example:other", "value": "1032702"}],
    "name": [{"use": "old", "family": "Shaw"},
             {"family": "Baxter", "given": ["Amy", "V."], "suffix": ["PharmD"]}],
    "telecom": [{"system": "phone", "value": "555-555-5555"}],
}  # fmt: skip
VISIT: Json = {
    "resourceType": "Encounter", "id": "e1", "status": "finished",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
    "type": [{"text": "Home visit"}], "subject": {"reference": "Patient/p1"},
    "participant": [{"type": [{"coding": [{"code": "PPRF"}]}],
                     "individual": {"reference": "Practitioner/s1"}}],
    "period": {"start": "2026-03-04T10:00:00-05:00", "end": "2026-03-04T10:40:00-05:00"},
    "location": [{"location": {"reference": "Location/l1"}}],
    "serviceProvider": {"reference": "Organization/o1", "display": "Elsewhere"},
}  # fmt: skip
FOREIGN: tuple[Json, ...] = (
    PATIENT,
    VISIT,
    {"resourceType": "Practitioner", "id": "s1", "identifier": [{"system": NPI, "value": "1234567893"}],
     "name": [{"family": "Bone", "given": ["Ronald"], "prefix": ["Dr"]}]},
    {"resourceType": "Location", "id": "l1", "name": "At home"},
    {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
     "encounter": {"reference": "Encounter/e1"}, "code": {"coding": [{"system": ICD10, "code": "F33.1"}]}},
    {"resourceType": "Coverage", "id": "v1", "status": "active", "beneficiary": {"reference": "Patient/p1"},
     "subscriberId": "AA1", "payor": [{"display": "Acme"}], "period": {"start": "2026-01-01"}},
    {"resourceType": "Observation", "id": "x1", "status": "final", "code": {"text": "Weight"}},
)  # fmt: skip


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, args)])


def records(result: Result) -> list[Json]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def foreign(tmp_path: Path) -> list[Path]:
    """A file for each type, as a bulk export gives them."""
    files = []
    for each in FOREIGN:
        files.append(tmp_path / f"{each['resourceType']}.ndjson")
        files[-1].write_text(json.dumps(each) + "\n", encoding="utf-8")
    return files


def test_our_own_bundle_comes_out_as_records_and_all_of_it_is_read(tmp_path: Path) -> None:
    result = run(GOLDEN / "contact-planned.json")
    assert result.exit_code == 0, result.stderr
    assert sorted({each["kind"] for each in records(result)}) == ["contact", "plan-entry", "program", "staff"]
    (contact,) = [each for each in records(result) if each["kind"] == "contact"]
    assert contact["note"]["response"] == "Maja stayed for the whole rehearsal."
    out = tmp_path / "records.ndjson"
    out.write_text(result.stdout, encoding="utf-8")
    checked = CliRunner().invoke(cli, ["check", str(out), "--now", "2026-03-09T12:00:00-05:00"])
    assert '"id": "ENC-2026-000452"' in checked.stdout


def test_several_files_are_read_together_and_what_came_twice_is_one(tmp_path: Path) -> None:
    result = run(*(GOLDEN / f"{each}.json" for each in ("contact-planned", "contact-correction", "plan")))
    found = [(each["kind"], each["id"], each.get("version")) for each in records(result)]
    assert len(set(found)) == len(found)
    assert [version for kind, _, version in found if kind == "contact"] == [1, 2]


def test_xml_says_the_same_also_one_bundle_a_line(tmp_path: Path) -> None:
    made = [json.loads((GOLDEN / f"contact-{each}.json").read_text()) for each in ("planned", "family")]
    file = tmp_path / "bundles.xml"
    file.write_bytes(b"\n".join(to_xml(each).replace(b"\n", b" ") for each in made) + b"\n")
    plain = run(GOLDEN / "contact-planned.json", GOLDEN / "contact-family.json")
    assert records(run(file)) == records(plain)


def test_a_bulk_export_of_others_is_read_as_far_as_it_goes_and_the_rest_is_told(
    foreign: list[Path], tmp_path: Path
) -> None:
    report = tmp_path / "left.txt"
    result = run(*foreign, "--jurisdiction", "us-wa", "--report", report)
    assert result.exit_code == 1
    (contact,) = [each for each in records(result) if each["kind"] == "contact"]
    assert contact["individual"]["name"] == {"given": ["Amy", "V."], "family": "Baxter"}
    assert contact["individual"]["coverages"][0]["member_id"] == "AA1"
    assert contact["peer"]["id"] == "1234567893"
    assert contact["service"]["place"] == "offsite"
    assert contact["service"]["location"] == {"kind": "home", "name": "At home"}
    assert [each["code"] for each in contact["diagnoses"]] == ["F33.1"]
    told = report.read_text(encoding="utf-8")
    for words in (
        "Encounter.type", "Patient.name[1].suffix", "Patient.telecom", "Practitioner.name[0].prefix",
        "Observation: no record", "Organization/o1, which is not among what was given",
    ):  # fmt: skip
        assert words in told


def test_without_a_jurisdiction_nothing_is_guessed(foreign: list[Path]) -> None:
    result = run(*foreign)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "give it with --jurisdiction" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b'{"resourceType": "Patient", "id": "a", "id": "b"}', "no FHIR that can be read"),
        (b"[" * 200_000, "no FHIR that can be read"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>', "DOCTYPE"),
        (b'{"a": 1}', "no resourceType"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    result = run(file)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_bad_line_does_not_stop_the_others_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mixed.ndjson"
    file.write_text("\n".join([json.dumps(PATIENT), "{not json", json.dumps(VISIT)]), encoding="utf-8")
    result = run(file, "--jurisdiction", "us-ny")
    assert result.exit_code == 2
    assert [each["kind"] for each in records(result)] == ["contact"]
    assert "line 2" in result.stderr


def test_what_is_not_carried_is_shown_with_the_reason() -> None:
    result = run("--not-carried")
    assert result.exit_code == 0
    assert "staff.attestations: " in result.stdout


def test_what_others_say_of_staff_is_read_and_what_a_staff_record_does_not_hold_is_told(
    tmp_path: Path,
) -> None:
    valid = {"url": "whereValid", "valueCodeableConcept": {"text": "New York"}}
    status = {"url": "status", "valueCode": "active"}
    url = "http://hl7.org/fhir/StructureDefinition/practitioner-qualification"
    licence = {**LCSW, "extension": [{"url": url, "extension": [status, valid]}]}
    telecom = [{"system": "phone", "value": "555-0142", "use": "work"},
               {"system": "phone", "value": "555-0199", "use": "home"}]  # fmt: skip
    job = role(
        period={"start": "2024-05-01"},
        telecom=[{"system": "email", "value": "noor@clinic.example"}],
        location=[{"reference": "Location/l1"}],
    )
    file, report = tmp_path / "staff.json", tmp_path / "left.txt"
    file.write_bytes(as_bytes(bundle(practitioner(qualification=[licence], telecom=telecom), job)))
    result = run(file, "--jurisdiction", "us-ny", "--report", report)
    (member,) = records(result)
    (credential,) = member["credentials"]
    assert {name: credential[name] for name in ("code", "number", "from", "to")} == {
        "code": "lcsw", "number": "LCSW-0311", "from": "2019-07-01", "to": "2029-06-30",
    }  # fmt: skip
    assert [one["value"] for one in member["telecom"]] == ["555-0142", "noor@clinic.example"]
    assert member["birth_date"] == "1981-03-09"
    told = report.read_text(encoding="utf-8")
    for words in (
        "suggests the role supervisor", "PractitionerRole.period", "PractitionerRole.organization",
        "PractitionerRole.location", "Practitioner.telecom[1]", "Practitioner.gender",
        "Practitioner.qualification[0].extension[0].extension[1]",
    ):  # fmt: skip
        assert words in told


@pytest.fixture
def of_many(tmp_path: Path) -> list[Path]:
    """Bundles and claims of many people, as `peerchart map` writes them."""
    records, out, claims = (tmp_path / name for name in ("records.ndjson", "out.ndjson", "claims.ndjson"))
    records.write_bytes(b"\n".join(one.line for one in generate(seed=3, records=150, bad=0)))
    words = ["map", records, "--out", out, "--claims", claims, "--report", tmp_path / "r", "--now", NOW]
    CliRunner().invoke(cli, [str(word) for word in words])
    return [out, claims]


def told(files: list[Path], report: Path) -> tuple[list[Json], list[str]]:
    result = run(*files, "--report", report, "--now", NOW)
    return records(result), sorted(report.read_text(encoding="utf-8").splitlines())


def test_bundles_of_many_people_are_read_person_by_person_as_they_are_all_at_once(
    of_many: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for files in (of_many, of_many[::-1], [*of_many, of_many[0]]):
        by_person = told(files, tmp_path / "report")
        with monkeypatch.context() as patch:
            patch.setattr(import_people.Parted, "find", lambda _: False)
            assert by_person == told(files, tmp_path / "report")
        assert len(by_person[0]) > 50


def test_one_resource_with_an_address_of_its_own_keeps_all_together(
    of_many: list[Path], foreign: list[Path], tmp_path: Path
) -> None:
    alone, _ = told(of_many, tmp_path / "report")
    beside, _ = told([*of_many, *foreign], tmp_path / "report")
    assert [each for each in beside if each in alone] == alone
    with closing(import_people.Parted([*of_many, *foreign], tmp_path)) as parted:
        assert not parted.find()


def test_people_who_share_a_record_are_read_together(tmp_path: Path) -> None:
    one = json.loads((GOLDEN / "contact-planned.json").read_bytes())
    text = json.dumps(one)
    other = json.loads(text.replace("MRN-70002", "MRN-70003"))
    file = tmp_path / "both.ndjson"
    file.write_text(f"{text}\n{json.dumps(other)}\n", encoding="utf-8")
    with closing(import_people.Parted([file], tmp_path)) as parted:
        assert parted.find()
        assert [len(lines) for lines in parted.people()] == [2]


def test_a_person_s_bundles_alone_are_held(of_many: list[Path], tmp_path: Path) -> None:
    with closing(import_people.Parted(of_many, tmp_path)) as parted:
        assert parted.find()
        held = [len(lines) for lines in parted.people()]
    assert sum(held) == sum(len(file.read_bytes().splitlines()) for file in of_many)
    assert max(held) < sum(held) / 3
