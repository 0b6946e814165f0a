"""Fields of a form <-> parts of a record: what was typed is kept, what cannot be read is said beside it.

A record is handled as the JSON data of its intake form; a field's name is its path in there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from app.typed_text import unsendable_words

Kind = Literal["line", "text", "many", "check", "yesno", "day", "whole", "number", "given"]
Values = dict[str, list[str]]
Errors = dict[str, str]
Data = dict[str, Any]

MAX_LINE = 500
MAX_TEXT = 20_000
_TIME = re.compile(r"(\d{1,2})(?::?(\d{2}))?\s*([ap])?\.?\s*m?\.?", re.IGNORECASE)
_US_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True)
class Field:
    """One field of a form: its path in the intake record, how it is typed and what people call it."""

    path: str
    kind: Kind
    label: str


@dataclass(frozen=True)
class Read:
    """What a form held: the record's data, the fields as typed, and a message for each unreadable one."""

    data: Data
    values: Values
    errors: Errors = field(default_factory=dict)


class Unreadable(ValueError):
    """A typed value that cannot be read; the message says the right form."""


def values_of(posted: Mapping[str, Sequence[str]]) -> Values:
    """The posted fields as plain lists of texts, line ends made one kind."""
    return {name: [text.replace("\r\n", "\n") for text in texts] for name, texts in posted.items()}


def first(values: Mapping[str, Sequence[str]], name: str) -> str:
    """The first text typed under this name, stripped; empty when there is none."""
    found = values.get(name) or [""]
    return found[0].strip()


def unanswered(values: Mapping[str, Sequence[str]], wanted: Mapping[str, str]) -> Errors:
    """The wanted words of each field in which nothing was typed, by its name."""
    return {name: words for name, words in wanted.items() if not first(values, name)}


def get(data: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path of nested data, None where a step is missing."""
    value: Any = data
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def put(data: Data, path: str, value: Any) -> None:
    """Set the value at a dotted path, making the objects on the way; nothing is made for None."""
    *way, last = path.split(".")
    inner = data
    for step in way:
        if inner.get(step) is None:
            if value is None or value == []:
                return
            inner[step] = {}
        inner = inner[step]
    inner[last] = value


def show(fields: Iterable[Field], data: Mapping[str, Any], prefix: str = "") -> Values:
    """The fields' texts for a record's data."""
    return {prefix + item.path: _shown(item.kind, get(data, item.path)) for item in fields}


def read_into(fields: Iterable[Field], values: Values, data: Data, errors: Errors, prefix: str = "") -> None:
    """Read each field into the data; an unreadable one becomes None and gets its message. What still reads
    as it was shown stays exactly as it was, and so does a field that the form did not send (boxes aside)."""
    for item in fields:
        name = prefix + item.path
        typed, before = values.get(name, []), get(data, item.path)
        sent = name in values or item.kind in ("check", "many", "yesno")
        if not sent or typed == _shown(item.kind, before):
            continue
        try:
            put(data, item.path, _read(item.kind, typed))
        except Unreadable as problem:
            errors[name] = f"{item.label}: {problem}"
            put(data, item.path, None)


def rows_shown(path: str, fields: Sequence[Field], rows: Sequence[Mapping[str, Any]]) -> Values:
    """The texts of repeated rows, named `path.index.field`."""
    shown: Values = {}
    for number, row in enumerate(rows):
        shown.update(show(fields, row, f"{path}.{number}."))
    return shown


def rows_read(
    path: str, fields: Sequence[Field], values: Values, before: Sequence[Data], errors: Errors
) -> list[Data]:
    """The rows of `path.index.field`, each on top of the row that stood there; an empty row is left out."""
    rows = []
    for number in row_numbers(path, values):
        row = dict(before[number]) if number < len(before) else {}
        problems: Errors = {}
        read_into(fields, values, row, problems, f"{path}.{number}.")
        errors.update(problems)
        if problems or any(get(row, item.path) not in (None, [], False) for item in fields):
            rows.append(row)
    return rows


def row_numbers(path: str, values: Mapping[str, Any]) -> list[int]:
    """The numbers of the rows that stand under this path, in order."""
    pattern = re.compile(rf"{re.escape(path)}\.(\d{{1,3}})\.")
    return sorted({int(match[1]) for name in values if (match := pattern.match(name))})


def day(text: str) -> str | None:
    """An ISO day from `2026-03-04` or `3/4/2026`; None when blank; raises Unreadable."""
    text = text.strip()
    if not text:
        return None
    us = _US_DAY.fullmatch(text)
    iso = f"{us[3]}-{int(us[1]):02d}-{int(us[2]):02d}" if us else text
    try:
        found = date.fromisoformat(iso)
    except ValueError:
        raise Unreadable("write a day such as 3/4/2026") from None
    if not 1900 <= found.year <= 2199:
        raise Unreadable("the year must lie between 1900 and 2199")
    return found.isoformat()


def clock_time(text: str) -> time | None:
    """A time of day from `14:30`, `2:30 pm` or `1430`; None when blank; raises Unreadable."""
    text = text.strip()
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if not match:
        raise Unreadable("write a time such as 2:30 pm")
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half and not 1 <= hour <= 12:
        raise Unreadable("write a time such as 2:30 pm")
    hour = hour % 12 + (12 if half == "p" else 0) if half else hour
    if hour > 23 or minute > 59:
        raise Unreadable("write a time such as 2:30 pm")
    return time(hour, minute)


def moment(on: str | None, at: time | None, zone: ZoneInfo, later_days: int = 0) -> str | None:
    """The aware moment of a local day and time as ISO text, None when one is missing. Raises Unreadable for
    an hour that the clocks skipped that day."""
    if on is None or at is None:
        return None
    local = datetime.combine(date.fromisoformat(on) + timedelta(days=later_days), at, zone)
    if datetime.fromtimestamp(local.timestamp(), zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise Unreadable("the clocks went forward over this hour on that day")
    return local.isoformat()


def _shown(kind: Kind, value: Any) -> list[str]:
    if kind == "check":
        return ["yes"] if value is True else []
    if kind == "yesno":
        return [] if value is None else ["yes" if value else "no"]
    if kind == "many":
        return list(value or [])
    if kind == "given":
        return [" ".join(value or [])]
    return ["" if value is None else str(value)]


def _read(kind: Kind, typed: list[str]) -> Any:
    text = typed[0].strip() if typed else ""
    words = unsendable_words("".join(typed))
    if words:
        raise Unreadable(f"{words}; type that part again")
    if kind == "check":
        return bool(text)
    if kind == "yesno":
        return {"yes": True, "no": False}.get(text)
    if kind == "many":
        return [item for item in typed if item.strip()]
    if kind == "given":
        return _line(text).split()
    return None if not text else _READERS[kind](text)


def _line(text: str) -> str:
    if len(text) > MAX_LINE:
        raise Unreadable(f"at most {MAX_LINE} characters, please")
    return " ".join(text.split())


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Unreadable(f"at most {MAX_TEXT:,} characters, please; here are {len(text):,}")
    return text


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise Unreadable("write a whole number such as 10")
    return int(text)


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,2})?", text):
        raise Unreadable("write a number such as 2 or 1.5")
    return Decimal(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "line": _line,
    "text": _text,
    "day": day,
    "whole": _whole,
    "number": _number,
}
