"""Language help: which words of the lists stand in a note, and what could stand there instead.

What the person said, in quotation marks or as reported speech, is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple, overload

from mappings.phrases import Phrase, compiled
from mappings.plain import KEYS, NOTHING, Plain, Texts, keys_of_all, pieces_of, plain

# Lists of wording to point out, and lists of signs that only a check reads beside them.
LISTS, SIGNS = "lint.", "signs."
_SHOWN_AROUND = 24
# Letters of pieces of texts; those of a whole year of one office are fewer.
MOST_KEPT = 1_000_000
MOST_ALIKE = 1024
Need = frozenset[str]
_DENIED = re.compile(r"(?:\b(?:not|never|nor|no|without|cannot)|n['’]t)\s+(?:[\w'’]+\s+){0,2}$", re.I)
_ARTICLE = re.compile(r"(?<!\w)an?[\s]+$", re.I)
_OPENS = re.compile(r"(?:^|[.!?:\n]\s*|^\s*[-*•]\s*)$")


class Hit(NamedTuple):
    """Words found in one part of a note: `start` and `end` are their place in the text as it was written.

    `wordings` could stand there just as they are; `instead` says in words what to write; `source` is the id
    of the entry's own source, blank where it is that of its list. `denied`: a "not" goes before.
    """

    path: str
    start: int
    end: int
    found: str
    instead: str = ""
    wordings: tuple[str, ...] = ()
    source: str = ""
    around: str = ""
    denied: bool = False

    def to_json(self) -> dict[str, Any]:
        """The place of the words and what could stand there, as JSON data."""
        return {
            "field": self.path,
            "start": self.start,
            "end": self.end,
            "found": self.found,
            "instead": self.instead,
            "wordings": list(self.wordings),
        }


class Places(Sequence[Hit]):
    """Words found whose places are looked up when they are first asked for; else like a tuple of them. There
    must be one at least."""

    __slots__ = ("_found", "_look")

    def __init__(self, look: Callable[[], Iterable[Hit]]) -> None:
        self._look, self._found = look, tuple[Hit, ...]()

    @property
    def _hits(self) -> tuple[Hit, ...]:
        self._found = self._found or tuple(self._look())
        return self._found

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self._hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit]: ...
    def __getitem__(self, place: int | slice) -> Hit | Sequence[Hit]:
        return self._hits[place]

    def __eq__(self, other: object) -> bool:
        return self._hits == (other._hits if isinstance(other, Places) else other)

    def __hash__(self) -> int:
        return hash(self._hits)

    def __repr__(self) -> str:
        return repr(self._hits)


class _Looked:
    """Pieces of texts that were looked at: where they lead, and which of the needs given they meet."""

    def __init__(self, needs: Sequence[tuple[Need, ...]]) -> None:
        self.letters = 0
        # All of them, and those that lead anywhere or meet a need; by these of a text the phrases near it.
        self.seen: set[str] = set()
        self.telling: set[str] = set()
        self.near: dict[Set[str], list[tuple[str, Phrase]]] = {}
        self.leading: dict[str, tuple[int, ...]] = {}
        self.meeting: dict[Need, set[str]] = {need: set() for each in needs for need in each}
        # By each place what may meet its needs.
        self.meets = [tuple([self.meeting[need] for need in each]) for each in needs]


class WordLists:
    """Word lists of one day's rules, compiled together: one look at the words of a text serves them all."""

    def __init__(self, lists: Mapping[str, Mapping[str, object]]) -> None:
        self._phrases: list[tuple[str, Phrase]] = []
        self._always: list[int] = []
        self._needs: list[tuple[Need, ...]] = []
        self._led_to: dict[str, tuple[int, ...]] = {}
        self._met_by: dict[str, set[Need]] = {}
        self._keys: set[str] = set()
        for name, words in lists.items():
            for phrase, instead in words.items():
                self._add(name, compiled(str(phrase), instead))
        self._looked = _Looked(self._needs)

    def _add(self, name: str, phrase: Phrase | None) -> None:
        if phrase is None:
            return
        place = len(self._phrases)
        # The first need leads to the phrase: it asks for the rarest words.
        for key in phrase.needs[0] if phrase.needs else ():
            self._led_to[key] = (*self._led_to.get(key, ()), place)
        if not phrase.needs:
            self._always.append(place)
        for need in phrase.needs[1:]:
            for key in need:
                self._met_by.setdefault(key, set()).add(need)
        self._keys.update(*phrase.needs)
        self._phrases.append((name, phrase))
        self._needs.append(phrase.needs[1:])

    def hits(self, texts: Iterable[tuple[str, str | None]]) -> Mapping[str, list[Hit]]:
        """The phrases found in the texts (intake path and text) by the name of their list, in order and
        without overlap."""
        written = [(path, text) for path, text in texts if text]
        near = self.near(pieces_of("\n".join([text for _, text in written])))
        if not near:
            return {}
        found: dict[str, list[Hit]] = {}
        for path, text in written:
            here = _begun_in(text, near)
            for name, hits in self._in(path, plain(text), here).items() if here else ():
                found.setdefault(name, []).extend(hits)
        return found

    def telling(self, texts: Texts) -> Set[str]:
        """Those pieces of the texts that lead to a phrase which may stand in one of them."""
        if self._always:
            return texts.pieces
        looked = self._looked_at(texts.pieces)
        near = self._near_in(texts.pieces, looked)
        leading = frozenset[str]().union(*[phrase.needs[0] for _, phrase in near])
        return {piece for piece in looked.telling & texts.pieces if not leading.isdisjoint(KEYS[piece])}

    def near(self, pieces: Collection[str]) -> Sequence[tuple[str, Phrase]]:
        """The phrases all of whose words may stand in a text of these pieces, in the order of their lists."""
        return self._near_in(pieces, self._looked_at(pieces))

    def _looked_at(self, pieces: Collection[str]) -> _Looked:
        looked = self._looked
        if looked.letters > MOST_KEPT:
            looked = self._looked = _Looked(self._needs)
        # Most pieces were looked at before.
        if not looked.seen.issuperset(pieces):
            self._look_at({*pieces} - looked.seen, looked)
        return looked

    def _near_in(self, pieces: Iterable[str], looked: _Looked) -> Sequence[tuple[str, Phrase]]:
        telling = frozenset(filter(looked.telling.__contains__, pieces))
        near = looked.near.get(telling)
        if near is None:
            if len(looked.near) >= MOST_ALIKE:
                looked.near.clear()
            near = looked.near[telling] = self._near(telling, looked)
        return near

    def _near(self, telling: Set[str], looked: _Looked) -> list[tuple[str, Phrase]]:
        places = set(self._always)
        places.update(*[looked.leading[piece] for piece in telling])
        near, meets, lack = [], looked.meets, telling.isdisjoint
        for place in places:
            for meeting in meets[place]:
                if lack(meeting):
                    break
            else:
                near.append(place)
        return [self._phrases[place] for place in sorted(near)]

    def _look_at(self, pieces: Set[str], looked: _Looked) -> None:
        """Note which phrases pieces of texts lead to, and which needs they meet."""
        looked.letters += sum(map(len, pieces))
        # What many texts say in words of their own, such as numbers, mostly tells nothing.
        if not self._keys.isdisjoint(keys_of_all(pieces)):
            for piece in pieces:
                self._look_at_one(piece, looked)
        # Last of all: another thread asks for no more than that it stands here.
        looked.seen.update(pieces)

    def _look_at_one(self, piece: str, looked: _Looked) -> None:
        keys = self._keys.intersection(KEYS[piece])
        if not keys:
            return
        looked.leading[piece] = tuple([place for key in keys for place in self._led_to.get(key, ())])
        for key in keys:
            for need in self._met_by.get(key, ()):
                looked.meeting[need].add(piece)
        looked.telling.add(piece)

    def _in(self, path: str, read: Plain, near: Sequence[tuple[str, Phrase]]) -> Mapping[str, list[Hit]]:
        seen: dict[str, list[tuple[int, int, Phrase]]] = {}
        for name, phrase in near:
            for match in phrase.pattern.finditer(read.text):
                seen.setdefault(name, []).append((match.start(), match.end(), phrase))
        if not seen:
            return {}
        told = read.reported()
        found = {name: _chosen(path, read, spans, told) for name, spans in seen.items()}
        return {name: hits for name, hits in found.items() if hits}


def _begun_in(text: str, near: Sequence[tuple[str, Phrase]]) -> Sequence[tuple[str, Phrase]]:
    """The phrases that may begin in this text: looking for letters is cheaper than trying a pattern."""
    if not text.isascii():
        return near
    letters = text.lower()
    return [each for each in near if not each[1].needs or any(key in letters for key in each[1].needs[0])]


def _chosen(
    path: str, read: Plain, spans: list[tuple[int, int, Phrase]], told: list[tuple[int, int]]
) -> list[Hit]:
    """Of spans that overlap the first, of those that begin together the longest; none in reported speech."""
    chosen: list[Hit] = []
    last = -1
    for start, end, phrase in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start < last or any(a < end and start < b for a, b in told):
            continue
        denied = _DENIED.search(read.text, max(0, start - 60), start) is not None
        if denied and phrase.spared:
            continue
        hit = _hit(path, read, start, end, phrase, denied)
        # An article that came along may lie in what was chosen before.
        if chosen and hit.start < chosen[-1].end:
            continue
        chosen.append(hit)
        last = end
    return chosen


def _hit(path: str, read: Plain, start: int, end: int, phrase: Phrase, denied: bool) -> Hit:
    around = _around(read.text, start, end)
    wordings = phrase.wordings
    if read.text[end : end + 2].lower() in ("'s", "’s"):
        # "the addict's mother": no wording stands in there as it is.
        wordings = ()
    article = _ARTICLE.search(read.text, 0, start) if wordings else None
    if article is not None:
        start = article.start()
        wordings = tuple(f"{_article(wording)} {wording}" for wording in wordings)
    first, last = read.span(start, end)
    found = read.written[first:last]
    if found[:1].isupper() and (
        article is not None or _OPENS.search(read.text, 0, start) or found[1:2].islower()
    ):
        wordings = tuple(wording[:1].upper() + wording[1:] for wording in wordings)
    return Hit(path, first, last, found, phrase.instead, wordings, phrase.source, around, denied)


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeio" else "a"


def reworded(text: str, hit: Hit, wording: str) -> str | None:
    """The text with the wording in the place of the words found; None where these no longer stand there."""
    if text[hit.start : hit.end] != hit.found:
        return None
    return text[: hit.start] + wording + text[hit.end :]


def apart(hits: Iterable[Hit]) -> list[Hit]:
    """The findings of several lists in the order of the text, of those that overlap the longest only."""
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.path, hit.start, -hit.end)):
        before = chosen[-1] if chosen else None
        if before is None or before.path != hit.path or before.end <= hit.start:
            chosen.append(hit)
        elif hit.end - hit.start > before.end - before.start:
            chosen[-1] = hit
    return chosen


def _around(text: str, start: int, end: int) -> str:
    left = text[max(0, start - _SHOWN_AROUND) : start].rpartition(NOTHING)[2]
    right = text[end : end + _SHOWN_AROUND].partition(NOTHING)[0]
    if start > _SHOWN_AROUND and " " in left:
        left = left.partition(" ")[2]
    if len(text) - end > _SHOWN_AROUND and " " in right:
        right = right.rpartition(" ")[0]
    more = ("…" if start - len(left) > 0 else ""), ("…" if end + len(right) < len(text) else "")
    return f"{more[0]}{' '.join((left + text[start:end] + right).split())}{more[1]}"
