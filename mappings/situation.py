"""One record as a rule sees it: with its peer, programme, plan entry, day, minutes and engagement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from mappings.coding import Coding, coding_of
from mappings.contact_seen import Lasting, Signed, signed_of
from mappings.days import covers, offset_of
from mappings.encounters import awaits_table, rows_for, table_of
from mappings.engagement import State, state_at
from mappings.language import SIGNS, Hit
from mappings.once import by_identity, once
from mappings.records import (
    AuthorizationFields,
    Contact,
    Coverage,
    Engagement,
    FiledClaim,
    Group,
    Note,
    PlanEntry,
    ProgramFields,
    Service,
    StaffFields,
)
from mappings.repeats import Compared, compared
from mappings.units import counted_minutes, units_of, whole_minutes

if TYPE_CHECKING:
    from mappings.in_force import DayPack
    from mappings.library import Library
    from mappings.library_parts import Code
    from mappings.peer_days import PeerOnDay
    from mappings.surroundings import Surrounding

HAPPENED = ("finished", "in-progress")
DID_NOT_HAPPEN = ("planned", "cancelled", "no-show", "entered-in-error")
STATUSES = (*HAPPENED, *DID_NOT_HAPPEN)
APPENDS = "appends"
# Made without its model, which is built when a record of it is first read.
_NO_SERVICE, _ID_ALONE = Service.model_construct(), frozenset({"id"})
_TOLD = itemgetter("purpose", "response", "progress", "outcome", "own_words")
_payer = attrgetter("payer")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def counts(contact: Contact) -> bool:
    """Whether it is a contact of its own that took place. What appends to another note is none: the guidance
    is silent on addenda, and to count one again would bill, cap and overlap one and the same meeting."""
    added = contact.relates_to is not None and contact.relates_to.how == APPENDS
    return contact.status not in DID_NOT_HAPPEN and not added


class Situation:
    """A contact with everything its rules ask for."""

    asks, certificate = False, ""
    # An object with more than thirty values of its own would keep a table of their names for itself alone.
    # These stand in the order in which they are found.
    __slots__ = (  # noqa: RUF023
        "__dict__", "contact", "around", "now", "doubled", "id", "person", "note", "jurisdiction",
        "version", "peer_id", "session", "related", "service", "program", "peer", "is_group", "claim",
        "filed", "status", "happened", "counts", "excluded", "start", "end", "zone", "day", "began", "ended",
        "travel", "gross", "minutes", "state", "pack", "unit", "pooled", "signed",
    )  # fmt: skip

    def __init__(self, contact: Contact, around: Surrounding, now: datetime, doubled: bool = False) -> None:
        self.contact, self.around, self.now, self.doubled = contact, around, now, doubled
        # What many checks ask for stands here too: to ask a pydantic model costs ten times as much.
        told = vars(contact)
        self.id: str = told["id"]
        self.person: str = told["individual"].id
        self.note: Note | None = told["note"]
        self.jurisdiction: str = told["jurisdiction"]
        self.version: int = told["version"]
        group, relation = told["group"], told["relates_to"]
        self.session: str | None = group.session if group is not None else None
        self.related: str | None = relation.id if relation is not None else None
        self.service: Service = told["service"] or _NO_SERVICE
        setting = around.setting(told["peer"], told["program"], self.jurisdiction)
        self.peer_id, self.peer, self.program, kind, zone = setting
        # Whether it is, or looks like, a group of people of different records.
        self.is_group = self.service.format == "group" or (group is not None and _of_several(group))
        self.claim: FiledClaim | None = told["claim"]
        # Whether units were filed elsewhere for this contact.
        self.filed: bool = self.claim is not None and (self.claim.units or 0) > 0
        self.status: str | None = told["status"]
        # Whether the contact took place or is taking place; one of unknown status is judged in full.
        self.happened = self.status not in DID_NOT_HAPPEN
        self.counts = self.happened and (relation is None or counts(contact))
        self.excluded: int = told["excluded_minutes"]
        self._see_its_time(told["start"], told["end"], zone)
        self._see_what_is_in_force(told["engagement"], kind)
        # The signatures in their order.
        self.signed: list[Signed] = list(map(signed_of, told["signatures"]))

    def _see_its_time(self, start: datetime | None, end: datetime | None, zone: tzinfo | None) -> None:
        self.start, self.end = start, end
        self.zone = zone or offset_of(start)
        # The calendar day of `start` where the programme is; without a start the day of the clock.
        self.day: date = (start or self.now).astimezone(self.zone).date()
        # In UTC, the first of all moments where they are missing: to sort contacts by, and to compare moments
        # of one zone, which is many times faster than those of two.
        self.began: datetime = start.astimezone(UTC) if start is not None else _LONG_AGO
        self.ended: datetime = end.astimezone(UTC) if end is not None else _LONG_AGO
        going = self.service.accompaniment
        # Minutes of travel without support.
        self.travel: int = (going.travel_minutes or 0) if going is not None else 0
        # Full minutes from start to end, and those that count: without excluded ones and without travel; None
        # while one of the times is missing.
        self.gross: int | None = None
        self.minutes: int | None = None
        if start is not None and end is not None:
            self.gross = whole_minutes(self.ended - self.began)
            self.minutes = counted_minutes(self.gross, self.excluded, self.travel)

    def _see_what_is_in_force(self, engagement: Engagement | None, kind: str | None) -> None:
        # The engagement at the start of the contact.
        self.state: State = state_at(engagement, self.start or self.now, self.zone)
        # What is in force where and when the contact took place, and for its payer; None without a pack.
        self.pack: DayPack | None = pack_of(self.contact, self.around.library, kind, self.day)
        # Minutes of one unit and their rounding, None where neither the pack nor its table says; and whether
        # the minutes of all contacts of a day make units together.
        self.unit: tuple[int, str] | None = None
        self.pooled = False
        if self.pack is not None:
            self.unit, self.pooled, awaits = _units_of(self.pack)
            if awaits:
                self.unit = self._unit_of_rows()

    @property
    def library(self) -> Library:
        """All rules and tables."""
        return self.around.library

    @once
    def shared(self) -> dict[object, Any]:
        """What helpers answered that several checks ask."""
        return {}

    def pack_value(self, name: str) -> Any:
        """The value of a parameter of the pack, or None where it has none."""
        return self.pack.value(name) if self.pack is not None else None

    @once
    def coverage(self) -> Coverage | None:
        """The coverage that the claim goes to on the day."""
        return coverage_of(self.contact, self.pack, self.day)

    @once
    def authorization(self) -> AuthorizationFields | None:
        """The authorization the contact names: as given when given whole, else the record of that id."""
        return self.around.authorization(self.contact.authorization, self.contact.jurisdiction)

    @property
    def asked_on(self) -> date | None:
        """The day on which the payer was asked; a contact knows the first day of the authorization alone."""
        return self.authorization.from_ if self.authorization is not None else None

    @once
    def code(self) -> str | None:
        """The procedure code: the contact's own, else the pack's."""
        return self.service.code or self.pack_value("code.individual")

    @once
    def encounter_rows(self) -> list[Code]:
        """The rows of the place's table of service encounters that fit; empty where it has none loaded."""
        if self.pack is None or not awaits_table(self.pack):
            return []
        filed = self.contact.claim.modifiers if self.contact.claim is not None else None
        table = table_of(self.around.library, self.pack)
        return rows_for(table, self.code, self.service.format, self.day, filed)

    @once
    def entry(self) -> PlanEntry | None:
        """The plan entry the contact names, where it is known."""
        return self.around.entries.get(self.service.plan_entry or "")

    @property
    def no_connection(self) -> bool:
        """Whether a telehealth contact could not be delivered."""
        return self.contact.technical_failure is True and self.service.place == "telehealth"

    def _unit_of_rows(self) -> tuple[int, str] | None:
        found = {(r.properties["unit_minutes"], r.properties["rounding"]) for r in self.encounter_rows}
        return found.pop() if len(found) == 1 else None

    @once
    def units(self) -> int:
        """Units of this contact before any cap; where a day is pooled, those that it adds to the day's."""
        if self.minutes is None or self.no_connection or self.unit is None:
            return 0
        if self.pooled and self.counts:
            return self.around.pool_of(self).get(self.contact.id, 0)
        return units_of(self.minutes, *self.unit)

    @once
    def lasting(self) -> Lasting:
        """How long it lasted, and what was filed for it."""
        claim, units = self.claim, self.units
        return Lasting(
            self.start is not None,
            self.end is not None,
            self.ended < self.began,
            self.gross,
            self.excluded,
            self.travel,
            self.minutes,
            units,
            claim is not None,
            claim.units if claim is not None else None,
            self.no_connection,
            units == 0 and self.pooled and any(self.around.pool_of(self).values()),
        )

    @once
    def wording(self) -> Mapping[str, list[Hit]]:
        """What the language help finds in the peer's text, by word list; own words are left alone."""
        if self.pack is None or self.note is None:
            return {}
        lists = self.pack.word_lists()
        near = self.around.texts.near(lists, self.texts)
        return lists.hits([each for each in self.peer_texts if each[1] in near]) if near else {}

    @once
    def compared(self) -> Compared:
        """The parts of the note that tell what was so this time, to compare notes by."""
        return compared(self.note, self.around.passages)

    @once
    def texts(self) -> Sequence[str | None]:
        """The texts of the whole note, the person's own words too; None for a part that is not there."""
        if self.note is None:
            return ()
        return (*_TOLD(vars(self.note)), vars(self.service)["rationale"])

    @once
    def edited(self) -> datetime | None:
        """When the note was last changed, in UTC."""
        edited = vars(self.note)["edited_at"] if self.note is not None else None
        return edited.astimezone(UTC) if edited is not None else None

    @once
    def peer_texts(self) -> list[tuple[str, str | None]]:
        """What the peer wrote: the intake path and the text of each part of the note."""
        if self.note is None:
            return []
        told = vars(self.note)
        return [
            ("note.purpose", told["purpose"]),
            ("note.response", told["response"]),
            ("note.progress", told["progress"]),
            ("note.outcome", told["outcome"]),
            ("service.rationale", self.service.rationale),
        ]

    def signs(self, name: str) -> list[Hit]:
        """What a list of signs finds in the peer's text; it is only asked where something else was found."""
        lists = self.pack.word_lists(SIGNS) if self.pack is not None else None
        return list(lists.hits(self.peer_texts).get(name, ())) if lists is not None else []

    @once
    def peer_day(self) -> PeerOnDay:
        """The peer on the day, shared with the other contacts of that day."""
        return self.around.peer_days.on(self.peer, self.day, self.service.type, self.pack)

    @property
    def peer_known(self) -> bool:
        """Whether more than the peer's id is known."""
        return self.peer_day.peer_known

    @once
    def codes(self) -> Coding:
        """The codes and yes-or-noes of the contact."""
        return coding_of(self)

    def latest(self, signed: list[Signed]) -> Signed | None:
        """The latest of these signatures on this version, else the latest of them at all."""
        if len(signed) > 1:
            signed = sorted(signed, key=lambda x: (x.version == self.version, _instant(x.at)))
        return signed[-1] if signed else None

    def day_of(self, moment: datetime) -> date:
        """The calendar day of a moment where the programme is."""
        return moment.astimezone(self.zone).date()


def _of_several(group: Group) -> bool:
    return len(set(group.recipients)) > 1 or (group.attendees or 0) > 1


@by_identity
def _units_of(pack: DayPack) -> tuple[tuple[int, str] | None, bool, bool]:
    """Minutes of one unit with their rounding, whether a day's are pooled, and whether a table says them
    instead."""
    per_unit = pack.value("unit.minutes")
    unit = (per_unit, pack.value("unit.rounding") or "floor") if per_unit else None
    return unit, pack.value("unit.pooling") == "per-day", awaits_table(pack)


def coverage_of(contact: Contact, pack: DayPack | None, day: date) -> Coverage | None:
    """The coverage that a claim of the day goes to: of those in force the first to pay whose class the pack
    is for, else the first to pay."""
    in_force = [c for c in contact.individual.coverages if covers(c.from_, c.to, day)]
    if len(in_force) < 2:
        return in_force[0] if in_force else None
    in_force.sort(key=lambda c: c.order if c.order is not None else 99)
    classes = (pack.value("payer.classes") or ()) if pack is not None else ()
    return next((c for c in in_force if c.class_ in classes), in_force[0])


def pack_of(contact: Contact, library: Library, program_kind: str | None, day: date) -> DayPack | None:
    """What is in force for a contact: by its place, day and kind of programme, then by its payer."""
    jurisdiction = contact.jurisdiction
    pack, payers = library.on(jurisdiction, day, program_kind), library.payers_of(jurisdiction)
    if pack is None or payers.isdisjoint(map(_payer, contact.individual.coverages)):
        return pack
    coverage = coverage_of(contact, pack, day)
    return library.on(jurisdiction, day, program_kind, coverage.payer if coverage else None)


class PlanSituation:
    """A plan entry with everything its rules ask for."""

    def __init__(self, entry: PlanEntry, around: Surrounding, now: datetime) -> None:
        self.entry, self.around, self.now = entry, around, now
        self.program = around.program(entry.program, entry.jurisdiction)


def plan_day(entry: PlanEntry, now: datetime) -> date:
    """The day whose rules judge a plan entry: the first of its plan, else the day of the clock."""
    start = entry.plan.from_ if entry.plan is not None else None
    return start or now.date()


def only_id(fields: StaffFields | ProgramFields | AuthorizationFields) -> bool:
    """Whether a staff member, programme or authorization is given by id alone."""
    if fields.model_fields_set <= _ID_ALONE:
        return True
    return not any(value for name, value in vars(fields).items() if name != "id")


def _instant(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0
