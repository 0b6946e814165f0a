"""Waiting for the disk: for one file or folder, having let it begin before; and together, where of many who
wrote at once one makes sure for all that it is there."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Condition
from typing import Any

Waiting = Callable[[], AbstractContextManager[None]]


def sync(journal: Path) -> None:
    """Wait until the disk has what was written into this file; raises OSError."""
    # No lock of SQLite lies on its journal, so that closing it here lets none go.
    opened = os.open(journal, os.O_RDWR)
    try:
        getattr(os, "fdatasync", os.fsync)(opened)
    finally:
        os.close(opened)


def put_on_disk(path: Path) -> None:
    """Wait until the disk has what was written into a file, or the names of what is in a folder; raises
    OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def begin_to_put(file: int, place: int, length: int) -> None:
    """Let the disk begin to take these bytes of an open file while the writer goes on, so that whoever waits
    for it later waits for little. Promises nothing."""
    # Linux begins at once with what it hears is not needed soon, and keeps what is not on the disk yet. Some
    # systems and places of files know nothing of it, and take what is written all the same.
    with contextlib.suppress(AttributeError, OSError):
        os.posix_fadvise(file, place, length, os.POSIX_FADV_DONTNEED)


class Begun(io.FileIO):
    """A file written from its beginning to its end, of which the disk begins to take each part at once."""

    def write(self, data: Any, /) -> int:
        """Write, as any file does."""
        written = super().write(data)
        begin_to_put(self.fileno(), self.tell() - written, written)
        return written


class OnDisk:
    """The journal of one database. Whoever has written into it takes a number; one sync that begins later is
    for all numbers given out by then. `waiting` makes a context that is held while this thread only waits."""

    def __init__(
        self, journal: Path, waiting: Waiting = nullcontext, sync: Callable[[Path], None] = sync
    ) -> None:
        self._journal, self._waiting, self._sync = journal, waiting, sync
        self._change = Condition()
        self._given = self._there = 0
        self._syncing = False
        # A disk that failed may say later that all is well, and have forgotten what it was given.
        self._lost = range(0)

    def reached(self) -> None:
        """Return when everything that this thread has written is on the disk. Raises OSError where the disk
        did not take it."""
        with self._waiting(), self._change:
            self._given += 1
            mine = self._given
            while self._there < mine:
                if self._syncing:
                    self._change.wait()
                else:
                    self._for_all()
            if mine in self._lost:
                raise OSError("The disk did not take what was written.")

    def _for_all(self) -> None:
        upto, self._syncing = self._given, True
        self._change.release()
        try:
            self._sync(self._journal)
            there, lost = upto, False
        except OSError:
            there, lost = upto, True
        except BaseException:  # interrupted: the next in line does it
            there, lost = self._there, False
            raise
        finally:
            self._change.acquire()
            self._lost = range(self._there + 1, upto + 1) if lost else self._lost
            self._syncing, self._there = False, there
            self._change.notify_all()
