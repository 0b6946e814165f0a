"""What a payer allows in a period: units and sessions, by contact, day, week, month and year."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from mappings.checks.registry import PASS, Outcome, check
from mappings.checks.time import times_missing
from mappings.in_force import Bound
from mappings.situation import Situation

PERIODS = ("day", "week", "month", "year")
LIMITS = (
    ("limit.units_per_contact", "units", "contact"),
    *((f"limit.{what}_per_{period}", what, period) for what in ("units", "sessions") for period in PERIODS),
)


# A few days come again and again, each for every period.
@lru_cache(maxsize=4096)
def period_of(period: str, day: date) -> object:
    """Which calendar day, week (from Monday), month or year a day lies in."""
    week = day.isocalendar()
    return {
        "day": day,
        "week": (week.year, week.week),
        "month": (day.year, day.month),
        "year": day.year,
    }[period]


@check("payer-limits", *(name for name, _, _ in LIMITS), off_when_unset=True)
def payer_limits(s: Situation, b: Bound) -> Outcome:
    """Within the payer's limits of every period until the sharing says otherwise (R068); see
    `mappings.sharing`."""
    return times_missing(s) or PASS
