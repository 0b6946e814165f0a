"""The history of a person's engagement as it is kept, for whoever judges or shows it.

Entries are only ever added: one that puts another right names it and its true day, and what counts is read
by the day on which it took effect.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from app import individuals
from app.staff import program_of
from app.store import rows
from app.tables import EngagementGoalRow, EngagementRow
from app.tables.base import Table
from mappings.days import zone_of
from mappings.engagement import ADMITTED, DECLINED, ENDS, UNDECIDED, day_of, in_order
from mappings.fhir.people import ChartLinks
from mappings.records import Contact, Engagement, EngagementEntry

# The status of a line that says of the one it corrects: this never was.
WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Correction:
    """A day that was put right: the true one, by whom and when (aware) it was written, and why. `automatic`
    where a signed contact did it and nobody said so."""

    number: int
    at: date | datetime
    by: str
    recorded_at: datetime
    reason: str
    automatic: bool


@dataclass(frozen=True)
class Entry:
    """One state as it counts now: `at` its day or aware time, `first_at` as it was written at first, `late`
    why it was written after a later one. `automatic` where a contact began it and nobody said so. One that
    was `withdrawn` never was: it stays to be read and counts nowhere."""

    number: int
    status: str
    at: date | datetime
    first_at: date | datetime
    by: str
    recorded_at: datetime
    automatic: bool
    late: str = ""
    corrections: tuple[Correction, ...] = ()
    withdrawn: Correction | None = None

    def put_right(self, correction: Correction) -> Entry:
        """The same state on the day of the correction; what a person says is no longer automatic."""
        return replace(
            self,
            at=correction.at,
            automatic=self.automatic and correction.automatic,
            corrections=(*self.corrections, correction),
        )


def entries(session: Session, issuer: str, patient: str) -> tuple[Entry, ...]:
    """The history of one person by the days that count, each state with its corrections; without what was
    withdrawn."""
    return tuple(each for each in all_written(session, issuer, patient) if each.withdrawn is None)


def all_written(session: Session, issuer: str, patient: str) -> tuple[Entry, ...]:
    """The same with what was withdrawn, each in its place."""
    written = rows(session, _ENTRIES, whose=issuer, who=patient).all()
    later: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in written:
        if row.corrects is not None:
            later[row.corrects].append(row)
    found = [_entry(row, later[row.id]) for row in written if row.corrects is None]
    return tuple(in_order(found, zone(session, issuer)))


def of(session: Session, issuer: str, patient: str) -> Engagement:
    """The engagement of one person: the goal as last worded, and the whole history by the days that count."""
    goal = rows(session, _GOAL, whose=issuer, who=patient).first()
    return Engagement(
        goal=goal.goal if goal else None,
        goal_on=goal.on if goal else None,
        history=_told(entries(session, issuer, patient)),
    )


_ENTRY_ROWS = Table.metadata.tables[EngagementRow.__tablename__]
_ENTRIES = (
    select(_ENTRY_ROWS)
    .where(_ENTRY_ROWS.c.issuer == bindparam("whose"), _ENTRY_ROWS.c.patient == bindparam("who"))
    .order_by(_ENTRY_ROWS.c.id)
)
_GOAL_ROWS = Table.metadata.tables[EngagementGoalRow.__tablename__]
_GOAL = (
    select(_GOAL_ROWS)
    .where(_GOAL_ROWS.c.issuer == bindparam("whose"), _GOAL_ROWS.c.patient == bindparam("who"))
    .order_by(_GOAL_ROWS.c.id.desc())
    .limit(1)
)


def with_beginning(session: Session, issuer: str, patient: str, contact: Contact) -> Engagement:
    """The engagement as it is once this contact is signed: its day may be the first of all (`beginning`).
    Signing the contact records it."""
    known, here = of(session, issuer, patient), zone(session, issuer)
    held = entries(session, issuer, patient)
    step = beginning(held, day_of_contact(contact, here), here)
    if step is None:
        return known
    moved = [replace(each, at=step.at) if each.number == step.corrects else each for each in held]
    begun = [] if step.corrects else [EngagementEntry(status=UNDECIDED, at=step.at)]
    return known.model_copy(update={"history": (*begun, *_told(moved))})


@dataclass(frozen=True)
class Beginning:
    """A first day that a contact tells of: of the entry that it `corrects`, None for an entry of its own."""

    at: date
    corrects: int | None


def beginning(held: Sequence[Entry], day: date | None, here: tzinfo) -> Beginning | None:
    """What a contact of `day` says of the beginning: of whom nothing is recorded before is undecided from
    then on. A beginning that a person stated is not touched: that is a person's to put right."""
    if day is None or (held and day >= day_of(held[0], here)):
        return None
    if not held or held[0].status in (ADMITTED, DECLINED):
        return Beginning(day, None)
    return Beginning(day, held[0].number) if held[0].automatic else None


def day_of_contact(contact: Contact, here: tzinfo) -> date | None:
    """The day of a contact that took place, where the programme is; None for any other."""
    if contact.start is None or contact.status != "finished":
        return None
    return contact.start.astimezone(here).date()


def episode_names(written: Sequence[Entry], here: tzinfo) -> tuple[str, ...]:
    """The names by which the person's engagements are known in the EHR, in order of time: the day as it was
    first written of the entry that was written first, of `all_written`. So it stays when a day is put right,
    an entry is written late or one of several is withdrawn, and no two are alike."""
    names = _labels(written, here)
    return tuple(names[min(each.number for each in stretch)] for stretch in _with_withdrawn(written))


def _with_withdrawn(written: Sequence[Entry]) -> list[list[Entry]]:
    """The engagements, each with the withdrawn entries that stood in it; one that nothing is left of is
    none."""
    cut: list[list[Entry]] = []
    for entry in written:
        counting = [each for each in cut[-1] if each.withdrawn is None] if cut else []
        if not cut or (counting and counting[-1].status in ENDS):
            cut.append([])
        cut[-1].append(entry)
    return [each for each in cut if any(one.withdrawn is None for one in each)]


def chart_links(session: Session, issuer: str, patient: str, encounter: str | None) -> ChartLinks:
    """References to what the EHR owns, and the names of the person's engagements there. Raises NotFound."""
    names = episode_names(all_written(session, issuer, patient), zone(session, issuer))
    return replace(individuals.chart_links(session, issuer, patient, encounter), episodes=names)


def zone(session: Session, issuer: str) -> tzinfo:
    """The time zone of the programme of this EHR, UTC where it has none."""
    return zone_of(program_of(session, issuer), None)


def read_at(at: str) -> date | datetime:
    """The day or the aware time of a stored entry."""
    return datetime.fromisoformat(at) if len(at) > 10 else date.fromisoformat(at)


def as_record(written: Sequence[Entry]) -> Engagement:
    """The engagement that these entries tell of, without what was withdrawn."""
    return Engagement(history=_told(each for each in written if each.withdrawn is None))


def _told(held: Iterable[Entry]) -> tuple[EngagementEntry, ...]:
    return tuple(EngagementEntry(status=each.status, at=each.at) for each in held)


def _labels(held: Sequence[Entry], here: tzinfo) -> dict[int, str]:
    # What opens an engagement is an undecided entry or the very first; others only lead one that was cut
    # apart later. They are counted apart, so that no entry ever changes the name of one before it.
    first = min((each.number for each in held), default=0)
    seen: dict[str, int] = defaultdict(int)
    labels = {}
    for each in sorted(held, key=lambda one: one.number):
        day = each.first_at.astimezone(here).date() if isinstance(each.first_at, datetime) else each.first_at
        opens = each.number == first or each.status == UNDECIDED
        name = f"{day}" if opens else f"{day}-{each.status}"
        seen[name] += 1
        labels[each.number] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return labels


def _entry(row: Row[Any], later: Sequence[Row[Any]]) -> Entry:
    at = read_at(row.at)
    late = row.reason or ""
    entry = Entry(row.id, row.status, at, at, row.recorded_by, row.recorded_at, row.automatic, late)
    for each in later:
        said = _correction(each)
        entry = replace(entry, withdrawn=said) if each.status == WITHDRAWN else entry.put_right(said)
    return entry


def _correction(row: Row[Any]) -> Correction:
    return Correction(
        row.id, read_at(row.at), row.recorded_by, row.recorded_at, row.reason or "", row.automatic
    )
