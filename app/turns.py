"""Turns: in one process one request works at a time, in order of coming; whoever waits for others lets go.

Threads that all want to work only pass Python's lock from one to the next, at each question to the database
anew: of many launches at once every one is late then, and each costs a third more. A turn holds nobody up for
long: after `LONGEST_SECONDS` the next in line begins beside it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

LONGEST_SECONDS = 0.1
_LOOK_UP_SECONDS = 1.0

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Turn:
    """One stretch of work of one thread, in line until it is given. A bare lock: who is woken by an Event has
    to take the Event's own lock next, which the one who wakes still holds."""

    def __init__(self) -> None:
        self.given = False
        self._waits = threading.Lock()
        self._waits.acquire()

    def give(self) -> None:
        """Let its thread work."""
        self.given = True
        self._waits.release()

    def wait(self, seconds: float) -> bool:
        """Wait for it as long as that; whether it was given. To be asked until it was, and not after."""
        return self._waits.acquire(timeout=seconds)


class _Mine(threading.local):
    turn: _Turn | None = None


class Turns:
    """The line of one process. Who comes back from waiting goes before who is new, being half done."""

    def __init__(self, longest: float = LONGEST_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._longest, self._clock = longest, clock
        self._guard = threading.Lock()
        self._working: _Turn | None = None
        self._since = 0.0
        self._back: deque[_Turn] = deque()
        self._new: deque[_Turn] = deque()
        self._mine = _Mine()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Work when it is this thread's turn; a turn within a turn is the same one."""
        if self._mine.turn is not None:
            yield
            return
        self._begin(self._new)
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def let_go(self) -> Iterator[None]:
        """Let the others work while this thread only waits; nothing happens where it has no turn."""
        if self._mine.turn is None:
            yield
            return
        self._end()
        try:
            yield
        finally:
            self._begin(self._back)

    def around(self, wsgi: Wsgi) -> Wsgi:
        """A WSGI application that works in turns; a body that comes slowly is waited for outside of them."""

        def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            with self.turn():
                return wsgi({**environ, "wsgi.input": _Body(environ["wsgi.input"], self)}, start)

        return application

    def _begin(self, line: deque[_Turn]) -> None:
        mine = _Turn()
        self._mine.turn = mine
        with self._guard:
            if self._working is None:
                self._give(mine)
                return
            line.append(mine)
        while not mine.wait(self._patience(mine)):
            self._begin_beside(mine, line)

    def _patience(self, mine: _Turn) -> float:
        # Only the first in line looks at the clock often.
        return self._longest if self._next() is mine else max(self._longest, _LOOK_UP_SECONDS)

    def _begin_beside(self, mine: _Turn, line: deque[_Turn]) -> None:
        with self._guard:
            if mine.given or self._next() is not mine:
                return
            if self._clock() - self._since >= self._longest:
                line.popleft()
                self._give(mine)

    def _end(self) -> None:
        mine, self._mine.turn = self._mine.turn, None
        with self._guard:
            if self._working is not mine:
                return  # the next has begun beside it long since
            self._working = None
            line = self._back or self._new
            if line:
                self._give(line.popleft())

    def _next(self) -> _Turn | None:
        line = self._back or self._new
        try:
            return line[0]
        except IndexError:
            return None

    def _give(self, turn: _Turn) -> None:
        self._working, self._since = turn, self._clock()
        turn.give()


class _Body:
    """The body of a request, waited for outside of turns."""

    def __init__(self, below: Any, turns: Turns) -> None:
        self._below, self._turns = below, turns

    def read(self, *size: int) -> bytes:
        """As the stream below."""
        with self._turns.let_go():
            return bytes(self._below.read(*size))

    def readline(self, *size: int) -> bytes:
        """As the stream below."""
        with self._turns.let_go():
            return bytes(self._below.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """As the stream below."""
        with self._turns.let_go():
            return list(self._below.readlines(*hint))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")
