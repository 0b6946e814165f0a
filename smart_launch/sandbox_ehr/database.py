"""The one SQLite file of the sandbox EHR: its tables, and one fair lock around one connection.

pysqlite3 is taken where it is installed: it brings a current SQLite. The journal is the rollback journal,
so the WAL-reset bug of older versions cannot strike, and every commit is synced to the disk.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite  # the same interface, from Python itself

IntegrityError: type[Exception] = sqlite.IntegrityError

_TABLES = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS resource (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  born INTEGER NOT NULL, updated TEXT NOT NULL, deleted INTEGER NOT NULL, latest INTEGER NOT NULL,
  body BLOB NOT NULL, UNIQUE (type, id, version));
CREATE INDEX IF NOT EXISTS resource_latest ON resource (type, born) WHERE latest = 1;
CREATE INDEX IF NOT EXISTS resource_latest_id ON resource (type, id) WHERE latest = 1;
CREATE TABLE IF NOT EXISTS search_row (
  type TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, system TEXT NOT NULL, value TEXT NOT NULL,
  low TEXT NOT NULL, high TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS search_by_value ON search_row (type, name, value);
CREATE INDEX IF NOT EXISTS search_by_resource ON search_row (type, id);
CREATE TABLE IF NOT EXISTS launch (
  token TEXT PRIMARY KEY, client_id TEXT NOT NULL, user TEXT NOT NULL, context TEXT NOT NULL,
  expires REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS code (
  code TEXT PRIMARY KEY, family TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
  scope TEXT NOT NULL, user TEXT NOT NULL, context TEXT NOT NULL, nonce TEXT,
  code_challenge TEXT NOT NULL, auth_time INTEGER NOT NULL, expires REAL NOT NULL,
  used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS token (
  token TEXT PRIMARY KEY, kind TEXT NOT NULL, family TEXT NOT NULL, client_id TEXT NOT NULL,
  scope TEXT NOT NULL, user TEXT, context TEXT NOT NULL, issued REAL NOT NULL,
  expires REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS token_family ON token (family);
CREATE TABLE IF NOT EXISTS assertion (
  client_id TEXT NOT NULL, jti TEXT NOT NULL, expires REAL NOT NULL, PRIMARY KEY (client_id, jti));
CREATE TABLE IF NOT EXISTS app_state (
  id TEXT PRIMARY KEY, version TEXT NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL,
  deleted INTEGER NOT NULL, body TEXT NOT NULL);
"""


class Database:
    """One connection behind one lock; whoever holds the lock holds the only transaction."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite.Row
        self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield the connection inside a transaction: committed at the end, rolled back on any error.

        A transaction within a transaction of the same thread joins it.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def setting(self, name: str, default: str) -> str:
        """Return a stored setting, storing `default` when there is none yet."""
        with self.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO setting VALUES (?, ?)", (name, default))
            row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
            return str(row["value"])

    def store_setting(self, name: str, value: str) -> None:
        """Store a setting in place of the one before."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
