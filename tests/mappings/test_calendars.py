"""Business days: the federal list against the words of the law, lists of a site, years without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.calendars import business_days_after, problem_of
from mappings.library import LibraryError, load

# The holiday, its month, and its day or which weekday of the month it is (-1 the last).
FIXED = {
    "New Year's Day": (1, 1),
    "Juneteenth National Independence Day": (6, 19),
    "Independence Day": (7, 4),
    "Veterans Day": (11, 11),
    "Christmas Day": (12, 25),
}
MOVING = {
    "Birthday of Martin Luther King, Jr.": (1, 0, 3),
    "Washington's Birthday": (2, 0, 3),
    "Memorial Day": (5, 0, -1),
    "Labor Day": (9, 0, 1),
    "Columbus Day": (10, 0, 2),
    "Thanksgiving Day": (11, 3, 4),
}


def listed() -> Mapping[str, Sequence[str]]:
    """The federal list as Idaho's pack has it."""
    value = load().parameter("calendar.holidays", date(2024, 1, 2), "us-id")
    assert value is not None
    found: Mapping[str, Sequence[str]] = value.value
    return found


def observed(day: date) -> date:
    """Friday for a Saturday (5 U.S.C. 6103(b)), Monday for a Sunday (Executive Order 11582, section 3)."""
    return day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0))


def of_the_month(year: int, month: int, weekday: int, which: int) -> date:
    days = [date(year, month, 1) + timedelta(days=n) for n in range(31)]
    return [day for day in days if day.month == month and day.weekday() == weekday][which - (which > 0)]


def by_law(year: int) -> list[str]:
    fixed = [
        (observed(date(around, *day)), name)
        for name, day in FIXED.items()
        for around in (year, year + 1)
        if name != "Juneteenth National Independence Day" or around >= 2021
    ]
    days = [*fixed, *((of_the_month(year, *when), name) for name, when in MOVING.items())]
    return [f"{day} {name}" for day, name in sorted(days) if day.year == year]


def test_the_federal_list_is_that_of_the_law_in_every_year() -> None:
    years = listed()
    assert [int(year) for year in years] == list(range(2013, 2031))
    for year, days in years.items():
        assert list(days) == by_law(int(year))


def test_the_federal_list_holds_the_days_that_were_published_for_2023() -> None:
    days = [each.partition(" ")[0][5:] for each in listed()["2023"]]
    assert days == [
        "01-02", "01-16", "02-20", "05-29", "06-19", "07-04", "09-04", "10-09", "11-10", "11-23", "12-25"
    ]  # fmt: skip


@given(st.dates(date(2013, 1, 1), date(2030, 11, 30)), st.integers(0, 15))
def test_the_day_reached_is_a_business_day_and_so_many_lie_before_it(start: date, count: int) -> None:
    holidays = {each.partition(" ")[0] for days in listed().values() for each in days}
    counted = business_days_after(start, count, listed())
    assert counted.day is not None
    passed = [start + timedelta(days=n + 1) for n in range((counted.day - start).days)]
    open_days = [day for day in passed if day.weekday() < 5 and day.isoformat() not in holidays]
    assert len(open_days) == count
    assert count == 0 or open_days[-1] == counted.day


def test_a_year_without_a_list_is_named_and_never_guessed() -> None:
    counted = business_days_after(date(2030, 12, 30), 2, listed())
    assert (counted.day, counted.unlisted) == (None, 2031)
    assert business_days_after(date(2030, 12, 30), 1, listed()).day == date(2030, 12, 31)


def test_a_weekend_of_an_unlisted_year_need_not_be_known() -> None:
    assert business_days_after(date(2022, 12, 31), 1, {"2023": []}).day == date(2023, 1, 2)


def test_a_place_that_says_it_keeps_no_holidays_leaves_out_weekends_alone() -> None:
    assert business_days_after(date(2026, 7, 2), 1, None).day == date(2026, 7, 3)
    assert business_days_after(date(2026, 7, 2), 1, listed()).day == date(2026, 7, 6)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"26": []}, "`26` is no year"),
        ({"2026": "2026-01-01 New Year's Day"}, "the year 2026 is"),
        ({"2026": ["2025-12-31 Eve"]}, "is no named day of 2026"),
        ({"2026": ["2026-01-01"]}, "is no named day of 2026"),
        ({"2026": ["2026-02-30 Never"]}, "is no named day of 2026"),
        ({"2026": ["2026-07-03 A", "2026-01-01 B"]}, "the days of 2026 are not sorted"),
        ({"2026": []}, ""),
    ],
)
def test_a_list_of_holidays_that_cannot_be_read_is_named(value: object, problem: str) -> None:
    assert problem in problem_of(value)
    assert bool(problem) == bool(problem_of(value))


OWN = """
id = "our-county"
jurisdiction = "us-id"

[parameters."calendar.holidays"]
2024 = ["2024-03-08 County Day"]
"""


def test_a_site_names_its_own_list(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(OWN, "utf-8")
    value = load(site).parameter("calendar.holidays", date(2024, 3, 7), "us-id")
    assert value is not None
    assert business_days_after(date(2024, 3, 7), 2, value.value).day == date(2024, 3, 12)


def test_a_sites_list_that_is_not_sorted_stops_the_library_and_shows_the_right_form(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(OWN.replace('["2024-03-08 County Day"]', '["2024-13-08 County Day"]'), "utf-8")
    with pytest.raises(LibraryError, match=r"calendar\.holidays.*no named day of 2024.*each year whole"):
        load(site)
