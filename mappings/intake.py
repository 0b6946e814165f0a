"""The intake record: one JSON object a line, read into records or refused with field and right form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn, cast

import orjson
from pydantic import ValidationError

from mappings.records import KINDS, Contact, Part, PlanEntry, Record

MAX_LINE_BYTES = 1024 * 1024
MAX_DEPTH = 64
_TAB, _LINE_FEED, _RETURN, _BACKSLASH = b"\t\n\r\\"
_KEY_BYTES = re.compile(rb'"\s*:')
# What the lines of one person, peer or programme have alike.
_OFTEN_ALIKE: dict[type[Part], tuple[str, ...]] = {
    Contact: ("individual", "program", "peer", "engagement", "service", "diagnoses", "recipients"),
    PlanEntry: ("individual", "program", "plan"),
}
_MOST_KEPT, _LONG = 4096, 4096

_FORMS = {
    "string_type": "a text in quotation marks",
    "int_type": "a whole number without quotation marks",
    "bool_type": "true or false",
    "tuple_type": "a list in square brackets",
    "model_type": "an object in curly braces",
    "model_attributes_type": "an object in curly braces",
    "dict_type": "an object in curly braces",
    "greater_than_equal": "1 or a larger whole number",
}


class Refused(ValueError):
    """A line that cannot be a record: which field, what is wrong, and the right form."""

    def __init__(self, field: str, problem: str, form: str) -> None:
        super().__init__(f"{field}: {problem}; expected {form}" if field else f"{problem}; expected {form}")
        self.field, self.problem, self.form = field, problem, form


@dataclass(frozen=True)
class Refusal:
    """One refused line of one input: where it stands, the field, the problem and the right form."""

    file: str
    line: int
    field: str
    problem: str
    form: str

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}"
        field = f" field {self.field}:" if self.field else ""
        return f"{at}:{field} {self.problem}; expected {self.form}"


@dataclass(frozen=True)
class Line:
    """One record and where it stood."""

    file: str
    line: int
    record: Record


class Alike:
    """Parts that many lines of one input have alike: each is read and checked once, and stays one object.

    One for each input; not to be shared between threads. At most so many of each part are kept.
    """

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        # By how a part is written.
        self._kept: dict[type[Part], list[tuple[str, dict[bytes, object]]]] = {
            model: [(name, {}) for name in names] for model, names in _OFTEN_ALIKE.items()
        }

    def read(self, model: type[Part], data: dict[str, Any]) -> Part:
        """The record of the data, whose parts are put in where they are known. Raises ValidationError as the
        model does."""
        new = []
        for name, kept in self._kept.get(model, ()):
            if part := data.get(name):
                written = orjson.dumps(part)
                if (found := kept.get(written)) is not None:
                    data[name] = found
                elif len(written) < _LONG:
                    new.append((name, kept, written))
        # What `model_validate` does, without its many options.
        record: Part = model.__pydantic_validator__.validate_python(data, by_alias=True, by_name=False)
        for name, kept, written in new:
            if len(kept) >= self._most:
                kept.clear()
            kept[written] = getattr(record, name)
        return record


def read_record(text: str | bytes, alike: Alike | None = None) -> Record:
    """One record from the text of one JSON object; `alike` keeps what other lines of the input have alike.

    Raises Refused on bad JSON, a duplicate key, NaN, depth over 64, size over 1 MiB, an unknown field, a
    wrong type, an unreadable date or a missing kind, id, jurisdiction or individual.id.
    """
    found = _quickly(text, alike or Alike())
    # What is wrong is told of what the strict parser reads.
    return found if found is not None else record_from(_parse(text))


def read_again(text: bytes, alike: Alike | None = None) -> Record:
    """The record of a line that `read_record` has accepted before."""
    try:
        data = orjson.loads(text)
        return cast(Record, (alike or Alike()).read(KINDS[data["kind"]], data))
    except ValueError:
        # Numbers with a fraction or of many digits are left to the strict parser, as they were then.
        return read_record(text)


def record_from(data: object) -> Record:
    """One record from already parsed JSON data; raises Refused as `read_record` does."""
    if not isinstance(data, dict):
        raise Refused("", "the line holds no object", 'an object such as {"kind": "contact", ...}')
    model = KINDS.get(str(data.get("kind")))
    if model is None:
        problem = f"unknown kind {data['kind']!r}" if data.get("kind") is not None else "is missing"
        raise Refused("kind", problem, "one of " + ", ".join(KINDS))
    try:
        return cast(Record, model.model_validate(data, by_alias=True, by_name=False))
    except ValidationError as error:
        _refuse(error)


def read_lines(name: str, lines: Iterable[bytes]) -> Iterator[Line | Refusal]:
    """Every line of one NDJSON input in order, as a record or as a refusal; blank lines are passed over."""
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            yield Line(name, number, read_record(text))
        except Refused as refused:
            yield Refusal(name, number, refused.field, refused.problem, refused.form)


def write_record(record: Record) -> dict[str, Any]:
    """The record as JSON data in the intake form; reading it back gives the same record."""
    return record.model_dump(mode="json", by_alias=True)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every kind of intake record, by kind."""
    return {kind: model.model_json_schema(by_alias=True) for kind, model in KINDS.items()}


def _quickly(text: str | bytes, alike: Alike) -> Record | None:
    """The record of a line that a fast parser reads just as the strict one does; None where it may not.

    What is no JSON and what has equal keys is left to the strict parser, which is several times slower. The
    models refuse numbers with a fraction or beyond 64 bits, which the two read in two ways, and what is deep.
    """
    if len(text) > MAX_LINE_BYTES:
        return None
    try:
        data = orjson.loads(text)
        model = KINDS.get(str(data.get("kind"))) if type(data) is dict else None
        if model is None:
            return None
        written = text.encode() if isinstance(text, str) else text
        each_once = _each_key_once(data, written)
        return cast(Record, alike.read(model, data)) if each_once else None
    # Also what is no JSON.
    except (ValueError, orjson.JSONEncodeError):
        return None


def _each_key_once(data: dict[str, object], written: bytes) -> bool:
    """Whether no key stands twice in one object of the text that the data was read from; not where it may."""
    anew = orjson.dumps(data)
    # Most systems write without blanks, and what is written anew has each key once.
    if written.rstrip() == anew:
        return True
    if _plainly_written(written):
        return _keys_in(anew) == _keys_in(written)
    return _keys(data, MAX_DEPTH) == len(_KEY_BYTES.findall(written))


def _keys_in(written: bytes) -> int:
    """How many keys a JSON text has, and texts in it that look like the end of one: to count colons is many
    times quicker than to count keys. Written anew, every key that stood there once has its colon again, and
    texts have what they had."""
    return written.count(b'":')


def _plainly_written(text: bytes) -> bool:
    """Whether colons tell of keys: no sign stands as its number, and no blank before a colon."""
    # To look for one sign, and for its number, takes a small part of looking for two.
    line = text.rstrip()
    if _BACKSLASH in line and b"\\u00" in line:
        return False
    return not (_TAB in line or _LINE_FEED in line or _RETURN in line or b" :" in line)


def _keys(data: dict[str, object] | list[object], depth: int) -> int:
    """How many keys the data holds; -1 where it is too deep."""
    count, values = (len(data), data.values()) if isinstance(data, dict) else (0, data)
    for each in values:
        if isinstance(each, dict | list):
            more = _keys(each, depth - 1) if depth else -1
            if more < 0:
                return -1
            count += more
    return count


def _parse(text: str | bytes) -> object:
    if len(text) > MAX_LINE_BYTES:
        raise Refused("", "the line is larger than 1 MiB", "one record a line")
    head = text.lstrip()[:9]
    if head[:1] in ("<", b"<"):
        raise Refused("", "the line is XML", "one JSON object a line (NDJSON)")
    try:
        data = json.loads(
            (text.decode("utf-8") if isinstance(text, bytes) else text).rstrip("\r\n"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=Decimal,
        )
    except Refused:
        raise
    except UnicodeDecodeError:
        raise Refused("", "the line is not UTF-8", "JSON in UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        # The decoder's own line number is that of the record, which has one line: it would mislead.
        what = f"not JSON ({error.msg} at character {error.colno})"
        raise Refused("", what, "one JSON object a line") from None
    except ValueError:
        raise Refused("", "not JSON (a number has too many digits)", "one JSON object a line") from None
    if _deeper_than(data, MAX_DEPTH):
        raise _too_deep()
    if _has_half_character(data):
        raise Refused("", "a text holds half a character (a lone surrogate)", "whole Unicode characters")
    return data


def _too_deep() -> Refused:
    return Refused("", f"nested deeper than {MAX_DEPTH} levels", "a flat intake record")


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Refused(twice, "the key stands twice in one object", "each key once")
    return data


def _no_constant(word: str) -> NoReturn:
    raise Refused("", f"{word} is no JSON number", "a number such as 2 or 1.5, or null")


def _has_half_character(data: object) -> bool:
    # Python reads "\ud800" without complaint; no database, XML or UTF-8 can hold it afterwards.
    if isinstance(data, str):
        return not data.isascii() and any("\ud800" <= sign <= "\udfff" for sign in data)
    if isinstance(data, dict):
        return any(_has_half_character(key) or _has_half_character(value) for key, value in data.items())
    return isinstance(data, list) and any(_has_half_character(value) for value in data)


def _deeper_than(data: object, depth: int) -> bool:
    layer: list[object] = [data]
    for _ in range(depth + 1):
        layer = [child for node in layer for child in _children(node)]
        if not layer:
            return False
    return True


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return [value for value in node.values() if isinstance(value, dict | list)]
    return [value for value in node if isinstance(value, dict | list)] if isinstance(node, list) else ()


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False)[0]
    field = _path(first["loc"])
    kind = first["type"]
    if kind == "extra_forbidden":
        raise Refused(field, "unknown field", "only the fields of the intake record")
    if kind == "missing":
        raise Refused(field, "is missing", "a text in quotation marks")
    if kind == "value_error":
        raise Refused(field, f"unreadable value {_short(first['input'])}", _after_expected(first["msg"]))
    form = _FORMS.get(kind, first["msg"])
    raise Refused(field, f"wrong type, found {_short(first['input'])}", form)


def _after_expected(message: str) -> str:
    return message.partition("expected ")[2] or message


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _short(value: object) -> str:
    text = repr(value)
    if value is None or isinstance(value, bool):
        text = json.dumps(value)
    elif isinstance(value, Decimal):
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = [
    "Alike",
    "Line",
    "Part",
    "Refusal",
    "Refused",
    "json_schema",
    "read_again",
    "read_lines",
    "read_record",
    "write_record",
]
