"""What can be searched: one resource becomes rows of the search index."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from .dates import FIRST, LAST, interval
from .parameters import PARAMETERS, Parameter
from .references import read_local

COMPARTMENT = "_patient"


@dataclass(frozen=True)
class Row:
    """One value of one search parameter; `low` and `high` bound a date in UTC."""

    name: str
    system: str = ""
    value: str = ""
    low: str = ""
    high: str = ""


def folded(text: str) -> str:
    """Return text for comparison: without case and accents (FHIR R4 search, string)."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in parts if not unicodedata.combining(mark))


def index_rows(resource: dict[str, Any], base: str, zone: tzinfo) -> Iterator[Row]:
    """Yield the index rows of a resource that carries its id and meta.lastUpdated."""
    yield Row("_id", value=resource["id"])
    yield from _date_rows("_lastUpdated", resource["meta"]["lastUpdated"], zone)
    for name, parameter in PARAMETERS[resource["resourceType"]].items():
        for path in parameter.paths:
            for value in _values(resource, path.split(".")):
                yield from _rows(name, parameter, value, base, zone)


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _rows(name: str, parameter: Parameter, value: Any, base: str, zone: tzinfo) -> Iterator[Row]:
    if parameter.kind == "token":
        yield from _token_rows(name, value)
    elif parameter.kind == "string":
        yield from _string_rows(name, value)
    elif parameter.kind == "reference":
        yield from _reference_rows(name, parameter, value, base)
    elif parameter.kind == "date":
        yield from _date_rows(name, value, zone)


def _token_rows(name: str, value: Any) -> Iterator[Row]:
    if isinstance(value, bool):
        yield Row(name, value=str(value).lower())
    elif isinstance(value, str):
        yield Row(name, value=value)
    elif isinstance(value, dict):
        for coding in value.get("coding", [value]):
            code = coding.get("code", coding.get("value"))
            if code is not None:
                yield Row(name, coding.get("system", ""), code)


def _string_rows(name: str, value: Any) -> Iterator[Row]:
    if isinstance(value, str):
        yield Row(name, system=value, value=folded(value))
    elif isinstance(value, dict):
        for part in ("text", "family", "given", "prefix", "suffix"):
            for text in _values(value, [part]):
                yield Row(name, system=text, value=folded(text))


def _reference_rows(name: str, parameter: Parameter, value: Any, base: str) -> Iterator[Row]:
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return
    local = read_local(text, base)
    if local is None:
        yield Row(name, value=text)
    elif not parameter.only or local.type in parameter.only:
        yield Row(name, local.type, local.id)


def _date_rows(name: str, value: Any, zone: tzinfo) -> Iterator[Row]:
    if isinstance(value, str):
        low, high = interval(value, zone)
        yield Row(name, low=low, high=high)
    elif isinstance(value, dict):
        low = interval(value["start"], zone)[0] if "start" in value else FIRST
        high = interval(value["end"], zone)[1] if "end" in value else LAST
        yield Row(name, low=low, high=high)
