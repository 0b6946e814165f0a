"""pyrofile-validator finds nothing wrong by the definitions of R4, of each version of US Core, and our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mappings.fhir.package import package_bytes
from mappings.library import load
from tests.judges.judging import asked, generated, golden, r4_definitions, us_core_package

VERSIONS = ("6.1.0", "7.0.0", "8.0.0")
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PROFILES = {
    each: US_CORE + each.lower()
    for each in (
        *("CarePlan", "Coverage", "DocumentReference", "Encounter", "Goal", "Organization", "Patient"),
        *("Practitioner", "Provenance", "RelatedPerson", "ServiceRequest"),
    )
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our own definitions, so that our own codes are judged as well."""
    package = Path(tmp_path_factory.mktemp("own")) / "peerchart.tgz"
    package.write_bytes(package_bytes(load()))
    return str(package)


def test_nothing_is_wrong_by_r4_and_our_own_definitions(own: str) -> None:
    assert asked("pyrofile", golden().values(), "{}", r4_definitions(), own) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_wrong_by_us_core(version: str, own: str) -> None:
    packages = (r4_definitions(), us_core_package(version), own)
    assert asked("pyrofile", [*golden().values(), *generated()], json.dumps(PROFILES), *packages) == []
