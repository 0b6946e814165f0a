"""Contacts of one peer at the same time are found as they are when each is compared with each."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from mappings.surroundings import AtTime, overlapping


class One(NamedTuple):
    """A contact as far as it decides what it lies beside."""

    peer: str
    began: int
    ended: int
    session: str | None
    person: str


contacts = st.builds(
    lambda peer, began, lasts, session, person: One(peer, began, began + lasts, session, person),
    st.sampled_from("ab"),
    st.integers(0, 9),
    st.integers(1, 5),
    st.sampled_from([None, None, "", "S1", "S2"]),
    st.sampled_from("pqr"),
)
HOUR = One("a", 0, 4, "S1", "p")


@given(st.lists(contacts, max_size=14))
@example([HOUR, HOUR._replace(person="q"), HOUR._replace(began=4, ended=5)])
@example([HOUR, HOUR._replace(peer="b"), HOUR._replace(session=None)])
def test_each_contact_is_told_with_the_first_to_end_of_those_that_go_on_in_another_session(
    told: list[One],
) -> None:
    own = sorted(told, key=lambda one: (one.peer, one.began))
    placed: list[AtTime[int]] = [(*one, place) for place, one in enumerate(own)]
    wanted = []
    for place, one in enumerate(own):
        open_ = [other for other in range(place) if _beside(own[other], one)]
        if open_:
            wanted.append((min(open_, key=lambda other: (own[other].ended, other)), place))
    assert [*overlapping(placed)] == wanted


def _beside(other: One, one: One) -> bool:
    together = bool(one.session) and other.session == one.session and other.person != one.person
    return other.peer == one.peer and other.ended > one.began and not together
