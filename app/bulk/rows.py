"""What the first pass keeps of a record: who, when, with whom, and what its note shares with others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, TypeVar

from app.bulk.lines import Bad, Block, Found, Source, records
from mappings.intake import Alike
from mappings.notes_told import Of
from mappings.records import (
    Authorization,
    Collaboration,
    Contact,
    Name,
    Part,
    PlanEntry,
    Program,
    Record,
    Staff,
)
from mappings.repeats import Passage, compared_parts
from mappings.situation import DID_NOT_HAPPEN, counts, only_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60_000_000
# To begin a digest anew takes longer than to copy one that has begun with the kind of text.
_begun = {kind: blake2b(kind.encode(), digest_size=8) for kind in ("s", "w", "p")}
_signed = Struct(">q").unpack
# To make an encoder takes longer than to write a name with it.
_json = json.JSONEncoder(ensure_ascii=False).encode
# To copy one that stands there costs a tenth of making one.
_blanks: dict[type[Part], Part] = {}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
COLUMNS = (
    "number, kind, id, version, jurisdiction, person, peer, authorization, session, entry, program, zone, "
    'began, ended, start, "end", happened, lasts, name, peer_name, relates'
)
_BEGAN = COLUMNS.split(", ").index("began")
Row = tuple[Any, ...]
Some = TypeVar("Some", bound=Part)


@dataclass
class Rows:
    """What one block, or the records known beforehand, give to the index."""

    records: list[Row] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    meetings: list[Row] = field(default_factory=list)
    office: list[Row] = field(default_factory=list)
    known: list[Row] = field(default_factory=list)
    earlier: list[Row] = field(default_factory=list)
    refused: list[Bad] = field(default_factory=list)
    lines: int = 0

    def add(self, number: int, record: Record, text: bytes) -> None:
        """Keep one record of the input."""
        if isinstance(record, Contact):
            row, told = _contact(number, record), vars(record)
            self.records.append(row)
            if told["collaboration"]:
                self._meet(number, record)
            if hashes := _hashes(told):
                # As a JSON array.
                self.notes.append((number, row[_BEGAN], str([*hashes])))
            return
        if isinstance(record, PlanEntry):
            self.records.append(_entry(number, record))
            self._meet(number, record)
            return
        self.office.append((number, record.kind, text))
        self.known += [(*key, number) for key in _keys(record)]
        if isinstance(record, Authorization):
            self.earlier.append((key_of(record.member or "", record.service or ""), number))

    def _meet(self, number: int, record: Contact | PlanEntry) -> None:
        for one in record.collaboration:
            self.meetings.append((number, record.individual.id, *_meeting(one)))


def rows_of(source: Source, block: Block, alike: Alike | None = None) -> Rows:
    """What the records of one block give to the index; `alike` keeps what several blocks have alike."""
    rows = Rows()
    for item in records(source, block, alike):
        if isinstance(item, Found):
            rows.add(item.number, item.record, item.text)
        elif isinstance(item, Bad):
            rows.refused.append(item)
        else:
            rows.lines = item
    return rows


def key_of(*parts: str) -> str:
    """Several texts as one key."""
    return _json(parts)


def hashed(of: Of, text: str, peer: str) -> int:
    """64 bits that stand for the words of a peer's note, or for one of its sentences."""
    return _hashed(of[0], text) ^ _hashed("p", peer)


def _hash(kind: str, text: str) -> int:
    digest = _begun[kind].copy()
    digest.update(text.encode())
    return int(_signed(digest.digest())[0])


# A sentence of one note stands in others, and is asked for by each of them.
_hashed = lru_cache(maxsize=8192)(_hash)


def micros(moment: datetime | None) -> int:
    """A moment in UTC as microseconds, to sort by; the first of all moments where it is missing."""
    since = (moment or _LONG_AGO) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def name_of(name: Name | None) -> str | None:
    """The first and last names as JSON; None where there is no name."""
    return None if name is None else _named(name.given, name.family)


# The name of one person stands in all that is written of them.
@lru_cache(maxsize=4096)
def _named(given: tuple[str, ...], family: str | None) -> str:
    return _json([given, family])


def as_far_as_known(kind: type[Some], **fields: Any) -> Some:
    """A part of a record of which only some fields are asked; nothing is checked."""
    blank = _blanks.get(kind)
    if blank is None:
        blank = _blanks[kind] = kind.model_construct()
    return blank.model_copy(update=fields)  # type: ignore[return-value]


def _contact(number: int, one: Contact) -> Row:
    # To ask a pydantic model costs ten times as much as to look at what it holds.
    told = vars(one)
    service, program, peer, start = told["service"], told["program"], told["peer"], told["start"]
    authorization, group, relation = told["authorization"], told["group"], told["relates_to"]
    individual = vars(told["individual"])
    whole = program is not None and not only_id(program)
    carried = peer.name if peer is not None and not only_id(peer) else None
    began, ended = micros(start), micros(told["end"])
    lasts = start is not None and ended - began >= _MINUTE
    return (
        number, "contact", told["id"], told["version"], told["jurisdiction"], individual["id"],
        peer.id if peer is not None else None,
        authorization.id if authorization is not None else None,
        (group.session or None) if group is not None else None,
        service.plan_entry if service is not None else None,
        program.id if program is not None else None,
        (program.time_zone or "") if program is not None and whole else None,
        began, ended, _text(start), _text(told["end"]),
        counts(one), lasts, name_of(individual["name"]), name_of(carried),
        relation.id if relation is not None else None,
    )  # fmt: skip


def _entry(number: int, one: PlanEntry) -> Row:
    head = (number, "plan-entry", one.id, one.version, one.jurisdiction, one.individual.id)
    return (*head, *[None] * 10, False, False, None, None, None)


def _hashes(told: dict[str, Any]) -> set[int]:
    """What is hashed of a contact's note, where it took place."""
    if told["peer"] is None or told["start"] is None or told["status"] in DID_NOT_HAPPEN:
        return set()
    parts = [_told(text) for text in compared_parts(told["note"]) if text]
    found = {hash for _, hashes in parts for hash in hashes}
    if words := " ".join([words for words, _ in parts if words]):
        found.add(_hash("w", words))
    of_peer = _hashed("p", told["peer"].id)
    return {hash ^ of_peer for hash in found}


# The notes of one person say much the same.
@lru_cache(maxsize=16384)
def _told(text: str) -> tuple[str, list[int]]:
    passage = Passage(text)
    return passage.words, [_hashed("s", key) for key in passage.keys]


def _keys(record: Staff | Program | Authorization) -> Iterable[tuple[str, str]]:
    # Under their place and id, and under the id alone; an authorization only counts where it was given.
    yield record.kind, f"{record.jurisdiction}|{record.id}"
    if not isinstance(record, Authorization):
        yield record.kind, record.id
    yield f"any {record.kind}", record.id


def _meeting(one: Collaboration) -> Row:
    return _day(one.on), one.reference, _json(one.with_)


def _day(day: Any) -> str | None:
    return None if day is None else day.isoformat()


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
