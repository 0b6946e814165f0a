"""JSON at the door: refuses what Python's reader lets through, and keeps decimals as they were written."""

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from .outcomes import FhirError

MAX_DEPTH = 64
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def read_json(data: bytes) -> Any:
    """Read one JSON document; numbers with a fraction become Decimal.

    Raises FhirError 400 for bad UTF-8, bad JSON, a duplicate key, NaN or Infinity, an integer beyond
    64 bits, a lone surrogate, or more than 64 levels.
    """
    text = _decoded(data)
    _check_depth(text)
    try:
        value = json.loads(
            text,
            parse_float=Decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
        write_json(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise FhirError(400, "structure", f"The body is not readable JSON: {error}") from error
    return value


def write_json(value: Any) -> bytes:
    """Write JSON; a Decimal is written with the digits it was read with."""
    return orjson.dumps(value, default=_decimal)


def pretty_json(value: Any) -> str:
    """Write JSON for people, indented by two."""
    return orjson.dumps(value, default=_decimal, option=orjson.OPT_INDENT_2).decode()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FhirError(400, "structure", f"The body is not UTF-8: {error}") from error


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        mark = match.group()[0]
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > MAX_DEPTH:
            raise FhirError(400, "structure", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > 19:
        raise ValueError(f"the integer {text[:24]}... is too long")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _decimal(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode())
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
