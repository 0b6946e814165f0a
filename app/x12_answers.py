"""A payer's 999, 277CA or 835 becomes the status of the claims it names; a line for whatever does not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, claim_status
from app.actor import ADMINISTRATOR, BILLER, Actor, require
from app.problems import MendInput, NotAllowed, NotFound
from app.tables import X12BatchRow, X12ExportRow
from mappings.x12.answers import Told, ToldOfSet, read
from mappings.x12.interchanges import shown

_ACCEPTED = "accepted"


@dataclass(frozen=True)
class Change:
    """A claim that got an answer: its standing `before`, None at the first, what was told, why, and what was
    paid in US dollars; `late` where the claim stays as it stood."""

    control_number: str
    before: str | None
    status: str
    reason: str
    paid: Decimal | None
    late: bool

    @property
    def line(self) -> str:
        """All of it in one line."""
        paid = "" if self.paid is None else f", {self.paid} paid"
        was = f" (was {self.before})" if self.before and self.before != self.status else ""
        return f"{self.control_number}: {self.status}{was}{paid}: {self.reason}"


@dataclass
class Reading:
    """What a file came to: the claims that changed, how many answers were known before, the control numbers
    that no released claim has, and a line for all that needs a person's eyes."""

    changes: list[Change] = field(default_factory=list)
    known: int = 0
    unknown: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[str]:
        """A line for each claim that changed."""
        return [each.line for each in self.changes]


class NotTaken(MendInput):
    """A file of which nothing was kept; `lines` say what is wrong with it."""

    def __init__(self, message: str, what_to_do: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message, what_to_do, {"file": message})
        self.lines = tuple(lines)


def take_whole(session: Session, actor: Actor, data: bytes, now: datetime) -> Reading:
    """Keep what a payer's file says, as `take_in` does, where it is whole, addressed to this site and speaks
    of a claim of it. Raises NotTaken where not, and then the transaction is to be given up; NotAllowed."""
    _may(actor)
    found = read(data)
    if found.damage:
        words = "The file is damaged or is no X12 file: nothing of it was kept."
        raise NotTaken(words, "Fetch it from the payer once more, and choose it as it came.", found.damage)
    known = _ours(session, actor.issuer)
    foreign = [each for each in found.receivers if each.upper() not in known]
    if foreign:
        words = f"The file is addressed to {shown(foreign[0]) or 'nobody'}: nothing of it was kept."
        ours = f"Your files are addressed to {' or '.join(sorted(known))}." if known else ""
        raise NotTaken(
            words, ours or "No file for a payer was made here yet: look for the one that it answers."
        )
    done = take_in(session, actor, data, now)
    if not done.changes and not done.known:
        unknown = [f"No released claim has the control number {number}." for number in done.unknown]
        words = "The file says nothing of a claim that was sent from here: nothing of it was kept."
        raise NotTaken(words, "Look whose claims it names.", [*unknown, *done.doubts])
    return done


def refused(session: Session, actor: Actor, data: bytes, problem: NotTaken, now: datetime) -> None:
    """The trail tells of a file that was not taken: which, by its digest, and why. Raises NotAllowed."""
    _may(actor)
    digest = hashlib.sha256(data).hexdigest()
    audit.did(session, actor, "payer's file refused", now, subject=digest, why=problem.message)


def _ours(session: Session, issuer: str) -> frozenset[str]:
    """The ids under which this site sent claims."""
    sent = session.scalars(select(X12BatchRow.submitter).where(X12BatchRow.issuer == issuer).distinct())
    return frozenset(each.partition("/")[2].strip().upper() for each in sent)


def _may(actor: Actor) -> None:
    require(actor, BILLER, ADMINISTRATOR, to="read a payer's answers")
    if actor.patient is not None:
        words = "A payer's file names all people, and here one person's chart is open."
        raise NotAllowed(words, "Open Peerchart from the EHR's menu, without a chart.")


def take_in(session: Session, actor: Actor, data: bytes, now: datetime) -> Reading:
    """Keep what a payer's file says of each claim. The same file again changes nothing, and whatever the file
    holds, it raises NotAllowed alone: for all but billers and administrators, and in one person's chart."""
    _may(actor)
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
        changed=len(done.changes),
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
    if (
        arrival
        and told.status == _ACCEPTED
        and claim_status.answers(session, actor.issuer, told.control_number)
    ):
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
    done.changes.append(
        Change(told.control_number, kept.before, told.status, told.reason, told.paid, kept.late)
    )
    if kept.late:
        stays = f"was {kept.before} before and stays so; {told.status} was told after it"
        done.doubts.append(f"Claim {told.control_number} {stays}.")
    elif kept.before == "paid" and told.status != "paid":
        done.doubts.append(f"Claim {told.control_number} was paid and is {told.status} now: look at it.")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else -1
