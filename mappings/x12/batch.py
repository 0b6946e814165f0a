"""Claims of one form as one interchange: the envelopes around them, with numbers that were drawn before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mappings.claim_forms import PROFESSIONAL
from mappings.records import ProgramFields
from mappings.x12.configuration import NAME, Partner, Submitter, Trading
from mappings.x12.wording import COMPONENT, REPEAT, Checked, Delimiter, Segment, line

VERSIONS = {PROFESSIONAL: "005010X222A1"}
INSTITUTIONAL_VERSION = "005010X223A2"
# What the implementation guides recommend at most between ST and SE.
MOST_IN_SET = 5000
LAST_NUMBER = 999_999_999

Level = tuple[Segment, ...]


@dataclass(frozen=True)
class Billed:
    """One claim in a batch: its control number, the programme that bills and its written segments."""

    control_number: str
    program: ProgramFields
    written: Level


@dataclass(frozen=True)
class Interchange:
    """A written file: `sets` gives the control numbers of the claims under each number in ST02."""

    text: str
    sets: tuple[tuple[str, tuple[str, ...]], ...]


def sets_needed(claims: int) -> int:
    """How many transaction sets so many claims take; with one for the interchange, the numbers to draw."""
    return -(-claims // MOST_IN_SET)


def interchange(
    claims: Sequence[Billed], form: str, trading: Trading, first: int, now: datetime
) -> Interchange:
    """The file of these claims of one form. `first` is the number of the interchange and of its group, the
    numbers after it are those of its transaction sets; `now` is written as its zone's local time. Raises
    Unfit where the configuration cannot be written, and ValueError for a number past the last."""
    if not 0 < first <= LAST_NUMBER - sets_needed(len(claims)):
        raise ValueError(f"{first} is no control number of an interchange")
    asked = Checked()
    version = VERSIONS.get(form, INSTITUTIONAL_VERSION)
    inside: list[Segment] = []
    sets = []
    for place in range(sets_needed(len(claims))):
        mine = claims[place * MOST_IN_SET : (place + 1) * MOST_IN_SET]
        number = f"{first + 1 + place:04d}"
        inside += _transaction_set(mine, number, version, trading, now, asked)
        sets.append((number, tuple(each.control_number for each in mine)))
    wrapped = [*_opening(trading, first, version, now), *inside]
    asked.settle()
    ends: list[Segment] = [("GE", str(len(sets)), str(first)), ("IEA", "1", f"{first:09d}")]
    return Interchange("".join(f"{line(each)}\n" for each in [*wrapped, *ends]), tuple(sets))


def _opening(trading: Trading, number: int, version: str, now: datetime) -> Iterator[Segment]:
    ours, theirs = trading.submitter, trading.receiver
    yield (
        *("ISA", "00", " " * 10, "00", " " * 10, ours.qualifier, f"{ours.id:15}"),
        *(theirs.qualifier, f"{theirs.id:15}", f"{now:%y%m%d}", f"{now:%H%M}", Delimiter(REPEAT)),
        *("00501", f"{number:09d}", "0", trading.usage[0].upper(), Delimiter(COMPONENT)),
    )
    application = (ours.application or ours.id, theirs.application or theirs.id)
    yield ("GS", "HC", *application, f"{now:%Y%m%d}", f"{now:%H%M%S}", str(number), "X", version)


def _transaction_set(
    claims: Sequence[Billed], number: str, version: str, trading: Trading, now: datetime, asked: Checked
) -> list[Segment]:
    body: list[Segment] = [
        ("ST", "837", number, version),
        ("BHT", "0019", "00", number, f"{now:%Y%m%d}", f"{now:%H%M%S}", "CH"),
        _partner("41", trading.submitter, asked),
        _contact(trading.submitter, asked),
        _partner("40", trading.receiver, asked),
        *_levels(claims, trading, asked),
    ]
    return [*body, ("SE", str(len(body) + 1), number)]


def _partner(role: str, partner: Partner, asked: Checked) -> Segment:
    whose = f"{NAME}.{'submitter' if role == '41' else 'receiver'}"
    name = asked.text(f"{whose}.name", partner.name, 60)
    return (
        "NM1",
        role,
        "2",
        name,
        "",
        "",
        "",
        "",
        "46",
        asked.text(f"{whose}.code", partner.code or partner.id, 80),
    )


def _contact(ours: Submitter, asked: Checked) -> Segment:
    ways = [("TE", ours.telephone), ("EM", ours.email)]
    said = [
        part
        for kind, value in ways
        if value
        for part in (kind, asked.text(f"{NAME}.submitter.{kind}", value, 256))
    ]
    return ("PER", "IC", asked.text(f"{NAME}.submitter.contact", ours.contact, 60), *said)


def _levels(claims: Sequence[Billed], trading: Trading, asked: Checked) -> Iterator[Segment]:
    """The hierarchy: each programme with its subscribers under it."""
    number = 0
    programs = {each.program.id: each.program for each in claims}
    for id, program in programs.items():
        number += 1
        above = number
        yield ("HL", str(number), "", "20", "1")
        yield from _billing_provider(program, trading, asked)
        for each in claims:
            if each.program.id == id:
                number += 1
                yield ("HL", str(number), str(above), "22", "0")
                yield from each.written


def _billing_provider(program: ProgramFields, trading: Trading, asked: Checked) -> Iterator[Segment]:
    own = trading.billing_provider
    name = asked.text("name of the programme", own.name or program.name, 60)
    npi = asked.npi("NPI of the programme", own.npi or program.npi)
    place, whose = own.address, f"{NAME}.billing_provider.address"
    second = asked.maybe(f"{whose}.line2", place.line2, 55)
    yield ("PRV", "BI", "PXC", own.taxonomy)
    yield ("NM1", "85", "2", name, "", "", "", "", "XX", npi)
    yield ("N3", asked.text(f"{whose}.line", place.line, 55), second)
    yield ("N4", asked.text(f"{whose}.city", place.city, 30, 2), place.state, place.zip)
    yield ("REF", "EI", own.tax_id)
