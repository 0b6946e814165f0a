"""Meetings of a team: when, how long, who came and whose treatment was discussed.

They are asked for by the rules about a peer's place in the team (NY.COLLAB.*, R115 to R117).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Text, select, type_coerce
from sqlalchemy.orm import Session

from app import audit, beside, individuals, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, require
from app.problems import MendInput
from app.tables import ContactRow, MeetingRow
from app.typed_text import sendable
from mappings.records import Collaboration

WRITERS = (PEER, SUPERVISOR)
READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
MEETING = "meeting"
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class Meeting:
    """One meeting. `came` names who came; `about` names whose treatment was discussed as far as the reader
    may know them, `others` counts the rest; `at` aware; `struck` why it does not count."""

    number: int
    on: date
    minutes: int
    team: str
    came: tuple[str, ...]
    about: tuple[str, ...]
    others: int
    reference: str | None
    by: str
    name: str
    at: datetime
    struck: str | None


def note(
    session: Session,
    actor: Actor,
    on: date | None,
    minutes: int | None,
    team: str,
    came: Sequence[str],
    about: Sequence[str],
    reference: str,
    now: datetime,
) -> int:
    """Note a meeting on a day with its minutes, the team, ids of the staff who came, EHR ids of the people
    whose treatment was discussed (none is fine) and the minutes' reference; answers its number. A peer notes
    a meeting they attended, a supervisor any. Raises NotAllowed, MendInput."""
    require(actor, *WRITERS, to="note a meeting")
    day = beside.happened(session, actor, on, now)
    errors = _errors(session, actor, minutes, team, came, about)
    if errors or minutes is None:
        raise MendInput("The meeting was not noted.", "Mend the fields marked.", errors)
    row = MeetingRow(
        issuer=actor.issuer,
        on=day,
        minutes=minutes,
        team=sendable(team, "team"),
        came=sorted(set(came)),
        about=sorted(set(about)),
        reference=sendable(reference, "reference") or None,
        by=actor.staff_id,
        at=now,
    )
    session.add(row)
    session.flush()
    audit.did(session, actor, "meeting noted", now, subject=f"{MEETING}/{row.id}", came=row.came)
    for patient in row.about:
        audit.did(session, actor, "meeting about the person noted", now, subject=patient, patient=patient)
    return row.id


def strike(session: Session, actor: Actor, number: int, reason: str, now: datetime) -> None:
    """Say that a meeting was noted in error; it stays to be read. Raises as `beside.strike` does."""
    row = session.get(MeetingRow, number)
    if row is None or row.issuer != actor.issuer or not _shown(actor, row):
        raise not_here("meeting")
    beside.strike_row(session, actor, MEETING, number, row.by, reason, now, subject=f"{MEETING}/{number}")


def listing(session: Session, actor: Actor) -> tuple[Meeting, ...]:
    """In a chart the meetings about its person; else all for a supervisor, and for others those they attended
    or noted. The latest first. Raises NotAllowed."""
    require(actor, *READERS, to="read of meetings")
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    known = dict(people_offered(session, actor))
    gone = beside.struck(session, actor.issuer, MEETING)
    rows = session.scalars(
        select(MeetingRow)
        .where(MeetingRow.issuer == actor.issuer)
        .order_by(MeetingRow.on.desc(), MeetingRow.id.desc())
    )
    return tuple(
        _meeting(row, names, known, gone.get((MEETING, row.id))) for row in rows if _shown(actor, row)
    )


def people_offered(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """Whose treatment the actor may name: the person of the chart; else everybody known for a supervisor, and
    for others the people they have contacts with. EHR ids and names, by name."""
    names = individuals.names(session, actor.issuer)
    if actor.patient is not None:
        mine = {actor.patient}
    elif actor.is_any(SUPERVISOR):
        mine = set(names)
    else:
        query = select(ContactRow.patient).where(
            ContactRow.issuer == actor.issuer, ContactRow.author == actor.staff_id
        )
        mine = set(session.scalars(query.distinct()))
    return sorted(((one, names[one]) for one in mine if one in names), key=lambda pair: (pair[1], pair[0]))


def about(session: Session, issuer: str, patient: str) -> tuple[Collaboration, ...]:
    """The meetings about one person that count, in the form in which the rules are asked."""
    # The text of the ids narrows the rows that are read; which of them is the person's is asked below.
    near = type_coerce(MeetingRow.about, Text).contains(json.dumps(patient), autoescape=True)
    return _by_person(session, issuer, near).get(patient, ())


def by_person(session: Session, issuer: str, since: date) -> Mapping[str, tuple[Collaboration, ...]]:
    """The meetings from a day on that count, by the person (the EHR id) they were about, in order."""
    return _by_person(session, issuer, MeetingRow.on >= since)


def _by_person(
    session: Session, issuer: str, which: ColumnElement[bool]
) -> Mapping[str, tuple[Collaboration, ...]]:
    gone = beside.struck(session, issuer, MEETING)
    rows = session.scalars(
        select(MeetingRow).where(MeetingRow.issuer == issuer, which).order_by(MeetingRow.on, MeetingRow.id)
    )
    found: dict[str, list[Collaboration]] = {}
    for row in rows:
        if (MEETING, row.id) not in gone:
            told = Collaboration(on=row.on, with_=tuple(row.came), reference=row.reference or f"M-{row.id}")
            for patient in row.about:
                found.setdefault(patient, []).append(told)
    return {patient: tuple(own) for patient, own in found.items()}


def _errors(
    session: Session,
    actor: Actor,
    minutes: int | None,
    team: str,
    came: Sequence[str],
    about_: Sequence[str],
) -> dict[str, str]:
    errors = {}
    if minutes is None or not 1 <= minutes <= DAY_MINUTES:
        errors["minutes"] = "Write how many minutes it took, such as 45"
    if not team.strip():
        errors["team"] = "Write which team met"
    here = {member.record.id for member in staff.everyone(session, actor.issuer) if member.active}
    if not came or not set(came) <= here:
        errors["came"] = "Tick who came, from the list"
    elif not actor.is_any(SUPERVISOR) and actor.staff_id not in came:
        errors["came"] = "Tick yourself: a peer notes the meetings they attended"
    if not set(about_) <= {one for one, _ in people_offered(session, actor)}:
        errors["about"] = "Tick people of the list only"
    return errors


def _shown(actor: Actor, row: MeetingRow) -> bool:
    if actor.patient is not None:
        return actor.patient in row.about
    return actor.is_any(SUPERVISOR) or actor.staff_id in (row.by, *row.came)


def _meeting(
    row: MeetingRow, names: Mapping[str, str], known: Mapping[str, str], struck: str | None
) -> Meeting:
    named = [known[one] for one in row.about if one in known]
    return Meeting(
        row.id,
        row.on,
        row.minutes,
        row.team,
        tuple(sorted(names.get(one, one) for one in row.came)),
        tuple(named),
        len(row.about) - len(named),
        row.reference,
        row.by,
        names.get(row.by, row.by),
        row.at,
        struck,
    )
