"""The end of launches, and their tokens put aside until the EHR was told that nobody needs them any more.

A launch forgets its tokens when it ends; what is put aside opens no page and is never used to read or write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app import audit
from app.keyring import Keyring, Unreadable
from app.tables import EndingToken, Launch

# An EHR that was out of reach for so long is not asked any more.
GIVE_UP = timedelta(hours=1)
_FIRST_WAIT = timedelta(seconds=30)


@dataclass(frozen=True)
class Ending:
    """The tokens of one ended launch: `context` is the JSON of the launch context (None where no key opens it
    any more), `ended_at` aware."""

    launch: str
    issuer: str
    context: str | None
    ended_at: datetime


def put_aside(session: Session, keyring: Keyring, rows: Iterable[Launch], now: datetime) -> None:
    """Take the tokens of these launches out of them, to be ended at their EHR."""
    for row in rows:
        if row.secret is None:
            continue
        plain = keyring.decrypt(row.secret, table="launches", row=row.id, issuer=row.issuer)
        sealed = keyring.encrypt(plain, table=EndingToken.__tablename__, row=row.id, issuer=row.issuer)
        session.add(
            EndingToken(launch=row.id, issuer=row.issuer, secret=sealed, ended_at=now, again_at=now, tries=0)
        )
        row.secret = None
    session.flush()


def end(session: Session, keyring: Keyring, launch_id: str, why: str, now: datetime) -> bool:
    """End a launch that its time has ended (`idle`, `absolute`), with a line in the trail; False where it was
    ended before."""
    row = session.get(Launch, launch_id)
    if row is None or row.closed_at is not None:
        return False
    put_aside(session, keyring, [row], now)
    row.closed_at, row.closed_why = now, why
    audit.write(
        session,
        row.issuer,
        "session ended",
        now,
        actor=row.staff_id,
        launch=row.id,
        patient=row.patient,
        why=why,
    )
    return True


def is_any_overdue(session: Session, idle: timedelta, now: datetime) -> bool:
    """Whether `end_overdue` would end one."""
    return session.scalars(_overdue(idle, now).limit(1)).first() is not None


def end_overdue(session: Session, keyring: Keyring, idle: timedelta, now: datetime, most: int = 20) -> int:
    """End launches with tokens to which nobody came back in time, at most so many; how many that were."""
    rows = session.scalars(_overdue(idle, now).limit(most)).all()
    for row in rows:
        end(session, keyring, row.id, "absolute" if row.good_until <= now else "idle", now)
    return len(rows)


def due(session: Session, keyring: Keyring, now: datetime, most: int = 5) -> list[Ending]:
    """Tokens of which the EHR is to be told now, the longest waiting first."""
    waiting = select(EndingToken).where(EndingToken.again_at <= now).order_by(EndingToken.again_at)
    return [
        Ending(row.launch, row.issuer, _opened(keyring, row), row.ended_at)
        for row in session.scalars(waiting.limit(most))
    ]


def settle(session: Session, ending: Ending, done: bool, ended: int, now: datetime) -> None:
    """Forget tokens of which the EHR was told (`ended` of them it said were ended), or that it cannot be told
    of any more; else try again later."""
    row = session.get(EndingToken, ending.launch)
    if row is None:
        return
    if not done and now < row.ended_at + GIVE_UP:
        row.tries += 1
        row.again_at = now + _FIRST_WAIT * 2**row.tries
        return
    session.delete(row)
    said = "tokens revoked" if ended else "tokens forgotten"
    audit.write(session, row.issuer, said, now, launch=row.launch, tokens=ended)


def _overdue(idle: timedelta, now: datetime) -> Select[Launch]:
    over = or_(Launch.good_until <= now, Launch.seen_at <= now - idle)
    return select(Launch).where(Launch.closed_at.is_(None), Launch.secret.is_not(None), over)


def _opened(keyring: Keyring, row: EndingToken) -> str | None:
    bound = {"table": EndingToken.__tablename__, "row": row.launch, "issuer": row.issuer}
    try:
        return keyring.decrypt(row.secret, **bound).decode()
    except Unreadable:
        return None
