"""The staff registry: who works here, with which credentials and roles, and the programme they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, staff_csv
from app.actor import ADMINISTRATOR, ROLES, SUPERVISOR, Actor, require
from app.problems import MendInput, NotAllowed, NotFound, Problem
from app.registry import jurisdiction_of
from app.tables import ProgramRow, StaffRow
from mappings.records import Program, Staff


@dataclass(frozen=True)
class StaffMember:
    """One member of the staff; `practitioner` is the EHR's reference ("Practitioner/prac-rivera")."""

    record: Staff
    roles: frozenset[str]
    practitioner: str | None
    active: bool

    @property
    def name(self) -> str:
        """The name as people read it, or the id where none is known."""
        return self.record.name.full if self.record.name and self.record.name.full else self.record.id


@dataclass(frozen=True)
class ProgramMember:
    """The programme of one EHR with the EHR's references to its Organization and Location."""

    record: Program
    organization: str | None
    location: str | None


@dataclass(frozen=True)
class RefusedLine:
    """One line (counted from 1, the heading is line 1) that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import did: ids saved, and lines refused."""

    saved: tuple[str, ...]
    refused: tuple[RefusedLine, ...]


def save(
    session: Session, actor: Actor, record: Staff, roles: frozenset[str], active: bool, now: datetime
) -> StaffMember:
    """Save one member whole. Supervisors and administrators keep the registry, nobody their own entry, and
    only administrators make or change administrators. Raises NotAllowed, MendInput."""
    _may_keep(actor)
    _check(session, actor, record, roles)
    row = session.get(StaffRow, (actor.issuer, record.id))
    if row is None:
        row = StaffRow(issuer=actor.issuer, id=record.id)
        session.add(row)
    row.record, row.npi, row.roles, row.active = record, record.npi, sorted(roles), active
    row.changed_at, row.changed_by = now, actor.staff_id
    session.flush()
    audit.did(session, actor, "staff saved", now, subject=record.id, roles=sorted(roles), active=active)
    return _member(row)


def find(session: Session, issuer: str, staff_id: str) -> StaffMember | None:
    """The member with this id, None when there is none."""
    row = session.get(StaffRow, (issuer, staff_id))
    return None if row is None else _member(row)


def by_npi(session: Session, issuer: str, npi: str) -> StaffMember | None:
    """The member with this NPI, None when there is none."""
    return _first(session, StaffRow.issuer == issuer, StaffRow.npi == npi)


def by_practitioner(session: Session, issuer: str, reference: str) -> StaffMember | None:
    """The member the EHR knows under this reference, None when there is none."""
    return _first(session, StaffRow.issuer == issuer, StaffRow.practitioner == reference)


def listing(session: Session, actor: Actor) -> tuple[StaffMember, ...]:
    """All members of this EHR in order of name; for supervisors and administrators (NotAllowed)."""
    _may_keep(actor)
    return tuple(sorted(everyone(session, actor.issuer), key=lambda member: (member.name, member.record.id)))


def everyone(session: Session, issuer: str) -> tuple[StaffMember, ...]:
    """All members of one EHR, for the rules and the Bundles."""
    rows = session.scalars(select(StaffRow).where(StaffRow.issuer == issuer).order_by(StaffRow.id))
    return tuple(_member(row) for row in rows)


def link_practitioner(session: Session, issuer: str, staff_id: str, reference: str, now: datetime) -> None:
    """Note under which reference the EHR knows a member. Raises NotFound for an unknown member, and
    NotAllowed when that reference is another member's: one login is one person."""
    row = session.get(StaffRow, (issuer, staff_id))
    if row is None:
        raise NotFound(f"There is no staff member {staff_id}.", "Add the member to the staff registry.")
    if row.practitioner == reference:
        return
    if by_practitioner(session, issuer, reference) is not None:
        raise NotAllowed(
            f"The EHR knows {reference} as another member of the staff.",
            "Ask whoever keeps the staff registry to look at both entries.",
        )
    row.practitioner, row.changed_at = reference, now
    session.flush()
    audit.write(session, issuer, "practitioner linked", now, subject=staff_id, reference=reference)


def import_csv(session: Session, actor: Actor, text: str, now: datetime) -> ImportReport:
    """Save every member of the CSV text (columns of `staff_csv.COLUMNS`, a row for each credential); a member
    with a wrong line is refused whole, the others are saved. Raises NotAllowed, and MendInput when the
    heading is not that of a staff file."""
    _may_keep(actor)
    known = {member.record.id: member for member in everyone(session, actor.issuer)}
    records = {staff_id: member.record for staff_id, member in known.items()}
    saved: list[str] = []
    refused: list[RefusedLine] = []
    for lines in staff_csv.read(text, records, jurisdiction_of(session, actor.issuer)):
        reason = _import_one(session, actor, lines, known.get(lines.staff_id), now)
        if reason:
            refused.extend(RefusedLine(number, reason) for number in lines.lines)
        else:
            saved.append(lines.staff_id)
    audit.did(session, actor, "staff imported", now, saved=len(saved), refused=len(refused))
    return ImportReport(tuple(saved), tuple(refused))


def export_csv(session: Session, actor: Actor) -> str:
    """The registry as CSV text in the form that `import_csv` reads. Raises NotAllowed."""
    return staff_csv.write((member.record, member.roles) for member in listing(session, actor))


def _import_one(
    session: Session,
    actor: Actor,
    lines: staff_csv.StaffLines,
    known: StaffMember | None,
    now: datetime,
) -> str:
    if lines.record is None:
        return lines.reason
    if known is not None and (known.record, known.roles) == (lines.record, lines.roles):
        return ""
    try:
        save(session, actor, lines.record, lines.roles, known.active if known else True, now)
    except Problem as problem:
        return str(problem)
    return ""


def save_program(
    session: Session,
    actor: Actor,
    record: Program,
    now: datetime,
    *,
    organization: str | None = None,
    location: str | None = None,
) -> None:
    """Save the programme; references given replace the ones kept. Raises NotAllowed, and MendInput for a
    second programme in one EHR."""
    _may_keep(actor)
    known = _program_row(session, actor.issuer)
    if known is not None and known.id != record.id:
        raise MendInput(
            f"The programme of this EHR is {known.id}.", "Change that one.", {"id": "another programme"}
        )
    row = known or ProgramRow(issuer=actor.issuer, id=record.id)
    row.record, row.changed_at, row.changed_by = record, now, actor.staff_id
    row.organization = organization or row.organization
    row.location = location or row.location
    session.add(row)
    session.flush()
    audit.did(session, actor, "programme saved", now, subject=record.id)


def link_program(
    session: Session, issuer: str, now: datetime, *, organization: str | None, location: str | None
) -> None:
    """Note where the EHR keeps the programme; nothing happens where there is none or nothing is new."""
    row = _program_row(session, issuer)
    if row is None:
        return
    fresh = (organization or row.organization, location or row.location)
    if fresh != (row.organization, row.location):
        row.organization, row.location = fresh
        row.changed_at = now
        session.flush()
        audit.write(session, issuer, "programme linked", now, subject=row.id, organization=row.organization)


def program_of(session: Session, issuer: str) -> Program | None:
    """The programme of this EHR, None before it is set up."""
    row = _program_row(session, issuer)
    return None if row is None else row.record


def program_member(session: Session, issuer: str) -> ProgramMember | None:
    """The programme with its references, None before it is set up."""
    row = _program_row(session, issuer)
    return None if row is None else ProgramMember(row.record, row.organization, row.location)


def _program_row(session: Session, issuer: str) -> ProgramRow | None:
    return session.scalars(
        select(ProgramRow).where(ProgramRow.issuer == issuer).order_by(ProgramRow.id)
    ).first()


def _may_keep(actor: Actor) -> None:
    require(actor, SUPERVISOR, ADMINISTRATOR, to="keep the staff registry")


def _check(session: Session, actor: Actor, record: Staff, roles: frozenset[str]) -> None:
    if record.id == actor.staff_id:
        raise NotAllowed("Nobody changes their own entry.", "Ask another keeper of the staff registry.")
    unknown = roles - ROLES
    if unknown:
        wanted = ", ".join(sorted(ROLES))
        raise MendInput(
            f"Unknown role {', '.join(sorted(unknown))}.", f"Use {wanted}.", {"roles": f"expected {wanted}"}
        )
    known = session.get(StaffRow, (actor.issuer, record.id))
    held = set(known.roles) if known else set()
    if ADMINISTRATOR in (roles | held) and not actor.is_any(ADMINISTRATOR):
        raise NotAllowed("Only an administrator makes or changes administrators.", "Ask an administrator.")
    other = by_npi(session, actor.issuer, record.npi) if record.npi else None
    if other is not None and other.record.id != record.id:
        raise MendInput(
            f"The NPI {record.npi} is that of {other.record.id}.",
            "Look at both entries.",
            {"npi": f"is that of {other.record.id} already"},
        )


def _first(session: Session, *conditions: object) -> StaffMember | None:
    row = session.scalars(select(StaffRow).where(*conditions)).first()  # type: ignore[arg-type]
    return None if row is None else _member(row)


def _member(row: StaffRow) -> StaffMember:
    return StaffMember(row.record, frozenset(row.roles), row.practitioner, row.active)
