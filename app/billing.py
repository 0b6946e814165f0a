"""Billing: claims are drafted from final notes, again and again, until a biller releases one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, decisions, individuals, judging, outbox
from app.actor import ADMINISTRATOR, BILLER, SUPERVISOR, Actor, not_here, require
from app.claim_drafts import CORRECTION, Drafted, draft, drafted, live_units
from app.columns import compact
from app.findings_kept import Reason, read_kept
from app.problems import MendInput, Stale
from app.tables import ClaimHoldRow, ClaimRow, ContactRow
from app.typed_text import sendable
from app.words import CLAIM_WORDS, HELD, READY, RELEASED, VOID
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
    the payer's number, both blank where none is; times aware."""

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

    @property
    def digest(self) -> str:
        """The SHA-256 of what a release would send: lines, units, diagnoses and the authorization."""
        named = f"{self.authorization}|{self.authorization_number}"
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
    first; `state` ready, held or released. For billers, supervisors and administrators (NotAllowed)."""
    require(actor, *READERS, to="see claims")
    claims = select(ClaimRow).where(ClaimRow.issuer == actor.issuer, ClaimRow.state != VOID)
    holds = select(ClaimHoldRow).where(ClaimHoldRow.issuer == actor.issuer)
    if actor.patient is not None:
        claims = claims.where(ClaimRow.patient == actor.patient)
        holds = holds.where(ClaimHoldRow.patient == actor.patient)
    names = individuals.names(session, actor.issuer)
    views = [_view(session, row, names) for row in session.scalars(claims)]
    views += [_hold_view(row, names) for row in session.scalars(holds)]
    wanted = [view for view in views if state is None or view.state == state]
    return sorted(wanted, key=lambda view: (view.day or date.max, view.reference), reverse=True)


def view(session: Session, actor: Actor, reference: str) -> ClaimView:
    """One claim by its control number, or one held contact by its id. Raises NotAllowed, NotFound."""
    for each in listing(session, actor):
        if each.reference == reference:
            return each
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
    _send(session, actor, row, claim, library, now)
    _keep(session, actor, row, claim, anew, library, now)
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


def _claim(session: Session, actor: Actor, control_number: str) -> ClaimRow:
    require(actor, BILLER, to="release or hold claims")
    row = session.get(ClaimRow, (actor.issuer, control_number))
    if row is None or row.state == VOID or (actor.patient is not None and row.patient != actor.patient):
        raise not_here("claim")
    if row.state == RELEASED:
        raise Stale("This claim has been released already.", "Look at the list of claims again.")
    return row


def _send(
    session: Session, actor: Actor, row: ClaimRow, claim: ClaimDraft, library: Library, now: datetime
) -> None:
    around = judging.around(session, row.issuer, row.patient).surroundings()
    links = individuals.chart_links(session, row.issuer, row.patient, None)
    payload = judging.payload("claim", lambda: claim_bundle(claim, around, links, library, now))
    row.state, row.released_at, row.released_by = RELEASED, now, actor.staff_id
    session.flush()
    key = f"claim/{row.control_number}"
    outbox.add(
        session,
        row.issuer,
        outbox.CLAIMS,
        outbox.CLAIM,
        key,
        row.patient,
        row.control_number,
        payload,
        now,
    )
    audit.did(
        session,
        actor,
        "claim released",
        now,
        subject=row.control_number,
        patient=row.patient,
        units=row.units,
        day=row.day.isoformat(),
    )


def _keep(
    session: Session,
    actor: Actor,
    row: ClaimRow,
    claim: ClaimDraft,
    anew: Drafted,
    library: Library,
    now: datetime,
) -> None:
    """What the rules said of each contact when the claim was released."""
    for contact_id in dict.fromkeys(id for line in claim.lines for id, _, _ in line.contacts):
        contact, judgement = anew.contacts[contact_id], anew.judged[contact_id]
        decided = decisions.of_contact(contact, row.patient, anew.around, library, now)
        decisions.keep_decision(
            session,
            row.issuer,
            actor.staff_id,
            decisions.RELEASED,
            decided,
            judgement,
            library,
            now,
            row.control_number,
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
    )


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
    "CORRECTION",
    "ClaimPart",
    "ClaimView",
    "Release",
    "draft",
    "hold",
    "listing",
    "redraft_all",
    "release",
    "unhold",
    "view",
]
