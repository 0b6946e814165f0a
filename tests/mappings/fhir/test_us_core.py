"""Records are right for US Core 6.1.0, 7.0.0 and 8.0.0 at once, and in the form of one version where an EHR
holds that one. The published snapshots judge, where they lie beside the project."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from mappings.fhir import gate
from mappings.fhir.us_core import PROFILES, fitted, versions
from mappings.library import load
from tests.generator import generate
from tests.mappings.fhir.profile_checker import Snapshots

Json = dict[str, Any]
GOLDEN = Path(__file__).parents[2] / "golden"
PACKAGES = Path(__file__).parents[4] / "shared" / "data" / "us-core" / "packages"
PUBLISHED = ("6.1.0", "7.0.0", "8.0.0")
HTTPS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
HTTP = HTTPS.replace("https", "http")
BUNDLES = {
    file.stem: held
    for file in sorted(GOLDEN.glob("*.json"))
    if file.stem != "withdrawal" and (held := json.loads(file.read_bytes())).get("resourceType") == "Bundle"
}


@lru_cache(maxsize=3)
def snapshots(version: str) -> Snapshots:
    package = PACKAGES / f"us_core_{version.replace('.', '')}.tgz"
    if not package.exists():
        pytest.skip(f"the published package of US Core {version} is not here")
    return Snapshots(package)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Some 300 Bundles and Claims of generated records."""
    folder = tmp_path_factory.mktemp("mapped")
    (folder / "in").write_bytes(b"\n".join(each.line for each in generate(seed=23, records=300, bad=0)))
    words = ["--out", str(folder / "out"), "--claims", str(folder / "claims")]
    words += ["--report", str(folder / "report"), "--now", "2029-07-01T12:00:00-04:00"]
    CliRunner().invoke(cli, ["map", str(folder / "in"), *words], catch_exceptions=False)
    found = [
        json.loads(line) for name in ("out", "claims") for line in (folder / name).read_bytes().splitlines()
    ]
    assert len(found) > 300
    return found


def wrong(bundle: Json, version: str) -> list[str]:
    return [
        problem
        for each in bundle["entry"]
        if each["resource"]["resourceType"] in PROFILES
        for problem in snapshots(version).problems(
            each["resource"], PROFILES[each["resource"]["resourceType"]]
        )
    ]


@pytest.mark.parametrize("version", PUBLISHED)
@pytest.mark.parametrize("name", BUNDLES)
def test_a_kept_bundle_is_right_for_every_version_at_once(name: str, version: str) -> None:
    assert wrong(BUNDLES[name], version) == []
    assert wrong(fitted(BUNDLES[name], version, load()), version) == []


@pytest.mark.parametrize("version", PUBLISHED)
def test_300_generated_bundles_are_right_for_every_version_at_once(
    generated: list[Json], version: str
) -> None:
    assert [problem for each in generated for problem in wrong(each, version)] == []


@pytest.mark.parametrize(
    ("kind", "name", "version", "path"),
    [
        ("Encounter", "type", "6.1.0", "Encounter.type: at least 1"),
        ("DocumentReference", "category", "7.0.0", "DocumentReference.category: at least 1"),
        ("Patient", "gender", "7.0.0", "Patient.gender: at least 1"),
        ("CarePlan", "category", "7.0.0", "CarePlan.category:AssessPlan: at least 1"),
        ("Goal", "description", "8.0.0", "Goal.description: at least 1"),
    ],
)
def test_the_checker_sees_what_is_missing(kind: str, name: str, version: str, path: str) -> None:
    bundle = copy.deepcopy(BUNDLES["contact-planned"])
    for each in bundle["entry"]:
        if each["resource"]["resourceType"] == kind:
            del each["resource"][name]
    assert any(problem.startswith(path) for problem in wrong(bundle, version))


@pytest.mark.parametrize(
    ("version", "categories", "hcpcs"),
    [
        ("6.1.0", ["assess-plan"], HTTPS),
        ("7.0.0", ["assess-plan"], HTTPS),
        ("8.0.0", ["assess-plan"], HTTPS),
        ("9.0.0", ["734163000"], HTTP),
    ],
)
def test_a_record_has_the_form_of_the_version_that_an_ehr_holds(
    version: str, categories: list[str], hcpcs: str
) -> None:
    made = fitted(BUNDLES["contact-planned"], version, load())
    gate.check(made, full=True)
    (plan,) = (each["resource"] for each in made["entry"] if each["resource"]["resourceType"] == "CarePlan")
    assert [each["coding"][0]["code"] for each in plan["category"]] == categories
    services = [
        each["resource"] for each in made["entry"] if each["resource"]["resourceType"] == "ServiceRequest"
    ]
    assert {each["code"]["coding"][0]["system"] for each in services} == {hcpcs}
    for each in made["entry"]:
        kind = each["resource"]["resourceType"]
        named = each["resource"].get("meta", {}).get("profile")
        assert named == ([f"{PROFILES[kind]}|{version}"] if kind in PROFILES else None)


def test_a_record_for_all_versions_has_both_categories_and_names_no_profile() -> None:
    kept = BUNDLES["contact-planned"]
    (plan,) = (each["resource"] for each in kept["entry"] if each["resource"]["resourceType"] == "CarePlan")
    assert [each["coding"][0]["code"] for each in plan["category"]] == ["assess-plan", "734163000"]
    assert not any("profile" in each["resource"].get("meta", {}) for each in kept["entry"])


def test_fitting_keeps_labels_bytes_of_the_note_and_the_original() -> None:
    kept = BUNDLES["contact-part-2"]
    before = copy.deepcopy(kept)
    made = fitted(kept, "7.0.0", load())
    assert kept == before
    for old, new in zip(kept["entry"], made["entry"], strict=True):
        assert new["resource"]["meta"]["security"] == old["resource"]["meta"]["security"]
        assert new["resource"].get("content") == old["resource"].get("content")
        assert new["request"] == old["request"]


def test_a_version_that_is_not_known_is_refused() -> None:
    assert versions(load()) == (*PUBLISHED, "9.0.0")
    with pytest.raises(KeyError):
        fitted(BUNDLES["plan"], "5.0.1", load())
