"""Signing: the peer signs exactly what was shown, an LPHA co-signs where the rules ask for it, once each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import (
    audit,
    billing,
    charting,
    decisions,
    engagement,
    history,
    judging,
    outbox,
    reviews,
    second_step,
    staff,
)
from app.actor import LPHA, Actor, person_of, require
from app.cosign_queue import QueueItem, open_from_queue, queue
from app.findings_kept import keep, left_wording
from app.judging import CONTACT, Around
from app.keyring import Keyring
from app.problems import Held, MendInput, NotAllowed, Stale
from app.second_step import Act
from app.showing import Review, Shown, SignatureView, shown, text_of
from app.staff import StaffMember
from app.tables import ContactRow, SignatureRow, VersionRow
from app.typed_text import sendable, unsendable_words
from app.words import AWAITING, CONTACT_WORDS, COSIGNED, DRAFT, FINAL, RETURNED, SUPERSEDED
from mappings.fhir.bundle import contact_bundle
from mappings.findings import Finding, Judgement
from mappings.library import Library
from mappings.records import Contact, Credential, Signature
from mappings.seal import Seal, SecondStep, seal, statement_of, text_digest

AUTHOR, COSIGNER = "author", "cosigner"


@dataclass(frozen=True)
class Signed:
    """What a signature led to: `state` awaiting-cosignature or final."""

    contact: str
    version: int
    state: str

    @property
    def final(self) -> bool:
        """Whether it was the last signature the rules ask for."""
        return self.state == FINAL


def sign(
    session: Session,
    actor: Actor,
    contact_id: str,
    digest: str,
    library: Library,
    keyring: Keyring,
    now: datetime,
) -> Signed:
    """The author signs the draft whose text has this digest: text, findings and record are frozen and sealed,
    then it is final or waits for its co-signature. Raises NotAllowed, NotFound, Stale when the text is not
    the one that was shown (any more), Held with the findings that block signing, and StepNeeded where nothing
    but the programme's second step is missing."""
    row, version = charting.own(session, actor, contact_id)
    if version.state != DRAFT:
        raise Stale(f"This note is {CONTACT_WORDS[version.state]} already.", "Look at it again.")
    record = charting.as_it_stands(session, row, version)
    around = judging.around(session, row.issuer, row.patient, record)
    judgement = around.judged(record, library, now)
    text = text_of(record, judgement, around, library)
    _same_text(digest, text_digest(text))
    _reads_as_it_stands(text)
    _may_sign(judgement)
    engagement.begin(session, actor, record, library, now)
    signature = Signature(meaning=AUTHOR, by=actor.staff_id, at=now, version=version.version)
    signed = record.model_copy(update={"signatures": (signature,)})
    waits = _cosignature_asked(signed, around, library, now)
    judged = around.judged(signed, library, now)
    step = second_step.take(session, actor, _act(row, version, AUTHOR, digest), now)
    _freeze(session, version, record, text, judged, library, now)
    session.flush()
    _seal(session, actor, row, version, record, signature, step, keyring)
    _keep(session, actor, row, version, decisions.SIGNED, signed, judged, around, library, now)
    audit.did(
        session, actor, "note signed", now, subject=row.id, version=version.version, sha256=version.digest
    )
    if waits:
        reviews.open_review(session, row, version.version, now)
    else:
        _finish(session, actor, row, version, library, now)
    return Signed(row.id, version.version, version.state)


def cosign(
    session: Session,
    actor: Actor,
    contact_id: str,
    digest: str,
    library: Library,
    keyring: Keyring,
    now: datetime,
) -> Signed:
    """An LPHA of the registry, licensed today, co-signs the frozen text with this digest; never one's own
    note. The rules are asked with the co-signature as it would stand. Raises NotAllowed, NotFound, Stale,
    Held with the findings that such a signature would not satisfy, and StepNeeded as `sign` does."""
    row, version = _reviewable(session, actor, contact_id)
    _same_text(digest, version.digest or "")
    record = judging.as_judged(session, row.issuer, [version])[0]
    around = judging.around(session, row.issuer, row.patient, record)
    licence = _licence(session, actor, record, around, library, now)
    signature = Signature(
        meaning=COSIGNER,
        by=actor.staff_id,
        category=licence.code,
        licence_from=licence.from_,
        licence_to=licence.to,
        at=now,
        version=version.version,
    )
    would_be = record.model_copy(update={"signatures": (*record.signatures, signature)})
    judgement = around.judged(would_be, library, now)
    _stands(judgement)
    _may_sign(judgement)
    step = second_step.take(session, actor, _act(row, version, COSIGNER, digest), now)
    _seal(session, actor, row, version, record, signature, step, keyring)
    _keep(session, actor, row, version, decisions.COSIGNED, would_be, judgement, around, library, now)
    reviews.close(session, version, COSIGNED, actor.staff_id, now)
    audit.did(
        session, actor, "note co-signed", now, subject=row.id, version=version.version, sha256=version.digest
    )
    _finish(session, actor, row, version, library, now)
    return Signed(row.id, version.version, version.state)


def send_back(session: Session, actor: Actor, contact_id: str, comment: str, now: datetime) -> None:
    """An LPHA sends a note back to its author with a comment; this version can never be co-signed any more.
    Raises NotAllowed, NotFound, Stale, and MendInput for a blank comment."""
    _, version = _reviewable(session, actor, contact_id)
    said = sendable(comment, "comment")
    if not said:
        raise MendInput(
            "The comment is blank.", "Say what the author should change.", {"comment": "say what to change"}
        )
    reviews.close(session, version, RETURNED, actor.staff_id, now, said)
    version.state = RETURNED
    session.flush()
    audit.did(session, actor, "note sent back", now, subject=contact_id, version=version.version)


def recall(session: Session, actor: Actor, contact_id: str, now: datetime) -> None:
    """The author takes a note back before anybody co-signed it; the next step is to amend it. Raises
    NotAllowed, NotFound, Stale."""
    _, version = charting.own(session, actor, contact_id)
    if version.state != AWAITING:
        raise Stale("This note waits for no co-signature.", "Look at it again.")
    reviews.withdraw(session, actor, version, now)


def _act(row: ContactRow, version: VersionRow, meaning: str, digest: str) -> Act:
    return Act(CONTACT, row.id, version.version, meaning, digest)


def _same_text(given: str, stands: str) -> None:
    if given != stands:
        raise Stale(
            "The note is not the one you were shown: it, or what the rules make of it, changed meanwhile.",
            "Read it again, then sign.",
        )


def _reads_as_it_stands(text: str) -> None:
    """Raises MendInput for a draft of before such signs were refused at the door."""
    words = unsendable_words(text)
    if words:
        said = f"The note cannot be signed: {words}. Open it and type that part again."
        raise MendInput(said, "Open the note and type that part again.", {"confirm": said})


def _may_sign(judgement: Judgement) -> None:
    holding = judgement.holding("signing")
    if judgement.signing != "ready":
        raise Held("The rules hold this note.", "Mend what the findings name.", holding)


def _signature_findings(judgement: Judgement) -> tuple[Finding, ...]:
    """The blocking findings that stand beside the signatures."""
    return tuple(
        finding
        for finding in judgement.findings
        if finding.blocks and any(path.startswith("signatures") for path in finding.fields)
    )


def _cosignature_asked(signed: Contact, around: Around, library: Library, now: datetime) -> bool:
    """Whether the rules ask for another signature once the author's stands. It is asked by trying: what a
    co-signature beyond reproach would still leave open is a fault of the author's own (raises Held)."""
    day = judging.today(around, now)
    beyond_reproach = Signature(
        meaning=COSIGNER,
        by="a co-signer",
        category=next(iter(_categories(signed, around, library)), None),
        licence_from=day,
        licence_to=day,
        at=now,
        version=signed.version,
    )
    both = signed.model_copy(update={"signatures": (*signed.signatures, beyond_reproach)})
    _stands(around.judged(both, library, now))
    return bool(_signature_findings(around.judged(signed, library, now)))


def _stands(judgement: Judgement) -> None:
    findings = _signature_findings(judgement)
    if findings:
        raise Held("This signature would not stand.", "See what the rules say of it.", findings)


def _categories(contact: Contact, around: Around, library: Library) -> tuple[str, ...]:
    day = around.surroundings().day_of(contact)
    value = None if day is None else library.parameter("lpha.categories", day, contact.jurisdiction)
    return () if value is None else tuple(str(each) for each in value.value)


def _licence(
    session: Session, actor: Actor, record: Contact, around: Around, library: Library, now: datetime
) -> Credential:
    """The credential by which this person is an LPHA today. Raises NotAllowed."""
    member = _registered(session, actor)
    accepted, today = _categories(record, around, library), judging.today(around, now)
    fitting = [each for each in member.record.credentials if each.code in accepted]
    for credential in fitting:
        if _in_force(credential, today):
            return credential
    if fitting:
        raise NotAllowed(
            f"Your licence is not in force on {today}.", "Have it renewed in the staff registry."
        )
    raise NotAllowed(
        "The registry holds no licence of yours by which you may co-sign.",
        "Ask who keeps the staff registry.",
    )


def _registered(session: Session, actor: Actor) -> StaffMember:
    member = staff.find(session, actor.issuer, actor.staff_id)
    if member is None or not member.active or LPHA not in member.roles:
        raise NotAllowed("The staff registry does not name you as an LPHA.", "Ask who keeps the registry.")
    return member


def _in_force(credential: Credential, day: date) -> bool:
    begun = credential.from_ is None or credential.from_ <= day
    return begun and (credential.to is None or day <= credential.to)


def _reviewable(session: Session, actor: Actor, contact_id: str) -> tuple[ContactRow, VersionRow]:
    require(actor, LPHA, to="co-sign notes")
    person_of(actor)
    _registered(session, actor)
    row, version = charting.visible(session, actor, contact_id)
    if row.author == actor.staff_id:
        raise NotAllowed("Nobody co-signs a note of their own.", "Leave it to another LPHA.")
    if version.state != AWAITING:
        raise Stale("This note waits for no co-signature any more.", "Look at the queue again.")
    return row, version


def _freeze(
    session: Session,
    version: VersionRow,
    record: Contact,
    text: str,
    judgement: Judgement,
    library: Library,
    now: datetime,
) -> None:
    kept = keep(session, judgement.shown, library, now, left_wording(version))
    version.record, version.text, version.digest = record, text, text_digest(text)
    version.findings, version.library = kept, library.digest
    version.state, version.frozen_at, version.units = AWAITING, now, judgement.units


def _keep(
    session: Session,
    actor: Actor,
    row: ContactRow,
    version: VersionRow,
    occasion: str,
    contact: Contact,
    judgement: Judgement,
    around: Around,
    library: Library,
    now: datetime,
) -> None:
    decided = decisions.of_contact(contact, row.patient, around, library, now)
    decisions.keep_decision(
        session,
        version.issuer,
        actor.staff_id,
        occasion,
        decided,
        judgement,
        library,
        now,
        left=left_wording(version),
    )


def _seal(
    session: Session,
    actor: Actor,
    row: ContactRow,
    version: VersionRow,
    record: Contact,
    signature: Signature,
    step: SecondStep | None,
    keyring: Keyring,
) -> None:
    """Seal the frozen text for this signer; a later signature names the seal of the one before it."""
    earlier = judging.seals_of(session, row.issuer, CONTACT, row.id, version.version)
    key = keyring.seal_key(session, row.issuer)
    said = statement_of(record, signature, version.text or "", earlier[-1].jws if earlier else None, step)
    session.add(
        SignatureRow(
            issuer=row.issuer,
            kind=CONTACT,
            subject=row.id,
            version=version.version,
            meaning=signature.meaning or "",
            by=actor.staff_id,
            name=actor.name,
            category=signature.category,
            licence_from=signature.licence_from,
            licence_to=signature.licence_to,
            at=signature.at,
            digest=version.digest or "",
            statement=said,
            jws=seal(said, key),
            kid=str(key["kid"]),
            launch=audit.launch_digest(actor.launch_id),
            second_step=step.method if step else None,
            second_step_at=step.at if step else None,
        )
    )
    session.flush()


def _finish(
    session: Session, actor: Actor, row: ContactRow, version: VersionRow, library: Library, now: datetime
) -> None:
    """The last signature stands: the version is final, replaces an earlier final one, and goes to the chart
    and to billing, all in this transaction."""
    for earlier in _final_versions(session, row):
        earlier.state = SUPERSEDED
    session.flush()
    version.state = FINAL
    session.flush()
    record = judging.as_judged(session, row.issuer, [version])[0]
    around = judging.around(session, row.issuer, row.patient, record)
    judgement = around.judged(record, library, now)
    seals = judging.seals_of(session, row.issuer, CONTACT, row.id, version.version)
    payload = _payload(session, row, version, record, judgement, around, seals, library, now)
    key = charting.note_key(row.id, version.version)
    outbox.add(session, row.issuer, outbox.CHART, outbox.NOTE, key, row.patient, row.id, payload, now)
    audit.did(session, actor, "note final", now, subject=row.id, version=version.version)
    billing.draft(session, row.issuer, row.patient, library, now)


def _payload(
    session: Session,
    row: ContactRow,
    version: VersionRow,
    record: Contact,
    judgement: Judgement,
    around: Around,
    seals: tuple[Seal, ...],
    library: Library,
    now: datetime,
) -> bytes:
    links = history.chart_links(session, row.issuer, row.patient, row.encounter)
    return judging.payload(
        "note",
        lambda: contact_bundle(
            record, judgement, around.surroundings(), seals, links, library, now, text=version.text
        ),
    )


def _final_versions(session: Session, row: ContactRow) -> list[VersionRow]:
    return list(
        session.scalars(
            select(VersionRow).where(
                VersionRow.issuer == row.issuer, VersionRow.contact == row.id, VersionRow.state == FINAL
            )
        )
    )


__all__ = [
    "QueueItem",
    "Review",
    "Shown",
    "SignatureView",
    "Signed",
    "cosign",
    "open_from_queue",
    "queue",
    "recall",
    "send_back",
    "shown",
    "sign",
]
