"""How many requests one person, and one address, may make: more is answered 429, before anything is written.

Counted is in the memory of each process. With several processes each lets through its part of a limit, so
that all together never let through more than the limit.
"""

from __future__ import annotations

from math import ceil
from threading import Lock
from time import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from typing_extensions import override

from app.settings import Settings

SWEEP_SECONDS = 60.0


class _Counters(MemoryStorage):
    """Counts in memory, swept by who counts: the library starts a thread to sweep at nearly every request."""

    def __init__(self) -> None:
        super().__init__()
        self._guard, self._swept = Lock(), time()

    @override
    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, and answer how many there are in the window that `key` names, which ends after `expiry`
        seconds."""
        now = time()
        with self._guard:
            if now - self._swept >= SWEEP_SECONDS:
                self._sweep(now)
            if self.expirations.get(key, 0) <= now:
                self.storage[key], self.expirations[key] = 0, now + expiry
            self.storage[key] += amount
            return self.storage[key]

    def _sweep(self, now: float) -> None:
        self._swept = now
        for key in [key for key, end in self.expirations.items() if end <= now]:
            self.storage.pop(key, None)
            self.expirations.pop(key, None)


class Limits:
    """The counters of one process, one of `processes` that share each limit in equal parts."""

    def __init__(self, settings: Settings, processes: int = 1) -> None:
        self._settings = settings
        self._limiter = FixedWindowRateLimiter(_Counters())
        self._person = _part(settings.person_limit, processes)
        self._address = _part(settings.address_limit, processes)
        self._own = {issuer: _part(limit, processes) for issuer, limit in settings.person_limits.items()}

    def person(self, issuer: str, staff_id: str, address: str) -> int | None:
        """Count a request of somebody signed in; the seconds to wait, None while it is within the limit of
        their EHR."""
        return self._count(self._own.get(issuer, self._person), "person", issuer, staff_id, address)

    def address(self, address: str) -> int | None:
        """Count a request of an address of which nothing else is known yet; as `person`."""
        return self._count(self._address, "address", address)

    def _count(self, limit: RateLimitItem, *who: str) -> int | None:
        if self._limiter.hit(limit, *who):
            return None
        until = self._limiter.get_window_stats(limit, *who).reset_time
        return max(1, ceil(until - time()))


def _part(limit: str, processes: int) -> RateLimitItem:
    whole = parse(limit)
    return type(whole)(max(1, whole.amount // processes), whole.multiples, whole.namespace)
