"""What changed of a staff or programme record: field names for the trail, never the values in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import audit
from app.columns import compact
from app.problems import Stale
from mappings.records import Program, Staff

_NOTHING: tuple[object, ...] = (None, [], "")
STAFF_ACTIONS = frozenset({"staff saved", "practitioner linked"})
PROGRAM_ACTIONS = frozenset({"programme saved", "programme linked"})


@dataclass(frozen=True)
class Change:
    """One change of a record: when (UTC), by whom (staff id), what was done, and the fields that changed."""

    at: datetime
    by: str
    action: str
    fields: tuple[str, ...]


def edit_of(record: Staff | Program, *more: object) -> str:
    """The name of exactly this state of a record: who saves with it changes what they were shown."""
    said = [record.model_dump(mode="json", by_alias=True), *more]
    return hashlib.sha256(compact(said).encode()).hexdigest()[:32]


def require_fresh(seen: str | None, now_there: str, what: str) -> None:
    """Pass when the record is still as it was shown (`seen` None asks for nothing); raises Stale."""
    if seen is not None and seen != now_there:
        raise Stale(
            f"Somebody else changed {what} while you were writing; nothing of yours was saved.",
            "Open it again, look at what changed, and enter yours once more.",
        )


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths at which two records in intake form differ, such as "hired", "supervisor.to" or
    "credentials.0.to"; a row that came or went is named whole, "credentials.1"."""
    names = dict.fromkeys((*before, *after))
    return tuple(path for name in names for path in _differ(name, before.get(name), after.get(name)))


def history(
    session: Session, issuer: str, subject: str, actions: frozenset[str] = STAFF_ACTIONS
) -> tuple[Change, ...]:
    """The changes of one record, the latest first, from the audit trail."""
    lines = audit.of_subject(session, issuer, subject)
    return tuple(
        Change(line.at, line.actor, line.action, tuple(line.detail.get("changed", ())))
        for line in reversed(lines)
        if line.action in actions
    )


def _differ(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after or (before in _NOTHING and after in _NOTHING):
        return
    if isinstance(before, list) and isinstance(after, list) and _of_objects(before, after):
        for number in range(max(len(before), len(after))):
            old = before[number] if number < len(before) else None
            new = after[number] if number < len(after) else None
            yield from _differ(f"{path}.{number}", old, new)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _differ(f"{path}.{name}", before.get(name), after.get(name))
    else:
        yield path


def _of_objects(*lists: list[Any]) -> bool:
    return all(isinstance(each, Mapping) for rows in lists for each in rows)
