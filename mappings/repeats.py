"""The sentences of a note, to find those that stood in an earlier one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

# The parts of a note that tell what was so this time; a purpose may well be the same again.
COMPARED = ("response", "progress", "outcome")
# Shorter ones say too little to be anybody's.
LEAST = 24
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


class Sentence(NamedTuple):
    """One sentence: its part of the note, its place in it, itself, its key and how many words it has."""

    path: str
    start: int
    end: int
    text: str
    key: str
    words: int


def sentences(path: str, text: str, wanted: Collection[str]) -> Iterator[Sentence]:
    """The sentences of one part of a note in order, those whose key is `wanted`."""
    for match in _SENTENCE.finditer(text):
        found = match[0].strip()
        key = found.rstrip(".!? ").casefold()
        if key in wanted:
            start = match.start() + match[0].index(found[0])
            yield Sentence(path, start, start + len(found), found, key, len(key.split()))


def keys(text: str) -> list[str]:
    """The keys of the sentences of a text that are long enough to be compared."""
    parts = text.casefold().replace(".", "\n").replace("!", "\n").replace("?", "\n").split("\n")
    return [key for part in parts if len(key := part.strip()) >= LEAST]
