"""Corrections and voids: what a released claim is replaced with, and how its units move to that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import claim_content, claim_status, individuals, judging, staff
from app.tables import ClaimRow, ClaimUnitRow, ContactRow, VersionRow
from app.words import CORRECTED, FINAL, IN_ERROR, RELEASED, VOIDED
from mappings.claim_forms import CANCEL, ORIGINAL, REPLACEMENT
from mappings.claims import ClaimDraft, draft_claims, stem, submission
from mappings.findings import Judgement
from mappings.library import Library
from mappings.records import Contact, Individual, ProgramFields

CORRECT, CANCEL_IT = "correct", "void"
Judged = tuple[list[Contact], dict[str, Judgement]]


@dataclass(frozen=True)
class Head:
    """A released claim that nothing has replaced yet, with its live units: contact -> version."""

    row: ClaimRow
    versions: Mapping[str, int]
    changed: frozenset[str]
    waiting: frozenset[str]

    @property
    def dirty(self) -> bool:
        """Whether what it was released with is no longer what is signed, or a biller asked for a change."""
        return bool(self.changed) or self.row.asked is not None


@dataclass(frozen=True)
class Corrections:
    """The drafts that replace or void released claims, and for each released claim that has to wait, why."""

    drafts: tuple[ClaimDraft, ...]
    waiting: Mapping[str, str]
    contacts: Mapping[str, Contact]
    judged: Mapping[str, Judgement]


def heads(session: Session, issuer: str, patient: str) -> dict[str, Head]:
    """The person's released claims that stand, by the stem of their control numbers."""
    rows = session.scalars(
        select(ClaimRow).where(
            ClaimRow.issuer == issuer,
            ClaimRow.patient == patient,
            ClaimRow.state == RELEASED,
            ClaimRow.frequency != CANCEL,
        )
    ).all()
    units = session.execute(
        select(ClaimUnitRow.control_number, ClaimUnitRow.contact, ClaimUnitRow.version).where(
            ClaimUnitRow.issuer == issuer, ClaimUnitRow.patient == patient, ClaimUnitRow.live
        )
    ).all()
    now_final, open_ = _versions(session, issuer, patient)
    found = {}
    for row in rows:
        mine = {contact: version for number, contact, version in units if number == row.control_number}
        changed = frozenset(c for c, v in mine.items() if now_final.get(c, v) != v)
        found[stem(row.control_number)] = Head(row, mine, changed, frozenset(mine.keys() & open_))
    return found


def corrected(
    session: Session,
    around: judging.Around,
    contacts: Sequence[Contact],
    beside: Sequence[Contact],
    standing: Mapping[str, Head],
    late: Set[str],
    taken: Set[str],
    library: Library,
    now: datetime,
) -> Corrections:
    """The corrections and voids of the person's released claims, as `heads` gives them. `contacts` are all
    that are final, `beside` what is signed near them, `late` the stems of claims to which a later contact of
    the day belongs, `taken` the contacts that stand in another draft. Each is judged as if its own claim
    alone had not been released, so that no cap is passed whatever is released first; while the rules hold
    one of its contacts, or its author changes it, it waits."""
    drafts: list[ClaimDraft] = []
    waiting: dict[str, str] = {}
    seen: dict[str, Contact] = {}
    rulings: dict[str, Judgement] = {}
    for key, head in sorted(standing.items()):
        if not head.dirty and key not in late:
            continue
        elsewhere = {c for other, each in standing.items() if other != key for c in each.versions}
        mine, judged = _judged(head, around, contacts, beside, library, now)
        why = _why_waiting(head, judged)
        if why is not None and head.row.asked != CANCEL_IT:
            waiting[head.row.control_number] = why
            continue
        own = [each for each in mine if each.id not in elsewhere | taken]
        made = draft_claims(own, judged.values(), around.surroundings(), library)
        fresh = next((each for each in made if stem(each.control_number) == key), None)
        drafts.append(_draft(session, head, fresh))
        seen |= {each.id: each for each in mine}
        rulings |= judged
    return Corrections(tuple(drafts), waiting, seen, rulings)


def number_of(session: Session, issuer: str, control_number: str) -> str:
    """The control number of the claim's next submission: its suffix counts what was released before."""
    released = select(ClaimRow.control_number).where(
        ClaimRow.issuer == issuer,
        ClaimRow.stem == stem(control_number),
        ClaimRow.released_at.is_not(None),
    )
    return submission(control_number, len(session.scalars(released).all()))


def replace_prior(session: Session, row: ClaimRow, claim: ClaimDraft) -> None:
    """Move the units of the claim that `row` replaces to it, in this transaction: those of the prior claim
    end, those of the new one begin. `row` must be released already."""
    prior = session.get(ClaimRow, (row.issuer, row.prior))
    assert prior is not None  # noqa: S101 the index on `prior` names a claim of this issuer
    for unit in live_units(session, prior):
        unit.live = False
    prior.state = VOIDED if row.frequency == CANCEL else CORRECTED
    session.flush()
    if row.frequency != CANCEL:
        for part in (each for line in claim.lines for each in line.contacts):
            session.add(unit_of(row, claim, *part))
    session.flush()


def unit_of(row: ClaimRow, claim: ClaimDraft, contact: str, version: int, units: int) -> ClaimUnitRow:
    """The live units of one signed version in a claim."""
    return ClaimUnitRow(
        issuer=row.issuer,
        control_number=row.control_number,
        contact=contact,
        version=version,
        patient=row.patient,
        program=claim.program.id,
        day=claim.day,
        units=units,
        live=True,
        authorization=claim.authorization.id if claim.authorization else None,
    )


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


def _versions(session: Session, issuer: str, patient: str) -> tuple[dict[str, int], set[str]]:
    """Contact -> its final version, and the contacts whose author is changing them."""
    of_person = (ContactRow.issuer == issuer, ContactRow.patient == patient)
    joined = (ContactRow.issuer == VersionRow.issuer) & (ContactRow.id == VersionRow.contact)
    finals = session.execute(
        select(VersionRow.contact, VersionRow.version)
        .join(ContactRow, joined)
        .where(*of_person, VersionRow.state == FINAL)
    )
    gone = session.scalars(
        select(VersionRow.contact)
        .join(ContactRow, judging.current_version())
        .where(*of_person, VersionRow.state == IN_ERROR)
    )
    changing = session.scalars(
        select(VersionRow.contact)
        .join(ContactRow, judging.current_version())
        .where(*of_person, VersionRow.state.not_in((FINAL, IN_ERROR)))
    )
    # No version counts of what stood in the wrong chart, so that what was billed of it is taken back.
    return {**dict(finals.all()), **dict.fromkeys(gone, 0)}, set(changing)


def _judged(
    head: Head,
    around: judging.Around,
    contacts: Sequence[Contact],
    beside: Sequence[Contact],
    library: Library,
    now: datetime,
) -> Judged:
    mine = {each.id: each for each in contacts}
    without = tuple(each for each in around.released if each.contact_id not in head.versions)
    everything = list({**{each.id: each for each in beside}, **mine}.values())
    carried, judged = replace(around, released=without).authorized(everything, library, now)
    return [each for each in carried if each.id in mine], {e.id: e for e in judged if e.id in mine}


def _why_waiting(head: Head, judged: Mapping[str, Judgement]) -> str | None:
    number = head.row.control_number
    if head.waiting:
        return f"Claim {number} is corrected once a note that is in it is no longer being changed."
    if any(judged[each].claim == "held" for each in head.versions if each in judged):
        return f"Claim {number} is corrected once the rules no longer hold a contact that is in it."
    return None


def _draft(session: Session, head: Head, fresh: ClaimDraft | None) -> ClaimDraft:
    row = head.row
    answers = claim_status.answers(session, row.issuer, row.control_number)
    last = claim_status.standing(answers)
    told = claim_status.payer_number(answers)
    # What the payer's door turned away never became a claim there, so there is none to replace.
    turned_away = last is not None and last.status == "rejected" and told is None
    frequency = ORIGINAL if turned_away else REPLACEMENT
    if fresh is None or row.asked == CANCEL_IT:
        fresh, frequency = content_of(session, row), CANCEL
    return replace(
        fresh,
        control_number=number_of(session, row.issuer, row.control_number),
        frequency=frequency,
        prior=row.control_number,
        payer_number=told,
    )


def content_of(session: Session, row: ClaimRow) -> ClaimDraft:
    """All that a released claim says, as it was released."""
    return claim_content.read(row.draft) or _read_old(session, row)


def _read_old(session: Session, row: ClaimRow) -> ClaimDraft:
    """A claim that was released before its whole content was kept, with person and programme as they are."""
    known, program = individuals.find(session, row.issuer, row.patient), staff.program_of(session, row.issuer)
    fields = ProgramFields(id=row.program)
    if program is not None:
        fields = ProgramFields(**{name: getattr(program, name) for name in ProgramFields.model_fields})
    person = Individual(id=row.individual) if known is None else known.record
    return claim_content.read_old(row.draft, row.control_number, person, fields, row.day, row.rate_code)
