"""What a launch carries beside patient and visit: fhirContext, and what a Task asks for.

Sources: SMART App Launch 2.2, "fhirContext" and "Task profile for requesting SMART launch".
"""

from typing import Any

from .sandbox import Ehr

SMART_CODES = "http://hl7.org/fhir/smart-app-launch/CodeSystem/smart-codes"
_NAMES = frozenset({"reference", "canonical", "identifier"})
_ALLOWED = _NAMES | {"type", "role"}


def check_fhir_context(items: list[Any]) -> None:
    """Raise ValueError unless every item names a resource as SMART says; odd forms are a fault's matter."""
    for item in items:
        if not isinstance(item, dict) or not _NAMES & set(item) or set(item) - _ALLOWED:
            raise ValueError(
                "each item of fhirContext is an object with reference, canonical or identifier, and"
                " optionally type and role; odd forms are sent by the fault fhir-context"
            )
        if not isinstance(item.get("role", ""), str) or item.get("role") == "":
            raise ValueError("role of a fhirContext item is text, and left out when it is launch")


def of_task(ehr: Ehr, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the launch that a Task asks for: its patient, its visit, its appContext, and itself.

    What the caller names beside the task stands. Raises ValueError for a Task that requests no launch.
    """
    stored = ehr.store.read("Task", str(asked["task"]))
    if stored is None or stored.deleted:
        raise ValueError(f"task {asked['task']!r} is unknown")
    task = stored.resource
    if "launch-app-ehr" not in _codes(task.get("code")):
        raise ValueError(f"task {stored.id} does not request an EHR launch: its code is not launch-app-ehr")
    found = {
        "patient": _id(task.get("for"), "Patient"),
        "encounter": _id(task.get("encounter"), "Encounter"),
        "appContext": _input(task, "smartonfhir-appcontext"),
    }
    item = {"reference": f"Task/{stored.id}", "type": "Task"}
    context = [item, *asked.get("fhirContext", [])]
    return {name: value for name, value in found.items() if value} | asked | {"fhirContext": context}


def _codes(concept: Any) -> set[str]:
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return {one["code"] for one in codings if one.get("system") == SMART_CODES and "code" in one}


def _id(reference: Any, resource_type: str) -> str | None:
    text = reference.get("reference", "") if isinstance(reference, dict) else ""
    return text.rpartition("/")[2] if f"{resource_type}/" in text else None


def _input(task: dict[str, Any], code: str) -> str | None:
    found = (one.get("valueString") for one in task.get("input", []) if code in _codes(one.get("type")))
    return next(found, None)
