"""Workers of gunicorn that share out what comes: none takes a connection while another has fewer in hand.

Processes that listen at one place each take what they can get, and keep it. Seen in a burst of 300 launches:
one had a third more than the other, and a quarter of the machine stood idle at the end while people waited.
Holding back is short, so that a process that has ended or stands still keeps nobody waiting.
"""

from __future__ import annotations

import mmap
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

HOLD_BACK_SECONDS = 0.02
# Two requests of a page come together; that alone is not more than others have.
SLACK = 2
_PLACES = 32
_NOBODY = 2**62


class InHand:
    """How many requests each process has in hand, in memory that all inherit. Make it before they are forked;
    workers are told apart by their number, and one that has ended is to be taken out."""

    def __init__(self) -> None:
        self._many = memoryview(mmap.mmap(-1, _PLACES * 8)).cast("q")
        for worker in range(_PLACES):
            self.ended(worker)

    def tell(self, worker: int, many: int) -> None:
        """This worker has so many."""
        self._many[worker % _PLACES] = many

    def ended(self, worker: int) -> None:
        """This worker is no more."""
        self.tell(worker, _NOBODY)

    def fewest(self, otherwise: int) -> int:
        """What the worker with the fewest has; without workers, as told."""
        found = min(self._many)
        return otherwise if found == _NOBODY else found


class EvenWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's worker of many threads; `self.app.in_hand` is what the workers of one server share."""

    _took_at = 0.0

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Take nothing more, answer what is in hand, and end, as with SIGTERM. gunicorn's own way shuts the
        pool of threads within the signal: one that came while the pool was given a request waited for what it
        had interrupted, until the process was ended by force. Seen in one stop of twelve."""
        self.handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections as gunicorn would, unless another should."""
        super().set_accept_enabled(enabled and self._may_take())

    def accept(self, listener: Any) -> None:
        """Take one connection, then ask again whether the next one is another's."""
        super().accept(listener)
        self._took_at = monotonic()
        self.set_accept_enabled(self.alive)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn's, and back as soon as holding back ends."""
        held_back = self.alive and not self._accepting
        super().wait_for_and_dispatch_events(min(timeout, HOLD_BACK_SECONDS) if held_back else timeout)
        self._tell()

    def _may_take(self) -> bool:
        mine = self._tell()
        ahead = mine > self.app.in_hand.fewest(mine) + SLACK
        return not ahead or monotonic() >= self._took_at + HOLD_BACK_SECONDS

    def _tell(self) -> int:
        mine = int(self.nr_conns) - len(self.keepalived_conns) - len(self.pending_conns)
        self.app.in_hand.tell(self.age, mine)
        return mine
