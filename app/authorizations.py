"""Authorizations: what a payer granted, used and left, from the request to the last unit.

Each change is a version of its own beside the earlier ones. Used are the units of released claims and those
that the office says were used elsewhere before; nobody types the sum.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import assignments, audit, authorization_check, billing, individuals, staff
from app.actor import (
    ADMINISTRATOR,
    BILLER,
    CLINICIAN,
    LPHA,
    PEER,
    SUPERVISOR,
    Actor,
    not_here,
    person_of,
    require,
)
from app.authorization_check import Details
from app.authorization_views import USED_UP, AuthorizationView, details_of, office_of, view_of
from app.authorized_units import APPROVED, Taken, current, taken
from app.problems import MendInput, Stale
from app.registry import jurisdiction_of
from app.tables import AuthorizationRow
from mappings.days import zone_of
from mappings.library import Library

KEEPERS = (BILLER, ADMINISTRATOR, SUPERVISOR, CLINICIAN, LPHA)
# Their work is with everybody's units; others begin one for whom they are assigned to.
OF_ALL = (BILLER, ADMINISTRATOR, SUPERVISOR)


def new_authorization_id() -> str:
    """An id that has never been used before."""
    return f"AUTH-{uuid.uuid4()}"


def record(
    session: Session,
    actor: Actor,
    details: Details,
    library: Library,
    now: datetime,
    new_id: Callable[[], str] = new_authorization_id,
    extends: str | None = None,
    patient: str | None = None,
) -> AuthorizationView:
    """Record a request or a payer's authorization for this launch's person, from the office's list for the
    `patient` named (one of `people`), or with `extends` (an id) the extension of one. The person's claims are
    drafted anew. Raises NotAllowed, NotFound, and MendInput naming each field."""
    require(actor, *KEEPERS, to="record authorizations")
    before = _row(session, actor, extends) if extends is not None else None
    patient = before.patient if before is not None else _whose(session, actor, patient, now)
    clean = _checked(session, actor, patient, None, before, details, now)
    row = AuthorizationRow(issuer=actor.issuer, id=new_id(), version=1, patient=patient, extends=extends)
    _keep(session, actor, row, clean, None, now)
    word = "authorization recorded" if extends is None else "extension of an authorization recorded"
    return _written(session, actor, row, word, library, now)


def change(
    session: Session,
    actor: Actor,
    authorization_id: str,
    seen: int,
    details: Details,
    library: Library,
    now: datetime,
) -> AuthorizationView:
    """Write an authorization anew over the version that was `seen`; the earlier version stays. The same again
    changes nothing. Raises NotAllowed, NotFound, Stale, and MendInput naming each field."""
    require(actor, *KEEPERS, to="change authorizations")
    row = _row(session, actor, authorization_id, seen)
    before = _row(session, actor, row.extends) if row.extends is not None else None
    clean = _checked(session, actor, row.patient, row, before, details, now)
    if clean == details_of(row):
        return _view(session, actor, row, library, now)
    fresh = _next(row)
    _keep(session, actor, fresh, clean, row.ended_on, now)
    return _written(session, actor, fresh, "authorization changed", library, now)


def end(
    session: Session,
    actor: Actor,
    authorization_id: str,
    seen: int,
    on: date | None,
    library: Library,
    now: datetime,
) -> AuthorizationView:
    """End an authorization: after the day `on` nobody takes units of it. Raises NotAllowed, NotFound, Stale,
    and MendInput for a day before its first day or before units that are released."""
    require(actor, *KEEPERS, to="end authorizations")
    row = _row(session, actor, authorization_id, seen)
    used = taken(session, actor.issuer, row.patient).get(row.id, Taken())
    words = ""
    if on is None:
        words = "Write the last day on which it counts."
    elif row.first_day is not None and on < row.first_day:
        words = f"It begins on {row.first_day}. Record it as withdrawn if it never counted."
    elif used.last is not None and on < used.last:
        words = f"Units of {used.last} are released; it cannot end earlier."
    if words:
        raise MendInput("The authorization was not ended.", "Mend the day.", {"ended_on": words})
    fresh = _next(row)
    _keep(session, actor, fresh, details_of(row), on, now)
    return _written(session, actor, fresh, "authorization ended", library, now)


def extension_of(session: Session, actor: Actor, authorization_id: str, now: datetime) -> Details:
    """What the request for an extension begins with: the same member, service and peer, asked for today, from
    the day after the last one. Raises NotAllowed, NotFound."""
    require(actor, *KEEPERS, to="ask for an extension")
    row = _row(session, actor, authorization_id)
    return Details(
        service=row.service,
        member=row.member,
        peer=row.peer,
        certificate=row.certificate,
        requested_by=row.requested_by,
        requester_role=row.requester_role,
        requested_on=_today(session, actor, now),
        member_approved=row.member_approved,
    )


def people(session: Session, actor: Actor, now: datetime) -> dict[str, str]:
    """For whom one may be begun from the office's list: the EHR's id and the name with the record number, by
    name. Raises NotAllowed."""
    require(actor, *KEEPERS, to="record authorizations")
    reach = None if actor.is_any(*OF_ALL) else assignments.reach(session, actor, now)
    numbers = {
        patient: number for number, patient in individuals.by_record_number(session, actor.issuer).items()
    }
    named = sorted(individuals.names(session, actor.issuer).items(), key=lambda pair: (pair[1], pair[0]))
    return {
        patient: f"{name}, {numbers[patient]}"
        for patient, name in named
        if reach is None or reach.covers(patient)
    }


def _whose(session: Session, actor: Actor, patient: str | None, now: datetime) -> str:
    """The person of the launch; where it has none, the one named, if the actor may begin one for them."""
    if actor.patient is not None or patient is None:
        return person_of(actor)
    if patient not in people(session, actor, now):
        raise not_here("individual")
    return patient


def first_of(
    session: Session, actor: Actor, library: Library, now: datetime, patient: str | None = None
) -> Details:
    """What a new request begins with: the code of peer support, the person's member id, today. `patient` as
    for `record`. Raises NotAllowed, NotFound."""
    require(actor, *KEEPERS, to="record authorizations")
    person = individuals.find(session, actor.issuer, _whose(session, actor, patient, now)).record
    today = _today(session, actor, now)
    code = library.parameter("code.individual", today, jurisdiction_of(session, actor.issuer))
    members = [each.member_id for each in person.coverages if each.member_id]
    return Details(
        service=str(code.value) if code is not None else "",
        member=members[0] if members else None,
        requested_on=today,
    )


def listing(
    session: Session, actor: Actor, library: Library, now: datetime, patient: str | None = None
) -> list[AuthorizationView]:
    """The authorizations of this launch's person, else of everybody in this EHR or of `patient`. In the
    office's list those that end soon, have few units left or wait too long for an answer come first. Raises
    NotAllowed."""
    require(actor, *KEEPERS, to="see authorizations")
    views = _views(session, actor, actor.patient or patient, library, now)
    if actor.patient is not None:
        return views
    return sorted(views, key=lambda each: (not each.urgent, each.closed, each.last or date.max, each.id))


def units_left(session: Session, actor: Actor, library: Library, now: datetime) -> list[AuthorizationView]:
    """What payers granted to this launch's person and what is left of it, for everybody who writes or reads
    contacts. Raises NotAllowed."""
    require(actor, PEER, *KEEPERS, to="see the units left")
    views = _views(session, actor, person_of(actor), library, now)
    return [view for view in views if view.state in (APPROVED, USED_UP)]


def view(
    session: Session, actor: Actor, authorization_id: str, library: Library, now: datetime
) -> AuthorizationView:
    """One authorization as it stands. Raises NotAllowed, and NotFound for another person's."""
    require(actor, *KEEPERS, to="see authorizations")
    return _view(session, actor, _row(session, actor, authorization_id), library, now)


def versions(
    session: Session, actor: Actor, authorization_id: str
) -> list[tuple[int, Details, str, datetime]]:
    """Every version of an authorization, the latest first: number, what it said, who wrote it and when.
    Raises NotAllowed, NotFound."""
    require(actor, *KEEPERS, to="see authorizations")
    row = _row(session, actor, authorization_id)
    rows = session.scalars(
        select(AuthorizationRow)
        .where(AuthorizationRow.issuer == row.issuer, AuthorizationRow.id == row.id)
        .order_by(AuthorizationRow.version.desc())
    )
    return [(each.version, details_of(each), each.changed_by, each.changed_at) for each in rows]


def _row(session: Session, actor: Actor, authorization_id: str, seen: int | None = None) -> AuthorizationRow:
    row = session.scalars(
        select(AuthorizationRow)
        .where(AuthorizationRow.issuer == actor.issuer, AuthorizationRow.id == authorization_id)
        .order_by(AuthorizationRow.version.desc())
        .limit(1)
    ).first()
    if row is None or actor.patient not in (None, row.patient):
        raise not_here("authorization")
    if seen is not None and seen != row.version:
        raise Stale(
            "This authorization was changed in another window meanwhile.", "Look at it and change it again."
        )
    return row


def _checked(
    session: Session,
    actor: Actor,
    patient: str,
    row: AuthorizationRow | None,
    extends: AuthorizationRow | None,
    details: Details,
    now: datetime,
) -> Details:
    clean = authorization_check.tidy(details)
    others = [each for each in current(session, actor.issuer, patient) if row is None or each.id != row.id]
    used = taken(session, actor.issuer, patient).get(row.id, Taken()) if row is not None else Taken()
    authorization_check.check(clean, row, extends, others, used, _today(session, actor, now))
    return clean


def _next(row: AuthorizationRow) -> AuthorizationRow:
    return AuthorizationRow(
        issuer=row.issuer, id=row.id, version=row.version + 1, patient=row.patient, extends=row.extends
    )


def _keep(
    session: Session,
    actor: Actor,
    row: AuthorizationRow,
    details: Details,
    ended_on: date | None,
    now: datetime,
) -> None:
    for name, value in asdict(details).items():
        setattr(row, name, value)
    row.ended_on, row.changed_by, row.changed_at = ended_on, actor.staff_id, now
    session.add(row)
    session.flush()


def _written(
    session: Session, actor: Actor, row: AuthorizationRow, action: str, library: Library, now: datetime
) -> AuthorizationView:
    audit.did(
        session,
        actor,
        action,
        now,
        subject=row.id,
        version=row.version,
        patient=row.patient,
        answer=row.answer,
        units=row.units,
        elsewhere=row.elsewhere,
    )
    billing.draft(session, actor.issuer, row.patient, library, now)
    return _view(session, actor, row, library, now)


def _views(
    session: Session, actor: Actor, patient: str | None, library: Library, now: datetime
) -> list[AuthorizationView]:
    rows = current(session, actor.issuer, patient)
    if not rows:
        return []
    used = taken(session, actor.issuer, patient)
    office = office_of(session, actor.issuer)
    return [view_of(session, row, rows, used.get(row.id, Taken()), library, now, office) for row in rows]


def _view(
    session: Session, actor: Actor, row: AuthorizationRow, library: Library, now: datetime
) -> AuthorizationView:
    rows = current(session, actor.issuer, row.patient)
    used = taken(session, actor.issuer, row.patient).get(row.id, Taken())
    return view_of(session, row, rows, used, library, now, office_of(session, actor.issuer))


def _today(session: Session, actor: Actor, now: datetime) -> date:
    return now.astimezone(zone_of(staff.program_of(session, actor.issuer), None)).date()
