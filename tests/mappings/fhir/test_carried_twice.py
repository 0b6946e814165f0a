"""Parts of a record that are made once are the same as those made anew."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

import pytest

from mappings.fhir.carried import CONTACT, parts
from mappings.intake import read_record
from mappings.records import Contact
from tests.generator import generate

CONTACTS = [one for one in (read_record(each.line) for each in generate(seed=29, records=40, bad=0))
            if isinstance(one, Contact)]  # fmt: skip


def test_equal_parts_of_several_records_are_one_and_the_same() -> None:
    cover = [CONTACT["individual-coverages"]]
    first = parts(CONTACTS[0], cover)
    again = parts(CONTACTS[0].model_copy(deep=True), cover)
    assert [id(each) for each in again] == [id(each) for each in first]


@pytest.mark.parametrize(
    "change", [{"payer": "OTHER"}, {"order": 7}, {"from_": date(2031, 1, 2)}, {"member_id": None}]
)
def test_a_part_that_differs_in_one_value_says_so(change: dict[str, Any]) -> None:
    contact = next(one for one in CONTACTS if one.individual.coverages)
    cover = contact.individual.coverages[0]
    other = contact.individual.model_copy(update={"coverages": (cover.model_copy(update=change),)})
    asked = [CONTACT["individual-coverages"]]
    assert parts(contact, asked) != parts(contact.model_copy(update={"individual": other}), asked)


def test_no_value_that_is_equal_to_another_in_other_words_is_taken_for_it() -> None:
    signed = next(one for one in CONTACTS if one.signatures)
    mine = signed.signatures[0]
    assert mine.at is not None
    elsewhere = mine.model_copy(update={"at": mine.at.astimezone(UTC)})
    assert elsewhere.at == mine.at
    asked = [CONTACT["signatures"]]
    moved = signed.model_copy(update={"signatures": (elsewhere,)})
    assert parts(signed, asked) != parts(moved, asked)
