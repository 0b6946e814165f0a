"""The copy of a signed note for readers: the frozen text, and who signed it, in which meaning, when."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import charting, judging
from app.actor import Actor
from app.judging import CONTACT
from app.problems import NotFound
from app.tables import ContactRow, SignatureRow, VersionRow
from mappings.note_copy import NoteCopy, Signatory


@dataclass(frozen=True)
class Found:
    """A copy and the version that it is of."""

    copy: NoteCopy
    version: int


def copy_for(session: Session, actor: Actor, contact: str, version: int | None) -> Found:
    """The copy of one signed version, else of the current one, for whoever may read the note. Raises
    NotAllowed, NotFound."""
    row, current = charting.visible(session, actor, contact)
    number = current.version if version is None else version
    return Found(copy_of(session, row.issuer, row.id, number), number)


def copy_of(session: Session, issuer: str, contact: str, version: int) -> NoteCopy:
    """The copy of one signed version, its times in the programme's zone; nobody's right to read it is asked
    here. Raises NotFound where this version was never signed."""
    row, frozen = (
        session.get(ContactRow, (issuer, contact)),
        session.get(VersionRow, (issuer, contact, version)),
    )
    if row is None or frozen is None or frozen.text is None or frozen.frozen_at is None:
        raise NotFound("This version of the note was never signed.", "Choose a signed version.")
    zone = judging.around(session, issuer, row.patient).zone()
    signed = session.scalars(
        select(SignatureRow)
        .where(
            SignatureRow.issuer == issuer,
            SignatureRow.kind == CONTACT,
            SignatureRow.subject == contact,
            SignatureRow.version == version,
        )
        .order_by(SignatureRow.id)
    )
    return NoteCopy(
        frozen.text,
        tuple(Signatory(s.meaning, s.by, s.name, s.at.astimezone(zone), s.second_step) for s in signed),
    )
