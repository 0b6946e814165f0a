"""Lines of the inputs in blocks that can be read apart, each record with its place in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mappings.intake import MAX_LINE_BYTES, Alike, Refusal, Refused, read_record
from mappings.records import Record

# No longer than a line may be.
BLOCK = MAX_LINE_BYTES
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Source:
    """One input: its file, the name it is told of by, its first place among the bytes of all inputs, and
    whether its fields are columns of a table."""

    path: str
    name: str
    base: int
    size: int
    table: bool = False


@dataclass(frozen=True)
class Block:
    """A stretch of a source: the lines that begin in it."""

    source: int
    start: int
    end: int


class Found(NamedTuple):
    """A record with its number, which is its place among the bytes of all inputs, and its line's bytes."""

    number: int
    record: Record
    text: bytes


class Bad(NamedTuple):
    """A refused line with its number and its bytes; the line counts from the start of its block."""

    number: int
    refusal: Refusal
    text: bytes


def blocks(sources: Sequence[Source]) -> Iterator[Block]:
    """All blocks of all sources, in order."""
    for at, source in enumerate(sources):
        for start in range(0, source.size, BLOCK):
            yield Block(at, start, min(start + BLOCK, source.size))


def records(source: Source, block: Block, alike: Alike | None = None) -> Iterator[Found | Bad | int]:
    """Every record and refused line that begins in a block in order, and last how many lines it has; `alike`
    keeps what the lines of several blocks have alike."""
    count = 0
    with Path(source.path).open("rb") as stream:
        place = _to_first_line(stream, block.start)
        for line in _lines(stream, block.end - place):
            count, number, place, text = count + 1, source.base + place, place + len(line), line
            if number == source.base and line.startswith(_BOM):
                number, text = number + len(_BOM), line.removeprefix(_BOM)
            if text and not text.isspace():
                yield _read(source, number, count, text, alike)
    yield count


def text_at(stream: BinaryIO, place: int) -> bytes:
    """The line that begins at a place."""
    stream.seek(place)
    return stream.readline()


def _read(source: Source, number: int, line: int, text: bytes, alike: Alike | None) -> Found | Bad:
    try:
        return Found(number, read_record(text, alike), text)
    except Refused as refused:
        return Bad(number, Refusal(source.name, line, refused.field, refused.problem, refused.form), text)


def _to_first_line(stream: BinaryIO, start: int) -> int:
    """Goes to where the first line from a place on begins, and says where that is."""
    if not start:
        return 0
    stream.seek(start - 1)
    return start - 1 + _length_of_line(stream)


def _lines(stream: BinaryIO, length: int) -> BytesIO:
    """The lines that begin in the bytes that follow; of one over the limit its first part."""
    stretch = stream.read(length) if length > 0 else b""
    if stretch and not stretch.endswith(b"\n"):
        begun = len(stretch) - stretch.rfind(b"\n") - 1
        # A line without end must not fill the memory: what is over the limit is refused by its first part.
        stretch += stream.readline(MAX_LINE_BYTES + 2 - begun)
    return BytesIO(stretch)


def _length_of_line(stream: BinaryIO) -> int:
    """How many bytes there are to the end of a line."""
    taken, rest = 0, stream.readline(MAX_LINE_BYTES)
    while rest:
        taken += len(rest)
        rest = b"" if rest.endswith(b"\n") else stream.readline(MAX_LINE_BYTES)
    return taken
