"""The FHIR package defines what is written, all of it and nothing else, and is the same bytes each time."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fhir.resources.R4B import get_fhir_model_class

from app.cli import cli
from mappings import fhir
from mappings.fhir.elements import BASE, CODE_SYSTEMS, EXTENSIONS, IDENTIFIERS
from mappings.fhir.local_codes import IDENTIFIER_KINDS, SYSTEMS
from mappings.fhir.package import artefacts, package_bytes
from mappings.fhir.package.profiles import PROFILES, WRITTEN
from mappings.library import load

Json = dict[str, Any]
GOLDEN = Path(__file__).parents[2] / "golden"
KEPT = [
    held
    for file in sorted(GOLDEN.glob("*.json"))
    if file.stem != "withdrawal" and "resourceType" in (held := json.loads(file.read_bytes()))
]
MADE = artefacts(load())


def of(kind: str) -> list[Json]:
    return [each for each in MADE if each["resourceType"] == kind]


def objects(value: Any) -> Iterator[Json]:
    """Every object inside, itself among them."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


def named(function: str) -> set[str]:
    """The first words that the mapper calls a function with."""
    found = set()
    for file in Path(str(fhir.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == function and node.args:
                first = node.args[0]
                found |= {first.value} if isinstance(first, ast.Constant) else set()
    return found


def test_every_code_of_our_own_that_is_written_is_defined() -> None:
    known = {(one["url"], each["code"]) for one in of("CodeSystem") for each in one.get("concept", ())}
    whole = {one["url"] for one in of("CodeSystem") if one["content"] == "complete"}
    written = {
        (each["system"], each["code"])
        for each in objects(KEPT)
        if str(each.get("system", "")).startswith(CODE_SYSTEMS) and "code" in each
    }
    assert len(written) > 12
    assert {pair for pair in written if pair[0] in whole} <= known
    assert {system for system, _ in written} <= {one["url"] for one in of("CodeSystem")}


def test_every_display_of_our_own_is_the_one_that_is_defined() -> None:
    known = {
        (one["url"], each["code"]): each["display"]
        for one in of("CodeSystem")
        for each in one.get("concept", ())
    }
    for each in objects(KEPT):
        pair = (str(each.get("system")), str(each.get("code")))
        if pair in known and "display" in each:
            assert each["display"] == known[pair]


def test_the_code_systems_are_those_of_the_tables_and_of_the_mapper_and_no_others() -> None:
    tables = {each.system for each in load().tables.values() if each.system.startswith(BASE)}
    assert {one["url"] for one in of("CodeSystem")} == tables | {f"{CODE_SYSTEMS}/{one}" for one in SYSTEMS}
    assert named("local_coding") | named("local_concept") == set(SYSTEMS)


def test_every_code_that_is_in_no_table_is_written_somewhere() -> None:
    written = {(str(each.get("system")), str(each.get("code"))) for each in objects(KEPT)}
    for name, system in SYSTEMS.items():
        assert {(f"{CODE_SYSTEMS}/{name}", code) for code in system.codes} <= written


def test_every_kind_of_identifier_is_named_once_and_no_other() -> None:
    kinds = {each["uniqueId"][0]["value"].removeprefix(f"{IDENTIFIERS}/") for each in of("NamingSystem")}
    written = {
        str(each["system"]).removeprefix(f"{IDENTIFIERS}/")
        for each in objects(KEPT)
        if str(each.get("system", "")).startswith(IDENTIFIERS)
    }
    assert kinds == set(IDENTIFIER_KINDS) == named("identifier") | {"individual"}
    assert written <= kinds


def test_every_extension_of_our_own_is_defined_and_no_other() -> None:
    written = {each["url"] for each in objects(KEPT) if str(each.get("url", "")).startswith(EXTENSIONS)}
    defined = {each["url"] for each in of("StructureDefinition") if each["type"] == "Extension"}
    assert written == defined


def test_every_type_that_is_written_is_in_the_capabilities() -> None:
    kinds = {each["resourceType"] for each in objects(KEPT) if "resourceType" in each}
    assert kinds - {"Bundle", "AuditEvent"} <= set(WRITTEN)
    (capability,) = of("CapabilityStatement")
    offered = {each["type"] for each in capability["rest"][0]["resource"]}
    assert set(WRITTEN) <= offered


@pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
def test_what_is_written_has_what_its_profile_asks_for(profile: Any) -> None:
    keys = {"peer-service": "service", "peer-cosignature": "task"}
    system = f"{IDENTIFIERS}/{keys.get(profile.name, '')}"
    of_kind = [each for each in objects(KEPT) if each.get("resourceType") == profile.kind]
    found = [
        each
        for each in of_kind
        if profile.name not in keys or system in {one.get("system") for one in each["identifier"]}
    ]
    assert found
    for resource in found:
        for path, said in profile.elements:
            first, *more = path.split(".")[1:]
            held = resource.get(first)
            if not more and profile.name in {"peer-contact", "peer-claim", "peer-note"}:
                count = len(held) if isinstance(held, list) else int(held is not None)
                assert said.get("min", 0) <= count, path
                assert count <= int(said.get("max", 1_000)), path
            assert said.get("patternCode", held) == held, path


@pytest.mark.parametrize("made", MADE, ids=lambda each: f"{each['resourceType']}/{each['id']}")
def test_an_artefact_is_read_by_the_models_of_r4(made: Json) -> None:
    get_fhir_model_class(made["resourceType"]).model_validate(made)
    assert made.get("url", BASE).startswith(BASE)
    assert made["status"] == "active"


def test_no_address_or_name_stands_twice() -> None:
    files = [(each["resourceType"], each["id"]) for each in MADE]
    urls = [each["url"] for each in MADE if "url" in each]
    assert len({*files}) == len(files)
    assert len({*urls}) == len(urls)


def test_the_package_is_the_same_bytes_each_time_and_says_what_it_holds(tmp_path: Path) -> None:
    out = tmp_path / "peerchart.tgz"
    words = ["package", "build", "--out", str(out), "--examples", str(GOLDEN)]
    for _ in range(2):
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0
        digest = hashlib.sha256(out.read_bytes()).hexdigest()
        assert digest == hashlib.sha256(out.read_bytes()).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(out.read_bytes())) as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("package/package.json") or io.BytesIO())
        index = json.load(archive.extractfile("package/.index.json") or io.BytesIO())
    assert manifest["name"] == "example.peerchart"
    assert manifest["license"] == "CC0-1.0"
    assert {f"package/{each['filename']}" for each in index["files"]} == {
        each for each in names if each.count("/") == 1 and "-" in each
    }
    assert len([each for each in names if each.startswith("package/example/Bundle-")]) > 10
    assert package_bytes(load()) == package_bytes(load())
