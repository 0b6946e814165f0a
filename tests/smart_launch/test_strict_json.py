import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch import strict_json
from smart_launch.strict_json import MAX_DEPTH, UnreadableJson, loads, loads_object

REFUSED = {
    "a duplicate key": b'{"a": 1, "a": 2}',
    "a duplicate key far inside": b'[{"b": {"a": 1, "\\u0061": 2}}]',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "a number of 5000 digits": b"1" * 5000,
    "too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "deep enough to end the recursion": b"[" * 100_000,
    "a string without end, full of quotes": b'"' + b'\\"' * 1_000_000,
    "too deep before a string without end": b"[" * (MAX_DEPTH + 1) + b'"' + b'\\"' * 1_000_000,
    "not UTF-8": b'"\xff"',
    "half a character": b'"\\ud800"',
    "cut in the middle": b'{"a": [1, 2',
    "two values": b"{} {}",
    "nothing": b"",
    "a page": b"<html></html>",
    "a raw control character": b'"a\x01"',
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_a_text_without_exactly_one_meaning_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableJson):
        loads(raw)


def test_a_text_longer_than_allowed_is_refused_before_it_is_read() -> None:
    with pytest.raises(UnreadableJson, match="longer than 10 bytes"):
        loads(b" " * 11, max_bytes=10)


def test_brackets_inside_strings_are_not_depth() -> None:
    assert loads(json.dumps("[{" * 100 + '\\"' * 5).encode()) == "[{" * 100 + '\\"' * 5


@given(st.lists(st.sampled_from(list('[]{}"\\ a,'))).map("".join), st.integers(1, 6))
def test_what_is_shallow_at_a_glance_is_so_when_it_is_counted(text: str, most: int) -> None:
    if strict_json._is_shallow(text, most):
        strict_json._count_depth(text, most)


def test_the_deepest_allowed_text_is_read() -> None:
    loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_a_decimal_keeps_its_digits() -> None:
    assert loads(b'{"value": 12.50}') == {"value": Decimal("12.50")}


def test_an_object_is_asked_for_and_a_list_is_refused() -> None:
    with pytest.raises(UnreadableJson, match="not an object"):
        loads_object(b"[]")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES, st.booleans())
def test_every_ordinary_text_reads_as_the_standard_reads_it(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(raw: bytes) -> None:
    try:
        loads(raw)
    except UnreadableJson as error:
        assert str(error)
