"""What an EHR is told of records of ours that it holds and that do not count: entered in error.

It names each by its identifier and says its new status, and nothing of what the record says; whoever sends
it changes this alone in the EHR's own copy (US Core 9, Writing Clinical Notes: a change of status).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.fhir.elements import Json, NotFit, identifier, if_none_exist, present

IN_ERROR = "entered-in-error"
# What only this contact put into the chart: the plan, goals and the engagement are not the note's alone.
_OF_THE_CONTACT = {
    "DocumentReference": {"status": IN_ERROR, "docStatus": IN_ERROR},
    "Encounter": {"status": IN_ERROR},
    "Task": {"status": IN_ERROR},
}
_WHOSE = ("subject", "for")


def withdrawal(contact: str, sent: Iterable[Mapping[str, Any]]) -> Json:
    """A batch that marks what the Bundles `sent` of a contact (its id) put into a chart as entered in error.

    Every version of its note is found by the identifier of its series, an addendum by its own. Raises NotFit
    where none is a Bundle of the contact.
    """
    found: dict[str, Json] = {}
    for bundle in sent:
        for each in bundle.get("entry", ()):
            made = _mark(contact, each["resource"])
            if made is not None:
                found.setdefault(made["request"]["url"], made)
    if not any(each["resource"]["resourceType"] == "DocumentReference" for each in found.values()):
        raise NotFit([("entry", f"no note of {contact} was sent")])
    order = list(_OF_THE_CONTACT)
    entries = sorted(found.values(), key=lambda each: order.index(each["resource"]["resourceType"]))
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


def _of_note(contact: str, resource: Mapping[str, Any]) -> list[Json]:
    """The identifier of the contact's notes, or that of an addendum to one of them."""
    series, own = identifier("note-series", contact), list(resource.get("identifier", ()))
    if series in own:
        return [series]
    added = {"code": "appends", "identifier": series}
    to = [
        {"code": each.get("code"), "identifier": each.get("target", {}).get("identifier")}
        for each in resource.get("relatesTo", ())
    ]
    return own[:1] if added in to else []


def _mark(contact: str, resource: Mapping[str, Any]) -> Json | None:
    kind = resource["resourceType"]
    status = _OF_THE_CONTACT.get(kind)
    if status is None:
        return None
    own = list(resource.get("identifier", ()))[:1]
    if kind == "DocumentReference":
        own = _of_note(contact, resource)
    if not own:
        return None
    whose = {name: resource[name] for name in _WHOSE if name in resource}
    made = present(resourceType=kind, identifier=own, **status, **whose)
    return {"resource": made, "request": {"method": "PUT", "url": f"{kind}?{if_none_exist(own[0])}"}}
