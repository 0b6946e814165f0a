"""The door of the intake record: what is refused, with field and right form, and what is let in."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.intake import (
    MAX_LINE_BYTES,
    Alike,
    Line,
    Refusal,
    Refused,
    json_schema,
    read_again,
    read_lines,
    read_record,
    write_record,
)
from mappings.records import Contact, Staff
from tests.generator import generate

HEAD = '"kind":"contact","id":"C-1","jurisdiction":"us-ny","individual":{"id":"MRN-1"}'


def contact(rest: str = "") -> str:
    return "{" + HEAD + (f",{rest}" if rest else "") + "}"


def refusal(text: str | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read_record(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("{", "", "not JSON"),
        ("[]", "", "holds no object"),
        ("null", "", "holds no object"),
        (b"\xff\xfe{}", "", "not UTF-8"),
        ('<?xml version="1.0"?><!DOCTYPE x><x/>', "", "XML"),
        (contact('"id":"C-2"'), "id", "stands twice"),
        (contact('"note":{"purpose":"a","purpose":"b"}'), "purpose", "stands twice"),
        (contact('"status" :"a","status":"b"'), "status", "stands twice"),
        (contact('"status":"a","status" :"b"'), "status", "stands twice"),
        (contact('"status":"\\u0022:","id":"C-2"'), "id", "stands twice"),
        (contact('"status":"\\"\\u003a","id":"C-2"'), "id", "stands twice"),
        (contact('"status":"a\\":b","id":"C-2"'), "id", "stands twice"),
        (contact('"excluded_minutes":NaN'), "", "NaN"),
        (contact('"excluded_minutes":Infinity'), "", "Infinity"),
        (contact('"excluded_minutes":' + "9" * 5000), "", "not JSON (a number has too many digits)"),
        ('{"kind": "contact"\n', "", "at character 19"),
        (contact('"excluded_minutes":true'), "excluded_minutes", "found true"),
        (contact('"note":' + "[" * 70 + "]" * 70), "", "deeper"),
        (contact('"note":' + "[" * 5000 + "]" * 5000), "", "deeper"),
        (contact('"status":"\\ud800"'), "", "half a character"),
        (contact('"status":"' + "x" * MAX_LINE_BYTES + '"'), "", "larger than 1 MiB"),
        ('{"id":"C-1"}', "kind", "missing"),
        ('{"kind":"note","id":"C-1"}', "kind", "unknown kind"),
        ('{"kind":"contact","jurisdiction":"us-ny","individual":{"id":"1"}}', "id", "missing"),
        ('{"kind":"contact","id":" ","jurisdiction":"us-ny","individual":{"id":"1"}}', "id", "' '"),
        ('{"kind":"contact","id":"1","individual":{"id":"1"}}', "jurisdiction", "missing"),
        ('{"kind":"contact","id":"1","jurisdiction":"us-ny"}', "individual", "missing"),
        ('{"kind":"contact","id":"1","jurisdiction":"us-ny","individual":{}}', "individual.id", "missing"),
        ('{"kind":"plan-entry","id":"1","jurisdiction":"us-ny"}', "individual", "missing"),
        ('{"kind":"staff","id":"1"}', "jurisdiction", "missing"),
        (contact('"notes":{}'), "notes", "unknown field"),
        (contact('"note":{"text":"x"}'), "note.text", "unknown field"),
        (contact('"consents":[{"from_":null}]'), "consents[0].from_", "unknown field"),
        (contact('"peer":{"id":"1","kind":"staff"}'), "peer.kind", "unknown field"),
        (contact('"note":"seen"'), "note", "wrong type"),
        (contact('"note":{"goals":"one"}'), "note.goals", "wrong type"),
        (contact('"technical_failure":"no"'), "technical_failure", "wrong type"),
        (contact('"excluded_minutes":"5"'), "excluded_minutes", "wrong type"),
        (contact('"claim":{"units":2.5}'), "claim.units", "wrong type"),
        (contact('"version":0'), "version", "wrong type"),
        (contact('"start":"2026-03-04"'), "start", "unreadable"),
        (contact('"start":"2026-03-04T10:00:00"'), "start", "unreadable"),
        (contact('"start":"yesterday"'), "start", "unreadable"),
        (contact('"start":1772618400'), "start", "unreadable"),
        (contact('"start":"0001-01-01T00:00:00+10:00"'), "start", "unreadable"),
        (contact('"engagement":{"goal_on":"2026-02-30"}'), "engagement.goal_on", "unreadable"),
        (contact('"engagement":{"history":[{"at":"3/4/26"}]}'), "engagement.history[0].at", "unreadable"),
    ],
)
def test_a_line_that_cannot_be_a_record_is_refused_with_its_field(text, field, words):
    refused = refusal(text)
    assert refused.field == field
    assert words in str(refused)
    assert refused.form


@pytest.mark.parametrize(
    "rest",
    [
        "",
        '"note":null,"service":null,"peer":null,"program":null,"engagement":null',
        '"staff":null,"recipients":null,"diagnoses":null,"signatures":null,"consents":null',
        '"excluded_minutes":null,"version":null,"start":null,"technical_failure":null',
        '"status":"teleported","service":{"type":"","code":"??","components":["nonsense"]}',
        '"start":"2026-03-04T11:00:00-05:00","end":"2026-03-04T10:00:00-05:00"',
        '"engagement":{"history":[{"at":"2026-03-04"},{"at":"2026-03-04T11:00:00Z","status":null}]}',
    ],
)
def test_what_is_merely_absent_or_unknown_is_let_in_to_become_a_finding(rest):
    assert isinstance(read_record(contact(rest)), Contact)


def test_one_bad_line_never_stops_the_others_and_names_its_place():
    lines = [contact().encode(), b"\n", b"{", contact('"version":2').encode()]
    read = list(read_lines("day.ndjson", lines))
    assert [type(each) for each in read] == [Line, Refusal, Line]
    assert str(read[1]).startswith("day.ndjson:3: not JSON")


def test_a_byte_order_mark_before_the_first_line_is_no_error():
    assert isinstance(next(read_lines("-", [b"\xef\xbb\xbf" + contact().encode()])), Line)


def test_hours_of_education_are_decimals_and_leave_as_numbers():
    text = '{"kind":"staff","id":"1","jurisdiction":"us-id","education":[{"on":"2026-01-15","hours":11.75}]}'
    staff = read_record(text)
    assert isinstance(staff, Staff)
    assert str(staff.education[0].hours) == "11.75"
    assert write_record(staff)["education"][0]["hours"] == 11.75


def test_every_kind_has_a_schema_that_closes_its_objects():
    assert {kind: schema["additionalProperties"] for kind, schema in json_schema().items()} == dict.fromkeys(
        ("contact", "plan-entry", "staff", "program", "authorization"), False
    )


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
MOMENT = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone below
    max_value=datetime(2150, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=14))]),
)


@given(st.fixed_dictionaries({"purpose": TEXT, "goals": st.lists(TEXT)}), MOMENT, st.none() | st.booleans())
def test_a_record_written_and_read_again_is_the_same(note, start, verified):
    data = json.loads(contact())
    data |= {"note": note | {"data_verified": verified}, "start": start.isoformat()}
    record = read_record(json.dumps(data))
    assert read_record(json.dumps(write_record(record))) == record


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        read_record(text)
    except Refused as refused:
        assert refused.form


def told(text, alike=None):
    try:
        return read_record(text, alike)
    except Refused as refused:
        return refused.field, refused.problem, refused.form


def test_a_line_is_read_among_others_as_it_is_alone_and_again_as_it_was():
    alike, again = Alike(), Alike()
    lines = [one.line for one in generate(seed=5, records=400, bad=40)]
    read = [told(line, alike) for line in lines]
    assert read == [told(line) for line in lines]
    records = [(line, one) for line, one in zip(lines, read, strict=True) if not isinstance(one, tuple)]
    assert [read_again(line, again) for line, _ in records] == [one for _, one in records]


def test_what_two_lines_have_alike_is_one_object_and_what_is_wrong_in_it_is_told_each_time():
    alike = Alike()
    first, second = (read_record(contact(f'"status":"{n}"'), alike) for n in "ab")
    assert first.individual is second.individual
    wrong = contact('"service":{"format":1}')
    assert told(wrong, alike) == told(wrong, alike) == told(wrong)
    wrong = contact('"peer":{"id":"P-1","hired":"soon"}')
    assert told(wrong, alike) == told(wrong, alike) == told(wrong)


def test_a_key_that_stands_twice_is_found_wherever_it_stands_and_whatever_earlier_lines_said():
    alike = Alike()
    lines = [one.line for one in generate(seed=8, records=12, bad=0)]
    whole = [told(line, alike) for line in lines]
    for line in lines:
        for key in re.finditer(rb'"[a-z_]+": ', line):
            doubled = line[: key.start()] + key[0] + b"null, " + line[key.start() :]
            assert told(doubled, alike)[1] == "the key stands twice in one object"
            dense = doubled.replace(b'": ', b'":')
            assert told(dense, alike) == told(doubled, alike)
    assert [told(line, alike) for line in lines] == whole
