"""Bundles of the sample contacts, made as the product makes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mappings import seal as seals
from mappings.fhir.bundle import ChartLinks, contact_bundle
from mappings.findings import Judgement
from mappings.library import Library, load
from mappings.note_text import note_text
from tests.mappings.fhir import contacts as c

Json = dict[str, Any]
KEY = seals.new_seal_key()
PUBLIC = {"keys": [seals.public_jwk(KEY)]}
EHR = ChartLinks(
    patient="Patient/pat-moss",
    practitioners={"1900000021": "Practitioner/prac-rivera", "1900000039": "Practitioner/prac-chen"},
    organization="Organization/org-riverbend",
    coverages={"NYMEDICAID": "Coverage/cov-moss"},
    payers={"NYMEDICAID": "Organization/payer-nymedicaid"},
    location="Location/loc-riverbend",
)


@lru_cache(maxsize=1)
def library() -> Library:
    """The library that ships with the product."""
    return load()


def bundle_of(
    record: Json,
    links: ChartLinks | None = None,
    judged: Judgement | None = None,
    key: Json | None = None,
    **program: Any,
) -> Json:
    """The transaction Bundle of one sample contact, sealed by its signers."""
    of, around = c.contact(record), c.surroundings(**program)
    judgement = judged or c.judgement(of)
    text = note_text(of, judgement, around, library())
    seals_ = c.sealed(of, text, key or KEY)
    return contact_bundle(of, judgement, around, seals_, links or ChartLinks(), library(), c.NOW)
