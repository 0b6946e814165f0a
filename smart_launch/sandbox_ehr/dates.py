"""FHIR dates as intervals of UTC time, so that a day, a minute and a period can be compared.

Source: FHIR R4 search, section 3.1.1.5.6 (date). A value without a zone is in the site's zone.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo

FIRST, LAST = "0000", "9999-12-31T23:59:59.999999+00:00"
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)


def stamp(moment: datetime) -> str:
    """Write an aware time as UTC text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def instant(moment: datetime) -> str:
    """Write an aware time as a FHIR instant in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interval(text: str, zone: tzinfo) -> tuple[str, str]:
    """Return the start and the end (not included) of a FHIR date, dateTime or instant.

    Raises ValueError when the text is none of these.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date; write 2026-03-04 or 2026-03-04T10:00:00-05:00")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    micro = int((fraction or "0").ljust(6, "0")[:6])
    day_text = f"{year}-{month or '01'}-{day or '01'}"
    time_text = f"{hour or '00'}:{minute or '00'}:{second or '00'}.{micro:06}"
    start = datetime.fromisoformat(f"{day_text}T{time_text}{offset or ''}")
    aware = start if offset else start.replace(tzinfo=zone)
    return stamp(aware), _end(aware, month, day, hour, second, fraction)


def _end(
    start: datetime,
    month: str | None,
    day: str | None,
    hour: str | None,
    second: str | None,
    fraction: str | None,
) -> str:
    if hour is not None:
        length = timedelta(minutes=1) if second is None else timedelta(seconds=1)
        if fraction:
            length = timedelta(microseconds=10 ** max(0, 6 - len(fraction)))
    elif day is not None:
        length = timedelta(days=1)
    elif month is not None:
        length = timedelta(days=monthrange(start.year, start.month)[1])
    else:
        length = timedelta(days=365 + (monthrange(start.year, 2)[1] == 29))
    try:
        return stamp(start + length)
    except OverflowError:
        return LAST
