"""What the rules said at each moment they let something pass: a signature, a co-signature, a release."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.findings_kept import keep
from app.judging import CONTACT, PLAN_ENTRY, Around
from app.tables import DecisionRow
from mappings.findings import Judgement
from mappings.in_force import DayPack
from mappings.library import Library
from mappings.records import Contact, PlanEntry
from mappings.situation import pack_of, plan_day

SIGNED, COSIGNED, RELEASED = "signed", "co-signed", "released"
_IN_CLAIM = f"{RELEASED} in "


@dataclass(frozen=True)
class Decided:
    """What is decided upon: a version of a contact or plan entry, whose it is, and by which day's packs."""

    kind: str
    subject: str
    version: int
    patient: str
    jurisdiction: str
    on: date
    layers: tuple[str, ...]


def of_contact(contact: Contact, patient: str, around: Around, library: Library, now: datetime) -> Decided:
    """A version of a contact with the packs that judge it."""
    on = around.surroundings().day_of(contact) or now.astimezone(around.zone()).date()
    kind = None if around.program is None else around.program.program_kind
    layers = _layers(pack_of(contact, library, kind, on))
    return Decided(CONTACT, contact.id, contact.version, patient, contact.jurisdiction, on, layers)


def of_plan_entry(entry: PlanEntry, patient: str, around: Around, library: Library, now: datetime) -> Decided:
    """A version of a plan entry with the packs that judge it."""
    on = plan_day(entry, now)
    kind = None if around.program is None else around.program.program_kind
    layers = _layers(library.on(entry.jurisdiction, on, kind))
    return Decided(PLAN_ENTRY, entry.id, entry.version, patient, entry.jurisdiction, on, layers)


def keep_decision(
    session: Session,
    issuer: str,
    by: str,
    occasion: str,
    decided: Decided,
    judgement: Judgement,
    library: Library,
    now: datetime,
    control_number: str | None = None,
    left: Collection[str] = (),
) -> None:
    """Keep for good all that the rules said of what was `decided`: what a reader is shown whole, of what
    passed the rule and its version. `control_number` is that of the claim of a release, `left` the keys of
    the advice on wording that the author left."""
    session.add(
        DecisionRow(
            issuer=issuer,
            kind=decided.kind,
            subject=decided.subject,
            version=decided.version,
            occasion=occasion,
            patient=decided.patient,
            control_number=control_number,
            by=by,
            at=now,
            library=library.digest,
            jurisdiction=decided.jurisdiction,
            on=decided.on,
            layers=list(decided.layers),
            signing=judgement.signing,
            claim=judgement.claim,
            units=judgement.units,
            billed_units=judgement.billed_units,
            findings=keep(session, judgement.shown, library, now, left),
            passed=_passed(judgement),
        )
    )
    session.flush()


def release_occasion(session: Session, issuer: str, subject: str, version: int, control_number: str) -> str:
    """The occasion of the release of a version of a contact: a version that was released before, in a claim
    that has been corrected or voided since, is decided upon anew and names its claim."""
    before = of_version(session, issuer, CONTACT, subject, version)
    first = all(each.occasion != RELEASED for each in before)
    return RELEASED if first else f"{_IN_CLAIM}{control_number}"


def claim_named(occasion: str) -> str | None:
    """The control number of the claim that an occasion names; None where it names none."""
    return occasion.removeprefix(_IN_CLAIM) if occasion.startswith(_IN_CLAIM) else None


def of_version(session: Session, issuer: str, kind: str, subject: str, version: int) -> Sequence[DecisionRow]:
    """The decisions on one version, in their order."""
    query = select(DecisionRow).where(
        DecisionRow.issuer == issuer,
        DecisionRow.kind == kind,
        DecisionRow.subject == subject,
        DecisionRow.version == version,
    )
    return session.scalars(query.order_by(DecisionRow.id)).all()


def of_claim(session: Session, issuer: str, control_number: str) -> Sequence[DecisionRow]:
    """The decisions by which the contacts of a claim were released."""
    query = select(DecisionRow).where(
        DecisionRow.issuer == issuer, DecisionRow.control_number == control_number
    )
    return session.scalars(query.order_by(DecisionRow.id)).all()


def _layers(pack: DayPack | None) -> tuple[str, ...]:
    return () if pack is None else pack.layers


def _passed(judgement: Judgement) -> list[list[Any]]:
    return [
        [finding.rule, None if finding.version_from is None else finding.version_from.isoformat()]
        for finding in judgement.findings
        if finding.result == "pass"
    ]
