"""The elements of each FHIR type as the R4B models know them; the only place where the models are asked.

Building the models takes a second or two, so what they say stands in data files (see `model`): this is for
types and shapes that are not there, and for writing the files.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from fhir_core.fhirabstractmodel import FHIRAbstractModel
from pydantic import ValidationError

from mappings.fhir.elements import Json
from mappings.fhir.model import Element

# The generated models cut some value sets short with "+"; these are the whole ones of R4 4.0.1.
_WHOLE_CODES = {
    ("Encounter", "status"): (
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
    ),
    ("EncounterStatusHistory", "status"): (
        "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
    ),
    ("Task", "status"): (
        "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed "
        "entered-in-error"
    ),
    ("Quantity", "comparator"): "< <= >= >",
    ("CapabilityStatement", "format"): "json xml ttl application/fhir+json application/fhir+xml",
    ("Goal", "lifecycleStatus"): (
        "proposed planned accepted active on-hold completed cancelled entered-in-error rejected"
    ),
}


@lru_cache(maxsize=512)
def model_class(name: str) -> type[FHIRAbstractModel]:
    """The R4B model class of a type such as "Encounter" or "EncounterParticipant"; ValueError if unknown."""
    return get_fhir_model_class(name)


def elements_of(name: str) -> dict[str, Element]:
    """The elements of a type by JSON name, in the order of the specification; ValueError if unknown."""
    model = model_class(name)
    by_alias = {field.alias or key: field for key, field in model.model_fields.items()}
    order = [each for each in model.elements_sequence() if each in by_alias]
    return {each: _element(name, each, by_alias[each]) for each in order}


def tables(resources: Iterable[str]) -> dict[str, dict[str, Element]]:
    """The elements of the resources and of every type inside them, by type."""
    found: dict[str, dict[str, Element]] = {}
    todo = [*resources]
    while todo:
        kind = todo.pop()
        if kind not in found and kind != "Resource":
            found[kind] = elements_of(kind)
            todo += [each.model for each in found[kind].values() if each.model]
    return dict(sorted(found.items()))


def refused(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the models say is wrong (path, words) with a resource, with each of a Bundle on its own."""
    found: list[tuple[str, str]] = []
    for each in _parts(dict(resource)):
        try:
            model_class(str(each["resourceType"])).model_validate(each)
        except ValidationError as error:
            found += [(_dotted(each, bad["loc"]), bad["msg"]) for bad in error.errors(include_url=False)]
    return found


def _parts(resource: Json) -> typing.Iterator[Json]:
    if resource.get("resourceType") != "Bundle":
        yield resource
        return
    for item in resource.get("entry", ()):
        if "resource" in item:
            yield item["resource"]
    entries = [{k: v for k, v in item.items() if k != "resource"} for item in resource.get("entry", ())]
    yield {**resource, "entry": entries}


def _dotted(resource: Json, location: tuple[int | str, ...]) -> str:
    return ".".join([str(resource.get("resourceType")), *(str(part) for part in location)])


def _element(owner: str, name: str, field: Any) -> Element:
    kinds, markers, repeats = _unfold(field.annotation)
    more = field.json_schema_extra or {}
    model = next(
        (kind.get_model_klass().__name__ for kind in kinds if hasattr(kind, "get_model_klass")), None
    )
    targets = more.get("enum_reference_types")
    return Element(
        name=name,
        primitive=None if model else _primitive(kinds, [*markers, *field.metadata]),
        model=model,
        repeats=repeats,
        required=bool(more.get("element_required")) or field.is_required(),
        codes=_codes(owner, name, more.get("enum_values")),
        targets=frozenset(targets) - {"Resource"} or None if targets and "Resource" not in targets else None,
        choice=more.get("one_of_many"),
    )


def _codes(owner: str, name: str, listed: list[str] | None) -> frozenset[str] | None:
    if (owner, name) in _WHOLE_CODES:
        return frozenset(_WHOLE_CODES[owner, name].split())
    return frozenset(listed) if listed and "+" not in listed else None


def _unfold(annotation: Any) -> tuple[list[Any], list[Any], bool]:
    """The plain types inside an annotation, its Annotated markers, and whether a list was on the way."""
    kinds: list[Any] = []
    markers: list[Any] = []
    repeats = False
    todo = [annotation]
    while todo:
        each = todo.pop(0)
        origin = typing.get_origin(each)
        if origin is None:
            kinds.extend([] if each is type(None) else [each])
            continue
        repeats = repeats or origin is list
        if origin is typing.Annotated:
            markers.extend(each.__metadata__)
            todo.append(each.__origin__)
        else:
            todo.extend(typing.get_args(each))
    return kinds, markers, repeats


def _primitive(kinds: list[Any], markers: list[Any]) -> str:
    names = [type(each).__name__ for each in markers if type(each).__module__ == "fhir_core.types"]
    if names:
        return names[-1][0].lower() + names[-1][1:]
    return {bool: "boolean", int: "integer", str: "string"}.get(kinds[0], "string")
