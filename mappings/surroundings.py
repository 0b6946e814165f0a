"""All records of one input together: who counts, who is who, and what lies beside what."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from mappings.days import zone_of_program
from mappings.in_force import Asked
from mappings.library import Library
from mappings.names import Acquaintances, Known, names_of
from mappings.notes_told import Notes
from mappings.once import once
from mappings.peer_days import PeerDays
from mappings.plain import Texts
from mappings.records import (
    Authorization,
    AuthorizationFields,
    Contact,
    Individual,
    PlanEntry,
    Program,
    ProgramFields,
    Record,
    Staff,
    StaffFields,
)
from mappings.repeats import Passages
from mappings.situation import Situation, only_id
from mappings.units import pooled_units

# More contacts of one peer at one moment than any group has; the ones that end last are kept.
OPEN_AT_ONCE = 40
# Of these records of one id the highest version counts.
COUNTED = (Contact, PlanEntry)

Placed = TypeVar("Placed")
# A contact at its time: its peer, its start and end, in UTC or as numbers to sort by, its session, its
# individual, and what stands for it.
AtTime = tuple[str, Any, Any, str | None, str, Placed]


class Neighbour(Protocol):
    """A contact as far as one that lies at the same time tells of it."""

    @property
    def id(self) -> str: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Team:
    """Who works together for one individual, and the days of their meetings in order."""

    members: frozenset[str]
    days: tuple[date, ...]


class Setting(NamedTuple):
    """Who gave a service and where: the peer's id and record, the programme's record, its kind and its time
    zone, each None where it is not known."""

    peer_id: str | None
    peer: StaffFields | None
    program: ProgramFields | None
    kind: str | None
    zone: tzinfo | None


_began, _first = attrgetter("began"), itemgetter(0)
_at_its_time = attrgetter("peer_id", "began", "ended", "session", "person", "contact")
_NOBODY = Team(frozenset(), ())
_DAY = timedelta(days=1)


class Surrounding:
    """Staff, programmes and plan entries by id, which version of a record counts, and its neighbours."""

    def __init__(self, records: Sequence[Record], library: Library, known: Iterable[Individual] = ()) -> None:
        self.library, self._known = library, tuple(known)
        self._acquaintances: dict[tuple[str, str], Acquaintances] = {}
        self._staff: dict[str, StaffFields] = {}
        self._programs: dict[str, ProgramFields] = {}
        self._authorizations: dict[str, AuthorizationFields] = {}
        self._holding: dict[tuple[str | None, str, tuple[str, ...]], bool] = {}
        self._settings: dict[
            tuple[int, int, str], tuple[StaffFields | None, ProgramFields | None, Setting]
        ] = {}
        self._earlier: dict[tuple[str, str], list[AuthorizationFields]] = defaultdict(list)
        self.counting, self.doubled = _counting(records)
        self.entries: dict[str, PlanEntry] = {}
        for number, record in enumerate(records):
            # Most records are contacts, and it takes time to see that one is none of the others.
            if isinstance(record, Contact):
                continue
            if isinstance(record, PlanEntry):
                if number in self.counting:
                    self.entries[record.id] = record
            elif isinstance(record, Staff):
                self._staff[record.id] = self._staff[f"{record.jurisdiction}|{record.id}"] = record
            elif isinstance(record, Program):
                self._programs[record.id] = self._programs[f"{record.jurisdiction}|{record.id}"] = record
            elif isinstance(record, Authorization):
                self._authorizations[f"{record.jurisdiction}|{record.id}"] = record
                self._earlier[record.member or "", record.service or ""].append(record)
        self.overlaps: dict[str, Neighbour] = {}
        self._by_person: dict[str, list[Situation]] = defaultdict(list)
        self._by_session: dict[str, list[Situation]] = defaultdict(list)
        self._pools: dict[tuple[str, date, str], dict[str, int]] = {}
        self._judged: list[Situation] = []
        self._placed: list[Situation] = []
        self.peer_days = PeerDays()
        # What contacts are asked, by the identities of what decides it, each with one of these contacts.
        self.asked: dict[tuple[object, ...], tuple[Situation, Asked]] = {}
        # What checks found of contacts that are alike in all they look at, each with one of these contacts.
        self.kept: dict[tuple[object, ...], tuple[Any, Situation]] = {}
        self.passages = Passages()

    def setting(self, peer: StaffFields | None, program: ProgramFields | None, jurisdiction: str) -> Setting:
        """Peer and programme of a contact as they are known."""
        # Many contacts carry the same two objects; they are held, so that no others can have their identity.
        key = id(peer), id(program), jurisdiction
        told = self._settings.get(key)
        if told is None:
            told = self._settings[key] = peer, program, self._setting(peer, program, jurisdiction)
        return told[2]

    def _setting(self, peer: StaffFields | None, program: ProgramFields | None, jurisdiction: str) -> Setting:
        place = self.program(program, jurisdiction)
        return Setting(
            peer.id if peer is not None else None,
            self.staff(peer, jurisdiction),
            place,
            place.program_kind if place is not None else None,
            zone_of_program(place),
        )

    def staff(self, given: StaffFields | None, jurisdiction: str) -> StaffFields | None:
        """A staff member: as given when given whole, else the record of that id, else the id alone."""
        known = self.staff_by_id(given.id, jurisdiction) if given is not None and only_id(given) else None
        return known or given

    def staff_by_id(self, id: str | None, jurisdiction: str) -> StaffFields | None:
        """The staff record of an id, that of the same jurisdiction first."""
        return self._staff.get(f"{jurisdiction}|{id}") or self._staff.get(id or "")

    def holds_any(self, id: str | None, jurisdiction: str, codes: tuple[str, ...]) -> bool:
        """Whether the staff record of an id names a credential of these codes, in force or not."""
        key = id, jurisdiction, codes
        if key not in self._holding:
            member = self.staff_by_id(id, jurisdiction)
            held = member.credentials if member is not None else ()
            self._holding[key] = any(credential.code in codes for credential in held)
        return self._holding[key]

    def program(self, given: ProgramFields | None, jurisdiction: str) -> ProgramFields | None:
        """A programme: as given when given whole, else the record of that id, else the id alone."""
        known = self._program_by_id(given.id, jurisdiction) if given is not None and only_id(given) else None
        return known or given

    def _program_by_id(self, id: str, jurisdiction: str) -> ProgramFields | None:
        return self._programs.get(f"{jurisdiction}|{id}") or self._programs.get(id)

    def authorization(
        self, given: AuthorizationFields | None, jurisdiction: str
    ) -> AuthorizationFields | None:
        """An authorization: as given when given whole, else the record of that id, else the id alone."""
        if given is None or not only_id(given):
            return given
        return self._authorizations.get(f"{jurisdiction}|{given.id}") or given

    def earlier_authorization(self, of: AuthorizationFields) -> AuthorizationFields | None:
        """An authorization of the same member and service that began before, or None."""
        same = self._earlier.get((of.member or "", of.service or ""), ())
        before = (a for a in same if a.id != of.id and a.from_ is not None)
        return next((a for a in before if of.from_ is not None and a.from_ and a.from_ < of.from_), None)

    def place(self, situations: Collection[Situation]) -> None:
        """Put the contacts that count beside each other: by person, by session, by peer and time."""
        self._judged += situations
        placed = [situation for situation in situations if situation.counts]
        self._placed += placed
        for situation in placed:
            self._by_person[situation.person].append(situation)
            if situation.session:
                self._by_session[situation.session].append(situation)
        self._note_overlaps(placed)

    def of_person(self, id: str) -> Sequence[Situation]:
        """The contacts of one individual that took place."""
        return self._by_person.get(id, ())

    def of_day(self, id: str, day: date) -> Sequence[Situation]:
        """The contacts of one individual that took place on a day."""
        return self._by_day.get((id, day), ())

    @once
    def _by_day(self) -> Mapping[tuple[str, date], Sequence[Situation]]:
        found: dict[tuple[str, date], list[Situation]] = defaultdict(list)
        for s in self._placed:
            found[s.person, s.day].append(s)
        return found

    def pool_of(self, situation: Situation) -> Mapping[str, int]:
        """Units by contact id of the day that a situation belongs to, its minutes taken together."""
        key = pool_key(situation)
        if key not in self._pools:
            mine = [s for s in self.of_day(*key[:2]) if pool_key(s) == key and s.unit == situation.unit]
            mine.sort(key=lambda s: (s.began, s.contact.id))
            minutes = [0 if s.no_connection else s.minutes or 0 for s in mine]
            made = pooled_units(minutes, *situation.unit) if situation.unit is not None else []
            self._pools[key] = {s.contact.id: u for s, u in zip(mine, made, strict=False)}
        return self._pools[key]

    def of_session(self, session: str | None) -> Sequence[Situation]:
        """The contacts of one group session that took place."""
        return self._by_session.get(session or "", ())

    def team_of(self, id: str) -> Team:
        """Who works with one individual together: the plan's contributors, and meetings with their days."""
        return self._teams.get(id, _NOBODY)

    def starts(self, individual: str, peer: str) -> Sequence[datetime]:
        """When the contacts of one individual with one peer that took place began (UTC), in order."""
        return self._starts.get((individual, peer), ())

    def ad_hoc_since(self, individual: str, first: date, last: datetime) -> int:
        """How many ad hoc contacts of one individual took place on a day or later and began by a moment."""
        starts, days, in_order = self._ad_hoc.get(individual, ((), (), True))
        end = bisect_right(starts, last)
        if in_order:
            return end - bisect_left(days, first, 0, end)
        # A day lies in its own time zone: up to a day off from any other.
        begin = bisect_left(starts, datetime.combine(first, time(), UTC) - _DAY)
        return sum([day >= first for day in days[begin:end]])

    def before_admission(self, individual: str, last: datetime) -> tuple[int, date | None]:
        """How many contacts of one individual without an admission began by a moment, and the first day."""
        starts, first_days = self._not_admitted.get(individual, ((), ()))
        count = bisect_right(starts, last)
        return count, first_days[count - 1] if count else None

    def began_before(self, individual: str, moment: datetime) -> bool:
        """Whether an earlier contact of the individual took place."""
        starts, _ = self._by_start.get(individual, ((), ()))
        return bool(starts) and starts[0] < moment

    def entries_of(self, individual: str) -> Sequence[PlanEntry]:
        """The plan entries of one individual that count."""
        return self._entries_by_person.get(individual, ())

    @once
    def _entries_by_person(self) -> Mapping[str, Sequence[PlanEntry]]:
        found: dict[str, list[PlanEntry]] = defaultdict(list)
        for entry in self.entries.values():
            found[entry.individual.id].append(entry)
        return found

    @once
    def _teams(self) -> Mapping[str, Team]:
        members: dict[str, set[str]] = defaultdict(set)
        days: dict[str, list[date]] = defaultdict(list)
        records: list[Contact | PlanEntry] = [s.contact for s in self._placed]
        for record in (*records, *self.entries.values()):
            for told in record.collaboration:
                members[record.individual.id].update(told.with_)
                days[record.individual.id] += [told.on] if told.on is not None else []
        for entry in self.entries.values():
            if entry.plan is not None and entry.plan.contributors:
                members[entry.individual.id].update(entry.plan.contributors)
        both = members.keys() | days.keys()
        return {id: Team(frozenset(members[id]), tuple(sorted(days[id]))) for id in both}

    @once
    def _starts(self) -> Mapping[tuple[str, str], Sequence[datetime]]:
        found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for s in self._placed:
            if s.peer_id is not None and s.start is not None:
                found[s.person, s.peer_id].append(s.began)
        return {key: sorted(own) for key, own in found.items()}

    @once
    def _by_start(self) -> Mapping[str, tuple[Sequence[datetime], Sequence[Situation]]]:
        found: dict[str, list[Situation]] = defaultdict(list)
        for s in sorted([s for s in self._placed if s.start is not None], key=_began):
            found[s.person].append(s)
        return {id: ([s.began for s in own], own) for id, own in found.items()}

    @once
    def _ad_hoc(self) -> Mapping[str, tuple[Sequence[datetime], Sequence[date], bool]]:
        found = {}
        for id, (_, own) in self._by_start.items():
            ad_hoc = [s for s in own if s.service.basis == "ad-hoc"]
            days = [s.day for s in ad_hoc]
            found[id] = [s.began for s in ad_hoc], days, sorted(days) == days
        return found

    @once
    def _not_admitted(self) -> Mapping[str, tuple[Sequence[datetime], Sequence[date]]]:
        found = {}
        for id, (_, own) in self._by_start.items():
            waiting = [s for s in own if not s.state.enrolled]
            found[id] = [s.began for s in waiting], list(accumulate((s.day for s in waiting), min))
        return found

    def known_to(self, peer: str) -> Acquaintances:
        """The individuals a peer knows: those of the peer's own contacts, and those known beside the input.
        Nobody else is looked for: to point a name out would tell that its bearer is served here."""
        if ("peer", peer) not in self._acquaintances:
            own = [s.contact.individual for s in self._by_peer.get(peer, ())]
            people = [*own, *self._known]
            self._acquaintances["peer", peer] = Acquaintances((each.id, each.name) for each in people)
        return self._acquaintances["peer", peer]

    def roster_of(self, session: str) -> Acquaintances:
        """The individuals of one group session, as far as its contacts are known."""
        if ("session", session) not in self._acquaintances:
            own = [s.contact.individual for s in self.of_session(session)]
            self._acquaintances["session", session] = Acquaintances((each.id, each.name) for each in own)
        return self._acquaintances["session", session]

    @once
    def staff_names(self) -> Sequence[Known]:
        """The names of all staff of the input."""
        carried = [s.peer for s in self._placed if s.peer is not None and s.peer.name is not None]
        members = {id(member): member for member in (*self._staff.values(), *carried)}
        return names_of((member.id, member.name) for member in members.values())

    @once
    def _by_peer(self) -> Mapping[str, Sequence[Situation]]:
        found: dict[str, list[Situation]] = defaultdict(list)
        for s in self._placed:
            if s.peer_id is not None:
                found[s.peer_id].append(s)
        return found

    @once
    def texts(self) -> Texts:
        """The texts of all notes."""
        return Texts(chain.from_iterable([s.texts for s in self._judged if s.happened]))

    @once
    def notes(self) -> Notes:
        """The contacts that took place by the words of their notes."""
        return Notes(self._in_order)

    @once
    def _in_order(self) -> Sequence[Situation]:
        return sorted([s for s in self._placed if s.start is not None], key=attrgetter("began", "id"))

    def _note_overlaps(self, placed: Sequence[Situation]) -> None:
        lasting = [s for s in placed if s.gross is not None and s.gross > 0 and s.peer_id is not None]
        lasting.sort(key=attrgetter("peer_id", "began"))
        own: Iterator[AtTime[Contact]] = map(_at_its_time, lasting)
        for one, other in overlapping(own):
            self.overlaps.setdefault(one.id, other)
            self.overlaps.setdefault(other.id, one)


def overlapping(contacts: Iterable[AtTime[Placed]]) -> Iterator[tuple[Placed, Placed]]:
    """Pairs of contacts of one peer that lie at the same time in two sessions; `contacts` by peer in order of
    start."""
    # Those of the peer that go on, in order of end, and of start where they end together.
    open_: list[tuple[Any, int, str | None, str, Placed]] = []
    of_peer: str | None = None
    for place, (peer, began, ended, session, person, contact) in enumerate(contacts):
        if peer != of_peer:
            of_peer, open_ = peer, []
        if open_:
            del open_[: bisect_right(open_, began, key=_first)]
            del open_[:-OPEN_AT_ONCE]
            for _, _, other_session, other_person, other in open_:
                if not session or session != other_session or person == other_person:
                    yield other, contact
                    break
        insort(open_, (ended, place, session, person, contact))


def pool_key(s: Situation) -> tuple[str, date, str]:
    """Whose minutes are taken together where a pack pools a day: person, day, programme and code."""
    program = s.contact.program.id if s.contact.program is not None else ""
    return s.contact.individual.id, s.day, f"{program}|{s.code}"


def _counting(records: Sequence[Record]) -> tuple[frozenset[int], frozenset[int]]:
    # The highest version counts; of two records of one id and version the first.
    best: dict[tuple[str, str], int] = {}
    doubled: set[int] = set()
    for number, record in enumerate(records):
        if not isinstance(record, COUNTED):
            continue
        told = vars(record)
        key = told["kind"], told["id"]
        first = best.setdefault(key, number)
        held = records[first]
        if first == number or not isinstance(held, COUNTED):
            continue
        if record.version > held.version:
            best[key] = number
        elif record.version == held.version and record != held:
            doubled.add(first)
    return frozenset(best.values()), frozenset(doubled)
