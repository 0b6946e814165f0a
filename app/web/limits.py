"""How many requests one person, and one address, may make: more is answered 429, before anything is written.

Counted is in the memory of each process: with several processes each counts what reaches it, so that a limit
may be passed by as many times as there are processes, and never by more.
"""

from __future__ import annotations

from math import ceil
from time import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.settings import Settings


class Limits:
    """The counters of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._person, self._address = parse(settings.person_limit), parse(settings.address_limit)
        self._own = {issuer: parse(limit) for issuer, limit in settings.person_limits.items()}

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
