"""A claim is written as an 837 that a validator of others takes, and what it lacks is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.claims import ClaimDraft
from mappings.library import load
from mappings.records import Coverage, Name
from mappings.x12.configuration import charges, trading
from mappings.x12.judging import faults
from mappings.x12.wording import DELIMITERS, Checked, Unfit, amount, good_npi, line, plain
from tests.mappings.x12.samples import (
    COVER,
    DAY,
    OKAFOR,
    PERSON,
    PROGRAM,
    RIVERA,
    STAFF,
    bill,
    file_of,
    institutional,
    library,
    professional,
    site,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "x12"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"


def three() -> str:
    """Three days of two people."""
    other = PERSON.model_copy(update={"id": "MRN-70002", "name": Name(given=("Alex",), family="Moss")})
    changes: list[dict[str, object]] = [{}, {"day": DAY - timedelta(days=1)}, {"individual": other}]
    claims = [
        institutional(control_number=f"PCABCDEFGHIJKLMNO{place}A", **more)
        for place, more in enumerate(changes)
    ]
    return file_of(*map(bill, claims)).text


GOLDEN_FILES: dict[str, Callable[[], str]] = {
    "837i": lambda: file_of(bill(institutional())).text,
    "837p": lambda: file_of(bill(professional())).text,
    "batch-of-three": three,
    "correction": lambda: file_of(bill(institutional(), "7", "2026063000123")).text,
    "void": lambda: file_of(bill(professional(), "8", "2026063000123")).text,
    "part2": lambda: file_of(bill(institutional(program=PROGRAM.model_copy(update={"part2": True})))).text,
}


def segments(text: str, name: str) -> list[list[str]]:
    return [each.strip().split("*") for each in text.split("~") if each.strip().startswith(name + "*")]


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_the_file_is_as_kept_and_the_validator_takes_it(name: str) -> None:
    text = GOLDEN_FILES[name]()
    kept = GOLDEN / f"{name}.x12"
    if UPDATE:
        kept.write_text(text, encoding="ascii")
    assert text == kept.read_text(encoding="ascii")
    assert faults(text) == []


@pytest.mark.parametrize(
    ("form", "without"),
    [
        ("837i", "NM1*85"),
        ("837i", "CLM"),
        ("837i", "CL1"),
        ("837p", "REF*EI"),
        ("837p", "HI*ABK"),
        ("837p", "SV1"),
    ],
)
def test_the_validator_sees_what_is_taken_out(form: str, without: str) -> None:
    text = (GOLDEN / f"{form}.x12").read_text(encoding="ascii")
    at = text.index(f"~\n{without}") + 2
    spoiled = text[:at] + text[text.index("~\n", at) + 2 :]
    count = segments(text, "SE")[0][1]
    assert faults(spoiled.replace(f"SE*{count}*", f"SE*{int(count) - 1}*"))


def test_what_the_validator_says_holds_no_data_of_the_individual() -> None:
    text = GOLDEN_FILES["837i"]().replace("O'BRIEN-LUKASZ", "O'BRIEN" * 12)
    said = faults(text)
    assert said
    assert "BRIEN" not in "".join(said)


def test_the_rate_code_stands_whole_in_value_code_24_and_no_line_repeats_it() -> None:
    text = file_of(bill(institutional())).text
    assert text.count("HI*BE:24:::1507~") == 1
    assert "BE:24" not in file_of(bill(professional())).text


def test_a_line_of_two_peers_is_one_line_for_each_and_no_unit_is_lost() -> None:
    text = file_of(bill(institutional())).text
    lines = segments(text, "SV2")
    assert [(each[2], each[3], each[5]) for each in lines] == [
        ("HC:H0038", "52.8", "2"), ("HC:H0038", "26.4", "1"), ("HC:H0038:HQ", "26.1", "2"),
    ]  # fmt: skip
    assert [each[9] for each in segments(text, "NM1") if each[1] == "82"] == [RIVERA, OKAFOR, OKAFOR]
    assert sum(Decimal(each[3]) for each in lines) == Decimal(segments(text, "CLM")[0][2])


def test_the_form_of_the_frequency_is_in_clm05_and_f8_names_the_claim_before() -> None:
    first, replaced = bill(institutional()), bill(institutional(), "7", "CLAIM77")
    assert segments(file_of(first).text, "CLM")[0][5] == "76:A:1"
    assert segments(file_of(replaced).text, "CLM")[0][5] == "76:A:7"
    assert "REF*F8*CLAIM77~" in file_of(replaced).text
    assert "REF*F8" not in file_of(first).text
    with pytest.raises(Unfit, match="payer's number of the claim before is missing"):
        file_of(bill(institutional(), "8"))


def test_a_place_of_service_that_is_not_the_claims_stands_on_its_line() -> None:
    text = file_of(bill(professional())).text
    assert segments(text, "CLM")[0][5] == "53:B:1"
    assert [each[5] for each in segments(text, "SV1")] == ["", "", "99"]


def _without(**changes: object) -> Callable[[], ClaimDraft]:
    return lambda: institutional(**changes)


def _line(form: str, **changes: object) -> Callable[[], ClaimDraft]:
    make = institutional if form == "institutional" else professional
    return lambda: make(lines=tuple(replace(each, **changes) for each in make().lines))  # type: ignore[arg-type]


def _person(**changes: object) -> Callable[[], ClaimDraft]:
    return lambda: institutional(individual=PERSON.model_copy(update=changes))


EARLIER = Coverage(payer="AETNA", order=0)
MISSING: dict[str, tuple[Callable[[], ClaimDraft], str]] = {
    "diagnosis": (_without(diagnoses=()), "diagnosis is missing"),
    "coverage": (_without(coverage=None), "coverage is missing"),
    "member id": (_without(coverage=Coverage(payer="NYMEDICAID")), "member id of the coverage is missing"),
    "payer": (_without(coverage=COVER.model_copy(update={"payer": "AETNA"})), '"AETNA" is missing'),
    "payer before": (_without(other_coverages=(EARLIER,)), "has AETNA before NYMEDICAID"),
    "type of bill": (_without(type_of_bill=None), "claim.type_of_bill.* is missing"),
    "attending": (_without(attending=None), "attending practitioner is missing"),
    "unknown attending": (_without(attending="nobody"), "NPI of the attending practitioner nobody"),
    "rate code": (_without(rate_code="15A"), "rate code is '15A', and four digits"),
    "revenue code": (_line("institutional", revenue_code=None), "claim.revenue_code.* is missing"),
    "place of service": (_line("professional", place_of_service=None), "claim.place_of_service.* is missing"),
    "charge": (_line("institutional", modifiers=("HK",)), 'claim.charges."H0038:HK" is missing'),
    "peer": (_line("institutional", rendering=("x", RIVERA)), "NPI of the peer x is missing"),
    "units": (_line("institutional", contacts=(("ENC-9", 1, 3),)), f"units of the peer {RIVERA} are"),
    "birth date": (_person(birth_date=None), "birth date of the individual is missing"),
    "name": (_person(name=None), "family name of the individual is missing"),
    "a name of other letters": (_person(name=Name(family="王")), "has the sign '王'"),
    "a delimiter": (_person(name=Name(family="Mo*ss")), r"has the sign '\*', which separates data"),
    "a long name": (_person(name=Name(family="M" * 61)), "has 61 signs, and X12 takes 1 to 60"),
    "thirteen diagnoses": (
        lambda: professional(diagnoses=tuple(f"F{place}" for place in range(10, 23))),
        "diagnoses are 13, and a claim takes 12",
    ),
    "a diagnosis": (_without(diagnoses=("F31.81", "bad")), "diagnosis is 'bad', and an ICD-10-CM code"),
}  # fmt: skip


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_or_cannot_be_written_is_named(what: str) -> None:
    make, words = MISSING[what]
    with pytest.raises(Unfit, match=words):
        file_of(bill(make()))


def test_an_address_is_asked_for_unless_the_site_says_otherwise() -> None:
    claim = institutional(individual=PERSON.model_copy(update={"address": None}))
    assert faults(file_of(bill(claim)).text) == []
    with pytest.raises(Unfit, match="address of the individual is missing"):
        file_of(bill(claim), told=site().model_copy(update={"subscriber_address": "required"}))


@pytest.mark.parametrize(("wanted", "named"), [("required", None), ("with-npi", 0), ("none", 0)])
def test_a_peer_without_an_npi_is_left_out_only_where_the_site_says_so(
    wanted: str, named: int | None
) -> None:
    staff = {**STAFF, RIVERA: STAFF[RIVERA].model_copy(update={"npi": None})}
    lines = institutional().lines[:1]
    claim = institutional(lines=(replace(lines[0], rendering=(RIVERA,)),))
    given_bill = replace(bill(claim), staff=staff)
    told = site().model_copy(update={"rendering": wanted})
    if named is None:
        with pytest.raises(Unfit, match="NPI of the peer"):
            file_of(given_bill, told=told)
    else:
        text = file_of(given_bill, told=told).text
        assert len([each for each in segments(text, "NM1") if each[1] == "82"]) == named
        assert faults(text) == []


def test_a_configuration_names_all_that_is_missing_or_wrong(tmp_path: Path) -> None:
    overlay = tmp_path / "site.toml"
    overlay.write_text('jurisdiction = "us-ny"\n[parameters."claim.x12"]\nusage = "live"\n')
    with pytest.raises(Unfit) as unfit:
        trading(load(overlay), "us-ny", DAY)
    named = {datum for datum, _ in unfit.value.doubts}
    parts = ("usage", "submitter", "receiver", "billing_provider", "payers", "statements")
    assert named == {f"claim.x12.{part}" for part in parts}
    with pytest.raises(Unfit, match=r"claim\.x12 is missing"):
        trading(load(), "us-ny", DAY)
    overlay.write_text('jurisdiction = "us-ny"\n[parameters]\n"claim.charges" = { H0038 = "26.405" }\n')
    with pytest.raises(Unfit, match=r"claim\.charges\.H0038 is '26.405'"):
        charges(load(overlay), "us-ny", DAY)
    assert charges(library(), "us-ny", DAY)["H0038:HQ"] == Decimal("13.05")


@given(st.text(max_size=80))
def test_no_text_brings_a_delimiter_or_a_sign_that_x12_does_not_know_into_a_file(text: str) -> None:
    asked = Checked()
    said = asked.text("datum", text, 60)
    assert bool(said) != bool(asked.doubts)
    assert not set(said) & set(DELIMITERS)
    assert said.isascii()
    assert said == said.strip() == said.upper()
    assert plain(said) == said
    assert len(said) <= 60
    assert line(("NM1", said))[-1] == "~"


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_an_amount_is_written_without_zeros_at_its_end_and_reads_the_same(value: Decimal) -> None:
    said = amount(value)
    assert Decimal(said) == value
    assert re.fullmatch(r"\d+(\.\d?[1-9])?", said)


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_of_an_npi_is_seen(base: int, place: int, more: int) -> None:
    good = next(f"{base:09d}{last}" for last in range(10) if good_npi(f"{base:09d}{last}"))
    wrong = good[:place] + str((int(good[place]) + more) % 10) + good[place + 1 :]
    assert not good_npi(wrong)


def test_segments_never_hold_a_delimiter_as_data() -> None:
    for sign in DELIMITERS:
        with pytest.raises(ValueError, match="cannot stand in a segment"):
            line(("NM1", f"A{sign}B"))


@given(st.integers(1, 999_999_990))
def test_every_number_is_in_its_envelope(first: int) -> None:
    made = file_of(bill(institutional()), first=first)
    (isa,), (gs,), (st_,) = (segments(made.text, name) for name in ("ISA", "GS", "ST"))
    (se,), (ge,), (iea,) = (segments(made.text, name) for name in ("SE", "GE", "IEA"))
    assert (isa[13], gs[6], iea[2], ge[2]) == (f"{first:09d}", str(first), f"{first:09d}", str(first))
    assert st_[2] == se[2] == f"{first + 1:04d}"
    assert made.text.index("\n") == 106
    between = made.text[made.text.index("\nST*") + 1 : made.text.index("\nGE*") + 1]
    assert int(se[1]) == between.count("~")
