"""The index of an input: which records count, who is judged with whom, and what notes are looked up by."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bulk import index as indexing
from app.bulk.index import Index
from app.bulk.rows import COLUMNS, Rows, hashed


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
    assert hashed("words", text, peer) == _digest(f"w{text}") ^ _digest(f"p{peer}")
    assert hashed("sentence", text, peer) == _digest(f"s{text}") ^ _digest(f"p{peer}")


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def _planned(records: list[One]) -> list[tuple[int, int]]:
    """Of each record whether it counts, and its group."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index(Path(folder) / "index")
        index.fill(Rows(records=[*_rows(records)]), 0, 0)
        index.settle()
        index.plan()
        found = index.db.execute("SELECT counts, chunk FROM record ORDER BY number").fetchall()
        index.close()
        return found


def _rows(records: list[One]) -> Iterator[tuple[object, ...]]:
    columns = [column.strip('"') for column in COLUMNS.split(", ")]
    for number, each in enumerate(records):
        told = {"happened": False, "lasts": False, **each._asdict(), "number": number}
        yield tuple(told.get(column) for column in columns)
