"""Forms and records: what is read back is what was shown, and what cannot be read is kept and named."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.forms import (
    contact_of,
    contact_values,
    plan_entry_of,
    plan_values,
    read_contact,
    read_plan_entry,
)
from app.web.staff_forms import read_staff, staff_of, staff_values
from mappings.intake import record_from
from mappings.records import Contact, PlanEntry, Staff

NEW_YORK = ZoneInfo("America/New_York")
WORDS = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
CODES = st.none() | st.sampled_from(["adult", "family", "onsite", "planned", "nobody knows this"])
FLAGS = st.none() | st.booleans()
NUMBERS = st.none() | st.integers(0, 2000)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2199, 12, 30)).map(str)
MOMENTS = st.none() | st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, zone).isoformat(),
    st.integers(-600_000_000, 5_600_000_000),
    st.sampled_from([UTC, NEW_YORK]),
)


def _parts(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(parts)


SERVICES = _parts(
    type=CODES, format=st.sampled_from(["individual", "group", None]), place=CODES,
    components=st.lists(CODES.filter(bool)),
    basis=CODES, plan_entry=WORDS, rationale=WORDS, voluntary=FLAGS,
    location=st.none() | _parts(kind=CODES, name=WORDS),
    accompaniment=st.none() | _parts(requested=FLAGS, support=FLAGS, travel_minutes=NUMBERS),
)  # fmt: skip
NOTES = _parts(
    purpose=WORDS, response=WORDS, progress=WORDS, outcome=WORDS, own_words=WORDS,
    goals=st.lists(st.sampled_from(["G-1", "G-2"]), unique=True), data_verified=FLAGS,
)  # fmt: skip
OTHERS = _parts(
    role=st.sampled_from(["family", "collateral"]), relationship=WORDS, attachment=FLAGS,
    name=st.none() | _parts(given=st.lists(WORDS.filter(bool), max_size=2), family=WORDS),
)  # fmt: skip


ENTRIES = _parts(
    basis=st.sampled_from(["planned", "targeted"]), status=CODES,
    goal=st.none() | _parts(text=WORDS, target=DAYS),
    frequency=st.none() | _parts(units=NUMBERS, times=NUMBERS, per=CODES),
)  # fmt: skip


@st.composite
def contacts(draw: st.DrawFn) -> Contact:
    """Any contact a form may be given: half filled, with unknown codes and odd texts."""
    themself = draw(st.sampled_from([[], [{"role": "individual"}]]))
    data = {
        "kind": "contact",
        "id": "C-1",
        "jurisdiction": "us-ny",
        "individual": {"id": "MRN-70001"},
        "status": draw(CODES),
        "service": draw(SERVICES),
        "note": draw(st.none() | NOTES),
        "start": draw(MOMENTS),
        "end": draw(MOMENTS),
        "excluded_minutes": draw(st.integers(0, 600)),
        "recipients": themself + draw(st.lists(OTHERS, max_size=3)),
        "engagement": draw(st.none() | _parts(goal=WORDS, goal_on=DAYS)),
        "diagnoses": [{"code": "F33.1", "rank": 1, "by": "1900000039"}],
    }
    record = record_from(data)
    assert isinstance(record, Contact)
    return record


def _plain(value: object) -> object:
    """The record's data with what holds nothing left out: an empty object and none at all read alike."""
    if isinstance(value, dict):
        inner = {name: _plain(part) for name, part in value.items()}
        return {name: part for name, part in inner.items() if part not in (None, [], {})} or None
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _data(record: Contact | PlanEntry | Staff) -> object:
    return _plain(record.model_dump(mode="json", by_alias=True))


@given(contacts())
def test_a_contact_that_is_shown_and_sent_back_unchanged_is_the_same_contact(contact: Contact) -> None:
    read = read_contact(contact_values(contact, NEW_YORK), contact, NEW_YORK)
    assert read.errors == {}
    assert _data(contact_of(read)) == _data(contact)


@given(contacts(), contacts())
def test_what_one_form_shows_can_be_typed_over_another_contact(one: Contact, other: Contact) -> None:
    shown = contact_values(one, NEW_YORK)
    first = contact_of(read_contact(shown, other, NEW_YORK))
    again = contact_of(read_contact(contact_values(first, NEW_YORK), first, NEW_YORK))
    assert _data(again) == _data(first)


@given(st.dictionaries(st.sampled_from(["start_time", "excluded_minutes", "note.purpose", "service.type",
                                        "recipients.0.name.family", "risk_date", "start_date"]),
                       st.lists(st.text(max_size=30), max_size=2)))  # fmt: skip
def test_whatever_is_typed_is_kept_and_never_breaks_the_form(typed: dict[str, list[str]]) -> None:
    read = read_contact(typed, _blank(), NEW_YORK)
    assert read.values == typed
    assert set(read.errors) <= set(typed)
    assert isinstance(contact_of(read), Contact)


def _blank() -> Contact:
    record = record_from(
        {"kind": "contact", "id": "C-1", "jurisdiction": "us-ny", "individual": {"id": "MRN-70001"}}
    )
    assert isinstance(record, Contact)
    return record


@pytest.mark.parametrize(
    ("typed", "hour", "minute"),
    [("14:30", 14, 30), ("2:30 pm", 14, 30), ("2:30PM", 14, 30), ("12 am", 0, 0), ("12:05 p.m.", 12, 5),
     ("0905", 9, 5), ("9", 9, 0)],
)  # fmt: skip
def test_a_time_may_be_typed_as_people_write_it(typed: str, hour: int, minute: int) -> None:
    contact = contact_of(
        read_contact({"start_date": ["3/4/2026"], "start_time": [typed]}, _blank(), NEW_YORK)
    )
    assert contact.start == datetime(2026, 3, 4, hour, minute, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("start_time", "25:00", "2:30 pm"),
        ("start_time", "13:00 pm", "2:30 pm"),
        ("start_date", "yesterday", "3/4/2026"),
        ("start_date", "02/30/2026", "3/4/2026"),
        ("excluded_minutes", "ten", "whole number"),
        ("excluded_minutes", "٣", "whole number"),
        ("note.purpose", "bell \x07", "cannot be stored"),
        ("note.purpose", "x" * 20_001, "20,000"),
        ("service.location.name", "y" * 501, "500"),
    ],
)
def test_what_cannot_be_read_is_named_beside_its_field(name: str, typed: str, says: str) -> None:
    read = read_contact({"start_date": ["2026-03-04"], name: [typed]}, _blank(), NEW_YORK)
    assert says in read.errors[name]
    assert read.values[name] == [typed]


def test_an_hour_that_the_clocks_skipped_is_refused() -> None:
    read = read_contact({"start_date": ["2026-03-08"], "start_time": ["02:30"]}, _blank(), NEW_YORK)
    assert "clocks" in read.errors["start_time"]


def test_a_contact_may_end_after_midnight() -> None:
    typed = {
        "start_date": ["2026-03-04"],
        "start_time": ["23:30"],
        "end_time": ["00:10"],
        "end_next_day": ["yes"],
    }
    contact = contact_of(read_contact(typed, _blank(), NEW_YORK))
    assert contact.start is not None
    assert contact.end is not None
    assert contact.end - contact.start == timedelta(minutes=40)


def test_a_person_cleared_from_the_form_is_gone_and_the_others_stay() -> None:
    typed = {
        "recipients": ["individual"],
        "recipients.0.role": [""],
        "recipients.0.name.given": [" "],
        "recipients.1.role": ["family"],
        "recipients.1.name.given": ["Ida Maria"],
        "recipients.1.relationship": ["mother"],
    }
    contact = contact_of(read_contact(typed, _blank(), NEW_YORK))
    assert [each.role for each in contact.recipients] == ["individual", "family"]
    assert contact.recipients[1].name is not None
    assert contact.recipients[1].name.given == ("Ida", "Maria")


def test_a_form_cannot_say_who_it_is_about_or_who_signed_it() -> None:
    typed = {
        "individual.id": ["MRN-1"],
        "id": ["C-2"],
        "signatures": ["x"],
        "peer.id": ["1"],
        "version": ["9"],
    }
    assert contact_of(read_contact(typed, _blank(), NEW_YORK)) == _blank()


@given(ENTRIES)
def test_a_plan_entry_that_is_shown_and_sent_back_unchanged_is_the_same(parts: dict[str, Any]) -> None:
    entry = record_from(
        {"kind": "plan-entry", "id": "P-1", "jurisdiction": "us-ny", "individual": {"id": "MRN-1"}, **parts}
    )
    assert isinstance(entry, PlanEntry)
    assert _data(plan_entry_of(read_plan_entry(plan_values(entry), entry))) == _data(entry)


@given(
    st.lists(
        _parts(code=CODES.filter(bool), number=WORDS, to=DAYS, hours=st.none() | st.integers(0, 90)),
        max_size=3,
    )
)
def test_a_staff_record_keeps_what_its_form_does_not_show(credentials: list[dict[str, Any]]) -> None:
    data: dict[str, Any] = {
        "kind": "staff",
        "id": "S-1",
        "jurisdiction": "us-ny",
        "name": {"given": ["Pat"], "family": "Rivera"},
        "credentials": credentials,
        "education": [{"on": "2026-01-15", "hours": 2, "topic": "peer-support"}],
    }
    record = record_from(data)
    assert isinstance(record, Staff)
    assert _data(staff_of(read_staff(staff_values(record), record, date(2026, 3, 4)))) == _data(record)
