"""A record mapped out and read back is the same record: of every kind, of many seeds, and of odd words."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.fhir.bundle import ChartLinks, contact_bundle, plan_bundle
from mappings.fhir.carried import fields_of
from mappings.fhir.elements import to_bytes
from mappings.fhir.reading.not_carried import NOT_CARRIED
from mappings.fhir.reading.records import Located, Reading, pruned, read_records
from mappings.fhir.writing import Writer
from mappings.fhir.xml import from_xml, to_xml
from mappings.intake import read_record, write_record
from mappings.library import load
from mappings.office import Surroundings, known_individuals, named
from mappings.records import KINDS, Contact, PlanEntry, Program, Record, Staff
from mappings.rules import judge
from smart_launch.strict_json import loads_object
from tests.generator import generate
from tests.intake_makers import NOW
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, library

Json = dict[str, Any]
CLOCK = datetime.fromisoformat(NOW)


def located(bundles: Sequence[Json]) -> Iterator[Located]:
    for number, bundle in enumerate(bundles, start=1):
        for place, each in enumerate(bundle["entry"], start=1):
            yield Located(f"bundle {number}", f"bundle {number}, {place}", each["resource"], each["fullUrl"])


def back(bundles: Sequence[Json]) -> Reading:
    return read_records(located(bundles), load(), CLOCK.date())


def _sent(bundle: Json) -> Json:
    """The Bundle as a stranger reads its bytes."""
    return loads_object(to_bytes(bundle))


def settled(record: Record) -> Json:
    """What a record says, apart from what NOT_CARRIED names."""
    data = cast(Json, pruned(write_record(record)))
    for name in ("peer", "program"):
        if name in data:
            data[name] = {"id": data[name]["id"]}
    data.get("group", {}).pop("recipients", None)
    if data.get("kind") == "staff":
        left_out = [each.partition(".")[2] for each in NOT_CARRIED if each.startswith("staff.")]
        data = {name: value for name, value in data.items() if name not in left_out}
    return data


def _judged(seed: int, records: int) -> tuple[list[Record], list[Json]]:
    """Generated records as they are mapped, and the Bundles that they go out in."""
    known = [read_record(one.line) for one in generate(seed=seed, records=records, bad=0)]
    judged = {one.id: one for one in judge(known, load(), CLOCK)}
    people = known_individuals(one for one in known if isinstance(one, Contact))
    known = [named(one, people) if isinstance(one, PlanEntry) else one for one in known]
    around = Surroundings(
        {one.id: one for one in known if isinstance(one, Staff)},
        next(one for one in known if isinstance(one, Program)),
        {one.id: one for one in known if isinstance(one, PlanEntry)},
    )
    writer, made = Writer(load(), CLOCK), []
    for one in known:
        if isinstance(one, Contact):
            made.append(writer.contact(one, judged[one.id], around))
        elif isinstance(one, PlanEntry):
            made.append(writer.plan(around.plan_of(one), around))
    return known, [loads_object(each) for each in made]


def _same(wanted: Sequence[Record], read: Reading) -> None:
    found = {(each.kind, each.id): settled(each) for each in read.records}
    for each in wanted:
        if each.kind != "authorization":
            assert found[each.kind, each.id] == settled(each)


@lru_cache(maxsize=4)
def _generated(seed: int) -> tuple[list[Record], list[Json]]:
    return _judged(seed, 510)


@pytest.mark.parametrize("seed", [3, 7, 11, 2026])
def test_generated_records_come_back_as_they_went_out_and_nothing_is_left_unread(seed: int) -> None:
    known, bundles = _generated(seed)
    read = back(bundles)
    _same(known, read)
    assert [each for each in read.remarks if not each.kept] == []


@pytest.mark.parametrize("kind", c.KINDS)
def test_a_contact_of_each_kind_comes_back_as_it_went_out(kind: str) -> None:
    of, around = c.contact(c.KINDS[kind]), c.surroundings()
    bundle = contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW)
    read = back([_sent(bundle)])
    _same([of], read)
    assert [each for each in read.remarks if not each.kept] == []


@pytest.mark.parametrize("record", [c.ENTRY, c.TARGETED_ENTRY, c.CHILD_ENTRY], ids=lambda each: each["id"])
def test_a_plan_entry_of_each_kind_comes_back_as_it_went_out(record: Json) -> None:
    of = c.entry(record)
    read = back([_sent(plan_bundle([of], c.surroundings(), (), ChartLinks(), library(), c.NOW))])
    _same([of], read)


@pytest.mark.parametrize("kind", ["planned", "pre-admission", "group"])
def test_fhir_xml_says_the_same(kind: str) -> None:
    of, around = c.contact(c.KINDS[kind]), c.surroundings()
    bundle = contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW)
    assert back([from_xml(to_xml(bundle))]).records == back([_sent(bundle)]).records


def _stored(bundles: Sequence[Json]) -> Iterator[Located]:
    """The resources as a server keeps them and a bulk export gives them: ids and references of its own, one
    resource for each condition, a file for each type."""
    kept: dict[str, Json] = {}
    for number, bundle in enumerate(bundles):
        names, new = {}, []
        for place, each in enumerate(bundle["entry"]):
            kind, asked = each["resource"]["resourceType"], each["request"]
            key = f"{kind}?{asked.get('ifNoneExist') or f'{number} {place}'}"
            if key not in kept:
                kept[key] = {"id": str(len(kept))}
                new.append((key, place))
            names[each["fullUrl"]] = f"{kind}/{kept[key]['id']}"
        text = json.dumps([each["resource"] for each in bundle["entry"]])
        for url, name in names.items():
            text = text.replace(url, name)
        moved = json.loads(text)
        for key, place in new:
            kept[key] |= moved[place]
    for place, resource in enumerate(sorted(kept.values(), key=lambda each: str(each["resourceType"]))):
        yield Located("", f"line {place}", resource)


def test_a_bulk_export_of_the_store_that_took_them_says_the_same() -> None:
    known, bundles = _judged(5, 90)
    _same(known, read_records(list(_stored(bundles)), load(), CLOCK.date()))


PIECES = ("a", "b c", " ", "  ", "Zé", "-", ".", "\n", "\n\n", "PURPOSE\n", "\n\nRESPONSE\nno", "word " * 12)
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join).filter(str.strip)
MAYBE = st.none() | TEXTS
WORDS = st.none() | st.sampled_from(["lcsw", "x", "two words"])
DAYS = st.none() | st.sampled_from(["2026-01-05", "2026-02-28"])
MOMENTS = st.sampled_from([None, "2026-03-04T10:30:00.250000-05:00"])
FLAGS = st.sampled_from([None, True, False])


def state(status: str, at: str | None) -> Json:
    return {"status": status, "at": at}


ODD = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["finished", "no-show", "cancelled", None, "in-progress", "lost"]),
        "note": st.none()
        | st.fixed_dictionaries(
            dict.fromkeys(("purpose", "response", "progress", "outcome", "own_words"), MAYBE)
            | {"goals": st.lists(st.sampled_from(["G-1", "G-2"]), max_size=2), "data_verified": FLAGS}
        ),
        "staff": st.lists(st.fixed_dictionaries({"id": WORDS, "category": WORDS, "role": WORDS}), max_size=2),
        "recipients": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["individual", "family", "collateral", "pet", None]),
                    "name": st.sampled_from([None, {"given": ["Jo"], "family": "Farrell"}]),
                    "relationship": WORDS,
                    "attachment": FLAGS,
                }
            ),
            max_size=3,
        ),
        "risk": st.none()
        | st.fixed_dictionaries(
            {"seen": FLAGS, "notified": WORDS, "at": MOMENTS}
        ),
        "consents": st.lists(
            st.fixed_dictionaries({"scope": WORDS, "from": DAYS, "to": DAYS, "revoked_at": DAYS}), max_size=2
        ),
        "collaboration": st.lists(
            st.fixed_dictionaries(
                {"on": DAYS, "with": st.lists(st.just("1900000039"), max_size=2), "reference": WORDS}
            ),
            max_size=2,
        ),
        "claim": st.none()
        | st.fixed_dictionaries(
            {"code": WORDS, "modifiers": st.just(["HQ", "U1"]), "units": st.integers(-5, 2**31 - 1)}),
        "technical_failure": FLAGS,
        "excluded_minutes": st.integers(0, 20),
        "diagnoses": st.lists(
            st.fixed_dictionaries({"code": WORDS, "rank": st.sampled_from([None, 1, 2])}), max_size=2
        ),
        "relates_to": st.sampled_from(
            [None, {"id": "ENC-1", "how": "appends"}, {"id": "ENC-1", "how": "mends"}, {"how": "replaces"}]
        ),
        "engagement": st.sampled_from(
            [
                None,
                {"goal": "See", "goal_on": "2026-03-01"},
                {"history": [state("admitted", "2026-01-05T09:00:00-05:00")], "goal": "See"},
                {"history": [state("undecided", "2025-01-01"), state("declined", "2025-02-01"),
                             state("undecided", "2026-01-01")]},
                {"history": [state("admitted", "2026-01-05"), state("strange", None)]},
                {"history": [state("undecided", "2026-01-05"), state("admitted", "2030-01-01")]},
            ]
        ),
    }
)  # fmt: skip
PERSONS = st.sampled_from(
    [{}, {"gender": None}, {"gender": "unknown"}, {"gender": "x"}, {"name": None},
     {"identifier_system": None},
     {"address": {"lines": ["1 Mill St"], "city": "Albany", "state": "NY", "postal_code": "12207"}}]
)  # fmt: skip
SERVICES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["adult", "strange", None]),
        "code": st.sampled_from([None, "H0038", "H9999"]),
        "basis": st.sampled_from([None, "planned", "ad-hoc", "strange"]),
        "plan_entry": st.sampled_from([None, "PLAN-70002-1", "PLAN/9"]),
        "place": WORDS,
        "rationale": MAYBE,
        "rationale_ref": st.sampled_from([None, {"id": "TEAM-1"}, {"id": "TEAM-1", "on": "2026-03-01"}]),
        "accompaniment": st.sampled_from([None, {"requested": True, "travel_minutes": 0}]),
    }
)


@settings(max_examples=40, deadline=None)
@given(ODD, PERSONS, SERVICES, st.sampled_from([None, "enc-1"]), st.booleans())
def test_a_contact_of_odd_words_and_gaps_comes_back_as_it_went_out(
    odd: Json, person: Json, service: Json, visit: str | None, cosigned: bool
) -> None:
    record = copy.deepcopy(c.PLANNED) | odd | {"ehr": {"encounter": visit}}
    record["individual"] |= person
    record["service"] |= service
    if cosigned:
        last = record["signatures"][-1]
        second = {**last, "meaning": "second-cosigner", "by": "1900000039", "category": "lcsw"}
        record["signatures"] = [*record["signatures"], {**second, "licence_to": "2027-06-30"}]
    of, around = c.contact(record), c.surroundings()
    bundle = contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW)
    read = back([_sent(bundle)])
    (found,) = [each for each in read.records if each.kind == "contact"]
    assert settled(found) == settled(of)
    assert [each for each in read.remarks if not each.kept] == []


def test_every_version_of_a_contact_is_read() -> None:
    around, made = c.surroundings(), []
    for kind in ("planned", "correction"):
        of = c.contact(c.KINDS[kind])
        made.append(_sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW)))
    read = back(made)
    assert sorted(each.version for each in read.records if isinstance(each, Contact)) == [1, 2]


def test_what_an_ehr_got_is_read_as_far_as_its_elements_and_the_text_say_it() -> None:
    of, around = c.contact(c.PRE_ADMISSION), c.surroundings()
    bundle = contact_bundle(of, c.judgement(of), around, (), EHR, library(), c.NOW)
    read = read_records(located([_sent(bundle)]), load(), CLOCK.date(), "us-ny")
    (found,) = [each for each in read.records if isinstance(each, Contact)]
    assert found.note is not None and of.note is not None
    assert (found.note.purpose, found.note.outcome) == (of.note.purpose, of.note.outcome)
    assert (found.start, found.end, found.individual.id) == (of.start, of.end, "MRN-70001")
    assert [each.meaning for each in found.signatures] == ["author", "cosigner"]
    assert any("which is not among what was given" in each.reason for each in read.remarks)


def test_words_that_are_not_those_of_the_signed_text_do_not_count() -> None:
    record = c.changed(c.PLANNED, note__response="First line.\nSecond line.")
    of, around = c.contact(record), c.surroundings()
    bundle = _sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW))
    text = json.dumps(bundle).replace("First line.\\nSecond line.", "Another story.")
    read = back([json.loads(text)])
    (found,) = [each for each in read.records if isinstance(each, Contact)]
    assert found.note is not None and found.note.response == "First line.\nSecond line."
    assert any("not those of the text that was signed" in each.reason for each in read.remarks)


def test_a_signature_without_a_provenance_is_said() -> None:
    of, around = c.contact(c.PRE_ADMISSION), c.surroundings()
    bundle = _sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW))
    bundle["entry"] = [each for each in bundle["entry"] if each["resource"]["resourceType"] != "Provenance"]
    assert sum("without a Provenance" in each.reason for each in back([bundle]).remarks) == 2


def test_what_was_entered_in_error_comes_back_so() -> None:
    of, around = c.contact(c.PLANNED), c.surroundings()
    bundle = _sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW))
    c.one(bundle, "DocumentReference")["status"] = "entered-in-error"
    (found,) = [each for each in back([bundle]).records if isinstance(each, Contact)]
    assert found.status == "entered-in-error"


def test_what_carries_a_modifier_is_not_read_and_said() -> None:
    of, around = c.contact(c.PLANNED), c.surroundings()
    bundle = _sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW))
    c.one(bundle, "DocumentReference")["modifierExtension"] = [{"url": "urn:x", "valueBoolean": True}]
    read = back([bundle])
    assert any(each.element == "modifierExtension" for each in read.remarks)
    assert all(
        each.note is None or each.note.response is None for each in read.records if isinstance(each, Contact)
    )


def test_whatever_is_not_carried_is_a_field_of_a_record() -> None:
    for path in NOT_CARRIED:
        kind, *steps = path.split(".")
        if kind == "*":
            continue
        model: Any = KINDS[kind]
        for step in steps:
            found = next(each for each in fields_of(model) if each.name == step)
            model = found.model


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inside):
        yield value, key
        yield from _places(each)


SPOILT: tuple[Any, ...] = (
    *(
        None,
        "",
        [],
        {},
        "x",
        ["x"],
        {"x": 1},
        [{}],
        True,
        -1,
        [None],
        [[1]],
        {"reference": 5},
        [{"url": "u"}],
    ),
    "2026-99-99T1",
)


@pytest.mark.parametrize("kind", ["planned", "pre-admission", "visit"])
def test_whatever_stands_in_a_resource_it_is_read_or_said_and_nothing_breaks(kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311 - which places are spoilt is no secret
    of, around = c.contact(c.KINDS[kind]), c.surroundings()
    bundle = _sent(contact_bundle(of, c.judgement(of), around, (), ChartLinks(), library(), c.NOW))
    whole = len(back([bundle]).records)
    for _ in range(60):
        spoilt = copy.deepcopy(bundle)
        resources = [each["resource"] for each in spoilt["entry"]]
        for holder, key in chance.sample(list(_places(resources)), 3):
            if key != "resourceType" and holder is not resources:
                holder[key] = copy.deepcopy(chance.choice(SPOILT))
        read = back([spoilt])
        assert read.remarks or len(read.records) >= whole - 1
