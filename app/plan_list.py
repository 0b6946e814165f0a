"""A person's treatment plan as a list, with what final notes delivered against each entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import judging, outbox, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, person_of, require
from app.judging import PLAN_ENTRY
from app.tables import ContactRow, PlanEntryRow, VersionRow
from app.words import DRAFT, ENDED, FINAL, PLAN_WORDS, SIGNED
from mappings.records import PlanEntry

WRITERS = (LPHA, CLINICIAN)
READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)


@dataclass(frozen=True)
class Delivered:
    """What was delivered against an entry by final notes: contacts, units and the last day."""

    contacts: int
    units: int
    last: date | None


@dataclass(frozen=True)
class PlanLine:
    """One entry in the list of a person's plan with what was delivered against it."""

    entry: PlanEntry
    version: int
    state: str
    word: str
    author: str
    author_name: str
    edit: int
    ended_on: date | None
    delivered: Delivered
    delivery: str | None


def of_person(session: Session, actor: Actor) -> list[PlanLine]:
    """The person's plan: the latest version of every entry, and beside a draft the version that counts; with
    what final notes delivered against each. Peers see no drafts. Raises NotAllowed."""
    require(actor, *READERS, to="read the treatment plan")
    patient = person_of(actor)
    rows = session.scalars(
        select(PlanEntryRow)
        .where(
            PlanEntryRow.issuer == actor.issuer,
            PlanEntryRow.patient == patient,
            PlanEntryRow.state.in_((DRAFT, SIGNED, ENDED)),
        )
        .order_by(PlanEntryRow.id, PlanEntryRow.version)
    ).all()
    delivered = _delivered(session, actor.issuer, patient)
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    return [
        _line(session, row, delivered, names) for row in rows if row.state != DRAFT or actor.is_any(*WRITERS)
    ]


def _line(
    session: Session, row: PlanEntryRow, delivered: dict[str, Delivered], names: dict[str, str]
) -> PlanLine:
    sent = outbox.of_key(session, row.issuer, outbox.CHART, f"plan/{row.id}/{row.version}")
    return PlanLine(
        entry=with_signatures(session, row),
        version=row.version,
        state=row.state,
        word=PLAN_WORDS[row.state],
        author=row.author,
        author_name=names.get(row.author, row.author),
        edit=row.edit,
        ended_on=row.ended_on,
        delivered=delivered.get(row.id, Delivered(0, 0, None)),
        delivery=None if sent is None else sent.word,
    )


def _delivered(session: Session, issuer: str, patient: str) -> dict[str, Delivered]:
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, judging.current_version())
        .where(ContactRow.issuer == issuer, ContactRow.patient == patient, VersionRow.state == FINAL)
    )
    around = judging.around(session, issuer, patient).surroundings()
    found: dict[str, Delivered] = {}
    for row in rows:
        entry = row.record.service.plan_entry if row.record.service else None
        if entry is not None:
            so_far = found.get(entry, Delivered(0, 0, None))
            found[entry] = _and(so_far, row.units or 0, around.day_of(row.record))
    return found


def _and(so_far: Delivered, units: int, day: date | None) -> Delivered:
    days = [each for each in (so_far.last, day) if each is not None]
    return Delivered(so_far.contacts + 1, so_far.units + units, max(days, default=None))


def with_signatures(session: Session, row: PlanEntryRow) -> PlanEntry:
    """A stored version with its signatures."""
    signatures = judging.signatures_of(session, row.issuer, PLAN_ENTRY, row.id, row.version)
    return judging.entry_as_judged(row, signatures)
