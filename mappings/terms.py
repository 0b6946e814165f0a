"""The words of codes: what a component, a place or a basis is called where people read it."""

from __future__ import annotations

from datetime import date

from mappings.library import Library
from mappings.records import Contact

SERVICE_TYPES = {
    "adult": "Adult peer support",
    "family": "Family peer support",
    "youth": "Youth peer support",
}
FORMATS = {"individual": "individual", "group": "group"}
PLACES = {"onsite": "on site", "offsite": "off site", "telehealth": "telehealth"}
MODALITIES = {
    "in-person": "in person",
    "video": "by video",
    "audio": "by telephone (audio only)",
    "async": "by message",
}
BASES = {
    "planned": "Planned in the treatment plan",
    "targeted": "Targeted short-term, after an event in the treatment plan",
    "ad-hoc": "Ad hoc, outside the treatment plan",
}
ENGAGEMENT = {
    "undecided": "Not admitted (pre-admission contact)",
    "admitted": "Admitted",
    "declined": "Declined admission",
    "discharged": "Discharged",
}


def word(words: dict[str, str], code: str | None) -> str | None:
    """What a code is called; an unknown code is its own word, none stays none."""
    return words.get(code, code) if code else None


def component_display(jurisdiction: str, code: str, library: Library, on: date) -> str | None:
    """What a service component is called in the jurisdiction, or None where the tables do not know it."""
    tables = (
        t for t in library.tables.values() if t.jurisdiction in ("", jurisdiction) and "component" in t.id
    )
    found = next((t.codes[code] for t in tables if code in t.codes), None)
    return found.display if found else None


def pack_code(jurisdiction: str, library: Library, on: date) -> tuple[str, str | None]:
    """The procedure code for peer support in the jurisdiction, and its display."""
    return "H0038", "Self-help/peer services, per 15 minutes"


def service_code(contact: Contact, library: Library, on: date) -> tuple[str, str | None]:
    """The procedure code of a contact, its own or the pack's, and its display where it is known."""
    own = contact.service.code if contact.service else None
    return pack_code(contact.jurisdiction, library, on) if not own else (own, None)


def unit_minutes(jurisdiction: str, library: Library, on: date) -> int | None:
    """Minutes of one unit in the jurisdiction on the day, or None where no pack says."""
    found = library.parameter("unit.minutes", on, jurisdiction)
    return int(found.value) if found is not None else None


def preadmission_diagnosis(jurisdiction: str, library: Library, on: date) -> str | None:
    """The ICD-10-CM code that a claim carries before admission, or None where no pack says."""
    found = library.parameter("preadmission.diagnosis", on, jurisdiction)
    return str(found.value) if found is not None and found.value else None
