"""All records of one input together: who counts, who is who, and what lies beside what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mappings.library import Library
from mappings.records import Contact, PlanEntry, Program, ProgramFields, Record, Staff, StaffFields
from mappings.situation import Situation, only_id

# More contacts of one peer at one moment than any group has; the ones that end last are kept.
OPEN_AT_ONCE = 40


class Surrounding:
    """Staff, programmes and plan entries by id, which version of a record counts, and its neighbours."""

    def __init__(self, records: Sequence[Record], library: Library) -> None:
        self.library = library
        self._staff: dict[str, StaffFields] = {}
        self._programs: dict[str, ProgramFields] = {}
        for record in records:
            if isinstance(record, Staff):
                self._staff[record.id] = self._staff[f"{record.jurisdiction}|{record.id}"] = record
            elif isinstance(record, Program):
                self._programs[record.id] = self._programs[f"{record.jurisdiction}|{record.id}"] = record
        self.counting, self.doubled = _counting(records)
        self.entries: Mapping[str, PlanEntry] = {
            r.id: r for n, r in enumerate(records) if isinstance(r, PlanEntry) and n in self.counting
        }
        self.overlaps: dict[str, Contact] = {}
        self._by_person: dict[str, list[Situation]] = defaultdict(list)
        self._by_session: dict[str, list[Situation]] = defaultdict(list)

    def staff(self, given: StaffFields | None, jurisdiction: str) -> StaffFields | None:
        """A staff member: as given when given whole, else the record of that id, else the id alone."""
        if given is None or not only_id(given):
            return given
        return self.staff_by_id(given.id, jurisdiction) or given

    def staff_by_id(self, id: str | None, jurisdiction: str) -> StaffFields | None:
        """The staff record of an id, that of the same jurisdiction first."""
        return self._staff.get(f"{jurisdiction}|{id}") or self._staff.get(id or "")

    def program(self, given: ProgramFields | None, jurisdiction: str) -> ProgramFields | None:
        """A programme: as given when given whole, else the record of that id, else the id alone."""
        if given is None or not only_id(given):
            return given
        return self._programs.get(f"{jurisdiction}|{given.id}") or self._programs.get(given.id) or given

    def place(self, situations: Iterable[Situation]) -> None:
        """Put the contacts that count beside each other: by person, by session, by peer and time."""
        by_peer: dict[str, list[Situation]] = defaultdict(list)
        for situation in situations:
            if not situation.happened:
                continue
            self._by_person[situation.contact.individual.id].append(situation)
            group = situation.contact.group
            if group is not None and group.session:
                self._by_session[group.session].append(situation)
            if situation.contact.peer is not None and (situation.gross or 0) > 0:
                by_peer[situation.contact.peer.id].append(situation)
        for own in by_peer.values():
            self._note_overlaps(own)

    def of_person(self, id: str) -> Sequence[Situation]:
        """The contacts of one individual that took place."""
        return self._by_person.get(id, ())

    def of_session(self, session: str | None) -> Sequence[Situation]:
        """The contacts of one group session that took place."""
        return self._by_session.get(session or "", ())

    def _note_overlaps(self, own: list[Situation]) -> None:
        own.sort(key=lambda s: _utc(s.contact.start))
        open_: list[Situation] = []
        for situation in own:
            open_ = [o for o in open_ if _utc(o.contact.end) > _utc(situation.contact.start)][-OPEN_AT_ONCE:]
            for other in open_:
                if not _same_session(other.contact, situation.contact):
                    self.overlaps.setdefault(other.contact.id, situation.contact)
                    self.overlaps.setdefault(situation.contact.id, other.contact)
                    break
            open_.append(situation)
            open_.sort(key=lambda o: _utc(o.contact.end))


def _counting(records: Sequence[Record]) -> tuple[frozenset[int], frozenset[int]]:
    # The highest version counts; of two records of one id and version the first.
    best: dict[tuple[str, str], int] = {}
    doubled: set[int] = set()
    for number, record in enumerate(records):
        if not isinstance(record, Contact | PlanEntry):
            continue
        key = (record.kind, record.id)
        first = best.setdefault(key, number)
        held = records[first]
        if first == number or not isinstance(held, Contact | PlanEntry):
            continue
        if record.version > held.version:
            best[key] = number
        elif record.version == held.version and record != held:
            doubled.add(first)
    return frozenset(best.values()), frozenset(doubled)


def _same_session(one: Contact, other: Contact) -> bool:
    if one.group is None or other.group is None or not one.group.session:
        return False
    return one.group.session == other.group.session and one.individual.id != other.individual.id


def _utc(moment: datetime | None) -> datetime:
    return (moment or datetime.min.replace(tzinfo=UTC)).astimezone(UTC)
