"""Authorizations as people are shown them: granted, used, left, until when, and what the rules say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, tzinfo

from sqlalchemy.orm import Session

from app import individuals, staff
from app.authorization_check import Details
from app.authorized_units import APPROVED, DENIED, PENDING, RETURNED, WITHDRAWN, Taken, grant_of, last_day
from app.registry import jurisdiction_of
from app.tables import AuthorizationRow
from mappings import authorizing
from mappings.days import zone_of
from mappings.findings import Finding
from mappings.library import Library
from mappings.records import (
    AuthorizationFields,
    Contact,
    Individual,
    Program,
    ProgramFields,
    Record,
    Service,
    Staff,
    StaffFields,
)

ENDS_SOON_DAYS, FEW_UNITS = 14, 4
NOT_SENT, ASKED, OVER, USED_UP = "not-sent", "asked", "over", "used-up"


@dataclass(frozen=True)
class Office:
    """What stands around every authorization of one EHR: its place, programme and staff."""

    jurisdiction: str
    program: Program | None
    staff: tuple[Staff, ...]

    @property
    def zone(self) -> tzinfo:
        """The programme's time zone, UTC where it has none."""
        return zone_of(self.program, None)

    @property
    def records(self) -> list[Record]:
        """The same as records for the rules."""
        return [*self.staff, *([self.program] if self.program is not None else [])]


@dataclass(frozen=True)
class AuthorizationView:
    """One authorization as it stands. `granted` are the units that count by the rules of its first day,
    `used` those of released claims and those used elsewhere, `left` what remains, `drafted` what unreleased
    claims would take; `last` the day after which it no longer counts. `state` is not-sent, asked, approved,
    used-up, over, denied, returned or withdrawn; `findings` what the rules say of the request."""

    id: str
    version: int
    patient: str
    person: str
    extends: str | None
    details: Details
    state: str
    granted: int | None
    used: int
    left: int | None
    released: int
    drafted: int
    last: date | None
    ended_on: date | None
    days_left: int | None
    findings: tuple[Finding, ...]
    changed_by: str
    changed_at: datetime

    @property
    def number(self) -> str:
        """What people call it: the payer's number, else the code and that none is known."""
        return self.details.number or f"{self.details.service} without a number"

    @property
    def ends_soon(self) -> bool:
        """Whether its last day is near."""
        return self.state == APPROVED and self.days_left is not None and self.days_left <= ENDS_SOON_DAYS

    @property
    def few_left(self) -> bool:
        """Whether few of its units are left."""
        return self.state in (APPROVED, USED_UP) and self.left is not None and self.left <= FEW_UNITS

    @property
    def overdue(self) -> bool:
        """Whether the payer's answer is late, as the rules say (R088)."""
        return self.state == ASKED and any(f.result != "pass" and f.severity == "warn" for f in self.awaited)

    @property
    def urgent(self) -> bool:
        """Whether somebody should do something about it now."""
        return self.ends_soon or self.few_left or self.overdue or self.state == RETURNED

    @property
    def closed(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in (OVER, DENIED, WITHDRAWN)

    @property
    def awaited(self) -> tuple[Finding, ...]:
        """What the rules say of the payer's answer."""
        return tuple(each for each in self.findings if each.stage == "workflow" and each.result != "fail")


def office_of(session: Session, issuer: str) -> Office:
    """What stands around the authorizations of one EHR."""
    members = tuple(member.record for member in staff.everyone(session, issuer))
    return Office(jurisdiction_of(session, issuer), staff.program_of(session, issuer), members)


def details_of(row: AuthorizationRow) -> Details:
    """One version as the office wrote it."""
    return Details(**{each.name: getattr(row, each.name) for each in fields(Details)})


def view_of(
    session: Session,
    row: AuthorizationRow,
    rows: Sequence[AuthorizationRow],
    used: Taken,
    library: Library,
    now: datetime,
    office: Office,
) -> AuthorizationView:
    """One row as people are shown it, among the current `rows`, with what claims took from it."""
    person = individuals.find(session, row.issuer, row.patient).record
    approved = [each for each in rows if each.answer == APPROVED and each.patient == row.patient]
    granted, last = _counted(row, person, approved, library, now, office)
    spent = row.elsewhere + used.released
    left = None if granted is None else max(0, granted - spent)
    days = None if last is None else (last - now.astimezone(office.zone).date()).days
    return AuthorizationView(
        id=row.id,
        version=row.version,
        patient=row.patient,
        person=individuals.name_of(person),
        extends=row.extends,
        details=details_of(row),
        state=_state(row, left, days),
        granted=granted,
        used=spent,
        left=left,
        released=used.released,
        drafted=used.drafted,
        last=last,
        ended_on=row.ended_on,
        days_left=days,
        findings=_findings(row, person, library, now, office),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )


def _state(row: AuthorizationRow, left: int | None, days: int | None) -> str:
    if row.answer == PENDING:
        return ASKED if row.sent_on is not None else NOT_SENT
    if row.answer != APPROVED:
        return row.answer
    if days is not None and days < 0:
        return OVER
    return USED_UP if left == 0 else APPROVED


def _counted(
    row: AuthorizationRow,
    person: Individual,
    approved: Sequence[AuthorizationRow],
    library: Library,
    now: datetime,
    office: Office,
) -> tuple[int | None, date | None]:
    """The units that count and the last day, by the rules of its first day (R084, R085)."""
    if row.answer != APPROVED:
        return None, last_day(row)
    stand_in = _stand_in(row, person, grant_of(row, approved).fields, row.first_day, now, office)
    return authorizing.span(stand_in, office.records, library, now)


def _findings(
    row: AuthorizationRow, person: Individual, library: Library, now: datetime, office: Office
) -> tuple[Finding, ...]:
    """What the rules of the day of the request say of it: its form, its answer, its member (R083, R087 to
    R089)."""
    asked = AuthorizationFields.model_validate(
        {
            "id": row.id,
            "service": row.service,
            "member": row.member,
            "number": row.number,
            "units": row.asked if row.asked is not None else row.units,
            "from": row.first_day,
            "to": row.last_day,
            "requested_by": row.requested_by,
            "requester_role": row.requester_role,
            "member_approved": row.member_approved,
            "review": row.answer,
        }
    )
    on = row.sent_on or row.requested_on or row.first_day
    stand_in = _stand_in(row, person, asked, on, now, office)
    request = authorizing.Request(asked_on=row.sent_on, certificate=row.certificate or "")
    return authorizing.judge_request(stand_in, request, office.records, library, now)


def _stand_in(
    row: AuthorizationRow,
    person: Individual,
    carried: AuthorizationFields,
    on: date | None,
    now: datetime,
    office: Office,
) -> Contact:
    """A contact of that day, as the ones to come will be: rules speak of contacts."""
    day = on or now.astimezone(office.zone).date()
    return Contact(
        kind="contact",
        id=row.id,
        jurisdiction=office.jurisdiction,
        individual=person,
        program=None if office.program is None else ProgramFields(id=office.program.id),
        peer=StaffFields(id=row.peer) if row.peer else None,
        service=Service(code=row.service),
        start=datetime.combine(day, time(12), office.zone),
        authorization=carried,
    )
