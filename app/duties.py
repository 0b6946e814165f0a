"""Duties that wait for no signature: risk that was seen, service that was not voluntary.

From the first saving on supervisors, LPHAs and clinicians see that there is one, and nothing of the note.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, individuals, staff
from app.actor import CLINICIAN, LPHA, SUPERVISOR, Actor, not_here, require
from app.judging import current_version
from app.problems import NotAllowed, Stale
from app.tables import ContactRow, DutyRow, VersionRow
from mappings.records import Contact

READERS = (SUPERVISOR, LPHA, CLINICIAN)
RISK, VOLUNTARY = "risk", "voluntary"
RULES = {RISK: "GEN.SCOPE.RISK", VOLUNTARY: "GEN.SCOPE.VOLUNTARY"}
APPEARED, SEEN, WITHDRAWN = "appeared", "seen", "withdrawn"
_APPEARS = {RISK: "risk reported", VOLUNTARY: "service reported as not voluntary"}
_GOES = {RISK: "report of risk withdrawn", VOLUNTARY: "report of service not voluntary withdrawn"}


@dataclass(frozen=True)
class SeenBy:
    """Who of the staff saw a duty, and when (aware)."""

    by: str
    name: str
    at: datetime


@dataclass(frozen=True)
class Duty:
    """One fact that people must know at once. `number` names this appearance of it; `reported_at` is when it
    was first saved, `start` the beginning of the contact, both aware; `told` whom the peer told of a risk,
    None for nobody yet; `mine` where the reader wrote it."""

    contact: str
    duty: str
    rule: str
    number: int
    patient: str
    person: str
    mrn: str
    peer: str
    start: datetime | None
    reported_at: datetime
    told: str | None
    told_at: datetime | None
    seen: tuple[SeenBy, ...]
    seen_by_me: bool
    mine: bool

    @property
    def nobody_told(self) -> bool:
        """True for a risk of which the peer has told nobody yet."""
        return self.duty == RISK and self.told is None


@dataclass(frozen=True)
class Duties:
    """What nobody has seen yet, risks of which nobody was told first, then the oldest; and what somebody of
    the staff has seen, the latest first."""

    open: tuple[Duty, ...]
    seen: tuple[Duty, ...]


def reported(contact: Contact) -> frozenset[str]:
    """The duties of a contact, however little else is written (GEN.SCOPE.RISK, GEN.SCOPE.VOLUNTARY)."""
    risk = contact.risk is not None and contact.risk.seen is True
    forced = contact.service is not None and contact.service.voluntary is False
    return frozenset(duty for duty, there in ((RISK, risk), (VOLUNTARY, forced)) if there)


def follow(
    session: Session, actor: Actor, row: ContactRow, record: Contact | None, version: int, now: datetime
) -> None:
    """Note what appeared and what was taken back, now that `record` is what the contact says (None where
    nothing is left of it). One audit line for each."""
    there = reported(record) if record is not None else frozenset()
    for duty in RULES:
        moments = _moments(session, row, duty)
        stands = _appearance(moments) is not None
        if stands == (duty in there):
            continue
        event, words = (WITHDRAWN, _GOES) if stands else (APPEARED, _APPEARS)
        _add(session, row, duty, len(moments) + 1, event, version, actor.staff_id, now)
        audit.did(session, actor, words[duty], now, subject=row.id, version=version, patient=row.patient)


def listing(session: Session, actor: Actor, seen_since: datetime | None = None) -> Duties:
    """What stands: of the person whose chart is open, else of everybody in this EHR; of what was seen only
    what was seen at `seen_since` or later, all when None. Raises NotAllowed."""
    require(actor, *READERS, to="read what was reported")
    query = select(DutyRow).where(DutyRow.issuer == actor.issuer)
    if actor.patient is not None:
        query = query.where(DutyRow.patient == actor.patient)
    rows = session.scalars(query.order_by(DutyRow.contact, DutyRow.duty, DutyRow.number)).all()
    each = [tuple(moments) for _, moments in groupby(rows, key=lambda row: (row.contact, row.duty))]
    standing = [moments for moments in map(_since_appearance, each) if moments]
    if seen_since is not None:
        standing = [moments for moments in standing if len(moments) == 1 or moments[-1].at >= seen_since]
    views = _views(session, actor, standing)
    fresh = (view for view in views if not view.seen)
    known = (view for view in views if view.seen)
    return Duties(
        tuple(sorted(fresh, key=lambda view: (not view.nobody_told, view.reported_at, view.contact))),
        tuple(sorted(known, key=lambda view: (view.seen[-1].at, view.contact), reverse=True)),
    )


def acknowledge(
    session: Session, actor: Actor, contact_id: str, duty: str, number: int, now: datetime
) -> None:
    """Write down that the actor saw this appearance of a duty; done twice it stays done once. Raises
    NotAllowed (also for what the actor reported), NotFound for another person's, and Stale where it was
    taken back meanwhile."""
    require(actor, *READERS, to="say that you saw what was reported")
    row = session.get(ContactRow, (actor.issuer, contact_id))
    moments = _moments(session, row, duty) if row is not None else ()
    if row is None or not moments or actor.patient not in (None, row.patient):
        raise not_here("report")
    if row.author == actor.staff_id:
        raise NotAllowed("You reported this yourself.", "A colleague has to see it.")
    if _appearance(moments) != number:
        raise Stale("This report was taken back or changed meanwhile.", "Look at the list again.")
    if any(each.by == actor.staff_id and each.event == SEEN for each in moments if each.number > number):
        return
    version = row.current
    _add(session, row, duty, len(moments) + 1, SEEN, version, actor.staff_id, now)
    audit.did(
        session, actor, "report seen", now, subject=row.id, version=version, patient=row.patient, duty=duty
    )


def _add(
    session: Session,
    row: ContactRow,
    duty: str,
    number: int,
    event: str,
    version: int,
    by: str,
    now: datetime,
) -> None:
    session.add(
        DutyRow(
            issuer=row.issuer,
            contact=row.id,
            duty=duty,
            number=number,
            event=event,
            patient=row.patient,
            version=version,
            by=by,
            at=now,
        )
    )
    session.flush()


def _moments(session: Session, row: ContactRow, duty: str) -> Sequence[DutyRow]:
    return session.scalars(
        select(DutyRow)
        .where(DutyRow.issuer == row.issuer, DutyRow.contact == row.id, DutyRow.duty == duty)
        .order_by(DutyRow.number)
    ).all()


def _appearance(moments: Sequence[DutyRow]) -> int | None:
    """The number of the appearance that stands; None where there is none or it was taken back."""
    standing = _since_appearance(moments)
    return standing[0].number if standing else None


def _since_appearance(moments: Sequence[DutyRow]) -> Sequence[DutyRow]:
    """The appearance that stands and who saw it since; empty where it was taken back."""
    turns = [at for at, each in enumerate(moments) if each.event in (APPEARED, WITHDRAWN)]
    last = turns[-1] if turns else None
    return () if last is None or moments[last].event == WITHDRAWN else moments[last:]


def _views(session: Session, actor: Actor, standing: Iterable[Sequence[DutyRow]]) -> list[Duty]:
    found = list(standing)
    contacts = _contacts(session, actor.issuer, {moments[0].contact for moments in found})
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    return [_view(session, actor, names, moments, *contacts[moments[0].contact]) for moments in found]


def _contacts(
    session: Session, issuer: str, wanted: Iterable[str]
) -> dict[str, tuple[ContactRow, VersionRow]]:
    rows = session.execute(
        select(ContactRow, VersionRow)
        .join(VersionRow, current_version())
        .where(ContactRow.issuer == issuer, ContactRow.id.in_(sorted(wanted)))
    )
    return {row.id: (row, version) for row, version in rows}


def _view(
    session: Session,
    actor: Actor,
    names: Mapping[str, str],
    moments: Sequence[DutyRow],
    row: ContactRow,
    version: VersionRow,
) -> Duty:
    first, *after = moments
    person = individuals.find(session, row.issuer, row.patient).record
    risk = version.record.risk if first.duty == RISK else None
    told = (risk.notified or "").strip() if risk else ""
    return Duty(
        contact=row.id,
        duty=first.duty,
        rule=RULES[first.duty],
        number=first.number,
        patient=row.patient,
        person=individuals.name_of(person),
        mrn=person.id,
        peer=names.get(row.author, row.author),
        start=version.record.start,
        reported_at=first.at,
        told=names.get(told, told) or None,
        told_at=risk.at if risk and told else None,
        seen=tuple(SeenBy(each.by, names.get(each.by, each.by), each.at) for each in after),
        seen_by_me=any(each.by == actor.staff_id for each in after),
        mine=row.author == actor.staff_id,
    )
