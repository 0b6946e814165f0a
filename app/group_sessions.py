"""Group sessions that several facilitators write of: who else was there, by the notes of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.tables import ContactRow, VersionRow
from app.words import DISCARDED, DRAFT, IN_ERROR
from mappings.records import Contact, Group, Individual

# No session is longer; it bounds how far back a note of the same session may begin.
LONGEST = timedelta(hours=12)
GONE = (DISCARDED, IN_ERROR)


def members(session: Session, issuer: str, contact: Contact) -> list[Contact]:
    """The members of the contact's group session of whom others wrote, drafts too, each as a contact that
    says no more than who, when and in which session.

    A peer is believed to have led a session that a saved note of theirs tells of: what was only typed leaves
    no trace, and to have a name pointed out tells that its bearer is served here.
    """
    stored = session.get(ContactRow, (issuer, contact.id))
    if stored is None or _name(contact) is None:
        return []
    saved = session.get_one(VersionRow, (issuer, contact.id, stored.current)).record
    if _name(saved) != _name(contact) or not _overlap(saved, contact):
        return []
    return _of(session, issuer, [contact], drafts=True)


def signed_members(session: Session, issuer: str, contacts: Iterable[Contact]) -> list[Contact]:
    """The same of several signed contacts, by the signed notes alone."""
    return _of(session, issuer, [each for each in contacts if _name(each) is not None], drafts=False)


def _of(session: Session, issuer: str, contacts: Sequence[Contact], drafts: bool) -> list[Contact]:
    spans = [
        VersionRow.start.between(each.start - LONGEST, each.end)
        for each in contacts
        if each.start is not None and each.end is not None
    ]
    if not spans:
        return []
    current = and_(
        VersionRow.issuer == ContactRow.issuer,
        VersionRow.contact == ContactRow.id,
        VersionRow.version == ContactRow.current,
    )
    gone = GONE if drafts else (*GONE, DRAFT)
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, current)
        .where(VersionRow.issuer == issuer, VersionRow.state.not_in(gone), or_(*spans))
        .order_by(VersionRow.start, VersionRow.contact)
    )
    asked = {each.id for each in contacts}
    found = [row.record for row in rows if row.contact not in asked]
    return [_no_more(one) for one in found if any(_together(one, each) for each in contacts)]


def _together(one: Contact, other: Contact) -> bool:
    # What others write of the same person is read elsewhere, once it is signed.
    another = one.individual.id != other.individual.id
    return another and _name(one) == _name(other) and _overlap(one, other)


def _overlap(one: Contact, other: Contact) -> bool:
    if one.start is None or one.end is None or other.start is None or other.end is None:
        return False
    return one.start < other.end and other.start < one.end


def _name(contact: Contact) -> str | None:
    return contact.group.session if contact.group is not None else None


def _no_more(other: Contact) -> Contact:
    """Of somebody else's note what the rules ask of a session: nothing of its text or its service."""
    return Contact(
        kind="contact",
        id=other.id,
        version=other.version,
        jurisdiction=other.jurisdiction,
        status=other.status,
        program=other.program,
        individual=Individual(id=other.individual.id, name=other.individual.name),
        start=other.start,
        end=other.end,
        group=Group(session=_name(other)),
    )
