"""How many requests one person, and one address, may make: more is answered 429 and nothing is written."""

from __future__ import annotations

from math import ceil
from time import time

from limits import RateLimitItem, parse

from app.settings import Settings
from app.shared_counts import SharedCounts


class Limits:
    """The limits of an installation; `counts` is where all processes that serve it count, else its own."""

    def __init__(self, settings: Settings, counts: SharedCounts | None = None) -> None:
        self._counts = counts or SharedCounts()
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
        now = time()
        many, ends = self._counts.count(limit.key_for(*who), limit.get_expiry(), now)
        return None if many <= limit.amount else max(1, ceil(ends - now))
