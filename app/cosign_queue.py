"""The queue of notes that wait for a co-signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import assignments, audit, individuals, judging, staff
from app.actor import LPHA, Actor, not_here, require
from app.tables import ContactRow, ReviewRow, VersionRow
from app.words import OPEN


@dataclass(frozen=True)
class QueueItem:
    """One note that waits for a co-signature; times aware."""

    contact: str
    version: int
    patient: str
    encounter: str | None
    individual: str
    author: str
    author_name: str
    start: datetime | None
    service_type: str | None
    opened_at: datetime

    def age(self, now: datetime) -> timedelta:
        """How long it has been waiting."""
        return now - self.opened_at


def queue(session: Session, actor: Actor) -> list[QueueItem]:
    """The programme's notes that wait for a co-signature, longest waiting first, one's own left out. For
    LPHAs (NotAllowed); no launch for a person is needed."""
    require(actor, LPHA, to="co-sign notes")
    rows = session.execute(
        select(ReviewRow, ContactRow, VersionRow)
        .join(ContactRow, (ContactRow.issuer == ReviewRow.issuer) & (ContactRow.id == ReviewRow.contact))
        .join(VersionRow, judging.current_version())
        .where(
            ReviewRow.issuer == actor.issuer,
            ReviewRow.state == OPEN,
            ReviewRow.version == VersionRow.version,
            ReviewRow.author != actor.staff_id,
        )
        .order_by(ReviewRow.opened_at, ReviewRow.contact)
    ).all()
    people = individuals.names(session, actor.issuer)
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    return [_item(review, row, version, people, names) for review, row, version in rows]


def open_from_queue(session: Session, actor: Actor, contact_id: str, now: datetime) -> QueueItem:
    """The item whose person's record the actor opens from the queue, written to the trail; the door then
    opens a launch for that person. Raises NotAllowed for who is not assigned, and NotFound for what is not in
    the actor's queue."""
    item = item_of(session, actor, contact_id)
    assignments.require_assigned(session, actor, item.patient, now, review=True)
    audit.did(
        session,
        actor,
        "record opened from the queue",
        now,
        subject=contact_id,
        version=item.version,
        patient=item.patient,
    )
    return item


def item_of(session: Session, actor: Actor, contact_id: str) -> QueueItem:
    """One item of the actor's queue. Raises NotAllowed, NotFound."""
    for item in queue(session, actor):
        if item.contact == contact_id:
            return item
    raise not_here("note in your queue")


def _item(
    review: ReviewRow, row: ContactRow, version: VersionRow, people: dict[str, str], names: dict[str, str]
) -> QueueItem:
    service = version.record.service
    return QueueItem(
        contact=row.id,
        version=review.version,
        patient=row.patient,
        encounter=row.encounter,
        individual=people.get(row.patient, row.patient),
        author=row.author,
        author_name=names.get(row.author, row.author),
        start=version.record.start,
        service_type=service.type if service else None,
        opened_at=review.opened_at,
    )
