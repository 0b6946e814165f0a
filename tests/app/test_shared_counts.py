"""Processes that count together: exactly, through forks and deaths, and in bounded room."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.shared_counts import SharedCounts

NOW, HOUR = 1_000_000.0, 3600.0


def _forked(work: object) -> int:
    child = os.fork()
    if child == 0:
        work()  # type: ignore[operator]
        os._exit(0)
    return child


def test_processes_and_threads_that_count_at_once_lose_no_count() -> None:
    counts = SharedCounts()

    def count_many() -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: counts.count("clinic", HOUR, NOW), range(500)))

    for child in [_forked(count_many) for _ in range(3)]:
        assert os.waitpid(child, 0)[1] == 0
    assert counts.count("clinic", HOUR, NOW) == (1501, NOW + HOUR)


def test_a_process_killed_in_the_middle_of_counting_holds_up_nobody() -> None:
    counts = SharedCounts()

    def die_inside() -> None:
        with counts._alone():
            os.kill(os.getpid(), signal.SIGKILL)

    os.waitpid(_forked(die_inside), 0)
    assert counts.count("clinic", HOUR, NOW)[0] == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=60))
def test_each_is_counted_alone_in_windows_that_end(asked: list[tuple[str, int]]) -> None:
    counts, now = SharedCounts(), NOW
    windows: dict[str, tuple[int, float]] = {}
    for name, later in asked:
        now += later
        many, ends = windows.get(name, (0, 0.0))
        windows[name] = (many + 1, ends) if ends > now else (1, now + 60)
        assert counts.count(name, 60, now) == windows[name]


def test_a_flood_of_names_takes_no_more_room_and_forgets_what_ends_first() -> None:
    counts = SharedCounts(places=32)
    counts.count("clinic", 10 * HOUR, NOW)
    for number in range(500):
        assert counts.count(f"stranger {number}", HOUR, NOW)[0] >= 1
    assert counts.count("clinic", 10 * HOUR, NOW)[0] == 2


@pytest.mark.parametrize("name", ["", "\x00", "Zoë at 2001:db8::1"])
def test_any_name_is_counted(name: str) -> None:
    counts = SharedCounts()
    assert [counts.count(name, HOUR, NOW)[0] for _ in range(3)] == [1, 2, 3]
