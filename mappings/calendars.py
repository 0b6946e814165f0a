"""Business days: Saturdays, Sundays and the holidays of a listed year are none; a year that nobody has listed
is unknown, never a year without holidays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

CALENDARS = "calendar."
FORM = '2026 = ["2026-01-01 New Year\'s Day", ...]: each year whole, its days sorted, [] where it has none'
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """Where a count of business days ended, and the holidays that it left out; `day` is None where the list
    does not hold the year `unlisted`."""

    day: date | None
    left_out: tuple[str, ...] = ()
    unlisted: int | None = None


def business_days_after(day: date, count: int, holidays: Mapping[str, Sequence[str]] | None) -> Counted:
    """The day so many business days later. `holidays` lists years (see FORM); None, where a site says that it
    keeps none, leaves out Saturdays and Sundays alone."""
    left_out = []
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() >= SATURDAY:
            continue
        if holidays is not None and str(day.year) not in holidays:
            return Counted(None, unlisted=day.year)
        named = _named(day, holidays)
        left_out += [named] if named else []
        count -= not named
    return Counted(day, tuple(left_out))


def _named(day: date, holidays: Mapping[str, Sequence[str]] | None) -> str:
    """The holiday of a day as listed, day and name; blank for none."""
    listed = holidays[str(day.year)] if holidays is not None else ()
    return next((each for each in listed if each.startswith(day.isoformat())), "")


def problem_of(value: Any) -> str:
    """What is wrong with a calendar as it was written, blank where nothing is."""
    if not isinstance(value, Mapping):
        return f"{value!r} is no list of years"
    return next((problem for year, listed in value.items() if (problem := _year(year, listed))), "")


def _year(year: str, listed: Any) -> str:
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        return f"`{year}` is no year"
    if not isinstance(listed, list | tuple):
        return f"the year {year} is {listed!r}"
    days = [_day(each) for each in listed]
    for each, day in zip(listed, days, strict=True):
        if day is None or str(day.year) != year:
            return f"{each!r} is no named day of {year}"
    if any(one >= other for one, other in pairwise(day for day in days if day is not None)):
        return f"the days of {year} are not sorted"
    return ""


def _day(listed: Any) -> date | None:
    day, _, name = listed.partition(" ") if isinstance(listed, str) else ("", "", "")
    try:
        return date.fromisoformat(day) if name.strip() else None
    except ValueError:
        return None
