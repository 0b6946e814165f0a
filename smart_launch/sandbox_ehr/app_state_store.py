"""The state that apps keep here: one small Basic for each code and subject, only its latest version."""

import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from .database import Database


@dataclass(frozen=True)
class State:
    """One state: its code as `system|code`, its absolute subject ("" for all), and the Basic itself."""

    id: str
    version: str
    code: str
    subject: str
    deleted: bool
    resource: dict[str, Any]


class AppStates:
    """The states of one EHR."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, state_id: str) -> State | None:
        """Return a state, also one that was deleted."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT * FROM app_state WHERE id = ?", (state_id,)).fetchone()
        return _state(row) if row else None

    def find(self, code: str, subject: str) -> list[State]:
        """Return the live states of this code and subject."""
        sql = "SELECT * FROM app_state WHERE code = ? AND subject = ? AND deleted = 0"
        with self._database.transaction() as connection:
            return [_state(row) for row in connection.execute(sql, (code, subject))]

    def create(self, code: str, subject: str, resource: dict[str, Any]) -> State | None:
        """Store a new state; None when there is one of this code and subject already."""
        made = _stamped(str(uuid.uuid4()), code, subject, resource)
        with self._database.transaction() as connection:
            if self.find(code, subject):
                return None
            values = (made.id, made.version, code, subject, json.dumps(made.resource))
            connection.execute("INSERT INTO app_state VALUES (?, ?, ?, ?, 0, ?)", values)
        return made

    def update(self, before: State, resource: dict[str, Any]) -> State | None:
        """Store the next version; None when another one was faster."""
        made = _stamped(before.id, before.code, before.subject, resource)
        values = (made.version, json.dumps(made.resource), before.id, before.version)
        sql = "UPDATE app_state SET version = ?, body = ? WHERE id = ? AND version = ? AND deleted = 0"
        return made if self._changed(sql, values) else None

    def delete(self, before: State) -> bool:
        """Delete a state; False when another request was faster."""
        sql = "UPDATE app_state SET deleted = 1 WHERE id = ? AND version = ? AND deleted = 0"
        return self._changed(sql, (before.id, before.version))

    def _changed(self, sql: str, values: tuple[str, ...]) -> bool:
        with self._database.transaction() as connection:
            return bool(connection.execute(sql, values).rowcount)


def _stamped(state_id: str, code: str, subject: str, resource: dict[str, Any]) -> State:
    version = secrets.token_hex(6)
    meta = {**resource.get("meta", {}), "versionId": version}
    kept = {**resource, "id": state_id, "meta": meta}
    return State(state_id, version, code, subject, False, kept)


def _state(row: Any) -> State:
    kept = json.loads(row["body"])
    return State(row["id"], row["version"], row["code"], row["subject"], bool(row["deleted"]), kept)
