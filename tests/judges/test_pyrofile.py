"""pyrofile-validator finds nothing wrong by the definitions of R4, of every version of US Core, or ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mappings.fhir.package import package_bytes
from mappings.fhir.us_core import PROFILES, fitted
from mappings.library import load
from tests.judges.judging import (
    asked,
    generated,
    golden,
    own_artefacts,
    r4_definitions,
    unhurried,
    us_core_package,
)

pytestmark = unhurried

VERSIONS = ("6.1.0", "7.0.0", "8.0.0")


def profiles(*versions: str) -> str:
    """The profiles of these versions, by type."""
    return json.dumps({kind: [f"{url}|{each}" for each in versions] for kind, url in PROFILES.items()})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Our own definitions, so that our own codes are judged as well."""
    package = Path(tmp_path_factory.mktemp("own")) / "peerchart.tgz"
    package.write_bytes(package_bytes(load()))
    return str(package)


def test_nothing_is_wrong_by_r4_and_our_own_definitions(own: str) -> None:
    # It counts elements of lists inside lists over all of them together, which these two types have.
    artefacts = own_artefacts("ConceptMap", "CapabilityStatement")
    lines = [*golden().values(), *artefacts]
    assert asked("pyrofile", lines, "{}", r4_definitions(), own) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_wrong_with_golden_files_by_us_core(version: str, own: str) -> None:
    packages = (r4_definitions(), us_core_package(version), own)
    fits = [json.dumps(fitted(json.loads(each), version, load())).encode() for each in golden().values()]
    assert asked("pyrofile", [*golden().values(), *fits], profiles(version), *packages) == []


def test_nothing_is_wrong_with_2000_generated_records_by_any_us_core(own: str) -> None:
    # All versions at once: what they share, which is most, is judged once.
    packages = (r4_definitions(), *(us_core_package(each) for each in VERSIONS), own)
    assert asked("pyrofile", generated(), profiles(*VERSIONS), *packages) == []


def test_it_refuses_what_us_core_does(own: str) -> None:
    bundle = json.loads(golden()["contact-planned"])
    for each in bundle["entry"]:
        if each["resource"]["resourceType"] in ("Encounter", "CarePlan"):
            del each["resource"]["type" if each["resource"]["resourceType"] == "Encounter" else "category"]
    packages = (r4_definitions(), *(us_core_package(each) for each in VERSIONS), own)
    found = " ".join(asked("pyrofile", [json.dumps(bundle).encode()], profiles(*VERSIONS), *packages))
    assert "Encounter.type" in found
    assert "CarePlan.category" in found
