"""The sentences of a note, to find those that stood in an earlier one."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from mappings.records import Note

# Shorter ones say too little to be anybody's.
LEAST = 24
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


def compared_parts(note: Note | None) -> list[tuple[str, str]]:
    """The intake path and the text of each part of a note that tells what was so this time, none that is
    blank; a purpose may well be the same again."""
    if note is None:
        return []
    told = ("note.response", note.response), ("note.progress", note.progress), ("note.outcome", note.outcome)
    return [(path, text) for path, text in told if text]


def folded_of(note: Note | None) -> str:
    """The same parts in small letters, to compare notes by."""
    return "\n".join([text for _, text in compared_parts(note)]).casefold()


class Sentence(NamedTuple):
    """One sentence: its part of the note, its place in it, itself, its key and how many words it has."""

    path: str
    start: int
    end: int
    text: str
    key: str
    words: int


def sentences(path: str, text: str, wanted: Collection[str]) -> list[Sentence]:
    """The sentences of one part of a note in order, those whose key is `wanted`."""
    told = []
    for match in _SENTENCE.finditer(text):
        written = match[0]
        found = written.strip()
        key = found.rstrip(".!? ").casefold()
        if key in wanted:
            start = match.start() + written.index(found[0])
            told.append(Sentence(path, start, start + len(found), found, key, len(key.split())))
    return told


def keys(text: str) -> list[str]:
    """The keys of the sentences of a text that are long enough to be compared."""
    return keys_in(text.casefold())


def keys_in(folded: str) -> list[str]:
    """The same of a text that is casefolded already."""
    parts = folded.replace(".", "\n").replace("!", "\n").replace("?", "\n").split("\n")
    return [key for part in parts if len(key := part.strip()) >= LEAST]
