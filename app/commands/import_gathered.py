"""What an import has read so far: on disk, so that any number of records and remarks fit."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from app.commands.options import json_line
from mappings.fhir.reading.records import Reading
from mappings.fhir.reading.sources import Remark
from mappings.intake import write_record

_ORDER = ("program", "staff", "plan-entry", "contact")
# A contact without a note of ours comes after those with one, as where all are read together.
_FIRST = ("DocumentReference", "ServiceRequest")
_SCHEMA = """
CREATE TABLE record (
  kind INTEGER, late, at INTEGER, id, version, told, line BLOB, PRIMARY KEY (kind, id, version)
);
CREATE TABLE remark (at INTEGER, told, kind, element, reason, kept);
"""


class Gathered:
    """Records, each once, and remarks."""

    def __init__(self, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._db = sqlite3.connect(folder / "gathered.sqlite", isolation_level=None)
        self._db.executescript(f"PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; {_SCHEMA} BEGIN;")

    def close(self) -> None:
        """Close the file; nothing of it is kept."""
        self._db.close()

    def take(
        self, reading: Reading, place: Callable[[str], int], wanted: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Keep the records and remarks of one reading that are `wanted`: by the type of the resource which
        they stand in, or tell of. `place` says where among all what stands at a place belongs."""
        for record, origin in zip(reading.records, reading.origins, strict=True):
            kind = str(origin.resource.get("resourceType"))
            if not wanted(kind):
                continue
            line = json_line(write_record(record)).encode() + b"\n"
            key = (_ORDER.index(record.kind), record.id, getattr(record, "version", 1))
            row = (key[0], kind not in _FIRST, place(origin.where), *key[1:], origin.where, line)
            done = self._db.execute("INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            if done.rowcount:
                self.counts[record.kind] += 1
            else:
                self._twice(key, line, origin.where, kind, place(origin.where))
        for each in reading.remarks:
            if wanted(each.kind):
                self.remark(each, place(each.where))

    def _twice(self, key: tuple[int, str, int], line: bytes, where: str, kind: str, at: int) -> None:
        asked = "SELECT told, line FROM record WHERE kind = ? AND id = ? AND version = ?"
        told, kept = self._db.execute(asked, key).fetchone()
        if kept != line:
            words = f"it says another thing of {key[1]} than {told}, about another person; the first counts"
            self.remark(Remark(where, kind, "", words), at)

    def remark(self, one: Remark, at: int = 0) -> None:
        """Keep a remark."""
        row = (at, one.where, one.kind, one.element, one.reason, one.kept)
        self._db.execute("INSERT INTO remark VALUES (?, ?, ?, ?, ?, ?)", row)

    def lines(self) -> Iterator[bytes]:
        """The records, each on a line: by their kinds, and in the order in which they were given."""
        found = self._db.execute("SELECT line FROM record ORDER BY kind, late, at, rowid")
        return (line for (line,) in found)

    def remarks(self) -> Iterator[Remark]:
        """What was not read, in the order in which it was given."""
        found = self._db.execute("SELECT told, kind, element, reason, kept FROM remark ORDER BY at, rowid")
        return (
            Remark(told, kind, element, reason, bool(kept)) for told, kind, element, reason, kept in found
        )

    def told(self) -> tuple[int, bool]:
        """How many remarks there are, and whether one of them is of something that is kept nowhere."""
        row = self._db.execute("SELECT count(*), coalesce(max(NOT kept), 0) FROM remark").fetchone()
        return int(row[0]), bool(row[1])
