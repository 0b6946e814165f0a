"""The note as a signer is shown it: whole, readable, the same each time, and of one person only."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.fhir.scene import WORDS as PARTS
from mappings.fhir.scene import told_apart
from mappings.note_lines import WIDTH, under, wrapped
from mappings.note_text import PART2_NOTICE, note_text, own_parts
from mappings.records import Contact
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import Json, library

WORDS = st.lists(st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20), min_size=1)


def text_of(record: Json, *, minutes: int = 40, units: int = 2, **program: object) -> str:
    of: Contact = c.contact(record)
    return note_text(of, c.judgement(of, minutes=minutes, units=units), c.surroundings(**program), library())


def section(text: str, heading: str) -> str:
    for block in text.rstrip("\n").split("\n\n"):
        title, _, body = block.partition("\n")
        if title == heading:
            return body
    raise AssertionError(f"no section {heading} in\n{text}")


def row(text: str, label: str) -> str:
    found = [line for line in text.splitlines() if line.startswith(f"{label}:")]
    assert len(found) == 1, text
    return found[0].partition(":")[2].strip()


def test_it_says_who_met_whom_when_where_and_for_how_long() -> None:
    text = text_of(c.PRE_ADMISSION)
    assert row(text, "Individual") == "Alex Moss, born 1990-02-03, MRN-70001"
    assert row(text, "Program") == "Riverbend MHOTRS (1900000013)"
    assert row(text, "Peer") == "Pat Rivera (1900000021)"
    assert row(text, "Date") == "Wednesday, 2026-03-04"
    assert row(text, "Time") == "10:00 to 10:40 (EST, UTC-05:00)"
    assert row(text, "Minutes") == "40"
    assert row(text, "Units") == "2 units (a unit for every 15 full minutes of 40)"
    assert row(text, "Service") == "Adult Peer Support, individual"
    assert row(text, "Place") == "At the program site, in person, clinic, Main Street"
    assert row(text, "Admission") == "Not admitted (pre-admission contact)"


def test_times_stand_in_the_programmes_zone_whatever_offset_was_written() -> None:
    text = text_of(c.changed(c.PLANNED, start="2026-07-01T03:30:00+00:00", end="2026-07-01T04:15:00+00:00"))
    assert row(text, "Date") == "Tuesday, 2026-06-30"
    assert row(text, "Time") == "23:30 to 2026-07-01 00:15 (EDT, UTC-04:00)"


def test_a_part_that_is_empty_is_left_out() -> None:
    record = c.changed(c.PLANNED, note__outcome="", note__own_words="  ", note__progress=None)
    text = text_of(record)
    for heading in ("OUTCOME", "PROGRESS", "WORDS", "RISK", "RATIONALE", "NOTICE"):
        assert heading not in text
    assert "None" not in text


def test_a_contact_of_no_unit_says_so() -> None:
    assert row(text_of(c.PLANNED, minutes=14, units=0), "Units").startswith("0 units")
    assert row(text_of(c.PLANNED, minutes=15, units=1), "Units").startswith("1 unit (")


def test_minutes_that_do_not_count_are_named() -> None:
    text = text_of(c.changed(c.PLANNED, excluded_minutes=10), minutes=30)
    assert row(text, "Minutes") == "30 (10 minutes of the time are not counted)"


def test_the_event_and_the_planned_response_of_a_targeted_service_stand_in_it() -> None:
    body = section(text_of(c.TARGETED), "EVENT AND RESPONSE IN THE PLAN")
    assert "A fire in the house next door" in body
    assert "Daily company" in body


def test_the_rationale_of_an_ad_hoc_contact_and_its_minutes_stand_in_it() -> None:
    body = section(text_of(c.AD_HOC), "RATIONALE OUTSIDE THE PLAN")
    assert "sleepless night" in body
    assert "Team minutes TEAM-2026-03-04" in body


def test_goals_and_components_are_named_in_words() -> None:
    text = text_of(c.PLANNED)
    assert "Go to the community choir by myself" in section(text, "GOALS")
    assert "Natural Supports, and Transitional Supports (A-CCNT)" in section(text, "SERVICE COMPONENTS")


def test_a_family_member_is_named_with_the_relationship() -> None:
    assert row(text_of(c.FAMILY), "Received by") == "Jo Farrell (mother)"


def test_of_a_group_nobody_but_the_individual_is_named() -> None:
    record = c.changed(
        c.GROUP,
        recipients=[
            {"role": "individual", "name": {"given": ["Maja"], "family": "Lindqvist"}},
            {"role": "collateral", "name": {"given": ["Toni"], "family": "Berg"}, "relationship": "friend"},
        ],
    )
    text = text_of(record)
    assert row(text, "Group") == "9 people attended"
    assert row(text, "Received by") == "the individual, friend"
    for other in ("Berg", "Toni", "MRN-70005", "MRN-70006"):
        assert other not in text


def test_a_part_2_programme_adds_the_notice() -> None:
    assert section(text_of(c.PLANNED, part2=True), "NOTICE") == PART2_NOTICE
    assert PART2_NOTICE not in text_of(c.PLANNED)


def test_a_seen_risk_says_who_was_told_and_when() -> None:
    risk = {"seen": True, "notified": "1900000039", "at": "2026-03-04T10:50:00-05:00"}
    body = section(text_of(c.changed(c.PLANNED, risk=risk)), "RISK")
    assert body == "Signs of risk were seen. Dana Chen (1900000039) was told at 2026-03-04 10:50 (UTC-05:00)."


@settings(max_examples=80, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4))
def test_what_was_written_stands_in_it_word_for_word_in_lines_that_fit(lines: list[list[str]]) -> None:
    written = "\n".join(" ".join(words) for words in lines)
    text = text_of(c.changed(c.PLANNED, note__own_words=written))
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert section(text, "IN THE PERSON'S OWN WORDS").split() == written.split()


def test_short_lines_of_the_persons_own_words_stay_as_they_are() -> None:
    words = 'She said  "why?"\n\tI did not know.'
    text = text_of(c.changed(c.PLANNED, note__own_words=words))
    assert section(text, "IN THE PERSON'S OWN WORDS") == words


SAID = st.text(max_size=120) | st.sampled_from(
    [
        "Came early.",
        " ",
        "\r",
        "two\nlines",
        "x" * 101,
        "a b " * 30,
        "- go " * 25,
        "é" * 90,
        "",
        None,
        "\u2028",
    ]
)
HOSTILE = st.sampled_from(["a\n\nRESPONSE\nb", "PROGRESS", "a b " * 30 + "\n\nOUTCOME\n" + "c d " * 30])
NOTES = st.lists(SAID | HOSTILE, min_size=5, max_size=5) | st.lists(
    st.text("ab -", min_size=1), min_size=5, max_size=5
)


@settings(max_examples=300)
@given(NOTES)
def test_parts_that_are_written_together_are_written_as_each_of_them_is(said: list[str | None]) -> None:
    headings = [f"\n\n{heading}\n" for heading in PARTS.values()]
    each = [under(heading, words) for heading, words in zip(headings, said, strict=True) if words]
    assert own_parts(said).text == "".join(each)


@settings(max_examples=300, deadline=None)
@given(NOTES)
def test_words_are_told_to_be_lost_where_a_search_of_the_text_does_not_find_them(
    said: list[str | None],
) -> None:
    record = c.changed(c.PLANNED, **{f"note__{name}": one for name, one in zip(PARTS, said, strict=True)})
    note, text = c.contact(record).note, text_of(record)
    assert note is not None
    lost, unsaid = told_apart(note, text, ours=True)
    searched, found = told_apart(note, text, ours=False)
    assert (lost, list(unsaid)) == (searched, list(found))


@pytest.mark.parametrize("kind", c.KINDS)
def test_the_same_contact_gives_the_same_text(kind: str) -> None:
    assert text_of(c.KINDS[kind]) == text_of(c.KINDS[kind])
    assert text_of(c.KINDS[kind]).endswith("\n")


def test_a_contact_with_nothing_but_its_ids_gives_a_text_too() -> None:
    bare = {"kind": "contact", "id": "X", "jurisdiction": "us-zz", "individual": {"id": "M"}}
    assert "X, version 1" in text_of(bare)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.text("ab-é\u00a0\t", min_size=0, max_size=130) | st.sampled_from(["word", "x" * 101]), max_size=60
    ),
    st.sampled_from([("", ""), ("", "  "), ("Received by:      ", " " * 18)]),
)
def test_lines_are_cut_as_the_standard_library_cuts_them(words: list[str], indents: tuple[str, str]) -> None:
    text, (first, rest) = " ".join(words), indents
    made = wrapped(text, first, rest)
    if len(first) + len(text) > WIDTH:
        asked = textwrap.TextWrapper(WIDTH, first, rest, expand_tabs=False, replace_whitespace=False)
        asked.break_long_words = asked.break_on_hyphens = False
        assert made == (asked.wrap(text) or [""])
