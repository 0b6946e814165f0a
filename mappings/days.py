"""Days and the zones they are told in: when a period holds, months later, full years, a programme's zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from mappings.records import ProgramFields


@lru_cache(maxsize=256)
def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of a name such as America/New_York, or None where there is none."""
    try:
        return ZoneInfo(name)
    # Names like "America" or "../x" fail as a folder or as a path, not as an unknown key.
    except (KeyError, ValueError, OSError):
        return None


def zone_of(program: ProgramFields | None, start: datetime | None) -> tzinfo:
    """The programme's time zone; where it has none (or an unknown one) the offset of the start."""
    return zone_of_program(program) or offset_of(start)


def zone_of_program(program: ProgramFields | None) -> tzinfo | None:
    """The programme's time zone; None where it has none or an unknown one."""
    name = program.time_zone if program is not None else None
    return zone_named(name) if name else None


def offset_of(start: datetime | None) -> tzinfo:
    """The offset of a moment as a time zone, UTC without a moment."""
    offset = start.utcoffset() if start is not None else None
    return timezone(offset or timedelta(0))


def covers(start: date | None, end: date | None, day: date) -> bool | None:
    """Whether a period covers the day; both ends count, an open end is None, both open say nothing."""
    if start is None and end is None:
        return None
    return (start is None or start <= day) and (end is None or day <= end)


def plus_months(day: date, months: int) -> date:
    """The same day of the month some months later; the month's last day where it is too short."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    return date(year, month, 28)


def age_on(birth: date, day: date) -> int:
    """Full years of age on a day."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
