"""The memory of launches: those on their way to the EHR and back, and those that are open. No Flask here."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from app.store import rows
from app.tables import Launch, PendingLaunch
from app.tables.base import Table

TOUCH_EVERY = timedelta(seconds=30)


@dataclass(frozen=True)
class OpenLaunch:
    """One launch as the door sees it; times aware. `context` holds what the pages need to know of it."""

    id: str
    issuer: str
    staff_id: str
    practitioner: str | None
    patient: str | None
    encounter: str | None
    cookie_hash: str
    context: dict[str, Any]
    opened_at: datetime
    seen_at: datetime
    good_until: datetime
    closed_why: str | None

    def ended(self, now: datetime, idle: timedelta) -> str | None:
        """Why this launch is over at `now`, None while it is open."""
        if self.closed_why is not None:
            return self.closed_why
        if now >= self.good_until:
            return "absolute"
        return "idle" if now - self.seen_at >= idle else None


def new_secret() -> str:
    """A secret of 256 bits for a cookie, or an id nobody can guess."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """The id of a launch: 128 bits, letters and digits only, so that it can name a cookie."""
    return secrets.token_hex(16)


def digest(secret: str) -> str:
    """How a secret is kept: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, kept: str) -> bool:
    """True when this is the secret whose digest was kept; in constant time."""
    return compare_digest(digest(secret), kept)


def keep_pending(
    session: Session, issuer: str, state: str, browser: str, sealed: bytes, now: datetime, until: datetime
) -> None:
    """Keep a launch on its way; `sealed` is the pending launch encrypted, `browser` the cookie's secret."""
    kept = {"state_hash": digest(state), "issuer": issuer, "browser_hash": digest(browser), "secret": sealed}
    rows(session, _KEEP, **kept, begun_at=now, good_until=until, used_at=None)


def pending_of(session: Session, issuer: str, state: str) -> Row[Any] | None:
    """The launch on its way that this state belongs to at this issuer, whether used already or not."""
    found: Row[Any] | None = rows(session, _PENDING, which=digest(state), whose=issuer).first()
    return found


def take_pending(session: Session, issuer: str, state: str, now: datetime) -> Row[Any] | None:
    """As `pending_of`, marked as used from here on in the same step; what it answers says whether it was used
    before. To be rolled back where it may not be taken."""
    row = pending_of(session, issuer, state)
    if row is not None and row.used_at is None:
        rows(session, _USED, which=row.state_hash, used_at=now)
    return row


_ON_THEIR_WAY = Table.metadata.tables[PendingLaunch.__tablename__]
_KEEP = insert(_ON_THEIR_WAY)
_OF_STATE = _ON_THEIR_WAY.c.state_hash == bindparam("which")
_PENDING = select(_ON_THEIR_WAY).where(_OF_STATE, _ON_THEIR_WAY.c.issuer == bindparam("whose"))
_USED = update(_ON_THEIR_WAY).where(_OF_STATE)
_LAUNCHES = Table.metadata.tables[Launch.__tablename__]
_OPEN = insert(_LAUNCHES)
# By its columns: the door asks for one with every request, and no record is needed for that.
_ONE = select(_LAUNCHES).where(_LAUNCHES.c.id == bindparam("which"))


def open_launch(
    session: Session,
    *,
    launch_id: str,
    issuer: str,
    staff_id: str,
    practitioner: str | None,
    patient: str | None,
    encounter: str | None,
    cookie_secret: str,
    context: dict[str, Any],
    sealed: bytes | None,
    now: datetime,
    good_until: datetime,
) -> None:
    """Open a launch with an id and a cookie secret of its own."""
    rows(
        session,
        _OPEN,
        id=launch_id,
        issuer=issuer,
        staff_id=staff_id,
        practitioner=practitioner,
        patient=patient,
        encounter=encounter,
        cookie_hash=digest(cookie_secret),
        context=context,
        secret=sealed,
        opened_at=now,
        seen_at=now,
        good_until=good_until,
        closed_at=None,
        closed_why=None,
    )


def find(session: Session, launch_id: str) -> OpenLaunch | None:
    """The launch of this id, open or closed."""
    row = rows(session, _ONE, which=launch_id).first()
    return None if row is None else _view(row)


def learn(session: Session, launch_id: str, facts: dict[str, Any]) -> None:
    """Add to what the pages know of an open launch."""
    row = session.get(Launch, launch_id)
    if row is not None and row.closed_at is None:
        row.context = {**(row.context or {}), **facts}


def touch(session: Session, launch_id: str, now: datetime) -> None:
    """Note that the launch was used at `now`; time never goes back."""
    row = session.get(Launch, launch_id)
    if row is not None and row.closed_at is None and now > row.seen_at:
        row.seen_at = now


def close(session: Session, launch_id: str, why: str, now: datetime) -> bool:
    """Close a launch (`signed-out`, `idle`, `absolute`, `patient-changed`); its tokens are forgotten. False
    when it was closed before."""
    row = session.get(Launch, launch_id)
    if row is None or row.closed_at is not None:
        return False
    row.closed_at, row.closed_why, row.secret = now, why, None
    return True


def close_all(session: Session, launch: OpenLaunch, why: str, now: datetime) -> None:
    """Close a launch with the worklist it was opened from and all that was opened from that: who signs out of
    one of them leaves the screen to the next person."""
    root = launch.context.get("list") or launch.id
    theirs = select(Launch).where(
        Launch.issuer == launch.issuer, Launch.staff_id == launch.staff_id, Launch.closed_at.is_(None)
    )
    for row in session.scalars(theirs).all():
        if root in (row.id, (row.context or {}).get("list")):
            close(session, row.id, why, now)


def _view(row: Row[Any]) -> OpenLaunch:
    return OpenLaunch(
        id=row.id,
        issuer=row.issuer,
        staff_id=row.staff_id,
        practitioner=row.practitioner,
        patient=row.patient,
        encounter=row.encounter,
        cookie_hash=row.cookie_hash,
        context=row.context or {},
        opened_at=row.opened_at,
        seen_at=row.seen_at,
        good_until=row.good_until,
        closed_why=row.closed_why,
    )
