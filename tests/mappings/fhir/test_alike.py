"""Contacts that are alike are written into the form of an earlier one: the bytes stay those of the Bundle."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from weakref import ref
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.fhir import alike, writing
from mappings.fhir.bundle import ChartLinks, NotFit, contact_bundle
from mappings.fhir.elements import to_bytes
from mappings.fhir.forms import cut
from mappings.fhir.people import People
from mappings.fhir.writing import Writer
from mappings.findings import Judgement
from mappings.intake import Alike, read_record
from mappings.library import load
from mappings.office import Surroundings
from mappings.records import (
    Contact,
    Coverage,
    Diagnosis,
    Engagement,
    Group,
    Individual,
    Location,
    Name,
    Note,
    Part,
    PlanEntry,
    Program,
    Recipient,
    Record,
    Service,
    Signature,
    Staff,
)
from mappings.rules import judge
from tests.generator import generate
from tests.intake_makers import NOW

CLOCK = datetime.fromisoformat(NOW)
# Each part of a record, and where its Bundle's dependence on it is looked after.
_SAID = {
    Contact: {
        *("kind", "id", "version", "jurisdiction", "status", "program", "individual", "engagement", "peer"),
        *("staff", "service", "start", "end", "excluded_minutes", "technical_failure", "recipients", "group"),
        *("note", "risk", "consents", "clinical_input", "collaboration", "diagnoses", "authorization"),
        *("claim", "ehr", "relates_to", "signatures"),
    },
    Note: {
        *("purpose", "response", "progress", "outcome", "own_words", "goals", "data_verified", "edited_at"),
    },
    Group: {"session", "attendees", "recipients"},
    Engagement: {"goal", "goal_on", "history"},
    Service: {
        *("type", "code", "format", "place", "modality", "location", "components", "basis", "plan_entry"),
        *("rationale", "rationale_ref", "accompaniment", "voluntary"),
    },
    Location: {"kind", "name"},
    Recipient: {"role", "name", "relationship", "attachment"},
    Diagnosis: {"code", "rank", "by"},
    Signature: {"meaning", "by", "category", "licence_from", "licence_to", "at", "version"},
}
texts = st.one_of(
    st.text(max_size=130),
    st.sampled_from(
        [
            'say "hi"',
            'said "hi",',
            "back\\slash",
            "two\nlines",
            "  ",
            "\x07",
            "PURPOSE",
            "é" * 120,
            "a b " * 40,
        ]
    ),
)


@lru_cache(maxsize=1)
def _known() -> tuple[Sequence[Record], dict[str, Judgement]]:
    kept = Alike()
    known = [read_record(one.line, kept) for one in generate(seed=31, records=120, bad=0)]
    return known, {one.id: one for one in judge(known, load(), CLOCK)}


def _contacts() -> list[Contact]:
    return [one for one in _known()[0] if isinstance(one, Contact)]


def _around(part2: bool = False) -> Surroundings:
    known, _ = _known()
    program = next(one for one in known if isinstance(one, Program)).model_copy(update={"part2": part2})
    staff = {one.id: one for one in known if isinstance(one, Staff)}
    return Surroundings(staff, program, {one.id: one for one in known if isinstance(one, PlanEntry)})


def _weekly(contact: Contact, weeks: int) -> Iterator[Contact]:
    """The contact and those of the weeks after it."""
    for week in range(weeks):
        later, note = timedelta(weeks=week, minutes=week), contact.note
        signed = [each.model_copy(update={"at": each.at and each.at + later}) for each in contact.signatures]
        changes = {
            "id": f"{contact.id}-{week}",
            "start": contact.start and contact.start + later,
            "end": contact.end and contact.end + later,
            "note": note and note.model_copy(update={"purpose": f"To look at step {week} of the plan"}),
            "signatures": tuple(signed),
        }
        yield contact.model_copy(update=changes)


def _both_ways(writer: Writer, one: Contact, judged: Judgement, around: Surroundings) -> list[bytes | str]:
    """What the writer says of a contact, and what the Bundle as data says."""
    found: list[bytes | str] = []
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: writer.contact(one, judged, around),
        lambda: to_bytes(contact_bundle(one, judged, around, (), ChartLinks(), load(), CLOCK)),
    )
    for make in ways:
        try:
            found.append(make())
        except NotFit as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("part2", [False, True])
def test_contacts_of_week_after_week_have_the_bytes_of_their_bundles(
    part2: bool, forms_used: list[str]
) -> None:
    around, writer, judged = _around(part2), Writer(load(), CLOCK), _known()[1]
    for contact in _contacts():
        for week, one in enumerate(_weekly(contact, 4)):
            minutes = judged[contact.id].minutes
            said = replace(judged[contact.id], minutes=minutes and minutes + week, units=week)
            written, data = _both_ways(writer, one, said, around)
            assert written == data
    assert len(forms_used) > 2 * len(_contacts())


@settings(max_examples=60, deadline=None)
@given(words=st.lists(texts, min_size=5, max_size=5), id=texts.filter(str.strip), session=texts)
def test_whatever_is_said_it_is_written_or_refused_as_the_bundle_is(
    words: list[str], id: str, session: str
) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.group is not None)
    names = ("purpose", "response", "progress", "outcome", "own_words")
    said = dict(zip(names, words, strict=True))
    for one in [*_weekly(first, 3)]:
        _both_ways(writer, one, _known()[1][first.id], around)
    assert one.note and one.group
    odd = {
        "note": one.note.model_copy(update=said),
        "group": one.group.model_copy(update={"session": session}),
    }
    for changes in ({"id": id}, odd, {"id": id, **odd}):
        written, data = _both_ways(writer, one.model_copy(update=changes), _known()[1][first.id], around)
        assert written == data


@pytest.mark.parametrize("part", ["id", "session", "purpose", "response", "progress", "outcome", "own_words"])
@pytest.mark.parametrize("end", ['",', "\\", ",", '"', '","'])
def test_words_that_end_as_json_parts_its_texts_stay_in_their_place(part: str, end: str) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.group is not None)
    for one in [*_weekly(first, 3)]:
        _both_ways(writer, one, _known()[1][first.id], around)
    assert one.note and one.group
    # What is too long for one line of the note's text is carried beside it, word for word.
    said, long = f"Said {end}", one.note.model_copy(update={"response": "word " * 40 + "end."})
    changes = {
        "id": {"id": said},
        "session": {"group": one.group.model_copy(update={"session": said})},
    }.get(part, {"note": long.model_copy(update={part: "word " * 40 + said})})

    written, data = _both_ways(writer, one.model_copy(update=changes), _known()[1][first.id], around)

    assert written == data


@settings(max_examples=60, deadline=None)
@given(
    words=st.tuples(texts, texts, texts, texts),
    covers=st.lists(st.builds(Coverage, payer=texts, member_id=texts, order=st.integers(0, 3)), max_size=2),
    has_plan=st.booleans(),
)
def test_another_person_who_comes_for_the_same_is_written_as_the_bundle_is(
    words: tuple[str, str, str, str], covers: list[Coverage], has_plan: bool
) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.service and one.service.basis == "ad-hoc")
    for one in _weekly(first, 2):
        _both_ways(writer, one, _known()[1][first.id], around)
    id, system, why, goal = words
    person = Individual(id=id if id.strip() else "P-2", identifier_system=system, gender="female")
    assert one.service and one.engagement
    changes = {
        "id": "of-another",
        "individual": person.model_copy(update={"coverages": tuple(covers)}),
        "service": one.service.model_copy(
            update={"rationale": why, "plan_entry": "PLAN-2" if has_plan else one.service.plan_entry}
        ),
        "engagement": one.engagement.model_copy(update={"goal": goal}),
    }
    other = one.model_copy(update=changes)
    for each in _weekly(other, 3):
        written, data = _both_ways(writer, each, _known()[1][first.id], around)
        assert written == data


def test_the_contacts_of_another_person_are_written_into_the_same_form(forms_used: list[str]) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.service and one.service.basis == "ad-hoc")
    person = Individual(id="P-2", identifier_system="urn:example:mrn", gender="female")
    for who in (first.individual, person.model_copy(update={"coverages": first.individual.coverages})):
        one = first.model_copy(update={"individual": who, "id": f"of-{who.id}"})
        written, data = _both_ways(writer, one, _known()[1][first.id], around)
        assert written == data
    assert "of-P-2" in forms_used


FAMILY = (
    Recipient(role="individual"),
    Recipient(role="family", relationship="Sister", name=Name(given=("Ann",), family="Lee")),
    Recipient(role="collateral", name=Name(family="Ortiz")),
)


def _with_family(one: Contact, names: Sequence[Name | None], components: Sequence[str]) -> Contact:
    assert one.service
    came = [each.model_copy(update={"name": name}) for each, name in zip(FAMILY, names, strict=True)]
    service = one.service.model_copy(update={"components": tuple(components)})
    return one.model_copy(update={"recipients": tuple(came), "service": service})


def test_contacts_with_the_family_of_another_person_are_written_into_the_same_form(
    forms_used: list[str],
) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.service and one.service.basis == "ad-hoc")
    person = first.individual.model_copy(update={"id": "P-2"})
    for who, name, code in ((first.individual, "Lee", "A-EBT"), (person, "Okafor", "A-CRIS")):
        named = _with_family(first, (None, Name(family=name), Name(given=(name,))), [code])
        one = named.model_copy(update={"individual": who, "id": f"of-{who.id}"})
        written, data = _both_ways(writer, one, _known()[1][first.id], around)
        assert written == data
    assert "of-P-2" in forms_used


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.none() | st.builds(Name, family=texts | st.just("Lee")), min_size=3, max_size=3),
    st.lists(texts | st.sampled_from(["A-EBT", "A-CRIS"]), max_size=3),
)
def test_another_person_who_comes_with_family_is_written_as_the_bundle_is(
    names: list[Name | None], components: list[str]
) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.service and one.service.basis == "ad-hoc")
    for who, came, codes in (
        ("P-2", [each.name for each in FAMILY], ["A-EBT"]),
        ("P-3", names, components),
        ("P-4", [each.name for each in reversed(FAMILY)], ["A-EBT", "A-CRIS"]),
    ):
        person = first.individual.model_copy(update={"id": who})
        other = _with_family(first, came, codes).model_copy(update={"individual": person, "id": f"of-{who}"})
        for one in _weekly(other, 3):
            written, data = _both_ways(writer, one, _known()[1][first.id], around)
            assert written == data


@pytest.mark.parametrize(
    "covers", [(), (Coverage(),), (Coverage(payer=" "),), (Coverage(), Coverage(order=1))]
)
def test_another_person_whose_coverage_says_nothing_is_written_as_the_bundle_is(
    covers: tuple[Coverage, ...],
) -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.service and one.service.basis == "ad-hoc")
    assert first.individual.coverages
    for one in _weekly(first, 3):
        _both_ways(writer, one, _known()[1][first.id], around)
    person = Individual(id="P-2", gender="female", coverages=covers)
    for each in _weekly(one.model_copy(update={"individual": person}), 3):
        written, data = _both_ways(writer, each, _known()[1][first.id], around)
        assert written == data


def test_whose_form_is_kept_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # Forms of contacts like nobody else's are found by identity: another person must not come to have it.
    monkeypatch.setattr(alike, "_MOST_KEPT", 1)
    monkeypatch.setattr(writing, "_MOST_CASTS", 1)
    around, writer = _around(), Writer(load(), CLOCK)
    first = _contacts()[0].model_copy(deep=True, update={"individual": Individual(id="P-2")})
    for one in _weekly(first, 3):
        _both_ways(writer, one, _known()[1][first.id], around)
    people = ref(_people(writer))
    for one in _contacts()[1:4]:
        _both_ways(writer, one, _known()[1][one.id], around)
    gc.collect()
    assert people() is not None


def _people(writer: Writer) -> People:
    (cast,) = writer._casts.values()
    return cast.people


def test_a_contact_that_ends_before_it_starts_is_refused_beside_others_like_it() -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.start and one.end)
    for one in _weekly(first, 3):
        _both_ways(writer, one, _known()[1][first.id], around)
    spoilt = one.model_copy(update={"end": one.start and one.start - timedelta(minutes=5)})
    written, data = _both_ways(writer, spoilt, _known()[1][first.id], around)
    assert written == data and "per-1" in str(written)


def test_an_admission_between_two_contacts_that_are_alike_changes_what_is_written() -> None:
    around, writer = _around(), Writer(load(), CLOCK)
    first = next(one for one in _contacts() if one.engagement and len(one.engagement.history) == 2)
    assert first.engagement and first.start
    admitted = first.engagement.history[-1].at
    for one in _weekly(first, 3):
        _both_ways(writer, one, _known()[1][first.id], around)
    back = first.start - timedelta(days=700)
    early = first.model_copy(update={"id": "early", "start": back, "end": back + timedelta(minutes=30)})
    written, data = _both_ways(writer, early, _known()[1][first.id], around)
    assert admitted is not None and written == data
    assert isinstance(written, bytes) and b'"code":"pre-admission"' in written


def _named_for_a_gap(one: Contact, name: str) -> Contact:
    """A contact that says a text wherever a gap may be, of somebody whose name is that very text."""
    who, note, group = one.individual.model_copy(update={"name": Name(family=name)}), one.note, one.group
    said = note and note.model_copy(update={"purpose": name, "own_words": name})
    told = group and group.model_copy(update={"session": name})
    return one.model_copy(update={"id": name, "individual": who, "note": said, "group": told})


@pytest.mark.parametrize(
    "gap",
    [
        "id",
        "session",
        "purpose",
        "reason",
        "own_words",
        "start",
        "data",
        "digest",
        "goal",
        "why",
        "covers",
        "rest",
    ],
)
def test_somebody_whose_name_is_a_mark_keeps_the_name(gap: str) -> None:
    around, writer, name = _around(), Writer(load(), CLOCK), f"\ue000{gap}\ue001"
    first = next(one for one in _contacts() if one.group is not None)
    odd = _named_for_a_gap(first, name)
    later = [one.model_copy(update={"individual": odd.individual}) for one in _weekly(first, 2)]
    for one in [odd, odd, odd, *later]:
        written, data = _both_ways(writer, one, _known()[1][first.id], around)
        assert written == data and name.encode() in bytes(written)  # type: ignore[arg-type]


@pytest.mark.parametrize("mark", [918_273_645, 827_364_519])
def test_somebody_whose_name_is_the_number_of_a_gap_keeps_the_name(mark: int) -> None:
    around, writer, first = _around(), Writer(load(), CLOCK), _contacts()[0]
    who, judged = first.individual.model_copy(update={"name": Name(family=str(mark))}), _known()[1][first.id]
    for week, one in enumerate(_weekly(first.model_copy(update={"individual": who}), 5)):
        said = replace(judged, minutes=mark if week < 3 else 15)
        written, data = _both_ways(writer, one, said, around)
        assert written == data


_HERE = ZoneInfo("America/New_York")
# The hour that is there twice: the first of each pair is the later moment, though its clock shows less.
_SECOND, _FIRST = (datetime(2026, 11, 1, 1, m, tzinfo=_HERE, fold=f) for m, f in ((30, 1), (40, 0)))


def _from_to(one: Contact) -> dict[str, object]:
    return {"start": _SECOND, "end": _FIRST}


def _signed_at(first: datetime, second: datetime) -> Callable[[Contact], dict[str, object]]:
    return lambda one: {
        "signatures": tuple(
            [
                each.model_copy(update={"at": at})
                for each, at in zip(one.signatures, (first, second), strict=True)
            ]
        )
    }


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        (_from_to, "per-1"),
        (_signed_at(_SECOND, _FIRST), "inv-1"),
        (_signed_at(_FIRST, _SECOND), ""),
        (_signed_at(_FIRST.replace(minute=30), _SECOND), ""),
    ],
)
def test_moments_of_the_hour_that_is_there_twice_are_in_their_order(
    changes: Callable[[Contact], dict[str, object]], refused: str
) -> None:
    around, writer, judged = _around(), Writer(load(), CLOCK), _known()[1]
    first = next(one for one in _contacts() if len(one.signatures) == 2 and one.engagement)
    for one in _weekly(first, 3):
        _both_ways(writer, one, judged[first.id], around)
    written, data = _both_ways(writer, one.model_copy(update=changes(one)), judged[first.id], around)
    assert written == data and refused in (written if isinstance(written, str) else "")


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=-5), "EST"), ZoneInfo("Etc/GMT+5")])
def test_a_zone_of_the_same_offset_with_another_name_is_called_by_its_own(zone: tzinfo) -> None:
    known, (first, *_) = _around(), _contacts()
    around = replace(known, program=known.program and known.program.model_copy(update={"time_zone": None}))
    writer, plain = Writer(load(), CLOCK), timezone(timedelta(hours=-5))
    for week, one in enumerate(_weekly(first, 4)):
        assert one.start and one.end
        here = zone if week == 3 else plain
        moved = {"start": one.start.astimezone(here), "end": one.end.astimezone(here)}
        written, data = _both_ways(writer, one.model_copy(update=moved), _known()[1][first.id], around)
        assert written == data


@pytest.mark.parametrize("part", _SAID, ids=lambda part: part.__name__)
def test_each_field_of_a_record_is_thought_of(part: type[Part]) -> None:
    # A new field must be put into the key of what is alike, or among what differs, before it stands here.
    assert set(part.model_fields) == _SAID[part]


MARKS = st.lists(st.sampled_from([b"ab", b"abc", b"b", b"xabcx", b"cx", b""]), min_size=1, max_size=5)


@given(MARKS, st.text("abcx-", max_size=40).map(str.encode))
def test_a_bundle_is_cut_at_the_longest_of_the_marks_that_begin_at_one_place(
    marks: list[bytes], written: bytes
) -> None:
    said = [f"<{place}>".encode() for place in range(len(marks))]
    known = sorted({mark for mark in marks if mark}, key=len, reverse=True)
    places = re.findall(b"|".join(map(re.escape, known)), written) if known else []
    form = cut(written, marks, ())
    if len(places) < 2:
        assert form is None
    else:
        whole = re.sub(b"|".join(map(re.escape, known)), lambda found: said[marks.index(found[0])], written)
        assert form is not None
        assert form.filled(said) == whole
