"""One claim as the segments of an 837: from the subscriber's level down to the service lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from mappings import terms
from mappings.claim_forms import ORIGINAL, PROFESSIONAL
from mappings.claims import ClaimDraft, ClaimLine
from mappings.disclosure import NOTICE
from mappings.fhir.elements import PEER_TAXONOMY
from mappings.library import Library
from mappings.records import Coverage, Individual, Name, StaffFields
from mappings.x12.configuration import CHARGES, NAME, Named, Payer, Trading
from mappings.x12.wording import Checked, Segment, amount, day8

_GENDERS = {"female": "F", "male": "M"}
_MOST_LINES = {PROFESSIONAL: 50}
_MOST_DIAGNOSES = {PROFESSIONAL: 12}
Versions = Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Bill:
    """A released claim with what it is sent with: the frequency that holds now, the payer's number of what it
    replaces, the staff, who rendered each (contact, version), and the price of a unit by procedure."""

    claim: ClaimDraft
    frequency: str
    payer_number: str | None
    staff: Mapping[str, StaffFields]
    peers: Versions
    prices: Mapping[str, Decimal]


@dataclass(frozen=True)
class _Piece:
    """A service line as X12 has it: of one person who rendered it."""

    line: ClaimLine
    units: int
    peer: str | None
    charge: Decimal


def subscriber_level(bill: Bill, trading: Trading, library: Library) -> tuple[Segment, ...]:
    """The loops 2010BA, 2010BB, 2300 and 2400 of a claim behind its SBR, which stands first. Raises Unfit,
    which names every datum that is missing or cannot be written."""
    asked = Checked()
    written = (
        *_subscriber(bill.claim, trading, asked),
        *_claim(bill, trading, library, asked),
    )
    asked.settle()
    return written


def charged(written: Iterable[Segment]) -> Decimal:
    """What the written claim charges in US dollars (CLM02)."""
    return sum((Decimal(str(each[2])) for each in written if each[0] == "CLM"), Decimal(0))


def _subscriber(claim: ClaimDraft, trading: Trading, asked: Checked) -> Iterator[Segment]:
    cover = claim.coverage
    payer = _payer(claim, trading, asked)
    filing = payer.filing if payer else ""
    yield ("SBR", "P", "18", "", "", "", "", "", "", filing)
    member = asked.text("member id of the coverage", cover.member_id if cover else None, 80, 2)
    yield ("NM1", "IL", "1", *_name("individual", claim.individual.name, asked), "MI", member)
    yield from _address(claim.individual, trading, asked)
    yield _birth(claim.individual, asked)
    if payer:
        yield (
            *("NM1", "PR", "2", asked.text(f"{NAME}.payers name", payer.name, 60), "", "", "", ""),
            *("PI", asked.text(f"{NAME}.payers id", payer.id, 80, 2)),
        )


def _payer(claim: ClaimDraft, trading: Trading, asked: Checked) -> Payer | None:
    cover = claim.coverage
    if cover is None or not cover.payer:
        asked.doubt("coverage", f"is missing on {claim.day}")
        return None
    first = [each for each in claim.other_coverages if _order(each) < _order(cover)]
    if first:
        words = "which pays first, and what it decided is not known here"
        asked.doubt("coverage", f"has {first[0].payer} before {cover.payer}, {words}")
    found = trading.payers.get(cover.payer)
    if found is None:
        asked.doubt(f'{NAME}.payers."{cover.payer}"', "is missing")
    elif not found.members_are_subscribers:
        asked.doubt(
            f'{NAME}.payers."{cover.payer}"', "has subscribers who are not the member: bill elsewhere"
        )
    return found


def _order(cover: Coverage) -> int:
    return cover.order if cover.order is not None else 99


def _name(whose: str, name: Name | None, asked: Checked) -> tuple[str, str, str, str, str]:
    """NM103 to NM107: family name, first name, the second as the middle name."""
    given = name.given if name else ()
    return (
        asked.text(f"family name of the {whose}", name.family if name else None, 60),
        asked.maybe(f"given name of the {whose}", given[0] if given else None, 35),
        asked.maybe(f"second name of the {whose}", given[1] if len(given) > 1 else None, 25),
        "",
        "",
    )


def _address(person: Individual, trading: Trading, asked: Checked) -> Iterator[Segment]:
    home = person.address
    if home is None or not home.lines:
        if trading.subscriber_address == "required":
            asked.doubt("address of the individual", "is missing")
        return
    second = asked.maybe("second address line of the individual", ", ".join(home.lines[1:]), 55)
    yield ("N3", asked.text("address line of the individual", home.lines[0], 55), second)
    state = asked.code("state of the individual's address", home.state, r"[A-Z]{2}", "a state's two letters")
    zip_code = (home.postal_code or "").replace("-", "")
    yield (
        "N4",
        asked.text("city of the individual's address", home.city, 30, 2),
        state,
        asked.code("ZIP code of the individual's address", zip_code, r"\d{5}(\d{4})?", "five or nine digits"),
    )


def _birth(person: Individual, asked: Checked) -> Segment:
    born = person.birth_date
    if born is None:
        asked.doubt("birth date of the individual", "is missing")
    return ("DMG", "D8", day8(born) if born else "", _GENDERS.get(person.gender or "", "U"))


def _claim(bill: Bill, trading: Trading, library: Library, asked: Checked) -> Iterator[Segment]:
    claim, professional = bill.claim, bill.claim.form == PROFESSIONAL
    pieces = _pieces(bill, asked)
    total = sum((piece.charge for piece in pieces), Decimal(0))
    said, place = trading.statements, _place(bill, asked)
    signed = said.signature_on_file if professional else ""
    yield (
        *("CLM", asked.text("control number", claim.control_number, 20), amount(total), "", ""),
        *(place, signed, said.assignment, said.benefits_assigned, said.release_of_information),
    )
    if not professional:
        yield from _stay(claim, trading, asked)
    granted = claim.authorization.number if claim.authorization else None
    if claim.authorization is not None:
        yield ("REF", "G1", asked.text("authorization number", granted, 50))
    if bill.frequency != ORIGINAL:
        yield ("REF", "F8", asked.text("payer's number of the claim before", bill.payer_number, 50))
    if claim.program.part2:
        # 42 CFR 2.32: the notice goes with each disclosure made with a written consent.
        yield ("NTE", "ADD", asked.text("notice", NOTICE.removesuffix("."), 80))
    yield from _diagnoses(claim, asked)
    if not professional and claim.rate_code:
        rate = asked.code("rate code", claim.rate_code, r"\d{4}", "four digits")
        # The whole code in the place of an amount, as seen in New York; a payer's own guide settles it.
        yield ("HI", ("BE", "24", "", "", rate))
    yield from _people(bill, pieces, trading, library, asked)
    most = _MOST_LINES.get(claim.form, 999)
    if len(pieces) > most:
        asked.doubt("service lines", f"are {len(pieces)}, and a claim takes {most}")
    for number, piece in enumerate(pieces, start=1):
        yield from _service(number, piece, pieces, bill, trading, asked)


def _place(bill: Bill, asked: Checked) -> tuple[str, str, str]:
    """CLM05: the middle of the type of bill, or the place of service of the first line; the frequency."""
    claim = bill.claim
    if claim.form == PROFESSIONAL:
        return _place_of_service(claim.lines[0], asked), "B", bill.frequency
    bill_type = asked.code(
        'type of bill ("claim.type_of_bill")', claim.type_of_bill, r"0\d{3}", "four digits"
    )
    return bill_type[1:3], "A", bill.frequency


def _place_of_service(line: ClaimLine, asked: Checked) -> str:
    named = 'place of service ("claim.place_of_service")'
    return asked.code(named, line.place_of_service, r"\d{2}", "two digits")


def _stay(claim: ClaimDraft, trading: Trading, asked: Checked) -> Iterator[Segment]:
    yield ("DTP", "434", "RD8", f"{day8(claim.day)}-{day8(claim.day)}")
    told = trading.institutional
    if told is None:
        asked.doubt(f"{NAME}.institutional", "is missing: admission type and patient status")
        return
    yield ("CL1", told.admission_type, told.point_of_origin or "", told.patient_status)


def _diagnoses(claim: ClaimDraft, asked: Checked) -> Iterator[Segment]:
    most = _MOST_DIAGNOSES.get(claim.form, 25)
    codes = [_diagnosis(each, asked) for each in claim.diagnoses]
    if not codes:
        asked.doubt("diagnosis", "is missing")
    elif len(codes) > most:
        asked.doubt("diagnoses", f"are {len(codes)}, and a claim takes {most}")
    elif claim.form == PROFESSIONAL:
        yield ("HI", ("ABK", codes[0]), *(("ABF", code) for code in codes[1:]))
    else:
        yield ("HI", ("ABK", codes[0]))
        for start in range(1, len(codes), 12):
            yield ("HI", *(("ABF", code) for code in codes[start : start + 12]))


def _diagnosis(code: str, asked: Checked) -> str:
    form = r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?"
    return asked.code("diagnosis", code, form, "an ICD-10-CM code").replace(".", "")


def _people(
    bill: Bill, pieces: list[_Piece], trading: Trading, library: Library, asked: Checked
) -> Iterator[Segment]:
    """Attending and rendering on an 837I; rendering and supervising on an 837P."""
    claim = bill.claim
    rendering = _rendering(pieces[0].peer if pieces else None, bill, trading, asked)
    if claim.form == PROFESSIONAL:
        yield from rendering
        if claim.attending or trading.supervising == "required":
            yield from _person(
                "DQ", "supervising practitioner", claim.attending, bill, trading.supervising, asked
            )
        return
    yield from _person("71", "attending practitioner", claim.attending, bill, "required", asked)
    member = bill.staff.get(claim.attending or "")
    known = terms.taxonomy(library, member) if member else None
    if known:
        yield ("PRV", "AT", "PXC", known[0])
    yield from rendering


def _rendering(peer: str | None, bill: Bill, trading: Trading, asked: Checked) -> tuple[Segment, ...]:
    named = tuple(_person("82", "peer", peer, bill, trading.rendering, asked))
    if named and bill.claim.form == PROFESSIONAL:
        return (*named, ("PRV", "PE", "PXC", PEER_TAXONOMY[0]))
    return named


def _person(
    role: str, whose: str, staff_id: str | None, bill: Bill, wanted: Named, asked: Checked
) -> Iterator[Segment]:
    member = bill.staff.get(staff_id or "")
    if wanted == "none" or (wanted == "with-npi" and (member is None or not member.npi)):
        return
    if not staff_id:
        asked.doubt(whose, "is missing")
        return
    named = f"{whose} {staff_id}"
    npi = asked.npi(f"NPI of the {named}", member.npi if member else None)
    yield ("NM1", role, "1", *_name(named, member.name if member else None, asked), "XX", npi)


def _pieces(bill: Bill, asked: Checked) -> list[_Piece]:
    return [piece for line in bill.claim.lines for piece in _by_peer(line, bill, asked)]


def _by_peer(line: ClaimLine, bill: Bill, asked: Checked) -> Iterator[_Piece]:
    """A line of several peers as one for each of them: X12 names one person who rendered a line."""
    price = bill.prices.get(":".join([line.code, *line.modifiers]))
    if price is None:
        asked.doubt(
            f'{CHARGES}."{":".join([line.code, *line.modifiers])}"', "is missing: the charge of a unit"
        )
        price = Decimal(0)
    if len(line.rendering) <= 1:
        peer = line.rendering[0] if line.rendering else None
        yield _Piece(line, line.units, peer, price * line.units)
        return
    for peer in line.rendering:
        mine = [units for id, version, units in line.contacts if bill.peers.get((id, version)) == peer]
        if not mine:
            asked.doubt(f"units of the peer {peer}", "are not known")
        yield _Piece(line, sum(mine), peer, price * sum(mine))


def _service(
    number: int, piece: _Piece, pieces: list[_Piece], bill: Bill, trading: Trading, asked: Checked
) -> Iterator[Segment]:
    line, claim = piece.line, bill.claim
    code = asked.code("procedure code", line.code, r"[A-Z0-9]{5}", "five letters or digits")
    if len(line.modifiers) > 4:
        asked.doubt("modifiers", f"are {len(line.modifiers)}, and a line takes four")
    modifiers = [
        asked.code("modifier", each, r"[A-Z0-9]{2}", "two letters or digits") for each in line.modifiers
    ]
    procedure, units, charge = ("HC", code, *modifiers), str(piece.units), amount(piece.charge)
    yield ("LX", str(number))
    if claim.form == PROFESSIONAL:
        place = _place_of_service(line, asked)
        elsewhere = place if place != claim.lines[0].place_of_service else ""
        yield ("SV1", procedure, charge, "UN", units, elsewhere, "", _pointers(claim, line, asked))
    else:
        named = 'revenue code ("claim.revenue_code")'
        yield (
            "SV2",
            asked.code(named, line.revenue_code, r"\d{4}", "four digits"),
            procedure,
            charge,
            "UN",
            units,
        )
    yield ("DTP", "472", "D8", day8(claim.day))
    if piece.peer != pieces[0].peer:
        yield from _rendering(piece.peer, bill, trading, asked)


def _pointers(claim: ClaimDraft, line: ClaimLine, asked: Checked) -> tuple[str, ...]:
    """SV107: the places of the line's diagnoses on the claim, the first four."""
    if not line.diagnoses or not set(line.diagnoses) <= set(claim.diagnoses):
        asked.doubt("diagnosis of a line", "is not one of the claim's" if line.diagnoses else "is missing")
        return ()
    return tuple(str(claim.diagnoses.index(code) + 1) for code in line.diagnoses[:4])
