"""Addenda: what its author, or who co-signed it, adds to a final note without opening it again.

An addendum is a text of its own with its own signature. It is no contact: nothing of it is billed, it
overlaps nothing and counts toward no cap. The note, its units and its signatures stay as they are.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import audit, charting, history, judging, outbox, second_step, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, person_of, require
from app.keyring import Keyring
from app.problems import MendInput, NotAllowed, Stale
from app.second_step import Act
from app.showing import SignatureView
from app.tables import AddendumRow, ContactRow, SignatureRow, VersionRow
from app.typed_text import sendable
from app.words import DISCARDED, DRAFT, FINAL
from mappings.fhir.addendum import Addendum, addendum_bundle
from mappings.findings import Finding
from mappings.library import Library
from mappings.note_text import addendum_text
from mappings.records import Contact, Note, Signature
from mappings.seal import Seal, seal, statement_of, text_digest

KIND, AUTHOR = "addendum", "author"
SIGNED = "signed"
WRITERS = (PEER, LPHA)
READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)


@dataclass(frozen=True)
class Shown:
    """One addendum as it is signed, or was: the text and its SHA-256, the contact that it is added to, what
    its author typed (`said`), whether it is the reader's own, and its signature once there is one."""

    id: str
    contact: str
    version: int
    state: str
    author_name: str
    mine: bool
    said: str
    text: str
    digest: str
    signatures: tuple[SignatureView, ...]
    delivery: str | None


def new_addendum_id() -> str:
    """An id that has never been used before."""
    return f"A-{uuid.uuid4()}"


def of_note(session: Session, actor: Actor, contact_id: str) -> tuple[Shown, ...]:
    """The signed addenda of a contact in the order in which they were signed, for whoever may read it. Raises
    NotAllowed, NotFound."""
    row, _ = charting.visible(session, actor, contact_id)
    return tuple(_shown(session, actor, each) for each in signed_rows(session, row.issuer, row.id))


def signed_rows(session: Session, issuer: str, contact_id: str) -> list[AddendumRow]:
    """The signed addenda of a contact in the order in which they were signed."""
    return list(
        session.scalars(
            select(AddendumRow)
            .where(AddendumRow.issuer == issuer, AddendumRow.contact == contact_id)
            .where(AddendumRow.state == SIGNED)
            .order_by(AddendumRow.signed_at, AddendumRow.id)
        )
    )


def may_add(session: Session, actor: Actor, contact_id: str) -> bool:
    """Whether this person may add to this note now."""
    try:
        _addable(session, actor, contact_id)
    except (NotAllowed, Stale):
        return False
    return True


def begun(session: Session, actor: Actor, contact_id: str) -> str:
    """What this person typed of an addendum and did not sign yet, blank where there is nothing. Raises
    NotAllowed, NotFound, and Stale for a note that is not final."""
    row, _ = _addable(session, actor, contact_id)
    draft = _draft(session, actor, row.id)
    return "" if draft is None else draft.said


def write(
    session: Session,
    actor: Actor,
    contact_id: str,
    said: str,
    now: datetime,
    new_id: Callable[[], str] = new_addendum_id,
) -> str:
    """Keep the text of an addendum, to be read and signed; answers its id. One person has one open addendum
    to a note. Raises NotAllowed, NotFound, Stale, and MendInput for a blank text."""
    row, final = _addable(session, actor, contact_id)
    words = sendable(said, "said")
    if not words:
        raise MendInput("It is blank.", "Write it.", {"said": "Write what you add to the note"})
    draft = _draft(session, actor, row.id)
    if draft is None:
        draft = AddendumRow(
            issuer=row.issuer,
            id=new_id(),
            contact=row.id,
            patient=row.patient,
            author=actor.staff_id,
            state=DRAFT,
        )
        session.add(draft)
    draft.version, draft.said, draft.saved_at = final.version, words, now
    session.flush()
    audit.did(session, actor, "addendum written", now, subject=draft.id, contact=row.id)
    return draft.id


def shown(session: Session, actor: Actor, addendum_id: str) -> Shown:
    """One addendum of this launch's person, as it is signed. Raises NotAllowed, and NotFound for another
    person's, a draft of somebody else, and one to a note that stands in the wrong chart."""
    return _shown(session, actor, _visible(session, actor, addendum_id))


def advice(
    session: Session, actor: Actor, addendum_id: str, library: Library, now: datetime
) -> tuple[Finding, ...]:
    """What the language help says of an open addendum: wording, scope, copies, names of others. It never
    holds. Raises as `shown`."""
    row = _visible(session, actor, addendum_id)
    contact = _contact(session, row)
    service = contact.service.model_copy(update={"rationale": None}) if contact.service else None
    asked = contact.model_copy(update={"note": Note(response=row.said), "service": service})
    around = judging.around(session, row.issuer, row.patient, contact)
    return tuple(each for each in around.judged(asked, library, now).findings if each.words)


def sign(
    session: Session, actor: Actor, addendum_id: str, digest: str, keyring: Keyring, now: datetime
) -> None:
    """Sign the addendum whose text has this digest: it is frozen, sealed and goes to the chart. Raises
    NotAllowed, NotFound, Stale where the text or the note changed meanwhile, StepNeeded."""
    draft = _own_draft(session, actor, addendum_id)
    row, final = _addable(session, actor, draft.contact)
    text = _text(session, draft)
    if text_digest(text) != digest or final.version != draft.version:
        raise Stale("The addendum is not the one you were shown, or the note changed.", "Read it again.")
    step = second_step.take(session, actor, Act(KIND, draft.id, 1, AUTHOR, digest), now)
    draft.text, draft.digest, draft.state, draft.signed_at = text, digest, SIGNED, now
    session.flush()
    contact = _contact(session, draft)
    signature = Signature(meaning=AUTHOR, by=actor.staff_id, at=now, version=1)
    key = keyring.seal_key(session, draft.issuer)
    # The statement names the addendum itself, and its text names the note that it is added to.
    said = statement_of(
        contact.model_copy(update={"id": draft.id, "version": 1}), signature, text, None, step
    )
    sealed = Seal(AUTHOR, actor.staff_id, now, said, seal(said, key))
    session.add(
        SignatureRow(
            issuer=draft.issuer,
            kind=KIND,
            subject=draft.id,
            version=1,
            meaning=AUTHOR,
            by=actor.staff_id,
            name=actor.name,
            at=now,
            digest=digest,
            statement=said,
            jws=sealed.jws,
            kid=str(key["kid"]),
            launch=audit.launch_digest(actor.launch_id),
            second_step=step.method if step else None,
            second_step_at=step.at if step else None,
        )
    )
    session.flush()
    audit.did(session, actor, "addendum signed", now, subject=draft.id, contact=row.id, sha256=digest)
    _send(session, row, Addendum(draft.id, contact, text, sealed), now)


def discard(session: Session, actor: Actor, addendum_id: str, now: datetime) -> str:
    """Drop one's own addendum that is not signed; answers the contact's id. Raises NotAllowed, NotFound,
    Stale."""
    draft = _own_draft(session, actor, addendum_id)
    draft.state = DISCARDED
    session.flush()
    audit.did(session, actor, "addendum discarded", now, subject=draft.id, contact=draft.contact)
    return draft.contact


def _send(session: Session, row: ContactRow, added: Addendum, now: datetime) -> None:
    """It goes under the note's own subject: behind the note, and kept back with it."""
    around = judging.around(session, row.issuer, row.patient).surroundings()
    links = history.chart_links(session, row.issuer, row.patient, row.encounter)
    payload = judging.payload("addendum", lambda: addendum_bundle(added, around, links))
    key = charting.note_key(added.id, 1)
    outbox.add(session, row.issuer, outbox.CHART, outbox.NOTE, key, row.patient, row.id, payload, now)


def _addable(session: Session, actor: Actor, contact_id: str) -> tuple[ContactRow, VersionRow]:
    """The contact and its final version, for its author and who co-signed that version."""
    require(actor, *WRITERS, to="add to a signed note")
    row, _ = charting.visible(session, actor, contact_id)
    final = session.scalars(
        select(VersionRow).where(
            VersionRow.issuer == row.issuer, VersionRow.contact == row.id, VersionRow.state == FINAL
        )
    ).first()
    if final is None:
        raise Stale(
            "Only a final note is added to.", "Change the note itself, or wait for its last signature."
        )
    if row.author != actor.staff_id and not _signed_it(session, actor, final):
        raise NotAllowed(
            "This note was neither written nor co-signed by you.", "Ask its author to add to it."
        )
    return row, final


def _signed_it(session: Session, actor: Actor, final: VersionRow) -> bool:
    signed = exists().where(
        SignatureRow.issuer == final.issuer,
        SignatureRow.kind == judging.CONTACT,
        SignatureRow.subject == final.contact,
        SignatureRow.version == final.version,
        SignatureRow.by == actor.staff_id,
    )
    return bool(session.scalar(select(signed)))


def _draft(session: Session, actor: Actor, contact_id: str) -> AddendumRow | None:
    return session.scalars(
        select(AddendumRow).where(
            AddendumRow.issuer == actor.issuer,
            AddendumRow.contact == contact_id,
            AddendumRow.author == actor.staff_id,
            AddendumRow.state == DRAFT,
        )
    ).first()


def _visible(session: Session, actor: Actor, addendum_id: str) -> AddendumRow:
    require(actor, *READERS, to="read addenda")
    row = session.get(AddendumRow, (actor.issuer, addendum_id))
    if row is None or row.patient != person_of(actor) or row.state == DISCARDED:
        raise not_here("addendum")
    if row.state == DRAFT and row.author != actor.staff_id:
        raise not_here("addendum")
    charting.visible(session, actor, row.contact)
    return row


def _own_draft(session: Session, actor: Actor, addendum_id: str) -> AddendumRow:
    require(actor, *WRITERS, to="add to a signed note")
    row = _visible(session, actor, addendum_id)
    if row.author != actor.staff_id:
        raise NotAllowed("This addendum was written by somebody else.", "Write one of your own.")
    if row.state != DRAFT:
        raise Stale("This addendum is signed and stays as it is.", "Write another one.")
    return row


def _contact(session: Session, row: AddendumRow) -> Contact:
    version = session.get_one(VersionRow, (row.issuer, row.contact, row.version))
    return judging.as_judged(session, row.issuer, [version])[0]


def _text(session: Session, row: AddendumRow) -> str:
    around = judging.around(session, row.issuer, row.patient).surroundings()
    return addendum_text(row.id, _contact(session, row), row.said, row.author, around)


def _shown(session: Session, actor: Actor, row: AddendumRow) -> Shown:
    text = row.text if row.text is not None else _text(session, row)
    member = staff.find(session, row.issuer, row.author)
    sent = outbox.of_key(session, row.issuer, outbox.CHART, charting.note_key(row.id, 1))
    return Shown(
        id=row.id,
        contact=row.contact,
        version=row.version,
        state=row.state,
        author_name=row.author if member is None else member.name,
        mine=row.author == actor.staff_id,
        said=row.said,
        text=text,
        digest=text_digest(text),
        signatures=signatures_of(session, row),
        delivery=None if sent is None else sent.word,
    )


def signatures_of(session: Session, row: AddendumRow) -> tuple[SignatureView, ...]:
    """The signature on an addendum, none before it is signed."""
    rows = session.scalars(
        select(SignatureRow).where(
            SignatureRow.issuer == row.issuer, SignatureRow.kind == KIND, SignatureRow.subject == row.id
        )
    )
    return tuple(
        SignatureView(r.meaning, r.by, r.name, r.category, r.at, r.version, second_step.of_signature(r))
        for r in rows
    )
