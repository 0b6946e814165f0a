"""What would change against Bundles sent before: by identifier new, changed, gone or the same."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Literal

import orjson

_WRITTEN_ON = ("Claim", "created")
Way = Literal["new", "changed", "gone", "same"]
Json = Mapping[str, Any]
_SCHEMA = """
CREATE TABLE found (type, identifier, new INTEGER, hash BLOB, file, place INTEGER, entry INTEGER,
  PRIMARY KEY (type, identifier, new, hash)) WITHOUT ROWID
"""


class NoBundle(ValueError):
    """A line that is no Bundle in JSON: which file, which line."""


@dataclass(frozen=True)
class Change:
    """What happens to the resource of one identifier; `paths` are those that differ."""

    type: str
    identifier: str
    way: Way
    paths: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The change as JSON data."""
        return {"type": self.type, "identifier": self.identifier, "way": self.way, "paths": list(self.paths)}


def changes(old: Iterable[Path], new: Iterable[Path], folder: Path) -> Iterator[Change]:
    """Every identifier of both sides in order of type and identifier; the files hold a Bundle a line, and
    what is known of them goes into the folder. Raises NoBundle."""
    with (
        closing(sqlite3.connect(folder / "changes.sqlite", isolation_level=None)) as db,
        ExitStack() as stack,
    ):
        db.execute("PRAGMA synchronous = OFF")
        db.execute(_SCHEMA)
        db.execute("BEGIN")
        for side, paths in enumerate((old, new)):
            for path in paths:
                db.executemany(
                    "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?, ?)", _found(path, side)
                )
        db.execute("COMMIT")
        opened: dict[str, BinaryIO] = {}

        def stream_of(path: str) -> BinaryIO:
            if path not in opened:
                opened[path] = stack.enter_context(Path(path).open("rb"))
            return opened[path]

        rows = db.execute("SELECT * FROM found ORDER BY type, identifier, new, file, place")
        for (type_, identifier), own in groupby(rows, key=lambda row: (row[0], row[1])):
            yield _change(type_, identifier, list(own), stream_of)


def differing(before: Any, after: Any, path: str) -> Iterator[str]:
    """The paths at which two values differ, the deepest that tell."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from differing(before.get(name), after.get(name), f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differing(one, other, f"{path}[{place}]")
    elif before != after:
        yield path


def _change(
    type_: str, identifier: str, rows: list[tuple[Any, ...]], stream_of: Callable[[str], BinaryIO]
) -> Change:
    old, new = [row for row in rows if not row[2]], [row for row in rows if row[2]]
    if not old or not new:
        return Change(type_, identifier, "new" if new else "gone")
    if {row[3] for row in old} == {row[3] for row in new}:
        return Change(type_, identifier, "same")
    # Where one side says several things of one identifier, the last one counts, as in the EHR.
    before, after = (_resource(stream_of(rows[-1][4]), *rows[-1][5:]) for rows in (old, new))
    return Change(type_, identifier, "changed", tuple(differing(before, after, type_)))


def _found(path: Path, side: int) -> Iterator[tuple[Any, ...]]:
    with path.open("rb") as stream:
        line, place = 0, 0
        while text := stream.readline():
            line += 1
            for at, entry in enumerate(_entries(text, path, line) if text.strip() else ()):
                resource = entry["resource"]
                digest = hashlib.blake2b(orjson.dumps(_told(resource), option=orjson.OPT_SORT_KEYS)).digest()
                yield resource["resourceType"], _identifier(entry), side, digest, str(path), place, at
            place = stream.tell()


def _entries(text: bytes, path: Path, line: int) -> list[Json]:
    try:
        entries = orjson.loads(text)["entry"]
        for entry in entries:
            _ = entry["resource"]["resourceType"], _identifier(entry)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise NoBundle(f"{path}:{line}: no Bundle in JSON; give what `peerchart map` wrote before") from None
    return list(entries)


def _identifier(entry: Json) -> str:
    """The resource's first identifier as system and value; what has none goes by its fullUrl."""
    own = entry["resource"].get("identifier")
    first = own[0] if isinstance(own, list) else own
    return f"{first.get('system', '')}|{first['value']}" if first else str(entry["fullUrl"])


def _resource(stream: BinaryIO, place: int, entry: int) -> Any:
    stream.seek(place)
    return _told(orjson.loads(stream.readline())["entry"][entry]["resource"])


def _told(resource: Json) -> Json:
    # The day on which a Claim is written is no change of it.
    return {key: value for key, value in resource.items() if (resource["resourceType"], key) != _WRITTEN_ON}
