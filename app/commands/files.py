"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from app.on_disk import Begun

STDOUT = "-"
# A Bundle has more bytes than a stream usually gathers before it writes.
_GATHERED = 1024 * 1024


@contextlib.contextmanager
def written_whole(name: str, *, private: bool = False) -> Iterator[BinaryIO]:
    """A stream whose content stands under `name` only when the block ended well: a temporary file beside it,
    synced and renamed; a `private` one that is new is for its owner's eyes alone. `-`, a pipe or a device is
    written straight through. A place that cannot be written is wrong usage."""
    path = Path(name)
    if name == STDOUT or (path.exists() and not path.is_file()):
        with _straight(name) as stream:
            yield stream
        return
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or Path())
    except OSError as error:
        raise click.UsageError(f"{name!r} cannot be written: {error.strerror}") from error
    try:
        with io.BufferedWriter(Begun(handle, "w"), _GATHERED) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(_mode(path, private))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _straight(name: str) -> Iterator[BinaryIO]:
    if name == STDOUT:
        stream = sys.stdout.buffer
        yield stream
        stream.flush()
        return
    if Path(name).is_dir():
        raise click.UsageError(f"{name!r} is a folder; give the path of a file")
    with Path(name).open("wb") as opened:
        yield opened


def _mode(path: Path, private: bool) -> int:
    # A temporary file is private; the finished one gets what the user's umask gives, or keeps what it had.
    if path.exists():
        return path.stat().st_mode & 0o777
    if private:
        return 0o600
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
