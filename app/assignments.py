"""Assignment: whose record a person of the staff opens from a worklist, and what opening it without takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app import audit, history, individuals, staff
from app.actor import ADMINISTRATOR, CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, require
from app.problems import MendInput, NotAllowed
from app.tables import AssignmentRow, BrokenGlassRow, ContactRow, PlanEntryRow, ReviewRow, SignatureRow
from app.typed_text import sendable

KEEPERS = (SUPERVISOR, ADMINISTRATOR)
CARERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
ALL_REVIEWS = ""
LONGEST_REASON = 500


@dataclass(frozen=True)
class Reach:
    """Whom somebody is assigned to: EHR ids of people, and whether all co-signing of the programme is
    theirs."""

    people: frozenset[str]
    reviews: bool

    def covers(self, patient: str) -> bool:
        """Whether this person is among them."""
        return patient in self.people


@dataclass(frozen=True)
class Assignment:
    """One assignment as people read it; `patient` is ALL_REVIEWS for the co-signing of the programme."""

    number: int
    staff: str
    staff_name: str
    patient: str
    person: str
    by_name: str
    at: datetime


@dataclass(frozen=True)
class BrokenGlass:
    """One opening without assignment as the supervisor reads it; `mine` where the reader did it."""

    number: int
    staff_name: str
    patient: str
    person: str
    reason: str
    at: datetime
    mine: bool
    seen_by: str | None
    seen_at: datetime | None


def reach(session: Session, actor: Actor, now: datetime) -> Reach:
    """Whom the actor is assigned to: whose contact or plan entry they wrote or signed, whose peer they
    supervise today, and whom a supervisor or administrator gave them."""
    given = _given(session, actor)
    people = given | _worked_with(session, actor) | _of_supervised(session, actor, now)
    return Reach(frozenset(people - {ALL_REVIEWS}), ALL_REVIEWS in given)


def require_assigned(session: Session, actor: Actor, patient: str, now: datetime, *, review: bool) -> None:
    """Pass when the actor is assigned to this person, or, for a `review`, to all co-signing. Raises
    NotAllowed with the way there is without."""
    known = reach(session, actor, now)
    if not known.covers(patient) and not (review and known.reviews):
        raise NotAllowed(
            "You are not assigned to this person.",
            "Ask a supervisor to assign you, or open it without assignment and say why.",
        )


def assign(session: Session, actor: Actor, staff_id: str, patient: str, now: datetime) -> int:
    """Give a person of the staff an individual, or ALL_REVIEWS, and answer the number; given already it stays
    as it is. Nobody assigns themselves. Raises NotAllowed, and MendInput naming the field."""
    require(actor, *KEEPERS, to="assign people")
    if staff_id == actor.staff_id:
        raise NotAllowed("Nobody assigns themselves.", "Ask another supervisor or an administrator.")
    _check(session, actor, staff_id, patient)
    row = session.scalars(_live(actor, staff_id, patient)).first()
    if row is not None:
        return row.id
    row = AssignmentRow(issuer=actor.issuer, staff=staff_id, patient=patient, by=actor.staff_id, at=now)
    session.add(row)
    session.flush()
    audit.did(session, actor, "assigned", now, subject=staff_id, patient=patient or None, number=row.id)
    return row.id


def end(session: Session, actor: Actor, number: int, now: datetime) -> None:
    """End an assignment; ended already it stays so. Raises NotAllowed, NotFound."""
    require(actor, *KEEPERS, to="end an assignment")
    row = session.get(AssignmentRow, number)
    if row is None or row.issuer != actor.issuer:
        raise not_here("assignment")
    if row.ended_at is None:
        row.ended_at, row.ended_by = now, actor.staff_id
        session.flush()
        audit.did(
            session,
            actor,
            "assignment ended",
            now,
            subject=row.staff,
            patient=row.patient or None,
            number=number,
        )


def listing(session: Session, actor: Actor) -> tuple[Assignment, ...]:
    """Every assignment in force, by name. Raises NotAllowed."""
    require(actor, *KEEPERS, to="read who is assigned to whom")
    return _assignments(session, actor, AssignmentRow.issuer == actor.issuer)


def mine(session: Session, actor: Actor) -> tuple[Assignment, ...]:
    """The people who were given to the actor, by name."""
    own = (AssignmentRow.issuer == actor.issuer) & (AssignmentRow.staff == actor.staff_id)
    found = _assignments(session, actor, own)
    return tuple(sorted((one for one in found if one.patient), key=lambda one: (one.person, one.number)))


def person_of(session: Session, actor: Actor, number: int) -> str:
    """The individual of an assignment of the actor's own that is in force. Raises NotFound."""
    found = [one.patient for one in mine(session, actor) if one.number == number]
    if not found:
        raise not_here("assignment of yours")
    return found[0]


def person_called(session: Session, actor: Actor, record_number: str, born: date | None) -> str:
    """The EHR's id of the individual with exactly this record number and day of birth. Raises NotAllowed,
    MendInput; no part of a name finds anybody."""
    require(actor, *CARERS, to="open a chart")
    patient = individuals.by_record_number(session, actor.issuer).get(record_number.strip())
    known = individuals.known(session, actor.issuer, patient) if patient else None
    if patient is None or known is None or born is None or known.record.birth_date != born:
        words = "Nobody with this record number and day of birth is known here"
        raise MendInput(f"{words}.", "Compare both with the chart.", {"record_number": words})
    return patient


def break_glass(
    session: Session,
    actor: Actor,
    patient: str,
    subject: str,
    reason: str,
    launch_id: str,
    now: datetime,
) -> int:
    """Write down that the actor opens this person's record without assignment and why, in the launch opened
    for it; answers its number. The reason is for the supervisor and stays out of the trail. Raises
    NotAllowed, MendInput."""
    require(actor, *CARERS, to="open a chart")
    said = sendable(reason, "reason")
    if not said or len(said) > LONGEST_REASON:
        words = f"Say in up to {LONGEST_REASON} characters why you have to open it"
        raise MendInput(f"{words}.", "The supervisor reads it.", {"reason": words})
    row = BrokenGlassRow(
        issuer=actor.issuer,
        staff=actor.staff_id,
        patient=patient,
        subject=subject,
        reason=said,
        launch=audit.launch_digest(launch_id),
        at=now,
    )
    session.add(row)
    session.flush()
    audit.did(
        session, actor, "opened without assignment", now, subject=subject, patient=patient, number=row.id
    )
    return row.id


def broken(session: Session, actor: Actor) -> tuple[BrokenGlass, ...]:
    """Every opening without assignment, those that nobody looked at first, the latest first. Raises
    NotAllowed."""
    require(actor, *KEEPERS, to="read who opened what without assignment")
    names, people = _names(session, actor), individuals.names(session, actor.issuer)
    rows = session.scalars(
        select(BrokenGlassRow)
        .where(BrokenGlassRow.issuer == actor.issuer)
        .order_by(BrokenGlassRow.seen_at.is_not(None), BrokenGlassRow.id.desc())
    )
    return tuple(_broken(actor, row, names, people) for row in rows)


def looked_at(session: Session, actor: Actor, number: int, now: datetime) -> None:
    """Write down that the actor looked at an opening; the first who did stays. Raises NotFound, and
    NotAllowed for one's own."""
    require(actor, *KEEPERS, to="look at openings without assignment")
    row = session.get(BrokenGlassRow, number)
    if row is None or row.issuer != actor.issuer:
        raise not_here("opening")
    if row.staff == actor.staff_id:
        raise NotAllowed("You opened this yourself.", "Another supervisor has to look at it.")
    if row.seen_at is None:
        row.seen_at, row.seen_by = now, actor.staff_id
        session.flush()
        audit.did(
            session, actor, "opening looked at", now, subject=row.subject, patient=row.patient, number=number
        )


def _given(session: Session, actor: Actor) -> set[str]:
    return set(
        session.scalars(
            select(AssignmentRow.patient).where(
                AssignmentRow.issuer == actor.issuer,
                AssignmentRow.staff == actor.staff_id,
                AssignmentRow.ended_at.is_(None),
            )
        )
    )


def _worked_with(session: Session, actor: Actor) -> set[str]:
    who, here = actor.staff_id, actor.issuer
    signed = select(SignatureRow.subject).where(SignatureRow.issuer == here, SignatureRow.by == who)
    found: set[str] = set()
    for table in (ContactRow, PlanEntryRow):
        mine_ = or_(table.author == who, table.id.in_(signed))
        found |= set(session.scalars(select(table.patient).where(table.issuer == here, mine_).distinct()))
    reviewed = select(ReviewRow.patient).where(ReviewRow.issuer == here, ReviewRow.closed_by == who)
    return found | set(session.scalars(reviewed.distinct()))


def _of_supervised(session: Session, actor: Actor, now: datetime) -> set[str]:
    day = now.astimezone(history.zone(session, actor.issuer)).date()
    peers = [
        member.record.id
        for member in staff.everyone(session, actor.issuer)
        if member.record.supervisor is not None
        and member.record.supervisor.id == actor.staff_id
        and member.record.supervisor.covers(day)
    ]
    query = select(ContactRow.patient).where(ContactRow.issuer == actor.issuer, ContactRow.author.in_(peers))
    return set(session.scalars(query.distinct()))


def _check(session: Session, actor: Actor, staff_id: str, patient: str) -> None:
    member = staff.find(session, actor.issuer, staff_id)
    wanted = (LPHA,) if patient == ALL_REVIEWS else CARERS
    errors = {}
    if member is None or not member.active or member.roles.isdisjoint(wanted):
        errors["staff"] = f"Choose somebody who works here as {' or '.join(wanted)}"
    if patient != ALL_REVIEWS and individuals.known(session, actor.issuer, patient) is None:
        errors["patient"] = "Choose somebody from the list"
    if errors:
        raise MendInput("Nobody was assigned.", "Mend the fields marked.", errors)


def _live(actor: Actor, staff_id: str, patient: str) -> Select[AssignmentRow]:
    return select(AssignmentRow).where(
        AssignmentRow.issuer == actor.issuer,
        AssignmentRow.staff == staff_id,
        AssignmentRow.patient == patient,
        AssignmentRow.ended_at.is_(None),
    )


def _assignments(session: Session, actor: Actor, which: ColumnElement[bool]) -> tuple[Assignment, ...]:
    names, people = _names(session, actor), individuals.names(session, actor.issuer)
    rows = session.scalars(select(AssignmentRow).where(which, AssignmentRow.ended_at.is_(None)))
    found = [
        Assignment(
            row.id,
            row.staff,
            names.get(row.staff, row.staff),
            row.patient,
            people.get(row.patient, row.patient),
            names.get(row.by, row.by),
            row.at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda one: (one.staff_name, one.person, one.number)))


def _broken(
    actor: Actor, row: BrokenGlassRow, names: Mapping[str, str], people: Mapping[str, str]
) -> BrokenGlass:
    return BrokenGlass(
        row.id,
        names.get(row.staff, row.staff),
        row.patient,
        people.get(row.patient, row.patient),
        row.reason,
        row.at,
        row.staff == actor.staff_id,
        None if row.seen_by is None else names.get(row.seen_by, row.seen_by),
        row.seen_at,
    )


def _names(session: Session, actor: Actor) -> dict[str, str]:
    return {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
