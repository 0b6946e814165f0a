"""Turns of one process: one works at a time, in order; whoever only waits lets the others work."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.turns import Turns
from smart_launch.wire import alone, http_session

PATIENCE = 20.0


def test_one_works_at_a_time_however_many_come() -> None:
    turns, inside, most = Turns(longest=PATIENCE), [0], [0]

    def work(_: int) -> None:
        with turns.turn():
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            with turns.turn():  # the same turn
                inside[0] -= 1

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(400)))
    assert most == [1]


def test_who_stands_in_line_for_what_another_asks_an_ehr_for_all_lets_that_one_come_back() -> None:
    turns, lock, done = Turns(longest=PATIENCE), threading.Lock(), list[str]()
    asked, answered = threading.Event(), threading.Event()

    def asks() -> None:
        with turns.turn(), alone(http, lock):
            with turns.let_go():
                asked.set()
                answered.wait(PATIENCE)
            done.append("came back")

    def stands() -> None:
        with turns.turn(), alone(http, lock):
            done.append("found it there")

    with http_session(waiting=turns.let_go) as http:
        threads = [threading.Thread(target=asks), *(threading.Thread(target=stands) for _ in range(5))]
        threads[0].start()
        assert asked.wait(PATIENCE)
        for thread in threads[1:]:
            thread.start()
        _until(lambda: turns._working is None and not turns._new)
        answered.set()
        for thread in threads:
            thread.join(PATIENCE / 2)
    assert done == ["came back", *(["found it there"] * 5)]


def test_who_waits_for_others_lets_the_next_work_and_goes_on_before_who_is_new() -> None:
    turns, order = Turns(longest=PATIENCE), list[str]()
    waits, answered, began = threading.Event(), threading.Event(), threading.Event()

    def launch() -> None:
        with turns.turn():
            with turns.let_go():
                waits.set()
                answered.wait(PATIENCE)
            order.append("back")

    def page(name: str) -> None:
        with turns.turn():
            order.append(name)

    first = threading.Thread(target=launch)
    first.start()
    assert waits.wait(PATIENCE)
    with turns.turn():
        began.set()
        answered.set()
        _until(lambda: len(turns._back) == 1)
        second = threading.Thread(target=page, args=("new",))
        second.start()
        _until(lambda: len(turns._new) == 1)
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert order == ["back", "new"]


def test_a_turn_that_takes_long_holds_up_nobody() -> None:
    turns, done = Turns(longest=0.01), threading.Event()

    def next_in_line() -> None:
        with turns.turn():
            done.set()

    with turns.turn():
        other = threading.Thread(target=next_in_line)
        other.start()
        assert done.wait(PATIENCE), "the next never began"
    other.join(PATIENCE)
    with turns.turn():  # what was overtaken leaves the line as it is
        assert turns._working is not None
    assert turns._working is None


def test_a_turn_ends_with_what_raises_in_it() -> None:
    turns = Turns(longest=PATIENCE)
    with pytest.raises(ZeroDivisionError), turns.turn(), turns.let_go():
        raise ZeroDivisionError
    assert turns._working is None


def test_who_has_no_turn_has_none_to_let_go() -> None:
    turns = Turns()
    with turns.let_go():
        assert turns._working is None
    assert turns._working is None


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_body_is_read_as_it_came_outside_of_turns(body: bytes, size: int) -> None:
    turns, held = Turns(longest=PATIENCE), list[bool]()

    class Slow(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            held.append(turns._working is not None)
            return super().read(*size)

    def app(environ: dict[str, Any], _start: Any) -> list[bytes]:
        assert turns._working is not None
        return list(iter(lambda: environ["wsgi.input"].read(size), b""))

    assert b"".join(turns.around(app)({"wsgi.input": Slow(body)}, lambda *_: None)) == body
    assert not any(held)


def _until(holds: Any) -> None:
    """Wait, with a bound, for another thread to come as far as that."""
    for _ in range(int(PATIENCE * 1000)):
        if holds():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it never came to that")
