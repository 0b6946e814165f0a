"""The words and codes of the library's tables, for records on their way to people and to FHIR."""

from __future__ import annotations

from datetime import date

from mappings.library import Library
from mappings.library_parts import Code
from mappings.once import by_identities
from mappings.records import Contact, StaffFields

ENGAGEMENT = {
    "undecided": "Not admitted (pre-admission contact)",
    "admitted": "Admitted",
    "declined": "Declined admission",
    "discharged": "Discharged",
}
Term = tuple[str, str, str]


def term(library: Library, table: str, code: str | None) -> Term | None:
    """Code system, code and display of an entry of a table, or None where the table does not know it."""
    found = library.table(table).code(code)
    return (library.table(table).system, found.code, found.display) if found else None


def word(library: Library, table: str, code: str | None) -> str | None:
    """What a code is called; an unknown code is its own word, none stays none."""
    found = library.table(table).code(code)
    return found.display if found else code or None


def component(library: Library, jurisdiction: str, code: str) -> Term | None:
    """Code system, code and display of a service component in the jurisdiction, or None where unknown."""
    for table in library.tables.values():
        found = table.code(code) if table.id.endswith("components") else None
        if found is not None and table.jurisdiction in ("", jurisdiction):
            return table.system, found.code, found.display
    return None


def encounter_class(library: Library, place: str | None, modality: str | None, kind: str | None) -> Term:
    """The v3-ActCode class of a contact: VR by telehealth, else that of the kind of location, else the place.

    At the programme's site AMB, in a home HH, elsewhere off site FLD. Never PRENC, which is a visit scheduled
    ahead, not one before admission.
    """
    by_kind = _class_of(library.table("location-kinds").code(kind))
    remote = place == "telehealth" or modality in ("video", "audio")
    by_place = _class_of(library.table("places").code("telehealth" if remote else place))
    code = by_place if remote else by_kind or by_place
    found = term(library, "encounter-classes", code or "AMB")
    if found is None:
        raise KeyError(f"the table encounter-classes lacks {code}")
    return found


def _class_of(entry: Code | None) -> str | None:
    known = entry.properties.get("encounter_class") if entry else None
    return str(known) if known else None


def pack_code(library: Library, jurisdiction: str, on: date) -> str | None:
    """The procedure code of peer support in the jurisdiction on the day, or None where no pack says."""
    found = library.parameter("code.individual", on, jurisdiction)
    return str(found.value) if found is not None and found.value else None


def service_code(library: Library, contact: Contact, on: date) -> str | None:
    """The procedure code of a contact: its own, else the pack's."""
    own = contact.service.code if contact.service else None
    return own or pack_code(library, contact.jurisdiction, on)


def unit_minutes(library: Library, jurisdiction: str, on: date) -> int | None:
    """Minutes of one unit in the jurisdiction on the day, or None where no pack says."""
    found = library.parameter("unit.minutes", on, jurisdiction)
    return int(found.value) if found is not None and found.value else None


def payer_classes(library: Library, jurisdiction: str, on: date) -> tuple[str, ...]:
    """The classes of coverage that pay for peer support in the jurisdiction on the day."""
    found = library.parameter("payer.classes", on, jurisdiction)
    return tuple(found.value) if found is not None and found.value else ()


def lpha_categories(library: Library, jurisdiction: str, on: date) -> tuple[str, ...]:
    """The categories of staff who are LPHAs in the jurisdiction on the day."""
    found = library.parameter("lpha.categories", on, jurisdiction)
    return tuple(found.value) if found is not None and found.value else ()


def preadmission_diagnosis(library: Library, jurisdiction: str, on: date) -> str | None:
    """The ICD-10-CM code that a claim carries before admission, or None where no pack says."""
    found = library.parameter("preadmission.diagnosis", on, jurisdiction)
    return str(found.value) if found is not None and found.value else None


# The table is gone through from end to end; a claim asks of each of its peers.
@by_identities(256)
def taxonomy(library: Library, member: StaffFields) -> tuple[str, str] | None:
    """The one provider taxonomy code (and its display) that a credential of the member stands for; None where
    no credential names one, or names several."""
    held = {each.code for each in member.credentials if each.code}
    table = library.table("staff-nucc")
    found = [
        (one.code, one.display) for one in table.codes.values() if one.properties.get("credential") in held
    ]
    return found[0] if len(found) == 1 else None
