"""What is written into a form is what its layout makes as data; whatever the gate refuses is not written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from mappings.fhir import gate
from mappings.fhir.bundle import ChartLinks, contact_parts
from mappings.fhir.compiled import Met
from mappings.fhir.elements import entry, identifier, narrated, reference, to_bytes
from mappings.fhir.forms import Forms
from mappings.fhir.part2 import label
from mappings.fhir.repeated import Formed
from mappings.intake import read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, Program, Staff
from mappings.rules import judge
from tests.generator import generate
from tests.intake_makers import NOW

CLOCK = datetime.fromisoformat(NOW)
SPOILT: dict[type, tuple[Any, ...]] = {
    str: (
        *(
            "",
            " ",
            "a\x07b",
            "<b>",
            "</ul></div>",
            "a & b",
            'a "b" \\ c',
            "%b %s %",
            "\ue0021\ue002",
            "|",
            "/",
        ),
        *("2026-02-30", "2026-03-04", "2026-03-04T10:00:00Z", "no day", "finished", "é\u2028\U0001f600"),
        *("urn:uuid:00000000-0000-0000-0000-000000000000", "x" * 300, "zz==", "AAAA", " a", "a\nb", "a\tb"),
    ),
    int: (-1, 0, 1, 2**31 - 1, 2**31),
    dict: (
        *({}, {"x": 1}, {"reference": "Patient/1"}, {"type": "Patient"}, {"text": "a"}, {"text": " "}),
        *(
            {"reference": "urn:uuid:00000000-0000-0000-0000-000000000000", "type": "Encounter"},
            {"display": "a"},
        ),
        *({"resourceType": "Patient"}, {"system": "urn:x", "code": "a b"}, {"code": "a"}),
    ),
    list: ([], [{}], ["a"], [{"text": "a"}], [{"url": "x", "valueString": "a"}], [{"text": "a"}, {"x": 1}]),
}


def _formed() -> Iterator[Formed]:
    known = [read_record(one.line) for one in generate(seed=31, records=80, bad=0)]
    program = next(one for one in known if isinstance(one, Program))
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    around = Surroundings(staff, program, {one.id: one for one in known if isinstance(one, PlanEntry)})
    judged = {(one.id, one.kind): one for one in judge(known, load(), CLOCK)}
    for one in known:
        if isinstance(one, Contact):
            given = one, judged[one.id, one.kind], around, (), ChartLinks(), load(), CLOCK
            yield from (each for each in contact_parts(*given)[0] if isinstance(each, Formed))


FORMED = list(_formed())
LAYOUTS = sorted({each.layout for each in FORMED}, key=lambda layout: str(layout.__module__))


def _forms(part2: bool = False) -> Forms:
    """Forms that have met everything before."""
    forms = Forms()
    for one in [*FORMED, *FORMED]:
        forms.filled(one, part2, {})
    return forms


def _as_data(one: Formed, part2: bool) -> dict[str, Any]:
    made = one.entry()
    if part2:
        label(made)
    return made


@pytest.mark.parametrize("part2", [False, True])
def test_every_entry_in_its_form_is_the_entry_as_data(part2: bool) -> None:
    forms = _forms(part2)
    for one in FORMED:
        found, made, met = forms.filled(one, part2, {}), _as_data(one, part2), Met()
        assert gate.passes_entry(made, met)
        assert found is not None
        assert found.data == to_bytes(made)
        assert found.kind == made["resource"]["resourceType"]
        assert sorted(found.references, key=str) == sorted(met.references, key=str)


@pytest.mark.parametrize("part2", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.__module__).rpartition(".")[2])
def test_whatever_stands_in_a_field_is_written_as_data_would_be_or_left_to_it(
    layout: Any, part2: bool
) -> None:
    own = [each for each in FORMED if each.layout is layout]
    sheet: Any = type(own[0].sheet)
    forms, chance, written, left = _forms(part2), random.Random(5), 0, 0  # noqa: S311 - no secret
    for one in chance.sample(own, min(len(own), 6)):
        for at, field in enumerate(one.sheet):
            for spoilt in SPOILT.get(type(field), ()):
                changed = Formed(layout, sheet(*one.sheet[:at], spoilt, *one.sheet[at + 1 :]))
                found = forms.filled(changed, part2, {})
                if found is None:
                    left += 1
                    continue
                written += 1
                made, met = _as_data(changed, part2), Met()
                assert gate.passes_entry(made, met), (at, spoilt)
                assert found.data == to_bytes(made), (at, spoilt)
                assert sorted(found.references, key=str) == sorted(met.references, key=str)
    assert written > 100
    assert left > 100


def test_a_part_that_was_right_in_one_place_is_asked_again_in_another() -> None:
    forms = _forms()
    one = next(each for each in FORMED if each.entry()["resource"]["resourceType"] == "Encounter")
    sheet: Any = one.sheet
    swapped = sheet._replace(subject=sheet.provider, provider=sheet.subject)
    same: dict[int, Any] = {}
    assert forms.filled(one, False, same) is not None
    assert forms.filled(Formed(one.layout, swapped), False, same) is None


def test_an_entry_whose_like_was_not_there_before_is_left_to_data() -> None:
    forms, one = Forms(), FORMED[0]
    assert forms.filled(one, False, {}) is None
    found = forms.filled(one, False, {})
    assert found is not None
    assert found.data == to_bytes(one.entry())


class _Sheet(NamedTuple):
    url: str
    name: str


def _unlike(of: _Sheet) -> dict[str, Any]:
    """A layout that looks at what it lays out, as none may."""
    resource = {
        "resourceType": "Organization",
        "text": narrated("Office", None),
        "active": True,
        "name": of.name.upper(),
    }
    return entry(of.url, resource, identifier("program", of.name))


def _referring(of: _Sheet) -> dict[str, Any]:
    """A layout that makes a reference by itself."""
    resource = {
        "resourceType": "Organization",
        "active": True,
        "name": "Office",
        "partOf": reference(of.name, to="Organization"),
    }
    return entry(of.url, resource, None)


@pytest.mark.parametrize("layout", [_unlike, _referring])
def test_a_layout_of_which_no_form_can_be_made_is_left_to_data(layout: Any) -> None:
    forms, one = Forms(), Formed(layout, _Sheet("urn:uuid:00000000-0000-4000-8000-000000000000", "office"))
    assert gate.passes_entry(one.entry(), Met())
    for _ in range(4):
        assert forms.filled(one, False, {}) is None
