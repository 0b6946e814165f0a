"""The state of the engagement at the start of a contact."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mappings.engagement import state_at
from mappings.records import Engagement

ZONE = ZoneInfo("America/New_York")
TEN = datetime.fromisoformat("2026-03-04T10:00:00-05:00")


def _state(*history: tuple[str, str | None]) -> tuple[str, str]:
    engagement = Engagement.model_validate({"history": [{"status": s, "at": at} for s, at in history]})
    state = state_at(engagement, TEN, ZONE)
    return state.status, state.missing


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ([("undecided", "2026-03-01")], "undecided"),
        ([("undecided", "2026-03-04")], "undecided"),
        ([("admitted", "2026-03-03")], "admitted"),
        ([("admitted", "2026-03-04")], "undecided"),
        ([("admitted", "2026-03-04T09:59:00-05:00")], "admitted"),
        ([("admitted", "2026-03-04T10:00:00-05:00")], "undecided"),
        ([("admitted", "2026-03-04T15:30:00+01:00")], "admitted"),
        ([("admitted", "2026-03-05")], "undecided"),
        ([("admitted", "2026-03-04"), ("admitted", "2026-03-04T09:00:00-05:00")], "admitted"),
        ([("admitted", "2026-01-05"), ("discharged", "2026-03-03")], "discharged"),
        ([("admitted", "2026-01-05"), ("discharged", "2026-03-04")], "admitted"),
        ([("discharged", "2026-03-01"), ("admitted", "2026-01-05")], "discharged"),
        ([("discharged", "2026-03-01"), ("undecided", "2026-03-04")], "undecided"),
        ([("declined", "2026-03-03"), ("undecided", "2026-03-03")], "undecided"),
        ([("undecided", "2026-03-03"), ("declined", "2026-03-03")], "declined"),
        ([("declined", "2026-03-04")], "undecided"),
        ([("declined", "2026-03-04T09:00:00-05:00")], "declined"),
        ([("admitted", "2026-03-02T11:00:00-05:00"), ("undecided", "2026-03-02T09:00:00-05:00")], "admitted"),
    ],
)
def test_last_entry_before_the_start_decides(history: list[tuple[str, str]], status: str) -> None:
    assert _state(*history) == (status, "")


@pytest.mark.parametrize(
    ("history", "missing"),
    [
        ([], "engagement.history"),
        ([("undecided", "2026-03-01"), ("admitted", None)], "engagement.history[1].at"),
        ([("perhaps", "2026-03-01")], "engagement.history[0].status"),
    ],
)
def test_history_that_cannot_be_read_names_what_is_missing(
    history: list[tuple[str, str | None]], missing: str
) -> None:
    assert _state(*history) == ("undecided", missing)


def test_no_engagement_at_all_is_no_admission_and_names_the_history() -> None:
    state = state_at(None, TEN, ZONE)
    assert (state.enrolled, state.missing) == (False, "engagement.history")


@pytest.mark.parametrize("offset", ["-04:00", "-05:00"])
def test_an_undecided_entry_counts_from_its_own_time_in_the_hour_that_comes_twice(offset: str) -> None:
    at = f"2026-11-01T01:30:00{offset}"
    history = [{"status": "admitted", "at": "2026-10-01"}, {"status": "undecided", "at": at}]
    engagement, start = Engagement.model_validate({"history": history}), datetime.fromisoformat(at)
    said = [state_at(engagement, each, ZONE).status for each in (start, start.astimezone(ZONE))]
    assert said == ["undecided", "undecided"]
