"""The sentences of a note, to find those that stood in an earlier one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter, itemgetter
from typing import NamedTuple

from mappings.once import once
from mappings.records import Note

# Shorter ones say too little to be anybody's.
LEAST = 24
COMPARED = "note.response", "note.progress", "note.outcome"
# From the first letter of a sentence to its last, in small letters, and the whole of it with its stops.
_KEY = re.compile(rf"[^\s.!?][^.!?\n]{{{LEAST - 2},}}[^\s.!?]")
_SENTENCE = re.compile(r"([^\s.!?](?:[^.!?\n]*[^\s.!?])?)(?:[^\S\n]*[.!?]+)?")
_STOPS = re.compile(r"[^\S\n]*[.!?]+")
_compared = itemgetter("response", "progress", "outcome")
_words, _keys = attrgetter("words"), attrgetter("keys")

# A sentence: its place in a text, itself and its key.
Sentence = tuple[int, int, str, str]


def compared_parts(note: Note | None) -> tuple[str | None, str | None, str | None]:
    """The texts of the parts of a note (see COMPARED) that tell what was so this time; a purpose may well be
    the same again."""
    return (None, None, None) if note is None else _compared(vars(note))


class Passage:
    """One part of a note as it is compared with others: its words in small letters, a blank between them, and
    the keys of its sentences."""

    def __init__(self, text: str) -> None:
        folded = text.casefold()
        self.text, self.words, self.keys = text, evenly(folded), keys_in(folded)

    @once
    def sentences(self) -> list[Sentence]:
        """The sentences that have these keys, in order."""
        return _found(self.text, self.keys) if self.text.isascii() else sentences(self.text)


class Passages(dict[str | None, Passage]):
    """Passages by their texts, a blank one where there is none: what many notes say alike is taken apart
    once."""

    def __missing__(self, text: str | None) -> Passage:
        passage = self[text] = Passage(text or "")
        return passage


class Compared(NamedTuple):
    """A note as it is compared with others: its passages in the order of COMPARED, all their words in small
    letters with a blank between them, and of each of their sentences in order the key and where it stands."""

    passages: list[Passage]
    words: str
    keys: list[str]
    paths: tuple[str, ...]


def compared(note: Note | None, passages: Passages) -> Compared:
    """What of a note is compared with others."""
    own = [*map(passages.__getitem__, compared_parts(note))]
    keys = [*map(_keys, own)]
    return Compared(own, words_of(own), [*chain.from_iterable(keys)], _paths(*map(len, keys)))


# Most notes have as many sentences as some other.
@lru_cache(maxsize=1024)
def _paths(*counts: int) -> tuple[str, ...]:
    return tuple([path for path, count in zip(COMPARED, counts, strict=True) for _ in range(count)])


def words_of(passages: Iterable[Passage]) -> str:
    """The words of all parts of a note."""
    return " ".join(filter(None, map(_words, passages)))


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text that are long enough to be compared, in order."""
    found = [(*match.span(), match[0], match[1].casefold()) for match in _SENTENCE.finditer(text)]
    return [each for each in found if len(each[3]) >= LEAST]


def _found(text: str, keys: Sequence[str]) -> list[Sentence]:
    # In small letters plain text is as long as before, and to look for a key is cheaper than to cut again.
    told, folded, end = [], text.lower(), 0
    for key in keys:
        start = folded.index(key, end)
        end = start + len(key)
        stops = _STOPS.match(folded, end)
        if stops is not None:
            end = stops.end()
        told.append((start, end, text[start:end], key))
    return told


def keys(text: str) -> list[str]:
    """The keys of the sentences of a text that are long enough to be compared."""
    return keys_in(text.casefold())


def keys_in(folded: str) -> list[str]:
    """The same of a text that is casefolded already."""
    return _KEY.findall(folded)


def evenly(text: str) -> str:
    """A text with one blank between its words and no other space."""
    # Most texts have one blank between their words and no other space; it is all that is printable.
    return text.strip() if text.isprintable() and "  " not in text else " ".join(text.split())
