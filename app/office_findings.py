"""What the rules say today of the staff and of the programme: to look at in time, never holding anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import individuals, meetings, staff
from app.actor import ADMINISTRATOR, PEER, SUPERVISOR, Actor, require
from app.judging import current_version
from app.tables import ContactRow, PlanEntryRow, VersionRow
from app.words import DISCARDED, DRAFT, ENDED, IN_ERROR, SIGNED
from mappings.days import zone_of
from mappings.findings import Finding, Judgement
from mappings.in_force import DayPack
from mappings.library import Library
from mappings.records import Contact, Program, Record, Supervisor
from mappings.rules import judge_office
from mappings.staff_times import (
    Countdown,
    EducationYear,
    Gap,
    assignments,
    countdowns,
    education_years,
    gaps,
)

MEETING_DAYS = "meetings.window_days"


@dataclass(frozen=True)
class ProgramFindings:
    """The programme with its set-up list: what is missing, and what is in place."""

    record: Program
    missing: tuple[Finding, ...]
    in_place: tuple[Finding, ...]


def of_staff(session: Session, actor: Actor, library: Library, now: datetime) -> Mapping[str, Judgement]:
    """What the rules say on the programme's day of `now` (aware) of everybody who works here, by staff id;
    of those who left nothing is said. For supervisors and administrators (NotAllowed)."""
    _may_look(actor)
    return _judged(session, actor.issuer, library, now)


def _judged(session: Session, issuer: str, library: Library, now: datetime) -> Mapping[str, Judgement]:
    members = staff.everyone(session, issuer)
    records: list[Record] = [member.record for member in members]
    local = now.astimezone(zone_of(staff.program_of(session, issuer), now))
    told = _meetings(session, issuer, _since(library, now))
    peers = {member.record.id: PEER in member.roles for member in members}
    judged = {each.id: each for each in judge_office([*records, *told], library, local, peers)}
    return {member.record.id: judged[member.record.id] for member in members if member.active}


@dataclass(frozen=True)
class StaffTimes:
    """What is counted in days of one member: what ends when, days without a supervisor (of peers), hours of
    education by year, and who supervised them when."""

    countdowns: tuple[Countdown, ...] = ()
    gaps: tuple[Gap, ...] = ()
    years: tuple[EducationYear, ...] = ()
    supervisors: tuple[Supervisor, ...] = ()


def times_of_staff(
    session: Session, actor: Actor, library: Library, now: datetime
) -> Mapping[str, StaffTimes]:
    """What is counted in days on the programme's day of `now` (aware) of everybody on the list, by staff id.
    For supervisors and administrators (NotAllowed)."""
    _may_look(actor)
    return _times_of(session, actor.issuer, staff.everyone(session, actor.issuer), library, now)


@dataclass(frozen=True)
class OwnRecord:
    """What is on file of whoever looks: the entry, what is counted in days of it, what the rules say of it
    today (None for somebody who left)."""

    member: staff.StaffMember
    times: StaffTimes
    judgement: Judgement | None


def of_self(session: Session, actor: Actor, library: Library, now: datetime) -> OwnRecord | None:
    """The actor's own entry on the staff list on the programme's day of `now` (aware); None where there is
    none. Of nobody else anything is told."""
    member = staff.find(session, actor.issuer, actor.staff_id)
    if member is None:
        return None
    times = _times_of(session, actor.issuer, [member], library, now)
    judged = _judged(session, actor.issuer, library, now)
    return OwnRecord(member, times[member.record.id], judged.get(member.record.id))


def _times_of(
    session: Session, issuer: str, members: Sequence[staff.StaffMember], library: Library, now: datetime
) -> Mapping[str, StaffTimes]:
    program = staff.program_of(session, issuer)
    day = now.astimezone(zone_of(program, now)).date()
    kind = program.program_kind if program else None
    packs = {each.record.jurisdiction: library.on(each.record.jurisdiction, day, kind) for each in members}
    return {each.record.id: _times(each, packs[each.record.jurisdiction], day) for each in members}


def _times(member: staff.StaffMember, pack: DayPack | None, day: date) -> StaffTimes:
    record = member.record
    without = gaps(record, day) if PEER in member.roles else ()
    years = education_years(record, pack, day)
    return StaffTimes(countdowns(record, pack, day), without, years, assignments(record))


def of_program(session: Session, actor: Actor, library: Library, now: datetime) -> ProgramFindings | None:
    """The set-up list of the programme on its day of `now` (aware), None before the programme is known. For
    supervisors and administrators (NotAllowed)."""
    _may_look(actor)
    record = staff.program_of(session, actor.issuer)
    if record is None:
        return None
    [judged] = judge_office([record], library, now)
    return ProgramFindings(record, judged.shown, tuple(f for f in judged.findings if f.result == "pass"))


def _may_look(actor: Actor) -> None:
    require(actor, SUPERVISOR, ADMINISTRATOR, to="see what the rules say of the staff")


def _since(library: Library, now: datetime) -> datetime:
    # Twice the widest window of any place: a contact may have begun well before the meeting it tells of.
    own = [each[MEETING_DAYS] for each in library.parameters.values() if MEETING_DAYS in each]
    widest = max((value.value or 0 for parameter in own for value in parameter.values), default=0)
    return now - 2 * timedelta(days=widest)


def _meetings(session: Session, issuer: str, since: datetime) -> list[Record]:
    contacts = session.scalars(
        select(VersionRow.record)
        .join(ContactRow, current_version())
        .where(
            VersionRow.issuer == issuer,
            VersionRow.start >= since,
            VersionRow.state.not_in((DRAFT, DISCARDED, IN_ERROR)),
        )
    )
    entries = session.scalars(
        select(PlanEntryRow.record).where(
            PlanEntryRow.issuer == issuer, PlanEntryRow.state.in_((SIGNED, ENDED))
        )
    )
    return [*_with_meetings(session, issuer, list(contacts), since), *entries]


def _with_meetings(
    session: Session, issuer: str, contacts: Sequence[Contact], since: datetime
) -> list[Contact]:
    """The contacts with what is noted of meetings about their people."""
    people = individuals.by_record_number(session, issuer)
    noted = meetings.by_person(session, issuer, since.date())
    told = [noted.get(people.get(each.individual.id, ""), ()) for each in contacts]
    return [
        each.model_copy(update={"collaboration": (*each.collaboration, *more)}) if more else each
        for each, more in zip(contacts, told, strict=True)
    ]
