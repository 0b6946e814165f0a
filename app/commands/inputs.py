"""Reading intake files at the command line: every line a record or a refusal, bounded in size."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from app.commands.options import json_line, printable, say

if TYPE_CHECKING:
    from mappings.intake import Line, Refusal
    from mappings.records import Record

STDIN = "-"


@dataclass(frozen=True)
class Intake:
    """What the inputs held together: the records in input order, and the refused lines."""

    lines: tuple[Line, ...]
    refusals: tuple[Refusal, ...]

    @property
    def records(self) -> list[Record]:
        """The records in input order."""
        return [line.record for line in self.lines]


def read_intake(files: Sequence[str], as_json: bool) -> Intake:
    """Read every file (`-` or none: standard input); refused lines are reported on standard error at once.
    A file that cannot be opened is wrong usage, found before anything is read."""
    from mappings.intake import Line

    names = tuple(files) or (STDIN,)
    for name in names:
        _require_readable(name)
    lines: list[Line] = []
    refusals: list[Refusal] = []
    for item in _items(names):
        if isinstance(item, Line):
            lines.append(item)
        else:
            refusals.append(item)
            report_refusal(item, as_json)
    return Intake(tuple(lines), tuple(refusals))


def report_refusal(refusal: Refusal, as_json: bool) -> None:
    """One refused line on standard error: file, line, field, problem and the right form."""
    say(json_line(asdict(refusal)) if as_json else printable(f"refused: {refusal}"))


def _require_readable(name: str) -> None:
    if name == STDIN:
        return
    path = Path(name)
    if not path.exists():
        raise click.UsageError(f"there is no file {name!r}; give the path of an NDJSON file, or - for input")
    if path.is_dir():
        raise click.UsageError(f"{name!r} is a folder; give the path of an NDJSON file")
    try:
        path.open("rb").close()
    except OSError as error:
        raise click.UsageError(f"{name!r} cannot be read: {error.strerror}") from error


def _items(names: Sequence[str]) -> Iterator[Line | Refusal]:
    from mappings.intake import read_lines

    for name in names:
        if name != STDIN:
            with Path(name).open("rb") as stream:
                yield from read_lines(name, _bounded(stream))
            continue
        if sys.stdin.isatty():
            say("Reading records from the keyboard, one JSON object a line; end with Ctrl-D.")
        yield from read_lines("standard input", _bounded(sys.stdin.buffer))


def _bounded(stream: BinaryIO) -> Iterator[bytes]:
    # A line without end must not fill the memory: what is over the limit is refused by its first part.
    from mappings.intake import MAX_LINE_BYTES

    while part := stream.readline(MAX_LINE_BYTES + 2):
        rest = part
        while not rest.endswith(b"\n") and (rest := stream.readline(MAX_LINE_BYTES)):
            pass
        yield part
