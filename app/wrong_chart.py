"""A contact that was written in the chart of the wrong person: it leaves their view, and stays in the trail.

Nothing signed is removed: the versions stay as they were signed, nobody is shown them in that chart any more,
what the EHR holds of them is marked as entered in error, and what was billed of them is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import rfc8785
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, billing, charting, duties, engagement, outbox, reviews, staff
from app.actor import PEER, SUPERVISOR, Actor, person_of, require
from app.problems import Held, MendInput, NotAllowed, Stale
from app.tables import ContactRow, OutboxRow, OutboxStepRow, VersionRow, WrongChartRow
from app.typed_text import sendable
from app.words import AWAITING, DRAFT, FINAL, IN_ERROR, RECALLED
from mappings.fhir.withdrawal import withdrawal
from mappings.library import Library

MAY = (PEER, SUPERVISOR)
# As long as an EHR may take to store what it never answered.
SETTLING = timedelta(minutes=2)
HELD_WORDS = "This note was entered in error, in the chart of the wrong person."
NOTHING_LEAVES = "Nothing of it is sent. The contact is written anew in the right chart."


@dataclass(frozen=True)
class WrongChart:
    """One contact that was entered in error: which version it was, who said so (`by`, `name`), when (aware)
    and why; nothing of the note."""

    contact: str
    version: int
    reason: str
    by: str
    name: str
    at: datetime


def withdraw(
    session: Session, actor: Actor, contact_id: str, reason: str, library: Library, now: datetime
) -> None:
    """Say that a signed contact stands in the chart of the wrong person. Its author or a supervisor may. An
    engagement that it alone began is withdrawn with it. Raises NotAllowed, NotFound, Stale for a draft or one
    that is withdrawn, MendInput for a blank reason."""
    require(actor, *MAY, to="say that a note stands in the wrong chart")
    row, version = charting.visible(session, actor, contact_id)
    if row.author != actor.staff_id and not actor.is_any(SUPERVISOR):
        raise NotAllowed("This note was written by somebody else.", "Ask its author, or a supervisor.")
    current = charting.version_of(session, row, row.current)
    if current.state == DRAFT:
        raise Stale("This contact has an open draft.", "Have its author discard the draft first.")
    why = sendable(reason, "reason")
    if not why:
        raise MendInput("The reason is blank.", "Say it.", {"reason": "Write why this chart is wrong"})
    session.add(
        WrongChartRow(
            issuer=row.issuer,
            contact=row.id,
            version=version.version,
            patient=row.patient,
            state=version.state,
            reason=why,
            by=actor.staff_id,
            at=now,
        )
    )
    _put_away(session, actor, row, now)
    sent = _keep_back(session, row, now)
    duties.follow(session, actor, row, None, version.version, now)
    audit.did(
        session, actor, "note entered in error", now, subject=row.id, version=version.version, sent=sent
    )
    engagement.unbegin(session, actor, row.id, library, now)
    billing.draft(session, row.issuer, row.patient, library, now)


def of_person(session: Session, actor: Actor) -> tuple[WrongChart, ...]:
    """What was entered in error in this launch's chart, the latest first, for supervisors (NotAllowed)."""
    require(actor, SUPERVISOR, to="see what was entered in error")
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    rows = session.scalars(
        select(WrongChartRow)
        .where(WrongChartRow.issuer == actor.issuer, WrongChartRow.patient == person_of(actor))
        .order_by(WrongChartRow.at.desc(), WrongChartRow.contact)
    )
    return tuple(
        WrongChart(row.contact, row.version, row.reason, row.by, names.get(row.by, row.by), row.at)
        for row in rows
    )


def refuse(session: Session, issuer: str, kind: str, subject: str) -> None:
    """Pass for everything but a note that was entered in error: of that nothing leaves (Held)."""
    if kind == outbox.NOTE and session.get(WrongChartRow, (issuer, subject)) is not None:
        raise Held(HELD_WORDS, NOTHING_LEAVES)


def _put_away(session: Session, actor: Actor, row: ContactRow, now: datetime) -> None:
    versions = session.scalars(
        select(VersionRow).where(VersionRow.issuer == row.issuer, VersionRow.contact == row.id)
    )
    for each in versions:
        if each.state == AWAITING:
            reviews.close(session, each, RECALLED, actor.staff_id, now)
        if each.version == row.current or each.state == FINAL:
            each.state = IN_ERROR
    session.flush()


def _keep_back(session: Session, row: ContactRow, now: datetime) -> bool:
    """Hold what has not left, and tell the EHR of what has, or may have; answers whether anything did."""
    rows = session.scalars(
        select(OutboxRow).where(
            OutboxRow.issuer == row.issuer, OutboxRow.subject == row.id, OutboxRow.kind == outbox.NOTE
        )
    ).all()
    gone = [each for each in rows if each.state in (outbox.SENDING, outbox.IN_CHART) or _tried(session, each)]
    for each in rows:
        if each.state in (outbox.WAITING, outbox.REFUSED):
            each.state, each.reason = outbox.HELD, f"{HELD_WORDS} {NOTHING_LEAVES}"
    session.flush()
    if gone:
        _tell(session, row, gone, now)
    return bool(gone)


def _tried(session: Session, row: OutboxRow) -> bool:
    tried = select(OutboxStepRow.row).where(OutboxStepRow.row == row.id, OutboxStepRow.state != "ready")
    return session.scalars(tried).first() is not None


def _tell(session: Session, row: ContactRow, gone: Sequence[OutboxRow], now: datetime) -> None:
    bundle = withdrawal(row.id, [json.loads(each.payload) for each in gone])
    answered = all(each.state == outbox.IN_CHART for each in gone)
    outbox.add(
        session,
        row.issuer,
        outbox.CHART,
        outbox.WITHDRAWAL,
        f"withdrawal/{row.id}",
        row.patient,
        # Not the note's own subject: what is held of the note must not keep this back.
        f"withdrawal/{row.id}",
        rfc8785.dumps(bundle),
        now,
        due=now if answered else now + SETTLING,
    )
