"""Claims are drafted anew from final notes whenever something changes; released ones are never touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app import individuals, judging
from app.findings_kept import keep
from app.tables import ClaimHoldRow, ClaimRow, ClaimUnitRow, ContactRow, VersionRow
from app.words import FINAL, HELD, READY, VOID
from mappings.claims import ClaimDraft, draft_claims
from mappings.findings import Finding, Judgement
from mappings.library import Library
from mappings.records import AuthorizationFields, Contact

CORRECTION = "released claim needs a correction"
Why = tuple[str, str, tuple[Finding, ...]]
TOO_LATE: Why = (
    "A claim of the same day and rate code was released already.",
    "Replace that claim with the payer, so that it holds all units of the day.",
    (),
)
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
    """What a drafting came to: the claims that may be released, the final contacts and the judgement of
    each, by id."""

    claims: tuple[ClaimDraft, ...]
    contacts: Mapping[str, Contact]
    judged: Mapping[str, Judgement]
    around: judging.Around


def draft(session: Session, issuer: str, patient: str, library: Library, now: datetime) -> list[ClaimDraft]:
    """Draft the person's claims anew as `drafted` does. Answers the claims that may be released."""
    return list(drafted(session, issuer, patient, library, now).claims)


def drafted(session: Session, issuer: str, patient: str, library: Library, now: datetime) -> Drafted:
    """Draft the person's claims anew from the final notes; released ones are never touched. A final contact
    that cannot be claimed is held with its findings."""
    around = judging.around(session, issuer, patient)
    gone = _released_versions(session, issuer, patient)
    finals = _finals(session, issuer, patient, gone)
    carried, judged = _judged(session, issuer, patient, around, finals, library, now)
    open_ = [contact for contact in carried if contact.id not in gone]
    drafts = draft_claims(open_, judged.values(), around.surroundings(), library)
    fresh, barred = _split(session, issuer, patient, drafts)
    _replace(session, issuer, patient, fresh, now)
    whys = {each.id: _why_held(each, judged[each.id], gone, barred) for each in finals}
    in_change = _in_change(session, issuer, patient, gone)
    whys |= {each.id: IN_CHANGE for each in in_change}
    _hold_again(session, issuer, patient, [*finals, *in_change], whys, around, library, now)
    return Drafted(tuple(fresh), {each.id: each for each in carried}, judged, around)


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
    live = {(unit.contact, unit.version, unit.units) for unit in live_units(session, row)}
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
                    authorization=claim.authorization.id if claim.authorization else None,
                )
            )
    session.flush()


def _free_units(session: Session, row: ClaimRow, keep_: Sequence[tuple[str, int, int]]) -> None:
    for unit in live_units(session, row):
        if (unit.contact, unit.version, unit.units) not in keep_:
            unit.live = False


def live_units(session: Session, row: ClaimRow) -> Sequence[ClaimUnitRow]:
    """The units that stand in a claim."""
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
        **({"authorization": _named(claim.authorization)} if claim.authorization else {}),
    }


def _named(authorization: AuthorizationFields) -> dict[str, str | None]:
    return {"id": authorization.id, "number": authorization.number}
