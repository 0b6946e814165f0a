"""Days and times as ISO 8601 writes them, put together of what stands there already.

Every record says half a dozen times. To write one with `isoformat` costs as much as a hundred look-ups.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from pydantic_core import TzInfo

_TWO_DIGITS = tuple([f"{number:02}" for number in range(60)])
# Hour and minute of each minute of a day.
CLOCK = tuple([f"{hour}:{minute}" for hour in _TWO_DIGITS[:24] for minute in _TWO_DIGITS])
# Kinds of time zones that have one offset alone, and those that were met; such as are equal have the same.
_ONE_OFFSET = (TzInfo, timezone)
_offsets: dict[tzinfo, str] = {}
_MOST_OFFSETS = 256


def written(at: datetime) -> str:
    """A time as its `isoformat` writes it."""
    zone = at.tzinfo
    if not isinstance(zone, _ONE_OFFSET) or at.microsecond:
        return at.isoformat()
    offset = _offsets.get(zone) or _offset_of(zone)
    clock = CLOCK[at.hour * 60 + at.minute]
    return f"{day_written(at.date())}T{clock}:{_TWO_DIGITS[at.second]}{offset}"


# The notes of an office are of a few hundred days.
@lru_cache(maxsize=4096)
def day_written(day: date) -> str:
    """A day as its `isoformat` writes it."""
    return day.isoformat()


@lru_cache(maxsize=256)
def offset_written(offset: timedelta) -> str:
    """An offset from UTC as `isoformat` writes it behind a time."""
    return datetime.min.replace(tzinfo=timezone(offset)).isoformat()[len("0001-01-01T00:00:00") :]


def _offset_of(zone: timezone | TzInfo) -> str:
    if len(_offsets) >= _MOST_OFFSETS:
        _offsets.clear()
    found = _offsets[zone] = offset_written(zone.utcoffset(None))
    return found
