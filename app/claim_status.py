"""What payers answer to released claims: accepted, rejected, denied, adjusted or paid; where each stands."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import audit
from app.actor import BILLER, Actor, not_here, require
from app.columns import compact
from app.problems import MendInput, NotFound
from app.tables import ClaimAnswerRow, ClaimRow
from app.typed_text import sendable
from app.words import ANSWERED

# A claim that was decided upon stays so when an acknowledgement of its arrival comes in late.
_DECIDED = frozenset({"denied", "adjusted", "paid"})
_ARRIVED = frozenset({"accepted", "rejected"})


@dataclass(frozen=True)
class Answer:
    """One answer of a payer; `paid` in US dollars where told, `at` in UTC, `source` the file or `by hand`."""

    status: str
    reason: str
    payer_number: str | None
    paid: Decimal | None
    source: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Answered:
    """What an answer changed: `new` is False for one that was known; `before` and `after` are where the claim
    stood and stands by its payer; `late` that it was kept and the claim stays what the payer decided."""

    control_number: str
    new: bool
    before: str | None
    after: str
    late: bool = False


def answered(
    session: Session,
    issuer: str,
    control_number: str,
    status: str,
    now: datetime,
    reason: str = "",
    payer_number: str | None = None,
    paid: Decimal | None = None,
    source: str = "by hand",
    by: str = "payer",
) -> Answered:
    """Keep a payer's answer (`status` one of words.ANSWERED) to a released claim. The same answer of the same
    source changes nothing. Raises NotFound for a claim that is unknown or was never released, and MendInput
    for another status or an amount below nought."""
    _check(status, paid)
    row = session.get(ClaimRow, (issuer, control_number))
    if row is None or row.released_at is None:
        raise NotFound(
            f"No released claim has the control number {control_number}.", "Look for it in another system."
        )
    earlier = list(session.scalars(_of_claims(issuer, [control_number])))
    before = _standing([_answer(each) for each in earlier])
    said = [status, reason, payer_number, None if paid is None else str(paid), source]
    digest = hashlib.sha256(compact(said).encode()).hexdigest()
    if before is not None and digest in {each.digest for each in earlier}:
        return Answered(control_number, False, before, before)
    kept = ClaimAnswerRow(
        issuer=issuer,
        control_number=control_number,
        status=status,
        reason=reason,
        payer_number=payer_number,
        paid=None if paid is None else str(paid),
        source=source,
        by=by,
        at=now,
        digest=digest,
    )
    session.add(kept)
    session.flush()
    audit.write(
        session,
        issuer,
        "claim answered",
        now,
        actor=by,
        patient=row.patient,
        subject=control_number,
        status=status,
    )
    after = _standing([_answer(each) for each in (*earlier, kept)]) or status
    return Answered(control_number, True, before, after, late=after != status)


def answer_by_hand(
    session: Session,
    actor: Actor,
    control_number: str,
    status: str,
    reason: str,
    payer_number: str,
    paid: str,
    now: datetime,
) -> Answered:
    """Keep an answer as a biller read it. Raises NotAllowed, NotFound, and MendInput beside the fields: a
    rejection or denial needs its reason, an amount is dollars and cents."""
    require(actor, BILLER, to="write down what a payer answered")
    row = session.get(ClaimRow, (actor.issuer, control_number))
    if row is None or (actor.patient is not None and row.patient != actor.patient):
        raise not_here("claim")
    said = sendable(reason, "reason")
    if status in ("rejected", "denied") and not said:
        raise MendInput("The reason is blank.", "Say what the payer gave as the reason.", {"reason": "blank"})
    number = sendable(payer_number, "payer_number") or None
    amount = _amount(paid)
    return answered(
        session, actor.issuer, control_number, status, now, said, number, amount, by=actor.staff_id
    )


def answers(session: Session, issuer: str, control_number: str) -> tuple[Answer, ...]:
    """All that was answered to a claim, in the order in which it came in."""
    return answers_to(session, issuer, [control_number]).get(control_number, ())


def answers_to(
    session: Session, issuer: str, control_numbers: Collection[str]
) -> dict[str, tuple[Answer, ...]]:
    """All that was answered to each of these claims, in the order in which it came in."""
    found: dict[str, tuple[Answer, ...]] = {}
    for row in session.scalars(_of_claims(issuer, control_numbers)):
        found[row.control_number] = (*found.get(row.control_number, ()), _answer(row))
    return found


def standing(found: Sequence[Answer]) -> Answer | None:
    """The answer by which the claim stands: the last decision of the payer, else its last acknowledgement."""
    decided = [each for each in found if each.status in _DECIDED]
    return next(reversed(decided or list(found)), None)


def payer_number(found: Sequence[Answer]) -> str | None:
    """The payer's own number of the claim as it was last told, None until then."""
    return next((each.payer_number for each in reversed(found) if each.payer_number), None)


def _of_claims(issuer: str, control_numbers: Collection[str]) -> Select[ClaimAnswerRow]:
    mine = ClaimAnswerRow.issuer == issuer, ClaimAnswerRow.control_number.in_(control_numbers)
    return select(ClaimAnswerRow).where(*mine).order_by(ClaimAnswerRow.id)


def _answer(row: ClaimAnswerRow) -> Answer:
    paid = None if row.paid is None else Decimal(row.paid)
    return Answer(row.status, row.reason, row.payer_number, paid, row.source, row.by, row.at)


def _standing(found: Sequence[Answer]) -> str | None:
    last = standing(found)
    return None if last is None else last.status


def _check(status: str, paid: Decimal | None) -> None:
    if status not in ANSWERED:
        words = ", ".join(ANSWERED)
        raise MendInput(f"A payer's answer is one of {words}.", "Choose one.", {"status": "unknown"})
    if paid is not None and (not paid.is_finite() or paid < 0):
        raise MendInput(
            "The amount paid is not below nought.", "Write it as 46.20.", {"paid": "no amount of money"}
        )


def _amount(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$").replace(",", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    exponent = amount.as_tuple().exponent
    if not amount.is_finite() or not isinstance(exponent, int) or exponent < -2:
        raise MendInput(
            "The amount is not dollars and cents.", "Write it as 46.20.", {"paid": "no amount of money"}
        )
    return amount
