"""Units: the tables of the guidance, and what holds for every number of minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.units import ROUNDINGS, counted_minutes, minutes_between, share_cap, units_of, units_sentence

CAP, QUARTER = 12, 15
NEW_YORK = ZoneInfo("America/New_York")
# minutes of one contact, units by floor, billed, units by the eight-minute rule (before the cap)
ONE_CONTACT = [
    (7, 0, 0, 0),
    (8, 0, 0, 1),
    (14, 0, 0, 1),
    (15, 1, 1, 1),
    (22, 1, 1, 1),
    (23, 1, 1, 2),
    (29, 1, 1, 2),
    (30, 2, 2, 2),
    (44, 2, 2, 3),
    (45, 3, 3, 3),
    (59, 3, 3, 4),
    (60, 4, 4, 4),
    (179, 11, 11, 12),
    (180, 12, 12, 12),
    (181, 12, 12, 12),
    (194, 12, 12, 12),
    (195, 13, 12, 12),
]
# minutes of the contacts of a day: billed by contact, pooled, pooled by the eight-minute rule
ONE_DAY = [
    ((10, 10), 0, 1, 1),
    ((14, 14), 0, 1, 2),
    ((14, 16), 1, 2, 2),
    ((15, 15), 2, 2, 2),
    ((20, 20), 2, 2, 3),
    ((25, 25), 2, 3, 3),
    ((29, 29), 2, 3, 4),
    ((100, 80), 11, 12, 12),
    ((90, 95), 12, 12, 12),
    ((120, 75), 12, 12, 12),
    ((180, 15), 12, 12, 12),
]
minutes = st.integers(min_value=0, max_value=2000)
days = st.lists(st.integers(min_value=0, max_value=20), max_size=12)


@pytest.mark.parametrize(("length", "units", "billed", "eight"), ONE_CONTACT)
def test_one_contact_makes_the_units_of_the_table(length: int, units: int, billed: int, eight: int) -> None:
    assert units_of(length, QUARTER) == units
    assert share_cap(CAP, 0, [units_of(length, QUARTER)]) == [billed]
    assert share_cap(CAP, 0, [units_of(length, QUARTER, "eight-minute")]) == [eight]


@pytest.mark.parametrize(("lengths", "billed", "pooled", "eight"), ONE_DAY)
def test_contacts_of_a_day_make_the_units_of_the_table(
    lengths: tuple[int, ...], billed: int, pooled: int, eight: int
) -> None:
    assert sum(share_cap(CAP, 0, [units_of(length, QUARTER) for length in lengths])) == billed
    assert share_cap(CAP, 0, [units_of(sum(lengths), QUARTER)]) == [pooled]
    assert share_cap(CAP, 0, [units_of(sum(lengths), QUARTER, "eight-minute")]) == [eight]


@given(minutes, minutes, st.sampled_from(sorted(ROUNDINGS)))
def test_more_minutes_never_make_fewer_units(one: int, more: int, rounding: str) -> None:
    assert units_of(one, QUARTER, rounding) <= units_of(one + more, QUARTER, rounding)


@given(minutes)
def test_floor_bills_no_minute_that_was_not_given(length: int) -> None:
    units = units_of(length, QUARTER)
    assert units * QUARTER <= length < (units + 1) * QUARTER


@given(st.integers(0, 30), st.integers(0, 40), days)
def test_shares_never_pass_the_cap_and_never_exceed_what_was_asked(
    cap: int, taken: int, wanted: list[int]
) -> None:
    shares = share_cap(cap, taken, wanted)
    assert sum(shares) == min(sum(wanted), max(0, cap - taken))
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))


@given(minutes, minutes, minutes)
def test_minutes_left_out_never_add(gross: int, excluded: int, travel: int) -> None:
    assert counted_minutes(gross, excluded, travel) == max(0, gross - excluded - travel)
    assert counted_minutes(gross, -excluded, None) == gross


@pytest.mark.parametrize(
    ("start", "wall_clock", "real"),
    [("2026-03-08T01:30", 90, 30), ("2026-11-01T01:30", 15, 15), ("2026-11-01T00:30", 90, 150)],
)
def test_minutes_are_absolute_when_the_clocks_change(start: str, wall_clock: int, real: int) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)
    assert minutes_between(begin, begin + timedelta(minutes=wall_clock)) == real


def test_seconds_never_round_up_to_a_minute() -> None:
    begin = datetime(2026, 3, 4, 10, 0, 0, tzinfo=NEW_YORK)
    assert minutes_between(begin, begin + timedelta(minutes=14, seconds=59)) == 14


@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        (0, "0 minutes make no unit; 15 more minutes would make 1."),
        (1, "1 minute makes no unit; 14 more minutes would make 1."),
        (14, "14 minutes make no unit; 1 more minute would make 1."),
        (18, "18 minutes make 1 unit; 12 more minutes would make 2."),
        (40, "40 minutes make 2 units; 5 more minutes would make 3."),
    ],
)
def test_units_are_explained_in_a_sentence(length: int, sentence: str) -> None:
    assert units_sentence(length, QUARTER) == sentence
