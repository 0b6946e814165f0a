"""What left for whom: written down before the first byte of a record leaves, and told on request.

The accounting is the one of 45 CFR 164.528 and 42 CFR 2.25: who got what of whom, when, for which purpose.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.actor import ADMINISTRATOR, CLINICIAN, LPHA, SUPERVISOR, Actor, person_of, require
from app.registry import address_of
from app.staff_cells import safe
from app.tables import DisclosureRow, OutboxRow
from mappings.disclosure import PURPOSE_OF

READERS = (LPHA, CLINICIAN, SUPERVISOR, ADMINISTRATOR)
COLUMNS = ("when", "recipient", "purpose", "what", "record", "sha256", "consent", "part_2", "state")
WHAT = {
    "note": "Signed note",
    "plan": "Treatment plan",
    "episode": "State of the engagement",
    "claim": "Claim",
    "charge": "Claim, in a charge file",
    "referral": "Referral",
    "consent": "Consent to disclose",
    "lines": "Lines of the audit trail",
}


@dataclass(frozen=True)
class Disclosure:
    """One record that left: `state` where its delivery stands (waiting: no answer came yet), None for what
    left by another way; `consent` the number of the one it left by, None where none was asked; `at` aware."""

    number: int
    at: datetime
    recipient: str
    purpose: str
    what: str
    key: str
    digest: str
    part2: bool
    consent: int | None
    state: str | None


def leaves(
    session: Session,
    issuer: str,
    patient: str,
    destination: str,
    kind: str,
    key: str,
    digest: str,
    now: datetime,
    *,
    part2: bool,
    consent: int | None,
    delivery: int | None = None,
    recipient: str | None = None,
) -> None:
    """Write down that a record leaves now; a delivery is written down once, however often it is tried.
    `destination` is chart or claims; without a `recipient` it is the EHR."""
    seen = select(DisclosureRow.id).where(DisclosureRow.delivery == delivery)
    if delivery is not None and session.scalars(seen).first() is not None:
        return
    to = recipient or address_of(session, issuer)
    session.add(
        DisclosureRow(
            issuer=issuer,
            patient=patient,
            at=now,
            recipient=to,
            purpose=PURPOSE_OF[destination],
            kind=kind,
            key=key,
            digest=digest,
            part2=part2,
            consent=consent,
            delivery=delivery,
        )
    )
    session.flush()
    audit.write(session, issuer, "record disclosed", now, patient=patient, subject=key, sha256=digest)


def of_person(session: Session, actor: Actor) -> tuple[Disclosure, ...]:
    """The accounting of this launch's person, the latest first. For clinicians, supervisors and
    administrators (NotAllowed)."""
    require(actor, *READERS, to="see what was disclosed")
    return of_patient(session, actor.issuer, person_of(actor))


def of_patient(session: Session, issuer: str, patient: str) -> tuple[Disclosure, ...]:
    """The accounting of one person of an EHR, the latest first."""
    rows = session.execute(
        select(DisclosureRow, OutboxRow.state)
        .outerjoin(OutboxRow, OutboxRow.id == DisclosureRow.delivery)
        .where(DisclosureRow.issuer == issuer, DisclosureRow.patient == patient)
        .order_by(DisclosureRow.id.desc())
    )
    return tuple(_disclosure(row, state) for row, state in rows)


def export(session: Session, actor: Actor, now: datetime) -> str:
    """The accounting of this launch's person as CSV, and a line in the trail that it was asked for. Raises
    NotAllowed."""
    found = of_person(session, actor)
    audit.did(session, actor, "accounting of disclosures exported", now, subject=person_of(actor))
    return as_csv(found)


def as_csv(found: tuple[Disclosure, ...]) -> str:
    """Disclosures as CSV with a heading; cells that a spreadsheet would compute are made harmless."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for each in found:
        writer.writerow({name: safe(cell) for name, cell in _cells(each).items()})
    return out.getvalue()


def _cells(each: Disclosure) -> dict[str, str]:
    return {
        "when": each.at.isoformat(timespec="seconds"),
        "recipient": each.recipient,
        "purpose": each.purpose,
        "what": each.what,
        "record": each.key,
        "sha256": each.digest,
        "consent": "" if each.consent is None else str(each.consent),
        "part_2": "yes" if each.part2 else "no",
        "state": each.state or "",
    }


def _disclosure(row: DisclosureRow, state: str | None) -> Disclosure:
    what = WHAT.get(row.kind, row.kind)
    return Disclosure(
        row.id,
        row.at,
        row.recipient,
        row.purpose,
        what,
        row.key,
        row.digest,
        row.part2,
        row.consent,
        state,
    )
