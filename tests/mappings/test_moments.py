"""Days and times that are put together say what `isoformat` says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mappings.moments import CLOCK, day_written, offset_written, written

_MINUTES = st.integers(-24 * 60 + 1, 24 * 60 - 1)
_FIXED = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), _MINUTES)
_ODD = st.builds(lambda seconds: timezone(timedelta(seconds=seconds), "odd"), st.integers(-86_399, 86_399))
_NAMED = st.sampled_from([ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"), UTC])


@given(st.datetimes(), st.one_of(st.none(), _FIXED, _ODD, _NAMED), st.booleans())
def test_a_time_is_written_as_its_isoformat(at: datetime, zone: tzinfo | None, whole: bool) -> None:
    moment = at.replace(tzinfo=zone, microsecond=0 if whole else at.microsecond)
    assert written(moment) == moment.isoformat()


@pytest.mark.parametrize(
    "text", ["2026-03-04T10:00:00Z", "2026-11-01T01:30:00-04:00", "0999-01-01T00:00:09+05:45"]
)
def test_a_time_of_a_record_is_written_as_its_isoformat(text: str) -> None:
    moment = TypeAdapter(datetime).validate_python(text)
    assert written(moment) == moment.isoformat()


@given(st.datetimes(), _ODD)
def test_its_parts_are_those_of_the_isoformat(at: datetime, zone: timezone) -> None:
    whole = at.replace(tzinfo=zone, microsecond=0, second=0).isoformat()
    offset = offset_written(at.replace(tzinfo=zone).utcoffset() or timedelta())
    assert whole == f"{day_written(at.date())}T{CLOCK[at.hour * 60 + at.minute]}:00{offset}"
