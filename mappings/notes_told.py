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


class Own:
    """The contacts of one individual or peer in order of start, by what they say."""

    def __init__(self) -> None:
        self.notes: list[Situation] = []

    @once
    def words(self) -> Mapping[str, list[Situation]]:
        """Those that have the same words."""
        found: dict[str, list[Situation]] = defaultdict(list)
        for s in self.notes:
            found[s.compared.words].append(s)
        return found

    @once
    def sentence(self) -> Mapping[str, list[Situation]]:
        """Those that have a sentence."""
        found: dict[str, list[Situation]] = defaultdict(list)
        for s in self.notes:
            # A note may say one thing twice.
            for key in dict.fromkeys(s.compared.keys):
                found[key].append(s)
        return found

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
    each of its sentences as they stand in `Compared.keys`; None for what was not said before."""

    words: Situation | None
    sentences: Sequence[Situation | None]


class Notes:
    """Contacts by whose they are and by what their notes say."""

    def __init__(self, in_order: Sequence[Situation]) -> None:
        self._in_order = in_order

    def of_person(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Sequence[Situation]:
        """Those of one individual that said so and began before a moment, the latest first, at most so
        many."""
        return self._of_people.get(id, _NOBODYS).before(of, text, moment, most)

    def of_peer(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Earlier]:
        """The same of one peer."""
        return self._of_peers.get(id, _NOBODYS).before(of, text, moment, most)

    @property
    def shared(self) -> Mapping[str, int] | None:
        """How much of a note, all its words or one of its sentences, stood in earlier notes of its peer, by
        the id of its contact, nothing where that is left out; None where it was not counted."""
        return None

    def right_before(self, s: Situation) -> RightBefore | None:
        """What stands right before one of these contacts; None for any other."""
        return self._right_before.get(s)

    @once
    def _right_before(self) -> Mapping[Situation, RightBefore]:
        last: dict[str, tuple[dict[str, Situation], dict[str, Situation]]] = defaultdict(lambda: ({}, {}))
        found = {}
        for s in self._in_order:
            by_words, by_sentence = last[s.person]
            _, words, keys, _ = s.compared
            found[s] = RightBefore(by_words.get(words), [*map(by_sentence.get, keys)])
            by_words[words] = s
            by_sentence.update(dict.fromkeys(keys, s))
        return found

    @once
    def _of_people(self) -> Mapping[str, Own]:
        return self._of(attrgetter("person"))

    @once
    def _of_peers(self) -> Mapping[str, Own]:
        return self._of(attrgetter("peer_id"))

    def _of(self, whose: Callable[[Situation], str | None]) -> Mapping[str, Own]:
        owns: dict[str, Own] = defaultdict(Own)
        for s in self._in_order:
            id = whose(s)
            if id is not None:
                owns[id].notes.append(s)
        return owns


_NOBODYS = Own()
