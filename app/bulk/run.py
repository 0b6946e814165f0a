"""One run over inputs of any size: the first pass, the groups, and what they gave in input order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app.bulk.journal import Journal
from app.bulk.lines import Block, Source, blocks
from app.bulk.outcomes import Order, Outcome, Stored
from app.bulk.pool import Pool
from app.bulk.rows import Rows, rows_of
from mappings.intake import Alike, Refusal, write_record
from mappings.records import Record

Item = TypeVar("Item")


class Shown(Protocol):
    """Shows how far something is: the items in order, how much each of them is, how much all are."""

    def __call__(
        self, items: Iterable[Item], label: str, length: int, step: Callable[[Item], int]
    ) -> Iterator[Item]: ...


def read(
    sources: Sequence[Source], known: Sequence[Record], journal: Journal, pool: Pool, shown: Shown
) -> None:
    """The first pass: everything that records need to know of each other goes onto disk. Goes on where an
    earlier run stopped; `known` come before the input's own records, so that the input's win."""
    index = journal.index
    if known and not index.state("known"):
        index.know(_known_rows(known))
    todo = list(blocks(sources))[index.state("blocks") :]
    found = pool.ask(partial(_rows, tuple(sources)), todo)
    length = sum(block.end - block.start for block in todo)
    before = index.state("source") if index.state("blocks") else -1
    filling = shown(
        zip(todo, found, strict=True), "Reading", length, lambda pair: pair[0].end - pair[0].start
    )
    try:
        for block, rows in filling:
            lines = index.state("lines") if block.source == before else 0
            index.fill(rows, block.source, lines)
            before = block.source
    finally:
        index.settle()
    _alike_in.cache_clear()
    index.plan()


def judged(order: Order, journal: Journal, pool: Pool, shown: Shown) -> None:
    """Judge every group that is not done yet, and keep what it gives."""
    index = journal.index
    done = journal.done()
    todo = [chunk for chunk in range(index.state("chunks")) if chunk not in done]
    length = index.count_of(todo[0]) if todo else 0
    outcomes = pool.groups(order, journal.index_path, todo)
    try:
        for outcome in shown(outcomes, "Mapping" if order.mapping else "Judging", length, _records):
            journal.keep(outcome)
    finally:
        journal.settle()


def refusals(journal: Journal) -> Iterator[tuple[Refusal, bytes]]:
    """Each refused line with its bytes, in order."""
    for file, line, field, problem, form, text in journal.index.refusals():
        yield Refusal(file, line, field, problem, form), text


def fingerprint(sources: Sequence[tuple[str, Path]], known: Sequence[Record], **more: Any) -> dict[str, Any]:
    """What makes a run the same run: its inputs as they stand on disk, what is known, rules and options."""
    stats = [(name, str(path.absolute()), path.stat()) for name, path in sources]
    inputs = [[name, path, stat.st_size, stat.st_mtime_ns] for name, path, stat in stats]
    return {"inputs": inputs, "known": [write_record(one) for one in known], **more}


def _rows(sources: Sequence[Source], block: Block) -> Rows:
    return rows_of(sources[block.source], block, _alike_in(sources))


@lru_cache(maxsize=1)
def _alike_in(_sources: tuple[Source, ...]) -> Alike:
    """What the lines of an input have alike, for this process."""
    return Alike()


def _records(outcome: Outcome | Stored) -> int:
    return outcome.records


def _known_rows(known: Sequence[Record]) -> Rows:
    rows = Rows()
    for number, record in enumerate(known, start=-len(known)):
        rows.add(number, record, json.dumps(write_record(record)).encode())
    return rows
