"""Dated look-ups in the code tables, and what a contact's claim line carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from mappings.library import Code, DayPack, Library
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


def lookup(library: Library, table: str, code: str | None, on: date | None = None) -> Code | None:
    """The entry of a code in a table on a day, or None where it is unknown; KeyError for no such table."""
    return library.table(table).code(code, on)


def display(library: Library, table: str, code: str | None, on: date | None = None) -> str:
    """The display of a code, or the code itself where the table does not know it; blank for none."""
    found = lookup(library, table, code, on)
    return found.display if found is not None else code or ""


def encounter_class(library: Library, place: str | None, location_kind: str | None = None) -> Code | None:
    """The v3 ActEncounterCode of a place; off site at the person's home it is home health."""
    found = lookup(library, "places", place)
    if found is None:
        return None
    home = lookup(library, "location-kinds", location_kind)
    own = home.properties.get("encounter_class") if home is not None and place == "offsite" else None
    return lookup(library, "encounter-classes", own or found.properties["encounter_class"])


def place_of_service(library: Library, place: str | None, location_kind: str | None = None) -> Code | None:
    """The CMS place of service code of a professional claim, by place and kind of location."""
    found = lookup(library, "places", place)
    if found is None:
        return None
    kind = lookup(library, "location-kinds", location_kind)
    if place == "telehealth":
        return lookup(library, "place-of-service", "10" if location_kind == "home" else "02")
    own = kind.properties.get("place_of_service") if kind is not None and place == "offsite" else None
    return lookup(library, "place-of-service", own or found.properties["place_of_service"])


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
