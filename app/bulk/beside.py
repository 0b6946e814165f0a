"""What stands around the records of one group, as far as it lies outside of it: looked up in the index."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from app.bulk.index import spoken
from app.bulk.rows import as_far_as_known, hashed, key_of, micros, moment_at
from mappings.intake import read_again
from mappings.library import Library
from mappings.names import Acquaintances, Known, names_of
from mappings.notes_told import Earlier, Notes, Of
from mappings.office_subjects import Meetings
from mappings.once import once
from mappings.peer_days import PeerDays
from mappings.plain import Beginnings, beginning_of
from mappings.records import (
    AuthorizationFields,
    Contact,
    Group,
    Individual,
    Name,
    PlanEntry,
    ProgramFields,
    Record,
    Relation,
    StaffFields,
)
from mappings.situation import Situation
from mappings.surroundings import Surrounding

_KEPT_OFFICE, _KEPT_PEERS = 1024, 16
_KNOWN = "SELECT {} FROM acquaintance WHERE peer = ? AND name IS NOT NULL"
Value = TypeVar("Value")


class Reader:
    """The finished index, only read; one for each worker."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self.db.execute("PRAGMA cache_size = -16000")
        self.office = lru_cache(maxsize=_KEPT_OFFICE)(self._office)
        self.people_of = lru_cache(maxsize=_KEPT_PEERS)(self._people_of)
        self.numbers = lru_cache(maxsize=1)(self._numbers)
        self.peer_days = PeerDays()

    def _office(self, number: int) -> Record:
        (line,) = self.db.execute("SELECT line FROM office WHERE number = ?", (number,)).fetchone()
        return read_again(line)

    def _people_of(self, peer: str) -> Acquaintances:
        return cast(Acquaintances, PeopleOf(self, peer))

    def known(self, kind: str, key: str) -> Any:
        """The staff member, programme or authorization that a key means; None where there is none."""
        found = self.db.execute("SELECT number FROM known WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else self.office(found[0])

    def _numbers(self, chunk: int) -> Sequence[int]:
        """The numbers of the records of one group, in input order."""
        found = self.db.execute("SELECT number FROM member WHERE chunk = ? ORDER BY number", (chunk,))
        return tuple([number for (number,) in found])

    def foreign_entries(self, chunk: int) -> list[int]:
        """The plan entries that records of a group name and that belong to others."""
        found = self.db.execute("SELECT number FROM foreign_entry WHERE chunk = ? ORDER BY number", (chunk,))
        return [number for (number,) in found]

    @once
    def colleagues(self) -> Sequence[Known]:
        """The names of all staff of the input."""
        names = self.db.execute("SELECT name FROM colleague ORDER BY name")
        return names_of(("", spoken(name)) for (name,) in names)


class Looked(dict[str, Value | None]):
    """Values by key, each looked up when it is first asked for and then kept, so that it stays one object."""

    def __init__(self, look: Callable[[str], Value | None]) -> None:
        super().__init__()
        self._look = look

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, else the default."""
        if key not in self:
            self[key] = self._look(key)
        found = self[key]
        return default if found is None else found


class Beside(Surrounding):
    """A group's records among all records of the input."""

    def __init__(
        self,
        records: Sequence[Record],
        foreign: Sequence[PlanEntry],
        reader: Reader,
        chunk: int,
        library: Library,
    ) -> None:
        super().__init__(records, library)
        self._reader, self._chunk = reader, chunk
        self._ids = dict(zip(reader.numbers(chunk), [vars(each)["id"] for each in records], strict=True))
        known = reader.known
        self._staff = cast("dict[str, StaffFields]", Looked(lambda key: known("staff", key)))
        self._programs = cast("dict[str, ProgramFields]", Looked(lambda key: known("program", key)))
        granted = Looked(lambda key: known("authorization", key))
        self._authorizations = cast("dict[str, AuthorizationFields]", granted)
        self.entries = {**{entry.id: entry for entry in foreign}, **self.entries}
        # Groups are of persons, and most peers meet persons of many groups in a day.
        self.peer_days = reader.peer_days
        self._sessions: dict[str, Sequence[Situation]] = {}
        self._told: dict[int, Situation] = {}

    def earlier_authorization(self, of: AuthorizationFields) -> AuthorizationFields | None:
        """An authorization of the same member and service that began before, or None."""
        same = self._reader.db.execute(
            "SELECT number FROM earlier WHERE key = ? ORDER BY number",
            (key_of(of.member or "", of.service or ""),),
        )
        key = of.member or "", of.service or ""
        self._earlier[key] = [cast(AuthorizationFields, self._reader.office(number)) for (number,) in same]
        return super().earlier_authorization(of)

    def _note_overlaps(self, placed: Sequence[Situation]) -> None:
        """Overlaps were found in the first pass, among all contacts of each peer."""

    def place(self, situations: Collection[Situation]) -> None:
        """Put the contacts that count beside each other, and beside the contacts of their peers."""
        super().place(situations)
        rows = self._reader.db.execute(
            "SELECT overlap.number, id, began, ended FROM member JOIN overlap USING (number) "
            "JOIN record AS other ON other.number = overlap.other WHERE chunk = ?",
            (self._chunk,),
        )
        for number, other, began, ended in rows:
            self.overlaps[self._ids[number]] = _Overlap(other, _moment(began), _moment(ended))

    def forget(self) -> None:
        """Let go of all contacts. They refer to what stands around them and it to them, so that without this
        a group would be in memory until somebody looks for such garbage."""
        vars(self).clear()

    def of_session(self, session: str | None) -> Sequence[Situation]:
        """Each individual of one group session once, with the last name said there."""
        key = session or ""
        if key not in self._sessions:
            rows = self._reader.db.execute(
                "SELECT person, name, max(CASE WHEN name IS NULL THEN -1 ELSE number END) FROM record "
                "WHERE session = ? AND counts AND happened GROUP BY person",
                (key,),
            )
            found = [_Attending(_Visit(_Person(person, name and spoken(name)))) for person, name, _ in rows]
            self._sessions[key] = cast("list[Situation]", found)
        return self._sessions[key]

    def known_to(self, peer: str) -> Acquaintances:
        """The individuals a peer knows: those of the peer's contacts."""
        return self._reader.people_of(peer)

    @once
    def staff_names(self) -> Sequence[Known]:
        """The names of all staff of the input."""
        return self._reader.colleagues

    @once
    def repeating(self) -> Set[str]:
        """The ids of the group's contacts whose notes say something that earlier notes of their peer said of
        others, and none of the same individual."""
        rows = self._reader.db.execute(
            "SELECT number FROM member JOIN repeating USING (number) WHERE chunk = ?", (self._chunk,)
        )
        return {self._ids[number] for (number,) in rows}

    @once
    def notes(self) -> Notes:
        """The contacts that took place by the words of their notes."""
        return _Beyond(self, self._in_order)

    def copies(self, hash: int, moment: datetime, most: int) -> Iterable[Situation]:
        """The contacts before a moment with the same words of the same peer, the latest first; an empty tuple
        where there is none."""
        rows = self._reader.db.execute(
            "SELECT number, id, jurisdiction, person, program, zone, copy.began, utc_offset, session, "
            "relates FROM copy JOIN record USING (number) WHERE hash = ? AND copy.began < ? "
            "ORDER BY copy.began DESC, id DESC LIMIT ?",
            (hash, micros(moment), most),
        ).fetchall()
        # Mostly the first is all that is asked for.
        return (self._situation(moment, *row) for row in rows) if rows else ()

    def _situation(self, now: datetime, number: int, *told: Any) -> Situation:
        # Most sentences of a note come from one and the same earlier note.
        if number not in self._told:
            self._told[number] = Situation(_told(*told), self, now)
        return self._told[number]


# Most contacts lie beside one that others lie beside too.
_moment = lru_cache(maxsize=8192)(moment_at)


class _Overlap(NamedTuple):
    id: str
    start: datetime | None
    end: datetime | None


class _Person(NamedTuple):
    id: str
    name: Name | None


class _Visit(NamedTuple):
    individual: _Person


class _Attending(NamedTuple):
    contact: _Visit


class _Beyond(Notes):
    """Earlier notes: of a person those of the group, of a peer those of the whole input."""

    def __init__(self, beside: Beside, in_order: Sequence[Situation]) -> None:
        super().__init__(in_order, beside.repeating)
        self._beside = beside

    def of_peer(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Earlier]:
        """Those of one peer that said so and began before a moment, the latest first, at most so many."""
        others = self.of_others(id, of, text, moment, most)
        # What the notes of one individual alone say is not kept: all of them are in the group.
        return others or super().of_peer(id, of, text, moment, most)

    def of_others(self, id: str, of: Of, text: str, moment: datetime, most: int) -> Iterable[Situation]:
        """The same where the individual who is asked about said no such thing before."""
        return self._beside.copies(hashed(of, text, id), moment, most)


class PeopleOf:
    """The individuals a peer knows, by the beginnings of their names, read from the index."""

    def __init__(self, reader: Reader, peer: str) -> None:
        self._db, self._peer = reader.db, peer
        self.known = _Known(reader.db, peer)
        self._forms: Mapping[str, Set[str]] | None = None
        self._by_key: dict[str, set[str]] = {}
        self._beginnings = Beginnings(())

    def beginnings(self, nicknames: Mapping[str, Set[str]]) -> Beginnings:
        """The beginnings of their names in any form: an object of its own for each set of nicknames."""
        if self._forms is not nicknames:
            self._index(nicknames)
        return self._beginnings

    def named_by(self, beginnings: Set[str]) -> list[Known]:
        """Those one of whose names begins so."""
        parts = {part for key in beginnings for part in self._by_key[key]}
        ids = {id for part in parts for id in self._of(part)}
        return [self._person(id) for id in sorted(ids)]

    def _index(self, nicknames: Mapping[str, Set[str]]) -> None:
        self._forms, self._by_key = nicknames, {}
        parts = self._db.execute("SELECT DISTINCT part, first FROM acquainted WHERE peer = ?", (self._peer,))
        for part, first in parts:
            # Only first names have other forms; which part it is stands before it.
            for form in (part, *(nicknames.get(part, ()) if first else ())):
                self._by_key.setdefault(beginning_of(form), set()).add(f"{first}{part}")
        self._beginnings = Beginnings(self._by_key)

    def _of(self, part: str) -> Iterator[str]:
        asked = (self._peer, part[1:], int(part[0]))
        rows = self._db.execute(
            "SELECT person FROM acquainted WHERE peer = ? AND part = ? AND first = ?", asked
        )
        return (person for (person,) in rows)

    def _person(self, id: str) -> Known:
        (name,) = self._db.execute(
            "SELECT name FROM acquaintance WHERE peer = ? AND person = ?", (self._peer, id)
        ).fetchone()
        return names_of([(id, spoken(name))])[0]


class _Known(Collection[str]):
    """The ids of those a peer knows by name."""

    def __init__(self, db: sqlite3.Connection, peer: str) -> None:
        self._db, self._peer = db, peer
        (self._count,) = db.execute(_KNOWN.format("count(*)"), (peer,)).fetchone()

    def __contains__(self, id: object) -> bool:
        found = self._db.execute(_KNOWN.format("1") + " AND person = ?", (self._peer, id)).fetchone()
        return found is not None

    def __iter__(self) -> Iterator[str]:
        rows = self._db.execute(_KNOWN.format("person"), (self._peer,))
        return (person for (person,) in rows)

    def __len__(self) -> int:
        return int(self._count)


class MeetingsOf(Meetings):
    """The meetings that the whole input tells of, read from the index one peer at a time."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(())
        self._reader = reader
        peers = reader.db.execute("SELECT DISTINCT peer FROM acquaintance")
        self.people_of = {peer: set() for (peer,) in peers}

    def of_peer(self, id: str, first: date, last: date) -> tuple[int, int]:
        """How many meetings about the peer's people took place in the days given, and how many of them the
        peer attended."""
        rows = self._reader.db.execute(
            "SELECT day, reference, person, came FROM meeting WHERE day BETWEEN ? AND ? "
            "AND person IN (SELECT person FROM acquaintance WHERE peer = ?)",
            (first.isoformat(), last.isoformat(), id),
        )
        came: dict[tuple[str, str], bool] = {}
        for day, reference, person, who in rows:
            key = day, reference or person
            came[key] = came.get(key, False) or id in json.loads(who)
        return len(came), sum(came.values())


def _told(
    id: str, jurisdiction: str, person: str, program: str | None, zone: str | None, began: int,
    utc_offset: int, session: str | None, relates: str | None,
) -> Contact:  # fmt: skip
    """A contact as far as a later note asks for it."""
    return as_far_as_known(
        Contact,
        id=id,
        jurisdiction=jurisdiction,
        individual=as_far_as_known(Individual, id=person),
        program=_program(program, zone),
        start=moment_at(began, utc_offset),
        group=None if session is None else as_far_as_known(Group, session=session),
        relates_to=None if relates is None else as_far_as_known(Relation, id=relates),
    )


def _program(id: str | None, zone: str | None) -> ProgramFields | None:
    if id is None:
        return None
    if zone is None:
        return as_far_as_known(ProgramFields, id=id)
    # A name by which it is known to be given whole.
    return as_far_as_known(ProgramFields, id=id, name=id, time_zone=zone or None)
