"""What the first pass keeps of a record: who, when, with whom, and what its note shares with others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, TypeVar

from app.bulk.lines import Bad, Block, Found, Source, records
from mappings.intake import Alike
from mappings.notes_told import Of
from mappings.once import by_identities
from mappings.records import (
    Authorization,
    Collaboration,
    Contact,
    Individual,
    Name,
    Note,
    Part,
    PlanEntry,
    Program,
    ProgramFields,
    Record,
    Staff,
    StaffFields,
)
from mappings.repeats import compared_parts, evenly, keys_in
from mappings.situation import DID_NOT_HAPPEN, counts, only_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# To make an encoder takes longer than to write a name with it.
_json = json.JSONEncoder(ensure_ascii=False).encode
# To copy one that stands there costs a tenth of making one.
_blanks: dict[type[Part], Part] = {}
# What all records are gone through for comes first.
COLUMNS = (
    "number, happened, person, peer, began, ended, session, hashes, id, kind, version, name, entry, "
    "authorization, jurisdiction, program, zone, utc_offset, peer_name, relates"
)
# Texts of notes that are kept taken apart.
_MOST_TEXTS = 16_384
Row = tuple[Any, ...]
Some = TypeVar("Some", bound=Part)


@dataclass
class Rows:
    """What one block, or the records known beforehand, give to the index."""

    records: list[Row] = field(default_factory=list)
    meetings: list[Row] = field(default_factory=list)
    office: list[Row] = field(default_factory=list)
    known: list[Row] = field(default_factory=list)
    earlier: list[Row] = field(default_factory=list)
    refused: list[Bad] = field(default_factory=list)
    lines: int = 0

    def add(self, number: int, record: Record, text: bytes) -> None:
        """Keep one record of the input."""
        if isinstance(record, Contact):
            self.records.append(_contact(number, record))
            if vars(record)["collaboration"]:
                self._meet(number, record)
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
    return int.from_bytes(_hash(of[0], peer, text), "big", signed=True)


def hashes_of(kept: bytes) -> tuple[int, ...]:
    """The same of all that a note says, as it is kept."""
    return _ints[len(kept)](kept)


class _Ints(dict[int, Callable[[bytes], tuple[int, ...]]]):
    """What reads numbers of eight bytes, by how many bytes there are."""

    def __missing__(self, length: int) -> Callable[[bytes], tuple[int, ...]]:
        read = self[length] = Struct(f">{length // 8}q").unpack
        return read


_ints = _Ints()


def _hash(kind: str, peer: str, text: str) -> bytes:
    digest = _begun(kind, peer).copy()
    digest.update(text.encode())
    return digest.digest()


# To begin a digest anew takes longer than to copy one that has begun with the peer and the kind of text.
@lru_cache(maxsize=1024)
def _begun(kind: str, peer: str) -> blake2b:
    return blake2b(blake2b(peer.encode()).digest() + kind.encode(), digest_size=8)


def micros(moment: datetime | None) -> int | None:
    """A moment in UTC as microseconds; None where it is missing."""
    if moment is None:
        return None
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_at(micros: int | None, utc_offset: int = 0) -> datetime | None:
    """The moment of so many microseconds, in UTC or so many microseconds from it."""
    if micros is None:
        return None
    return (EPOCH + timedelta(microseconds=micros)).astimezone(_zone(utc_offset))


# A place has one or two.
@lru_cache(maxsize=256)
def _zone(utc_offset: int) -> timezone:
    return timezone(timedelta(microseconds=utc_offset))


@lru_cache(maxsize=256)
def _micros_of(offset: timedelta) -> int:
    return offset // timedelta(microseconds=1)


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
    service, start, relation, status = told["service"], told["start"], told["relates_to"], told["status"]
    authorization, group = told["authorization"], told["group"]
    person, name, peer, peer_name, program, zone = _whose(told["individual"], told["peer"], told["program"])
    happened = status not in DID_NOT_HAPPEN
    return (
        number, happened and (relation is None or counts(one)), person, peer, micros(start),
        micros(told["end"]), (group.session or None) if group is not None else None,
        _hashes(told["note"], peer) if happened and peer is not None and start is not None else None,
        told["id"], "contact", told["version"], name, service.plan_entry if service is not None else None,
        authorization.id if authorization is not None else None, told["jurisdiction"], program, zone,
        _micros_of(start.utcoffset()) if start is not None else None, peer_name,
        relation.id if relation is not None else None,
    )  # fmt: skip


# Contacts that say the same of a person, a peer or a programme share one object.
@by_identities(8192)
def _whose(
    individual: Individual, peer: StaffFields | None, program: ProgramFields | None
) -> tuple[str, str | None, str | None, str | None, str | None, str | None]:
    """The ids of the individual with the name as JSON, of the peer with the name of one that is given whole,
    and of the programme with the time zone of one that is given whole: "" where it has none."""
    carried = peer.name if peer is not None and not only_id(peer) else None
    whole = program is not None and not only_id(program)
    return (
        individual.id, name_of(individual.name),
        peer.id if peer is not None else None, name_of(carried),
        program.id if program is not None else None,
        (program.time_zone or "") if program is not None and whole else None,
    )  # fmt: skip


def _entry(number: int, one: PlanEntry) -> Row:
    head = (number, False, one.individual.id, *[None] * 5, one.id, "plan-entry", one.version, *[None] * 3)
    return (*head, one.jurisdiction, *[None] * 5)


def _hashes(note: Note | None, peer: str) -> bytes | None:
    """The hashes of all words of a note and of its sentences; None where it says nothing."""
    parts = [_said[peer, text] for text in compared_parts(note) if text]
    words = " ".join([words for words, _ in parts if words])
    return b"".join([_hash("w", peer, words), *[sentences for _, sentences in parts]]) if words else None


class _Said(dict[tuple[str, str], tuple[str, bytes]]):
    """The words of parts of notes and the hashes of their sentences, by the peer and the text: the notes of
    one person say much the same."""

    def __missing__(self, key: tuple[str, str]) -> tuple[str, bytes]:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        peer, text = key
        folded = text.casefold()
        told = self[key] = evenly(folded), b"".join([_hash("s", peer, each) for each in keys_in(folded)])
        return told


_said = _Said()


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
