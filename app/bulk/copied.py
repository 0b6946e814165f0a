"""What several people's notes of one peer say alike, found among all notes of an input."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from sys import intern

from app.bulk.rows import hashes_of

# Places for hashes: that many to each of them, up to 32 MB.
_PLACES_EACH, _MOST_PLACES = 8, 1 << 22
_SEVERAL = object()
# `copy` has every note that says it; `repeating` has those that say something which an earlier note said of
# another person, and no earlier one of the same person.
_SCHEMA = """
CREATE TABLE copy (hash INTEGER, began INTEGER, number INTEGER, PRIMARY KEY (hash, began, number))
  WITHOUT ROWID;
CREATE TABLE repeating (number INTEGER PRIMARY KEY);
"""


def find_copies(db: sqlite3.Connection) -> None:
    """Fill `copy` and `repeating` from what the notes of all records say. A few hashes that only one person's
    notes have may be among the copies; of each hash there all notes are that count."""
    for statement in _SCHEMA.split(";\n"):
        db.execute(statement)
    said = db.execute("SELECT sum(length(hashes)) / 8 FROM record").fetchone()[0] or 0
    # Their number is a power of two, so that a place is told by the last bits.
    mask = min(1 << (said * _PLACES_EACH).bit_length(), _MOST_PLACES) - 1
    people = db.execute("SELECT person, hashes FROM record WHERE hashes IS NOT NULL")
    whose = _by_whom(people, mask)
    notes = db.execute(
        "SELECT began, number, hashes FROM record WHERE hashes IS NOT NULL AND counts AND happened"
    )
    # A note may say one thing twice.
    db.executemany("INSERT OR IGNORE INTO copy VALUES (?, ?, ?)", _copies(notes, whose, mask))
    copies = db.execute(
        "SELECT hash, copy.began, person, number FROM copy JOIN record USING (number) "
        "ORDER BY hash, copy.began"
    )
    db.executemany("INSERT OR IGNORE INTO repeating VALUES (?)", _repeating(copies))


def _by_whom(people: Iterable[tuple[str, bytes]], mask: int) -> list[object]:
    """Whose notes have a hash with these last bits: a person's, those of several, or nobody's."""
    whose: list[object] = [None] * (mask + 1)
    for person, kept in people:
        # One object for all notes of a person: it takes less memory, and less time to compare.
        own = intern(person)
        for each in hashes_of(kept):
            place = each & mask
            held = whose[place]
            if held is not own:
                whose[place] = own if held is None else _SEVERAL
    return whose


def _copies(
    notes: Iterable[tuple[int, int, bytes]], whose: list[object], mask: int
) -> Iterator[tuple[int, int, int]]:
    for began, number, kept in notes:
        for each in hashes_of(kept):
            if whose[each & mask] is _SEVERAL:
                yield each, began, number


def _repeating(copies: Iterable[tuple[int, int, str, int]]) -> Iterator[tuple[int]]:
    """The numbers of notes that say what earlier ones said of others alone; `copies` by hash in order of
    start."""
    for _, same in groupby(copies, key=itemgetter(0)):
        first: dict[str, int] = {}
        earliest = None
        for _, began, person, number in same:
            if earliest is None:
                earliest = began
            if first.setdefault(person, began) == began > earliest:
                yield (number,)
