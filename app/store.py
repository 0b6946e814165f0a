"""The database door: one transaction a block, full durability, one fair line of writers."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from app.settings import Settings

# SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when two connections write and checkpoint at once.
SAFE_WAL = (3, 51, 3)
BUSY_MILLISECONDS = 30_000
_WRITES = "peerchart_writes"


class FairLock:
    """A lock that serves threads in the order of their coming; not to be taken twice by one thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._holder: int | None = None

    def __enter__(self) -> FairLock:
        turn: threading.Lock | None = None
        with self._guard:
            if self._holder == threading.get_ident():
                raise RuntimeError("A write transaction is already open in this thread; pass its session on.")
            if self._holder is None:
                self._holder = threading.get_ident()
            else:
                turn = threading.Lock()
                turn.acquire()
                self._waiting.append(turn)
        if turn is not None:
            self._wait(turn)
            self._holder = threading.get_ident()
        return self

    def _wait(self, turn: threading.Lock) -> None:
        try:
            turn.acquire()
        except BaseException:  # interrupted while in line: leave it, or pass on a turn that just came
            with self._guard:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    raise
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            if self._waiting:
                self._holder = -1  # handed over, not free: nobody may slip in before the next in line
                self._waiting.popleft().release()
            else:
                self._holder = None


class Store:
    """One open database. Threads may share it; each block is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = engine.execution_options(**{_WRITES: False})
        self._writer = engine.execution_options(**{_WRITES: True})
        self._line = FairLock()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writing transaction: committed when the block ends, rolled back when it raises."""
        with self._line, Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One writing transaction below the level of records, for the migrations."""
        with self._line, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One reading transaction: everything in it is of one moment; it cannot write."""
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(settings: Settings) -> Store:
    """The store of this installation; makes `data_dir` when it is not there. The schema is brought up by
    `app.migrations.upgrade`. Raises ValueError for a database other than a SQLite file."""
    return Store(open_engine(settings.database))


def open_engine(url: str) -> Engine:
    """An engine with durability asserted on every connection; raises ValueError as `open_store` does."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        raise ValueError(
            f"The database {address.render_as_string()} cannot be used. "
            "Set PEERCHART_DATABASE_URL to a SQLite file, such as sqlite:////var/lib/peerchart/peerchart.sqlite3."
        )
    file = Path(str(address.database))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite would make it readable by all; its journals take over the mode of the file.
    file.touch(mode=0o600)
    engine = create_engine(address, module=sqlite_module(), pool_size=20, max_overflow=40)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def sqlite_module() -> ModuleType:
    """The newest SQLite at hand: the pysqlite3 wheel where it can be imported, else Python's own."""
    try:
        import pysqlite3.dbapi2 as newest
    except ImportError:
        return sqlite3
    return newest  # type: ignore[no-any-return]


def journal_mode(version: tuple[int, ...]) -> str:
    """WAL where this SQLite is free of the WAL-reset bug, else the slower rollback journal."""
    return "WAL" if version >= SAFE_WAL else "DELETE"


def _prepare(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: _begin says which kind it is to be.
    connection.isolation_level = None
    mode = journal_mode(sqlite_module().sqlite_version_info)
    _pragma(connection, f"busy_timeout={BUSY_MILLISECONDS}")
    _pragma(connection, f"journal_mode={mode}")
    _pragma(connection, "synchronous=FULL")
    _pragma(connection, "foreign_keys=ON")
    for name, wanted in (("synchronous", 2), ("foreign_keys", 1), ("journal_mode", mode.lower())):
        if (found := _pragma(connection, name)) != wanted:
            raise RuntimeError(f"SQLite did not take {name}={wanted} but stayed at {found}.")


def _pragma(connection: Any, text: str) -> object:
    cursor = connection.cursor()
    try:
        row = cursor.execute(f"PRAGMA {text}").fetchone()
        return row[0] if row else None
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql(f"PRAGMA query_only={0 if writes else 1}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
