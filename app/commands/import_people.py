"""NDJSON of Bundles of any size, read person by person: a first pass finds what belongs together."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mappings.fhir.loose import local, text_of
from smart_launch.strict_json import UnreadableJson, loads_object

Json = Mapping[str, Any]
# Staff and programmes stand in the Bundles of many people: each is read once, from the first that says so.
SHARED = ("Practitioner", "PractitionerRole", "Organization")
# Two people who share one of these are read together.
_JOINING = ("Patient", "Encounter", "DocumentReference", "ServiceRequest", "CarePlan")
_TYPES = ("transaction", "batch", "collection")
_METHODS = (None, "POST", "PUT")
_BOM = b"\xef\xbb\xbf"
_SCHEMA = """
CREATE TABLE line (at INTEGER PRIMARY KEY, file, start, length, number, head);
CREATE TABLE defined (key TEXT PRIMARY KEY, person) WITHOUT ROWID;
CREATE TABLE wanted (key, person);
CREATE TABLE shared (digest PRIMARY KEY, at) WITHOUT ROWID;
"""
_BY_HEAD = """
SELECT line.head, line.at, line.file, line.start, line.length, line.number FROM line
  JOIN (SELECT head, min(at) AS first FROM line GROUP BY head) USING (head) ORDER BY first, at
"""
_EXEMPLARS = """
SELECT at, file, start, length, number FROM line
  WHERE head IN (SELECT line.head FROM line JOIN shared USING (at)) ORDER BY at
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: its place among all lines, its number in its file, counted from 1, and its bytes."""

    at: int
    file: Path
    number: int
    data: bytes


class Parted:
    """The lines of the files, by the people they are about."""

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._db = sqlite3.connect(folder / "lines.sqlite", isolation_level=None)
        self._db.executescript(f"PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; {_SCHEMA}")

    def close(self) -> None:
        """Close the file of the first pass."""
        self._db.close()

    def find(self) -> bool:
        """The first pass; False where a line is anything but a Bundle that nothing outside can refer to by
        address, so that all must be read together, or a file has none."""
        joined: dict[str, str] = {}
        filled: set[int] = set()
        self._db.execute("BEGIN")
        for at, (file, start, number, data) in enumerate(self._lines()):
            bundle = _closed(data)
            if bundle is None:
                return False
            filled.add(file)
            resources = [each["resource"] for each in bundle["entry"]]
            head = self._learn(at, resources, [each["fullUrl"] for each in bundle["entry"]], joined)
            row = (at, file, start, len(data), number, head)
            self._db.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", row)
        asked = "SELECT wanted.person, defined.person FROM wanted JOIN defined USING (key)"
        for one, other in self._db.execute(asked):
            _join(joined, one, other)
        self._db.execute("CREATE INDEX line_head ON line (head)")
        merged = [(_top(joined, one), one) for one in list(joined)]
        self._db.executemany("UPDATE line SET head = ? WHERE head = ?", merged)
        self._db.execute("COMMIT")
        return len(filled) == len(self._files)

    def people(self) -> Iterator[list[Line]]:
        """The lines about each person, or about people who must be read together."""
        for _, rows in groupby(self._db.execute(_BY_HEAD), key=lambda row: row[0]):
            yield [self._read(*row[1:]) for row in rows]

    def exemplars(self) -> list[Line]:
        """The lines about so many people that every staff member and programme is among them, as often as it
        is said in another way."""
        return [self._read(*row) for row in self._db.execute(_EXEMPLARS).fetchall()]

    def _lines(self) -> Iterator[tuple[int, int, int, bytes]]:
        for place, file in enumerate(self._files):
            start = 0
            with file.open("rb") as stream:
                for number, data in enumerate(stream, start=1):
                    if data.strip():
                        yield place, start, number, data
                    start += len(data)

    def _read(self, at: int, file: int, start: int, length: int, number: int) -> Line:
        with self._files[file].open("rb") as stream:
            stream.seek(start)
            return Line(at, self._files[file], number, stream.read(length).removeprefix(_BOM))

    def _learn(self, at: int, resources: Sequence[Json], urls: Sequence[str], joined: dict[str, str]) -> str:
        """Keeps what a Bundle says of its people, and says whom it is about."""
        own = [(str(each["resourceType"]), key) for each in resources for key in _own(each)]
        person = next((key for kind, key in own if kind == "Patient"), f"line {at}")
        for kind, key in own:
            self._db.execute("INSERT OR IGNORE INTO defined VALUES (?, ?)", (key, person))
            if kind in _JOINING:
                asked = self._db.execute("SELECT person FROM defined WHERE key = ?", (key,))
                _join(joined, asked.fetchone()[0], person)
        inside = {key for _, key in own}
        outside = {key for each in resources for key in _named(each, set(urls))} - inside
        self._db.executemany("INSERT INTO wanted VALUES (?, ?)", ((key, person) for key in outside))
        told = [(_digest(each), at) for each in resources if each["resourceType"] in SHARED]
        self._db.executemany("INSERT OR IGNORE INTO shared VALUES (?, ?)", told)
        return person


def _closed(data: bytes) -> dict[str, Any] | None:
    """The Bundle of a line, where each resource has a urn as its only address; else None."""
    try:
        bundle = loads_object(data.removeprefix(_BOM).strip())
    except UnreadableJson:
        return None
    entries = bundle.get("entry")
    whole = bundle.get("resourceType") == "Bundle" and bundle.get("type") in _TYPES
    if not whole or bundle.get("link") or not isinstance(entries, list):
        return None
    return bundle if all(isinstance(each, dict) and _by_urn(each) for each in entries) else None


def _by_urn(entry: Json) -> bool:
    resource, request = entry.get("resource"), entry.get("request", {})
    if not isinstance(resource, dict) or not isinstance(request, dict) or "id" in resource:
        return False
    kind = resource.get("resourceType")
    known = isinstance(kind, str) and kind != "Bundle" and request.get("method") in _METHODS
    return known and str(entry.get("fullUrl")).startswith("urn:")


def _own(resource: Json) -> Iterator[str]:
    """The identifiers of a resource, each with its type."""
    listed = resource.get("identifier")
    for each in listed if isinstance(listed, list) else [listed]:
        if isinstance(each, dict) and isinstance(each.get("value"), str) and each["value"].strip():
            yield _key(str(resource["resourceType"]), each, each["value"])


def _named(value: object, urls: set[str]) -> Iterator[str]:
    """The identifiers by which something refers to what has no address in its own Bundle."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each, urls)
    elif isinstance(value, dict):
        who, literal = value.get("identifier"), value.get("reference")
        if isinstance(who, dict) and not (isinstance(literal, str) and literal in urls):
            address = literal if isinstance(literal, str) else None
            kind = text_of(value.get("type")) or (local(text_of(address)) or "").split("/")[0]
            yield _key(kind, who, text_of(who.get("value")) or "")
        for each in value.values():
            yield from _named(each, urls)


def _key(kind: str, identifier: Json, value: str) -> str:
    return json.dumps([kind, text_of(identifier.get("system")) or "", value])


def _digest(resource: Json) -> bytes:
    content = {name: each for name, each in resource.items() if name != "meta"}
    return hashlib.blake2b(json.dumps(content, default=str, sort_keys=True).encode(), digest_size=16).digest()


def _join(joined: dict[str, str], one: str, other: str) -> None:
    one, other = _top(joined, one), _top(joined, other)
    if one != other:
        joined[other] = one


def _top(joined: Mapping[str, str], one: str) -> str:
    while one in joined:
        one = joined[one]
    return one
