"""What the rules are asked: a stored record as it stands today, with everything that stands around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import rfc8785
from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import Session

from app import authorized_units, beside, group_sessions, history, meetings, staff
from app.problems import Held
from app.tables import (
    ClaimRow,
    ClaimUnitRow,
    ContactRow,
    IndividualRow,
    PlanEntryRow,
    SignatureRow,
    VersionRow,
)
from app.words import DISCARDED, DRAFT, ENDED, IN_ERROR, SIGNED
from mappings.authorizing import Grant, judge_authorized
from mappings.days import zone_of
from mappings.fhir import gate
from mappings.fhir.elements import NotFit
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import (
    Collaboration,
    Consent,
    Contact,
    Engagement,
    Individual,
    PlanEntry,
    Program,
    ProgramFields,
    Record,
    Signature,
    Staff,
    StaffFields,
)
from mappings.rules import ReleasedUnits, judge
from mappings.seal import Seal

# Rules look at the days around a contact: the day's cap, overlaps of one peer, contacts one after another.
PERSON_DAYS, PEER_DAYS = timedelta(days=45), timedelta(days=1)
CONTACT, PLAN_ENTRY = "contact", "plan-entry"


@dataclass(frozen=True)
class Around:
    """What stands around one person's records at one issuer; `individual` is the id by which records name
    the person, `grants` what payers granted to them, `known` are the other people whom the peer supports."""

    staff: tuple[Staff, ...]
    program: Program | None
    plan_entries: tuple[PlanEntry, ...]
    contacts: tuple[Contact, ...]
    released: tuple[ReleasedUnits, ...]
    individual: str = ""
    grants: tuple[Grant, ...] = ()
    meetings: tuple[Collaboration, ...] = ()
    consents: tuple[Consent, ...] = ()
    known: tuple[Individual, ...] = ()

    def surroundings(self) -> Surroundings:
        """The same for the Bundles and the text of the note."""
        return Surroundings(
            staff=_by_id(self.staff),
            program=None if self.program is None else _program_fields(self.program),
            plan_entries={entry.id: entry for entry in self.plan_entries},
        )

    def zone(self) -> tzinfo:
        """The programme's time zone, UTC where it has none."""
        return zone_of(self.program, None)

    def judged(self, contact: Contact, library: Library, now: datetime) -> Judgement:
        """What the rules say of `contact` among all that stands around it."""
        others = [each for each in self.contacts if each.id != contact.id]
        return self.judged_together([*others, contact], library, now)[-1]

    def judged_entry(self, entry: PlanEntry, library: Library, now: datetime) -> Judgement:
        """What the rules say of a plan entry."""
        others = [each for each in self.plan_entries if each.id != entry.id]
        return judge([*self.people(), *others, entry], library, now)[-1]

    def judged_together(
        self, contacts: Sequence[Contact], library: Library, now: datetime
    ) -> list[Judgement]:
        """What the rules say of these contacts, each in the sight of the others, in the order given."""
        return self.authorized(contacts, library, now)[1]

    def authorized(
        self, contacts: Sequence[Contact], library: Library, now: datetime
    ) -> tuple[list[Contact], list[Judgement]]:
        """These contacts with the authorization that each takes its units from, and what the rules say of
        them so, each in the sight of the others, in the order given."""
        around_ = [*self.people(), *self.plan_entries]
        asked = [self._asked(each) for each in contacts]
        if not self.grants:
            judged = judge([*around_, *asked], library, now, self.released, self.known)
            return list(contacts), judged[len(self.plan_entries) :]
        named, judged = judge_authorized(
            around_, asked, self.individual, self.grants, library, now, self.released, self.known
        )
        return [_as_written(one, as_) for one, as_ in zip(named, contacts, strict=True)], judged

    def _asked(self, contact: Contact) -> Contact:
        """The contact as the rules are asked: with what is written of its person beside the notes."""
        if contact.individual.id != self.individual or not (self.meetings or self.consents):
            return contact
        told = {"collaboration": (*contact.collaboration, *self.meetings)}
        return contact.model_copy(update=told | {"consents": (*contact.consents, *self.consents)})

    def people(self) -> list[Record]:
        """The records of the staff and the programme."""
        return [*self.staff, *([self.program] if self.program else [])]


def staff_of(session: Session, issuer: str) -> dict[str, StaffFields]:
    """The staff of one EHR by id, as Bundles and files name them."""
    return _by_id(member.record for member in staff.everyone(session, issuer))


def _by_id(members: Iterable[Staff]) -> dict[str, StaffFields]:
    return {member.id: _staff_fields(member) for member in members}


def around(session: Session, issuer: str, patient: str, contact: Contact | None = None) -> Around:
    """What stands around the person's records, or around one contact of theirs: then other contacts too, of
    the person within 45 days and of the peer within a day of its start, and who else was in its group
    session. Others' drafts stay out of it, but for whom of that session they are about."""
    individual = session.get(IndividualRow, (issuer, patient))
    return Around(
        staff=tuple(member.record for member in staff.everyone(session, issuer)),
        program=staff.program_of(session, issuer),
        plan_entries=plan_entries(session, issuer, patient),
        contacts=_others(session, issuer, patient, contact) if contact is not None else (),
        released=_released(session, issuer, patient, contact),
        individual=individual.record.id if individual is not None else "",
        grants=authorized_units.grants(session, issuer, patient),
        meetings=meetings.about(session, issuer, patient),
        consents=beside.consents(session, issuer, patient),
        known=_known(session, issuer, contact) if contact is not None else (),
    )


def _known(session: Session, issuer: str, contact: Contact) -> tuple[Individual, ...]:
    """The people whom the contact's peer supports: only their names are looked for in the note, since to
    point a name out tells that its bearer is served here."""
    if contact.peer is None:
        return ()
    own = select(ContactRow.patient).where(ContactRow.issuer == issuer, ContactRow.author == contact.peer.id)
    rows = select(IndividualRow.record).where(
        IndividualRow.issuer == issuer, IndividualRow.patient.in_(own.distinct())
    )
    return tuple(session.scalars(rows))


def _as_written(named: Contact, written: Contact) -> Contact:
    return named.model_copy(update={"collaboration": written.collaboration, "consents": written.consents})


def as_judged(session: Session, issuer: str, rows: Iterable[VersionRow]) -> list[Contact]:
    """Stored versions as the rules see them: with the signatures that stand on each, and the history of the
    engagement as it is known today."""
    rows = list(rows)
    signed = _signatures(session, issuer, CONTACT, [(row.contact, row.version) for row in rows])
    people = _patients(session, issuer, {row.contact for row in rows})
    engagements = {one: history.of(session, issuer, one) for one in set(people.values())}
    return [
        with_history(row.record, engagements[people[row.contact]]).model_copy(
            update={"signatures": tuple(signed.get((row.contact, row.version), ()))}
        )
        for row in rows
    ]


def with_history(contact: Contact, known: Engagement) -> Contact:
    """The contact with the engagement's history as known; the goal stays as it was written down with it."""
    own = contact.engagement or Engagement()
    return contact.model_copy(update={"engagement": own.model_copy(update={"history": known.history})})


def plan_entries(session: Session, issuer: str, patient: str) -> tuple[PlanEntry, ...]:
    """The signed and the ended entries of a person's plan, each with its signatures."""
    rows = session.scalars(
        select(PlanEntryRow)
        .where(
            PlanEntryRow.issuer == issuer,
            PlanEntryRow.patient == patient,
            PlanEntryRow.state.in_((SIGNED, ENDED)),
        )
        .order_by(PlanEntryRow.id)
    ).all()
    signed = _signatures(session, issuer, PLAN_ENTRY, [(row.id, row.version) for row in rows])
    return tuple(entry_as_judged(row, signed.get((row.id, row.version), ())) for row in rows)


def entry_as_judged(row: PlanEntryRow, signatures: Sequence[Signature]) -> PlanEntry:
    """A stored plan entry with its signatures; one that was ended is over from the day after."""
    entry = row.record.model_copy(update={"signatures": tuple(signatures)})
    if row.ended_on is None or entry.plan is None:
        return entry
    until = row.ended_on if entry.plan.to is None else min(row.ended_on, entry.plan.to)
    return entry.model_copy(update={"plan": entry.plan.model_copy(update={"to": until})})


def signatures_of(
    session: Session, issuer: str, kind: str, subject: str, version: int
) -> tuple[Signature, ...]:
    """The signatures on one version, author first."""
    found = _signatures(session, issuer, kind, [(subject, version)])
    return tuple(found.get((subject, version), ()))


def seals_of(session: Session, issuer: str, kind: str, subject: str, version: int) -> tuple[Seal, ...]:
    """The seals on one version, in the order in which they were set."""
    rows = session.scalars(
        select(SignatureRow)
        .where(
            SignatureRow.issuer == issuer,
            SignatureRow.kind == kind,
            SignatureRow.subject == subject,
            SignatureRow.version == version,
        )
        .order_by(SignatureRow.id)
    )
    return tuple(Seal(row.meaning, row.by, row.at, row.statement, row.jws) for row in rows)


def today(around_: Around, now: datetime) -> date:
    """The calendar day of `now` where the programme is."""
    return now.astimezone(around_.zone()).date()


def payload(what: str, build: Callable[[], Mapping[str, Any]]) -> bytes:
    """The Bundle that `build` makes, as the bytes that are frozen: RFC 8785, so equal Bundles are equal
    bytes. The FHIR model validates every resource of it, whatever shapes were seen before. Raises Held,
    naming `what`, where the record cannot be written as FHIR."""
    try:
        bundle = dict(build())
        gate.check(bundle, full=True)
        return rfc8785.dumps(bundle)
    except NotFit as problem:
        raise Held(f"The {what} cannot be written for the chart: {problem}", "Mend what is named.") from None


def current_version() -> ColumnElement[bool]:
    """The join of a contact to the version that counts."""
    return and_(
        VersionRow.issuer == ContactRow.issuer,
        VersionRow.contact == ContactRow.id,
        VersionRow.version == ContactRow.current,
    )


def _staff_fields(record: Staff) -> StaffFields:
    return StaffFields(**{name: getattr(record, name) for name in StaffFields.model_fields})


def _program_fields(record: Program) -> ProgramFields:
    return ProgramFields(**{name: getattr(record, name) for name in ProgramFields.model_fields})


def signed_near(session: Session, issuer: str, patient: str, finals: Sequence[Contact]) -> list[Contact]:
    """The signed contacts near these in time: the person's, their peers' with others, and who else was in
    their group sessions; no drafts."""
    starts = [each.start for each in finals if each.start is not None]
    if not starts:
        return []
    spans = [_mine_near(patient, min(starts), max(starts))]
    spans += [_peer_near(each.peer.id, each.start) for each in finals if each.peer and each.start]
    found = _select(session, issuer, or_(*spans), VersionRow.state != DRAFT)
    return [*_without(group_sessions.signed_members(session, issuer, finals), found), *found]


def _without(contacts: Sequence[Contact], known: Sequence[Contact]) -> list[Contact]:
    ids = {each.id for each in known}
    return [each for each in contacts if each.id not in ids]


def _others(session: Session, issuer: str, patient: str, contact: Contact) -> tuple[Contact, ...]:
    if contact.start is None:
        return ()
    peer = contact.peer.id if contact.peer else ""
    near = or_(_mine_near(patient, contact.start, contact.start), _peer_near(peer, contact.start))
    seen = or_(VersionRow.state != DRAFT, ContactRow.author == peer)
    found = _select(session, issuer, near, seen, VersionRow.contact != contact.id)
    return (*_without(group_sessions.members(session, issuer, contact), found), *found)


def _select(session: Session, issuer: str, *conditions: ColumnElement[bool]) -> list[Contact]:
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, current_version())
        .where(VersionRow.issuer == issuer, VersionRow.state.not_in((DISCARDED, IN_ERROR)), *conditions)
        .order_by(VersionRow.start, VersionRow.contact)
    )
    return as_judged(session, issuer, rows)


def _mine_near(patient: str, first: datetime, last: datetime) -> ColumnElement[bool]:
    return and_(
        VersionRow.start.between(first - PERSON_DAYS, last + PERSON_DAYS), ContactRow.patient == patient
    )


def _peer_near(peer: str, start: datetime) -> ColumnElement[bool]:
    return and_(VersionRow.start.between(start - PEER_DAYS, start + PEER_DAYS), ContactRow.author == peer)


def _released(
    session: Session, issuer: str, patient: str, contact: Contact | None
) -> tuple[ReleasedUnits, ...]:
    unit = ClaimUnitRow
    found = (
        session.execute(
            select(unit.contact, ClaimRow.individual, unit.program, unit.day, unit.units, unit.authorization)
            .join(ClaimRow, claim_of_units())
            .where(
                unit.issuer == issuer,
                unit.patient == patient,
                unit.live,
                ClaimRow.released_at.is_not(None),
                condition,
            )
            .order_by(unit.id)
        )
        for condition in _that_count(contact)
    )
    return tuple(
        ReleasedUnits(row.contact, row.individual, row.program, row.day, row.units, row.authorization or "")
        for rows in found
        for row in rows
    )


def _that_count(contact: Contact | None) -> list[ColumnElement[bool]]:
    # Caps reach a year at most, of whose days a week may lie in the next; authorizations have no such end.
    # However long a person's history is, the rest of it is left alone. Each of the two is asked by itself:
    # of both at once SQLite reads all that was ever billed for the person.
    if contact is None or contact.start is None:
        return [true()]
    first, last = contact.start - PERSON_DAYS, contact.start + PERSON_DAYS
    begin = date(first.year, 1, 1) - timedelta(days=7)
    end = date(last.year, 12, 31) + timedelta(days=7)
    within = ClaimUnitRow.day.between(begin, end)
    outside = or_(ClaimUnitRow.day < begin, ClaimUnitRow.day > end)
    return [within, and_(ClaimUnitRow.authorization.is_not(None), outside)]


def claim_of_units() -> ColumnElement[bool]:
    """The join of billed units to their claim."""
    return and_(
        ClaimRow.issuer == ClaimUnitRow.issuer, ClaimRow.control_number == ClaimUnitRow.control_number
    )


def _patients(session: Session, issuer: str, contacts: set[str]) -> dict[str, str]:
    rows = session.execute(
        select(ContactRow.id, ContactRow.patient).where(
            ContactRow.issuer == issuer, ContactRow.id.in_(contacts)
        )
    )
    return dict(rows.all())


def _signatures(
    session: Session, issuer: str, kind: str, versions: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], list[Signature]]:
    if not versions:
        return {}
    rows = session.scalars(
        select(SignatureRow)
        .where(
            SignatureRow.issuer == issuer,
            SignatureRow.kind == kind,
            SignatureRow.subject.in_({subject for subject, _ in versions}),
        )
        .order_by(SignatureRow.id)
    )
    found: dict[tuple[str, int], list[Signature]] = {}
    for row in rows:
        found.setdefault((row.subject, row.version), []).append(_signature(row))
    return found


def _signature(row: SignatureRow) -> Signature:
    return Signature(
        meaning=row.meaning,
        by=row.by,
        category=row.category,
        licence_from=row.licence_from,
        licence_to=row.licence_to,
        at=row.at,
        version=row.version,
    )
