"""Billing: claims are drafted from final notes, again and again, until a biller releases one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app import audit, individuals, judging, outbox
from app.actor import ADMINISTRATOR, BILLER, SUPERVISOR, Actor, not_here, require
from app.findings_kept import Reason, keep, read_kept
from app.problems import MendInput, Stale
from app.tables import ClaimHoldRow, ClaimRow, ClaimUnitRow, ContactRow, VersionRow
from app.words import CLAIM_WORDS, FINAL, HELD, READY, RELEASED, VOID
from mappings.claims import ClaimDraft, draft_claims
from mappings.fhir.claim import claim_bundle
from mappings.findings import Finding, Judgement
from mappings.library import Library
from mappings.records import Contact

CORRECTION = "released claim needs a correction"
READERS = (BILLER, SUPERVISOR, ADMINISTRATOR)
Why = tuple[str, str, tuple[Finding, ...]]
TOO_LATE: Why = (
    "A claim of the same day and rate code was released already.",
    "Replace that claim with the payer, so that it holds all units of the day.",
    (),
)
SAME_NUMBER: Why = (
    "Another chart of this EHR has a claim for the same record number and day.",
    "Have the two charts looked at: they may be one person.",
    (),
)


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
    for where the released claim stands; times aware."""

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


def draft(session: Session, issuer: str, patient: str, library: Library, now: datetime) -> list[ClaimDraft]:
    """Draft the person's claims anew from the final notes; released ones are never touched. A final contact
    that cannot be claimed is held with its findings. Answers the claims that may be released."""
    around = judging.around(session, issuer, patient)
    gone = _released_versions(session, issuer, patient)
    finals = _finals(session, issuer, patient, gone)
    judged = _judged(session, issuer, patient, around, finals, library, now)
    open_ = [contact for contact in finals if contact.id not in gone]
    drafts = draft_claims(open_, judged.values(), around.surroundings(), library)
    fresh, barred = _split(session, issuer, patient, drafts)
    _replace(session, issuer, patient, fresh, now)
    whys = {each.id: _why_held(each, judged[each.id], gone, barred) for each in finals}
    _hold_again(session, issuer, patient, finals, whys, around, now)
    return fresh


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


def release(session: Session, actor: Actor, control_number: str, library: Library, now: datetime) -> Release:
    """Release a claim as it was shown: the rules are asked once more, and only an unchanged claim leaves, by
    the outbox, in this transaction. A claim that changed meanwhile is drafted anew and not released. Raises
    NotAllowed, NotFound, Stale for one that is released already, and Held where it cannot be written."""
    row = _claim(session, actor, control_number)
    shown = _content(row)
    fresh = {each.control_number: each for each in draft(session, actor.issuer, row.patient, library, now)}
    session.refresh(row)
    names = individuals.names(session, actor.issuer)
    claim = fresh.get(control_number)
    if claim is None or row.state != READY:
        reason = row.reason or "The rules hold it now."
        return Release(False, _view(session, row, names), reason, "See the findings on its contacts.")
    if _content(row) != shown:
        words = "The claim has changed since it was shown."
        return Release(False, _view(session, row, names), words, "Look at it and release it again.")
    _send(session, actor, row, claim, library, now)
    return Release(True, _view(session, row, names))


def hold(session: Session, actor: Actor, control_number: str, reason: str, now: datetime) -> ClaimView:
    """Keep an unreleased claim back for a reason people can read. Raises NotAllowed, NotFound, Stale, and
    MendInput for a blank reason."""
    row = _claim(session, actor, control_number)
    if not reason.strip():
        raise MendInput("The reason is blank.", "Say why the claim is held.", {"reason": "blank"})
    row.state, row.reason = HELD, reason.strip()
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


def _finals(session: Session, issuer: str, patient: str, gone: Mapping[str, int]) -> list[Contact]:
    """The person's contacts that may still be billed or mended: their current version is final (none is,
    while an amendment is under way) and not the one in a released claim."""
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, judging.current_version())
        .where(
            ContactRow.issuer == issuer,
            ContactRow.patient == patient,
            VersionRow.state == FINAL,
            tuple_(VersionRow.contact, VersionRow.version).not_in(list(gone.items())),
        )
        .order_by(VersionRow.start, VersionRow.contact)
    )
    found = judging.as_judged(session, issuer, rows)
    person = individuals.find(session, issuer, patient)
    # Coverage is asked on the day of billing, not as it was known when the note was written.
    return [each.model_copy(update={"individual": person.record}) for each in found]


def _judged(
    session: Session,
    issuer: str,
    patient: str,
    around: judging.Around,
    finals: Sequence[Contact],
    library: Library,
    now: datetime,
) -> dict[str, Judgement]:
    """The judgement of every final contact in the sight of all signed ones beside it: the person's, and the
    peers' with others (nobody can be in two contacts at once)."""
    own = {each.id: each for each in finals}
    beside = {each.id: each for each in judging.signed_near(session, issuer, patient, finals)}
    judged = around.judged_together(list({**beside, **own}.values()), library, now)
    return {each.id: each for each in judged if each.id in own}


def _released_versions(session: Session, issuer: str, patient: str) -> dict[str, int]:
    """Contact -> version of the person's contacts that stand in a released claim."""
    rows = session.execute(
        select(ClaimUnitRow.contact, ClaimUnitRow.version)
        .join(ClaimRow, judging.claim_of_units())
        .where(
            ClaimUnitRow.issuer == issuer,
            ClaimUnitRow.patient == patient,
            ClaimUnitRow.live,
            ClaimRow.released_at.is_not(None),
        )
    )
    return dict(rows.all())


def _split(
    session: Session, issuer: str, patient: str, drafts: Sequence[ClaimDraft]
) -> tuple[list[ClaimDraft], dict[str, Why]]:
    """Drafts that may stand, and for the contacts of the others why not: their day and rate code went out in
    a released claim already, or another chart uses the same record number."""
    fresh: list[ClaimDraft] = []
    barred: dict[str, Why] = {}
    for each in drafts:
        row = session.get(ClaimRow, (issuer, each.control_number))
        if row is None or (row.patient == patient and row.released_at is None):
            fresh.append(each)
        else:
            why = TOO_LATE if row.patient == patient else SAME_NUMBER
            barred |= {contact: why for contact, _, _ in _parts(each)}
    return fresh, barred


def _replace(session: Session, issuer: str, patient: str, fresh: Sequence[ClaimDraft], now: datetime) -> None:
    wanted = {each.control_number: each for each in fresh}
    rows = session.scalars(
        select(ClaimRow).where(
            ClaimRow.issuer == issuer, ClaimRow.patient == patient, ClaimRow.released_at.is_(None)
        )
    ).all()
    known = {row.control_number: row for row in rows}
    for number, row in known.items():
        _free_units(session, row, _parts(wanted[number]) if number in wanted else ())
        if number not in wanted and row.state != VOID:
            row.state, row.units, row.drafted_at = VOID, 0, now
    session.flush()
    for number, each in wanted.items():
        _put(session, issuer, patient, known.get(number), each, now)


def _put(
    session: Session, issuer: str, patient: str, row: ClaimRow | None, claim: ClaimDraft, now: datetime
) -> None:
    content = _as_json(claim)
    if row is None:
        row = ClaimRow(issuer=issuer, control_number=claim.control_number, patient=patient, state=READY)
        row.individual, row.program = claim.individual.id, claim.program.id
        row.day, row.rate_code = claim.day, claim.rate_code
        row.draft, row.units, row.drafted_at = content, claim.units, now
        session.add(row)
    elif row.state == VOID:
        row.state = HELD if row.reason else READY
    if row.draft != content or row.units != claim.units:
        row.draft, row.units, row.drafted_at = content, claim.units, now
    session.flush()
    live = {(unit.contact, unit.version, unit.units) for unit in _live_units(session, row)}
    for contact, version, units in _parts(claim):
        if (contact, version, units) not in live:
            session.add(
                ClaimUnitRow(
                    issuer=issuer,
                    control_number=claim.control_number,
                    contact=contact,
                    version=version,
                    patient=patient,
                    program=claim.program.id,
                    day=claim.day,
                    units=units,
                    live=True,
                )
            )
    session.flush()


def _free_units(session: Session, row: ClaimRow, keep_: Sequence[tuple[str, int, int]]) -> None:
    for unit in _live_units(session, row):
        if (unit.contact, unit.version, unit.units) not in keep_:
            unit.live = False


def _live_units(session: Session, row: ClaimRow) -> Sequence[ClaimUnitRow]:
    return session.scalars(
        select(ClaimUnitRow)
        .where(
            ClaimUnitRow.issuer == row.issuer,
            ClaimUnitRow.control_number == row.control_number,
            ClaimUnitRow.live,
        )
        .order_by(ClaimUnitRow.id)
    ).all()


def _parts(claim: ClaimDraft) -> tuple[tuple[str, int, int], ...]:
    return tuple(part for line in claim.lines for part in line.contacts)


def _hold_again(
    session: Session,
    issuer: str,
    patient: str,
    finals: Sequence[Contact],
    whys: Mapping[str, Why | None],
    around: judging.Around,
    now: datetime,
) -> None:
    """Say of every final contact that is in no claim why not; what was held before is held since then."""
    known = session.scalars(
        select(ClaimHoldRow).where(ClaimHoldRow.issuer == issuer, ClaimHoldRow.patient == patient)
    ).all()
    since = {row.contact: row.since for row in known}
    for row in known:
        session.delete(row)
    session.flush()
    surroundings = around.surroundings()
    for contact in finals:
        why = whys[contact.id]
        if why is None:
            continue
        reason, what_to_do, findings = why
        held = ClaimHoldRow(issuer=issuer, contact=contact.id, version=contact.version, patient=patient)
        held.day, held.reason, held.what_to_do = surroundings.day_of(contact), reason, what_to_do
        held.findings, held.since = keep(findings), since.get(contact.id, now)
        session.add(held)
    session.flush()


def _why_held(
    contact: Contact, judgement: Judgement, gone: Mapping[str, int], barred: Mapping[str, Why]
) -> Why | None:
    if contact.id in gone:
        words = f"version {gone[contact.id]} is in it; version {contact.version} replaces that one."
        return f"{CORRECTION}: {words}", "Correct or void the claim with the payer.", ()
    if judgement.claim == "held":
        findings = judgement.holding("signing", "claim")
        first = findings[0]
        return first.message, first.fix, findings
    return barred.get(contact.id)


def _content(row: ClaimRow) -> tuple[Any, ...]:
    return (row.state, row.units, row.draft)


def _as_json(claim: ClaimDraft) -> dict[str, Any]:
    return {
        "lines": [
            {
                "code": line.code,
                "modifiers": list(line.modifiers),
                "units": line.units,
                "contacts": [list(part) for part in line.contacts],
                "rendering": list(line.rendering),
                "diagnoses": list(line.diagnoses),
            }
            for line in claim.lines
        ],
        "diagnoses": list(claim.diagnoses),
        "coverage": None if claim.coverage is None else claim.coverage.model_dump(mode="json", by_alias=True),
        "attending": claim.attending,
    }


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
        contacts=tuple(ClaimPart(u.contact, u.version, u.units) for u in _live_units(session, row)),
        lines=tuple(row.draft["lines"]),
        diagnoses=tuple(row.draft["diagnoses"]),
        reason=row.reason or "",
        what_to_do="Lift the hold when the reason is gone." if row.state == HELD else "",
        findings=(),
        released_at=row.released_at,
        released_by=row.released_by,
        delivery=None if sent is None else sent.word,
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
