"""What the rules say today of the staff and of the programme: to look at in time, never holding anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import staff
from app.actor import ADMINISTRATOR, SUPERVISOR, Actor, require
from app.judging import current_version
from app.tables import ContactRow, PlanEntryRow, VersionRow
from app.words import DISCARDED, DRAFT, ENDED, SIGNED
from mappings.findings import Finding, Judgement
from mappings.library import Library
from mappings.records import Program, Record
from mappings.rules import judge_office
from mappings.situation import zone_of

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
    members = staff.everyone(session, actor.issuer)
    records: list[Record] = [member.record for member in members]
    local = now.astimezone(zone_of(staff.program_of(session, actor.issuer), now))
    told = _meetings(session, actor.issuer, _since(library, now))
    judged = {each.id: each for each in judge_office([*records, *told], library, local)}
    return {member.record.id: judged[member.record.id] for member in members if member.active}


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
            VersionRow.state.not_in((DRAFT, DISCARDED)),
        )
    )
    entries = session.scalars(
        select(PlanEntryRow.record).where(
            PlanEntryRow.issuer == issuer, PlanEntryRow.state.in_((SIGNED, ENDED))
        )
    )
    return [*contacts, *entries]
