"""Notes by what they say, to find those that said the same before."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol

from mappings.once import once
from mappings.situation import Situation

# All words of a note together, or one of its sentences.
Of = Literal["words", "sentence"]
_began = attrgetter("began")


class Earlier(Protocol):
    """A contact as far as a later note asks for it."""

    @property
    def id(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def day(self) -> date: ...
    @property
    def began(self) -> datetime: ...
    @property
    def session(self) -> str | None: ...
    @property
    def related(self) -> str | None: ...


class Own(NamedTuple):
    """The contacts of one individual or peer by their words and by their sentences, in order of start."""

    words: dict[str, list[Situation]]
    sentence: dict[str, list[Situation]]

    def before(self, of: Of, text: str, moment: datetime, most: int) -> Sequence[Situation]:
        """Those that said so and began before a moment, the latest first, at most so many."""
        same = (self.words if of == "words" else self.sentence).get(text)
        # Most texts stand in this one note alone.
        if same is None or same[0].began >= moment:
            return ()
        last = bisect_left(same, moment, key=_began)
        return same[max(0, last - most) : last][::-1]


class RightBefore(NamedTuple):
    """Of the notes of one individual that said the same as a later one the last in order: all its words, and
    each of its sentences that was said before."""

    words: Situation | None
    sentences: Mapping[str, Situation]


class Notes:
    """Contacts by whose they are and by what their notes say."""

    def __init__(self, in_order: Sequence[Situation]) -> None:
        self._in_order = in_order

    def of_person(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Sequence[Situation]:
        """Those of one individual that said so and began before a moment, the latest first, at most so
        many."""
        return self._of_people[0].get(id, _NOBODYS).before(of, text, moment, most)

    def of_peer(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Earlier]:
        """The same of one peer."""
        return self._of_peers[0].get(id, _NOBODYS).before(of, text, moment, most)

    def right_before(self, s: Situation) -> RightBefore | None:
        """What stands right before one of these contacts; None for any other."""
        return self._of_people[1].get(s)

    @once
    def _of_people(self) -> _Said:
        return self._said(attrgetter("person"))

    @once
    def _of_peers(self) -> _Said:
        return self._said(attrgetter("peer_id"))

    def _said(self, whose: Callable[[Situation], str | None]) -> _Said:
        owns: dict[str, Own] = defaultdict(lambda: Own({}, {}))
        right_before: dict[Situation, RightBefore] = {}
        for s in self._in_order:
            id = whose(s)
            if id is None:
                continue
            words, sentence = owns[id]
            last = _put(words, s.note_words, s) if s.note_words else None
            earlier = {}
            for passage in s.compared:
                for key in passage.keys:
                    same = sentence.get(key)
                    if same is None:
                        sentence[key] = [s]
                    # A note may say one thing twice.
                    elif same[-1] is not s:
                        earlier[key] = same[-1]
                        same.append(s)
            right_before[s] = RightBefore(last, earlier)
        return owns, right_before


_Said = tuple[Mapping[str, Own], Mapping[Situation, RightBefore]]
_NOBODYS = Own({}, {})


def _put(said: dict[str, list[Situation]], text: str, s: Situation) -> Situation | None:
    """Put a contact behind those that said the same, and tell the last of them."""
    same = said.get(text)
    if same is None:
        said[text] = [s]
        return None
    same.append(s)
    return same[-2]
