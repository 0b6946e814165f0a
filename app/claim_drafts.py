"""Claims are drafted anew from final notes whenever something changes; released ones are never touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app import claim_content, individuals, judging
from app.claim_lineage import (
    CANCEL_IT,
    Corrections,
    Head,
    corrected,
    heads,
    live_units,
    number_of,
    unit_of,
)
from app.findings_kept import keep
from app.tables import ClaimHoldRow, ClaimRow, ClaimUnitRow, ContactRow, VersionRow
from app.words import FINAL, HELD, READY, VOID, VOIDED
from mappings.claim_forms import unready
from mappings.claims import ClaimDraft, draft_claims, filed_elsewhere, stem
from mappings.findings import Finding, Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import Contact

Why = tuple[str, str, tuple[Finding, ...]]
IN_CHANGE: Why = (
    "The note is being changed by its author.",
    "Wait until the new version is signed, or ask the author to discard it.",
    (),
)
SAME_NUMBER: Why = (
    "Another chart of this EHR has a claim for the same record number and day.",
    "Have the two charts looked at: they may be one person.",
    (),
)


@dataclass(frozen=True)
class Drafted:
    """What a drafting came to: the claims that may be released, corrections among them, the final contacts
    and the judgement of each, by id; `corrections` has them as they are judged in what they replace."""

    claims: tuple[ClaimDraft, ...]
    contacts: Mapping[str, Contact]
    judged: Mapping[str, Judgement]
    around: judging.Around
    corrections: Corrections

    def said_of(self, claim: ClaimDraft, contact: str) -> tuple[Contact, Judgement]:
        """A contact of a claim and what the rules say of it there."""
        of = self.corrections if claim.prior else self
        return of.contacts[contact], of.judged[contact]


def draft(session: Session, issuer: str, patient: str, library: Library, now: datetime) -> list[ClaimDraft]:
    """Draft the person's claims anew as `drafted` does. Answers the claims that may be released."""
    return list(drafted(session, issuer, patient, library, now).claims)


def drafted(session: Session, issuer: str, patient: str, library: Library, now: datetime) -> Drafted:
    """Draft the person's claims anew from the final notes; a released one is never touched, what changed of
    it is drafted as its correction or void. A final contact that cannot be claimed is held with findings."""
    around = judging.around(session, issuer, patient)
    gone = _released_versions(session, issuer, patient)
    standing = heads(session, issuer, patient)
    finals = _finals(session, issuer, patient, gone)
    carried, judged = _judged(session, issuer, patient, around, finals, library, now)
    open_ = [contact for contact in carried if contact.id not in gone]
    drafts = draft_claims(open_, judged.values(), around.surroundings(), library)
    fresh, late, barred = _split(session, issuer, patient, drafts, standing)
    mended = _corrections(session, issuer, patient, around, standing, late, fresh, library, now)
    _replace(session, issuer, patient, [*fresh, *mended.drafts], now)
    told = _Told(gone, barred, late, standing, mended, around.surroundings(), library)
    whys = {each.id: told.why_held(each, judged[each.id]) for each in finals}
    in_change = _in_change(session, issuer, patient, gone)
    whys |= {each.id: IN_CHANGE for each in in_change}
    _hold_again(session, issuer, patient, [*finals, *in_change], whys, around, library, now)
    known = {each.id: each for each in carried}
    return Drafted((*fresh, *mended.drafts), known, judged, around, mended)


def _corrections(
    session: Session,
    issuer: str,
    patient: str,
    around: judging.Around,
    standing: Mapping[str, Head],
    late: Mapping[str, str],
    fresh: Sequence[ClaimDraft],
    library: Library,
    now: datetime,
) -> Corrections:
    keys = frozenset(late.values())
    if not keys and not any(head.dirty for head in standing.values()):
        return Corrections((), {}, {}, {})
    everything = _finals(session, issuer, patient, {})
    beside = judging.signed_near(session, issuer, patient, everything)
    taken = {contact for each in fresh for contact, _, _ in _parts(each)}
    return corrected(session, around, everything, beside, standing, keys, taken, library, now)


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


def _in_change(session: Session, issuer: str, patient: str, gone: Mapping[str, int]) -> list[Contact]:
    """The person's contacts that were final and unreleased until their author began to change them."""
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, (ContactRow.issuer == VersionRow.issuer) & (ContactRow.id == VersionRow.contact))
        .where(
            ContactRow.issuer == issuer,
            ContactRow.patient == patient,
            VersionRow.state == FINAL,
            VersionRow.version != ContactRow.current,
            VersionRow.contact.not_in(list(gone)),
        )
        .order_by(VersionRow.start, VersionRow.contact)
    )
    return judging.as_judged(session, issuer, rows)


def _judged(
    session: Session,
    issuer: str,
    patient: str,
    around: judging.Around,
    finals: Sequence[Contact],
    library: Library,
    now: datetime,
) -> tuple[list[Contact], dict[str, Judgement]]:
    """Every final contact with the authorization it takes its units from, and its judgement in the sight of
    all signed ones beside it: the person's, and the peers' with others (nobody can be in two contacts at
    once)."""
    own = {each.id: each for each in finals}
    beside = {each.id: each for each in judging.signed_near(session, issuer, patient, finals)}
    carried, judged = around.authorized(list({**beside, **own}.values()), library, now)
    found = {each.id: each for each in judged if each.id in own}
    return [each for each in carried if each.id in own], found


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
    session: Session,
    issuer: str,
    patient: str,
    drafts: Sequence[ClaimDraft],
    standing: Mapping[str, Head],
) -> tuple[list[ClaimDraft], dict[str, str], dict[str, Why]]:
    """Drafts that may stand, each under the number of its submission; contact -> stem of the released claim
    to which a late contact belongs; and why not for those of another chart with the same record number."""
    fresh: list[ClaimDraft] = []
    late: dict[str, str] = {}
    barred: dict[str, Why] = {}
    for each in drafts:
        key = stem(each.control_number)
        others = select(ClaimRow.patient).where(
            ClaimRow.issuer == issuer, ClaimRow.stem == key, ClaimRow.patient != patient
        )
        if session.scalars(others).first() is not None:
            barred |= {contact: SAME_NUMBER for contact, _, _ in _parts(each)}
        elif key in standing:
            late |= {contact: key for contact, _, _ in _parts(each)}
        else:
            fresh.append(replace(each, control_number=number_of(session, issuer, each.control_number)))
    return fresh, late, barred


def _replace(session: Session, issuer: str, patient: str, fresh: Sequence[ClaimDraft], now: datetime) -> None:
    wanted = {each.control_number: each for each in fresh}
    rows = session.scalars(
        select(ClaimRow).where(
            ClaimRow.issuer == issuer, ClaimRow.patient == patient, ClaimRow.released_at.is_(None)
        )
    ).all()
    known = {row.control_number: row for row in rows}
    for number, row in known.items():
        _free_units(session, row, _own(wanted[number]) if number in wanted else ())
        if number not in wanted and row.state != VOID:
            row.state, row.units, row.drafted_at = VOID, 0, now
    session.flush()
    for number, each in wanted.items():
        _put(session, issuer, patient, known.get(number), each, now)


def _put(
    session: Session, issuer: str, patient: str, row: ClaimRow | None, claim: ClaimDraft, now: datetime
) -> None:
    content = claim_content.write(claim)
    if row is None:
        row = ClaimRow(issuer=issuer, control_number=claim.control_number, patient=patient, state=READY)
        row.individual, row.program = claim.individual.id, claim.program.id
        row.day, row.rate_code, row.stem = claim.day, claim.rate_code, stem(claim.control_number)
        row.draft, row.units, row.drafted_at = content, claim.units, now
        row.frequency, row.prior = claim.frequency, claim.prior
        row.reason = _voided_before(session, issuer, claim)
        row.state = HELD if row.reason else READY
        session.add(row)
    elif row.state == VOID:
        row.state = HELD if row.reason else READY
    if row.draft != content or row.units != claim.units or row.frequency != claim.frequency:
        row.draft, row.units, row.drafted_at = content, claim.units, now
    row.frequency, row.prior = claim.frequency, claim.prior
    session.flush()
    live = {(unit.contact, unit.version, unit.units) for unit in live_units(session, row)}
    for part in _own(claim):
        if part not in live:
            session.add(unit_of(row, claim, *part))
    session.flush()


def _voided_before(session: Session, issuer: str, claim: ClaimDraft) -> str | None:
    """What a biller voided is not billed again until somebody lifts the hold."""
    voided = select(ClaimRow).where(
        ClaimRow.issuer == issuer,
        ClaimRow.stem == stem(claim.control_number),
        ClaimRow.state == VOIDED,
        ClaimRow.asked == CANCEL_IT,
    )
    row = None if claim.prior else session.scalars(voided.order_by(ClaimRow.released_at.desc())).first()
    return (
        None if row is None else f"Claim {row.control_number} was voided: {row.reason or 'no reason given'}"
    )


def _own(claim: ClaimDraft) -> tuple[tuple[str, int, int], ...]:
    """The units that stand in a draft: those of a correction move to it only when it is released."""
    return () if claim.prior else _parts(claim)


def _free_units(session: Session, row: ClaimRow, keep_: Sequence[tuple[str, int, int]]) -> None:
    for unit in live_units(session, row):
        if (unit.contact, unit.version, unit.units) not in keep_:
            unit.live = False


def _parts(claim: ClaimDraft) -> tuple[tuple[str, int, int], ...]:
    return tuple(part for line in claim.lines for part in line.contacts)


def _hold_again(
    session: Session,
    issuer: str,
    patient: str,
    finals: Sequence[Contact],
    whys: Mapping[str, Why | None],
    around: judging.Around,
    library: Library,
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
        kept = keep(session, findings, library, now)
        held = ClaimHoldRow(issuer=issuer, contact=contact.id, version=contact.version, patient=patient)
        held.day, held.reason, held.what_to_do = surroundings.day_of(contact), reason, what_to_do
        held.findings, held.since = kept, since.get(contact.id, now)
        session.add(held)
    session.flush()


@dataclass(frozen=True)
class _Told:
    """What there is to say of a final contact that is in no claim, or not as it is now signed."""

    gone: Mapping[str, int]
    barred: Mapping[str, Why]
    late: Mapping[str, str]
    standing: Mapping[str, Head]
    mended: Corrections
    around: Surroundings
    library: Library

    def why_held(self, contact: Contact, judgement: Judgement) -> Why | None:
        """The rules first, then what stands in the way."""
        if judgement.claim == "held":
            findings = judgement.holding("signing", "claim")
            return findings[0].message, findings[0].fix, findings
        if contact.id in self.barred:
            return self.barred[contact.id]
        head = self._head(contact.id)
        if head is not None:
            return self._in_released(contact, judgement, head.row.control_number)
        if judgement.claim != "ready" or not judgement.billed_units or filed_elsewhere(contact):
            return None
        why = unready(contact, self.around.day_of(contact), self.around, self.library)
        return None if why is None else (*why, ())

    def _head(self, contact: str) -> Head | None:
        inside = [head for head in self.standing.values() if contact in head.versions]
        late = self.standing.get(self.late.get(contact, ""))
        return next(iter(inside), late)

    def _in_released(self, contact: Contact, judgement: Judgement, number: str) -> Why | None:
        drafts = {each.prior: each for each in self.mended.drafts}
        if number in self.mended.waiting:
            return self.mended.waiting[number], "Settle that; the correction is drafted then.", ()
        if number not in drafts or judgement.claim != "ready":
            return None
        if (contact.id, contact.version) in {part[:2] for part in _parts(drafts[number])}:
            return None
        words = f"Claim {number} was released with it and is being corrected."
        return words, f"Release claim {drafts[number].control_number} first; this one follows.", ()
