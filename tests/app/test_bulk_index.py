"""The index of an input: which records count, who is judged with whom, and what notes are looked up by."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from struct import pack
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bulk import copied
from app.bulk import index as indexing
from app.bulk.index import Index
from app.bulk.rows import COLUMNS, Rows, hashed, hashes_of
from mappings.notes_told import Of


class One(NamedTuple):
    """A record as far as it decides who counts and who belongs together."""

    kind: str
    id: str
    version: int
    person: str
    authorization: str | None


ones = st.builds(
    One,
    st.sampled_from(["contact", "plan-entry"]),
    st.sampled_from("abcdef"),
    st.integers(1, 3),
    st.sampled_from("pqrstuv"),
    st.sampled_from([None, None, None, "A1", "A2"]),
)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever need not be judged together is not."""
    monkeypatch.setattr(indexing, "CHUNK", 1)


@settings(max_examples=60)
@given(st.lists(ones, max_size=12))
def test_of_an_id_the_highest_version_counts_and_of_equal_ones_the_first(records: list[One]) -> None:
    for number, (counts, _) in enumerate(_planned(records)):
        same = [n for n, each in enumerate(records) if each[:2] == records[number][:2]]
        assert counts == (number == max(same, key=lambda n: (records[n].version, -n)))


@settings(max_examples=60)
@given(st.lists(ones, max_size=12))
def test_persons_who_share_an_id_or_an_authorization_are_judged_together_and_no_others(
    records: list[One],
) -> None:
    chunk = {each.person: chunk for each, (_, chunk) in zip(records, _planned(records), strict=True)}
    together = {person: {person} for person in chunk}
    for one, other in combinations(records, 2):
        if one[:2] == other[:2] or (one.authorization and one.authorization == other.authorization):
            both = together[one.person] | together[other.person]
            together |= dict.fromkeys(both, both)
    for one_person, other_person in combinations(chunk, 2):
        shared = other_person in together[one_person]
        assert (chunk[one_person] == chunk[other_person]) == shared, (one_person, other_person)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_stands_for_the_words_of_a_note_is_the_same_in_every_process(text: str, peer: str) -> None:
    for of in Of.__args__:
        digest = blake2b(blake2b(peer.encode()).digest() + f"{of[0]}{text}".encode(), digest_size=8).digest()
        assert hashed(of, text, peer) == int.from_bytes(digest, "big", signed=True)
        assert hashes_of(digest * 3) == (hashed(of, text, peer),) * 3


class Said(NamedTuple):
    """A note as far as it decides what others say too."""

    person: str
    began: int
    hashes: list[int]
    counts: bool


said = st.builds(
    Said, st.sampled_from("pqr"), st.integers(0, 4), st.lists(st.integers(-5, 5), max_size=4), st.booleans()
)


@pytest.mark.parametrize("places", [1, 4, copied._MOST_PLACES])
@settings(max_examples=60)
@given(notes=st.lists(said, max_size=12))
def test_of_what_notes_of_two_persons_say_all_notes_are_kept_that_count(
    places: int, notes: list[Said]
) -> None:
    copies, _ = _copies_of(notes, places)
    hashes = {hash for hash, _, _ in copies}
    counting = {number: each for number, each in enumerate(notes) if each.counts}
    assert copies == {
        (hash, each.began, number) for number, each in counting.items() for hash in hashes & {*each.hashes}
    }
    for one, other in combinations(notes, 2):
        if one.person != other.person:
            assert {hash for each in counting.values() for hash in each.hashes} & {*one.hashes} & {
                *other.hashes
            } <= hashes


@pytest.mark.parametrize("places", [1, 4, copied._MOST_PLACES])
@settings(max_examples=60)
@given(notes=st.lists(said, max_size=12))
def test_a_note_repeats_what_only_earlier_notes_of_others_say(places: int, notes: list[Said]) -> None:
    _, repeating = _copies_of(notes, places)
    for number, note in enumerate(notes):
        before = [each for each in notes if each.counts and each.began < note.began]
        own = {hash for each in before if each.person == note.person for hash in each.hashes}
        others = {hash for each in before if each.person != note.person for hash in each.hashes}
        assert (number in repeating) == (note.counts and bool({*note.hashes} & others - own))


def _copies_of(notes: list[Said], places: int) -> tuple[set[tuple[int, int, int]], set[int]]:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, person, began, hashes, counts, happened)")
    rows = [
        (number, each.person, each.began, pack(f">{len(each.hashes)}q", *each.hashes) or None, each.counts)
        for number, each in enumerate(notes)
    ]
    db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, true)", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copied, "_MOST_PLACES", places)
        copied.find_copies(db)
    copies = {*db.execute("SELECT hash, began, number FROM copy")}
    return copies, {number for (number,) in db.execute("SELECT number FROM repeating")}


def _planned(records: list[One]) -> list[tuple[int, int]]:
    """Of each record whether it counts, and its group."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Path(folder) / "index")
        index.fill(Rows(records=[*_rows(records)]), 0, 0)
        index.settle()
        index.plan()
        found = index.db.execute(
            "SELECT counts, chunk FROM record JOIN person USING (person) ORDER BY number"
        ).fetchall()
        index.close()
        return found


def _rows(records: list[One]) -> Iterator[tuple[object, ...]]:
    columns = [column.strip('"') for column in COLUMNS.split(", ")]
    for number, each in enumerate(records):
        told = {"happened": False, **each._asdict(), "number": number}
        yield tuple(told.get(column) for column in columns)
