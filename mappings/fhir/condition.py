"""What a plan addresses: the chart's own Condition where it is known, else one in a store of our own."""

from __future__ import annotations

from mappings.fhir.elements import (
    ICD10CM,
    THO,
    Json,
    entry,
    filled,
    full_url,
    identifier,
    logical,
    narrative,
    present,
    reference,
    term_concept,
)
from mappings.fhir.people import People
from mappings.fhir.scene import scoped_key
from mappings.records import Diagnosis

_ACTIVE = term_concept(f"{THO}/condition-clinical", "active", "Active")
_CONFIRMED = term_concept(f"{THO}/condition-ver-status", "confirmed", "Confirmed")
_PROBLEM = term_concept(f"{THO}/condition-category", "problem-list-item", "Problem List Item")


def condition_reference(diagnosis: Diagnosis, people: People) -> Json:
    """The Condition of a diagnosis: the chart's, ours in this Bundle, or by its identifier alone."""
    code = str(diagnosis.code)
    linked = people.links.conditions.get(code)
    if linked:
        return reference(linked, to="Condition", display=code)
    if people.links.empty:
        return reference(full_url("condition", _key(diagnosis, people)), to="Condition", display=code)
    return logical("Condition", _identifier(diagnosis, people), display=code)


def condition_entries(diagnoses: tuple[Diagnosis, ...], people: People) -> list[Json]:
    """The Conditions of diagnoses (US Core problem), for a store of the programme's own alone: in an EHR's
    chart diagnoses are the EHR's."""
    return [_entry(each, people) for each in diagnoses if filled(each.code)] if people.links.empty else []


def _entry(diagnosis: Diagnosis, people: People) -> Json:
    who = _identifier(diagnosis, people)
    recorder = people.practitioner(diagnosis.by) if filled(diagnosis.by) and diagnosis.by else None
    condition = present(
        resourceType="Condition",
        text=narrative("Diagnosis", [("Code", diagnosis.code)]),
        identifier=[who],
        clinicalStatus=_ACTIVE,
        verificationStatus=_CONFIRMED,
        category=[_PROBLEM],
        code=term_concept(ICD10CM, str(diagnosis.code)),
        subject=people.patient(),
        recorder=recorder,
    )
    return entry(full_url("condition", _key(diagnosis, people)), condition, who)


def _key(diagnosis: Diagnosis, people: People) -> str:
    return scoped_key(people.individual.id, str(diagnosis.code))


def _identifier(diagnosis: Diagnosis, people: People) -> Json:
    return identifier("condition", _key(diagnosis, people))
