"""A payer's 999, 277CA or 835 becomes the status of the claims it names; a line for whatever does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, claim_status
from app.actor import ADMINISTRATOR, BILLER, Actor, require
from app.problems import NotAllowed, NotFound
from app.tables import X12BatchRow, X12ExportRow
from mappings.x12.answers import Told, ToldOfSet, read

_ACCEPTED = "accepted"


@dataclass
class Reading:
    """What a file came to: a line for each claim that changed, how many answers were known before, the
    control numbers that no released claim has, and a line for all that needs a person's eyes."""

    changed: list[str] = field(default_factory=list)
    known: int = 0
    unknown: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def take_in(session: Session, actor: Actor, data: bytes, now: datetime) -> Reading:
    """Keep what a payer's file says of each claim. The same file again changes nothing, and whatever the file
    holds, it raises NotAllowed alone: for all but billers and administrators, and in one person's chart."""
    require(actor, BILLER, ADMINISTRATOR, to="read a payer's answers")
    if actor.patient is not None:
        words = "A payer's file names all people, and here one person's chart is open."
        raise NotAllowed(words, "Open Peerchart from the EHR's menu, without a chart.")
    found, done = read(data), Reading()
    done.doubts += found.doubts
    for one in found.sets:
        for told in _of_set(session, actor.issuer, one, done):
            _keep(session, actor, told, now, done, arrival=True)
    for told in found.claims:
        _keep(session, actor, told, now, done)
    audit.did(
        session,
        actor,
        "payer's file read",
        now,
        changed=len(done.changed),
        known=done.known,
        unknown=len(done.unknown),
        doubts=len(done.doubts),
    )
    return done


def _of_set(session: Session, issuer: str, told: ToldOfSet, done: Reading) -> Iterator[Told]:
    """The claims of the batch or of the transaction set that is spoken of."""
    query = select(X12ExportRow.control_number).join(
        X12BatchRow, (X12BatchRow.issuer == X12ExportRow.issuer) & (X12BatchRow.batch == X12ExportRow.batch)
    )
    query = query.where(X12ExportRow.issuer == issuer).order_by(X12ExportRow.position)
    if told.envelope is not None:
        query = query.where(X12BatchRow.number == _number(told.envelope))
    if told.number is not None:
        query = query.where(X12ExportRow.set_number == told.number)
    claims = session.scalars(query).all()
    if not claims:
        done.doubts.append(f"No batch of ours is meant: {told.reason}.")
    for claim in claims:
        yield Told(claim, told.status, told.reason, told.source)


def _keep(
    session: Session, actor: Actor, told: Told, now: datetime, done: Reading, *, arrival: bool = False
) -> None:
    before = claim_status.standing(claim_status.answers(session, actor.issuer, told.control_number))
    if arrival and told.status == _ACCEPTED and before is not None:
        # That the file arrived well says less than what was answered to the claim itself since.
        done.known += 1
        return
    try:
        kept = claim_status.answered(
            session,
            actor.issuer,
            told.control_number,
            told.status,
            now,
            told.reason,
            told.payer_number,
            told.paid,
            told.source,
            by=actor.staff_id,
        )
    except NotFound:
        if told.control_number not in done.unknown:
            done.unknown.append(told.control_number)
        return
    if not kept.new:
        done.known += 1
        return
    paid = "" if told.paid is None else f", {told.paid} paid"
    was = f" (was {kept.before})" if kept.before and kept.before != told.status else ""
    done.changed.append(f"{told.control_number}: {told.status}{was}{paid}: {told.reason}")
    if kept.late:
        stays = f"was {kept.before} before and stays so; {told.status} was told after it"
        done.doubts.append(f"Claim {told.control_number} {stays}.")
    elif kept.before == "paid" and told.status != "paid":
        done.doubts.append(f"Claim {told.control_number} was paid and is {told.status} now: look at it.")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1
