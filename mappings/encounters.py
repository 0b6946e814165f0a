"""A table of service encounters that a place bills by: which code, format and modifiers, by whom, in which
units. It comes from outside (a payer's instructions), so that a pack may name it before it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mappings.in_force import DayPack
from mappings.library import Library
from mappings.library_parts import Code, Table

TABLE = "encounter.table"


def awaits_table(pack: DayPack) -> bool:
    """Whether the pack bills by a table of service encounters."""
    return pack.value(TABLE) is not None


def table_of(library: Library, pack: DayPack) -> Table | None:
    """The table of service encounters that the pack names, or None while it is not loaded."""
    name = pack.value(TABLE)
    return None if name is None else library.tables.get(str(name))


def rows_for(
    table: Table | None,
    code: str | None,
    format: str | None,
    on: date,
    modifiers: Sequence[str] | None = None,
) -> list[Code]:
    """The rows in use on the day for a procedure code and a format, and for the modifiers where given."""
    found = []
    for row in table.codes.values() if table is not None else ():
        own = row.properties
        fits = own["procedure"] == code and own.get("format", "") in ("", format)
        same = modifiers is None or sorted(modifiers) == sorted(own.get("modifiers", ()))
        if fits and same and row.covers(on):
            found.append(row)
    return found
