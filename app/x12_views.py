"""What billers are shown of X12: each batch with its numbers and what the payer says, and what is held."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import claim_status, individuals
from app.actor import Actor, not_here
from app.claim_status import Answer
from app.tables import ClaimHoldRow, ClaimRow, X12BatchRow, X12ExportRow
from app.words import HELD, READY
from app.x12_batches import may_send

# The standing of a claim of which the payer said nothing yet.
SENT = "sent"
AT_ONCE = 20
_CHARGE = re.compile(r"^CLM\*([^*]+)\*([^*]+)\*", re.MULTILINE)


@dataclass(frozen=True)
class BatchClaim:
    """A claim in a batch, with the number of its transaction set (ST02), what it charges in US dollars and
    the answer by which it stands with its payer, None before the first."""

    control_number: str
    individual: str
    day: date
    set_number: str
    charge: Decimal
    answer: Answer | None

    @property
    def standing(self) -> str:
        """What its payer says: one of words.ANSWERED, or `sent`."""
        return SENT if self.answer is None else self.answer.status


@dataclass(frozen=True)
class BatchView:
    """One file: its control number (ISA13 and GS06), those of its sets, who made it and when (UTC), and its
    claims in their order."""

    batch: str
    number: str
    form: str
    by: str
    at: datetime
    claims: tuple[BatchClaim, ...]

    @property
    def sets(self) -> tuple[str, ...]:
        """The control numbers of the transaction sets (ST02)."""
        return tuple(dict.fromkeys(each.set_number for each in self.claims))

    @property
    def charge(self) -> Decimal:
        """What all of it charges, in US dollars."""
        return sum((each.charge for each in self.claims), Decimal(0))

    @property
    def standing(self) -> Mapping[str, int]:
        """How many of the claims stand how with the payer."""
        return Counter(each.standing for each in self.claims)


@dataclass(frozen=True)
class Unreleased:
    """What is on no way to the payer: the claims that are ready for a biller, and the reasons for which
    others are held, each with how many."""

    ready: int
    held: tuple[tuple[str, int], ...]


def batches(session: Session, actor: Actor, below: int | None = None) -> list[BatchView]:
    """The latest files, with a control number below the given one, and no more than `AT_ONCE`. For billers
    and administrators (NotAllowed)."""
    may_send(actor)
    query = select(X12BatchRow).where(X12BatchRow.issuer == actor.issuer)
    if below is not None:
        query = query.where(X12BatchRow.number < below)
    latest = query.order_by(X12BatchRow.at.desc(), X12BatchRow.number.desc()).limit(AT_ONCE)
    names = individuals.names(session, actor.issuer)
    return [_view(session, row, names) for row in session.scalars(latest)]


def one(session: Session, actor: Actor, batch: str) -> BatchView:
    """One file with its claims. Raises NotAllowed, NotFound."""
    may_send(actor)
    row = session.get(X12BatchRow, (actor.issuer, batch))
    if row is None:
        raise not_here("X12 batch")
    return _view(session, row, individuals.names(session, actor.issuer))


def whose(session: Session, actor: Actor, control_numbers: Collection[str]) -> Mapping[str, tuple[str, date]]:
    """Of whom and of which day each of these claims is. Raises NotAllowed."""
    may_send(actor)
    names = individuals.names(session, actor.issuer)
    mine = ClaimRow.issuer == actor.issuer, ClaimRow.control_number.in_(control_numbers)
    rows = session.scalars(select(ClaimRow).where(*mine))
    return {row.control_number: (names.get(row.patient, row.individual), row.day) for row in rows}


def unreleased(session: Session, actor: Actor) -> Unreleased:
    """What no export takes, since no biller released it. Raises NotAllowed."""
    may_send(actor)
    mine = ClaimRow.issuer == actor.issuer
    ready = session.scalar(select(func.count()).where(mine, ClaimRow.state == READY)) or 0
    of_billers = select(ClaimRow.reason, func.count()).where(mine, ClaimRow.state == HELD)
    of_rules = select(ClaimHoldRow.reason, func.count()).where(ClaimHoldRow.issuer == actor.issuer)
    held: Counter[str] = Counter()
    for query in (of_billers.group_by(ClaimRow.reason), of_rules.group_by(ClaimHoldRow.reason)):
        for reason, many in session.execute(query):
            held[reason or "No reason was given."] += many
    return Unreleased(ready, tuple(held.most_common()))


def _view(session: Session, row: X12BatchRow, names: Mapping[str, str]) -> BatchView:
    charges = dict(_CHARGE.findall(row.content))
    inside = (
        select(X12ExportRow, ClaimRow)
        .join(
            ClaimRow,
            (ClaimRow.issuer == X12ExportRow.issuer)
            & (ClaimRow.control_number == X12ExportRow.control_number),
        )
        .where(X12ExportRow.issuer == row.issuer, X12ExportRow.batch == row.batch)
        .order_by(X12ExportRow.position)
    )
    placed = session.execute(inside).all()
    answers = claim_status.answers_to(session, row.issuer, [claim.control_number for _, claim in placed])
    claims = tuple(
        BatchClaim(
            control_number=claim.control_number,
            individual=names.get(claim.patient, claim.individual),
            day=claim.day,
            set_number=place.set_number,
            charge=Decimal(charges[claim.control_number]),
            answer=claim_status.standing(answers.get(claim.control_number, ())),
        )
        for place, claim in placed
    )
    return BatchView(row.batch, f"{row.number:09d}", row.form, row.by, row.at, claims)
