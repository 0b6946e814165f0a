"""Billing: claims are drafted from final notes, again and again, until a biller releases one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, claim_content, claim_status, consents, decisions, individuals, judging, outbox
from app.actor import ADMINISTRATOR, BILLER, SUPERVISOR, Actor, not_here, require
from app.claim_drafts import Drafted, draft, drafted
from app.claim_lineage import CANCEL_IT, CORRECT, live_units, replace_prior
from app.claim_status import Answer
from app.columns import compact
from app.findings_kept import Reason, left_wording, read_kept
from app.problems import Held, MendInput, Stale
from app.tables import (
    ChargeExportRow,
    ClaimHoldRow,
    ClaimRow,
    ContactRow,
    OutboxRow,
    VersionRow,
    X12ExportRow,
)
from app.typed_text import sendable
from app.words import CLAIM_WORDS, HELD, READY, RELEASED, VOID
from mappings.claim_forms import CANCEL, sole_biller
from mappings.claims import ClaimDraft
from mappings.fhir.claim import claim_bundle
from mappings.library import Library

READERS = (BILLER, SUPERVISOR, ADMINISTRATOR)


@dataclass(frozen=True)
class ClaimPart:
    """The units of one signed version in a claim."""

    contact: str
    version: int
    units: int


@dataclass(frozen=True)
class ClaimView:
    """One claim, or one held contact (then `control_number` is empty and `contacts` holds it alone).

    `reason` and `what_to_do` are words for people, `findings` the rules that hold it; `delivery` is the word
    for where the released claim stands; `authorization` is the id of the one its units are taken from, with
    the payer's number, both blank where none is; times aware. `frequency` is 1, 7 or 8, `prior` the claim it
    replaces or voids, `replaced_by` the claim (or draft) that does so to it, `answers` what the payer said,
    `batch` the charge file it went into or, where `to_payer`, the X12 file, `asked` what a biller asked to be
    done to it, `waits` why a released claim goes into no file now."""

    control_number: str
    state: str
    word: str
    patient: str
    individual: str
    day: date | None
    rate_code: str
    units: int
    contacts: tuple[ClaimPart, ...]
    lines: tuple[Mapping[str, Any], ...]
    diagnoses: tuple[str, ...]
    reason: str
    what_to_do: str
    findings: tuple[Reason, ...]
    released_at: datetime | None
    released_by: str | None
    delivery: str | None
    authorization: str = ""
    authorization_number: str = ""
    form: str = ""
    frequency: str = "1"
    prior: str | None = None
    replaced_by: str | None = None
    answers: tuple[Answer, ...] = ()
    batch: str | None = None
    to_payer: bool = False
    asked: str | None = None
    waits: str = ""

    @property
    def standing(self) -> str:
        """Where it stands: the state, or for a released claim what its payer last decided."""
        last = claim_status.standing(self.answers)
        return last.status if last is not None and self.state == RELEASED else self.state

    @property
    def payer_says(self) -> str:
        """The reason of the answer by which it stands, where that was anything but well."""
        last = claim_status.standing(self.answers)
        told = last is not None and last.status not in ("accepted", "paid") and self.state == RELEASED
        return last.reason if last is not None and told else ""

    @property
    def voids(self) -> bool:
        """Whether it takes another claim back."""
        return self.frequency == CANCEL

    @property
    def digest(self) -> str:
        """The SHA-256 of what a release would send: lines, units, diagnoses and the authorization."""
        named = f"{self.authorization}|{self.authorization_number}"
        if self.prior:
            named += f"|{self.frequency}|{self.prior}"
        return _digest(self.lines, self.diagnoses, self.units, named)

    @property
    def reference(self) -> str:
        """What an address calls it: the control number, or the contact's id for a held contact."""
        return self.control_number or self.contacts[0].contact


@dataclass(frozen=True)
class Release:
    """What came of a release: `released`, or why not and what to do (then nothing has left)."""

    released: bool
    claim: ClaimView
    reason: str = ""
    what_to_do: str = ""


def redraft_all(session: Session, actor: Actor, library: Library, now: datetime) -> None:
    """Draft every person's claims anew, since time, staff and coverage change what the rules say. For
    billers (NotAllowed)."""
    require(actor, *READERS, to="see claims")
    query = select(ContactRow.patient).where(ContactRow.issuer == actor.issuer).distinct()
    for patient in session.scalars(query).all():
        draft(session, actor.issuer, patient, library, now)


def listing(session: Session, actor: Actor, state: str | None = None) -> list[ClaimView]:
    """The claims of the issuer, or of the launch's person, and the final contacts that are held, latest day
    first; `state` ready, held, released, corrected, voided or what a payer answered. For billers,
    supervisors and administrators (NotAllowed)."""
    require(actor, *READERS, to="see claims")
    claims = select(ClaimRow).where(ClaimRow.issuer == actor.issuer, ClaimRow.state != VOID)
    holds = select(ClaimHoldRow).where(ClaimHoldRow.issuer == actor.issuer)
    if actor.patient is not None:
        claims = claims.where(ClaimRow.patient == actor.patient)
        holds = holds.where(ClaimHoldRow.patient == actor.patient)
    names = individuals.names(session, actor.issuer)
    views = [_view(session, row, names) for row in session.scalars(claims)]
    views += [_hold_view(row, names) for row in session.scalars(holds)]
    wanted = [view for view in views if state is None or state in (view.state, view.standing)]
    return sorted(wanted, key=lambda view: (view.day or date.max, view.reference), reverse=True)


def view(session: Session, actor: Actor, reference: str, now: datetime | None = None) -> ClaimView:
    """One claim by its control number, or one held contact by its id; with a time it says whether it waits
    for a consent. Raises NotAllowed, NotFound."""
    for each in listing(session, actor):
        if each.reference == reference:
            return each if now is None else replace(each, waits=_waits(session, actor.issuer, each, now))
    raise not_here("claim")


def release(
    session: Session,
    actor: Actor,
    control_number: str,
    library: Library,
    now: datetime,
    seen: str | None = None,
) -> Release:
    """Release a claim as it was shown (`seen` is the `digest` of what was, None for the claim as it stands):
    the rules are asked once more, and only an unchanged claim leaves, by the outbox, in this transaction. A
    claim that changed meanwhile is drafted anew and not released. Raises NotAllowed, NotFound, Stale for one
    that is released already, and Held where it cannot be written."""
    row = _claim(session, actor, control_number)
    shown = _content(row)
    anew = drafted(session, actor.issuer, row.patient, library, now)
    fresh = {each.control_number: each for each in anew.claims}
    session.refresh(row)
    names = individuals.names(session, actor.issuer)
    claim = fresh.get(control_number)
    if claim is None or row.state != READY:
        reason = row.reason or "The rules hold it now."
        return Release(False, _view(session, row, names), reason, "See the findings on its contacts.")
    if _content(row) != shown or seen not in (None, _view(session, row, names).digest):
        words = "The claim has changed since it was shown."
        return Release(False, _view(session, row, names), words, "Look at it and release it again.")
    try:
        consents.by_which(session, actor.issuer, row.patient, outbox.CLAIMS, now)
    except consents.ConsentMissing as missing:
        return Release(False, _view(session, row, names), missing.message, missing.what_to_do)
    _send(session, actor, row, claim, anew, library, now)
    _keep(session, actor, row, claim, anew, library, now)
    if claim.prior:
        # What moved out of the claim before it is free now, and what it left of the day's cap has changed.
        draft(session, actor.issuer, row.patient, library, now)
    return Release(True, _view(session, row, names))


def hold(session: Session, actor: Actor, control_number: str, reason: str, now: datetime) -> ClaimView:
    """Keep an unreleased claim back for a reason people can read. Raises NotAllowed, NotFound, Stale, and
    MendInput for a blank reason."""
    row = _claim(session, actor, control_number)
    said = sendable(reason, "reason")
    if not said:
        raise MendInput("The reason is blank.", "Say why the claim is held.", {"reason": "blank"})
    row.state, row.reason = HELD, said
    session.flush()
    audit.did(session, actor, "claim held", now, subject=control_number, patient=row.patient)
    return _view(session, row, individuals.names(session, actor.issuer))


def unhold(session: Session, actor: Actor, control_number: str, now: datetime) -> ClaimView:
    """Let a claim that somebody held go on. Raises NotAllowed, NotFound, Stale."""
    row = _claim(session, actor, control_number)
    if row.state != HELD:
        raise Stale("Nobody holds this claim.", "Look at the list of claims again.")
    row.state, row.reason = READY, None
    session.flush()
    audit.did(session, actor, "claim hold lifted", now, subject=control_number, patient=row.patient)
    return _view(session, row, individuals.names(session, actor.issuer))


def ask(
    session: Session,
    actor: Actor,
    control_number: str,
    how: str,
    reason: str,
    library: Library,
    now: datetime,
) -> ClaimView:
    """Ask for the correction (`how` correct) or the void (`how` void) of a released claim, for a reason
    people can read; answers the draft, which a biller releases like any other. Raises NotAllowed, NotFound,
    MendInput for a blank reason, Stale for a claim that does not stand, and Held while it has to wait."""
    require(actor, BILLER, to="correct or void claims")
    row = session.get(ClaimRow, (actor.issuer, control_number))
    if row is None or row.state == VOID or (actor.patient is not None and row.patient != actor.patient):
        raise not_here("claim")
    said = sendable(reason, "reason")
    if not said or how not in (CORRECT, CANCEL_IT):
        raise MendInput("The reason is blank.", "Say why the claim is changed.", {"reason": "blank"})
    if row.state != RELEASED or row.frequency == CANCEL:
        raise Stale("This claim does not stand with the payer.", "Look at the list of claims again.")
    row.asked, row.reason = how, said
    session.flush()
    anew = drafted(session, actor.issuer, row.patient, library, now)
    made = next((each for each in anew.claims if each.prior == control_number), None)
    if made is None:
        why = anew.corrections.waiting.get(control_number, "The claim cannot be corrected now.")
        raise Held(why, "Settle that, and ask again.")
    audit.did(session, actor, f"claim {how} asked", now, subject=control_number, patient=row.patient)
    return view(session, actor, made.control_number)


def _claim(session: Session, actor: Actor, control_number: str) -> ClaimRow:
    require(actor, BILLER, to="release or hold claims")
    row = session.get(ClaimRow, (actor.issuer, control_number))
    if row is None or row.state == VOID or (actor.patient is not None and row.patient != actor.patient):
        raise not_here("claim")
    if row.released_at is not None:
        raise Stale("This claim has been released already.", "Look at the list of claims again.")
    return row


def _send(
    session: Session,
    actor: Actor,
    row: ClaimRow,
    claim: ClaimDraft,
    anew: Drafted,
    library: Library,
    now: datetime,
) -> None:
    around = anew.around.surroundings()
    links = individuals.chart_links(session, row.issuer, row.patient, None)
    payload = judging.payload("claim", lambda: claim_bundle(claim, around, links, library, now))
    row.draft = claim_content.whole(claim)
    row.state, row.released_at, row.released_by = RELEASED, now, actor.staff_id
    session.flush()
    if claim.prior:
        replace_prior(session, row, claim)
    if not sole_biller(library, _jurisdiction(anew), claim.day):
        _hand_over(session, row, payload, now)
    told: dict[str, Any] = {"frequency": claim.frequency, "replaces": claim.prior} if claim.prior else {}
    audit.did(
        session,
        actor,
        "claim released",
        now,
        subject=row.control_number,
        patient=row.patient,
        units=row.units,
        day=row.day.isoformat(),
        **told,
    )


def _hand_over(session: Session, row: ClaimRow, payload: bytes, now: datetime) -> None:
    """The claim leaves by the outbox, and with it the word that the claim before it no longer counts."""
    where = (session, row.issuer, outbox.CLAIMS, outbox.CLAIM)
    outbox.add(*where, f"claim/{row.control_number}", row.patient, row.control_number, payload, now)
    sent = session.scalars(
        select(OutboxRow.payload).where(
            OutboxRow.issuer == row.issuer,
            OutboxRow.destination == outbox.CLAIMS,
            OutboxRow.key == f"claim/{row.prior}",
        )
    ).first()
    if sent is not None:
        key = f"claim/{row.prior}/cancelled"
        outbox.add(*where, key, row.patient, str(row.prior), _cancelled(sent), now)


def _cancelled(sent: bytes) -> bytes:
    bundle = json.loads(sent)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Claim":
            entry["resource"]["status"] = "cancelled"
    return judging.payload("claim", lambda: bundle)


def _jurisdiction(anew: Drafted) -> str:
    known = next(iter(anew.contacts.values()), None) or next(iter(anew.corrections.contacts.values()), None)
    return "" if known is None else known.jurisdiction


def _keep(
    session: Session,
    actor: Actor,
    row: ClaimRow,
    claim: ClaimDraft,
    anew: Drafted,
    library: Library,
    now: datetime,
) -> None:
    """What the rules said of each contact when the claim was released; a void bills nothing."""
    if claim.frequency == CANCEL:
        return
    for contact_id in dict.fromkeys(id for line in claim.lines for id, _, _ in line.contacts):
        contact, judgement = anew.said_of(claim, contact_id)
        decided = decisions.of_contact(contact, row.patient, anew.around, library, now)
        released = (contact_id, contact.version, row.control_number)
        decisions.keep_decision(
            session,
            row.issuer,
            actor.staff_id,
            decisions.release_occasion(session, row.issuer, *released),
            decided,
            judgement,
            library,
            now,
            row.control_number,
            left_wording(session.get_one(VersionRow, (row.issuer, contact_id, contact.version))),
        )


def _digest(
    lines: Sequence[Mapping[str, Any]], diagnoses: Sequence[str], units: int, authorization: str
) -> str:
    said = {
        "lines": list(lines),
        "diagnoses": list(diagnoses),
        "units": units,
        "authorization": authorization,
    }
    return hashlib.sha256(compact(said).encode()).hexdigest()


def _content(row: ClaimRow) -> tuple[Any, ...]:
    return (row.state, row.units, row.draft)


def _view(session: Session, row: ClaimRow, names: Mapping[str, str]) -> ClaimView:
    sent = outbox.of_key(session, row.issuer, outbox.CLAIMS, f"claim/{row.control_number}")
    batch = _batch(session, row)
    return ClaimView(
        control_number=row.control_number,
        state=row.state,
        word=CLAIM_WORDS[row.state],
        patient=row.patient,
        individual=names.get(row.patient, row.individual),
        day=row.day,
        rate_code=row.rate_code,
        units=row.units,
        contacts=tuple(ClaimPart(u.contact, u.version, u.units) for u in live_units(session, row)),
        lines=tuple(row.draft["lines"]),
        diagnoses=tuple(row.draft["diagnoses"]),
        reason=row.reason or "",
        what_to_do="Lift the hold when the reason is gone." if row.state == HELD else "",
        findings=(),
        released_at=row.released_at,
        released_by=row.released_by,
        delivery=None if sent is None else sent.word,
        authorization=(row.draft.get("authorization") or {}).get("id") or "",
        authorization_number=(row.draft.get("authorization") or {}).get("number") or "",
        form=row.draft.get("form") or "institutional",
        frequency=row.frequency,
        prior=row.prior,
        replaced_by=_successor(session, row),
        answers=claim_status.answers(session, row.issuer, row.control_number) if row.released_at else (),
        batch=None if batch is None else batch.batch,
        to_payer=isinstance(batch, X12ExportRow),
        asked=row.asked,
    )


def _waits(session: Session, issuer: str, claim: ClaimView, now: datetime) -> str:
    if claim.state != RELEASED or claim.batch is not None:
        return ""
    try:
        consents.by_which(session, issuer, claim.patient, outbox.CLAIMS, now)
    except consents.ConsentMissing as missing:
        return str(missing)
    return ""


def _successor(session: Session, row: ClaimRow) -> str | None:
    later = select(ClaimRow.control_number).where(
        ClaimRow.issuer == row.issuer, ClaimRow.prior == row.control_number, ClaimRow.state != VOID
    )
    return session.scalars(later).first()


def _batch(session: Session, row: ClaimRow) -> ChargeExportRow | X12ExportRow | None:
    key = (row.issuer, row.control_number)
    return session.get(ChargeExportRow, key) or session.get(X12ExportRow, key)


def _hold_view(row: ClaimHoldRow, names: Mapping[str, str]) -> ClaimView:
    return ClaimView(
        control_number="",
        state=HELD,
        word=CLAIM_WORDS[HELD],
        patient=row.patient,
        individual=names.get(row.patient, row.patient),
        day=row.day,
        rate_code="",
        units=0,
        contacts=(ClaimPart(row.contact, row.version, 0),),
        lines=(),
        diagnoses=(),
        reason=row.reason,
        what_to_do=row.what_to_do,
        findings=read_kept(row.findings),
        released_at=None,
        released_by=None,
        delivery=None,
    )


__all__ = [
    "ClaimPart",
    "ClaimView",
    "Release",
    "ask",
    "draft",
    "hold",
    "listing",
    "redraft_all",
    "release",
    "unhold",
    "view",
]
