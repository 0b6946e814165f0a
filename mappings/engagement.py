"""The state of a person's engagement at the start of a contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from itertools import groupby
from typing import Protocol, TypeVar

from mappings.once import by_identities
from mappings.records import Engagement, EngagementEntry

UNDECIDED, ADMITTED, DECLINED, DISCHARGED = "undecided", "admitted", "declined", "discharged"
STATES = (UNDECIDED, ADMITTED, DECLINED, DISCHARGED)
ENDS = (DECLINED, DISCHARGED)


class Step(Protocol):
    """One state with its day or time, as a record or as a row of the office's memory has it."""

    @property
    def status(self) -> str | None:
        """The state: one of STATES."""

    @property
    def at(self) -> date | datetime | None:
        """The day, or the aware time."""


S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class State:
    """The engagement at one moment: its status, since when, and what made it impossible to say."""

    status: str
    since: date | None = None
    missing: str = ""

    @property
    def enrolled(self) -> bool:
        """Whether an admission is in force."""
        return self.status == ADMITTED


_NOT_DECIDED = State(UNDECIDED)


# The rules, the note, the Encounter and the claim of one contact ask for it one after another.
@by_identities(1024)
def state_at(engagement: Engagement | None, start: datetime, zone: tzinfo) -> State:
    """The state at `start`: the last entry before it.

    An admission, decline or discharge known by day alone counts from the next day (AMB-36, R041); an
    undecided entry counts from its own day. No entry before the start means that nothing is decided yet.
    With no readable history at all the state is undecided and `missing` names the datum.
    """
    missing, steps = _read(engagement, zone)
    if missing is not None:
        return missing
    day = start.astimezone(zone).date()
    for entry, state in steps:
        if _before(entry, start, day):
            return state
    return _NOT_DECIDED


# All contacts of one engagement ask for it.
@by_identities(1024)
def _read(
    engagement: Engagement | None, zone: tzinfo
) -> tuple[State | None, list[tuple[EngagementEntry, State]]]:
    """What makes it impossible to say, else the history with the state that each entry began, the last
    first."""
    history = engagement.history if engagement is not None else ()
    if not history:
        return State(UNDECIDED, missing="engagement.history"), []
    for place, entry in enumerate(history):
        if entry.at is None:
            return State(UNDECIDED, missing=f"engagement.history[{place}].at"), []
        if entry.status not in STATES:
            return State(UNDECIDED, missing=f"engagement.history[{place}].status"), []
    ordered = history if len(history) == 1 else in_order(history, zone)
    return None, [(one, State(one.status or UNDECIDED, day_of(one, zone))) for one in reversed(ordered)]


def _before(entry: EngagementEntry, start: datetime, day: date) -> bool:
    at, undecided = entry.at, entry.status == UNDECIDED
    if isinstance(at, datetime):
        # In UTC: in the hour that comes twice Python takes no two moments of different zones for the same.
        began, started = at.astimezone(UTC), start.astimezone(UTC)
        return began < started or (undecided and began == started)
    if at is None:
        return False
    return at <= day if undecided else at < day


def day_of(step: Step, zone: tzinfo) -> date:
    """The calendar day of a state where the programme is; the first of all days where it has none."""
    if isinstance(step.at, datetime):
        return step.at.astimezone(zone).date()
    return step.at or date.min


def in_order(history: Iterable[S], zone: tzinfo) -> list[S]:
    """The states by their day; those of one day keep the order of the list unless all of them have a time."""

    def day(step: Step) -> date:
        return day_of(step, zone)

    steps, ordered = list(history), list[S]()
    days = [day(step) for step in steps]
    # Most histories are written down day after day.
    if sorted(set(days)) == days:
        return steps
    for _, group in groupby(sorted(steps, key=day), key=day):
        steps = list(group)
        if all(isinstance(step.at, datetime) for step in steps):
            steps.sort(key=_instant)
        ordered += steps
    return ordered


def stretches(ordered: Iterable[S]) -> list[tuple[S, ...]]:
    """States in order, cut into engagements: what follows a decline or a discharge begins a new one."""
    cut: list[list[S]] = []
    for step in ordered:
        if not cut or cut[-1][-1].status in ENDS:
            cut.append([])
        cut[-1].append(step)
    return [tuple(each) for each in cut]


def _instant(step: Step) -> float:
    return step.at.timestamp() if isinstance(step.at, datetime) else 0.0
