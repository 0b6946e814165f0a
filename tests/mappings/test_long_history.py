"""A person of many years: what came before counts the same in any order, and only where a cap reaches."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.intake import record_from
from mappings.library import load
from mappings.records import Record
from mappings.rules import Judgement, ReleasedUnits, judge
from tests.bench_rules import CLOCK, LAST, history
from tests.guidance.builder import contact_and_entry
from tests.guidance.test_new_place import GOOD, _at

ZZ = Path(__file__).parents[1] / "guidance" / "packs"
YEARS = 20
PERSON, PROGRAM = "MRN-70001", "1900000013"


def _seen(judgements: list[Judgement]) -> dict[str, object]:
    return {each.id: each.to_json(all=True) for each in judgements}


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(2, 80))
def test_contacts_of_a_long_history_are_judged_alike_in_any_order(order: random.Random, length: int) -> None:
    known = history(length)
    mixed = list(known)
    order.shuffle(mixed)
    assert _seen(judge(mixed, load(), CLOCK)) == _seen(judge(known, load(), CLOCK))


def _limited(minutes: int) -> list[Record]:
    """A contact of the invented state, whose pack limits weeks, months and years, with its plan entry."""
    contact, entry = contact_and_entry("pre-admission", {**GOOD, **_at("2026-06-29", "09:00", minutes)})
    return [record_from(contact), record_from(entry)]


_RELEASED = st.lists(
    st.builds(
        lambda number, days, units: ReleasedUnits(
            f"R-{number}", PERSON, PROGRAM, LAST.date() - timedelta(days=days), units
        ),
        st.integers(0, 400),
        st.one_of(st.integers(-8, 40), st.integers(0, 365 * YEARS)),
        st.integers(1, 6),
    ),
    max_size=200,
)


@settings(max_examples=60, deadline=None)
@given(_RELEASED, st.sampled_from([16, 40, 170]), st.randoms(use_true_random=False))
def test_released_units_of_many_years_count_alike_in_any_order_and_only_in_their_own_year(
    released: list[ReleasedUnits], minutes: int, order: random.Random
) -> None:
    for records, library in ((_limited(minutes), load(packs=ZZ)), (history(3), load())):
        mixed = list(released)
        order.shuffle(mixed)
        whole = _seen(judge(records, library, CLOCK, released))
        assert _seen(judge(records, library, CLOCK, mixed)) == whole
        near = [each for each in released if _same_year_or_week(each.day)]
        assert _seen(judge(records, library, CLOCK, near)) == whole


def _same_year_or_week(day: date) -> bool:
    return day.year == LAST.year or abs((day - LAST.date()).days) < 7


def test_units_of_a_year_are_counted_from_its_first_day_to_its_last() -> None:
    def claim(day: date) -> str:
        gone = [ReleasedUnits("R-1", PERSON, PROGRAM, day, 10_000)]
        return judge(_limited(40), load(packs=ZZ), CLOCK, gone)[0].claim

    assert [claim(date(2026, 1, 1)), claim(date(2026, 12, 31))] == ["held", "held"]
    assert [claim(date(2025, 12, 31)), claim(date(2027, 1, 1))] == ["ready", "ready"]
