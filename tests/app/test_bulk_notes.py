"""Earlier notes are found among all records of an input as they are where all are judged together."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.bulk import index
from app.cli import cli
from mappings.intake import read_record
from mappings.library import load
from mappings.rules import judge
from tests.intake_makers import NOW, Json, as_line, contact, seeded

MADE = contact(seeded(3))
SAID = (
    "We read the letter of the benefits office and wrote down what to ask there.",
    "Both of us walked to the library and chose a book about the garden.",
    "The bus was late, and we practised how to say so on the phone.",
)
notes = st.fixed_dictionaries(
    {
        "person": st.sampled_from(["MRN-1", "MRN-2", "MRN-3"]),
        "peer": st.sampled_from(["1900000021", "1900000047"]),
        "hour": st.integers(8, 11),
        "said": st.lists(st.sampled_from(SAID), min_size=1, max_size=3),
        "relates": st.sampled_from([None, None, ("ENC-0", "replaces"), ("ENC-1", "appends")]),
    }
)
FIRST = {"person": "MRN-1", "peer": "1900000021", "hour": 8, "said": [SAID[0]], "relates": None}
ADDED = FIRST | {"relates": ("ENC-9", "appends")}
OTHERS = FIRST | {"person": "MRN-2", "hour": 9}
AGAIN = OTHERS | {"hour": 10, "said": [*SAID[:2]]}


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person in a group of their own."""
    monkeypatch.setattr(index, "CHUNK", 1)


@pytest.mark.usefixtures("apart")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@example([FIRST, OTHERS])
@example([ADDED, OTHERS])
@example([FIRST, OTHERS | {"said": [SAID[1]]}, AGAIN])
@example([FIRST | {"said": [SAID[1]]}, OTHERS, AGAIN])
@given(st.lists(notes, min_size=2, max_size=9))
def test_what_a_peer_wrote_of_one_person_is_found_in_the_notes_of_another(told: list[dict[str, Any]]) -> None:
    lines = [as_line(_contact(number, each)) for number, each in enumerate(told)]
    judged = judge([read_record(line) for line in lines], load(), datetime.fromisoformat(NOW))
    done = CliRunner().invoke(cli, ["check", "--all", "--now", NOW], input=b"\n".join(lines))
    wanted = [json.loads(json.dumps(each.to_json(all=True))) for each in judged]
    assert [json.loads(line) for line in done.stdout.splitlines()] == wanted


def _contact(number: int, told: dict[str, Any]) -> Json:
    start = datetime.fromisoformat(MADE["start"]).replace(hour=told["hour"])
    return MADE | {
        "id": f"ENC-{number}",
        "individual": MADE["individual"] | {"id": told["person"]},
        "peer": {"id": told["peer"]},
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=30)).isoformat(),
        "note": {"purpose": "Talk.", "response": " ".join(told["said"])},
        "group": None,
        "relates_to": told["relates"] and {"id": told["relates"][0], "how": told["relates"][1]},
    }
