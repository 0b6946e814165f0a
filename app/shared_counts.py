"""Counts of the last minutes that the processes of one server keep together, in memory they all inherit.

Each of them counts for all: a limit means the same however many processes serve, and whichever of them a
browser happens to reach. A process that ends in the middle leaves nothing locked.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import struct
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock

PLACES = 16_384
_TRIES = 16
_PLACE = struct.Struct("=QdQ")  # whose, when the window ends, how many


class SharedCounts:
    """Make it before the processes that share it are forked. Names are kept as keyed digests; where more are
    counted at once than there is room for, the count that ends first is forgotten."""

    def __init__(self, places: int = PLACES) -> None:
        self._places, self._key = places, secrets.token_bytes(16)
        self._memory = mmap.mmap(-1, places * _PLACE.size)
        self._threads = Lock()
        # A lock of the system is let go of when its process ends, however it ends.
        self._file, name = tempfile.mkstemp(prefix="peerchart-counts-")
        os.unlink(name)  # noqa: PTH108 - the descriptor is all that is needed
        weakref.finalize(self, os.close, self._file)

    def count(self, name: str, seconds: float, now: float) -> tuple[int, float]:
        """Count one more of `name` at `now` (seconds of the machine's clock): how many there are in its
        window, and when that ends. A window begins with the first count and lasts `seconds`."""
        whose = int.from_bytes(blake2b(name.encode(), digest_size=8, key=self._key).digest(), "big")
        with self._alone():
            place = self._place(whose, now)
            found, ends, many = _PLACE.unpack_from(self._memory, place)
            if found != whose or ends <= now:
                many, ends = 0, now + seconds
            _PLACE.pack_into(self._memory, place, whose, ends, many + 1)
        return many + 1, ends

    def _place(self, whose: int, now: float) -> int:
        """Where this one is counted: its own place, else one whose window is over or ends first."""
        first, soonest = 0, float("inf")
        for step in range(_TRIES):
            place = (whose + step) % self._places * _PLACE.size
            found, ends, _ = _PLACE.unpack_from(self._memory, place)
            if found == whose and ends > now:
                return place
            if ends < soonest:
                first, soonest = place, ends
        return first

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
