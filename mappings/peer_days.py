"""Peers on days: what the rules about peers ask for, and what they find."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from mappings.findings import Finding
from mappings.records import StaffFields
from mappings.situation import only_id

if TYPE_CHECKING:
    from mappings.in_force import DayPack, Told

# Those of a few months of a large office.
MOST_KEPT = 4096


class PeerOnDay:
    """A peer on a day, for one type of service: all that the rules about peers ask for. It knows nothing of
    any contact, so that what they find holds for each of the peer's contacts of that day."""

    def __init__(self, peer: StaffFields | None, day: date, service_type: str | None) -> None:
        self.peer, self.day, self.service_type = peer, day, service_type
        self.peer_known = peer is not None and not only_id(peer)
        self.findings: dict[int, Finding] = {}
        # The same by what was asked, in its order, and what of it blocks.
        self.told: dict[int, tuple[object, Told]] = {}


class PeerDays:
    """Peers on days, each of them one object for all contacts of a peer, a day, a type of service and a pack.

    Not to be shared between threads.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, date, str | None, int], tuple[DayPack | None, PeerOnDay]] = {}

    def on(
        self, peer: StaffFields | None, day: date, service_type: str | None, pack: DayPack | None
    ) -> PeerOnDay:
        """A peer on a day for a type of service under a pack."""
        # Comparing whole records costs more than it saves. Peer and pack are held, so that no other object
        # can come to have the identity of one of them.
        key = id(peer), day, service_type, id(pack)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = pack, PeerOnDay(peer, day, service_type)
        return found[1]
