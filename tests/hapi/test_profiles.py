"""HL7's validator holds what we write against our own profiles and extensions, by the snapshots we make."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator

import pytest

from app.fhir_packages import Published
from mappings.fhir.elements import BASE
from mappings.fhir.package import artefacts, package_bytes
from mappings.fhir.package.archive import DEPENDS
from mappings.fhir.package.profiles import PROFILES
from mappings.library import load
from tests.hapi import java
from tests.hapi.fhir_server import Json
from tests.hapi.sent_and_stored import golden
from tests.hapi.test_judges import Breaks, Errors, _errors, _of, _read, package
from tests.mappings.fhir.test_snapshots import R4_CORE

OURS = {one.kind: f"{BASE}/StructureDefinition/{one.name}" for one in PROFILES}
BUNDLES = ("contact-planned", "contact-pre-admission", "contact-correction", "plan", "claim-1")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    if not R4_CORE or not package("610").is_file():
        pytest.skip("the packages of R4 and US Core 6.1.0 are not here: make judges, and US_CORE_PACKAGES")
    folder = tmp_path_factory.mktemp("packages")
    for each in (R4_CORE[0], package("610")):
        shutil.copy(each, folder)
    return Published(folder, DEPENDS)


@pytest.fixture(scope="module")
def errors(
    published: Published, classpath: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Errors]:
    folder = tmp_path_factory.mktemp("ours")
    ours = folder / "peerchart.tgz"
    ours.write_bytes(package_bytes(load(), None, published))
    with java.judge(classpath, folder / "judge.log", [package("610"), ours]) as ready:
        yield lambda resource: _errors(ready(resource))


def claiming(bundle: Json) -> Json:
    """The Bundle, each resource of which says that it keeps to our profile where there is one."""
    claims = copy.deepcopy(bundle)
    for entry in claims["entry"]:
        if entry["resource"]["resourceType"] in OURS:
            profile = OURS[entry["resource"]["resourceType"]]
            entry["resource"].setdefault("meta", {})["profile"] = [profile]
    return claims


def bundle(name: str) -> Json:
    return claiming(_read(next(file for file in golden("Bundle") if file.stem == name)))


@pytest.mark.parametrize("name", BUNDLES)
def test_what_we_write_keeps_to_our_own_profiles(errors: Errors, name: str) -> None:
    assert errors(bundle(name)) == []


BROKEN: dict[str, tuple[str, Breaks]] = {
    "a contact without its phase": (
        "contact-planned",
        lambda b: _of(b, "Encounter").update(type=_of(b, "Encounter")["type"][:1]),
    ),
    "a note of no series": ("contact-planned", lambda b: _of(b, "DocumentReference")["identifier"].pop()),
    "a note without its hash": (
        "contact-planned",
        lambda b: _of(b, "DocumentReference")["content"][0]["attachment"].pop("hash"),
    ),
    "a service that is no plan": ("plan", lambda b: _of(b, "ServiceRequest").update(intent="order")),
    "a claim without a diagnosis": ("claim-1", lambda b: _of(b, "Claim").pop("diagnosis")),
    "units of a claim that no note is named for": ("claim-1", lambda b: _untraced(_of(b, "Claim"))),
}


def _untraced(claim: Json) -> None:
    [trace, *_] = claim["item"][0]["extension"]
    trace["extension"] = [one for one in trace["extension"] if one["url"] != "note"]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_our_profiles_ask_for_is_missed(errors: Errors, broken: str) -> None:
    name, breaks = BROKEN[broken]
    made = bundle(name)
    breaks(made)
    assert errors(made)


# Of an extension the validator makes a snapshot of its own anew, from packages that it would fetch.
FETCHES = "Unable to resolve package id hl7.fhir.r4.core"


def test_our_definitions_have_no_error(errors: Errors, published: Published) -> None:
    made = [one for one in artefacts(load(), published) if one["resourceType"] == "StructureDefinition"]
    found = {one["id"]: [said for said in errors(one) if FETCHES not in said] for one in made}
    assert {name: said for name, said in found.items() if said} == {}
