"""Notes by what they say, to find those that said the same before."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol

from mappings.once import once
from mappings.situation import Situation

# All words of a note together, or one of its sentences.
Of = Literal["words", "sentence"]
_began = attrgetter("began")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


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
    each of its sentences as they stand in `Compared.keys`; None for what was not said before. `apart`: each
    of these notes surely is of an earlier event."""

    words: Situation | None
    sentences: Sequence[Situation | None]
    apart: bool


class _Last:
    """The last of the notes of one individual that said something, and whether all are of events apart."""

    __slots__ = ("apart", "began", "sentence", "sessions", "words")

    def __init__(self) -> None:
        self.words: dict[str, Situation] = {}
        self.sentence: dict[str, Situation] = {}
        self.apart, self.began, self.sessions = True, _LONG_AGO, set[str]()

    def stay_apart(self, s: Situation) -> bool:
        """Whether the next note is apart from all before it, and these from each other: none begins with
        another or is of its session, and none of them names another."""
        self.apart = self.apart and s.began > self.began and s.related is None
        if s.session:
            self.apart = self.apart and s.session not in self.sessions
            self.sessions.add(s.session)
        self.began = s.began
        return self.apart


class Notes:
    """Contacts by whose they are and by what their notes say.

    `repeating` are the ids of contacts whose notes say something, all their words or one of their sentences,
    that earlier notes of their peer said of others, and none of the same individual; None where it is not
    known.
    """

    def __init__(self, in_order: Sequence[Situation], repeating: Set[str] | None = None) -> None:
        self._in_order, self.repeating = in_order, repeating

    def of_person(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Sequence[Situation]:
        """Those of one individual that said so and began before a moment, the latest first, at most so
        many."""
        return self._of_people.get(id, _NOBODYS).before(of, text, moment, most)

    def of_peer(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Earlier]:
        """The same of one peer."""
        return self._of_peers.get(id, _NOBODYS).before(of, text, moment, most)

    def of_others(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Earlier]:
        """The same where the individual who is asked about said no such thing before."""
        return self.of_peer(id, of, text, moment, most)

    def right_before(self, s: Situation) -> RightBefore | None:
        """What stands right before one of these contacts; None for any other."""
        return self._right_before.get(s)

    @once
    def _right_before(self) -> Mapping[Situation, RightBefore]:
        last: dict[str, _Last] = defaultdict(_Last)
        found = {}
        for s in self._in_order:
            own, (_, words, keys, _) = last[s.person], s.compared
            said = [*map(own.sentence.get, keys)]
            found[s] = RightBefore(own.words.get(words), said, own.stay_apart(s))
            own.words[words] = s
            own.sentence.update(dict.fromkeys(keys, s))
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
