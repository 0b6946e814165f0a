"""What of a released claim is still to be sent to the payer as X12, and as what: by what left before it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import claim_status, outbox
from app.tables import ChargeExportRow, ClaimRow, OutboxRow, X12ExportRow
from app.words import RELEASED
from mappings.claim_forms import CANCEL, ORIGINAL, REPLACEMENT


@dataclass(frozen=True)
class Sending:
    """A claim to be sent now: its frequency as of today and the payer's number of what it replaces."""

    row: ClaimRow
    frequency: str
    payer_number: str | None = None


@dataclass(frozen=True)
class Waiting:
    """A claim that cannot be sent yet, and why, in words."""

    control_number: str
    why: str


def unsent(session: Session, issuer: str) -> list[ClaimRow]:
    """The released claims that left by no way yet, in the order of their release."""
    gone = _left(session, issuer)
    rows = session.scalars(
        select(ClaimRow)
        .where(ClaimRow.issuer == issuer, ClaimRow.released_at.is_not(None))
        .order_by(ClaimRow.released_at, ClaimRow.control_number)
    )
    return [row for row in rows if row.control_number not in gone]


def to_send(session: Session, row: ClaimRow) -> Sending | Waiting | None:
    """How the claim goes now; None where there is nothing to send: it was replaced before it was sent, or
    voids what never reached the payer. A replacement of what never reached the payer is an original."""
    if row.state != RELEASED:
        return None
    before = _sent_before(session, row)
    if before is None:
        return None if row.frequency == CANCEL else Sending(row, ORIGINAL)
    answers = claim_status.answers(session, row.issuer, before)
    number, last = claim_status.payer_number(answers), claim_status.standing(answers)
    if number is not None:
        return Sending(row, CANCEL if row.frequency == CANCEL else REPLACEMENT, number)
    if last is not None and last.status == "rejected":
        return None if row.frequency == CANCEL else Sending(row, ORIGINAL)
    does = "voids" if row.frequency == CANCEL else "replaces"
    why = f"it {does} {before}, and the payer's number of that is not known: read the payer's answer first"
    return Waiting(row.control_number, why)


def _sent_before(session: Session, row: ClaimRow) -> str | None:
    """The nearest claim before this one that left the house."""
    gone = _left(session, row.issuer) if row.prior else frozenset()
    prior = row.prior
    while prior is not None and prior not in gone:
        earlier = session.get(ClaimRow, (row.issuer, prior))
        prior = None if earlier is None else earlier.prior
    return prior


def _left(session: Session, issuer: str) -> frozenset[str]:
    """The control numbers that went to the payer, into a charge file, or to the billing system."""
    sent = session.scalars(select(X12ExportRow.control_number).where(X12ExportRow.issuer == issuer))
    charged = session.scalars(select(ChargeExportRow.control_number).where(ChargeExportRow.issuer == issuer))
    handed = session.scalars(
        select(OutboxRow.subject).where(OutboxRow.issuer == issuer, OutboxRow.destination == outbox.CLAIMS)
    )
    return frozenset([*sent, *charged, *handed])
