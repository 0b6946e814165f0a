"""Who received the service, in which format, place and way, and in which programme."""

from __future__ import annotations

from mappings.checks.registry import PASS, Outcome, advises, by_codes, check, coded_check, fails, missing
from mappings.checks.texts import listed
from mappings.coding import CodedContact, Coding
from mappings.days import age_on
from mappings.in_force import Bound
from mappings.records import Recipient
from mappings.situation import Situation


@check("recipient-kinds", "recipient.roles")
def recipient_kinds(s: Situation, b: Bound) -> Outcome:
    """Every recipient is the individual, family or a collateral linked to the individual (R069)."""
    if not s.contact.recipients:
        return missing("who received the service", "recipients")
    for place, recipient in enumerate(s.contact.recipients):
        at = f"recipients[{place}]"
        if recipient.role is None:
            return missing("the role of a recipient", f"{at}.role")
        if recipient.role not in b["recipient.roles"]:
            return fails(f"{recipient.role!r} is none of {listed(b['recipient.roles'], 'or')}.", f"{at}.role")
        if recipient.role == "individual":
            continue
        if recipient.name is None or not recipient.name.full.strip():
            return missing(f"the name of the {recipient.role} recipient", f"{at}.name")
        if recipient.relationship is None:
            return missing(f"how {recipient.name.full} is related to the individual", f"{at}.relationship")
        if not recipient.relationship.strip():
            return fails(f"{recipient.name.full} is not linked to the individual.", f"{at}.relationship")
    return PASS


@check("who-is-family", "family.unclear_relationships")
def who_is_family(s: Situation, b: Bound) -> Outcome:
    """Family is a self-created unit with significant attachment; an unclear tie is asked about (R070)."""
    for place, recipient in enumerate(s.contact.recipients):
        if recipient.role != "family":
            continue
        relationship = (recipient.relationship or "").strip().casefold()
        if relationship in b["family.unclear_relationships"]:
            return advises(
                f"The relationship {relationship or 'is blank'!r} leaves the caregiving role open.",
                f"recipients[{place}].relationship",
            )
        if recipient.attachment is False:
            return advises(
                "No significant attachment is recorded for this recipient.", f"recipients[{place}].attachment"
            )
    return PASS


@by_codes("recipient-kinds")
def _the_individual_alone(codes: Coding, b: Bound) -> Outcome | None:
    return PASS if codes.roles == ("individual",) and "individual" in b["recipient.roles"] else None


@by_codes("who-is-family")
def _no_family(codes: Coding, b: Bound) -> Outcome | None:
    return None if "family" in codes.roles else PASS


@check("for-the-childs-benefit", "family.child_age", "family.child_words")
def for_the_childs_benefit(s: Situation, b: Bound) -> Outcome:
    """Family peer support is claimed for the enrolled child, never for the parent (R071, AMB-18)."""
    individual = s.contact.individual
    if not s.contact.recipients:
        return missing("who received the service", "recipients")
    others = [r for r in s.contact.recipients if r.role in ("family", "collateral")]
    if individual.name is not None and individual.birth_date is not None:
        pass
    elif others:
        absent = "individual.name" if individual.name is None else "individual.birth_date"
        return missing("whose record this is: the child's name and birth date", absent)
    own = _name(individual.name.full if individual.name else "")
    for recipient in others:
        if own and recipient.name is not None and _name(recipient.name.full) == own:
            return fails(
                f"{recipient.name.full} is both the caregiver and the person of the record: "
                "the claim belongs on the child's record.",
                "individual",
                "recipients",
            )
    return _child_recognised(s, b, others)


def _child_recognised(s: Situation, b: Bound, others: list[Recipient]) -> Outcome:
    individual = s.contact.individual
    if individual.birth_date is not None and age_on(individual.birth_date, s.day) > b["family.child_age"]:
        return advises(
            f"The person of this record is over {b['family.child_age']}{b.standing('family.child_age')}: "
            "is it the child's?",
            "individual.birth_date",
            severity="warn",
        )
    if not others:
        return advises("No caregiver is among the recipients.", "recipients", severity="warn")
    note = s.contact.note
    text = (
        " ".join(t for t in (note.purpose, note.response, note.progress, note.outcome) if t)
        if note is not None
        else ""
    )
    words = [*b["family.child_words"], *(individual.name.given if individual.name else ())]
    if text.strip() and not any(word.casefold() in text.casefold() for word in words if word.strip()):
        return advises("The note does not name the child.", "note.purpose", severity="warn")
    return PASS


def _name(name: str) -> str:
    return " ".join(name.casefold().split())


@coded_check("setting", "service.formats", "service.places", "telehealth.modes")
def setting(s: CodedContact, b: Bound) -> Outcome:
    """Individual or group; on site, off site or telehealth; live, never by message (R072)."""
    for value, field, words, allowed in (
        (s.codes.format, "service.format", "whether it was individual or group", b["service.formats"]),
        (s.codes.place, "service.place", "the place of service", b["service.places"]),
    ):
        if value is None:
            return missing(words, field)
        if value not in allowed:
            return fails(f"{value!r} is none of {listed(allowed, 'and')}.", field)
    modality, modes = s.codes.modality, b["telehealth.modes"]
    if modality is None:
        return missing("whether it was in person, by video or by phone", "service.modality")
    if s.codes.place == "telehealth" and modality not in modes:
        return fails(
            f"{modality!r} is not live telehealth: {listed(modes, 'or')}{b.standing('telehealth.modes')}.",
            "service.modality",
        )
    if s.codes.place != "telehealth" and modality != "in-person":
        return fails(
            f"A contact {s.codes.place} is in person; {modality!r} is not.",
            "service.modality",
            "service.place",
            fix="Choose telehealth as the place for video or phone; a message is no contact.",
        )
    return PASS


@coded_check("type-fits-program", "program.populations")
def type_fits_program(s: CodedContact, b: Bound) -> Outcome:
    """Adult service in adult-serving programmes, family and youth service in those for children (R073)."""
    if s.codes.type is None:
        return missing("the service type", "service.type")
    population = s.codes.population
    if population is None:
        return missing("whom the programme serves", "program.population")
    allowed = b["program.populations"].get(population)
    if allowed is None:
        return fails(f"{population!r} is no known population of a programme.", "program.population")
    if s.codes.type in allowed:
        return PASS
    return fails(
        f"{s.codes.type} peer support in a programme that serves {population} people.", "service.type"
    )
