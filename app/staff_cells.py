"""The cells of the staff CSV: a value of a record as text, and back without loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from mappings.written_values import DAY_FORM, NUMBER_FORM

Cells = Mapping[str, str]

# A spreadsheet takes a cell that starts so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_YES_NO = {"yes": True, "no": False, "": None}
_DAYS = frozenset({"birth_date", "hired", "from", "to", "on", "ops", "test_passed"})
# How somebody is reached: FHIR R4, ContactPoint.system.
SYSTEMS = ("phone", "fax", "email", "pager", "url", "sms", "other")
MOST_HOURS = Decimal(100_000)
MOST_MINUTES = 6


class NotReadable(ValueError):
    """A cell that cannot be read; the message names the column and the right form."""


def cell_of(row: Cells, name: str) -> Any:
    """The value of a cell as the intake record holds it, None for a blank one; raises NotReadable."""
    text = row[name]
    if not text:
        return None
    if name in ("answer", "specific"):
        return yes_no(name, text)
    if name == "hours":
        return _hours(text)
    if name == "minutes":
        return _minutes(text)
    if name in _DAYS:
        return _day(name, text)
    if name == "system" and text not in SYSTEMS:
        raise NotReadable(f"system: unreadable value {text!r}; expected one of {', '.join(SYSTEMS)}")
    return text


def cell_text(value: object) -> str:
    """A value of a record as the text of its cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def yes_no(name: str, text: str) -> bool | None:
    """True, False, or None for a blank; raises NotReadable."""
    if text.lower() not in _YES_NO:
        raise NotReadable(f"{name}: unreadable value {text!r}; expected yes or no")
    return _YES_NO[text.lower()]


def given_of(text: str) -> list[str]:
    """Given names of a cell, between spaces; where a name holds a space they stand between semicolons."""
    parts = text.split(";") if ";" in text else text.split()
    return [part.strip() for part in parts if part.strip()]


def given_text(names: Sequence[str]) -> str:
    """The cell of given names that `given_of` reads back."""
    return (
        " ".join(names) if all(name.split() == [name] for name in names) else "".join(f"{n};" for n in names)
    )


def safe(value: str) -> str:
    """The cell so that no spreadsheet takes it for a formula."""
    return f"'{value}" if value.lstrip("'").startswith(_FORMULA) else value


def unsafe(value: str) -> str:
    """The cell as it was before `safe`."""
    value = value.strip()
    return value[1:] if value.startswith("'") and value.lstrip("'").startswith(_FORMULA) else value


def _hours(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    exact = value.is_finite() and value == round(value, 2)
    if not exact or not 0 <= value <= MOST_HOURS:
        raise NotReadable(f"hours: unreadable value {text!r}; expected {NUMBER_FORM}")
    return value


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_MINUTES):
        raise NotReadable(f"minutes: unreadable value {text!r}; expected a whole number such as 60")
    return int(text)


def _day(name: str, text: str) -> str:
    if len(text) != 10:
        raise NotReadable(f"{name}: unreadable value {text!r}; expected {DAY_FORM}")
    return text
