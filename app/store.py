"""The database door: one transaction a block, full durability, one fair line of writers."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, Executable, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from app.on_disk import OnDisk, Waiting
from app.ready_sql import FoundRows, ask
from app.settings import Settings

# SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when two connections write and checkpoint at once.
SAFE_WAL = (3, 51, 3)
BUSY_MILLISECONDS = 30_000
_STILL, _BELOW = "peerchart_still", "peerchart_below"
_NOTHING = (None, None)
_LEVELS = {"NORMAL": 1, "FULL": 2}
# Connections are opened once and kept: each costs as much as a page.
_KEPT_OPEN, _MORE = 60, 40

Found = TypeVar("Found")


class FairLock:
    """A lock that serves threads in the order of their coming; not to be taken twice by one thread. `waiting`
    makes a context that is held while a thread stands in line."""

    def __init__(self, waiting: Waiting = nullcontext) -> None:
        self._waiting_so = waiting
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
            with self._waiting_so():
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


class _Moment(threading.local):
    """What the reading blocks of one thread share while it stands still."""

    stands = False
    passed = False  # the thread has written: what was read is of before
    inside = 0
    session: Session | None = None

    def pass_by(self) -> None:
        self.passed = self.session is not None
        if not self.inside:
            self.end()

    def end(self) -> None:
        if self.session is not None:
            self.session.close()
        self.session, self.passed, self.inside = None, False, 0


def once(session: Session, key: tuple[object, ...], find: Callable[[], Found]) -> Found:
    """What `find` finds, asked once in a reading transaction, in which nothing changes, and each time in a
    writing one."""
    kept: dict[tuple[object, ...], Found] | None = session.info.get(_STILL)
    if kept is None:
        return find()
    if key not in kept:
        kept[key] = find()
    return kept[key]


def rows(session: Session, statement: Executable, **values: object) -> FoundRows:
    """What a statement that was made beforehand finds with these values, by its columns. What the session
    holds is written first. A record is for what will be changed: to make one, and to make the statement anew
    each time, costs many times as much as to ask."""
    if session.autoflush:  # one that only reads holds nothing that is to be written
        session.flush()
    below, driver = session.info.get(_BELOW, _NOTHING)
    if below is None or not below.in_transaction():
        below = session.connection()
        driver = below.connection.dbapi_connection
        session.info[_BELOW] = below, driver
    return ask(below, driver, statement, values)


class _Upon(Session):
    """A session upon a transaction that is open already: one that only asks by `rows` has none of its own to
    begin and to end, which costs as much as what is asked."""

    def __init__(self, below: Connection, **more: Any) -> None:
        super().__init__(below, expire_on_commit=False, **more)
        self.info[_BELOW] = below, below.connection.dbapi_connection

    def close(self) -> None:
        """Forget what it holds; most hold nothing, and to see to that costs as much as to ask."""
        if self.in_transaction() or self.identity_map or self.new:
            super().close()


class _Kind:
    """The transactions of one kind, with open connections of their own, each kept from one to the next: to go
    through SQLAlchemy's pool costs many times as much as to begin and to end. What SQLite was told of its
    kind stands as long as the connection, for to tell it otherwise would make it read all statements anew."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._free = engine, deque[Connection]()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        below = self.begin()
        try:
            yield below
            below.commit()
        except BaseException:
            self._undo(below)
            raise
        self._keep(below)

    def begin(self) -> Connection:
        """A connection on which a transaction has begun; to be ended."""
        try:
            below = self._free.pop()
        except IndexError:
            below = self._engine.connect()
        try:
            below.begin()
        except BaseException:  # nobody knows how it stands
            below.close()
            raise
        return below

    def end(self, below: Connection) -> None:
        """End the transaction without committing it, and keep the connection for the next."""
        try:
            below.rollback()
        except BaseException:
            self._undo(below)
            raise
        self._keep(below)

    def _undo(self, below: Connection) -> None:
        # By the driver: of a commit that failed SQLAlchemy thinks that it has ended the transaction.
        try:
            below.connection.rollback()
        finally:
            below.close()

    def _keep(self, below: Connection) -> None:
        if len(self._free) < _KEPT_OPEN:
            self._free.append(below)
        else:
            below.close()

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._free:
            self._free.pop().close()
        self._engine.dispose()


class _Reading(_Upon):
    """One whose transaction ends when it is closed."""

    def __init__(self, kind: _Kind) -> None:
        super().__init__(kind.begin(), autoflush=False, info={_STILL: {}})
        self._kind = kind

    def close(self) -> None:
        """End the transaction; only the first time."""
        super().close()
        below, _ = self.info.pop(_BELOW, _NOTHING)
        if below is not None:
            self._kind.end(below)


class Store:
    """One open database. Threads may share it; each block is a transaction of its own."""

    def __init__(self, engine: Engine, waiting: Waiting = nullcontext) -> None:
        self.engine = engine
        self._reading = _Kind(_engine(engine.url, writes=False))
        self._lasting = _Kind(engine)
        self._passing = _Kind(_engine(engine.url, lasting=False))
        self._line = FairLock(waiting)
        journal = Path(f"{engine.url.database}-wal") if _by_wal() else None
        self._disk = OnDisk(journal, waiting) if journal else None
        self._moment = _Moment()

    @contextmanager
    def write(self, *, lasting: bool = True, together: bool = False) -> Iterator[Session]:
        """One writing transaction: committed when the block ends, rolled back when it raises. What need not
        outlive a failing machine is not waited for until the disk has it: it is there for everybody at once,
        and on the disk with the next that is `lasting`. What many write at the same time is waited for
        `together`: others may see it a moment before it is on the disk, but the block ends only then, and
        meanwhile the next may write. Nothing that goes out to another system may be read in that moment."""
        disk = self._disk if together else None
        kind = self._lasting if lasting and disk is None else self._passing
        try:
            with self._line, kind.transaction() as below, _Upon(below) as session:
                yield session
                if session.in_transaction():
                    session.commit()
            if disk is not None:
                disk.reached()
        finally:
            self._moment.pass_by()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One writing transaction below the level of records, for the migrations."""
        with self._line, self._lasting.transaction() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One reading transaction: everything in it is of one moment; it cannot write. Between `stand_still`
        and `move_on` the blocks of a thread share one."""
        moment = self._moment
        if not moment.stands or (moment.passed and moment.inside):
            with _Reading(self._reading) as session:
                yield session
            return
        if moment.session is None:
            moment.session, moment.passed = _Reading(self._reading), False
        moment.inside += 1
        try:
            yield moment.session
        finally:
            moment.inside -= 1
            if moment.passed and not moment.inside:
                moment.end()

    def stand_still(self) -> None:
        """From now on the reading blocks of this thread are of one moment, until it writes or moves on: a
        page asks many things, and each transaction costs as much as what is asked in it."""
        self._moment.stands = True

    def move_on(self) -> None:
        """End what `stand_still` began; nothing happens where it was not begun."""
        self._moment.end()
        self._moment.stands = False

    def close(self) -> None:
        """Close all connections."""
        for kind in (self._reading, self._lasting, self._passing):
            kind.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(settings: Settings, waiting: Waiting = nullcontext) -> Store:
    """The store of this installation; makes `data_dir` when it is not there. The schema is brought up by
    `app.migrations.upgrade`. `waiting` makes a context that is held while a thread waits for the disk or for
    others that write. Raises ValueError for a database other than a SQLite file."""
    return Store(open_engine(settings.database), waiting)


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
    return _engine(address)


def _engine(address: URL, *, writes: bool = True, lasting: bool = True) -> Engine:
    """An engine whose connections are for one kind of transaction."""
    engine = create_engine(
        address, module=sqlite_module(), pool_size=_KEPT_OPEN, max_overflow=_MORE, pool_use_lifo=True
    )
    # Less than FULL is sound in WAL alone: elsewhere a failing machine could leave a broken file.
    level = "FULL" if lasting or not _by_wal() else "NORMAL"
    event.listen(engine, "connect", lambda connection, _: _prepare(connection, level, writes))
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine, "begin", lambda below: below.connection.dbapi_connection.execute(begin))
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


def _by_wal() -> bool:
    return journal_mode(sqlite_module().sqlite_version_info) == "WAL"


def _prepare(connection: Any, synchronous: str, writes: bool) -> None:
    # The driver must not open transactions by itself: the engine says which kind it is to be.
    connection.isolation_level = None
    mode = journal_mode(sqlite_module().sqlite_version_info)
    _pragma(connection, f"busy_timeout={BUSY_MILLISECONDS}")
    _pragma(connection, f"journal_mode={mode}")
    _pragma(connection, f"synchronous={synchronous}")
    _pragma(connection, "foreign_keys=ON")
    _pragma(connection, f"query_only={'OFF' if writes else 'ON'}")
    wanted = {"journal_mode": mode.lower(), "foreign_keys": 1, "query_only": int(not writes)}
    for name, each in {**wanted, "synchronous": _LEVELS[synchronous]}.items():
        if (found := _pragma(connection, name)) != each:
            raise RuntimeError(f"SQLite did not take {name}={each} but stayed at {found}.")


def _pragma(connection: Any, text: str) -> object:
    cursor = connection.cursor()
    try:
        row = cursor.execute(f"PRAGMA {text}").fetchone()
        return row[0] if row else None
    finally:
        cursor.close()
