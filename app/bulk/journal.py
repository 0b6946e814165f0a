"""What is done already: kept beside the output, so that a run that was stopped can go on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.bulk.index import SETTLE_SECONDS, Index, begin
from app.bulk.outcomes import PIECES, Outcome, Stored, stored
from app.on_disk import put_on_disk

_SCHEMA = """
CREATE TABLE chunk (chunk INTEGER PRIMARY KEY);
CREATE TABLE tally (name TEXT PRIMARY KEY, value INTEGER);
CREATE TABLE spool (file TEXT PRIMARY KEY, size INTEGER);
CREATE TABLE piece (
  stream, section, program, person, day, code, number INTEGER, file, place INTEGER, length INTEGER
);
"""
_ANEW = "BEGIN; DELETE FROM chunk; DELETE FROM tally; DELETE FROM spool; DELETE FROM piece; COMMIT;"

# What takes a second is sooner done anew than put on the disk piece by piece.
SMALL = 1_000_000
# A folder of another form is not gone on with: raise it with each change of what is kept or of its meaning.
FORM = 3
_BOOT = Path("/proc/sys/kernel/random/boot_id")

_TALLY = "INSERT INTO tally VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


class Busy(RuntimeError):
    """Another run writes the same output."""


class Other(RuntimeError):
    """The unfinished run was of other inputs, rules or options."""


class Journal:
    """The folder of one run: what was asked, the index, and the pieces written so far.

    `durable` is for a folder that a later run may go on with: what it holds survives a loss of power too.
    Without, it is only gone on with until this machine is started anew. What was kept in the last second may
    have to be done again after a failure.
    """

    def __init__(
        self,
        folder: Path,
        asked: Mapping[str, Any],
        durable: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.durable, self._clock = folder, durable, clock
        self._settled_at = clock()
        self._kept: list[Stored] = []
        self._named: set[str] = set()
        self.index_path = folder / "index.sqlite"
        whole = folder / "asked.part"
        whole.write_text(json.dumps({"form": FORM, "boot": None if durable else _boot(), "asked": asked}))
        whole.replace(folder / "asked.json")
        self.index = Index(self.index_path, durable, clock)
        self.db = sqlite3.connect(folder / "done.sqlite", isolation_level=None)
        self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        # What is added goes onto the disk in one go instead of three; nobody else reads the file.
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode = WAL")
        begin(self.db, _SCHEMA)
        self._take_back()
        self._spool = (folder / PIECES).open("ab")

    def _take_back(self) -> None:
        """What was written after the last word that it is done is written again; all of it where a part of
        what is said to be done is not there."""
        sizes: dict[str, int] = dict(self.db.execute("SELECT file, size FROM spool"))
        if any(_size(self.folder / file) < size for file, size in sizes.items()):
            # To fill the gap would put zeros, or what comes to have its place, where a Bundle was.
            self.db.executescript(_ANEW)
            sizes = {}
        for path in self.folder.glob(f"{PIECES}*"):
            os.truncate(path, sizes.get(path.name, 0))

    def close(self) -> None:
        """Close what is open; the folder stays."""
        self.index.close()
        self.db.close()
        self._spool.close()

    def done(self) -> set[int]:
        """The groups that are done."""
        return {chunk for (chunk,) in self.db.execute("SELECT chunk FROM chunk")}

    def keep(self, outcome: Outcome | Stored) -> None:
        """Keep what one group gave, whole or not at all."""
        if isinstance(outcome, Outcome):
            outcome = stored(outcome, self._spool, PIECES)
        self._kept.append(outcome)
        if self._clock() >= self._settled_at + SETTLE_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Put on the disk what was kept since the last time."""
        self._spool.flush()
        ends = {file: place + size for each in self._kept for *_, file, place, size in each.places[-1:]}
        if self.durable:
            for file in ends:
                put_on_disk(self.folder / file)
            # A file that is new is only found again where its name is on the disk too.
            if not self._named.issuperset(ends):
                put_on_disk(self.folder)
                self._named.update(ends)
        self.db.execute("BEGIN")
        for chunk, _, places, counts in self._kept:
            self.db.executemany("INSERT INTO piece VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", places)
            self.db.execute("INSERT INTO chunk VALUES (?)", (chunk,))
            self.db.executemany(_TALLY, counts.items())
        self.db.executemany("INSERT OR REPLACE INTO spool VALUES (?, ?)", ends.items())
        self.db.execute("COMMIT")
        self._kept, self._settled_at = [], self._clock()

    def counts(self) -> Counter[str]:
        """How many of what all groups that are settled gave."""
        return Counter(dict(self.db.execute("SELECT name, value FROM tally")))

    def pieces(self, stream: str) -> Iterator[bytes]:
        """What goes into one output of what is settled, in its order."""
        rows = self.db.execute(
            "SELECT file, place, length FROM piece WHERE stream = ? "
            "ORDER BY section, program, person, day, code, number",
            (stream,),
        )
        with contextlib.ExitStack() as stack:
            files = {
                file: stack.enter_context((self.folder / file).open("rb")).fileno()
                for (file,) in self.db.execute("SELECT file FROM spool")
            }
            for file, place, length in rows:
                yield os.pread(files[file], length, place)


def beside(out: Path, asked: Mapping[str, Any], resume: bool) -> contextlib.AbstractContextManager[Journal]:
    """The journal beside an output: the unfinished one with `resume`, else a new one. It is removed once the
    block ends well, and stays where it does not. Raises Busy, Other and OSError before the block begins."""
    folder = unfinished(out)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(folder.with_suffix(".lock")))
        if folder.exists() and (not resume or asked_of(out) is None):
            shutil.rmtree(folder)
        if folder.exists() and asked_of(out) != json.loads(json.dumps(asked)):
            raise Other
        folder.mkdir(mode=0o700, exist_ok=True)
        journal = stack.enter_context(contextlib.closing(Journal(folder, asked, durable=_is_long(asked))))
        opened = stack.pop_all()
    return _until_done(journal, opened)


@contextlib.contextmanager
def _until_done(journal: Journal, opened: contextlib.ExitStack) -> Iterator[Journal]:
    with opened:
        yield journal
        # Half a folder is never taken for a whole one.
        (journal.folder / "asked.json").unlink()
        shutil.rmtree(journal.folder)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def unfinished(out: Path) -> Path:
    """The folder in which a run that writes an output keeps what is done."""
    return out.with_name(f".{out.name}.unfinished")


def asked_of(out: Path) -> dict[str, Any] | None:
    """What the unfinished run of an output was asked; None where there is none that can be gone on with."""
    try:
        found = json.loads((unfinished(out) / "asked.json").read_text())
        form, boot, asked = found["form"], found["boot"], found["asked"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return asked if isinstance(asked, dict) and form == FORM and boot in (None, _boot()) else None


def _is_long(asked: Mapping[str, Any]) -> bool:
    """Whether a run is worth keeping through a loss of power, or nobody could tell that there was one."""
    return not _boot() or sum(size for _, _, size, _ in asked["inputs"]) > SMALL


def _boot() -> str:
    """What this start of the machine is known by; empty where the machine does not say."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Only a run that can go on needs it; `check` starts sooner without.
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
