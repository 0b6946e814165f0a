"""The invariants of FHIR R4 and US Core that hold for what is written here, which the models do not check.

Each yields words for what is wrong; the words begin with the name of the invariant in its specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from mappings.fhir.currencies import CURRENCIES
from mappings.fhir.elements import Json

# Times with the same offset and no parts of a second are in order as texts.
_WITH_OFFSET, _OFFSET = len("2026-03-04T10:00:00-05:00"), slice(19, None)
Check = Callable[[Json], Iterable[str]]


def _period(value: Json) -> Iterator[str]:
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) and isinstance(end, str) and _after(start, end):
        yield f"per-1: the period ends ({end}) before it starts ({start})"


def _after(start: str, end: str) -> bool:
    if len(start) == _WITH_OFFSET == len(end) and start[_OFFSET] == end[_OFFSET]:
        return start > end
    try:
        if "T" in start and "T" in end:
            return datetime.fromisoformat(start) > datetime.fromisoformat(end)
    except (ValueError, TypeError):
        return False  # an unreadable time is reported where it stands
    shorter = min(len(start[:10]), len(end[:10]))
    return start[:shorter] > end[:shorter]


def _attachment(value: Json) -> Iterator[str]:
    if "data" in value and "contentType" not in value:
        yield "att-1: data needs a contentType"


def _quantity(value: Json) -> Iterator[str]:
    if "code" in value and "system" not in value:
        yield "qty-3: a coded unit needs its system"


def _extension(value: Json) -> Iterator[str]:
    if bool(value.get("extension")) == any(key.startswith("value") for key in value):
        yield "ext-1: an extension holds a value or extensions, one of the two"


def _reference(value: Json) -> Iterator[str]:
    if not {"reference", "identifier", "display", "extension"} & value.keys():
        yield "a Reference needs a reference, an identifier or a display"


def _repeat(value: Json) -> Iterator[str]:
    for name, unit in (("duration", "durationUnit"), ("period", "periodUnit")):
        if name in value and unit not in value:
            yield f"{'tim-1' if name == 'duration' else 'tim-2'}: {name} needs {unit}"
        if name + "Max" in value and name not in value:
            yield f"tim-{'6' if name == 'duration' else '7'}: {name}Max needs {name}"


def _ratio(value: Json) -> Iterator[str]:
    if ("numerator" in value) != ("denominator" in value):
        yield "rat-1: a ratio has a numerator and a denominator"


def _activity(value: Json) -> Iterator[str]:
    if "detail" in value and "reference" in value:
        yield "cpl-3: an activity has a reference or a detail, not both"


def _goal_target(value: Json) -> Iterator[str]:
    if any(key.startswith("detail") for key in value) and "measure" not in value:
        yield "gol-1: a target with a detail needs a measure"


def _task(value: Json) -> Iterator[str]:
    authored, modified = value.get("authoredOn"), value.get("lastModified")
    if isinstance(authored, str) and isinstance(modified, str) and _after(authored, modified):
        yield f"inv-1: lastModified ({modified}) lies before authoredOn ({authored})"


def _agent(value: Json) -> Iterator[str]:
    who = value.get("who") or {}
    kind = who.get("type") or str(who.get("reference", "")).partition("/")[0]
    if kind in ("Practitioner", "Device") and not value.get("onBehalfOf"):
        yield "provenance-1: a Practitioner acts on behalf of an organization; onBehalfOf is missing"


def _document_content(value: Json) -> Iterator[str]:
    attachment = value.get("attachment") or {}
    if "url" not in attachment and "data" not in attachment:
        yield "us-core-6: the attachment needs its data or a url"


def _patient(value: Json) -> Iterator[str]:
    for name in value.get("name", ()):
        if not {"family", "given", "extension"} & name.keys():
            yield "us-core-8: a name has a family or a given name, or says why not"


def _related(value: Json) -> Iterator[str]:
    if not value.get("name") and not value.get("relationship"):
        yield "us-core-14: a related person has a name or a relationship"


def _coverage(value: Json) -> Iterator[str]:
    member = any(
        code.get("code") == "MB"
        for each in value.get("identifier", ())
        for code in (each.get("type") or {}).get("coding", ())
    )
    if not member and not value.get("subscriberId"):
        yield "us-core-15: a coverage has a member identifier or a subscriber id"


def _organization(value: Json) -> Iterator[str]:
    if not value.get("name") and not value.get("identifier"):
        yield "org-1: an organization has a name or an identifier"


def _practitioner_role(value: Json) -> Iterator[str]:
    if not value.get("telecom") and not value.get("endpoint"):
        yield "pd-1: a role has a telecom or an endpoint"


def _service_request(value: Json) -> Iterator[str]:
    if value.get("orderDetail") and not value.get("code"):
        yield "prr-1: orderDetail needs a code"


def _concept_texts(value: Json) -> Iterator[str]:
    if not value.get("coding") and not value.get("text") and not value.get("extension"):
        yield "a CodeableConcept needs a coding or a text"


def _coding(value: Json) -> Iterator[str]:
    if "code" in value and "system" not in value:
        yield "a code needs its system"


def _money(value: Json) -> Iterator[str]:
    currency = value.get("currency")
    if isinstance(currency, str) and currency not in CURRENCIES:
        yield f"{currency!r} is no currency of ISO 4217"


CHECKS: dict[str, tuple[Check, ...]] = {
    "Period": (_period,),
    "Attachment": (_attachment,),
    "Quantity": (_quantity,),
    "Duration": (_quantity,),
    "Extension": (_extension,),
    "Reference": (_reference,),
    "TimingRepeat": (_repeat,),
    "Ratio": (_ratio,),
    "CarePlanActivity": (_activity,),
    "GoalTarget": (_goal_target,),
    "Task": (_task,),
    "ProvenanceAgent": (_agent,),
    "DocumentReferenceContent": (_document_content,),
    "Patient": (_patient,),
    "RelatedPerson": (_related,),
    "Coverage": (_coverage,),
    "Organization": (_organization,),
    "PractitionerRole": (_practitioner_role,),
    "ServiceRequest": (_service_request,),
    "CodeableConcept": (_concept_texts,),
    "Coding": (_coding,),
    "Money": (_money,),
}


# These look at which elements are there, and answer the same for all objects that have the same ones; an
# element that is there but empty is refused where it stands.
_OF_ELEMENTS = frozenset(
    {
        _attachment, _quantity, _extension, _reference, _repeat, _ratio, _activity, _goal_target, _related,
        _organization, _practitioner_role, _service_request, _concept_texts, _coding,
    }
)  # fmt: skip


def of_elements(kind: str) -> tuple[Check, ...]:
    """The invariants of a type that are settled by which elements an object has."""
    return tuple(check for check in CHECKS.get(kind, ()) if check in _OF_ELEMENTS)


def of_values(kind: str) -> tuple[Check, ...]:
    """The invariants of a type that look at values."""
    return tuple(check for check in CHECKS.get(kind, ()) if check not in _OF_ELEMENTS)


def problems(kind: str, value: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one object of the type, in words that name the invariant."""
    for check in CHECKS.get(kind, ()):
        yield from check(value)
