"""What a contact's claim line carries: code, modifier, rate code and units of the day's pack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from mappings.library import DayPack, Library
from mappings.records import Contact, ProgramFields
from mappings.situation import zone_of
from mappings.units import counted_minutes, minutes_between, units_of

CODE, MODIFIER, RATE = "code.individual", "code.group_modifier", "rate_code."


@dataclass(frozen=True, slots=True)
class Billing:
    """What a claim line of a contact carries; units are the contact's own, before any cap."""

    code: str
    modifiers: tuple[str, ...]
    rate_code: str | None
    units: int


def rate_code(pack: DayPack, place: str | None) -> str | None:
    """The rate code of a place, or None where none is configured."""
    value = pack.value(f"{RATE}{place}")
    return None if value is None else str(value)


def billing_of(contact: Contact, library: Library, program: ProgramFields | None = None) -> Billing | None:
    """Code, modifiers, rate code and own units of a contact; None without a start or a pack for the day.

    `program` is the programme's whole record where the contact names it by id alone: its time zone says
    which day it was.
    """
    known = program or contact.program
    if contact.start is None:
        return None
    day = contact.start.astimezone(zone_of(known, contact.start)).date()
    pack = library.on(contact.jurisdiction, day)
    if pack is None:
        return None
    service = contact.service
    group = service is not None and service.format == "group"
    code = (service.code if service is not None else None) or pack.value(CODE)
    place = service.place if service is not None else None
    modifiers = (str(pack.value(MODIFIER)),) if group else ()
    return Billing(str(code), modifiers, rate_code(pack, place), _own_units(contact, pack))


def _own_units(contact: Contact, pack: DayPack) -> int:
    if contact.start is None or contact.end is None:
        return 0
    service = contact.service
    if contact.technical_failure and service is not None and service.place == "telehealth":
        return 0
    going = service.accompaniment if service is not None else None
    minutes = counted_minutes(
        minutes_between(contact.start.astimezone(UTC), contact.end.astimezone(UTC)),
        contact.excluded_minutes,
        going.travel_minutes if going is not None else 0,
    )
    return units_of(minutes, pack.value("unit.minutes"), pack.value("unit.rounding"))
