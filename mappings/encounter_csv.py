"""Reads a table of service encounters from CSV and writes it as a dated, sourced table of the library."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mappings.library_parts import Code, Table
from mappings.units import ROUNDINGS

COLUMNS = ("code", "modifiers", "format", "credentials", "unit_minutes", "rounding", "description")
NEEDED = ("code", "unit_minutes")
FORMATS = ("", "individual", "group")
PROPERTIES = ("procedure", "modifiers", "format", "credentials", "unit_minutes", "rounding")
_CODE, _MODIFIER = re.compile(r"[A-Z0-9][0-9]{4}|[0-9]{4}[A-Z]"), re.compile(r"[A-Z0-9]{2}")


class BadTable(ValueError):
    """A CSV that cannot be a table; every problem names its line and the right form."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Row:
    """One combination that a claim may carry, from a day on; an open end is None."""

    procedure: str
    modifiers: tuple[str, ...]
    format: str
    credentials: tuple[str, ...]
    unit_minutes: int
    rounding: str
    display: str
    from_: date
    until: date | None = None

    @property
    def key(self) -> str:
        """What makes the row one of its own: code, modifiers, format and first day."""
        return f"{self.same} from {self.from_}"

    @property
    def same(self) -> str:
        """Code, modifiers and format, whatever the day."""
        return "/".join(part for part in (self.procedure, *self.modifiers, self.format) if part)


def read_csv(text: str, start: date) -> list[Row]:
    """The rows of a CSV text, in force from a day on; raises BadTable with all that is wrong."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head, lines = reader.fieldnames or [], [(reader.line_num, line) for line in reader]
    except csv.Error as error:
        raise BadTable([f"line {reader.line_num}: not CSV ({error})"]) from None
    problems = [f"line 1: unknown column `{name}`; {_columns()}" for name in head if name not in COLUMNS]
    problems += [
        f"line 1: the column `{name}` is missing; {_columns()}" for name in NEEDED if name not in head
    ]
    rows: list[Row] = []
    for number, line in lines if not problems else ():
        found, wrong = _row(line, start)
        problems += [f"line {number}: {problem}" for problem in wrong]
        if found is not None and any(found.same == other.same for other in rows):
            problems.append(f"line {number}: {found.same} stands twice; each combination once")
        if found is not None:
            rows.append(found)
    if not rows and not problems:
        problems.append("there is no row below the head; each combination that may be billed has one")
    if problems:
        raise BadTable(problems)
    return rows


def _columns() -> str:
    return "the columns are " + ", ".join(COLUMNS)


def _row(line: Mapping[str | None, str | list[str] | None], start: date) -> tuple[Row | None, list[str]]:
    if None in line or None in line.values():
        return None, ["it has more or fewer cells than the head; one cell for each column"]
    cells = {str(name): " ".join(str(cell).split()) for name, cell in line.items()}
    code, modifiers = cells["code"].upper(), tuple(cells.get("modifiers", "").upper().split())
    form, rounding = cells.get("format", "").lower(), cells.get("rounding", "") or "floor"
    minutes = cells["unit_minutes"]
    wrong = []
    if not _CODE.fullmatch(code):
        wrong.append(f"`code` is {code!r}; a procedure code such as H0038")
    wrong += [
        f"modifier {m!r}; two letters or digits such as HQ" for m in modifiers if not _MODIFIER.fullmatch(m)
    ]
    if form not in FORMATS:
        wrong.append(f"`format` is {form!r}; individual, group or blank for both")
    if rounding not in ROUNDINGS:
        wrong.append(f"`rounding` is {rounding!r}; one of {', '.join(ROUNDINGS)}")
    if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes) <= 1440):
        wrong.append(f"`unit_minutes` is {minutes!r}; whole minutes such as 15")
    if wrong:
        return None, wrong
    credentials = tuple(cells.get("credentials", "").split())
    display = cells.get("description", "") or code
    return Row(code, tuple(sorted(modifiers)), form, credentials, int(minutes), rounding, display, start), []


def rows_of(table: Table) -> list[Row]:
    """The rows of a loaded table."""
    return [_of_code(code) for code in table.codes.values()]


def _of_code(code: Code) -> Row:
    own = code.properties
    return Row(
        str(own["procedure"]),
        tuple(own.get("modifiers", ())),
        str(own.get("format", "")),
        tuple(own.get("credentials", ())),
        int(own["unit_minutes"]),
        str(own["rounding"]),
        code.display,
        code.from_ or date.min,
        code.until,
    )


def followed_by(older: Iterable[Row], newer: Sequence[Row], start: date) -> list[Row]:
    """The older rows ended on the day before, then the newer ones; raises BadTable where older rows begin
    later than the newer ones. Rows of the same first day are replaced."""
    kept = [row for row in older if row.from_ != start]
    late = max((row.from_ for row in kept), default=date.min)
    if late > start:
        raise BadTable([f"rows from {late} are loaded already; a table is loaded in order of its days"])
    before = start - timedelta(days=1)
    ended = [replace(row, until=min(row.until or date.max, before)) for row in kept]
    return [*ended, *newer]


def as_toml(
    table: str, jurisdiction: str, rows: Sequence[Row], *, name: str, content: bytes, start: date, on: date
) -> str:
    """The table as a file of the library: its source is the CSV by name and digest, compared on the day."""
    digest = hashlib.sha256(content).hexdigest()
    source = f"{table}-{start}"
    lines = [
        f"# Loaded by `peerchart rules load-table` from {_plain(name)} on {on}.",
        "",
        "[[source]]",
        f"id = {_text(source)}",
        f"title = {_text(name)}",
        'publisher = "Loaded by the site"',
        f"address = {_text(f'{name}, SHA-256 {digest}')}",
        f'published = "in force from {start}"',
        f"effective = {start}",
        f"checked = {on}",
        "",
        "[table]",
        f"id = {_text(table)}",
        f"title = {_text(f'Service encounters of {jurisdiction}')}",
        f"jurisdiction = {_text(jurisdiction)}",
        f"properties = {_texts(PROPERTIES)}",
        f"cite = {{ source = {_text(source)}, at = {_text(name)} }}",
    ]
    for row in rows:
        lines += ["", *_code_lines(row)]
    return "\n".join(lines) + "\n"


def _code_lines(row: Row) -> Iterator[str]:
    yield "[[code]]"
    yield f"code = {_text(row.key)}"
    yield f"display = {_text(row.display)}"
    yield f"procedure = {_text(row.procedure)}"
    yield f"modifiers = {_texts(row.modifiers)}"
    yield f"format = {_text(row.format)}"
    yield f"credentials = {_texts(row.credentials)}"
    yield f"unit_minutes = {row.unit_minutes}"
    yield f"rounding = {_text(row.rounding)}"
    yield f"from = {row.from_}"
    if row.until is not None:
        yield f"until = {row.until}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_plain(escaped)}"'


def _plain(value: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in value)


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
