"""A Bundle as it was sent beside what a server made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.delivery.plan import references_in
from tests.hapi.fhir_server import FhirServer, Json

GOLDEN = Path(__file__).parents[1] / "golden"
_OWN = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]+)")
_AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
# What a record of the EHR's own must have besides its id.
_NEEDED: Mapping[str, Json] = {"Encounter": {"status": "finished", "class": _AMBULATORY}}


def golden(kind: str) -> list[Path]:
    """The golden files of a kind of resource; of Bundles, the transactions."""
    found = [(file, json.loads(file.read_bytes())) for file in sorted(GOLDEN.glob("*.json"))]
    return [
        file
        for file, content in found
        if content.get("resourceType") == kind and (kind != "Bundle" or content["type"] == "transaction")
    ]


def with_what_it_refers_to(server: FhirServer, bundle: Json) -> None:
    """Put there what the EHR itself holds and the Bundle refers to by `Type/id`."""
    named = sorted({one for one in references_in(bundle) if _OWN.fullmatch(one)})
    for reference in named:
        server.put(reference, **_NEEDED.get(reference.split("/")[0], {}))


@dataclass(frozen=True)
class Stored:
    """One entry: what was sent, with the server's own references in it, and what the server gives back."""

    status: str
    place: str
    sent: Json
    back: Json


def stored(server: FhirServer, bundle: Json, answers: list[Json]) -> Iterator[Stored]:
    """Each entry whose content the server took, read again; an entry that stood there already is left out."""
    places = [place_of(one) for one in answers]
    by_url = {one["fullUrl"]: place for one, place in zip(bundle["entry"], places, strict=True)}
    for entry, answer, place in zip(bundle["entry"], answers, places, strict=True):
        if answer["status"].startswith("201") or entry["request"]["method"] == "PUT":
            sent = _with_digits(_resolved(entry["resource"], by_url))
            back = json.loads(server.raw("GET", f"/{place}").text, parse_float=str)
            yield Stored(answer["status"], place, sent, {k: v for k, v in back.items() if k != "id"})


def place_of(answer: Json) -> str:
    """`Type/id` of a response."""
    return "/".join(str(answer["location"]).split("/_history/")[0].split("/")[-2:])


def without_meta(resource: Json) -> Json:
    """The resource without what servers write about it themselves: version, time, and where it came from.
    Labels stay; they are a set, and HAPI puts them into an order of its own."""
    own = {"versionId", "lastUpdated", "source"}
    kept = {name: value for name, value in resource.get("meta", {}).items() if name not in own}
    if "security" in kept:
        kept["security"] = sorted(kept["security"], key=lambda one: (one["system"], one["code"]))
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": kept} if kept else rest


def _resolved(value: Any, by_url: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: by_url.get(item, item)
            if name == "reference" and isinstance(item, str)
            else _resolved(item, by_url)
            for name, item in value.items()
        }
    return [_resolved(item, by_url) for item in value] if isinstance(value, list) else value


def _with_digits(resource: Json) -> Json:
    """Numbers as their digits, so that 72.30 and 72.3 are told apart."""
    found: Json = json.loads(json.dumps(resource), parse_float=str)
    return found
