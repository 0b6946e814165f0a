"""From time to units: full minutes, rounding, and the sharing of a day's cap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_MINUTE, _NO_TIME = timedelta(minutes=1), timedelta(0)


def minutes_between(start: datetime, end: datetime) -> int:
    """Full minutes from start to end in absolute time (so a change of the clock does not count).

    Negative when the end lies before the start. Both must be aware.
    """
    # Two datetimes of one ZoneInfo subtract by the wall clock; only UTC is absolute.
    return whole_minutes(end.astimezone(UTC) - start.astimezone(UTC))


def whole_minutes(lasting: timedelta) -> int:
    """Full minutes of a time, nearer to 0 where it is negative."""
    return lasting // _MINUTE if lasting >= _NO_TIME else -(-lasting // _MINUTE)


def counted_minutes(gross: int, *left_out: int | None) -> int:
    """Minutes that count: gross less what is left out; never below 0, and nothing negative is left out."""
    for minutes in left_out:
        if minutes and minutes > 0:
            gross -= minutes
    return max(0, gross)


def _floor(minutes: int, per_unit: int) -> int:
    return minutes // per_unit


def _eight_minute(minutes: int, per_unit: int) -> int:
    full, rest = divmod(minutes, per_unit)
    return full + (1 if rest * 2 > per_unit else 0)


def _ceiling(minutes: int, per_unit: int) -> int:
    return -(-minutes // per_unit)


ROUNDINGS: dict[str, Callable[[int, int], int]] = {
    "floor": _floor,
    "eight-minute": _eight_minute,
    "ceiling": _ceiling,
}


def units_of(minutes: int, per_unit: int, rounding: str = "floor") -> int:
    """Units that the minutes of one contact make; rounding is floor, eight-minute or ceiling."""
    return ROUNDINGS[rounding](max(0, minutes), per_unit)


def pooled_units(minutes: Sequence[int], per_unit: int, rounding: str = "floor") -> list[int]:
    """What each contact of a day adds to the units that all minutes up to and with it make together."""
    total, made, added = 0, 0, []
    for own in minutes:
        total += max(0, own)
        now = units_of(total, per_unit, rounding)
        added.append(now - made)
        made = now
    return added


def share_cap(cap: int, taken: int, wanted: Sequence[int]) -> list[int]:
    """What each of `wanted` receives, in order, of a cap of which `taken` units are gone already."""
    left, given = max(0, cap - taken), []
    for units in wanted:
        part = min(max(0, units), left)
        given.append(part)
        left -= part
    return given


@lru_cache(maxsize=1024)
def units_sentence(minutes: int, per_unit: int, rounding: str = "floor") -> str:
    """The computation in words: "18 minutes make 1 unit; 12 more minutes would make 2."."""
    units = units_of(minutes, per_unit, rounding)
    missing = next(
        extra for extra in range(1, 2 * per_unit + 1) if units_of(minutes + extra, per_unit, rounding) > units
    )
    made = f"{_count(minutes, 'minute')} {'makes' if minutes == 1 else 'make'}"
    more = f"{_count(missing, 'more minute')} would make {units + 1}"
    return f"{made} {_count(units, 'unit') if units else 'no unit'}; {more}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
