"""The copy of a signed note for readers: the frozen text, and who signed it, in which meaning, when."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import charting, judging
from app.actor import Actor
from app.addenda import KIND as ADDENDUM
from app.addenda import signed_rows
from app.judging import CONTACT
from app.problems import NotFound
from app.tables import AddendumRow, ContactRow, SignatureRow, VersionRow
from mappings.note_copy import NoteCopy, Signatory


@dataclass(frozen=True)
class Found:
    """A copy and the version that it is of."""

    copy: NoteCopy
    version: int


def copy_for(session: Session, actor: Actor, contact: str, version: int | None) -> Found:
    """The copy of one signed version, else of the current one, with all that was added to the note, for
    whoever may read it. Raises NotAllowed, NotFound."""
    row, current = charting.visible(session, actor, contact)
    number = current.version if version is None else version
    copy = copy_of(session, row.issuer, row.id, number)
    added = signed_rows(session, row.issuer, row.id)
    addenda = tuple(copy_of(session, row.issuer, each.id, 1) for each in added)
    return Found(replace(copy, addenda=addenda), number)


def copy_of(session: Session, issuer: str, note: str, version: int) -> NoteCopy:
    """The copy of one signed version of a contact, or of an addendum (whose version is 1), by its id, its
    times in the programme's zone; nobody's right to read it is asked here. Raises NotFound where this version
    was never signed."""
    kind, patient, text = _signed(session, issuer, note, version)
    zone = judging.around(session, issuer, patient).zone()
    signed = session.scalars(
        select(SignatureRow)
        .where(
            SignatureRow.issuer == issuer,
            SignatureRow.kind == kind,
            SignatureRow.subject == note,
            SignatureRow.version == version,
        )
        .order_by(SignatureRow.id)
    )
    return NoteCopy(
        text,
        tuple(Signatory(s.meaning, s.by, s.name, s.at.astimezone(zone), s.second_step) for s in signed),
    )


def _signed(session: Session, issuer: str, note: str, version: int) -> tuple[str, str, str]:
    """Kind, patient and frozen text."""
    added = session.get(AddendumRow, (issuer, note))
    if added is not None and added.text is not None and version == 1:
        return ADDENDUM, added.patient, added.text
    row, frozen = (session.get(ContactRow, (issuer, note)), session.get(VersionRow, (issuer, note, version)))
    if row is None or frozen is None or frozen.text is None or frozen.frozen_at is None:
        raise NotFound("This version of the note was never signed.", "Choose a signed version.")
    return CONTACT, row.patient, frozen.text
