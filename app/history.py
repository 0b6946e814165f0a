"""The history of a person's engagement as it is kept, for whoever judges or shows it."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.staff import program_of
from app.tables import EngagementGoalRow, EngagementRow
from mappings.engagement import UNDECIDED
from mappings.records import Contact, Engagement, EngagementEntry
from mappings.situation import zone_of


def of(session: Session, issuer: str, patient: str) -> Engagement:
    """The engagement of one person: the goal as last worded, and the whole history in order of recording."""
    goal = session.scalars(
        select(EngagementGoalRow)
        .where(EngagementGoalRow.issuer == issuer, EngagementGoalRow.patient == patient)
        .order_by(EngagementGoalRow.id.desc())
        .limit(1)
    ).first()
    rows = session.scalars(
        select(EngagementRow)
        .where(EngagementRow.issuer == issuer, EngagementRow.patient == patient)
        .order_by(EngagementRow.id)
    )
    return Engagement(
        goal=goal.goal if goal else None,
        goal_on=goal.on if goal else None,
        history=tuple(EngagementEntry(status=row.status, at=_read(row.at)) for row in rows),
    )


def begun_by(known: Engagement, contact: Contact, here: tzinfo) -> Engagement:
    """The engagement as the first contact begins it: of whom nothing is recorded yet is undecided from the
    day of that contact on (`here` is the programme's zone). Signing the contact records it."""
    if known.history or contact.start is None or contact.status != "finished":
        return known
    first = EngagementEntry(status=UNDECIDED, at=contact.start.astimezone(here).date())
    return known.model_copy(update={"history": (first,)})


def zone(session: Session, issuer: str) -> tzinfo:
    """The time zone of the programme of this EHR, UTC where it has none."""
    return zone_of(program_of(session, issuer), None)


def _read(at: str) -> date | datetime:
    return datetime.fromisoformat(at) if len(at) > 10 else date.fromisoformat(at)
