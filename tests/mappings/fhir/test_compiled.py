"""The compiled checks never pass what the whole gate refuses, and pass what is ordinarily written."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mappings.fhir import gate
from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle
from mappings.fhir.compiled import Met
from mappings.fhir.elements import LASTING, NotFit, lasting, to_bytes
from mappings.fhir.writing import Writer
from mappings.intake import read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry, Program, Record, Staff
from mappings.rules import judge
from tests.generator import generate
from tests.intake_makers import NOW

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*-*.json"))
BUNDLES = [each for each in GOLDEN if json.loads(each.read_bytes()).get("resourceType") == "Bundle"]
SPOILT: tuple[Any, ...] = (
    *(None, "", " ", [], {}, "bogus code", "a\x07b", "no day", "2026-02-30", True, -1, 1.5),
    *("urn:uuid:00000000-0000-0000-0000-000000000000", ["x"], {"x": 1}, [{}], "<div/>", 2**31),
)
CLOCK = datetime.fromisoformat(NOW)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in the data: its holder and its key or number."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inside):
        yield value, key
        yield from _places(each)


@pytest.mark.parametrize("file", BUNDLES, ids=lambda file: file.stem)
def test_what_is_written_is_told_to_be_good_without_the_whole_gate(file: Path) -> None:
    bundle = json.loads(file.read_bytes())
    assert gate.known_good(bundle, Met())
    assert gate.findings(bundle) == []


@pytest.mark.parametrize("file", BUNDLES, ids=lambda file: file.stem)
def test_nothing_that_the_whole_gate_refuses_passes_the_compiled_checks(file: Path) -> None:
    bundle = json.loads(file.read_bytes())
    gate.check(bundle)
    chance, refused = random.Random(file.stem), 0  # noqa: S311 - which places are spoilt is no secret
    places = list(_places(bundle))
    for holder, key in chance.sample(places, min(len(places), 60)):
        for spoilt in (..., *chance.sample(SPOILT, 3)):
            refused += _refused_by_both(bundle, holder, key, spoilt)
    assert refused > 50
    assert gate.known_good(bundle, Met())


def _refused_by_both(bundle: Any, holder: Any, key: Any, spoilt: Any) -> bool:
    kept = copy.copy(holder)
    if spoilt is ...:
        del holder[key]
    else:
        holder[key] = spoilt
    good, found = gate.known_good(bundle, Met()), gate.findings(bundle)
    holder.clear()
    holder.update(kept) if isinstance(holder, dict) else holder.extend(kept)
    assert not (good and found), (key, spoilt, found)
    return bool(found)


def test_bundles_as_bytes_are_those_of_the_bundles_as_data() -> None:
    known = [read_record(one.line) for one in generate(seed=17, records=150, bad=0)]
    for part2 in (False, True):
        assert _as_bytes(known, part2) == _as_data(known, part2)


def test_what_may_not_leave_is_refused_as_bytes_with_the_same_words() -> None:
    known = [read_record(one.line) for one in generate(seed=19, records=60, bad=0)]
    spoilt = [_spoilt(one) if isinstance(one, Contact) else one for one in known]
    written = _as_bytes(spoilt, part2=False)
    assert written == _as_data(spoilt, part2=False)
    assert any("control character" in one for one in written if isinstance(one, str))


def _spoilt(contact: Contact) -> Contact:
    name = contact.individual.name
    spoilt = name.model_copy(update={"family": "Mo\x07ss"}) if name else None
    return contact.model_copy(update={"individual": contact.individual.model_copy(update={"name": spoilt})})


def _around(known: list[Record], part2: bool) -> Surroundings:
    program = next(one for one in known if isinstance(one, Program)).model_copy(update={"part2": part2})
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    return Surroundings(staff, program, {one.id: one for one in known if isinstance(one, PlanEntry)})


def _as_bytes(known: list[Record], part2: bool) -> list[bytes | str]:
    around, writer, found = _around(known, part2), Writer(load(), CLOCK), list[bytes | str]()
    judged = {(one.id, one.kind): one for one in judge(known, load(), CLOCK)}
    for one in [*known, *known]:
        try:
            if isinstance(one, Contact):
                found.append(writer.contact(one, judged[one.id, one.kind], around))
            elif isinstance(one, PlanEntry):
                found.append(writer.plan(around.plan_of(one), around))
        except NotFit as error:
            found.append(str(error))
    return found


def _as_data(known: list[Record], part2: bool) -> list[bytes | str]:
    around, found = _around(known, part2), list[bytes | str]()
    judged = {(one.id, one.kind): one for one in judge(known, load(), CLOCK)}
    rest = (), ChartLinks(), load(), CLOCK
    for one in [*known, *known]:
        try:
            if isinstance(one, Contact):
                found.append(to_bytes(contact_bundle(one, judged[one.id, one.kind], around, *rest)))
            elif isinstance(one, PlanEntry):
                found.append(to_bytes(plan_bundle(around.plan_of(one), around, *rest)))
        except NotFit as error:
            found.append(str(error))
    return found


def test_what_lasts_is_never_changed_by_those_who_write_it() -> None:
    known = [read_record(one.line) for one in generate(seed=23, records=60, bad=0)]
    written = _as_bytes(known, part2=False)
    before = {key: to_bytes(part) for key, part in LASTING.items()}
    assert _as_bytes(known, part2=True) != written
    assert _as_data(known, part2=False) == written
    assert {key: to_bytes(LASTING[key]) for key in before} == before


def test_a_part_that_lasts_is_checked_before_it_counts_as_right() -> None:
    bundle = json.loads(next(each for each in BUNDLES if each.stem == "contact-telehealth").read_bytes())
    resource = next(
        each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == "Encounter"
    )
    for spoilt in ({"coding": [{"system": "urn:x", "code": " "}]}, {"text": ""}, {}):
        resource["type"] = [lasting(spoilt)]
        for _ in range(2):
            assert not gate.known_good(bundle, Met())
        assert gate.findings(bundle)
    resource["type"] = [lasting({"text": "A visit"})]
    for _ in range(2):
        assert gate.known_good(bundle, Met())
