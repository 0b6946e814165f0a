"""Field by field: what one field of a contact says is in its Bundle, whatever others like it said before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from mappings.fhir.bundle import ChartLinks, NotFit, contact_bundle
from mappings.fhir.carried import fields_of
from mappings.fhir.elements import to_bytes
from mappings.fhir.writing import Writer
from mappings.findings import Judgement
from mappings.intake import Alike, Refused, read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, Part, PlanEntry, Program, Staff
from tests.generator import generate
from tests.intake_makers import NOW

Json = dict[str, Any]
# Of these the writer asks whether they are the same as a whole, whatever is in them.
_WHOLE = ("peer", "program", "authorization", "claim")
CLOCK = datetime.fromisoformat(NOW) + timedelta(weeks=20)
# What a field may say instead; where it repeats, alone in its list.
_OTHERS: dict[str, tuple[object, ...]] = {
    "String": (' say "\\', "a\x00b", "us-id"),
    "Boolean": (True, False),
    "Integer": (0, 2),
    "Decimal": (2,),
    "Date": ("2026-03-01",),
    "DateTime": ("2025-12-31T23:50:00-05:00", "2026-11-01T01:30:00.5-04:00"),
}


def _others(model: type[Part], data: Json) -> Iterator[tuple[str, Json]]:
    """The data of a part with one field after another saying something else, and which it is."""
    for field in fields_of(model):
        if field.name == "kind":
            continue
        held = data.get(field.name)
        yield field.name, {**data, field.name: None}
        if field.model is not None:
            inside = held if isinstance(held, list) else [held]
            for name, each in _others(field.model, (inside and inside[-1]) or {}):
                said = [*inside[:-1], each] if field.repeats else each
                yield f"{field.name}.{name}", {**data, field.name: said}
            if field.repeats and held:
                yield field.name, {**data, field.name: [*held, held[0]]}
        else:
            for other in _OTHERS[str(field.value)]:
                yield field.name, {**data, field.name: [other] if field.repeats else other}


def _weekly(one: Json, weeks: range) -> Iterator[Json]:
    """The data of a contact in later weeks, as far as its times are in order to be moved."""
    for week in weeks:
        made, later = deepcopy(one), timedelta(weeks=week)
        made["id"] = f"{one['id']}-{week}"
        places = [(made, "start"), (made, "end"), (made.get("note") or {}, "edited_at")]
        for holder, name in [*places, *((each, "at") for each in made.get("signatures") or ())]:
            if holder.get(name) is not None:
                holder[name] = (datetime.fromisoformat(holder[name]) + later).isoformat()
        yield made


def _office() -> tuple[Surroundings, list[Json]]:
    lines = [one.line for one in generate(seed=31, records=120, bad=0)]
    known = [read_record(line) for line in lines]
    program = next(one for one in known if isinstance(one, Program))
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    entries = {one.id: one for one in known if isinstance(one, PlanEntry)}
    contacts = [json.loads(line) for line in lines if json.loads(line)["kind"] == "contact"]
    return Surroundings(staff, program, entries), contacts


def _in_group(contacts: list[Json]) -> Json:
    """A targeted contact in a group, with a co-signature."""
    targeted = next(one for one in contacts if one["service"].get("basis") == "targeted")
    group = next(one["group"] for one in contacts if one.get("group"))
    return {**targeted, "group": group, "signatures": [targeted["signatures"][0], _cosigned(contacts)]}


def _cosigned(contacts: list[Json]) -> Json:
    signature: Json = _before_admission(contacts)["signatures"][1]
    return {**signature, "at": "2026-06-25T10:00:00-04:00"}


def _before_admission(contacts: list[Json]) -> Json:
    return next(one for one in contacts if len(one["signatures"]) == 2)


class _Both:
    """What the writer and the ordinary way say of contacts."""

    def __init__(self, around: Surroundings) -> None:
        self.around, self.kept, self.asked = around, Alike(), 0
        self.writer = Writer(load(), CLOCK)

    def differ(self, data: Json) -> bool:
        """Whether the two say something else of a contact; not of one that is no record at all."""
        try:
            one = read_record(json.dumps(data), self.kept)
        except Refused:
            return False
        assert isinstance(one, Contact)
        self.asked += 1
        judged = Judgement(one.id, "contact", one.version, "ready", "none", 2, 2, (), 30 + self.asked % 20)
        return self._written(one, judged) != self._ordinary(one, judged)

    def _written(self, one: Contact, judged: Judgement) -> bytes | str:
        try:
            return self.writer.contact(one, judged, self.around)
        except NotFit as error:
            return str(error)

    def _ordinary(self, one: Contact, judged: Judgement) -> bytes | str:
        try:
            return to_bytes(contact_bundle(one, judged, self.around, (), ChartLinks(), load(), CLOCK))
        except NotFit as error:
            return str(error)


@pytest.mark.parametrize("kind", [_in_group, _before_admission])
def test_each_field_alone_may_say_something_else(kind: Callable[[list[Json]], Json]) -> None:
    around, contacts = _office()
    first, both = kind(contacts), _Both(around)
    said = [both.differ(each) for each in _weekly(first, range(3))]
    differing = []
    for name, other in _others(Contact, first):
        # Into the form of those before it, and then into a form of its own.
        again: Iterable[Json] = () if name.split(".")[0] in _WHOLE else _weekly(other, range(4, 6))
        for each in (other, *again):
            if both.differ(each):
                differing.append(name)
    assert differing == [] and not any(said) and both.asked > 1_000
