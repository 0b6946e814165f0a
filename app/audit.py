"""The audit trail: who did what to which record and when; only ever added, each line chained to the last.

It never holds the text of a note, nor a token: ids, versions, words of state and digests only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.orm import Session

from app.actor import Actor
from app.columns import compact
from app.store import rows
from app.tables import AuditRow
from app.tables.base import Table
from mappings.audit_trace import Trace

BEGINNING = "0" * 64


@dataclass(frozen=True)
class AuditLine:
    """One line of the trail as people read it; `at` in UTC."""

    seq: int
    at: datetime
    actor: str
    action: str
    patient: str | None
    subject: str | None
    version: int | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Broken:
    """A place where the chain does not hold: the line's number and what is wrong with it."""

    seq: int
    issuer: str
    problem: str


def did(
    session: Session,
    actor: Actor,
    action: str,
    now: datetime,
    *,
    subject: str | None = None,
    version: int | None = None,
    patient: str | None = None,
    **detail: Any,
) -> None:
    """Write down in this transaction that `actor` did `action` to `subject`; `detail` is plain JSON data.
    The individual is that of the launch unless given."""
    write(
        session,
        actor.issuer,
        action,
        now,
        actor=actor.staff_id,
        launch=actor.launch_id,
        patient=patient or actor.patient,
        subject=subject,
        version=version,
        **detail,
    )


def write(
    session: Session,
    issuer: str,
    action: str,
    now: datetime,
    *,
    actor: str = "",
    launch: str | None = None,
    patient: str | None = None,
    subject: str | None = None,
    version: int | None = None,
    **detail: Any,
) -> None:
    """Write one line for what nobody of the staff did (a refused launch, a delivery) or for one named by
    id. `issuer` is "" where none is known. The launch's id is kept as a digest, since it opens a door."""
    line: dict[str, Any] = {
        "issuer": issuer,
        "actor": actor,
        "launch": None if launch is None else launch_digest(launch),
        "action": action,
        "patient": patient,
        "subject": subject,
        "version": version,
        "detail": detail,
        "previous": rows(session, _LAST, whose=issuer).scalar() or BEGINNING,
    }
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    rows(session, _ADD, **line, at=now, hash=_digest(line | {"at": at}))


def launch_digest(launch_id: str) -> str:
    """How a launch is named in the trail: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(launch_id.encode()).hexdigest()[:16]


def verify(session: Session) -> tuple[Broken, ...]:
    """Every place where the trail does not hold: a changed, missing, foreign or misplaced line. A cut at the
    end, or a trail written anew from some line on, shows only against `heads` kept elsewhere (`unlike`)."""
    last: dict[str, str] = {}
    broken: list[Broken] = []
    number = 0
    for row in session.execute(_ALL, execution_options={"yield_per": 1000}).mappings():
        number += 1
        if row["seq"] != number:
            broken.append(Broken(row["seq"], row["issuer"], f"lines are missing before it, from {number} on"))
            number = row["seq"]
        if row["previous"] != last.get(row["issuer"], BEGINNING):
            broken.append(Broken(row["seq"], row["issuer"], "the line before it is missing or was changed"))
        if row["hash"] != _hash_as_kept(row):
            broken.append(Broken(row["seq"], row["issuer"], "the line itself was changed"))
        last[row["issuer"]] = row["hash"]
    return tuple(broken)


def heads(session: Session) -> dict[str, tuple[int, str]]:
    """The last line's number and hash for each issuer, to be kept in another place."""
    rows = session.execute(select(AuditRow.issuer, AuditRow.seq, AuditRow.hash).order_by(AuditRow.seq))
    return {issuer: (seq, digest) for issuer, seq, digest in rows}


def unlike(session: Session, kept: Mapping[str, tuple[int, str]]) -> tuple[Broken, ...]:
    """Where the trail of now is not the one that went on from `heads` kept before: lines cut off at its end,
    or written anew."""
    found = []
    for issuer, (seq, digest) in kept.items():
        row = session.get(AuditRow, seq)
        if row is None or (row.issuer, row.hash) != (issuer, digest):
            found.append(Broken(seq, issuer, "this line was the last one then, and is not there as it was"))
    return tuple(found)


def of_subject(session: Session, issuer: str, subject: str) -> tuple[AuditLine, ...]:
    """The lines about one record, oldest first."""
    rows = session.scalars(
        select(AuditRow).where(AuditRow.issuer == issuer, AuditRow.subject == subject).order_by(AuditRow.seq)
    )
    return tuple(
        AuditLine(r.seq, r.at, r.actor, r.action, r.patient, r.subject, r.version, r.detail) for r in rows
    )


def traces(session: Session, issuer: str, patient: str | None = None) -> Iterator[Trace]:
    """The lines of an issuer, or of one person there, oldest first, to be written as AuditEvents."""
    query = select(AuditRow).where(AuditRow.issuer == issuer).order_by(AuditRow.seq)
    if patient is not None:
        query = query.where(AuditRow.patient == patient)
    yield from map(_trace, session.scalars(query.execution_options(yield_per=1000)))


def traces_after(session: Session, issuer: str, number: int, most: int) -> list[Trace]:
    """The lines of an issuer after one of this number, oldest first, at most `most`."""
    query = select(AuditRow).where(AuditRow.issuer == issuer, AuditRow.seq > number)
    return [_trace(row) for row in session.scalars(query.order_by(AuditRow.seq).limit(most))]


def last_number(session: Session, issuer: str) -> int:
    """The number of the last line of an issuer, 0 where there is none."""
    return session.scalar(select(func.max(AuditRow.seq)).where(AuditRow.issuer == issuer)) or 0


def _trace(row: AuditRow) -> Trace:
    about = (row.patient, row.subject, row.version)
    return Trace(row.seq, row.at, row.actor, row.action, *about, row.detail, row.hash)


# As it is kept and not as records, so that no change can make a line unreadable to this check.
_ALL = text(
    "SELECT seq, issuer, at, actor, launch, action, patient, subject, version, detail, previous, hash "
    "FROM audit ORDER BY seq"
)


_LAST = (
    select(AuditRow.hash).where(AuditRow.issuer == bindparam("whose")).order_by(AuditRow.seq.desc()).limit(1)
)
_ADD = insert(Table.metadata.tables[AuditRow.__tablename__]).inline()


def _hash_as_kept(row: Mapping[Any, Any]) -> str | None:
    try:
        detail = json.loads(row["detail"], parse_float=Decimal)
        return _digest({name: row[name] for name in _HASHED} | {"at": row["at"], "detail": detail})
    except (ValueError, TypeError, RecursionError):
        return None


_HASHED = ("issuer", "actor", "launch", "action", "patient", "subject", "version", "detail", "previous")


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(compact(said).encode()).hexdigest()
