"""The Bundles of each kind of contact, as they leave, kept where a person can read them.

UPDATE_GOLDEN=1 writes them anew, and seals what is signed anew with one more key; the difference is then for
a person to judge.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from mappings import seal as seals
from mappings.claims import draft_claims
from mappings.disclosure import WrittenConsent
from mappings.fhir import gate
from mappings.fhir.audit_event import Trace, audit_event
from mappings.fhir.bundle import ChartLinks, contact_bundle, labelled, plan_bundle, with_people
from mappings.fhir.claim import claim_bundle
from mappings.fhir.consent import consent_entry
from mappings.fhir.elements import to_bytes
from mappings.fhir.part2 import accompanied
from mappings.fhir.people import People
from mappings.fhir.referral import Onward, referral_entries
from mappings.fhir.signature import seal_of, verify_signature
from mappings.fhir.withdrawal import withdrawal
from mappings.note_text import note_text
from mappings.seal import NotVerified, Seal
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, library
from tests.mappings.fhir.test_part2 import CONSENT

Json = dict[str, Any]
GOLDEN = Path(__file__).parents[2] / "golden"
KEYS = GOLDEN / "seal-keys.json"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


@lru_cache(maxsize=1)
def _new_key() -> Json:
    key = seals.new_seal_key()
    # The keys of before stay: what they sealed is not sealed again.
    held = json.loads(KEYS.read_bytes())["keys"]
    KEYS.write_bytes(to_bytes({"keys": [*held, seals.public_jwk(key)]}, indent=True) + b"\n")
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
    known = _kept_seals(name) if (GOLDEN / f"{name}.json").exists() else {}
    made: list[Seal] = []
    for each in of.signatures:
        said = seals.statement_of(of, each, text, made[-1].jws if made else None)
        jws = known.get(said) or (seals.seal(said, _new_key()) if UPDATE else "changed")
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


ENDED = c.changed(c.ENTRY, plan__to="2026-03-09")
REVISED = c.changed(
    c.ENTRY,
    version=2,
    plan__replaces="TP-60002",
    plan__diagnoses=[{"code": "F33.1", "rank": 1, "by": "1900000039"}],
    frequency={"units": 4, "times": 1, "per": "week"},
)


@pytest.mark.parametrize(
    ("name", "record", "links"),
    [
        ("plan-ended", ENDED, ChartLinks()),
        ("plan-revised", REVISED, ChartLinks()),
        ("plan-revised-ehr", REVISED, replace(EHR, conditions={"F33.1": "Condition/cond-1"})),
    ],
)
def test_the_bundle_of_a_plan_that_ends_or_follows_another_is_as_kept(
    name: str, record: Json, links: ChartLinks
) -> None:
    around = replace(c.surroundings(), plan_entries={})
    _agrees(name, plan_bundle([c.entry(record)], around, (), links, library(), c.NOW))


def test_the_bundle_of_a_part_2_programme_as_it_leaves_by_a_consent_is_as_kept() -> None:
    of, around, name = c.contact(c.PLANNED), c.surroundings(part2=True), "contact-part-2"
    judgement = c.judgement(of)
    text = note_text(of, judgement, around, library())
    made = contact_bundle(
        of, judgement, around, _seals(name, "planned", text), ChartLinks(), library(), c.NOW
    )
    _agrees(name, accompanied(made, CONSENT.words))


@pytest.mark.parametrize(
    ("name", "consent"),
    [("consent", CONSENT), ("consent-revoked", replace(CONSENT, revoked_at=c.NOW))],
)
def test_a_consent_is_as_kept(name: str, consent: WrittenConsent) -> None:
    around = c.surroundings(part2=True)
    people = People(c.contact(c.PLANNED).individual, around.program_of(None), around, ChartLinks())
    entry = consent_entry(consent, people, datetime(2026, 1, 5, 15, 0, tzinfo=UTC))
    _agrees(name, labelled(with_people([entry], people), people))


def test_a_referral_onward_is_as_kept() -> None:
    around = c.surroundings()
    people = People(c.contact(c.PRE_ADMISSION).individual, around.program_of(None), around, ChartLinks())
    made = Onward("B-7", "Harbor CORE", date(2026, 3, 6), "1900000039")
    _agrees("referral", with_people(referral_entries(made, people), people))


def test_a_line_of_the_trail_as_audit_event_is_as_kept() -> None:
    trace = Trace(
        41, c.NOW, "1900000021", "note signed", "pat-moss", "ENC-2026-000451", 1, {"sha256": "5f" * 32},
        "0a" * 32,
    )  # fmt: skip
    _agrees("audit-event", audit_event(trace, "Riverbend MHOTRS"))


def test_the_word_that_a_note_was_entered_in_error_is_as_kept() -> None:
    sent = _kept("contact-pre-admission-ehr")
    told = withdrawal("ENC-2026-000451", [sent])
    if UPDATE:
        (GOLDEN / "withdrawal.json").write_bytes(to_bytes(told, indent=True) + b"\n")
    assert told == _kept("withdrawal")


def test_the_bundles_of_a_days_claims_are_as_kept() -> None:
    around = c.surroundings()
    found = [c.contact(c.KINDS[each]) for each in c.BILLED]
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
