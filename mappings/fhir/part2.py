"""The label and the notice on every resource of a programme under 42 CFR Part 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mappings.disclosure import NOTICE
from mappings.fhir.elements import THO, Json, coding, concept, xml_escaped

PART2 = coding(f"{THO}/v3-ActCode", "42CFRPart2", "42 CFR Part2")
# Confidentiality, and that whoever gets it passes it on with a consent only (HL7 DS4P labels).
LABELS = (
    PART2,
    coding(f"{THO}/v3-Confidentiality", "R", "restricted"),
    coding(f"{THO}/v3-ActCode", "NORDSCLCD", "no redisclosure without consent directive"),
)
_LIST_END, _END = "</ul></div>", "</div>"


def label(entry: Json) -> None:
    """Label an entry's resource, and put the notice of 42 CFR 2.32 into its narrative."""
    entry["resource"] = marked(entry["resource"])


def marked(resource: Mapping[str, Any]) -> Json:
    """The resource with label and notice; one that has them stays as it is."""
    if is_marked(resource):
        return dict(resource)
    meta = {"security": [dict(each) for each in LABELS]}
    rest = {key: value for key, value in resource.items() if key not in ("resourceType", "meta")}
    made = {"resourceType": resource["resourceType"], "meta": {**resource.get("meta", {}), **meta}} | rest
    if made["resourceType"] == "DocumentReference":
        made["securityLabel"] = [*made.get("securityLabel", ()), concept(PART2)]
        made["description"] = f"{made['description']}. {NOTICE}" if "description" in made else NOTICE
    return with_lines(made, [("Notice", NOTICE)])


def is_marked(resource: Mapping[str, Any]) -> bool:
    """Whether a resource carries the label."""
    held = (resource.get("meta") or {}).get("security", ())
    return any(each.get("code") == PART2["code"] for each in held)


def with_lines(resource: Json, lines: Iterable[tuple[str, str]]) -> Json:
    """The resource with labelled lines at the end of its narrative, as `elements.narrative` writes them."""
    text = resource.get("text")
    if text is None:
        return resource
    items = "".join(f"<li>{xml_escaped(f'{label}: {value}')}</li>" for label, value in lines)
    div = text["div"]
    if div.endswith(_LIST_END):
        div = f"{div[: -len(_LIST_END)]}{items}{_LIST_END}"
    else:
        div = f"{div[: -len(_END)]}<ul>{items}{_LIST_END}"
    return {**resource, "text": {**text, "div": div}}


def accompanied(bundle: Mapping[str, Any], explanation: str) -> Json:
    """The Bundle as it leaves by a consent: every resource labelled, and with the explanation of the
    consent's scope beside the notice (42 CFR 2.32)."""
    entries = [
        {**each, "resource": _explained(marked(each["resource"]), explanation)}
        for each in bundle.get("entry", ())
    ]
    return {**bundle, "entry": entries}


def _explained(resource: Json, explanation: str) -> Json:
    if resource["resourceType"] == "DocumentReference":
        resource = {
            **resource,
            "description": f"{resource['description']} Disclosed by consent: {explanation}",
        }
    return with_lines(resource, [("Disclosed by consent", explanation)])
