"""From judged contacts to draft claims: one for each individual, day and rate code, each unit traced."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from string import ascii_uppercase
from typing import NamedTuple

from mappings import terms
from mappings.claim_forms import INSTITUTIONAL, ORIGINAL, PROFESSIONAL, ClaimForm, form_of
from mappings.codes import Billing, billing_of, needs_rate_code
from mappings.engagement import state_at
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import AuthorizationFields, Contact, Coverage, Individual, ProgramFields

UnitsOf = tuple[str, int, int]
STEM = 18
# As many of the digest's bytes as have 16 letters.
_BYTES = 10
_version = attrgetter("id", "version")


@dataclass(frozen=True)
class ClaimLine:
    """One line: a procedure with its modifiers; `contacts` gives (contact id, version, units) of each part.

    `rendering` are the ids of the peers, `diagnoses` the ICD-10-CM codes the line is for. Place of service
    and revenue code are blank where none is configured.
    """

    code: str
    modifiers: tuple[str, ...]
    units: int
    contacts: tuple[UnitsOf, ...]
    rendering: tuple[str, ...]
    diagnoses: tuple[str, ...] = ()
    place_of_service: str | None = None
    revenue_code: str | None = None


@dataclass(frozen=True)
class ClaimDraft:
    """A claim to be: one individual, one day (in the programme's zone), one rate code, no prices.

    The rate code is blank where the place has none; a claim has one authorization at most. `frequency` is 1,
    or 7 or 8 for what replaces or voids the claim `prior`, which the payer calls `payer_number`.
    """

    control_number: str
    individual: Individual
    program: ProgramFields
    day: date
    rate_code: str
    lines: tuple[ClaimLine, ...]
    diagnoses: tuple[str, ...]
    coverage: Coverage | None
    authorization: AuthorizationFields | None
    attending: str | None
    other_coverages: tuple[Coverage, ...] = ()
    form: str = INSTITUTIONAL
    type_of_bill: str | None = None
    frequency: str = ORIGINAL
    prior: str | None = None
    payer_number: str | None = None

    @property
    def units(self) -> int:
        """Units of all lines."""
        return sum(line.units for line in self.lines)


class _Part(NamedTuple):
    """One billable contact on its way to a line.

    It goes with those of the same `claim` (program, individual, day, and rate code with the authorization: a
    claim names one of each) and the same `line` (code, modifiers, place).
    """

    contact: Contact
    judgement: Judgement
    day: date
    billing: Billing
    diagnoses: tuple[str, ...]
    form: ClaimForm
    authorization: AuthorizationFields | None
    claim: tuple[str, str, date, str]
    line: tuple[str, tuple[str, ...], str]


def draft_claims(
    contacts: Iterable[Contact],
    judgements: Iterable[Judgement],
    surroundings: Surroundings,
    library: Library,
) -> list[ClaimDraft]:
    """The claims of the contacts whose claim is ready, filed nowhere else, with units left after caps.

    One claim for each programme, individual, day of service, rate code and authorization, in that order; a
    line for each procedure and modifiers. `judgements` are matched by contact id and version.
    """
    own, of_contacts = list(contacts), [each for each in judgements if each.kind == "contact"]
    judged = dict(zip(map(_version, of_contacts), of_contacts, strict=True))
    pairs = zip(own, map(judged.get, map(_version, own)), strict=True)
    billed = [(c, j) for c, j in pairs if j is not None and billable(j) and not filed_elsewhere(c)]
    parts = [_part(c, j, surroundings, library) for c, j in billed]
    ready = sorted((p for p in parts if p is not None), key=lambda p: (p.claim, p.line, _order(p)))
    return [
        _draft(tuple(group), surroundings, library)
        for _, group in groupby(ready, key=lambda part: part.claim)
    ]


def control_number(program: str, individual: str, day: date, rate_code: str, submission: str = "A") -> str:
    """The claim's control number: at most 20 letters and digits, the same for the same claim always.

    `submission` is A for the original, B and so on (see `submission`) for what replaces it.
    """
    key = "|".join([program, individual, day.isoformat(), rate_code])
    digest = hashlib.sha256(key.encode("utf-8")).digest()
    return f"PC{base64.b32encode(digest[:_BYTES]).decode('ascii')}{submission}"


def stem(number: str) -> str:
    """What the control numbers of all submissions of one claim share."""
    return number[:STEM]


def submission(number: str, place: int) -> str:
    """The control number of the claim's submission at `place`, the first is 0: A to Z, then AA to ZZ."""
    if place >= len(ascii_uppercase) * (len(ascii_uppercase) + 1):
        raise ValueError(f"claim {stem(number)} was submitted more often than a control number can tell")
    tens, ones = divmod(place, len(ascii_uppercase))
    return stem(number) + (ascii_uppercase[tens - 1] if tens else "") + ascii_uppercase[ones]


def filed_elsewhere(contact: Contact) -> bool:
    """Whether the contact carries a claim filed elsewhere: it is judged, and never billed a second time."""
    return contact.claim is not None


def billable(judged: Judgement) -> bool:
    """Whether a judgement leaves units for a claim."""
    return judged.claim == "ready" and judged.counts and judged.billed_units > 0


def _part(contact: Contact, judged: Judgement, around: Surroundings, library: Library) -> _Part | None:
    day = around.day_of(contact)
    if day is None:
        return None
    billing = billing_of(contact, library, around.program_of(contact.program))
    if billing is None or (not billing.rate_code and needs_rate_code(contact, library, day)):
        return None
    form = form_of(contact, day, around, library)
    if form is None or form.lacks_place:
        return None
    diagnoses = _diagnoses(contact, day, around, library)
    granted = around.authorization_of(contact)
    program = contact.program.id if contact.program else ""
    rate_code = "|".join([billing.rate_code or "", granted.id if granted else ""]).removesuffix("|")
    claim = program, contact.individual.id, day, rate_code
    # A professional line has a place of service; an institutional one sums the day whatever its places.
    place = form.place_of_service if form.form == PROFESSIONAL else None
    line = billing.code, billing.modifiers, place or ""
    return _Part(contact, judged, day, billing, diagnoses, form, granted, claim, line)


def _order(part: _Part) -> tuple[float, str]:
    return (part.contact.start.timestamp() if part.contact.start else 0.0), part.contact.id


def _diagnoses(contact: Contact, day: date, around: Surroundings, library: Library) -> tuple[str, ...]:
    """Before admission the pack's code, never one from the peer; then those a clinician recorded, by rank."""
    zone = around.zone_of(contact.program, contact.start)
    if contact.start is not None and zone is not None:
        state = state_at(contact.engagement, contact.start, zone)
        if not state.enrolled:
            code = terms.preadmission_diagnosis(library, contact.jurisdiction, day)
            return (code,) if code else ()
    peer = contact.peer.id if contact.peer else None
    known = [each for each in contact.diagnoses if each.code and each.by != peer]
    return tuple(dict.fromkeys(str(e.code) for e in sorted(known, key=lambda e: e.rank or 99)))


def _draft(parts: Sequence[_Part], around: Surroundings, library: Library) -> ClaimDraft:
    first = parts[0].contact
    program = around.program_of(first.program) or ProgramFields(id="program")
    covers = _coverages(first.individual, parts[0].day)
    billed = _billed(covers, terms.payer_classes(library, first.jurisdiction, parts[0].day))
    return ClaimDraft(
        control_number=control_number(*parts[0].claim),
        individual=first.individual,
        program=program,
        day=parts[0].day,
        rate_code=parts[0].billing.rate_code or "",
        lines=tuple(_line(tuple(group)) for _, group in groupby(parts, key=lambda part: part.line)),
        diagnoses=_unique(code for part in parts for code in part.diagnoses),
        coverage=billed,
        authorization=parts[0].authorization,
        attending=_attending(parts, around, library),
        other_coverages=tuple(each for each in covers if each is not billed),
        form=parts[0].form.form,
        type_of_bill=parts[0].form.type_of_bill if parts[0].form.form == INSTITUTIONAL else None,
    )


def _line(parts: Sequence[_Part]) -> ClaimLine:
    code, modifiers, _ = parts[0].line
    places = _unique(part.form.place_of_service or "" for part in parts)
    contacts = tuple((p.contact.id, p.contact.version, p.judgement.billed_units) for p in parts)
    return ClaimLine(
        code=code,
        modifiers=modifiers,
        units=sum(units for _, _, units in contacts),
        contacts=contacts,
        rendering=_unique(p.contact.peer.id for p in parts if p.contact.peer),
        diagnoses=_unique(code for part in parts for code in part.diagnoses),
        place_of_service=places[0] or None if len(places) == 1 else None,
        revenue_code=parts[0].form.revenue_code if parts[0].form.form == INSTITUTIONAL else None,
    )


def _coverages(individual: Individual, day: date) -> tuple[Coverage, ...]:
    """The coverages in force on the day, in the order in which they pay."""
    covers = [each for each in individual.coverages if each.payer and _in_force(each, day)]
    return tuple(sorted(covers, key=lambda each: each.order if each.order is not None else 99))


def _billed(covers: Sequence[Coverage], classes: Sequence[str]) -> Coverage | None:
    """The coverage that the claim goes to: the first of the pack's payer classes, else the first."""
    own = [each for each in covers if each.class_ in classes]
    return next(iter([*own, *covers]), None)


def _in_force(cover: Coverage, day: date) -> bool:
    return (cover.from_ is None or cover.from_ <= day) and (cover.to is None or day <= cover.to)


def _attending(parts: Sequence[_Part], around: Surroundings, library: Library) -> str | None:
    """The LPHA who co-signed, else the peer's supervisor that day (which of them a payer wants is open)."""
    for part in parts:
        licensed = terms.lpha_categories(library, part.contact.jurisdiction, part.day)
        for each in part.contact.signatures:
            asked = each.meaning != "author" and each.version == part.contact.version
            if asked and each.by and each.category in licensed:
                return each.by
    return next((found for part in parts if (found := _supervisor(part, around))), None)


def _supervisor(part: _Part, around: Surroundings) -> str | None:
    peer = part.contact.peer
    who = around.member(peer.id, peer).supervisor_on(part.day) if peer else None
    if who is None or (who.from_ and part.day < who.from_) or (who.to and who.to < part.day):
        return None
    return who.id


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
