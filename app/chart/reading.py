"""FHIR resources of a chart as the office's records; tolerant of what is missing, never guessing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from app.chart.facts import ChartProblem, Episode, Practitioner, Visit
from app.typed_text import cleaned
from mappings.fhir.elements import ICD10CM, NPI, PAYERS
from mappings.records import Address, Coverage, Diagnosis, Individual, Name

Json = Mapping[str, Any]

# v3-ActCode coverage types and the office's classes; a type not listed here stays unknown.
_CLASSES = {"SUBSIDIZ": "medicaid", "HIP": "commercial", "EHCPOL": "commercial", "MCPOL": "commercial"}
_NOT_DIAGNOSED = frozenset({"refuted", "entered-in-error"})
_CLOSED = frozenset({"inactive", "remission", "resolved"})
_DEAD_COVERAGE = frozenset({"cancelled", "draft", "entered-in-error"})
_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/|$)")


def individual(patient: Json, coverages: Sequence[Coverage]) -> Individual:
    """The person with exactly one medical record number; raises ChartProblem for none or several."""
    system, number = _record_number(patient)
    return Individual(
        id=number,
        identifier_system=system,
        name=name(patient),
        birth_date=day(patient.get("birthDate")),
        gender=text(patient.get("gender")),
        address=address(patient),
        coverages=tuple(coverages),
    )


def address(patient: Json) -> Address | None:
    """The home address whose period has no end, else the first that is neither old nor one for bills."""
    listed = [
        one
        for one in _objects(patient.get("address"))
        if text(one.get("use")) not in {"old", "temp", "billing"}
        and not _object(one.get("period")).get("end")
    ]
    found = next((one for one in listed if text(one.get("use")) == "home"), next(iter(listed), None))
    if found is None:
        return None
    written = found.get("line")
    lines = [text(each) for each in written] if isinstance(written, list) else []
    return Address(
        lines=tuple(each for each in lines if each),
        city=text(found.get("city")),
        state=text(found.get("state")),
        postal_code=text(found.get("postalCode")),
    )


def coverage(resource: Json, payer: str | None) -> Coverage | None:
    """One coverage, None for one that was cancelled or entered in error."""
    if text(resource.get("status")) in _DEAD_COVERAGE:
        return None
    period = _object(resource.get("period"))
    order = resource.get("order")
    return Coverage(
        payer=payer,
        class_=next((_CLASSES[code] for code in _codes(resource.get("type")) if code in _CLASSES), None),
        member_id=text(resource.get("subscriberId")) or _member_number(resource),
        order=order if isinstance(order, int) and not isinstance(order, bool) else None,
        from_=day(period.get("start")),
        to=day(period.get("end")),
    )


def begun(resource: Json) -> date | None:
    """The first day of the resource's period."""
    return day(_object(resource.get("period")).get("start"))


def diagnosis_code(condition: Json) -> str | None:
    """The ICD-10-CM code of a confirmed and active Condition, None for any other."""
    if _NOT_DIAGNOSED & set(_codes(condition.get("verificationStatus"))):
        return None
    if _CLOSED & set(_codes(condition.get("clinicalStatus"))):
        return None
    codings = _objects(_object(condition.get("code")).get("coding"))
    return next((text(one.get("code")) for one in codings if one.get("system") == ICD10CM), None)


def diagnoses(conditions: Iterable[tuple[str, str | None]]) -> tuple[Diagnosis, ...]:
    """Diagnoses of (code, who recorded it), each code once. A chart has no order of rank: only a single one
    is surely the first."""
    once = dict(reversed(list(conditions)))
    rank = 1 if len(once) == 1 else None
    return tuple(Diagnosis(code=code, rank=rank, by=by) for code, by in reversed(once.items()))


def recorder(condition: Json) -> str | None:
    """The reference of who recorded or asserted a Condition, where that is a Practitioner."""
    for part in ("recorder", "asserter"):
        target = reference(condition.get(part))
        if target and target.startswith("Practitioner/"):
            return target
    return None


def practitioner(resource: Json, found_as: str) -> Practitioner:
    """Who is signed in, from a Practitioner."""
    known = name(resource)
    return Practitioner(found_as, identifier(resource, NPI), known.full if known else "")


def payer_code(organization: Json) -> str | None:
    """The payer's code from the identifier of a payor Organization."""
    return identifier(organization, PAYERS)


def visit(encounter: Json) -> Visit:
    """The visit that was open at launch."""
    return Visit(
        f"Encounter/{encounter['id']}",
        text(encounter.get("status")),
        text(_object(encounter.get("class")).get("code")),
    )


def episode(resource: Json) -> Episode:
    """One episode of care."""
    period = _object(resource.get("period"))
    return Episode(
        f"EpisodeOfCare/{resource['id']}",
        text(resource.get("status")) or "",
        day(period.get("start")),
        day(period.get("end")),
    )


def identifier(resource: Json, system: str) -> str | None:
    """The one value under this system, None when there is none or more than one."""
    values = {
        text(one.get("value")) for one in _objects(resource.get("identifier")) if one.get("system") == system
    } - {None}
    return values.pop() if len(values) == 1 else None


def reference(value: object) -> str | None:
    """The literal reference of a Reference element."""
    return text(_object(value).get("reference"))


def of_somebody_else(resource: Json, patient: str) -> bool:
    """True when the resource says that it is about another Patient than the one with this id."""
    for part in ("subject", "patient", "beneficiary"):
        whose = reference(resource[part]) if part in resource else None
        found = _PATIENT.search(whose) if whose else None
        if found is not None and found[1] != patient:
            return True
    return False


def name(resource: Json) -> Name | None:
    """The official or usual name, else the first that is not an old one."""
    listed = [one for one in _objects(resource.get("name")) if text(one.get("use")) not in {"old", "maiden"}]
    ranked = sorted(listed, key=lambda one: {"official": 0, "usual": 1}.get(str(one.get("use")), 2))
    if not ranked:
        return None
    given = ranked[0].get("given")
    words = [word for word in map(text, given) if word] if isinstance(given, list) else []
    return Name(given=tuple(words), family=text(ranked[0].get("family")))


def day(value: object) -> date | None:
    """The day of a FHIR date or dateTime; a mere year or month is not a day."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) and len(value) >= 10 else None
    except ValueError:
        return None


def text(value: object) -> str | None:
    """A text that is not empty, without characters that no record may hold."""
    plain = cleaned(value) if isinstance(value, str) else ""
    return plain if plain.strip() else None


def _record_number(patient: Json) -> tuple[str | None, str]:
    numbers = {
        (text(one.get("system")), str(text(one["value"])))
        for one in _objects(patient.get("identifier"))
        if "MR" in _codes(one.get("type"))
        and text(one.get("value"))
        and one.get("use") != "old"
        and not _object(one.get("period")).get("end")
    }
    if len(numbers) == 1:
        return numbers.pop()
    if not numbers:
        raise ChartProblem(
            "The EHR shows no medical record number for this person, so a note could not be told apart from "
            "somebody else's.",
            "Ask registration to enter the number in the EHR, then open Peerchart from the chart again.",
        )
    raise ChartProblem(
        f"The EHR shows {len(numbers)} medical record numbers for this person "
        f"({', '.join(sorted(number for _, number in numbers))}).",
        "Ask registration which one is in force and to mark the others as old, then open Peerchart again.",
    )


def _member_number(resource: Json) -> str | None:
    numbers = [
        text(one.get("value"))
        for one in _objects(resource.get("identifier"))
        if "MB" in _codes(one.get("type"))
    ]
    return numbers[0] if len(numbers) == 1 else None


def _codes(concept: object) -> Iterator[str]:
    for coding in _objects(_object(concept).get("coding")):
        if isinstance(coding.get("code"), str):
            yield coding["code"]


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
