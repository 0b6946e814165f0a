"""What is found of a peer holds for one day, one type of service and one pack, and for no other peer."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mappings import peer_days
from mappings.library import load
from mappings.peer_days import PeerDays
from mappings.records import StaffFields

DAY = date(2026, 11, 4)


def test_contacts_of_a_peer_on_one_day_share_what_is_found_of_the_peer() -> None:
    days, peer, pack = PeerDays(), StaffFields(id="1900000021"), load().on("us-ny", DAY)
    first = days.on(peer, DAY, "adult", pack)
    assert days.on(peer, DAY, "adult", pack) is first
    others = [
        days.on(peer, DAY + timedelta(days=1), "adult", pack),
        days.on(peer, DAY, "family", pack),
        days.on(peer, DAY, "adult", load().on("us-wa", DAY)),
        days.on(StaffFields(id="1900000021"), DAY, "adult", pack),
        days.on(None, DAY, "adult", pack),
    ]
    assert all(each is not first for each in others)
    assert len({id(each) for each in others}) == len(others)


def test_no_peer_takes_the_place_of_one_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_days, "MOST_KEPT", 3)
    days = PeerDays()
    for number in range(200):
        # Nothing else holds the peer: its place in memory is free for the next one once it is forgotten.
        found = days.on(StaffFields(id=str(number)), DAY, "adult", None)
        assert found.peer is not None
        assert found.peer.id == str(number)
