"""JSON from an outside party, read without guessing: one meaning per text, bounded in size and depth."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64

# A string that never ends goes to the end of the text: looked for anew at each quote in it, it would take
# hours.
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_STRING_OR_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_NO_BRACKET = re.compile(rf"(?:{_STRING}|[^\[\]{{}}\"])+", re.DOTALL)


class UnreadableJson(ValueError):
    """The text is not JSON with exactly one meaning; the message says why."""


def loads(raw: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Parse UTF-8 JSON; numbers with a fraction become Decimal. Raises UnreadableJson for duplicate keys,
    NaN and infinity, numbers beyond 4300 digits, lone surrogates, and more than the size or depth allowed
    (RFC 8259 sections 4, 6, 8; RFC 7493)."""
    if len(raw) > max_bytes:
        raise UnreadableJson(f"the text is longer than {max_bytes} bytes")
    try:
        text = raw.decode("utf-8-sig")  # some .NET servers put a byte order mark before their JSON
    except UnicodeDecodeError as error:
        raise UnreadableJson("the text is not UTF-8") from error
    _refuse_deep(text, max_depth)
    return _parse(text)


def loads_object(raw: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Parse as `loads` does and insist on a JSON object at the top."""
    value = loads(raw, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise UnreadableJson("the text is JSON but not an object")
    return value


def _parse(text: str) -> Any:
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnreadableJson:
        raise
    except UnicodeEncodeError as error:
        raise UnreadableJson("a string holds half a character (a lone surrogate)") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(f"the text is not JSON: {error}"[:300]) from error
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise UnreadableJson(f"the key {twice[:80]!r} stands twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableJson(f"{name} is not a JSON number")


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise UnreadableJson(f"the number {text[:40]} is out of range")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_decimal)


def _refuse_deep(text: str, max_depth: int) -> None:
    if text.count("[") + text.count("{") > max_depth and not _is_shallow(text, max_depth):
        _count_depth(text, max_depth)


def _is_shallow(text: str, max_depth: int) -> bool:
    """Whether the brackets alone vanish pair by pair in as many rounds as there may be levels: it says no to
    what is not balanced too, and costs a fifth of counting."""
    left = _NO_BRACKET.sub("", text)
    for _ in range(max_depth):
        if not left:
            return True
        left = left.replace("{}", "").replace("[]", "")
    return not left


def _count_depth(text: str, max_depth: int) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth > max_depth:
                raise UnreadableJson(f"the text is nested deeper than {max_depth} levels")
        elif bracket in "]}":
            depth -= 1
