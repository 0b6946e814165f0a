"""Intake files at the command line: each a file whose lines can be read where they stand."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.options import json_line, say
from app.printable import printable

if TYPE_CHECKING:
    from app.bulk.lines import Source
    from mappings.intake import Refusal

STDIN = "-"
TABLE = ".csv"


@contextlib.contextmanager
def sources_of(files: Sequence[str], table: bool | None) -> Iterator[Sequence[Source]]:
    """Every input (`-` or none: standard input) as a file of intake records, one a line.

    What cannot be read twice is put into a private temporary file first, and so is a table (CSV): one is told
    by its name unless `table` says so. A file that cannot be opened is wrong usage, found before anything is
    read.
    """
    names = tuple(files) or (STDIN,)
    for name in names:
        _require_readable(name)
    with tempfile.TemporaryDirectory(prefix="peerchart-") as folder:
        yield list(_sources(names, table, Path(folder)))


def _sources(names: Sequence[str], table: bool | None, folder: Path) -> Iterator[Source]:
    from app.bulk.lines import Source

    base = 0
    for place, name in enumerate(names):
        path = _rereadable(name, folder / f"input-{place}")
        columns = name.lower().endswith(TABLE) if table is None else table
        if columns:
            path = _as_lines(path, name, folder / f"table-{place}")
        size = path.stat().st_size
        yield Source(str(path), "standard input" if name == STDIN else name, base, size, columns)
        base += size + 1


def _rereadable(name: str, copy: Path) -> Path:
    path = Path(name)
    if name != STDIN and path.is_file():
        return path
    if name == STDIN and sys.stdin.isatty():
        say("Reading records from the keyboard, one JSON object a line; end with Ctrl-D.")
    with copy.open("wb") as kept:
        if name == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, kept)
        else:
            with path.open("rb") as stream:
                shutil.copyfileobj(stream, kept)
    return copy


def _as_lines(path: Path, name: str, made: Path) -> Path:
    from mappings.intake_csv import Unreadable, lines_of

    try:
        with path.open(encoding="utf-8-sig", newline="") as stream, made.open("wb") as kept:
            kept.writelines(lines_of(stream))
    except Unreadable as error:
        raise click.UsageError(f"{name!r} {error}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name!r} is not UTF-8; save the table as CSV in UTF-8") from error
    return made


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
    if not path.is_file():
        return
    try:
        path.open("rb").close()
    except OSError as error:
        raise click.UsageError(f"{name!r} cannot be read: {error.strerror}") from error
