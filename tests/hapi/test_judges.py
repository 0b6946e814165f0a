"""HL7's own validator, and the server's `$validate`, over what we write: without a network, so that codes of
LOINC, SNOMED CT and the like, which are not in the packages, are not looked up."""

from __future__ import annotations

import copy
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hapi import java
from tests.hapi.fhir_server import FhirServer, Json
from tests.hapi.java import Said
from tests.hapi.sent_and_stored import golden

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "us-core" / "packages"
PACKAGES = Path(os.environ.get("US_CORE_PACKAGES", _BESIDE))
R4 = "r4"
VERSIONS = (R4, "610", "700", "800")
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PROFILED = frozenset(
    {
        "CarePlan",
        "Coverage",
        "DocumentReference",
        "Encounter",
        "Goal",
        "Organization",
        "Patient",
        "Practitioner",
        "Provenance",
        "RelatedPerson",
        "ServiceRequest",
    }
)
DEFINITIONS = frozenset({"StructureDefinition", "ValueSet", "CodeSystem"})
BUNDLES = 24


Errors = Callable[[Json], list[str]]


def package(version: str) -> Path:
    return PACKAGES / f"us_core_{version}.tgz"


@pytest.fixture(scope="module", params=VERSIONS)
def errors(
    request: pytest.FixtureRequest, classpath: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Errors]:
    """The errors that the validator finds, with R4 alone and with each version of US Core."""
    version = str(request.param)
    packages = [] if version == R4 else [package(version)]
    if packages and not packages[0].is_file():
        pytest.skip(f"{packages[0].name} is not here: set US_CORE_PACKAGES to the folder of the packages")
    with java.judge(classpath, tmp_path_factory.mktemp("judge") / f"{version}.log", packages) as ready:
        yield lambda resource: _errors(ready(resource if version == R4 else claiming(resource)))


def claiming(bundle: Json) -> Json:
    """The Bundle, each resource of which says that it keeps to US Core where that has a profile for it."""
    claims = copy.deepcopy(bundle)
    for entry in claims.get("entry", ()):
        resource = entry["resource"]
        kind = resource["resourceType"]
        if kind in PROFILED:
            resource.setdefault("meta", {})["profile"] = [f"{US_CORE}{kind.lower()}"]
    return claims


def _errors(said: list[Said]) -> list[str]:
    return [f"{one.at}: {one.words}" for one in said if one.severity in {"error", "fatal"}]


def test_no_golden_bundle_has_an_error(errors: Errors) -> None:
    found = {file.stem: errors(_read(file)) for file in golden("Bundle")}
    assert found
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize("kind", ["AuditEvent", "Consent"])
def test_no_golden_resource_has_an_error(errors: Errors, kind: str) -> None:
    found = {file.stem: errors(_read(file)) for file in golden(kind)}
    assert {name: said for name, said in found.items() if said} == {}


def test_no_generated_bundle_has_an_error(errors: Errors, generated: list[Json]) -> None:
    said = [errors(bundle) for bundle in generated[-BUNDLES:]]
    assert len(said) == BUNDLES
    assert [one for one in said if one] == []


def _read(file: Path) -> Json:
    found: Json = json.loads(file.read_bytes())
    return found


def _of(bundle: Json, kind: str) -> Json:
    found: Json = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)
    return found


Breaks = Callable[[Json], Any]
BROKEN: dict[str, Breaks] = {
    "a code that its required list does not have": lambda b: _of(b, "Encounter").update(status="completed"),
    "an element that is required": lambda b: _of(b, "Provenance").pop("recorded"),
    "an element that R4 does not know": lambda b: _of(b, "CarePlan").update(peer="Rivera"),
    "a date that is none": lambda b: _of(b, "Goal").update(startDate="2026-02-31"),
    "an invariant": lambda b: _of(b, "Patient").update(contact=[{"gender": "unknown"}]),
    "a reference of a wrong type": lambda b: _of(b, "EpisodeOfCare").update(
        patient=_of(b, "EpisodeOfCare")["managingOrganization"]
    ),
    "two entries of one address": lambda b: b["entry"].append(b["entry"][0]),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_validator_sees_what_is_broken(errors: Errors, broken: str) -> None:
    bundle = _read(next(file for file in golden("Bundle") if file.stem == "contact-planned"))
    BROKEN[broken](bundle)
    assert errors(bundle)


def test_the_server_s_validate_finds_no_error_in_r4(hapi: FhirServer) -> None:
    for file in golden("Bundle")[::4]:
        assert _validated(hapi, _read(file)) == []


def test_the_server_s_validate_finds_no_error_in_us_core(hapi: FhirServer) -> None:
    if not package("800").is_file():
        pytest.skip("us_core_800.tgz is not here: set US_CORE_PACKAGES to the folder of the packages")
    for definition in _definitions(package("800")):
        hapi.put(f"{definition['resourceType']}/{definition['id']}", **definition)
    for file in golden("Bundle")[::8]:
        found = _validated(hapi, claiming(_read(file)))
        # The type of a note is required to be a LOINC code, and the server has no LOINC.
        assert [one for one in found if "loinc" not in one and "us-core-documentreference" not in one] == []
    lacking = _read(next(file for file in golden("Bundle") if file.stem == "contact-planned"))
    del _of(lacking, "Encounter")["type"]
    assert any("Encounter.type" in one for one in _validated(hapi, claiming(lacking)))


def _validated(server: FhirServer, bundle: Json) -> list[str]:
    outcome = server.ask("POST", "/Bundle/$validate", bundle)
    return [
        f"{one.get('location')}: {one['diagnostics']}"
        for one in outcome["issue"]
        if one["severity"] in {"error", "fatal"}
    ]


def _definitions(file: Path) -> Iterator[Json]:
    with tarfile.open(file) as package:
        for member in package.getmembers():
            if member.name.endswith(".json") and member.name.count("/") == 1:
                content = package.extractfile(member)
                resource = json.load(content) if content else {}
                if resource.get("resourceType") in DEFINITIONS:
                    yield {name: value for name, value in resource.items() if name != "text"}
