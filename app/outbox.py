"""The outbox: what is to reach an EHR, frozen in the transaction that decided it, and never deleted.

A row belongs to one destination and has a key of its own. Workers lease rows; the fencing number keeps a
worker that lost its lease from writing. Rows of one person go in the order in which they were made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased, defer

from app import audit
from app.actor import ADMINISTRATOR, BILLER, ENGINEER, LPHA, PEER, SUPERVISOR, Actor, require
from app.problems import NotFound, Problem, Stale
from app.tables import OutboxRow, SignatureRow

WAITING, SENDING, IN_CHART, REFUSED, HELD = "waiting", "sending", "in-chart", "refused", "held"
WORDS = {
    WAITING: "waiting",
    SENDING: "sending",
    IN_CHART: "in the chart",
    REFUSED: "refused",
    HELD: "held",
}
CHART, CLAIMS = "chart", "claims"
# Beside the records, where an EHR asks for it: for the same readers, but neither waits for the other.
CONSENTS, TRAIL = "consents", "trail"
LANES = {CHART: (CHART, CONSENTS, TRAIL), CLAIMS: (CLAIMS,)}
EPISODE, PLAN, NOTE, CLAIM = "episode", "plan", "note", "claim"
# That what an EHR holds of a contact was entered in error.
WITHDRAWAL, REFERRAL = "withdrawal", "referral"
# A consent, that one was revoked, and lines of the audit trail.
CONSENT, REVOCATION, LINES = "consent", "revocation", "lines"
# What only says of something in an EHR that it no longer counts: it discloses nothing and needs no consent.
DISCLOSES_NOTHING = frozenset({WITHDRAWAL, REVOCATION})
# A consent goes before what leaves by it, and no record waits for the trail.
_TURNS = ((CONSENTS,), (CHART, CLAIMS), (TRAIL,))
# Whoever only asks where rows stand does not read the records in them.
_UNREAD = defer(OutboxRow.payload)


class KeyReused(Problem):
    """The key of this destination already stands for other bytes."""


class LeaseLost(Stale):
    """Another worker holds the row now; whatever this one found out must not be written."""


@dataclass(frozen=True)
class Leased:
    """One row in the hands of one worker; `fence` is the number its writes must carry."""

    id: int
    issuer: str
    destination: str
    kind: str
    key: str
    patient: str
    subject: str
    payload: bytes
    digest: str
    attempts: int
    owner: str
    fence: int


@dataclass(frozen=True)
class DeliveryLine:
    """One row as people see it. `state` is one of WORDS; `result` the EHR's ids; times in UTC."""

    id: int
    issuer: str
    destination: str
    kind: str
    key: str
    patient: str
    subject: str
    state: str
    word: str
    reason: str | None
    attempts: int
    made_at: datetime
    due_at: datetime
    settled_at: datetime | None
    digest: str
    result: Mapping[str, Any]


def add(
    session: Session,
    issuer: str,
    destination: str,
    kind: str,
    key: str,
    patient: str,
    subject: str,
    payload: bytes,
    now: datetime,
    due: datetime | None = None,
) -> int:
    """Freeze `payload` for `destination` under `key` and answer the row's number; it is sent from `due` on,
    at once where that is None. The same key with the same bytes is the same row; with other bytes KeyReused
    is raised. A destination that nobody sends to is a ValueError: its rows would wait for ever."""
    if not any(destination in turn for turn in _TURNS):
        raise ValueError(f"nothing is ever sent to {destination!r}")
    digest = hashlib.sha256(payload).hexdigest()
    known = session.scalars(
        select(OutboxRow).where(
            OutboxRow.issuer == issuer, OutboxRow.destination == destination, OutboxRow.key == key
        )
    ).first()
    if known is not None:
        return _same(known, digest)
    row = OutboxRow(
        issuer=issuer,
        destination=destination,
        kind=kind,
        key=key,
        patient=patient,
        subject=subject,
        payload=payload,
        digest=digest,
        made_at=now,
        state=WAITING,
        due_at=due or now,
        attempts=0,
        fence=0,
    )
    session.add(row)
    session.flush()
    return row.id


def lease(session: Session, worker: str, now: datetime, seconds: int) -> Leased | None:
    """Take the oldest due row whose person has no earlier row under way at that destination, consents first
    and the trail last; None when there is none. A lease that ran out is taken over with a higher fencing
    number. A refused or held row keeps only the later rows of its own subject waiting: no correction
    overtakes its original, and one bad note does not stop the chart of the person."""
    earlier = aliased(OutboxRow)
    behind = exists().where(
        _before(earlier, OutboxRow),
        or_(
            and_(earlier.state.in_((WAITING, SENDING)), ~_kept_back(earlier)),
            and_(earlier.state.in_((REFUSED, HELD)), earlier.subject == OutboxRow.subject),
        ),
    )
    due = or_(
        and_(OutboxRow.state == WAITING, OutboxRow.due_at <= now),
        and_(OutboxRow.state == SENDING, OutboxRow.lease_until <= now),
    )
    following = select(OutboxRow).where(due, ~behind).order_by(OutboxRow.due_at, OutboxRow.id).limit(1)
    each = (session.scalars(following.where(OutboxRow.destination.in_(turn))).first() for turn in _TURNS)
    row = next((found for found in each if found is not None), None)
    if row is None:
        return None
    row.state, row.lease_owner, row.fence = SENDING, worker, row.fence + 1
    row.lease_until = now + timedelta(seconds=seconds)
    row.attempts += 1
    session.flush()
    return _leased(row, worker)


def renew(session: Session, leased: Leased, now: datetime, seconds: int) -> None:
    """Hold the row for `seconds` more; raises LeaseLost."""
    _write(session, leased, lease_until=now + timedelta(seconds=seconds))


def settle(session: Session, leased: Leased, result: Mapping[str, Any], now: datetime) -> None:
    """It is in the chart: `result` holds the EHR's ids. Raises LeaseLost."""
    _write(session, leased, state=IN_CHART, result=dict(result), settled_at=now, reason=None, **_FREE)
    _note(session, leased, "delivered", now)


def wait(session: Session, leased: Leased, until: datetime, reason: str, now: datetime) -> None:
    """Try again at `until`; `reason` in words people can read. Raises LeaseLost."""
    _write(session, leased, state=WAITING, due_at=until, reason=reason, **_FREE)
    _note(session, leased, "delivery waits", now)


def refuse(session: Session, leased: Leased, reason: str, now: datetime) -> None:
    """The EHR refused it; `reason` holds the server's own words. Raises LeaseLost."""
    _write(session, leased, state=REFUSED, reason=reason, **_FREE)
    _note(session, leased, "delivery refused", now)


def hold(session: Session, leased: Leased, reason: str, now: datetime) -> None:
    """It needs a person; `reason` says what for. Raises LeaseLost."""
    _write(session, leased, state=HELD, reason=reason, **_FREE)
    _note(session, leased, "delivery held", now)


def retry(session: Session, actor: Actor, row_id: int, now: datetime) -> None:
    """Put a refused or held row back in line, or let a waiting one go now. Raises NotAllowed, NotFound, and
    Stale for one that is being sent or is in the chart."""
    require(actor, SUPERVISOR, ADMINISTRATOR, BILLER, ENGINEER, LPHA, PEER, to="send a record again")
    row = session.scalars(select(OutboxRow).where(OutboxRow.id == row_id, *_visible(actor))).first()
    if row is None:
        raise NotFound("There is no such delivery.", "Look at the list of deliveries.")
    if row.state not in (REFUSED, HELD, WAITING):
        raise Stale(f"This delivery is {WORDS[row.state]} already.", "Look at the list of deliveries again.")
    row.state, row.due_at, row.reason = WAITING, now, None
    session.flush()
    audit.did(session, actor, "delivery sent again", now, subject=row.key, patient=row.patient)


def stop(
    session: Session, issuer: str, patient: str, destination: str, reason: str, now: datetime
) -> tuple[str, ...]:
    """Hold every record of a person that waits for a destination, for a reason in words; answers their keys.
    What is being sent at this moment asks for itself before its next request."""
    return _moved(session, issuer, patient, destination, WAITING, HELD, reason, "", now)


def let_go(
    session: Session, issuer: str, patient: str, destination: str, begins: str, now: datetime
) -> tuple[str, ...]:
    """Put every record of a person that is held for a reason beginning so back in line; answers the keys."""
    return _moved(session, issuer, patient, destination, HELD, WAITING, None, begins, now)


def under_way(
    session: Session, issuer: str, patient: str, destination: str, now: datetime
) -> tuple[str, ...]:
    """The keys of the person's records that a worker has in its hands at this moment."""
    return tuple(
        session.scalars(
            select(OutboxRow.key).where(
                *_of_person(issuer, patient, destination),
                OutboxRow.state == SENDING,
                OutboxRow.lease_until > now,
            )
        )
    )


def listing(session: Session, actor: Actor | None) -> tuple[DeliveryLine, ...]:
    """The deliveries of the actor's person; in a launch without one all of the issuer for supervisors,
    administrators and interface engineers, the claims for billers, and for everybody what they signed
    themselves. Every row of every issuer for None (the worker's report). Newest first."""
    query = select(OutboxRow).options(_UNREAD).order_by(OutboxRow.id.desc())
    if actor is not None:
        query = query.where(*_visible(actor))
    return tuple(_line(row) for row in session.scalars(query))


def of_key(session: Session, issuer: str, destination: str, key: str) -> DeliveryLine | None:
    """Where the record with this key stands, None when it was never to leave."""
    row = session.scalars(
        select(OutboxRow)
        .options(_UNREAD)
        .where(OutboxRow.issuer == issuer, OutboxRow.destination == destination, OutboxRow.key == key)
    ).first()
    return None if row is None else _line(row)


def states(session: Session, issuer: str, destination: str, patient: str) -> dict[str, str]:
    """The state of every delivery of one person by key."""
    rows = session.execute(
        select(OutboxRow.key, OutboxRow.state).where(
            OutboxRow.issuer == issuer, OutboxRow.destination == destination, OutboxRow.patient == patient
        )
    )
    return dict(rows.all())


def audience(destination: str) -> str:
    """Who reads what goes to a destination: those who read the chart, or the payers of claims."""
    return next(whom for whom, lanes in LANES.items() if destination in lanes)


def _of_person(issuer: str, patient: str, destination: str) -> tuple[ColumnElement[bool], ...]:
    whose = OutboxRow.issuer == issuer, OutboxRow.patient == patient
    return *whose, OutboxRow.destination == destination


def _moved(
    session: Session,
    issuer: str,
    patient: str,
    destination: str,
    before: str,
    after: str,
    reason: str | None,
    begins: str,
    now: datetime,
) -> tuple[str, ...]:
    rows = session.scalars(
        select(OutboxRow)
        .options(_UNREAD)
        .where(
            *_of_person(issuer, patient, destination),
            OutboxRow.state == before,
            OutboxRow.kind.not_in(DISCLOSES_NOTHING),
            func.coalesce(OutboxRow.reason, "").startswith(begins, autoescape=True),
        )
    ).all()
    for row in rows:
        row.state, row.reason, row.due_at = after, reason, now
    session.flush()
    return tuple(row.key for row in rows)


def _visible(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    of_issuer = OutboxRow.issuer == actor.issuer
    if actor.patient is not None:
        return of_issuer, OutboxRow.patient == actor.patient
    if actor.is_any(SUPERVISOR, ADMINISTRATOR, ENGINEER):
        return (of_issuer,)
    own = _signed_by(actor)
    return of_issuer, or_(own, OutboxRow.destination == CLAIMS) if actor.is_any(BILLER) else own


def _signed_by(actor: Actor) -> ColumnElement[bool]:
    # The key begins with what was signed: note/<contact>/<version>, plan/<plan entry>/<version>.
    begins = [
        func.instr(OutboxRow.key, f"{kind}/" + SignatureRow.subject + "/") == 1 for kind in (NOTE, PLAN)
    ]
    return exists().where(
        SignatureRow.issuer == OutboxRow.issuer, SignatureRow.by == actor.staff_id, or_(*begins)
    )


def _before(earlier: type[OutboxRow], row: type[OutboxRow]) -> ColumnElement[bool]:
    return and_(
        earlier.issuer == row.issuer,
        earlier.destination == row.destination,
        earlier.patient == row.patient,
        earlier.id < row.id,
    )


def _kept_back(row: type[OutboxRow]) -> ColumnElement[bool]:
    """Whether a row waits behind a refused or held one of its own subject; then it keeps nobody else back."""
    stuck = aliased(OutboxRow)
    return exists().where(_before(stuck, row), stuck.state.in_((REFUSED, HELD)), stuck.subject == row.subject)


_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def _write(session: Session, leased: Leased, **values: Any) -> None:
    done = session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.id == leased.id,
            OutboxRow.state == SENDING,
            OutboxRow.lease_owner == leased.owner,
            OutboxRow.fence == leased.fence,
        )
        .values(**values)
        .execution_options(synchronize_session="fetch")
    )
    if not isinstance(done, CursorResult) or done.rowcount != 1:
        raise LeaseLost(
            f"Another worker holds delivery {leased.id} now.", "Leave it; the other one will settle it."
        )


def _note(session: Session, leased: Leased, action: str, now: datetime) -> None:
    audit.write(
        session,
        leased.issuer,
        action,
        now,
        patient=leased.patient,
        subject=leased.key,
        destination=leased.destination,
        sha256=leased.digest,
    )


def _same(row: OutboxRow, digest: str) -> int:
    if row.digest != digest:
        raise KeyReused(
            f"The key {row.key} for {row.destination} already stands for other bytes.",
            "A changed record needs a new version with a key of its own.",
        )
    return row.id


def _leased(row: OutboxRow, worker: str) -> Leased:
    return Leased(
        row.id,
        row.issuer,
        row.destination,
        row.kind,
        row.key,
        row.patient,
        row.subject,
        row.payload,
        row.digest,
        row.attempts,
        worker,
        row.fence,
    )


def _line(row: OutboxRow) -> DeliveryLine:
    return DeliveryLine(
        row.id,
        row.issuer,
        row.destination,
        row.kind,
        row.key,
        row.patient,
        row.subject,
        row.state,
        WORDS[row.state],
        row.reason,
        row.attempts,
        row.made_at,
        row.due_at,
        row.settled_at,
        row.digest,
        row.result or {},
    )
