"""The state of a person's engagement at the start of a contact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from itertools import groupby

from mappings.records import Engagement, EngagementEntry

UNDECIDED, ADMITTED, DECLINED, DISCHARGED = "undecided", "admitted", "declined", "discharged"
STATES = (UNDECIDED, ADMITTED, DECLINED, DISCHARGED)


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


def state_at(engagement: Engagement | None, start: datetime, zone: tzinfo) -> State:
    """The state at `start`: the last entry before it.

    An admission, decline or discharge known by day alone counts from the next day (AMB-36, R041); an
    undecided entry counts from its own day. No entry before the start means that nothing is decided yet.
    With no readable history at all the state is undecided and `missing` names the datum.
    """
    history = engagement.history if engagement is not None else ()
    if not history:
        return State(UNDECIDED, missing="engagement.history")
    for place, entry in enumerate(history):
        if entry.at is None:
            return State(UNDECIDED, missing=f"engagement.history[{place}].at")
        if entry.status not in STATES:
            return State(UNDECIDED, missing=f"engagement.history[{place}].status")
    day = start.astimezone(zone).date()
    last = None
    for entry in _in_order(history, zone):
        if _before(entry, start, day):
            last = entry
    if last is None or last.status is None:
        return State(UNDECIDED)
    return State(last.status, _day(last, zone))


def _before(entry: EngagementEntry, start: datetime, day: date) -> bool:
    if isinstance(entry.at, datetime):
        return entry.at.astimezone(UTC) < start.astimezone(UTC) or (
            entry.status == UNDECIDED and entry.at == start
        )
    if entry.at is None:
        return False
    return entry.at <= day if entry.status == UNDECIDED else entry.at < day


def _day(entry: EngagementEntry, zone: tzinfo) -> date:
    if isinstance(entry.at, datetime):
        return entry.at.astimezone(zone).date()
    return entry.at or date.min


def _in_order(history: Iterable[EngagementEntry], zone: tzinfo) -> list[EngagementEntry]:
    # Entries of one day keep the order of the list unless every one of them has its time.
    ordered: list[EngagementEntry] = []
    for _, group in groupby(sorted(history, key=lambda e: _day(e, zone)), key=lambda e: _day(e, zone)):
        entries = list(group)
        if all(isinstance(entry.at, datetime) for entry in entries):
            entries.sort(key=_instant)
        ordered += entries
    return ordered


def _instant(entry: EngagementEntry) -> float:
    return entry.at.timestamp() if isinstance(entry.at, datetime) else 0.0
