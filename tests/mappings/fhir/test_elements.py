"""The small parts: addresses that never change, queries that any server reads, text that XML can carry."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pydantic_core import TzInfo

from mappings.fhir.elements import (
    NotFit,
    entry,
    full_url,
    if_none_exist,
    master_identifier,
    narrative,
    present,
    stamp,
    stamps,
    to_bytes,
    transaction,
)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_conditional_query_is_percent_encoded_whatever_the_identifier(system: str, value: str) -> None:
    query = if_none_exist({"system": system, "value": value})
    assert query.isascii()
    assert not set(query) & set("|&?# ")
    assert unquote(query) == f"identifier={system}|{value}"


@given(st.text(), st.text())
def test_a_fullurl_is_the_same_always_and_never_a_document_id(kind: str, key: str) -> None:
    assert full_url(kind, key) == full_url(kind, key)
    assert full_url(kind, key) != master_identifier(key)["value"]
    assert full_url("note", key) != full_url("task", key)


def test_a_narrative_is_well_formed_whatever_the_words() -> None:
    found = narrative('<script>alert("x")</script> & co', [("A", "<b>"), ("B", None), ("C", "  ")])
    div = etree.fromstring(found["div"])
    assert [each.tag for each in div.iter()] == [
        f"{{http://www.w3.org/1999/xhtml}}{t}" for t in ("div", "p", "b", "ul", "li")
    ]
    assert "".join(div.itertext()) == '<script>alert("x")</script> & coA: <b>'


def test_a_text_that_xml_cannot_carry_is_refused_by_its_sign() -> None:
    with pytest.raises(NotFit, match=r"U\+0007"):
        narrative("bell \x07")


def test_days_and_times_are_written_with_their_own_offset() -> None:
    east = timezone(timedelta(hours=-5))
    assert stamp(None) is None
    assert stamp(date(2026, 3, 4)) == "2026-03-04"
    assert stamp(datetime(2026, 3, 4, 10, 0, tzinfo=east)) == "2026-03-04T10:00:00-05:00"
    # New York's own mean time before 1883 had seconds in its offset, which FHIR cannot write.
    odd = timezone(-timedelta(hours=4, minutes=56, seconds=2))
    assert stamp(datetime(2026, 3, 4, 10, 0, tzinfo=odd)) == "2026-03-04T14:56:02+00:00"
    with pytest.raises(NotFit, match="no offset"):
        stamp(datetime(2026, 3, 4, 10, 0, tzinfo=UTC).replace(tzinfo=None))


ZONES: list[tzinfo] = [
    timezone(timedelta(hours=-5)),
    timezone(timedelta(hours=5, minutes=30)),
    ZoneInfo("America/New_York"),
]
ZONES += [timezone(-timedelta(hours=4, minutes=56, seconds=2)), UTC, TzInfo(-16_200), TzInfo(-17_762)]


@given(st.lists(st.datetimes(timezones=st.sampled_from(ZONES)), max_size=6))
def test_times_that_are_written_together_are_written_as_each_of_them_is(times: list[datetime]) -> None:
    assert stamps(times) == [stamp(each) for each in times]
    with pytest.raises(NotFit, match="no offset"):
        stamps([*times, datetime(2026, 3, 4, 10, 0, tzinfo=UTC).replace(tzinfo=None)])


def test_what_is_absent_is_left_out_and_what_is_zero_or_false_stays() -> None:
    assert present(a=None, b="", c=[], d={}, e=0, f=False, class_="x") == {"e": 0, "f": False, "class": "x"}


def test_json_keeps_the_digits_of_decimals_and_refuses_floats_dressed_as_others() -> None:
    assert to_bytes({"value": Decimal("72.30")}) == b'{"value":72.30}'
    with pytest.raises(TypeError):
        to_bytes({"value": {1, 2}})


def test_an_entry_that_stands_twice_goes_in_once() -> None:
    one = entry(full_url("goal", "g"), {"resourceType": "Goal"}, {"system": "s", "value": "v"})
    assert transaction([one, dict(one)])["entry"] == [one]
