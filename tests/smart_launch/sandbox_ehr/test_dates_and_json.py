"""Dates become intervals that keep their order; JSON goes in and out without loss."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.sandbox_ehr.dates import instant, interval, stamp
from smart_launch.sandbox_ehr.outcomes import FhirError
from smart_launch.sandbox_ehr.strict_json import read_json, write_json

ALBANY = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2026-01-01T05:00", "2027-01-01T05:00"),
        ("2026-02", "2026-02-01T05:00", "2026-03-01T05:00"),
        ("2028-02", "2028-02-01T05:00", "2028-03-01T05:00"),
        ("2026-07-04", "2026-07-04T04:00", "2026-07-05T04:00"),
        ("2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("2026-11-20T10:00", "2026-11-20T15:00", "2026-11-20T15:01"),
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00", "2026-11-20T10:00:01"),
        ("2026-11-20T10:00:00.5+02:00", "2026-11-20T08:00:00.500000", "2026-11-20T08:00:00.600000"),
    ],
)
def test_a_date_is_an_interval_of_the_clinics_time(text: str, low: str, high: str) -> None:
    def utc(value: str) -> str:
        return stamp(datetime.fromisoformat(value).replace(tzinfo=UTC))

    assert interval(text, ALBANY) == (utc(low), utc(high))


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-02-30", "2026-1-1", "2026-01-01T25:00", "now"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day|month|hour"):
        interval(text, ALBANY)


@given(st.integers(-(2**31), 2**32), st.integers(-840, 840))
def test_an_instant_lies_in_its_own_interval_and_order_is_time(seconds: int, minutes: int) -> None:
    aware = datetime.fromtimestamp(seconds, UTC)
    low, high = interval(instant(aware), ALBANY)
    assert low <= stamp(aware) < high
    later = aware + timedelta(minutes=minutes)
    assert (stamp(later) < stamp(aware)) == (later < aware)


numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_json_is_written_as_it_was_read(value: Any) -> None:
    written = write_json(value)
    assert write_json(read_json(written)) == written


@pytest.mark.parametrize("number", ["25.00", "0.10", "1e3", "-0.0", "123456789012345678901.5"])
def test_a_decimal_keeps_its_digits(number: str) -> None:
    read = read_json(f'{{"value":{number}}}'.encode())
    assert read["value"] == Decimal(number)
    again = json.loads(write_json(read), parse_float=str)["value"]
    assert Decimal(again) == Decimal(number)
    assert again.lower().replace("+", "") == number


@given(st.integers(1, 64))
def test_sixty_four_levels_are_read(levels: int) -> None:
    assert read_json(b"[" * levels + b"]" * levels) is not None


@given(st.integers(65, 5000))
def test_more_levels_are_refused_and_brackets_in_text_do_not_count(levels: int) -> None:
    with pytest.raises(FhirError):
        read_json(b"[" * levels + b"]" * levels)
    assert read_json(b'{"a":"' + b'[\\"' * levels + b'"}')
