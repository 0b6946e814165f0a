"""What changes in the rules between two days, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mappings.in_force import Bound, DayPack
from mappings.layering import shown
from mappings.library import Library
from mappings.library_parts import Value

Kind = Literal["pack", "rule", "parameter", "code"]
UNSET = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two days: where, what kind of thing, its id, and what happens to it in words."""

    jurisdiction: str
    kind: Kind
    id: str
    words: str

    def to_json(self) -> dict[str, str]:
        """The change as JSON data."""
        return {"jurisdiction": self.jurisdiction, "kind": self.kind, "id": self.id, "words": self.words}


def differences(library: Library, start: date, end: date, jurisdiction: str | None = None) -> list[Change]:
    """What is otherwise on `end` than on `start`, place by place; for one jurisdiction where it is given.

    Compared are the two days alone: what begins and ends between them is not seen.
    """
    known = sorted({pack.jurisdiction for pack in library.packs.values() if pack.jurisdiction})
    places = known if jurisdiction is None else [jurisdiction]
    return [change for place in places for change in _of_place(library, place, start, end)]


def _of_place(library: Library, place: str, start: date, end: date) -> Iterator[Change]:
    old, new = library.on(place, start), library.on(place, end)
    if old is None or new is None:
        if new is not None:
            yield Change(
                place, "pack", new.pack.id, f"{new.pack.title}: its rules begin on {new.pack.from_}."
            )
        if old is not None:
            words = (
                f"{old.pack.title}: its rules end on {old.pack.until}; nothing can be signed or billed after."
            )
            yield Change(place, "pack", old.pack.id, words)
        return
    yield from _rules(place, old, new)
    yield from _parameters(place, old, new)
    yield from _codes(library, place, start, end)


def _rules(place: str, old: DayPack, new: DayPack) -> Iterator[Change]:
    for id in sorted(old.by_id.keys() | new.by_id.keys()):
        before, after = old.by_id.get(id), new.by_id.get(id)
        for words in _rule(before, after):
            yield Change(place, "rule", id, words)


def _rule(before: Bound | None, after: Bound | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"Begins on {after.version.from_}: {after.rule.says} ({after.severity})"
    elif after is None and before is not None:
        yield f"Ends on {before.version.until or 'that day'}: {before.rule.says}"
    elif before is not None and after is not None:
        if before.version is not after.version:
            cite = after.version.cite
            yield f"A new version from {after.version.from_} ({cite.title}, {cite.at}): {after.rule.says}"
        if before.severity != after.severity:
            yield f"Its severity changes from {before.severity} to {after.severity}."


def _parameters(place: str, old: DayPack, new: DayPack) -> Iterator[Change]:
    for name in sorted(old.values.keys() | new.values.keys()):
        before, after = old.values.get(name), new.values.get(name)
        if _plain(before) != _plain(after):
            since = f" from {after.from_}" if after is not None else ""
            yield Change(
                place, "parameter", name, f"Changes from {_plain(before)} to {_plain(after)}{since}."
            )


def _plain(value: Value | None) -> str:
    return UNSET if value is None or value.value is None else shown(value.value) or UNSET


def _codes(library: Library, place: str, start: date, end: date) -> Iterator[Change]:
    for table in library.tables.values():
        if table.jurisdiction not in ("", place):
            continue
        for code in table.codes.values():
            if code.covers(start) and not code.covers(end):
                words = f"{code.display} is in use until {code.until} ({table.title})."
                yield Change(place, "code", code.code, words)
            elif code.covers(end) and not code.covers(start):
                words = f"{code.display} is in use from {code.from_} ({table.title})."
                yield Change(place, "code", code.code, words)
