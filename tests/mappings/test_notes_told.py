"""A note is compared with the one right before it, and with others only where that one does not count."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.checks.copies import _said_before, _same_words
from mappings.intake import read_record
from mappings.library import load
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
        before = around.notes.right_before(s)
        assert (before is not None) == s.counts
        short, long = _said_before(s, 3, before), _said_before(s, 3, None)
        assert {key: each.id for key, each in short.items()} == {key: each.id for key, each in long.items()}
        assert _same_words(s, s.note_words, before) is _same_words(s, s.note_words, None)
        assert all(each.began < s.began for each in short.values())


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
