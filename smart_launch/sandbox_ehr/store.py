"""Versioned resources: every write is a new version, nothing is overwritten."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from .database import Database
from .dates import instant
from .index import COMPARTMENT, Row, index_rows
from .parameters import PATIENT_ELEMENT
from .references import read_local, references
from .strict_json import read_json, write_json


@dataclass(frozen=True)
class Stored:
    """One version of one resource; `body` is its JSON, `updated` a FHIR instant."""

    type: str
    id: str
    version: int
    updated: str
    deleted: bool
    body: bytes
    born: int
    seq: int

    @property
    def resource(self) -> dict[str, Any]:
        """The resource as a dictionary, decimals kept."""
        found: dict[str, Any] = read_json(self.body)
        return found


@dataclass(frozen=True)
class Clause:
    """One condition on the search index, with its bound values."""

    sql: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class AnyOf:
    """Alternatives: a resource must meet every clause of one of them."""

    alternatives: tuple[tuple[Clause, ...], ...]


@dataclass(frozen=True)
class Window:
    """Which part of a result is wanted: the order, what was already seen, and how many."""

    by: str = "born"
    descending: bool = False
    after: int | None = None
    count: int = 1000


class Store:
    """The resources of one EHR. Several calls are atomic together inside `with database.transaction()`."""

    def __init__(self, database: Database, base: str, zone: tzinfo, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.base = base
        self.zone = zone
        self._clock = clock
        self.page_secret = database.setting("page-secret", secrets.token_hex(32))

    def read(self, resource_type: str, resource_id: str) -> Stored | None:
        """Return the latest version, also when it is a deletion."""
        return self._one("type = ? AND id = ? AND latest = 1", (resource_type, resource_id))

    def version(self, resource_type: str, resource_id: str, version: str) -> Stored | None:
        """Return one version, or None."""
        return self._one("type = ? AND id = ? AND version = ?", (resource_type, resource_id, version))

    def history(self, resource_type: str, resource_id: str) -> list[Stored]:
        """Return every version, the newest first."""
        sql = "SELECT * FROM resource WHERE type = ? AND id = ? ORDER BY version DESC"
        with self.database.transaction() as connection:
            return [_stored(row) for row in connection.execute(sql, (resource_type, resource_id))]

    def write(self, resource: dict[str, Any], resource_id: str) -> Stored:
        """Store a resource as the next version of its id and index it."""
        with self.database.transaction() as connection:
            return self._append(connection, resource["resourceType"], resource_id, resource)

    def delete(self, resource_type: str, resource_id: str) -> Stored:
        """Store a deletion as the next version; the earlier versions stay readable."""
        with self.database.transaction() as connection:
            return self._append(connection, resource_type, resource_id, None)

    def find(self, resource_type: str, clauses: Sequence[Clause | AnyOf], window: Window) -> list[Stored]:
        """Return the live resources that meet every clause, in the order of the window."""
        where, values = _where(resource_type, clauses)
        # The plus sign keeps SQLite from walking the whole type in order instead of looking up the few ids.
        order = f"{'+' if clauses else ''}{window.by} {'DESC' if window.descending else 'ASC'}"
        if window.after is not None:
            where += f" AND {window.by} {'<' if window.descending else '>'} ?"
            values.append(window.after)
        sql = f"SELECT * FROM resource WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608  no value inside
        with self.database.transaction() as connection:
            return [_stored(row) for row in connection.execute(sql, (*values, window.count))]

    def count(self, resource_type: str, clauses: Sequence[Clause | AnyOf]) -> int:
        """Return how many live resources meet every clause."""
        where, values = _where(resource_type, clauses)
        sql = f"SELECT count(*) FROM resource WHERE {where}"  # noqa: S608  bound values only
        with self.database.transaction() as connection:
            return int(connection.execute(sql, values).fetchone()[0])

    def patients_of(self, resource: dict[str, Any]) -> set[str]:
        """Return the ids of the patients in whose record a resource stands.

        A Provenance stands in the records of its targets, an AuditEvent in those of the patients it names.
        """
        resource_type = resource["resourceType"]
        if resource_type == "Patient":
            return {resource["id"]} if "id" in resource else set()
        if resource_type == "Provenance":
            return self._patients_of_targets(resource)
        if resource_type == "AuditEvent":
            return self._patients_named(resource)
        element = resource.get(PATIENT_ELEMENT.get(resource_type, ""), {})
        local = read_local(element.get("reference", ""), self.base)
        return {local.id} if local and local.type == "Patient" else set()

    def matches(self, resource: dict[str, Any], clauses: Sequence[Clause]) -> bool:
        """Say whether a resource, stored or not, meets every clause."""
        stamped = _stamped(resource, resource.get("id", "new"), 1, instant(self._clock()))
        rows = [
            (row.name, row.system, row.value, row.low, row.high)
            for row in index_rows(stamped, self.base, self.zone)
        ]
        held = "WITH search_row (name, system, value, low, high) AS (VALUES {})".format(
            ", ".join(["(?, ?, ?, ?, ?)"] * len(rows))
        )
        met = " AND ".join(f"EXISTS (SELECT 1 FROM search_row WHERE {one.sql})" for one in clauses)  # noqa: S608
        bound = [value for row in rows for value in row] + [value for one in clauses for value in one.values]
        with self.database.transaction() as connection:
            return bool(connection.execute(f"{held} SELECT {met}", bound).fetchone()[0])

    def _patients_of_targets(self, provenance: dict[str, Any]) -> set[str]:
        found: set[str] = set()
        for _, text in references(provenance.get("target", []), "target"):
            local = read_local(text, self.base)
            target = self.read(local.type, local.id) if local else None
            if local and local.type == "Patient":
                found.add(local.id)
            elif target and not target.deleted:
                found |= self.patients_of(target.resource)
        return found

    def _patients_named(self, event: dict[str, Any]) -> set[str]:
        named = [
            local
            for _, text in references(event.get("entity", []), "entity")
            if (local := read_local(text, self.base))
        ]
        return {local.id for local in named if local.type == "Patient"}

    def _append(
        self, connection: Any, resource_type: str, resource_id: str, resource: dict[str, Any] | None
    ) -> Stored:
        before = self.read(resource_type, resource_id)
        version = before.version + 1 if before else 1
        updated = instant(self._clock())
        stamped = resource and _stamped(resource, resource_id, version, updated)
        values = (resource_type, resource_id, version, updated, resource is None)
        connection.execute(
            "UPDATE resource SET latest = 0 WHERE type = ? AND id = ? AND latest = 1",
            (resource_type, resource_id),
        )
        cursor = connection.execute(
            "INSERT INTO resource (type, id, version, updated, deleted, latest, born, body)"
            " VALUES (?, ?, ?, ?, ?, 1, 0, ?)",
            (*values, write_json(stamped) if stamped else b""),
        )
        connection.execute(
            "UPDATE resource SET born = ? WHERE seq = ?",
            (before.born if before else cursor.lastrowid, cursor.lastrowid),
        )
        self._index(connection, resource_type, resource_id, stamped)
        written = self.read(resource_type, resource_id)
        if written is None:
            raise RuntimeError(f"{resource_type}/{resource_id} was written and cannot be read")
        return written

    def _index(
        self, connection: Any, resource_type: str, resource_id: str, resource: dict[str, Any] | None
    ) -> None:
        connection.execute("DELETE FROM search_row WHERE type = ? AND id = ?", (resource_type, resource_id))
        if not resource:
            return
        rows = set(index_rows(resource, self.base, self.zone))
        rows |= {Row(COMPARTMENT, "Patient", patient) for patient in self.patients_of(resource)}
        connection.executemany(
            "INSERT INTO search_row VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (resource_type, resource_id, row.name, row.system, row.value, row.low, row.high)
                for row in rows
            ],
        )

    def _one(self, where: str, values: tuple[str, ...]) -> Stored | None:
        with self.database.transaction() as connection:
            sql = f"SELECT * FROM resource WHERE {where}"  # noqa: S608  a constant of this file
            row = connection.execute(sql, values).fetchone()
        return _stored(row) if row else None


def _stamped(resource: dict[str, Any], resource_id: str, version: int, updated: str) -> dict[str, Any]:
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": updated}
    rest = {key: value for key, value in resource.items() if key not in ("resourceType", "id", "meta")}
    return {"resourceType": resource["resourceType"], "id": resource_id, "meta": meta, **rest}


def _where(resource_type: str, clauses: Sequence[Clause | AnyOf]) -> tuple[str, list[Any]]:
    parts = ["type = ? AND latest = 1 AND deleted = 0"]
    values: list[Any] = [resource_type]
    for clause in clauses:
        ways = clause.alternatives if isinstance(clause, AnyOf) else ((clause,),)
        parts.append(" OR ".join(" AND ".join(map(_met, way)) for way in ways))
        values += [value for way in ways for one in way for value in (resource_type, *one.values)]
    return " AND ".join(f"({part})" for part in parts), values


def _met(clause: Clause) -> str:
    return f"id IN (SELECT id FROM search_row WHERE type = ? AND ({clause.sql}))"  # noqa: S608  bound values


def _stored(row: Any) -> Stored:
    return Stored(
        type=row["type"],
        id=row["id"],
        version=row["version"],
        updated=row["updated"],
        deleted=bool(row["deleted"]),
        body=row["body"],
        born=row["born"],
        seq=row["seq"],
    )
