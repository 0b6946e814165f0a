"""The form on which claims go, and what site, programme or payer configures for it; never a guess."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mappings.in_force import DayPack
from mappings.library import Library
from mappings.office import Surroundings
from mappings.once import by_identities
from mappings.records import Contact, Service
from mappings.situation import pack_of

INSTITUTIONAL, PROFESSIONAL = "institutional", "professional"
FORM, BILL, REVENUE = "claim.form", "claim.type_of_bill", "claim.revenue_code"
PLACES, HANDOFF = "claim.place_of_service", "claim.handoff"
SOLE_BILLER = "sole-biller"
# The frequency code of a claim: the first, a replacement of a prior claim, a void of a prior claim.
ORIGINAL, REPLACEMENT, CANCEL = "1", "7", "8"


@dataclass(frozen=True)
class ClaimForm:
    """What a contact's claim line needs beside code and units; None where nothing is configured.

    `type_of_bill` has four digits, of which the last is the frequency; `place_of_service` two."""

    form: str
    type_of_bill: str | None = None
    revenue_code: str | None = None
    place_of_service: str | None = None

    @property
    def lacks_place(self) -> bool:
        """Whether it asks for a place of service, and none is configured."""
        return self.form == PROFESSIONAL and self.place_of_service is None


def form_of(contact: Contact, day: date, around: Surroundings, library: Library) -> ClaimForm | None:
    """The form of the contact's claim by the packs of its day, programme and payer; None without one."""
    pack = _pack(contact, day, around, library)
    return _form_in(pack, contact.service) if pack is not None else None


def unready(
    contact: Contact, day: date | None, around: Surroundings, library: Library
) -> tuple[str, str] | None:
    """Why a contact that the rules let pass can still be on no claim, and what to do; None where it can."""
    if day is None:
        return "The contact has no start.", "Amend the note: say when it began."
    form = form_of(contact, day, around, library)
    if form is None:
        words = f"No claim form is configured for {contact.jurisdiction}."
        return words, f'Set "{FORM}" to institutional or professional in the site\'s rules.'
    if form.lacks_place:
        words = f"No place of service is configured for contacts at {_where(contact)}."
        return words, f'Set "{PLACES}" in the site\'s rules, for each kind of location or place.'
    return None


def sole_biller(library: Library, jurisdiction: str, day: date) -> bool:
    """Whether claims go from here to the payer, and not to the clinic's own billing system."""
    found = library.parameter(HANDOFF, day, jurisdiction)
    return found is not None and found.value == SOLE_BILLER


def with_frequency(type_of_bill: str | None, frequency: str) -> str | None:
    """The type of bill with the claim's frequency as its last digit."""
    return type_of_bill[:-1] + frequency if type_of_bill else None


def _pack(contact: Contact, day: date, around: Surroundings, library: Library) -> DayPack | None:
    program = around.program_of(contact.program)
    return pack_of(contact, library, program.program_kind if program is not None else None, day)


# The contacts of one service that are of days with the same rules have the same.
@by_identities(256)
def _form_in(pack: DayPack, service: Service | None) -> ClaimForm | None:
    kind = pack.value(FORM)
    if not kind:
        return None
    return ClaimForm(str(kind), _text(pack, BILL), _text(pack, REVENUE), _place_of_service(service, pack))


def _text(pack: DayPack, name: str) -> str | None:
    value = pack.value(name)
    return str(value).strip() or None if value else None


def _place_of_service(service: Service | None, pack: DayPack) -> str | None:
    """By the kind of location where one is configured, else by the place; telehealth by the place alone."""
    known = pack.value(PLACES)
    if not isinstance(known, dict) or service is None:
        return None
    kind = service.location.kind if service.location and service.place != "telehealth" else None
    found = known.get(kind) or known.get(service.place)
    return str(found) if found else None


def _where(contact: Contact) -> str:
    service = contact.service
    if service is None:
        return "no place"
    kind = service.location.kind if service.location and service.place != "telehealth" else None
    return kind or service.place or "no place"
