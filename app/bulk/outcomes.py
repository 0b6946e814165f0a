"""What is asked of every group of records, and what it gives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from app.bulk.lines import Source
from app.on_disk import begin_to_put

OUT, CLAIMS, REPORT = "out", "claims", "report"
# The file in which pieces wait; that of another process has its number behind.
PIECES = "pieces"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))


class Piece(NamedTuple):
    """Something to be written: where to, its place among the others there, and its bytes."""

    stream: str
    section: int
    program: str
    person: str
    day: str
    code: str
    number: int
    data: bytes


@dataclass(frozen=True)
class Order:
    """What is asked of every group: check or map, how, and by which rules; `source` say where lines stand.

    `digest` is that of the library, so that a worker elsewhere with other rules is found out. A dry run tells
    of everything and keeps no Bundle. The report is for people, or JSON. `us_core` is the version of US Core
    whose form is asked for, None where a Bundle is to be right for all of them.
    """

    sources: tuple[Source, ...]
    site: Path | None
    digest: str
    now: datetime
    mapping: bool
    form: str = "json"
    everything: bool = False
    dry: bool = False
    as_json: bool = False
    us_core: str | None = None


@dataclass
class Outcome:
    """What one group gave: the pieces, and how many of what."""

    chunk: int
    records: int
    pieces: list[Piece] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Stored(NamedTuple):
    """What one group gave, the bytes of its pieces being in a file of the run's folder.

    Each place is that of a piece among the others, the file, where in it the bytes begin, how many they are.
    """

    chunk: int
    records: int
    places: list[tuple[Any, ...]]
    counts: Counter[str]


def stored(outcome: Outcome, stream: BinaryIO, file: str) -> Stored:
    """Put the bytes of the pieces at the end of a file of the run's folder."""
    place, places = stream.seek(0, SEEK_END), []
    for piece in outcome.pieces:
        places.append((*piece[:-1], file, place, len(piece.data)))
        place += len(piece.data)
    written = stream.write(b"".join([piece.data for piece in outcome.pieces]))
    stream.flush()
    begin_to_put(stream.fileno(), place - written, written)
    return Stored(outcome.chunk, outcome.records, places, outcome.counts)


def at(stream: str, number: int, data: bytes, section: int = 0) -> Piece:
    """A piece whose place among the others is that of a record."""
    return Piece(stream, section, "", "", "", "", number, data)


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """One JSON object on one line, in the order given, letters as they are."""
    return _JSON.encode(data).encode() + b"\n"
