"""What a resource must be to be stored: the R4 model, and what the model's library does not look at."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from .outcomes import FhirError, Issue
from .parameters import ADDED_ONLY, OWNED, PARAMETERS
from .references import read_local, references

_MOST_ISSUES = 20

# Required bindings of R4 on elements that decide what becomes of a resource.
_CODES: dict[str, dict[str, frozenset[str]]] = {
    resource_type: {element: frozenset(codes.split()) for element, codes in elements.items()}
    for resource_type, elements in {
        "Encounter": {
            "status": "planned arrived triaged in-progress onleave finished cancelled"
            " entered-in-error unknown"
        },
        "EpisodeOfCare": {
            "status": "planned waitlist active onhold finished cancelled entered-in-error",
        },
        "DocumentReference": {
            "status": "current superseded entered-in-error",
            "docStatus": "preliminary final amended entered-in-error",
        },
        "Task": {
            "status": "draft requested received accepted rejected ready cancelled in-progress on-hold failed"
            " completed entered-in-error",
            "intent": "unknown proposal plan order original-order reflex-order filler-order instance-order"
            " option",
        },
        "Goal": {
            "lifecycleStatus": "proposed planned accepted active on-hold completed cancelled"
            " entered-in-error rejected"
        },
        "CarePlan": {
            "status": "draft active on-hold revoked completed entered-in-error unknown",
            "intent": "proposal plan order option",
        },
        "ServiceRequest": {
            "status": "draft active on-hold revoked completed entered-in-error unknown",
            "intent": "proposal plan directive order original-order reflex-order filler-order instance-order"
            " option",
        },
        "Consent": {"status": "draft proposed active rejected inactive entered-in-error"},
        "AuditEvent": {"action": "C R U D E", "outcome": "0 4 8 12"},
        "Claim": {
            "status": "active cancelled draft entered-in-error",
            "use": "claim preauthorization predetermination",
        },
        "Communication": {
            "status": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
        },
    }.items()
}
_PRACTITIONERS = frozenset({"Practitioner", "PractitionerRole"})
_SUBJECT = frozenset({"Patient", "Group"})
_TARGETS: dict[str, dict[str, frozenset[str]]] = {
    "Encounter": {"subject": _SUBJECT, "serviceProvider": frozenset({"Organization"})},
    "EpisodeOfCare": {"patient": frozenset({"Patient"}), "careManager": _PRACTITIONERS},
    "DocumentReference": {"subject": _SUBJECT | {"Practitioner", "Device"}},
    "Goal": {"subject": _SUBJECT | {"Organization"}},
    "CarePlan": {"subject": _SUBJECT},
    "ServiceRequest": {"subject": _SUBJECT | {"Location", "Device"}},
    "Condition": {"subject": _SUBJECT},
    "Consent": {"patient": frozenset({"Patient"})},
    "Claim": {"patient": frozenset({"Patient"}), "provider": _PRACTITIONERS | {"Organization"}},
}
# Elements with a minimum of one that the library leaves optional or lets be empty.
_AT_LEAST_ONE = {
    "Claim": ("insurance",),
    "Provenance": ("target", "agent"),
    "DocumentReference": ("content",),
    "Consent": ("category",),
    "AuditEvent": ("agent",),
}


def check_resource(resource: Any, expected: str | None = None) -> dict[str, Any]:
    """Return the resource when it is one this EHR may store.

    Raises FhirError 400 when it is no resource of the expected type, 404 for a type not served, 405 for a
    type whose resources the EHR itself keeps, 422 with every finding when it is not a right R4 resource.
    """
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise FhirError(400, "structure", "The body is not a FHIR resource: resourceType is missing.")
    resource_type = resource["resourceType"]
    if expected and resource_type != expected:
        raise FhirError(400, "invariant", f"The address says {expected}, the body says {resource_type}.")
    check_writable(resource_type)
    issues = list(_empty(resource, resource_type)) or _modelled(resource)
    issues = issues or list(_beyond_the_model(resource))
    if issues:
        first = issues[0]
        raise FhirError(422, first.code, first.diagnostics, issues=tuple(issues[:_MOST_ISSUES]))
    return resource


def shaped(resource: dict[str, Any]) -> None:
    """Raise FhirError 422 unless the resource has the shape that R4 gives its type."""
    issues = list(_empty(resource, resource["resourceType"])) or _modelled(resource)
    if issues:
        first = issues[0]
        raise FhirError(422, first.code, first.diagnostics, issues=tuple(issues[:_MOST_ISSUES]))


def check_writable(resource_type: str) -> None:
    """Refuse a type that is not served (404) or that only the EHR itself writes (405)."""
    if resource_type not in PARAMETERS:
        raise FhirError(404, "not-supported", f"This server does not know the type {resource_type}.")
    if resource_type in OWNED:
        raise FhirError(
            405,
            "not-supported",
            f"{resource_type} is kept by this EHR itself and may not be written by an app:"
            " find the existing one by search and refer to it.",
        )


def refuse_change(resource_type: str) -> None:
    """Refuse (405) to change or delete what is only ever added to."""
    if resource_type in ADDED_ONLY:
        raise FhirError(
            405, "not-supported", f"{resource_type} is only ever added to: what was written down stays."
        )


@cache
def _model(resource_type: str) -> Any:
    return get_fhir_model_class(resource_type)


def _modelled(resource: dict[str, Any]) -> list[Issue]:
    resource_type = resource["resourceType"]
    try:
        # A copy, because the library takes the dictionary apart while it reads.
        _model(resource_type).model_validate(deepcopy(resource))
    except ValidationError as error:
        return [
            Issue("invalid", f"{found['msg']}", _expression(resource_type, found["loc"]))
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    return []


def _expression(resource_type: str, place: tuple[str | int, ...]) -> str:
    # The library names an element that is a word of Python, such as class, with a suffix.
    parts = (f"[{part}]" if isinstance(part, int) else f".{part.removesuffix('_fhir')}" for part in place)
    return resource_type + "".join(parts)


def _empty(value: Any, path: str) -> Iterator[Issue]:
    if value in ("", [], {}):
        yield Issue("structure", "An element may not be empty: leave it out.", path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _empty(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty(item, f"{path}[{index}]")


def _beyond_the_model(resource: dict[str, Any]) -> Iterator[Issue]:
    resource_type = resource["resourceType"]
    for element, codes in _CODES.get(resource_type, {}).items():
        code = resource.get(element)
        if code is not None and code not in codes:
            known = ", ".join(sorted(codes))
            yield Issue("code-invalid", f"{code!r} is not one of {known}.", f"{resource_type}.{element}")
    for element in _AT_LEAST_ONE.get(resource_type, ()):
        if not resource.get(element):
            yield Issue("required", "At least one is required.", f"{resource_type}.{element}")
    for element, targets in _TARGETS.get(resource_type, {}).items():
        yield from _wrong_target(resource_type, element, resource.get(element), targets)


def _wrong_target(resource_type: str, element: str, value: Any, targets: frozenset[str]) -> Iterator[Issue]:
    for _, text in references(value, element):
        local = read_local(text, "")
        if local and local.type not in targets:
            allowed = " or ".join(sorted(targets))
            yield Issue("invalid", f"{text} is not a {allowed}.", f"{resource_type}.{element}.reference")
