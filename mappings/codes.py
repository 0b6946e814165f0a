"""What a contact's claim line carries: code, modifier, rate code and units of the day's pack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from mappings.days import zone_of
from mappings.encounters import awaits_table, rows_for, table_of
from mappings.in_force import DayPack
from mappings.library import Library
from mappings.records import Contact, ProgramFields
from mappings.situation import pack_of
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
    pack = pack_of(contact, library, known.program_kind if known is not None else None, day)
    if pack is None:
        return None
    service = contact.service
    code = (service.code if service is not None else None) or pack.value(CODE)
    place = service.place if service is not None else None
    rows = rows_for(table_of(library, pack), code, service.format if service is not None else None, day)
    modifiers, unit = _group(contact, pack), (pack.value("unit.minutes"), pack.value("unit.rounding"))
    if awaits_table(pack) and len(rows) == 1:
        modifiers = tuple(rows[0].properties.get("modifiers", ()))
        unit = rows[0].properties["unit_minutes"], rows[0].properties["rounding"]
    return Billing(str(code), modifiers, rate_code(pack, place), _own_units(contact, *unit))


def needs_rate_code(contact: Contact, library: Library, day: date) -> bool:
    """Whether claims of the contact's place carry a rate code; some places have none."""
    pack = library.on(contact.jurisdiction, day)
    return pack is None or any(name.startswith(RATE) for name in pack.values)


def _group(contact: Contact, pack: DayPack) -> tuple[str, ...]:
    group = contact.service is not None and contact.service.format == "group"
    modifier = pack.value(MODIFIER)
    return (str(modifier),) if group and modifier else ()


def _own_units(contact: Contact, per_unit: int | None, rounding: str | None) -> int:
    if contact.start is None or contact.end is None or not per_unit:
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
    return units_of(minutes, per_unit, rounding or "floor")
