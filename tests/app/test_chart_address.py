"""The address that a chart gives for claims: where the person lives; no foreign shape fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chart.reading import address
from mappings.records import Address

HOME = {
    "use": "home",
    "line": ["5 Elm Street", "Apt 4"],
    "city": "Troy",
    "state": "NY",
    "postalCode": "12180",
}
LIVES = Address(lines=("5 Elm Street", "Apt 4"), city="Troy", state="NY", postal_code="12180")
OLD = {"use": "old", "line": ["1 Oak"], "city": "Albany"}
MOVED = {"line": ["2 Oak"], "city": "Albany", "period": {"end": "2025-01-01"}}
MAIL = {"line": ["PO Box 1"], "city": "Troy"}


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([HOME], LIVES),
        ([OLD, MOVED, MAIL, HOME], LIVES),
        ([OLD, MAIL], Address(lines=("PO Box 1",), city="Troy")),
        ([OLD, MOVED, {"use": "billing", "city": "Troy"}], None),
        ([], None),
    ],
)
def test_the_home_of_today_is_taken(listed: list[dict[str, Any]], found: Address | None) -> None:
    assert address({"address": listed}) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["use", "line", "city"]), inner)
    ),
    max_leaves=6,
)


@given(JSON)
def test_no_foreign_shape_of_an_address_makes_the_chart_unreadable(written: Any) -> None:
    found = address({"address": written})
    assert found is None or isinstance(found, Address)
