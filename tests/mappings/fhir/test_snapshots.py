"""Snapshots are those that HL7 publishes, as far as our profiles go; what they need is asked for by name."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from app.fhir_packages import Published
from mappings.fhir.package import artefacts
from mappings.fhir.package.archive import DEPENDS
from mappings.fhir.package.profiles import PROFILES, extensions, profiles
from mappings.fhir.package.snapshots import NotPublished, with_snapshot
from mappings.library import load

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
US_CORE = Path(os.environ.get("US_CORE_PACKAGES", ROOT.parent / "shared/data/us-core/packages"))
R4_CORE = sorted(ROOT.glob(".judges/google/lib/python3*/site-packages/google/fhir/r4/data/*r4.core.tgz"))
R4 = "http://hl7.org/fhir/StructureDefinition"
# Profiles of US Core 6.1.0 that are made of the same few means as ours, among them all that ours build on
# but Provenance, which cuts slices out of parts.
MADE_ALIKE = (
    "careplan", "careteam", "condition-encounter-diagnosis", "documentreference", "encounter", "ethnicity",
    "goal", "location", "medicationrequest", "organization", "patient", "practitioner", "practitionerrole",
    "procedure", "race", "relatedperson", "servicerequest", "vital-signs",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    held = [*sorted(US_CORE.glob("us_core_610.tgz")), *R4_CORE[:1]]
    if len(held) < 2:
        pytest.skip("the packages of R4 and US Core are not here: make judges, and US_CORE_PACKAGES")
    made = tmp_path_factory.mktemp("packages")
    for each in held:
        shutil.copy(each, made)
    return made


@pytest.fixture(scope="module")
def published(folder: Path) -> Published:
    return Published(folder, DEPENDS)


def shape(elements: list[Json]) -> list[tuple[Any, ...]]:
    names = ("id", "path", "sliceName", "min", "max", "mustSupport", "fixedUri", "patternCode")
    return [
        (*(one.get(name) for name in names), [t["code"] for t in one.get("type", ())]) for one in elements
    ]


@pytest.mark.parametrize("name", MADE_ALIKE)
def test_a_snapshot_of_a_profile_of_hl7_is_the_one_that_hl7_publishes(
    published: Published, name: str
) -> None:
    definition = published(f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}")
    alone = {key: value for key, value in definition.items() if key != "snapshot"}
    made = with_snapshot(alone, published)["snapshot"]["element"]
    assert shape(made) == shape(definition["snapshot"]["element"])


def test_every_profile_and_extension_of_ours_gets_one_that_holds_all_of_its_differential(
    published: Published,
) -> None:
    made = [one for one in artefacts(load(), published) if one["resourceType"] == "StructureDefinition"]
    assert len(made) == len(PROFILES) + len(list(extensions()))
    for each in made:
        held = {one["id"]: one for one in each["snapshot"]["element"]}
        assert len(held) == len(each["snapshot"]["element"])
        assert all("base" in one and "definition" in one for one in held.values())
        for said in each["differential"]["element"]:
            assert said.items() <= held[said["id"]].items()


def test_the_command_puts_them_into_the_package_and_names_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    out, empty = tmp_path / "p.tgz", tmp_path / "empty"
    empty.mkdir()
    build = ["package", "build", "--out", str(out), "--with-snapshots"]
    done = CliRunner().invoke(cli, [*build, str(folder)])
    assert done.exit_code == 0, done.output
    with tarfile.open(out) as archive:
        held = archive.extractfile("package/StructureDefinition-peer-claim.json")
        assert held is not None
        assert json.loads(held.read())["snapshot"]["element"][0]["id"] == "Claim"
    refused = CliRunner().invoke(cli, [*build, str(empty)])
    assert refused.exit_code == 2
    assert "hl7.fhir.r4.core 4.0.1, hl7.fhir.us.core 6.1.0" in refused.stderr


EXTENSION = {
    "resourceType": "StructureDefinition",
    "url": f"{R4}/Extension",
    "snapshot": {
        "element": [
            {"id": "Extension", "path": "Extension", "min": 0, "max": "*"},
            {"id": "Extension.extension", "path": "Extension.extension", "min": 0, "max": "*",
             "slicing": {"rules": "open"}, "mustSupport": True, "type": [{"code": "Extension"}]},
            {"id": "Extension.url", "path": "Extension.url", "min": 1, "max": "1",
             "type": [{"code": "uri"}], "mapping": [{"identity": "rim", "map": "N/A"}]},
            {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 0, "max": "1"},
        ]
    },
}  # fmt: skip


def small(url: str) -> Json:
    if url != EXTENSION["url"]:
        raise NotPublished(url)
    return EXTENSION


def test_a_part_of_an_extension_is_a_slice_with_all_that_an_extension_has() -> None:
    statement, *_, trace = extensions()
    made = with_snapshot(trace, small)["snapshot"]["element"]
    ids = [one["id"] for one in made]
    first = ids.index("Extension.extension:note")
    assert ids[first : first + 5] == [
        "Extension.extension:note",
        "Extension.extension:note.extension",
        "Extension.extension:note.url",
        "Extension.extension:note.value[x]",
        "Extension.extension:units",
    ]
    cut = made[first]
    assert (cut["path"], cut["sliceName"], cut["min"]) == ("Extension.extension", "note", 1)
    assert not {"slicing", "mapping", "mustSupport"} & set(cut)
    assert with_snapshot(statement, small)["snapshot"]["element"][1]["max"] == "0"
    assert EXTENSION["snapshot"]["element"][1]["slicing"] == {"rules": "open"}  # type: ignore[index]


def test_what_is_built_on_and_not_there_is_named() -> None:
    with pytest.raises(NotPublished, match="us-core-encounter"):
        with_snapshot(next(profiles()), small)


@pytest.fixture
def packed(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "unpacked" / "package").mkdir(parents=True)
    manifest = {"name": "hl7.fhir.r4.core", "version": "4.0.1"}
    (tmp_path / "unpacked" / "package" / "package.json").write_text(json.dumps(manifest))
    named = tmp_path / "unpacked" / "package" / "StructureDefinition-Extension.json"
    named.write_text(json.dumps(EXTENSION))
    yield tmp_path


def test_a_package_is_read_packed_or_unpacked_and_only_in_the_version_that_counts(packed: Path) -> None:
    assert Published(packed, {"hl7.fhir.r4.core": "4.0.1"})(f"{R4}/Extension") == EXTENSION
    with pytest.raises(LookupError, match=r"r4\.core 4\.3\.0"):
        Published(packed, {"hl7.fhir.r4.core": "4.3.0"})
    with tarfile.open(packed / "other.tgz", "w:gz") as archive:
        raw = json.dumps({"name": "a", "version": "1"}).encode()
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(raw)
        archive.addfile(entry, io.BytesIO(raw))
    with pytest.raises(NotPublished):
        Published(packed, {"a": "1"})(f"{R4}/Extension")
    (packed / "broken.tgz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"broken\.tgz"):
        Published(packed, {"a": "1"})
