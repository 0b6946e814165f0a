"""Charting: a contact is begun, saved as often as wanted, amended after a signature, or dropped unsigned."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app import audit, billing, duties, history, individuals, judging, outbox, reviews, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, person_of, require
from app.findings_kept import LEFT
from app.problems import NotAllowed, Stale
from app.registry import jurisdiction_of
from app.store import rows
from app.tables import ContactRow, VersionRow
from app.tables.base import Table
from app.words import (
    AWAITING,
    CONTACT_WORDS,
    DISCARDED,
    DRAFT,
    FINAL,
    IN_ERROR,
    RECALLED,
    RETURNED,
    SUPERSEDED,
)
from mappings.findings import Judgement
from mappings.library import Library
from mappings.records import Contact, EhrLinks, Note, ProgramFields, Relation, StaffFields

READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
# What nobody is shown any more: dropped unsigned, or written in the chart of the wrong person.
GONE = (DISCARDED, IN_ERROR)


@dataclass(frozen=True)
class Draft:
    """One version as its author works on it. `edit` counts its savings; `comment` is the reviewer's where the
    version before was returned; `judgement` is None until the rules were asked; `typed` is what was typed
    into fields, by their names, and does not make a record yet."""

    contact: Contact
    state: str
    edit: int
    judgement: Judgement | None = None
    comment: str | None = None
    typed: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ContactLine:
    """One contact in the list of a person. `word` says where it stands ("draft", "awaiting co-signature",
    "returned", "signed", "in the chart", ...); `delivery` is the state of its delivery, None before there is
    one; `units` those of a signed version; times aware."""

    id: str
    version: int
    state: str
    word: str
    author: str
    author_name: str
    mine: bool
    start: datetime | None
    end: datetime | None
    service_type: str | None
    basis: str | None
    units: int | None
    edit: int
    saved_at: datetime
    comment: str | None
    delivery: str | None


def new_contact_id() -> str:
    """An id that has never been used before."""
    return f"C-{uuid.uuid4()}"


def start(session: Session, actor: Actor, now: datetime, new_id: Callable[[], str] = new_contact_id) -> Draft:
    """Begin a contact with this launch's person and visit. One that was begun and never saved is given again
    instead of a second empty one. Raises NotAllowed, and NotFound where the chart was never read."""
    require(actor, PEER, to="write a contact")
    patient = person_of(actor)
    untouched = _untouched(session, actor, patient)
    if untouched is not None:
        row, version = own(session, actor, untouched)
        return Draft(as_it_stands(session, row, version), DRAFT, version.edit, typed=version.typed or {})
    contact_id = new_id()
    row = ContactRow(
        issuer=actor.issuer,
        id=contact_id,
        patient=patient,
        author=actor.staff_id,
        encounter=actor.encounter,
        current=1,
        begun_at=now,
    )
    blank = Contact(
        kind="contact",
        id=contact_id,
        jurisdiction=jurisdiction_of(session, actor.issuer),
        status="finished",
        individual=individuals.find(session, actor.issuer, patient).record,
    )
    record = _as_decided(session, row, 1, blank, None)
    session.add(row)
    session.flush()
    _add_version(session, row, record, now)
    audit.did(session, actor, "contact begun", now, subject=contact_id, version=1)
    return Draft(record, DRAFT, 0)


def save_draft(
    session: Session,
    actor: Actor,
    contact: Contact,
    edit: int,
    library: Library,
    now: datetime,
    typed: Mapping[str, list[str]] | None = None,
) -> Draft:
    """Save what the author wrote, over the saving number `edit`, and ask the rules. Who, for whom, where and
    which version is decided here and not by the input; `typed` is kept beside the record for the author's
    next opening of the form. Saving the same again changes nothing. Raises
    NotAllowed, NotFound, and Stale when another window saved meanwhile or the version is signed."""
    row, version = own(session, actor, contact.id)
    if version.state != DRAFT:
        raise _no_draft(version)
    if version.edit != edit:
        raise Stale(
            "This draft was saved in another window meanwhile.", "Load what was saved there, or save again."
        )
    record = _as_decided(session, row, version.version, contact, version.record)
    if _same(record, version.record) and (typed or {}) == (version.typed or {}):
        return _draft(session, version, _judged(session, row, version.record, library, now))
    record = _edited_at(record, now)
    judgement = _judged(session, row, record, library, now)
    version.record, version.edit, version.saved_at = record, edit + 1, now
    version.start, version.end, version.typed = record.start, record.end, dict(typed) if typed else None
    session.flush()
    audit.did(session, actor, "draft saved", now, subject=row.id, version=version.version, edit=version.edit)
    duties.follow(session, actor, row, record, version.version, now)
    return _draft(session, version, judgement)


def read(session: Session, actor: Actor, contact_id: str) -> Draft:
    """The current version of a contact of this launch's person. Raises NotFound for another person's, and
    for a draft of somebody else."""
    _, version = visible(session, actor, contact_id)
    return _draft(session, version, None)


def goal_as_saved(session: Session, actor: Actor, contact_id: str) -> str | None:
    """The goal of the engagement as it was when one's own draft was last saved. Raises as `read` does."""
    _, version = own(session, actor, contact_id)
    return version.record.engagement.goal if version.record.engagement else None


def of_person(session: Session, actor: Actor) -> list[ContactLine]:
    """The contacts of this launch's person, latest first: all that were signed, and one's own drafts. While
    an author changes a signed one, others are shown the version that is signed."""
    require(actor, *READERS, to="read contacts")
    patient = person_of(actor)
    found = rows(session, _OF_PERSON, whose=actor.issuer, who=patient).all()
    if not found:
        return []
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    sent = outbox.states(session, actor.issuer, outbox.CHART, patient)
    comments = reviews.comments(session, actor.issuer, patient)
    # Each of them is the contact and the version that counts in one.
    seen = [(row, _as_seen(session, actor, row, row)) for row in found]
    return [_line(actor, names, sent, comments, row, version) for row, version in seen if version]


_CONTACTS = Table.metadata.tables[ContactRow.__tablename__]
_VERSIONS = Table.metadata.tables[VersionRow.__tablename__]
_OF_PERSON = (
    select(
        *(_CONTACTS.c[name] for name in ("issuer", "id", "author")),
        *(_VERSIONS.c[name] for name in ("version", "state", "record", "units", "edit", "saved_at")),
    )
    .join(_VERSIONS, judging.current_version())
    .where(
        _CONTACTS.c.issuer == bindparam("whose"),
        _CONTACTS.c.patient == bindparam("who"),
        *(_VERSIONS.c.state != gone for gone in GONE),
    )
    .order_by(func.coalesce(_VERSIONS.c.start, _VERSIONS.c.saved_at).desc(), _CONTACTS.c.id)
)


def amend(session: Session, actor: Actor, contact_id: str, library: Library, now: datetime) -> Draft:
    """Open a new version of one's own signed contact, with the same text. Signatures do not carry over and
    stay on the old version; an open review is withdrawn, a claim that was not released is drafted without
    the contact. Raises NotAllowed, NotFound, and Stale where a draft is open already."""
    row, version = own(session, actor, contact_id)
    if version.state not in (AWAITING, RETURNED, RECALLED, FINAL):
        raise _no_amendment(version)
    if version.state == AWAITING:
        reviews.withdraw(session, actor, version, now)
    number = _last_number(session, row) + 1
    record = _as_decided(session, row, number, version.record, version.record)
    record = record.model_copy(update={"relates_to": _relation(session, row) or record.relates_to})
    row.current = number
    fresh = _add_version(session, row, _edited_at(record, now), now)
    # What the author leaves as it is in this note stays left in its next version.
    fresh.typed = {name: each for name, each in (version.typed or {}).items() if name == LEFT} or None
    session.flush()
    audit.did(session, actor, "contact amended", now, subject=contact_id, version=number)
    billing.draft(session, actor.issuer, row.patient, library, now)
    return _draft(session, fresh, None)


def discard(session: Session, actor: Actor, contact_id: str, library: Library, now: datetime) -> None:
    """Drop one's own draft. A contact that was signed before keeps its signed version. Raises NotAllowed,
    NotFound, and Stale for a version that is signed."""
    row, version = own(session, actor, contact_id)
    if version.state != DRAFT:
        raise _no_draft(version)
    version.state = DISCARDED
    before = _signed_before(session, row)
    if before is not None:
        row.current = before
    session.flush()
    audit.did(session, actor, "draft discarded", now, subject=contact_id, version=version.version)
    left = None if before is None else version_of(session, row, before).record
    duties.follow(session, actor, row, left, before or version.version, now)
    billing.draft(session, actor.issuer, row.patient, library, now)


def judge(session: Session, actor: Actor, contact: Contact, library: Library, now: datetime) -> Judgement:
    """What the rules say of one's own draft as it is being written (nothing is saved), among the person's
    and the peer's other contacts, the plan, the staff and the units already released. Raises NotFound."""
    row, version = own(session, actor, contact.id)
    record = _as_decided(session, row, version.version, contact, version.record)
    return _judged(session, row, record, library, now)


def visible(session: Session, actor: Actor, contact_id: str) -> tuple[ContactRow, VersionRow]:
    """The contact and its current version, for whoever may read it: this launch's person, and no draft but
    one's own; of a signed contact that its author is changing, the signed version. Raises NotAllowed,
    NotFound."""
    require(actor, *READERS, to="read contacts")
    row = session.get(ContactRow, (actor.issuer, contact_id))
    if row is None or row.patient != person_of(actor):
        raise not_here("contact")
    version = _as_seen(session, actor, row, version_of(session, row, row.current))
    if version is None or version.state in GONE:
        raise not_here("contact")
    return row, version


def version_of(session: Session, row: ContactRow, number: int) -> VersionRow:
    """One version of a contact; raises NotFound."""
    version = session.get(VersionRow, (row.issuer, row.id, number))
    if version is None:
        raise not_here("version")
    return version


def own(session: Session, actor: Actor, contact_id: str) -> tuple[ContactRow, VersionRow]:
    """The actor's own contact and its current version. Raises NotFound for others' drafts and persons, and
    NotAllowed for others' signed notes."""
    require(actor, PEER, to="write a contact")
    row, version = visible(session, actor, contact_id)
    if row.author != actor.staff_id:
        raise NotAllowed("This note was written by somebody else.", "Only its author can change or sign it.")
    return row, version


def as_it_stands(session: Session, row: ContactRow, version: VersionRow) -> Contact:
    """A version as the rules and a signer see it now: a draft with today's facts of person and programme, a
    signed one as it was signed, with its signatures; either with the engagement's history as known."""
    if version.frozen_at is None:
        return _as_decided(session, row, version.version, version.record, version.record)
    return judging.as_judged(session, row.issuer, [version])[0]


def _judged(session: Session, row: ContactRow, record: Contact, library: Library, now: datetime) -> Judgement:
    return judging.around(session, row.issuer, row.patient, record).judged(record, library, now)


def _as_seen(session: Session, actor: Actor, row: ContactRow, version: VersionRow) -> VersionRow | None:
    """The version that this reader is shown; None where all there is is somebody else's draft."""
    if version.state != DRAFT or row.author == actor.staff_id:
        return version
    signed = _signed_before(session, row)
    return None if signed is None else version_of(session, row, signed)


def _untouched(session: Session, actor: Actor, patient: str) -> str | None:
    return session.scalars(
        select(ContactRow.id)
        .join(VersionRow, judging.current_version())
        .where(
            ContactRow.issuer == actor.issuer,
            ContactRow.patient == patient,
            ContactRow.author == actor.staff_id,
            ContactRow.encounter.is_not_distinct_from(actor.encounter),
            VersionRow.state == DRAFT,
            VersionRow.version == 1,
            VersionRow.edit == 0,
        )
    ).first()


def _add_version(session: Session, row: ContactRow, record: Contact, now: datetime) -> VersionRow:
    version = VersionRow(
        issuer=row.issuer,
        contact=row.id,
        version=record.version,
        state=DRAFT,
        edit=0,
        record=record,
        start=record.start,
        end=record.end,
        findings=[],
        saved_at=now,
    )
    session.add(version)
    session.flush()
    return version


def _as_decided(
    session: Session, row: ContactRow, number: int, given: Contact, before: Contact | None
) -> Contact:
    """What the author wrote, with all that is not the author's to say as it stands here."""
    person = individuals.find(session, row.issuer, row.patient)
    program = staff.program_of(session, row.issuer)
    return given.model_copy(
        update={
            "id": row.id,
            "version": number,
            "jurisdiction": jurisdiction_of(session, row.issuer),
            "individual": person.record,
            # EHRs hold problems that nobody is named for. They are no reason to keep a peer from signing;
            # a claim asks for a diagnosis that a clinician recorded, and says so where there is none.
            "diagnoses": tuple(each for each in person.diagnoses if each.by),
            "engagement": history.with_beginning(session, row.issuer, row.patient, given),
            "program": None if program is None else ProgramFields(id=program.id),
            "peer": StaffFields(id=row.author),
            "ehr": EhrLinks(encounter=row.encounter),
            "signatures": (),
            "claim": None,
            "authorization": None,
            "relates_to": before.relates_to if before else None,
        }
    )


def _same(one: Contact, other: Contact) -> bool:
    return _edited_at(one, None) == _edited_at(other, None)


def _edited_at(record: Contact, at: datetime | None) -> Contact:
    # The author does not say when the note was edited: a signature older than the last edit is void.
    note = record.note or (Note() if at is not None else None)
    if note is None:
        return record
    return record.model_copy(update={"note": note.model_copy(update={"edited_at": at})})


def _draft(session: Session, version: VersionRow, judgement: Judgement | None) -> Draft:
    row = session.get_one(ContactRow, (version.issuer, version.contact))
    record = as_it_stands(session, row, version)
    comment = reviews.last_comment(session, version.issuer, version.contact)
    return Draft(record, version.state, version.edit, judgement, comment, version.typed or {})


def _relation(session: Session, row: ContactRow) -> Relation | None:
    """A version after one that went into the chart replaces it there; the series carries the contact's id."""
    sent = session.scalars(
        select(VersionRow.version).where(
            VersionRow.issuer == row.issuer,
            VersionRow.contact == row.id,
            VersionRow.state.in_((FINAL, SUPERSEDED)),
        )
    ).first()
    return None if sent is None else Relation(id=row.id, how="replaces")


def _last_number(session: Session, row: ContactRow) -> int:
    query = select(func.max(VersionRow.version)).where(
        VersionRow.issuer == row.issuer, VersionRow.contact == row.id
    )
    return int(session.scalars(query).one())


def _signed_before(session: Session, row: ContactRow) -> int | None:
    query = select(func.max(VersionRow.version)).where(
        VersionRow.issuer == row.issuer,
        VersionRow.contact == row.id,
        VersionRow.state.not_in((DRAFT, DISCARDED)),
    )
    return session.scalars(query).one_or_none()


def _line(
    actor: Actor,
    names: Mapping[str, str],
    sent: Mapping[str, str],
    comments: Mapping[str, str],
    row: ContactRow,
    version: VersionRow,
) -> ContactLine:
    record, service = version.record, version.record.service
    delivery = sent.get(note_key(row.id, version.version))
    word = CONTACT_WORDS[version.state]
    return ContactLine(
        id=row.id,
        version=version.version,
        state=version.state,
        word=outbox.WORDS[delivery] if delivery and version.state == FINAL else word,
        author=row.author,
        author_name=names.get(row.author, row.author),
        mine=row.author == actor.staff_id,
        start=record.start,
        end=record.end,
        service_type=service.type if service else None,
        basis=service.basis if service else None,
        units=version.units,
        edit=version.edit,
        saved_at=version.saved_at,
        comment=comments.get(row.id) if version.state in (RETURNED, DRAFT) else None,
        delivery=delivery,
    )


def note_key(contact_id: str, version: int | str) -> str:
    """The outbox key of one version of a note; with a blank version what the keys of all begin with."""
    return f"note/{contact_id}/{version}"


def _no_draft(version: VersionRow) -> Stale:
    word = CONTACT_WORDS[version.state]
    return Stale(
        f"Version {version.version} is {word} and cannot be changed.", "Amend it: that opens a new version."
    )


def _no_amendment(version: VersionRow) -> Stale:
    word = CONTACT_WORDS[version.state]
    return Stale(f"Version {version.version} is a {word}.", "Go on writing it; it needs no amendment.")
