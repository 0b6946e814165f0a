"""The requests of a delivery as they are kept: key and bytes frozen before the first attempt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import outbox
from app.delivery.plan import Step
from app.outbox import Leased
from app.tables import OutboxStepRow

READY, TRIED, DONE = "ready", "tried", "done"
METHODS = {
    "transaction": "POST",
    "create": "POST",
    "attest": "POST",
    "append": "POST",
    "upsert": "PUT or POST",
    "mark": "PUT",
}


@dataclass(frozen=True)
class FrozenStep:
    """A step as it stands in the outbox. `tried`: a request may have reached the EHR, so it is looked for
    before it is sent again; `result` holds the EHR's references by fullUrl once it is done."""

    position: int
    key: str
    body: bytes = field(repr=False)
    state: str
    attempts: int
    first_try_at: datetime | None
    result: Mapping[str, Any]

    @property
    def tried(self) -> bool:
        """True when an earlier attempt may have reached the EHR."""
        return self.state == TRIED

    @property
    def done(self) -> bool:
        """True when the EHR has it."""
        return self.state == DONE


def frozen_steps(session: Session, row: int) -> tuple[FrozenStep, ...]:
    """The steps of one outbox row that are frozen so far, in order."""
    query = select(OutboxStepRow).where(OutboxStepRow.row == row).order_by(OutboxStepRow.position)
    return tuple(_frozen(found) for found in session.scalars(query))


def freeze(session: Session, leased: Leased, step: Step, body: bytes, now: datetime) -> FrozenStep:
    """Keep the key and bytes of a step. What was frozen under this key before is answered as it stands where
    the EHR may have it; what certainly never reached it takes the bytes of today, with the explanation of the
    consent that it leaves by (42 CFR 2.32)."""
    mine = select(OutboxStepRow).where(OutboxStepRow.row == leased.id)
    known = session.scalars(mine.where(OutboxStepRow.key == step.key)).first()
    if known is None:
        known = OutboxStepRow(
            issuer=leased.issuer,
            row=leased.id,
            position=len(session.scalars(mine).all()),
            key=step.key,
            method=METHODS[step.way],
            address="" if step.way == "transaction" else step.resource_type,
            headers={"If-None-Exist": step.find} if step.conditional else {},
            body=body,
            digest=hashlib.sha256(body).hexdigest(),
            made_at=now,
            state=READY,
            attempts=0,
            result={},
        )
        session.add(known)
        session.flush()
    elif known.state == READY and known.body != body:
        known.body, known.digest = body, hashlib.sha256(body).hexdigest()
        session.flush()
    return _frozen(known)


def mark_tried(session: Session, leased: Leased, position: int, now: datetime, seconds: int) -> None:
    """Write down that the request goes out now, and hold the row for `seconds` more. Raises LeaseLost when
    another worker has the row, so that two never send the same step."""
    outbox.renew(session, leased, now, seconds)
    row = session.get_one(OutboxStepRow, (leased.id, position))
    row.state, row.attempts = TRIED, row.attempts + 1
    row.first_try_at = row.first_try_at or now


def mark_unsent(session: Session, leased: Leased, position: int, now: datetime, seconds: int) -> None:
    """The EHR certainly has not stored it: the next attempt need not look for it. Raises LeaseLost."""
    outbox.renew(session, leased, now, seconds)
    row = session.get_one(OutboxStepRow, (leased.id, position))
    if row.state == TRIED:
        row.state = READY


def mark_done(
    session: Session, leased: Leased, position: int, result: Mapping[str, Any], now: datetime, seconds: int
) -> None:
    """The EHR has it; `result` holds its references. Raises LeaseLost."""
    outbox.renew(session, leased, now, seconds)
    row = session.get_one(OutboxStepRow, (leased.id, position))
    row.state, row.result = DONE, dict(result)


def _frozen(row: OutboxStepRow) -> FrozenStep:
    return FrozenStep(
        row.position, row.key, row.body, row.state, row.attempts, row.first_try_at, row.result or {}
    )
