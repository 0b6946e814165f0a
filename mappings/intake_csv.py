"""Intake records as a table (CSV): a row is a record, a column a field by its path in the intake record.

Columns are named as fields are named in refusals: `individual.id`, `signatures[0].by`. A list of texts may
stand in one cell, with semicolons between. An empty cell is an absent field.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from mappings.intake import MAX_LINE_BYTES, json_schema

_PART = re.compile(r"([A-Za-z_]\w*)|\[(\d{1,3})\]", re.ASCII)
_COLUMN = re.compile(r"[A-Za-z_]\w*(?:\[\d{1,3}\])?(?:\.[A-Za-z_]\w*(?:\[\d{1,3}\])?)*", re.ASCII)
_WHOLE, _NUMBER = re.compile(r"[+-]?\d{1,18}"), re.compile(r"[+-]?\d{1,9}(\.\d{1,6})?")
_FLAGS = {"true": True, "false": False}
Path = tuple[str | int, ...]


class Unreadable(ValueError):
    """A table that cannot be read at all: which line, which column, what is expected."""


def lines_of(stream: Iterable[str]) -> Iterator[bytes]:
    """The rows of a table as intake records, one a line, each on the line on which its row begins.

    What a row says wrongly is left to the reading of the record, which names line and field. Raises
    Unreadable for a header with unknown or equal columns, and for quotation marks that never end.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    rows = csv.reader(stream, strict=True)
    try:
        columns = _columns(next(rows, []))
        yield b"\n" * rows.line_num
        before = rows.line_num
        for cells in rows:
            # A text of several lines makes a row of several lines; the lines after it are left blank.
            yield _line(columns, cells) + b"\n" * (rows.line_num - before)
            before = rows.line_num
    except csv.Error as error:
        form = "expected texts with commas or line breaks in quotation marks, and these doubled inside"
        raise Unreadable(f"line {rows.line_num}: no CSV ({error}); {form}") from None


def _columns(header: Sequence[str]) -> list[tuple[str, Path]]:
    if not header:
        raise Unreadable("line 1: there is no header; expected names of fields such as kind,id,individual.id")
    found: list[tuple[str, Path]] = []
    for place, cell in enumerate(header, start=1):
        name = cell.strip()
        if name in [known for known, _ in found]:
            raise Unreadable(f"line 1 column {place}: {name!r} stands there twice; expected each column once")
        path = path_of(name)
        if path is None or not any(types_of(kind, path) for kind in _schemas()):
            form = "expected the path of a field such as individual.id or signatures[0].by"
            raise Unreadable(f"line 1 column {place}: {name!r} is no field of any record; {form}")
        found.append((name, path))
    return found


def path_of(name: str) -> Path | None:
    """The parts of a column's name; None where it is no path."""
    if not _COLUMN.fullmatch(name):
        return None
    return tuple(word or int(place) for word, place in _PART.findall(name))


def _line(columns: Sequence[tuple[str, Path]], cells: Sequence[str]) -> bytes:
    values = {path: cell for (_, path), cell in zip(columns, cells, strict=False) if cell.strip()}
    more = [place for place, cell in enumerate(cells[len(columns) :], start=len(columns) + 1) if cell.strip()]
    if not values and not more:
        return b""
    record: dict[str | int, Any] = {}
    for path, cell in values.items():
        _put(record, path, _value(cell.strip(), types_of(values.get(("kind",), "").strip(), path)))
    # No record has such a field, so that the line is refused by this name.
    record |= {f"column {place}": "beyond the header" for place in more}
    return json.dumps(_closed(record), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _value(cell: str, types: frozenset[str]) -> Any:
    """The cell as the field wants it; text where it cannot be, so that the record's reading says so."""
    if "boolean" in types and cell.lower() in _FLAGS:
        return _FLAGS[cell.lower()]
    if "integer" in types and _WHOLE.fullmatch(cell):
        return int(cell)
    if "number" in types and _NUMBER.fullmatch(cell):
        return float(cell)
    if "array" in types:
        return [part.strip() for part in cell.split(";") if part.strip()]
    return cell


def _put(record: dict[str | int, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        record = record.setdefault(part, {})
    record[path[-1]] = value


def _closed(value: Any) -> Any:
    """Numbered parts as lists, in order of their numbers."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_closed(value[key]) for key in sorted(value)]
    return {key: _closed(each) for key, each in value.items()}


@lru_cache(maxsize=4096)
def types_of(kind: str, path: Path) -> frozenset[str]:
    """The JSON types that the field at a path of a kind of record may have; none where there is no such
    field. A list counts as one where its items are plain texts."""
    schema = _schemas().get(kind)
    found = [schema] if schema is not None else []
    for part in path:
        found = [inner for each in found for inner in _inner(each, part, kind)]
    return frozenset(t for each in found for t in _types(each, kind))


def _inner(schema: Mapping[str, Any], part: str | int, kind: str) -> Iterator[Mapping[str, Any]]:
    for each in _choices(schema, kind):
        if isinstance(part, int) and "items" in each:
            yield each["items"]
        elif isinstance(part, str) and part in each.get("properties", {}):
            yield each["properties"][part]


def _types(schema: Mapping[str, Any], kind: str) -> Iterator[str]:
    for each in _choices(schema, kind):
        if each.get("type") == "array" and "string" not in _types(each.get("items", {}), kind):
            continue
        if each.get("type") not in (None, "null", "object"):
            yield str(each["type"])
        elif "const" in each or "enum" in each:
            yield "string"


def _choices(schema: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    if "$ref" in schema:
        yield from _choices(_schemas()[kind]["$defs"][schema["$ref"].rpartition("/")[2]], kind)
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from _choices(each, kind)
    else:
        yield schema


@lru_cache(maxsize=1)
def _schemas() -> Mapping[str, Any]:
    return json_schema()


__all__ = ["Unreadable", "lines_of", "path_of", "types_of"]
