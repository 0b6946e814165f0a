"""Authorizations as they stand, and what claims took from each, for whoever judges or shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, bindparam, func, select, tuple_
from sqlalchemy.orm import Session

from app.store import rows
from app.tables import AuthorizationRow, ClaimRow, ClaimUnitRow
from app.tables.base import Table
from mappings.authorizing import Grant
from mappings.records import AuthorizationFields

PENDING, APPROVED, DENIED, RETURNED, WITHDRAWN = "pending", "approved", "denied", "returned", "withdrawn"
ANSWERS = (PENDING, APPROVED, DENIED, RETURNED, WITHDRAWN)


@dataclass(frozen=True)
class Taken:
    """The units that claims took from one authorization: of released ones, with the first and the last day
    of service among them, and of drafts that nobody has released yet."""

    released: int = 0
    drafted: int = 0
    first: date | None = None
    last: date | None = None


def current(session: Session, issuer: str, patient: str | None = None) -> list[AuthorizationRow]:
    """The version that counts of each authorization, of one person or (None) of all, by first day and id; to
    be read alone, by its columns."""
    query, asked = (_CURRENT, {}) if patient is None else (_CURRENT_OF_PERSON, {"who": patient})
    found = rows(session, query, whose=issuer, **asked).all()
    return sorted(found, key=lambda row: (row.first_day or date.max, row.id))


_ROWS = Table.metadata.tables[AuthorizationRow.__tablename__]
_LATEST = (
    select(_ROWS.c.id, func.max(_ROWS.c.version))
    .where(_ROWS.c.issuer == bindparam("whose"))
    .group_by(_ROWS.c.id)
)
_CURRENT = (
    select(_ROWS)
    .where(_ROWS.c.issuer == bindparam("whose"), tuple_(_ROWS.c.id, _ROWS.c.version).in_(_LATEST))
    .order_by(_ROWS.c.id)
)
_CURRENT_OF_PERSON = _CURRENT.where(_ROWS.c.patient == bindparam("who"))


def grants(session: Session, issuer: str, patient: str) -> tuple[Grant, ...]:
    """What payers granted to a person, for the rules: approved ones alone, each with its units used elsewhere
    (those of released claims are counted beside it)."""
    approved = [row for row in current(session, issuer, patient) if row.answer == APPROVED]
    return tuple(grant_of(row, approved) for row in approved)


def grant_of(row: AuthorizationRow, approved: Sequence[AuthorizationRow]) -> Grant:
    """One row as contacts carry it. All but the first for a service went through a review (R086)."""
    return Grant(
        AuthorizationFields.model_validate(
            {
                "id": row.id,
                "service": row.service,
                "member": row.member,
                "number": row.number,
                "units": row.units,
                "used": row.elsewhere,
                "from": row.first_day,
                "to": last_day(row),
                "requested_by": row.requested_by,
                "requester_role": row.requester_role,
                "member_approved": row.member_approved,
                "review": row.answer if _is_further(row, approved) else None,
            }
        ),
        row.extends,
    )


def last_day(row: AuthorizationRow) -> date | None:
    """The last day as written down, or the day on which the office ended it; None for an open one."""
    days = [day for day in (row.last_day, row.ended_on) if day is not None]
    return min(days) if days else None


def taken(session: Session, issuer: str, patient: str | None = None) -> dict[str, Taken]:
    """What claims took from each authorization, of one person or (None) of all, however long ago."""
    released = ClaimRow.released_at.is_not(None)
    same = and_(
        ClaimRow.issuer == ClaimUnitRow.issuer, ClaimRow.control_number == ClaimUnitRow.control_number
    )
    query = (
        select(
            ClaimUnitRow.authorization,
            released,
            func.sum(ClaimUnitRow.units),
            func.min(ClaimUnitRow.day),
            func.max(ClaimUnitRow.day),
        )
        .join(ClaimRow, same)
        .where(ClaimUnitRow.issuer == issuer, ClaimUnitRow.live, ClaimUnitRow.authorization.is_not(None))
        .group_by(ClaimUnitRow.authorization, released)
    )
    if patient is not None:
        query = query.where(ClaimUnitRow.patient == patient)
    found: dict[str, Taken] = {}
    for named, gone, units, first, last in session.execute(query):
        id = str(named)
        known = found.get(id, Taken())
        found[id] = (
            Taken(units, known.drafted, first, last)
            if gone
            else Taken(known.released, units, known.first, known.last)
        )
    return found


def _is_further(row: AuthorizationRow, approved: Sequence[AuthorizationRow]) -> bool:
    before = (
        each.first_day is not None and row.first_day is not None and each.first_day < row.first_day
        for each in approved
        if each.id != row.id and each.service == row.service
    )
    return row.extends is not None or any(before)
