"""The Bundles of each kind of contact, as they leave, kept where a person can read them.

UPDATE_GOLDEN=1 writes them anew with a fresh seal key; the difference is then for a person to judge.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from mappings import seal as seals
from mappings.claims import draft_claims
from mappings.fhir import gate
from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle
from mappings.fhir.claim import claim_bundle
from mappings.fhir.elements import to_bytes
from mappings.fhir.signature import seal_of, verify_signature
from mappings.note_text import note_text
from mappings.seal import NotVerified, Seal
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, library

Json = dict[str, Any]
GOLDEN = Path(__file__).parents[2] / "golden"
KEYS = GOLDEN / "seal-keys.json"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


@lru_cache(maxsize=1)
def _new_key() -> Json:
    key = seals.new_seal_key()
    KEYS.write_bytes(to_bytes({"keys": [seals.public_jwk(key)]}, indent=True) + b"\n")
    return key


def _kept(name: str) -> Json:
    found: Json = json.loads((GOLDEN / f"{name}.json").read_bytes())
    return found


def _kept_seals(name: str) -> dict[bytes, str]:
    """The seals of the kept file by statement: ECDSA gives another signature each time it signs."""
    pairs = [seal_of(each) for each in c.resources(_kept(name), "Provenance")]
    return {statement: jws for jws, statement in pairs}


def _seals(name: str, kind: str, text: str) -> tuple[Seal, ...]:
    of = c.contact(c.KINDS[kind])
    known = {} if UPDATE else _kept_seals(name)
    made: list[Seal] = []
    for each in of.signatures:
        said = seals.statement_of(of, each, text, made[-1].jws if made else None)
        jws = seals.seal(said, _new_key()) if UPDATE else known.get(said, "changed")
        assert each.at is not None
        made.append(Seal(str(each.meaning), str(each.by), each.at, said, jws))
    return tuple(made)


def _agrees(name: str, bundle: Json) -> None:
    gate.check(bundle, full=True)
    if UPDATE:
        (GOLDEN / f"{name}.json").write_bytes(to_bytes(bundle, indent=True) + b"\n")
    assert bundle == _kept(name)


def _contact(name: str, kind: str, links: ChartLinks) -> Json:
    of, around = c.contact(c.KINDS[kind]), c.surroundings()
    judgement = c.judgement(of)
    text = note_text(of, judgement, around, library())
    return contact_bundle(of, judgement, around, _seals(name, kind, text), links, library(), c.NOW)


@pytest.mark.parametrize("kind", c.KINDS)
def test_the_bundle_of_a_contact_for_a_store_of_our_own_is_as_kept(kind: str) -> None:
    _agrees(f"contact-{kind}", _contact(f"contact-{kind}", kind, ChartLinks()))


def test_the_bundle_of_a_contact_for_an_ehr_is_as_kept() -> None:
    _agrees("contact-pre-admission-ehr", _contact("contact-pre-admission-ehr", "pre-admission", EHR))


@pytest.mark.parametrize("kind", c.KINDS)
def test_the_note_is_as_kept(kind: str) -> None:
    of = c.contact(c.KINDS[kind])
    text = note_text(of, c.judgement(of), c.surroundings(), library())
    kept = GOLDEN / f"note-{kind}.txt"
    if UPDATE:
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_the_bundle_of_a_plan_is_as_kept() -> None:
    around = c.surroundings()
    bundle = plan_bundle([c.entry(c.ENTRY)], around, (), ChartLinks(), library(), c.NOW)
    _agrees("plan", bundle)


def test_the_bundles_of_a_days_claims_are_as_kept() -> None:
    around = c.surroundings()
    found = [c.contact(each) for each in c.KINDS.values()]
    drafts = draft_claims(found, [c.judgement(each) for each in found], around, library())
    bundles = [claim_bundle(each, around, ChartLinks(), library(), c.NOW) for each in drafts]
    for number, bundle in enumerate(bundles, start=1):
        _agrees(f"claim-{number}", bundle)
    assert len(bundles) == 4


@pytest.mark.parametrize("kind", c.KINDS)
def test_the_kept_signatures_hold_for_the_kept_notes(kind: str) -> None:
    bundle, keys = _kept(f"contact-{kind}"), json.loads(KEYS.read_bytes())
    document = c.one(bundle, "DocumentReference")
    earlier = None
    for provenance in c.resources(bundle, "Provenance"):
        verify_signature(provenance, document, keys, earlier)
        earlier = provenance
    assert earlier is not None


def test_a_kept_signature_does_not_hold_for_another_note() -> None:
    keys = json.loads(KEYS.read_bytes())
    provenance = c.resources(_kept("contact-planned"), "Provenance")[0]
    with pytest.raises(NotVerified, match="not this note"):
        verify_signature(provenance, c.one(_kept("contact-targeted"), "DocumentReference"), keys)
