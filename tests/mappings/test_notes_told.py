"""A note is compared with the one right before it, and with others only where that one does not count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.checks.copies import _all_apart, _said_before, _same_words, _to_ask
from mappings.intake import read_record
from mappings.library import load
from mappings.notes_told import Notes
from mappings.records import Contact, Record
from mappings.situation import Situation
from mappings.surroundings import Surrounding
from tests.intake_makers import NOW, as_line, contact, seeded

CLOCK = datetime.fromisoformat(NOW)
SAID = ("We read the letter of the benefits office.", "Both of us wrote down what to ask there.", "Yes.")
MADE = contact(seeded(3))

notes = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["MRN-1", "MRN-2"]),
        "peer": st.sampled_from(["1900000021", "1900000047", None]),
        "hour": st.integers(8, 11),
        "said": st.lists(st.sampled_from(SAID), max_size=3),
        "session": st.sampled_from([None, None, "GRP-1"]),
        "relates": st.sampled_from([None, None, ("ENC-0", "replaces"), ("ENC-1", "appends")]),
    }
)


@settings(deadline=None)
@given(st.lists(notes, max_size=9))
def test_the_short_way_to_an_earlier_note_leads_where_the_long_one_does(told: list[dict[str, Any]]) -> None:
    records = [_record(number, each) for number, each in enumerate(told)]
    around = Surrounding(records, load())
    situations = [Situation(each, around, CLOCK) for each in records if isinstance(each, Contact)]
    around.place(situations)
    for s in situations:
        assert (around.notes.right_before(s) is not None) == s.counts
        before, _ = _to_ask(s)
        if before is not None and before.apart:
            assert _all_apart(s, before)
        short, long = _said_before(s, before, s.peer_id), _said_before(s, None, s.peer_id)
        assert [each and each.id for each in short] == [each and each.id for each in long]
        assert all(each is None or each.began < s.began for each in short)
        if s.compared.words:
            assert _same_words(s, before, s.peer_id) is _same_words(s, None, s.peer_id)


@settings(deadline=None)
@given(st.lists(notes, max_size=9))
def test_a_peer_is_only_left_unasked_where_no_other_of_the_notes_says_more(
    told: list[dict[str, Any]],
) -> None:
    records = [_record(number, each) for number, each in enumerate(told)]
    around = Surrounding(records, load())
    situations = [Situation(each, around, CLOCK) for each in records if isinstance(each, Contact)]
    around.place(situations)
    vars(around)["notes"] = _looked([s for s in situations if s.counts])
    for s in situations:
        before, peer = _to_ask(s)
        if s.compared.words and s.peer_id is not None and peer is None:
            assert [*_said_before(s, before, None)] == [*_said_before(s, before, s.peer_id)]
            assert _same_words(s, before, None) is _same_words(s, before, s.peer_id)


@pytest.mark.parametrize(("said_of_other", "asked"), [(SAID[0], False), (SAID[1], True)])
def test_a_peer_is_asked_where_another_note_says_what_the_person_did_not_say_before(
    said_of_other: str, asked: bool
) -> None:
    told = [("MRN-1", 8, SAID[:1]), ("MRN-1", 10, SAID[:2]), ("MRN-2", 9, (said_of_other,))]
    alike = {"peer": "1900000021", "session": None, "relates": None}
    records = [
        _record(number, alike | {"person": person, "hour": hour, "said": said})
        for number, (person, hour, said) in enumerate(told)
    ]
    around = Surrounding(records, load())
    situations = [Situation(each, around, CLOCK) for each in records if isinstance(each, Contact)]
    around.place(situations)
    vars(around)["notes"] = _looked(situations)
    assert (_to_ask(situations[1])[1] is not None) == asked


def _looked(in_order: Sequence[Situation]) -> Notes:
    """Notes of which it was seen beforehand what of each earlier notes of its peer said of others alone."""
    said = {s: {("words", s.compared.words), *s.compared.keys} for s in in_order}

    def told(s: Situation, of_same: bool) -> set[Any]:
        earlier = [other for other in in_order if other.peer_id == s.peer_id and other.began < s.began]
        return {each for one in earlier if (one.person == s.person) == of_same for each in said[one]}

    repeating = {s.id for s in in_order if said[s] & told(s, False) - told(s, True)}
    return Notes(sorted(in_order, key=lambda s: (s.began, s.id)), repeating)


def _record(number: int, told: dict[str, Any]) -> Record:
    start = datetime.fromisoformat(MADE["start"]).replace(hour=told["hour"])
    made = MADE | {
        "id": f"ENC-{number}",
        "individual": MADE["individual"] | {"id": told["person"]},
        "peer": None if told["peer"] is None else {"id": told["peer"]},
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "note": {"purpose": "Talk.", "response": " ".join(told["said"])},
        "group": None if told["session"] is None else {"session": told["session"], "recipients": []},
        "relates_to": told["relates"] and {"id": told["relates"][0], "how": told["relates"][1]},
    }
    return read_record(as_line(made))
