"""The staff registry: who works here, with which credentials and roles, and the programme they work in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from app import audit, staff_csv
from app.actor import ADMINISTRATOR, ENGINEER, ROLES, SUPERVISOR, Actor, require
from app.problems import MendInput, NotAllowed, NotFound, Problem
from app.registry import jurisdiction_of
from app.staff_changes import PROGRAM_ACTIONS, Change, changed_fields, edit_of, history, require_fresh
from app.store import once, rows
from app.tables import ProgramRow, StaffRow
from app.tables.base import Table
from mappings.intake import write_record
from mappings.library import Library, load
from mappings.office_codes import office_codes, unknown_codes
from mappings.records import Program, Staff

NOBODY_YET = ""


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

    @property
    def edit(self) -> str:
        """The name of exactly this state, to be given to `save` by who changes it."""
        return edit_of(self.record, sorted(self.roles), self.active)


@dataclass(frozen=True)
class ProgramMember:
    """The programme of one EHR with the EHR's references to its Organization and Location."""

    record: Program
    organization: str | None
    location: str | None

    @property
    def edit(self) -> str:
        """The name of exactly this state, to be given to `save_program` by who changes it."""
        return edit_of(self.record)


@dataclass(frozen=True)
class RefusedLine:
    """One line (counted from 1, the heading is line 1) that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class TakenAway:
    """How many facts of a kind ("credential") an import took away from a member."""

    staff_id: str
    fact: str
    count: int


@dataclass(frozen=True)
class ImportReport:
    """What an import did: ids saved, lines refused, ids that stood so already, and what was taken away."""

    saved: tuple[str, ...]
    refused: tuple[RefusedLine, ...]
    unchanged: tuple[str, ...] = ()
    taken: tuple[TakenAway, ...] = ()


def save(
    session: Session,
    actor: Actor,
    record: Staff,
    roles: frozenset[str],
    active: bool,
    now: datetime,
    *,
    seen: str | None = None,
    library: Library | None = None,
) -> StaffMember:
    """Save one member whole. Supervisors and administrators keep the registry, nobody their own entry, and
    only administrators make or change administrators. With `seen` (`StaffMember.edit`, NOBODY_YET for a new
    one) only what was shown is changed; with `library` codes that it does not know are refused. The trail
    names the fields that changed. Raises NotAllowed, MendInput, Stale."""
    _may_keep(actor)
    row = session.get(StaffRow, (actor.issuer, record.id), with_for_update=True)
    before = None if row is None else _member(row)
    require_fresh(seen, before.edit if before else NOBODY_YET, "this entry")
    _check(session, actor, record, roles)
    if library is not None:
        require_known_codes(record, library)
    changed = _changed(before, record, roles, active)
    if before is not None and not changed:
        return before
    row = row or StaffRow(issuer=actor.issuer, id=record.id)
    row.record, row.npi, row.roles, row.active = record, record.npi, sorted(roles), active
    row.changed_at, row.changed_by = now, actor.staff_id
    session.add(row)
    session.flush()
    audit.did(
        session,
        actor,
        "staff saved",
        now,
        subject=record.id,
        roles=sorted(roles),
        active=active,
        changed=changed,
    )
    return _member(row)


def require_known_codes(record: Staff | Program, library: Library) -> None:
    """Pass when the library knows every code of the record; raises MendInput with each reason by its path."""
    unknown = unknown_codes(record, office_codes(library))
    if unknown:
        words = "; ".join(f"{path}: {reason}" for path, reason in unknown.items())
        raise MendInput(f"{words}.", "Use one of them.", unknown)


def changes_of(session: Session, actor: Actor, staff_id: str) -> tuple[Change, ...]:
    """The changes of one member, the latest first; for supervisors and administrators (NotAllowed)."""
    _may_keep(actor)
    return history(session, actor.issuer, staff_id)


def program_changes(session: Session, actor: Actor) -> tuple[Change, ...]:
    """The changes of the programme, the latest first; for supervisors and administrators (NotAllowed)."""
    _may_keep(actor)
    row = _program_row(session, actor.issuer)
    return () if row is None else history(session, actor.issuer, row.id, PROGRAM_ACTIONS)


def find(session: Session, issuer: str, staff_id: str) -> StaffMember | None:
    """The member with this id, None when there is none."""
    return _first(session, _BY_ID, issuer=issuer, id=staff_id)


def by_npi(session: Session, issuer: str, npi: str) -> StaffMember | None:
    """The member with this NPI, None when there is none."""
    return _first(session, _BY_NPI, issuer=issuer, npi=npi)


def by_practitioner(session: Session, issuer: str, reference: str) -> StaffMember | None:
    """The member the EHR knows under this reference, None when there is none."""
    return _first(session, _BY_PRACTITIONER, issuer=issuer, practitioner=reference)


def listing(session: Session, actor: Actor) -> tuple[StaffMember, ...]:
    """All members of this EHR in order of name; for supervisors and administrators (NotAllowed)."""
    _may_keep(actor)
    return tuple(sorted(everyone(session, actor.issuer), key=lambda member: (member.name, member.record.id)))


def everyone(session: Session, issuer: str) -> tuple[StaffMember, ...]:
    """All members of one EHR, for the rules and the Bundles."""
    found = select(StaffRow).where(StaffRow.issuer == issuer).order_by(StaffRow.id)
    return once(session, (StaffRow, issuer), lambda: tuple(_member(row) for row in session.scalars(found)))


def link_practitioner(session: Session, issuer: str, staff_id: str, reference: str, now: datetime) -> None:
    """Note under which reference the EHR knows a member. Raises NotFound for an unknown member, and
    NotAllowed when that reference is another member's: one login is one person."""
    known = find(session, issuer, staff_id)
    if known is None:
        raise NotFound(f"There is no staff member {staff_id}.", "Add the member to the staff registry.")
    if known.practitioner == reference:
        return
    if by_practitioner(session, issuer, reference) is not None:
        raise NotAllowed(
            f"The EHR knows {reference} as another member of the staff.",
            "Ask whoever keeps the staff registry to look at both entries.",
        )
    row = session.get_one(StaffRow, (issuer, staff_id))
    row.practitioner, row.changed_at = reference, now
    session.flush()
    audit.write(session, issuer, "practitioner linked", now, subject=staff_id, reference=reference)


def import_csv(
    session: Session, actor: Actor, text: str, now: datetime, library: Library | None = None
) -> ImportReport:
    """Save every member of the CSV text (`staff_csv.COLUMNS`, a row for each fact): what the file says of a
    member is the whole of it, and what that takes away is told. A member with a wrong line is refused whole,
    the others are saved; codes are those of `library` (the shipped one unless given). Raises NotAllowed, and
    MendInput when the heading is not that of a staff file."""
    _may_keep(actor)
    known = {member.record.id: member for member in everyone(session, actor.issuer)}
    codes = office_codes(library or load())
    saved: list[str] = []
    same: list[str] = []
    taken: list[TakenAway] = []
    refused: list[RefusedLine] = []
    for lines in staff_csv.read(text, codes, jurisdiction_of(session, actor.issuer)):
        before = known.get(lines.staff_id)
        reasons = _import_one(session, actor, lines, before, now)
        if reasons:
            refused.extend(RefusedLine(number, reason) for number, reason in reasons.items())
        elif before is not None and _same(before, lines):
            same.append(lines.staff_id)
        else:
            saved.append(lines.staff_id)
            taken.extend(_taken(before, lines))
    audit.did(session, actor, "staff imported", now, saved=len(saved), refused=len(refused))
    return ImportReport(tuple(saved), tuple(refused), tuple(same), tuple(taken))


def export_csv(session: Session, actor: Actor) -> str:
    """The registry as CSV text in the form that `import_csv` reads. Raises NotAllowed."""
    members = listing(session, actor)
    return staff_csv.write((member.record, member.roles, member.active) for member in members)


def _import_one(
    session: Session,
    actor: Actor,
    lines: staff_csv.StaffLines,
    known: StaffMember | None,
    now: datetime,
) -> dict[int, str]:
    """The reason for each refused line; none when the member was saved, or stood so already."""
    if lines.record is None:
        return dict(lines.reasons)
    if known is not None and _same(known, lines):
        return {}
    record = lines.record
    if known is not None:
        record = record.model_copy(update=_beside_the_file(known.record, lines))
    try:
        save(session, actor, record, lines.roles, lines.active, now)
    except Problem as problem:
        return dict.fromkeys(lines.lines, str(problem))
    return {}


def _same(known: StaffMember, lines: staff_csv.StaffLines) -> bool:
    if lines.record is None:
        return False
    record = lines.record.model_copy(update=_beside_the_file(known.record, lines))
    return (known.record, known.roles, known.active) == (record, lines.roles, lines.active)


def _beside_the_file(known: Staff, lines: staff_csv.StaffLines) -> dict[str, object]:
    # No column holds these, so what the file does not say of them takes nothing away.
    return {name: getattr(known, name) for name in ("jurisdiction", *lines.untold)}


def _taken(before: StaffMember | None, lines: staff_csv.StaffLines) -> list[TakenAway]:
    if before is None or lines.record is None:
        return []
    record = lines.record.model_copy(update=_beside_the_file(before.record, lines))
    had, has = staff_csv.facts_of(before.record), staff_csv.facts_of(record)
    return [
        TakenAway(before.record.id, fact, count) for fact, count in (had - has).items() if fact != "member"
    ]


def save_program(
    session: Session,
    actor: Actor,
    record: Program,
    now: datetime,
    *,
    organization: str | None = None,
    location: str | None = None,
    seen: str | None = None,
    library: Library | None = None,
) -> None:
    """Save the programme; references given replace the ones kept. `seen` (`ProgramMember.edit`, NOBODY_YET
    before there is one) and `library` as for `save`. Raises NotAllowed, Stale, and MendInput for a second
    programme in one EHR or an unknown kind of policy."""
    _may_keep(actor)
    known = _program_row(session, actor.issuer)
    require_fresh(seen, edit_of(known.record) if known else NOBODY_YET, "the programme")
    if known is not None and known.id != record.id:
        raise MendInput(
            f"The programme of this EHR is {known.id}.", "Change that one.", {"id": "another programme"}
        )
    if library is not None:
        require_known_codes(record, library)
    changed = changed_fields(write_record(known.record) if known else {}, write_record(record))
    row = known or ProgramRow(issuer=actor.issuer, id=record.id)
    places = (organization or row.organization, location or row.location)
    if known is not None and not changed and places == (row.organization, row.location):
        return
    row.record, row.changed_at, row.changed_by = record, now, actor.staff_id
    row.organization, row.location = places
    session.add(row)
    session.flush()
    audit.did(session, actor, "programme saved", now, subject=record.id, changed=list(changed))


def link_program(
    session: Session, issuer: str, now: datetime, *, organization: str | None, location: str | None
) -> None:
    """Note where the EHR keeps the programme; nothing happens where there is none or nothing is new."""
    known = program_member(session, issuer)
    if known is None:
        return
    fresh = (organization or known.organization, location or known.location)
    if fresh != (known.organization, known.location):
        row = session.get_one(ProgramRow, (issuer, known.record.id))
        row.organization, row.location = fresh
        row.changed_at = now
        session.flush()
        audit.write(session, issuer, "programme linked", now, subject=row.id, organization=row.organization)


def program_of(session: Session, issuer: str) -> Program | None:
    """The programme of this EHR, None before it is set up."""
    known = program_member(session, issuer)
    return None if known is None else known.record


def program_member(session: Session, issuer: str) -> ProgramMember | None:
    """The programme with its references, None before it is set up."""
    row = once(session, (ProgramRow, issuer), lambda: rows(session, _PROGRAM, issuer=issuer).first())
    return None if row is None else ProgramMember(row.record, row.organization, row.location)


def _program_row(session: Session, issuer: str) -> ProgramRow | None:
    first = select(ProgramRow).where(ProgramRow.issuer == issuer).order_by(ProgramRow.id)
    return session.scalars(first).first()


def _changed(before: StaffMember | None, record: Staff, roles: frozenset[str], active: bool) -> list[str]:
    own = list(changed_fields(write_record(before.record) if before else {}, write_record(record)))
    own += ["roles"] if before is None or before.roles != roles else []
    return [*own, *(["active"] if before is None or before.active != active else [])]


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
    if {ADMINISTRATOR, ENGINEER} & (roles | held) and not actor.is_any(ADMINISTRATOR):
        raise NotAllowed(
            "Only an administrator makes or changes administrators and interface engineers.",
            "Ask an administrator.",
        )
    other = by_npi(session, actor.issuer, record.npi) if record.npi else None
    if other is not None and other.record.id != record.id:
        raise MendInput(
            f"The NPI {record.npi} is that of {other.record.id}.",
            "Look at both entries.",
            {"npi": f"is that of {other.record.id} already"},
        )


_STAFF = Table.metadata.tables[StaffRow.__tablename__]
_MEMBER = select(_STAFF).where(_STAFF.c.issuer == bindparam("issuer"))
_BY_ID = _MEMBER.where(_STAFF.c.id == bindparam("id"))
_BY_NPI = _MEMBER.where(_STAFF.c.npi == bindparam("npi"))
_BY_PRACTITIONER = _MEMBER.where(_STAFF.c.practitioner == bindparam("practitioner"))
_PROGRAMS = Table.metadata.tables[ProgramRow.__tablename__]
_PROGRAM = select(_PROGRAMS).where(_PROGRAMS.c.issuer == bindparam("issuer")).order_by(_PROGRAMS.c.id)


def _first(session: Session, statement: Select[Any], **values: str) -> StaffMember | None:
    row = rows(session, statement, **values).first()
    return None if row is None else _member(row)


def _member(row: StaffRow | Row[Any]) -> StaffMember:
    return StaffMember(row.record, frozenset(row.roles), row.practitioner, row.active)
