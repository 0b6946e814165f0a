"""The index of an input on disk: filled block by block, then put in order so that groups can be judged."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from app.bulk.copied import find_copies
from app.bulk.rows import COLUMNS, Rows, as_far_as_known, name_of
from mappings.names import names_of
from mappings.records import Name
from mappings.surroundings import AtTime, overlapping

# To wait for the disk takes longer than to fill in a block: what came in so long is put there together.
SETTLE_SECONDS = 1.0
# Records judged together: enough that one reading of what stands around them pays, few enough for memory.
CHUNK = 400
_MINUTE = 60_000_000
_MOST_HELD = 10_000
_SCHEMA = f"""
CREATE TABLE state (key TEXT PRIMARY KEY, value INTEGER);
CREATE TABLE record ({COLUMNS.replace("number", "number INTEGER PRIMARY KEY, counts DEFAULT 1")});
CREATE TABLE meeting (number INTEGER, person, day, reference, came);
CREATE TABLE office (number INTEGER PRIMARY KEY, kind, line BLOB);
CREATE TABLE known (kind, key, number INTEGER, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE earlier (key, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID;
CREATE TABLE refused (number INTEGER PRIMARY KEY, file, line INTEGER, field, problem, form, text BLOB);
"""
# Most ids stand in one record.
_REPEATED = """
CREATE TEMP TABLE twice AS SELECT id, kind FROM record GROUP BY id, kind HAVING count(*) > 1;
CREATE TEMP TABLE repeated AS SELECT kind, id, version, number, person FROM record
  WHERE EXISTS (SELECT 1 FROM twice) AND (id, kind) IN (SELECT id, kind FROM twice);
DROP TABLE twice;
"""
# The highest version counts; of two records of one id and version the first.
_COUNTS = """
UPDATE record SET counts = 0 WHERE number IN (
  SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY kind, id ORDER BY version DESC, number)
    AS place FROM repeated) WHERE place > 1
)
"""
_TOGETHER = """
SELECT key, person FROM (
  SELECT 'authorization ' || authorization AS key, person FROM record WHERE authorization IS NOT NULL
  UNION SELECT kind || ' ' || id, person FROM repeated
) ORDER BY key, person
"""
_PEOPLE = """
CREATE TABLE person (person TEXT PRIMARY KEY, head, size INTEGER, peer, first INTEGER, numbers, chunk)
  WITHOUT ROWID;
INSERT INTO person SELECT person, person, count(*), max(peer), min(number), json_group_array(number), 0
  FROM record GROUP BY person;
CREATE VIEW member AS SELECT chunk, value AS number FROM person, json_each(numbers);
"""
# The plan entries that records of a group name and that belong to others.
_FOREIGN = """
CREATE TABLE foreign_entry (chunk INTEGER, number INTEGER, PRIMARY KEY (chunk, number)) WITHOUT ROWID;
INSERT OR IGNORE INTO foreign_entry SELECT person.chunk, entry.number
  FROM (SELECT DISTINCT entry, person FROM record WHERE entry IS NOT NULL) AS own
  CROSS JOIN record AS entry ON entry.id = own.entry AND entry.person <> own.person
  JOIN person ON person.person = own.person JOIN person AS other ON other.person = entry.person
  WHERE entry.kind = 'plan-entry' AND entry.counts AND other.chunk <> person.chunk;
"""
_LOOKUPS = """
CREATE INDEX person_chunk ON person (chunk);
CREATE INDEX record_session ON record (session) WHERE session IS NOT NULL;
CREATE INDEX record_entry ON record (id) WHERE kind = 'plan-entry';
CREATE INDEX meeting_person ON meeting (person);
"""


class Index:
    """The index in a file. `fill` each block in order, then `settle`, then `plan` once; after that it is only
    read."""

    def __init__(
        self, path: Path, durable: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._settled_at = clock, clock()
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        self.db.execute("PRAGMA cache_size = -16000")
        begin(self.db, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def state(self, key: str) -> int:
        """How far something is: 0 where nobody said so."""
        found = self.db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return int(found[0]) if found else 0

    def _say(self, key: str, value: int) -> None:
        self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def know(self, rows: Rows) -> None:
        """Keep what is known beside the input."""
        with self.transaction():
            self._keep(rows)
            self._say("known", 1)

    def fill(self, rows: Rows, source: int, lines: int) -> None:
        """Keep what one block of a source gives, and together with it that it is done; `lines` is how many
        lines of its source came before it. The blocks of a second go onto the disk together."""
        if not self.db.in_transaction:
            self.db.execute("BEGIN")
        try:
            self._fill(rows, source, lines)
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        if self._clock() >= self._settled_at + SETTLE_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Put on the disk what was filled in since the last time."""
        if self.db.in_transaction:
            self.db.execute("COMMIT")
        self._settled_at = self._clock()

    def _fill(self, rows: Rows, source: int, lines: int) -> None:
        self._keep(rows)
        told = [(b.number, b.refusal, b.text) for b in rows.refused]
        self._insert(
            "refused", [(n, r.file, lines + r.line, r.field, r.problem, r.form, t) for n, r, t in told]
        )
        self._say("blocks", self.state("blocks") + 1)
        self._say("source", source)
        self._say("lines", lines + rows.lines)

    def _keep(self, rows: Rows) -> None:
        self._insert("record (" + COLUMNS + ")", rows.records)
        self._insert("meeting", rows.meetings)
        self._insert("office", rows.office)
        self._insert("known", rows.known)
        self._insert("earlier", rows.earlier)

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            # Of staff, programmes and authorizations of one id the last is meant, as everywhere.
            statement = f"INSERT OR REPLACE INTO {table} VALUES ({marks})"  # noqa: S608 - names of our own
            self.db.executemany(statement, rows)

    def transaction(self) -> _Transaction:
        """What is done in this block is done whole or not at all."""
        return _Transaction(self.db)

    def plan(self) -> None:
        """Put everything in order: which records count, who is judged with whom, what lies beside what."""
        if self.state("planned"):
            return
        with self.transaction():
            for statement in (_REPEATED + _COUNTS).split(";\n"):
                self.db.execute(statement)
            self._gather()
            self._overlaps()
            self._acquaintances()
            self._staff_names()
            find_copies(self.db)
            for statement in (_LOOKUPS + _FOREIGN).split(";\n"):
                self.db.execute(statement)
            self._say("planned", 1)

    def _gather(self) -> None:
        """Who is judged together: all records of one person, and persons who share an id or authorization."""
        for statement in _PEOPLE.split(";\n"):
            self.db.execute(statement)
        merged = _merged(self.db.execute(_TOGETHER))
        self.db.executemany(
            "UPDATE person SET head = ? WHERE person = ?", ((head, one) for one, head in merged.items())
        )
        self.db.execute("DROP TABLE repeated")
        self.db.execute("CREATE TEMP TABLE grouped (head TEXT PRIMARY KEY, chunk) WITHOUT ROWID")
        # People of one peer come one after another: what stands around them is much the same.
        heads = self.db.execute(
            "SELECT head, sum(size) FROM person GROUP BY head ORDER BY max(peer), min(first)"
        )
        self.db.executemany("INSERT INTO grouped VALUES (?, ?)", _chunked(heads))
        self.db.execute(
            "UPDATE person SET chunk = (SELECT chunk FROM grouped WHERE grouped.head = person.head)"
        )
        self.db.execute("DROP TABLE grouped")
        last = self.db.execute("SELECT max(chunk) FROM person").fetchone()[0]
        self._say("chunks", 0 if last is None else last + 1)

    def _overlaps(self) -> None:
        self.db.execute("CREATE TABLE overlap (number INTEGER PRIMARY KEY, other INTEGER)")
        rows = self.db.execute(
            "SELECT peer, began, ended, session, person, number FROM record WHERE counts AND happened "
            "AND ended - began >= ? AND peer IS NOT NULL ORDER BY peer, began, number",
            (_MINUTE,),
        )
        # Who lies beside several is put down with the first.
        self.db.executemany("INSERT OR IGNORE INTO overlap VALUES (?, ?)", _lying_together(rows))

    def _acquaintances(self) -> None:
        """Whom each peer meets, and knows by name: the last name said of each person counts."""
        self.db.execute("CREATE TABLE acquainted (peer, part, first, person)")
        self.db.execute(
            "CREATE TABLE acquaintance (peer, person, name, PRIMARY KEY (peer, person)) WITHOUT ROWID"
        )
        rows = self.db.execute(
            "SELECT peer, person, name, "
            "max(CASE WHEN counts AND happened AND name IS NOT NULL THEN number END) "
            "FROM record WHERE peer IS NOT NULL GROUP BY peer, person"
        )
        while some := rows.fetchmany(5000):
            told = [
                (peer, one, name if last is not None and named(name) else None)
                for peer, one, name, last in some
            ]
            self.db.executemany("INSERT INTO acquaintance VALUES (?, ?, ?)", told)
            parts = [part for peer, one, name in told if name for part in _parts(peer, one, name)]
            self.db.executemany("INSERT INTO acquainted VALUES (?, ?, ?, ?)", parts)
        self.db.execute("CREATE INDEX acquainted_part ON acquainted (peer, part, first, person)")

    def _staff_names(self) -> None:
        self.db.execute("CREATE TABLE colleague (name TEXT PRIMARY KEY) WITHOUT ROWID")
        self.db.execute(
            "INSERT INTO colleague SELECT DISTINCT peer_name FROM record "
            "WHERE counts AND happened AND peer_name IS NOT NULL"
        )
        own = self.db.execute(
            "SELECT DISTINCT office.line FROM known JOIN office USING (number) WHERE known.kind = 'staff'"
        )
        self.db.executemany("INSERT OR IGNORE INTO colleague VALUES (?)", ((n,) for n in _named_in(own)))

    def refusals(self) -> Iterator[tuple[str, int, str, str, str, bytes]]:
        """File, line, field, problem, form and text of each refused line, in order."""
        yield from self.db.execute(
            "SELECT file, line, field, problem, form, text FROM refused ORDER BY number"
        )

    def count_of(self, chunk: int) -> int:
        """How many contacts and plan entries the groups from this one on have."""
        found = self.db.execute("SELECT sum(size) FROM person WHERE chunk >= ?", (chunk,)).fetchone()[0]
        return found or 0

    def refused(self) -> int:
        """How many lines were refused."""
        return int(self.db.execute("SELECT count(*) FROM refused").fetchone()[0])


def begin(db: sqlite3.Connection, schema: str) -> None:
    """Make the tables, all or none of them, where there are none yet."""
    # A file that stands there may be that of a run that was killed before it had any table.
    if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        db.executescript(f"BEGIN;{schema}COMMIT;")


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.db.execute("ROLLBACK" if kind is not None else "COMMIT")


def named(name: str) -> bool:
    """Whether a name kept as JSON names anybody."""
    given, family = json.loads(name)
    return bool(given or family)


# The name of one person stands among those of every session the person came to.
@lru_cache(maxsize=4096)
def spoken(name: str) -> Name:
    """The name that was kept as JSON."""
    given, family = json.loads(name)
    return as_far_as_known(Name, given=tuple(given), family=family)


def _parts(peer: str, person: str, name: str) -> Iterator[tuple[str, str, int, str]]:
    for known in names_of([(person, spoken(name))]):
        yield from ((peer, part, 1, person) for part in known.firsts)
        yield from ((peer, part, 0, person) for part in known.lasts)


def _named_in(lines: Iterable[tuple[bytes]]) -> Iterator[str]:
    from mappings.intake import read_again
    from mappings.records import Staff

    for (line,) in lines:
        record = read_again(line)
        if isinstance(record, Staff) and record.name is not None:
            yield name_of(record.name) or ""


def _merged(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By each person who is judged with others one of them, the same for all."""
    head: dict[str, str] = {}

    def top(one: str) -> str:
        while head.get(one, one) != one:
            head[one] = head.get(head[one], head[one])
            one = head[one]
        return one

    last: tuple[str, str] | None = None
    for pair in pairs:
        if last is not None and last[0] == pair[0]:
            head[top(pair[1])] = top(last[1])
        last = pair
    return {one: top(one) for one in list(head)}


def _chunked(heads: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    chunk, filled = 0, 0
    for head, size in heads:
        if filled and filled + size > CHUNK:
            chunk, filled = chunk + 1, 0
        filled += size
        yield head, chunk


def _lying_together(rows: Iterable[AtTime[int]]) -> Iterator[tuple[int, int]]:
    """Contacts of one peer at the same time, as numbers, with others that lie beside them: the first of them
    first."""
    found: dict[int, int] = {}
    for one, other in overlapping(rows):
        found.setdefault(one, other)
        found.setdefault(other, one)
        if len(found) > _MOST_HELD:
            yield from found.items()
            found.clear()
    yield from found.items()
