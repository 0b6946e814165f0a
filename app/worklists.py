"""Worklists: what waits for one person across all the charts of an EHR."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import individuals
from app.actor import Actor, not_here
from app.judging import current_version
from app.tables import ContactRow, VersionRow
from app.words import CONTACT_WORDS, DRAFT, RECALLED, RETURNED

OPEN_STATES = (DRAFT, RETURNED, RECALLED)


@dataclass(frozen=True)
class OpenNote:
    """One note that its author has to go on with; `saved_at` aware."""

    contact: str
    version: int
    patient: str
    person: str
    state: str
    word: str
    start: datetime | None
    saved_at: datetime


def own_notes(session: Session, actor: Actor) -> tuple[OpenNote, ...]:
    """The actor's own drafts and notes that came back, of every person of this EHR, the oldest first. An
    empty draft that was never saved is none."""
    rows = session.execute(
        select(ContactRow, VersionRow)
        .join(VersionRow, current_version())
        .where(
            ContactRow.issuer == actor.issuer,
            ContactRow.author == actor.staff_id,
            VersionRow.state.in_(OPEN_STATES),
        )
        .order_by(VersionRow.saved_at, ContactRow.id)
    ).all()
    names = individuals.names(session, actor.issuer)
    return tuple(
        OpenNote(
            row.id,
            version.version,
            row.patient,
            names.get(row.patient, row.patient),
            version.state,
            CONTACT_WORDS[version.state],
            version.start,
            version.saved_at,
        )
        for row, version in rows
        if version.edit > 0 or version.version > 1
    )


def person_of_own_note(session: Session, actor: Actor, contact_id: str) -> str:
    """The EHR's id of the person whom the actor's own open note is about; raises NotFound."""
    for note in own_notes(session, actor):
        if note.contact == contact_id:
            return note.patient
    raise not_here("note")
