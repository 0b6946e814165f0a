"""What is counted in days of a staff member: both sides of every day, and nothing where nothing is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.days import age_on
from mappings.in_force import DayPack
from mappings.library import load
from mappings.records import StaffFields
from mappings.staff_times import assignments, countdowns, education_years, gaps, last_day_of_age

DAY = date(2026, 3, 4)


def pack(place: str = "us-ny", day: date = DAY) -> DayPack | None:
    return load().on(place, day)


def staff(**data: Any) -> StaffFields:
    return StaffFields.model_validate({"id": "S-1", **data})


def counted(member: StaffFields, kind: str, day: date = DAY) -> list[tuple[str, str, int]]:
    found = [each for each in countdowns(member, pack(), day) if each.kind == kind]
    return [(each.code, str(each.last), each.left or 0) for each in found]


def crpa(hired: str | None, *more: dict[str, str]) -> StaffFields:
    return staff(hired=hired, credentials=[{"code": "crpa", "from": "2020-01-01"}, *more])


def test_the_grace_after_hiring_counts_down_to_its_last_day() -> None:
    assert counted(crpa("2025-04-01"), "grace") == [("crpa", "2026-04-01", 28)]
    assert counted(crpa("2025-03-04"), "grace") == [("crpa", "2026-03-04", 0)]
    assert counted(crpa("2025-03-03"), "grace") == [("crpa", "2026-03-03", -1)]


def test_the_grace_ends_with_the_credential_of_the_place() -> None:
    own = {"code": "nycps-provisional", "from": "2026-03-04"}
    assert counted(crpa("2025-04-01", own), "grace") == []
    assert counted(crpa("2025-04-01", {**own, "from": "2026-03-05"}), "grace") != []


def test_without_the_day_of_hiring_the_grace_says_what_it_lacks() -> None:
    [found] = [each for each in countdowns(crpa(None), pack(), DAY) if each.kind == "grace"]
    assert (found.last, found.left, found.soon, found.lacks) == (None, None, True, "the day they were hired")


def test_a_provisional_credential_counts_down_to_the_full_one_and_stops_with_it() -> None:
    provisional = {"code": "fpa-provisional", "from": "2024-06-01", "to": "2026-06-30"}
    assert counted(staff(credentials=[provisional]), "provisional") == [("fpa-provisional", "2026-06-01", 89)]
    full = {"code": "fpa-c", "from": "2026-03-04"}
    assert counted(staff(credentials=[provisional, full]), "provisional") == []


def test_a_credential_that_was_renewed_no_longer_counts_down() -> None:
    first, second = ({"code": "nycps", "from": "2024-01-01", "to": to} for to in ("2026-04-01", "2028-04-01"))
    assert counted(staff(credentials=[first]), "ends") == [("nycps", "2026-04-01", 28)]
    assert counted(staff(credentials=[first, second]), "ends") == [("nycps", "2028-04-01", 759)]


@pytest.mark.parametrize(("to", "soon"), [("2026-05-03", True), ("2026-05-04", False)])
def test_an_end_is_soon_from_sixty_days_on(to: str, soon: bool) -> None:
    [found] = countdowns(staff(credentials=[{"code": "nycps", "to": to}]), pack(), DAY)
    assert found.soon is soon


def test_a_youth_advocate_may_serve_until_the_day_before_the_thirty_first_birthday() -> None:
    youth = staff(birth_date="1995-05-01", credentials=[{"code": "ypa-c", "from": "2024-01-01"}])
    assert counted(youth, "age") == [("ypa-c", "2026-04-30", 57)]
    assert (
        counted(staff(birth_date="1995-05-01", credentials=[{"code": "nycps", "from": "2024-01-01"}]), "age")
        == []
    )


@given(st.dates(date(1930, 1, 1), date(2010, 12, 31)), st.integers(0, 80))
def test_the_last_day_of_an_age_is_the_last_with_that_age(born: date, age: int) -> None:
    last = last_day_of_age(born, age)
    assert age_on(born, last) == age
    assert age_on(born, last + timedelta(days=1)) == age + 1


def supervised(*spans: tuple[str, str | None]) -> StaffFields:
    every = [{"id": "B", "from": first, "to": last} for first, last in spans]
    return staff(hired="2025-01-01", supervisor=every[-1] if every else None, earlier_supervisors=every[:-1])


@pytest.mark.parametrize(
    ("spans", "without"),
    [
        ([("2025-01-01", None)], []),
        ([("2025-01-01", "2025-06-30"), ("2025-07-01", None)], []),
        ([("2025-01-01", "2025-06-30"), ("2025-07-02", None)], [("2025-07-01", "2025-07-01")]),
        ([("2025-02-01", None)], [("2025-01-01", "2025-01-31")]),
        ([("2025-01-01", "2026-03-03")], [("2026-03-04", "2026-03-04")]),
        ([("2025-01-01", "2026-03-04")], []),
        ([("2026-04-01", None)], [("2025-01-01", "2026-03-04")]),
        ([], [("2025-01-01", "2026-03-04")]),
    ],
)
def test_days_without_a_supervisor_are_told_since_the_hiring(
    spans: list[tuple[str, str | None]], without: list[tuple[str, str]]
) -> None:
    assert [(str(gap.first), str(gap.last)) for gap in gaps(supervised(*spans), DAY)] == without


SPANS = st.lists(st.tuples(st.dates(date(2025, 1, 1), date(2025, 12, 31)), st.integers(0, 90)), max_size=4)


@given(SPANS, st.dates(date(2025, 1, 1), date(2026, 3, 4)))
def test_a_day_has_a_supervisor_or_lies_in_a_gap_and_never_both(
    spans: list[tuple[date, int]], day: date
) -> None:
    member = supervised(*((str(first), str(first + timedelta(days=days))) for first, days in spans))
    held = any(each.covers(day) for each in assignments(member))
    assert held is not any(gap.first <= day <= gap.last for gap in gaps(member, DAY))
    on_day = member.supervisor_on(day)
    assert (on_day is not None and on_day.covers(day)) is held


def taught(**more: Any) -> StaffFields:
    entries = [
        {"on": "2025-05-31", "hours": 3, "topic": "peer-support"},
        {"on": "2025-06-01", "hours": 2, "topic": "peer-support"},
        {"on": "2026-01-10", "hours": Decimal("1.5"), "topic": "Ethics", "specific": True},
        {"on": "2026-01-11", "hours": 4, "topic": "Ethics"},
        {"on": "2026-01-12", "topic": "ged"},
        {"on": "2026-01-13", "hours": 1000, "topic": "experience"},
    ]
    return staff(education=entries, **more)


def test_hours_are_summed_by_year_of_the_credential_without_schooling() -> None:
    member = taught(credentials=[{"code": "nycps", "from": "2024-06-01"}])
    years = education_years(member, pack(), DAY)
    assert [(str(year.first), year.hours, year.specific) for year in years] == [
        ("2025-06-01", Decimal("7.5"), Decimal("3.5")),
        ("2024-06-01", Decimal(3), Decimal(3)),
    ]
    assert [year.asked for year in years] == [None, None]


def test_without_a_credential_the_years_are_those_of_the_calendar() -> None:
    years = education_years(taught(), pack(), DAY)
    assert [(year.first.year, year.hours) for year in years] == [(2026, Decimal("5.5")), (2025, Decimal(5))]


def test_the_number_that_the_place_asks_for_stands_beside_the_sum() -> None:
    day = date(2024, 3, 1)
    member = staff(
        credentials=[{"code": "id-cpss", "from": "2023-06-01"}], education=[{"on": "2024-01-01", "hours": 9}]
    )
    [year] = education_years(member, pack("us-id", day), day)
    assert (year.asked, year.missing) == (12, Decimal(3))
