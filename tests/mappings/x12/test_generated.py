"""Whatever is drafted from generated records goes out in files that the validator takes, no unit lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.claim_forms import PROFESSIONAL
from mappings.claims import ClaimDraft, draft_claims
from mappings.intake import read_record
from mappings.office import Surroundings
from mappings.records import Contact, Program, Staff
from mappings.rules import judge
from mappings.x12.batch import Billed, Interchange, interchange
from mappings.x12.claim import Bill, subscriber_level
from mappings.x12.judging import faults
from tests.generator import generate
from tests.intake_makers import NOW as CLOCK
from tests.mappings.x12.samples import NOW, library, site


@cache
def drafted(
    seed: int, records: int
) -> tuple[tuple[ClaimDraft, ...], Surroundings, dict[tuple[str, int], str]]:
    known = [read_record(each.line) for each in generate(seed, records, bad=0)]
    contacts = [each for each in known if isinstance(each, Contact)]
    around = Surroundings(
        staff={each.id: each for each in known if isinstance(each, Staff)},
        program=next(each for each in known if isinstance(each, Program)),
    )
    judged = judge(known, library(), datetime.fromisoformat(CLOCK))
    peers = {(each.id, each.version): each.peer.id for each in contacts if each.peer}
    return tuple(draft_claims(contacts, judged, around, library())), around, peers


def bills(seed: int, records: int, form: str) -> list[Bill]:
    drafts, around, peers = drafted(seed, records)
    made = []
    for claim in drafts:
        if form == PROFESSIONAL:
            lines = tuple(replace(line, place_of_service="11") for line in claim.lines)
            claim = replace(claim, form=form, lines=lines)  # noqa: PLW2901 - the same claim on another form
        prices = {":".join([line.code, *line.modifiers]): Decimal("26.40") for line in claim.lines}
        made.append(Bill(claim, "1", None, around.staff, peers, prices))
    return made


def written(given_bills: Sequence[Bill], form: str) -> Interchange:
    claims = [
        Billed(each.claim.control_number, each.claim.program, subscriber_level(each, site(), library()))
        for each in given_bills
    ]
    return interchange(claims, form, site(), 1, NOW)


def units(text: str, segment: str) -> int:
    place = 5 if segment == "SV2" else 4
    return sum(int(each.split("*")[place]) for each in text.split("~\n") if each.startswith(f"{segment}*"))


@pytest.mark.parametrize(("form", "segment"), [("institutional", "SV2"), ("professional", "SV1")])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_every_claim_of_generated_records_is_taken_and_has_all_its_units(
    form: str, segment: str, seed: int
) -> None:
    found = bills(seed, 80, form)
    assert len(found) > 20
    file = written(found, form)
    assert faults(file.text) == []
    assert units(file.text, segment) == sum(each.claim.units for each in found)
    assert [number for _, inside in file.sets for number in inside] == [
        each.claim.control_number for each in found
    ]
