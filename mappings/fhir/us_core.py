"""US Core: which of its profiles a resource keeps to, and a record in the form of one version of it.

A record is right for 6.1.0 to 8.0.0 at once: it carries what any of them asks for, both categories of a plan
among it, and the address of HCPCS that HL7 prefers, of which the https form is a listed alias. For an EHR
that holds one version the other forms are left out, and each resource names its profile with the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mappings.fhir.elements import HCPCS, SNOMED, Json
from mappings.library import Library, load
from mappings.library_parts import Code

TABLE = "us-core"
BASE = "http://hl7.org/fhir/us/core/StructureDefinition"
CATEGORIES = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"
PROFILES: Mapping[str, str] = {
    kind: f"{BASE}/us-core-{kind.lower()}"
    for kind in (
        *("CarePlan", "Coverage", "DocumentReference", "Encounter", "Goal", "Organization", "Patient"),
        *("Practitioner", "Provenance", "RelatedPerson", "ServiceRequest"),
    )
}


def versions(library: Library) -> tuple[str, ...]:
    """The versions that are known, the oldest first."""
    return tuple(library.table(TABLE).codes)


@lru_cache(maxsize=1)
def shipped() -> Library:
    """The library that ships with the product, read when a version is first asked for: what the versions of
    US Core ask for is no matter of a site."""
    return load()


def fitted(bundle: Mapping[str, Any], version: str, library: Library) -> Json:
    """A Bundle or resource of ours in the form of one version of US Core; KeyError for one not known."""
    asks = library.table(TABLE).codes[version]
    if bundle["resourceType"] != "Bundle":
        return _fitted(dict(bundle), asks)
    entries = [
        {**each, "resource": _fitted(each["resource"], asks)} if "resource" in each else each
        for each in bundle.get("entry", ())
    ]
    return {**bundle, "entry": entries}


def _fitted(resource: Json, asks: Code) -> Json:
    made: Json = _with_hcpcs(resource, str(asks.properties["hcpcs"]))
    if made["resourceType"] == "CarePlan":
        made = {**made, "category": _categories(made["category"], str(asks.properties["plan_category"]))}
    profile = PROFILES.get(made["resourceType"])
    if profile is None:
        return made
    meta = {**made.get("meta", {}), "profile": [f"{profile}|{asks.code}"]}
    rest = {key: value for key, value in made.items() if key not in ("resourceType", "id", "meta")}
    first: Json = {key: made[key] for key in ("resourceType", "id") if key in made}
    return {**first, "meta": meta, **rest}


def _categories(held: list[Json], code: str) -> list[Json]:
    """Those of a plan's categories that the version knows: others of ours are left out, the EHR's stay."""
    ours = {(CATEGORIES, "assess-plan"), (SNOMED, "734163000")}
    return [
        each
        for each in held
        if not any((one.get("system"), one.get("code")) in ours for one in each.get("coding", ()))
        or any(one.get("code") == code for one in each["coding"])
    ]


def _with_hcpcs(value: Any, system: str) -> Any:
    if isinstance(value, dict):
        return {
            key: system if key == "system" and each == HCPCS else _with_hcpcs(each, system)
            for key, each in value.items()
        }
    return [_with_hcpcs(each, system) for each in value] if isinstance(value, list) else value
