"""Statements made ready once: their text for the driver, and how their values and columns are converted.

SQLAlchemy works out anew with each execution what a statement of ours is, and that costs several times what
SQLite takes to answer it. What a statement says does not change: it is compiled once, and after that only
its values go to the driver.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Executable, Select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


class FoundRows(NamedTuple):
    """What a statement found: its rows, whose columns go by their names, and how many it changed."""

    kept: Sequence[tuple[Any, ...]]
    make: Callable[[tuple[Any, ...]], Any]
    rowcount: int

    def first(self) -> Any:
        """The first row, None where there is none."""
        return self.make(self.kept[0]) if self.kept else None

    def all(self) -> list[Any]:
        """Every row."""
        return [self.make(row) for row in self.kept]

    def scalar(self) -> Any:
        """The first column of the first row, None where there is none."""
        return self.make(self.kept[0])[0] if self.kept else None


@dataclass(frozen=True)
class _Ready:
    text: str
    values: tuple[tuple[str, Convert | None], ...]
    fixed: Mapping[str, Any]
    make: Callable[[tuple[Any, ...]], Any]


def ask(below: Connection, driver: Any, statement: Executable, values: Mapping[str, Any]) -> FoundRows:
    """What the statement finds or changes with these values in the transaction of `below`, whose connection
    of the driver is `driver`. The statement is one that a module keeps: it is remembered as long as the
    process runs. Raises what SQLAlchemy raises."""
    ready = _ready(statement, tuple(values), below.dialect)
    said = {**ready.fixed, **values} if ready.fixed else values
    given = [said[name] if to is None else to(said[name]) for name, to in ready.values]
    try:
        cursor = driver.execute(ready.text, given)
        return FoundRows(cursor.fetchall(), ready.make, cursor.rowcount)
    except below.dialect.loaded_dbapi.Error:
        # What failed has changed nothing; asked the long way it fails with the error that everybody knows.
        below.execute(statement, dict(values))
        raise


def _ready(statement: Executable, names: tuple[str, ...], dialect: Dialect) -> _Ready:
    # Whichever connection asked first: all are of SQLite by one driver, and each of their engines has a
    # dialect of its own.
    found = _MADE.get((statement, names))
    if found is None:
        found = _MADE[statement, names] = _compiled(statement, names, dialect)
    return found


_MADE: dict[tuple[Executable, tuple[str, ...]], _Ready] = {}


def _compiled(statement: Executable, names: tuple[str, ...], dialect: Dialect) -> _Ready:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))  # type: ignore[attr-defined]  # of every statement that is no text
    _require_plain(compiled, names)
    order = compiled.positiontup or []
    binds = compiled.binds
    return _Ready(
        compiled.string,
        tuple((name, _to(binds[name].type, dialect)) for name in order),
        {name: compiled.params[name] for name in order if name not in names},
        _maker(getattr(statement, "selected_columns", ()), dialect),
    )


def make_ready(dialect: Dialect) -> None:
    """Compile the questions that the modules of the application keep, so that the first to ask them need not
    wait for that: a process that has just begun would take twice as long over its first launches."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("app.")]
    kept = [each for module in modules for each in vars(module).values() if isinstance(each, Select)]
    for statement in dict.fromkeys(kept):
        compiled = statement.compile(dialect=dialect)
        asked_for = [name for name in compiled.positiontup or () if compiled.binds[name].required]
        _ready(statement, tuple(dict.fromkeys(asked_for)), dialect)


def _require_plain(compiled: SQLCompiler, names: tuple[str, ...]) -> None:
    if compiled.insert_prefetch or compiled.update_prefetch or compiled.post_compile_params:
        raise ValueError(f"This statement is not the same each time: {compiled.string[:200]}")
    missing = [name for name, bind in compiled.binds.items() if bind.required and name not in names]
    if missing:
        raise ValueError(f"This statement was given no value for {', '.join(missing)}.")


def _to(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _from(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


def _maker(columns: Iterable[Any], dialect: Dialect) -> Callable[[tuple[Any, ...]], Any]:
    listed = list(columns)
    names = [column.key or f"column{at}" for at, column in enumerate(listed)]
    row = namedtuple("row", names)  # type: ignore[misc]  # named by the statement
    converts = [(at, to) for at, one in enumerate(listed) if (to := _from(one.type, dialect)) is not None]

    def make(kept: tuple[Any, ...]) -> Any:
        found = list(kept)
        for at, to in converts:
            found[at] = to(found[at])
        return row._make(found)

    return make
