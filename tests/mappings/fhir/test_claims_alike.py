"""Claims that are alike are written into the form of an earlier one: the bytes stay those of the Bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.claims import ClaimDraft, ClaimLine, control_number, draft_claims
from mappings.fhir.bundle import ChartLinks, NotFit
from mappings.fhir.claim import claim_bundle
from mappings.fhir.elements import to_bytes
from mappings.fhir.writing import Writer
from mappings.office import Surroundings
from mappings.records import AuthorizationFields, Coverage, Individual, Name, ProgramFields
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import library

# Each part of a draft, all of which is in the key by which claims are alike, or among what differs.
_SAID = {
    ClaimDraft: {
        *("control_number", "individual", "program", "day", "rate_code", "lines", "diagnoses", "coverage"),
        *("authorization", "attending", "other_coverages", "form", "type_of_bill", "frequency", "prior"),
        "payer_number",
    },
    ClaimLine: {
        *("code", "modifiers", "units", "contacts", "rendering", "diagnoses", "place_of_service"),
        "revenue_code",
    },
}


def _around(part2: bool = False) -> Surroundings:
    around = c.surroundings()
    program = around.program and around.program.model_copy(update={"part2": part2})
    return replace(around, program=program)


def _first(around: Surroundings) -> ClaimDraft:
    found = [c.contact(c.PLANNED)]
    (draft,) = draft_claims(found, [c.judgement(each) for each in found], around, library())
    return draft


def _daily(draft: ClaimDraft, days: int) -> Iterator[ClaimDraft]:
    """The claim and those of the days after it."""
    for number in range(days):
        day = draft.day + timedelta(days=number)
        lines = [
            replace(
                line,
                contacts=tuple([(f"{name}-{number}", *each) for name, *each in line.contacts]),  # type: ignore[misc]
            )
            for line in draft.lines
        ]
        who = draft.program.id, draft.individual.id
        yield replace(
            draft, control_number=control_number(*who, day, draft.rate_code), day=day, lines=tuple(lines)
        )


def _both_ways(writer: Writer, claim: ClaimDraft, around: Surroundings) -> list[bytes | str]:
    """What the writer says of a claim, and what the Bundle as data says."""
    found: list[bytes | str] = []
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: writer.claim(claim, around),
        lambda: to_bytes(claim_bundle(claim, around, ChartLinks(), library(), c.NOW)),
    )
    for make in ways:
        try:
            found.append(make())
        except NotFit as error:
            found.append(str(error))
    return found


def _differ(writer: Writer, claims: Iterator[ClaimDraft], around: Surroundings) -> list[ClaimDraft]:
    ways = [(each, _both_ways(writer, each, around)) for each in claims]
    return [each for each, (written, data) in ways if written != data]


@pytest.mark.parametrize("part2", [False, True])
def test_claims_of_day_after_day_have_the_bytes_of_their_bundles(part2: bool, forms_used: list[str]) -> None:
    around = _around(part2)
    writer, claims = Writer(library(), c.NOW), [*_daily(_first(around), 5)]
    assert not _differ(writer, iter(claims), around)
    # The first proves the form, and those after it are written into it.
    assert forms_used == [each.control_number for each in claims]


def _others(first: ClaimDraft) -> dict[str, ClaimDraft]:
    (line,) = first.lines
    cover = first.coverage and first.coverage.model_copy(update={"member_id": "OTHER"})
    lined = {
        "code": "H0039",
        "modifiers": ("HQ",),
        "units": 7,
        "contacts": (*line.contacts, ("ENC-9", 2, 1)),
        "rendering": ("1900000047",),
        "diagnoses": (),
        "place_of_service": "11",
        "revenue_code": "0911",
    }
    whole: dict[str, object] = {
        "control_number": 'PC "&<>',
        "individual": Individual(id="P-2", name=Name(family="-.number~mark.-")),
        "program": ProgramFields(id="1900000013", name="Another"),
        "day": date(2199, 11, 29),
        "rate_code": "9999",
        "diagnoses": (*first.diagnoses, "Z63.0"),
        "coverage": cover,
        "authorization": AuthorizationFields(id="A-1", number="77"),
        "attending": None,
        "other_coverages": (Coverage(payer="OTHER", order=2),),
        "form": "professional",
        "type_of_bill": "0131",
        "frequency": "7",
        "prior": "PCPRIOR",
        "payer_number": "ICN",
    }
    found = {name: replace(first, **{name: value}) for name, value in whole.items()}  # type: ignore[arg-type]
    of_line = {name: replace(line, **{name: value}) for name, value in lined.items()}  # type: ignore[arg-type]
    return found | {f"line {name}": replace(first, lines=(each,)) for name, each in of_line.items()}


def test_each_field_alone_may_say_something_else() -> None:
    around = _around()
    first = _first(around)
    for name, other in _others(first).items():
        writer = Writer(library(), c.NOW)
        claims = [*_daily(first, 3), other, *_daily(other, 4), *_daily(first, 2)]
        assert not _differ(writer, iter(claims), around), name


@settings(max_examples=40, deadline=None)
@given(
    name=st.one_of(st.text(max_size=40), st.sampled_from(["-.0-0~mark.-", "2199-11-29", "é/\\", " ", ""])),
    twice=st.booleans(),
)
def test_whatever_a_contact_is_called_it_is_written_or_refused_as_the_bundle_is(
    name: str, twice: bool
) -> None:
    around = _around()
    writer, first = Writer(library(), c.NOW), _first(around)
    (line,) = first.lines
    called = [(name, *each[1:]) for each in line.contacts] * (2 if twice else 1)
    odd = replace(first, lines=(replace(line, contacts=tuple(called)),))
    for each in (*_daily(first, 3), odd, odd, odd):
        written, data = _both_ways(writer, each, around)
        assert written == data


@pytest.mark.parametrize("part", _SAID, ids=lambda part: part.__name__)
def test_each_field_of_a_claim_is_thought_of(part: type[ClaimDraft] | type[ClaimLine]) -> None:
    # A new field must be put into the key of what is alike, or among what differs, before it stands here.
    assert {each.name for each in fields(part)} == _SAID[part]
