"""What a record says beyond the elements of FHIR: extensions of our own, named in one table.

They are written into a store of the programme's own alone: an EHR gets what its chart needs. What each part
holds follows from the records, so that writing, reading and the published definitions are the same table.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from mappings.fhir.elements import EXTENSIONS, Json, lasting, made_once, stamp, xml_can_hold
from mappings.records import Contact, Part, PlanEntry, ProgramFields

CONTACT_RECORD = f"{EXTENSIONS}/contact-record"
PLAN_ENTRY_RECORD = f"{EXTENSIONS}/plan-entry-record"
PROGRAM_RECORD = f"{EXTENSIONS}/program-record"
# The part that names what the record does not say, where FHIR or our own output asks for something.
ABSENT = "absent"

# In this order: a yes or no is a whole number to Python, and a time is a day.
_VALUES: tuple[tuple[type, str], ...] = (
    (bool, "Boolean"),
    (int, "Integer"),
    (Decimal, "Decimal"),
    (datetime, "DateTime"),
    (date, "Date"),
    (str, "String"),
)
_LARGEST = 2**31
_MOST_KEPT, _LONGEST_KEPT = 4_096, 64
_EMPTY: tuple[Any, ...] = ()
_NOTHING = (None, _EMPTY)
Add = Callable[[list[Json], Any], None]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record's part: attribute, name in the intake record, FHIR type of its value (None for a
    part of its own, then with its model), and whether it repeats."""

    attribute: str
    name: str
    value: str | None
    model: type[Part] | None
    repeats: bool


@lru_cache(maxsize=64)
def fields_of(model: type[Part]) -> tuple[Field, ...]:
    """The fields of a part in order."""
    return tuple(
        _field(attribute, info.alias or attribute, info.annotation)
        for attribute, info in model.model_fields.items()
    )


def _field(attribute: str, name: str, annotation: Any) -> Field:
    kinds, repeats = _unfold(annotation)
    model = next((kind for kind in kinds if issubclass(kind, Part)), None)
    value = None if model else next((said for kind, said in _VALUES if kind in kinds), "String")
    return Field(attribute, name, value, model, repeats)


def _unfold(annotation: Any) -> tuple[list[Any], bool]:
    """The plain types in an annotation, and whether they stand in a list."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return ([annotation] if isinstance(annotation, type) else []), False
    if origin is typing.Annotated:
        return _unfold(annotation.__origin__)
    found = [_unfold(each) for each in typing.get_args(annotation) if each is not Ellipsis]
    return [kind for kinds, _ in found for kind in kinds], origin is tuple or any(many for _, many in found)


def _adds(name: str, field: Field) -> Add:
    """What adds the values of a field under a name: a list one by one; what is empty is left out."""
    one = _adds_part(name, field.model) if field.model else _adds_value(name, str(field.value))
    if not field.repeats:
        return one

    def many(found: list[Json], values: Any) -> None:
        for each in values:
            one(found, each)

    return many


def _adds_part(name: str, model: type[Part]) -> Add:
    known = fields_of(model)
    adds = [(field.attribute, _adds(field.name, field)) for field in known]
    # Two times may be equal with other offsets, and two decimals with other digits: these are made anew.
    made_anew = [each.attribute for each in known if each.model or each.value in ("DateTime", "Decimal")]
    key_of = itemgetter(known[0].attribute, *(each.attribute for each in known))
    # Records of one person, and of one office, have most of their parts in common.
    kept: dict[Any, Json] = {}

    def part(found: list[Json], value: Any) -> None:
        said = value.__dict__
        for attribute in made_anew:
            if said[attribute] not in _NOTHING:
                add_made(found, said)
                return
        key = key_of(said)
        one = kept.get(key)
        if one is not None:
            found.append(one)
        elif add_made(found, said) and len(kept) < _MOST_KEPT and _short(key):
            kept[key] = lasting(found[-1])

    def add_made(found: list[Json], said: dict[str, Any]) -> bool:
        inside: list[Json] = []
        for attribute, add in adds:
            held = said[attribute]
            if held is not None:
                add(inside, held)
        if inside:
            found.append({"url": name, "extension": inside})
        return bool(inside)

    return part


def _short(values: Iterable[Any]) -> bool:
    return all(type(each) is not str or len(each) <= _LONGEST_KEPT for each in values)


def _adds_value(name: str, kind: str) -> Add:
    key = f"value{kind}"
    # Most values are the same few words; a text of its own is not kept.
    kept: dict[str, Json] = {}

    def text(found: list[Json], value: str) -> None:
        said = kept.get(value)
        if said is None:
            # FHIR knows no empty text and no control characters.
            if not value.strip() or not xml_can_hold(value):
                return
            said = {"url": name, key: value}
            if len(value) <= _LONGEST_KEPT and len(kept) < _MOST_KEPT:
                kept[value] = lasting(said)
        found.append(said)

    def time(found: list[Json], value: date | datetime) -> None:
        found.append({"url": name, key: stamp(value)})

    def truth(found: list[Json], value: bool) -> None:
        found.append(truths[value])

    def number(found: list[Json], value: Any) -> None:
        if type(value) is not int or -_LARGEST <= value < _LARGEST:
            found.append({"url": name, key: value})

    truths = (lasting({"url": name, key: False}), lasting({"url": name, key: True}))
    adds: dict[str, Add] = {"String": text, "Date": time, "DateTime": time, "Boolean": truth}
    return adds.get(kind, number)


@dataclass(frozen=True, slots=True)
class Carried:
    """One part of an extension: its name, the attributes on the way to it from the record, its field, and
    what adds a value of it."""

    name: str
    path: tuple[str, ...]
    field: Field
    add: Add

    def of(self, record: Any) -> Any:
        """What the record says there; None where nothing stands on the way."""
        for step in self.path:
            if record is None:
                return None
            record = record.__dict__[step]
        return record


def _table(model: type[Part], *paths: str) -> dict[str, Carried]:
    """Parts by name; a path such as "service.format" becomes the part "service-format"."""
    made = [_carried(model, path.split(".")) for path in paths]
    return {each.name: each for each in made}


def _carried(model: type[Part], steps: list[str]) -> Carried:
    attributes = []
    for step in steps:
        field = next(each for each in fields_of(model) if each.name == step)
        attributes.append(field.attribute)
        model = field.model or model
    name = "-".join(step.replace("_", "-") for step in steps)
    return Carried(name, tuple(attributes), field, _adds(name, field))


CONTACT = _table(
    Contact,
    *("jurisdiction", "status", "program.id", "peer.id", "individual.gender", "individual.coverages"),
    *("engagement.goal", "engagement.goal_on", "engagement.history", "staff", "recipients"),
    *("service.type", "service.code", "service.format", "service.place", "service.modality"),
    *("service.location", "service.components", "service.basis", "service.plan_entry"),
    *("service.rationale", "service.rationale_ref", "service.accompaniment", "service.voluntary"),
    *("excluded_minutes", "technical_failure", "group.session", "group.attendees"),
    *("note.purpose", "note.response", "note.progress", "note.outcome", "note.own_words"),
    *("note.goals", "note.data_verified", "note.edited_at", "risk", "consents", "clinical_input"),
    *("collaboration", "diagnoses", "authorization", "claim", "ehr.encounter", "relates_to", "signatures"),
)
PLAN_ENTRY = _table(
    PlanEntry,
    *("version", "jurisdiction", "program.id", "individual.gender", "individual.coverages", "status"),
    *("basis", "service_type", "plan.replaces", "plan.diagnoses", "plan.review_due", "plan.contributors"),
    *("goal", "frequency", "event.on", "collaboration", "signatures"),
)
PROGRAM = _table(
    ProgramFields,
    *("medicaid_id", "program_kind", "population", "time_zone", "part2", "licences", "enrolments"),
    "policies",
)
# Every extension of a record: its address, what it is about, where it stands and its parts.
RECORDS = {
    CONTACT_RECORD: ("What the record of a contact says beyond the elements", "DocumentReference", CONTACT),
    PLAN_ENTRY_RECORD: (
        "What the record of a plan entry says beyond the elements", "ServiceRequest", PLAN_ENTRY,
    ),
    PROGRAM_RECORD: ("What the record of a programme says beyond the elements", "Organization", PROGRAM),
}  # fmt: skip


class Walk:
    """The way along several parts of a record: those that stand beside each other are looked at together."""

    __slots__ = ("_stops",)

    def __init__(self, carried: Iterable[Carried]) -> None:
        grouped = groupby(carried, key=lambda one: one.path[:-1])
        self._stops = [(way, [(one.path[-1], one.add) for one in there]) for way, there in grouped]

    def __call__(self, record: object, found: list[Json]) -> None:
        """Add what the record says of each part to those found; what it does not say is left out."""
        for way, adds in self._stops:
            held: dict[str, Any] | None = record.__dict__
            for step in way:
                part = held[step] if held is not None else None
                held = part.__dict__ if part is not None else None
            if held is None:
                continue
            for attribute, add in adds:
                value = held[attribute]
                if value is not None and value is not _EMPTY:
                    add(found, value)


def parts(record: object, carried: Iterable[Carried]) -> list[Json]:
    """The parts of an extension for what a record says of each; what it does not say is left out."""
    found: list[Json] = []
    Walk(carried)(record, found)
    return found


def absent(names: Iterable[str]) -> list[Json]:
    """Parts that name what the record does not say though an element says something."""
    return [_absent(name) for name in names]


@made_once
def _absent(name: str) -> Json:
    return {"url": ABSENT, "valueCode": name}


def program_extension(program: ProgramFields) -> list[Json]:
    """The extension of a programme's Organization; none where the record says no more than its name."""
    found = parts(program, PROGRAM.values())
    return [{"url": PROGRAM_RECORD, "extension": found}] if found else []
