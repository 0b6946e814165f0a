"""What stands around a contact: the staff, the programme and the plan entries that its ids mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from functools import cached_property

from mappings.days import zone_named
from mappings.records import AuthorizationFields, Contact, Individual, PlanEntry, ProgramFields, StaffFields
from mappings.situation import only_id


@dataclass(frozen=True)
class Surroundings:
    """Staff by id, the programme, plan entries and authorizations by id, as far as they are known."""

    staff: Mapping[str, StaffFields] = field(default_factory=dict)
    program: ProgramFields | None = None
    plan_entries: Mapping[str, PlanEntry] = field(default_factory=dict)
    authorizations: Mapping[str, AuthorizationFields] = field(default_factory=dict)

    def member(self, staff_id: str, carried: StaffFields | None = None) -> StaffFields:
        """The staff member of an id: carried whole, else the registry's record, else the id alone."""
        if carried is not None and carried.id == staff_id and carried.name is not None:
            return carried
        found = self.staff.get(staff_id) or (carried if carried and carried.id == staff_id else None)
        # Not validated: an id may be blank here, which the gate then names.
        return found or StaffFields.model_construct(id=staff_id)

    def program_of(self, carried: ProgramFields | None) -> ProgramFields | None:
        """The programme a record names: carried whole, else ours of the same id, else the id alone."""
        ours = self.program
        if carried is None or (ours is not None and ours.id == carried.id and carried.name is None):
            return ours
        return carried

    def zone_of(self, carried: ProgramFields | None, start: datetime | None) -> tzinfo | None:
        """The programme's time zone; without one the offset of `start` (None when there is neither)."""
        program = self.program_of(carried)
        named = zone_named(program.time_zone) if program and program.time_zone else None
        return named or (start.tzinfo if start is not None else None)

    def day_of(self, contact: Contact) -> date | None:
        """The day of service: that of the start in the programme's time zone."""
        if contact.start is None:
            return None
        return contact.start.astimezone(self.zone_of(contact.program, contact.start)).date()

    def entry_of(self, contact: Contact) -> PlanEntry | None:
        """The plan entry the contact delivers, where it is known and belongs to the same individual."""
        name = contact.service.plan_entry if contact.service else None
        found = self.plan_entries.get(name) if name else None
        return found if found and found.individual.id == contact.individual.id else None

    def authorization_of(self, contact: Contact) -> AuthorizationFields | None:
        """The authorization the contact names: carried whole, else the known one of that id, else by id."""
        carried = contact.authorization
        if carried is None or not only_id(carried):
            return carried
        return self.authorizations.get(carried.id, carried)

    def plan_of(self, entry: PlanEntry) -> tuple[PlanEntry, ...]:
        """All known entries of the entry's plan, in order of id; the entry alone where it names no plan."""
        if entry.plan is None or entry.plan.id is None:
            return (entry,)
        same = self._plans.get(_plan(entry), ())
        return tuple(sorted({each.id: each for each in [*same, entry]}.values(), key=lambda each: each.id))

    def entries_of(self, individual: str) -> Sequence[PlanEntry]:
        """The known plan entries of an individual, in the order in which they are known."""
        return self._by_individual.get(individual, ())

    @cached_property
    def _plans(self) -> Mapping[tuple[str, str | None], Sequence[PlanEntry]]:
        # Of a year's plans one is looked for at each contact.
        found: dict[tuple[str, str | None], list[PlanEntry]] = {}
        for each in self.plan_entries.values():
            found.setdefault(_plan(each), []).append(each)
        return found

    @cached_property
    def _by_individual(self) -> Mapping[str, Sequence[PlanEntry]]:
        found: dict[str, list[PlanEntry]] = {}
        for each in self.plan_entries.values():
            found.setdefault(each.individual.id, []).append(each)
        return found


def known_individuals(contacts: Iterable[Contact]) -> dict[str, Individual]:
    """What the contacts of one input say of each individual, by id: the last one with an identifier system.

    An id that stands in two identifier systems may mean two people, and is left out.
    """
    known: dict[str, Individual] = {}
    systems: dict[str, set[str]] = {}
    for one in (contact.individual for contact in contacts):
        if one.identifier_system:
            systems.setdefault(one.id, set()).add(one.identifier_system)
            known[one.id] = one
    return {key: one for key, one in known.items() if len(systems[key]) == 1}


def named(entry: PlanEntry, known: Mapping[str, Individual]) -> PlanEntry:
    """The plan entry with what the contacts say of its individual, where it names the individual by id alone.

    Without it the plan would be the plan of a second Patient, one without identifier system and name.
    """
    own, other = entry.individual, known.get(entry.individual.id)
    if other is None or own.identifier_system is not None:
        return entry
    wanted = ("identifier_system", "name", "birth_date", "gender", "address")
    filled = {name: getattr(own, name) or getattr(other, name) for name in wanted}
    return entry.model_copy(update={"individual": own.model_copy(update=filled)})


def _plan(entry: PlanEntry) -> tuple[str, str | None]:
    return entry.individual.id, entry.plan.id if entry.plan else None
