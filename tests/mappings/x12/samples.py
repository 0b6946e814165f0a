"""Claims and a site for the tests of X12: one of each form, with two peers, a correction and a void."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pyx12.map_if

from mappings.claim_forms import PROFESSIONAL
from mappings.claims import ClaimDraft, ClaimLine, control_number
from mappings.library import Library, load
from mappings.records import (
    Address,
    AuthorizationFields,
    Coverage,
    Credential,
    Individual,
    Name,
    ProgramFields,
    StaffFields,
)
from mappings.x12.batch import Billed, Interchange, interchange
from mappings.x12.claim import Bill, subscriber_level
from mappings.x12.configuration import Trading, trading

SITE = Path(__file__).parents[2] / "app" / "sites" / "sole-biller.toml"
NOW = datetime(2026, 3, 9, 21, 15, tzinfo=ZoneInfo("America/New_York"))
DAY = date(2026, 3, 4)
PRICES = {"H0038": Decimal("26.40"), "H0038:HQ": Decimal("13.05")}
PROGRAM = ProgramFields(id="1900000013", npi="1900000013", name="Riverbend MHOTRS")
COVER = Coverage(payer="NYMEDICAID", member_id="AA00001A", order=1)
PERSON = Individual(
    id="MRN-70001",
    name=Name(given=("José", "Miguel"), family="O’Brien-Łukasz"),
    birth_date=date(1990, 2, 3),
    gender="male",
    address=Address(lines=("5 Elm Street", "Apt. 4"), city="Troy", state="NY", postal_code="12180-1234"),
    coverages=(COVER,),
)
RIVERA, OKAFOR, CHEN = "1900000021", "1900000047", "1900000039"
STAFF = {
    RIVERA: StaffFields(id=RIVERA, npi=RIVERA, name=Name(given=("Pat",), family="Rivera")),
    OKAFOR: StaffFields(id=OKAFOR, npi=OKAFOR, name=Name(given=("Ngozi",), family="Okafor")),
    CHEN: StaffFields(
        id=CHEN,
        npi=CHEN,
        name=Name(given=("Dana",), family="Chen"),
        credentials=(Credential(code="lcsw"),),
    ),
}
PEERS = {("ENC-1", 1): RIVERA, ("ENC-2", 2): OKAFOR, ("ENC-3", 1): OKAFOR}


@cache
def library() -> Library:
    """The rules with what the site sets."""
    return load(SITE)


@cache
def site() -> Trading:
    """The site's configuration."""
    return trading(library(), "us-ny", DAY)


def institutional(**changes: object) -> ClaimDraft:
    """Two peers share a line, one of them also led a group."""
    alone = ClaimLine(
        code="H0038",
        modifiers=(),
        units=3,
        contacts=(("ENC-1", 1, 2), ("ENC-2", 2, 1)),
        rendering=(RIVERA, OKAFOR),
        diagnoses=("F31.81", "F10.20"),
        revenue_code="0900",
    )
    group = replace(alone, modifiers=("HQ",), units=2, contacts=(("ENC-3", 1, 2),), rendering=(OKAFOR,))
    claim = ClaimDraft(
        control_number=control_number(PROGRAM.id, PERSON.id, DAY, "1507"),
        individual=PERSON,
        program=PROGRAM,
        day=DAY,
        rate_code="1507",
        lines=(alone, group),
        diagnoses=("F31.81", "F10.20"),
        coverage=COVER,
        authorization=AuthorizationFields(id="AUTH-1", number="A123"),
        attending=CHEN,
        type_of_bill="0761",
    )
    return replace(claim, **changes)  # type: ignore[arg-type]


def professional(**changes: object) -> ClaimDraft:
    """The same on the professional form, the group somewhere else."""
    claim = institutional(form=PROFESSIONAL, type_of_bill=None, rate_code="")
    places = zip(claim.lines, ("53", "99"), strict=True)
    lines = tuple(replace(line, place_of_service=place, revenue_code=None) for line, place in places)
    return replace(claim, **{"lines": lines, **changes})  # type: ignore[arg-type]


def bill(claim: ClaimDraft, frequency: str = "1", payer_number: str | None = None) -> Bill:
    """The claim with its staff and prices."""
    return Bill(claim, frequency, payer_number, STAFF, PEERS, PRICES)


def file_of(*bills: Bill, told: Trading | None = None, first: int = 41) -> Interchange:
    """The bills, all of one form, in one file."""
    trades = told or site()
    billed = [
        Billed(each.claim.control_number, each.claim.program, subscriber_level(each, trades, library()))
        for each in bills
    ]
    return interchange(billed, bills[0].claim.form, trades, first, NOW)


@contextmanager
def maps_read_once() -> Iterator[None]:
    """The validator reads its maps from XML for each file anew, nearly all of its time: here once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyx12.map_if.load_map_file", cache(pyx12.map_if.load_map_file))
        yield
