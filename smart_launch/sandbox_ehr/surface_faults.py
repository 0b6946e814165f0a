"""A narrower EHR: types that it does not serve, and search parameters that it does not know."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import request

from .outcomes import FhirError
from .strict_json import read_json
from .striking import strike

_BELOW = "/fhir/"


def refuse_beyond_surface() -> None:
    """Refuse what the planned faults leave out: 404 for a type, 400 for a search or a condition."""
    if fault := strike("unserved"):
        for resource_type, _ in _asked():
            if resource_type in fault["types"]:
                raise FhirError(404, "not-supported", f"This server does not know the type {resource_type}.")
    if fault := strike("unsearched"):
        for resource_type, query in _asked():
            if resource_type in fault["types"] and fault["parameter"] in _names(query):
                raise FhirError(
                    400, "not-supported", f"{resource_type} has no search parameter {fault['parameter']}."
                )


def narrowed(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what a CapabilityStatement says of each type, without what the planned faults leave out."""
    if fault := strike("unserved"):
        resources = [one for one in resources if one["type"] not in fault["types"]]
    if fault := strike("unsearched"):
        resources = [
            _without(one, fault["parameter"]) if one["type"] in fault["types"] else one for one in resources
        ]
    return resources


def _without(resource: dict[str, Any], parameter: str) -> dict[str, Any]:
    left = [one for one in resource["searchParam"] if one["name"] != parameter]
    return {**resource, "searchParam": left}


def _asked() -> Iterator[tuple[str, str]]:
    """Yield each type that the request is about, with the search or the condition that goes with it."""
    resource_type = request.path.removeprefix(_BELOW).partition("/")[0]
    if request.path.startswith(_BELOW) and resource_type:
        form = request.get_data(as_text=True) if request.path.endswith("/_search") else ""
        query = request.query_string.decode("utf-8", "replace")
        yield resource_type, "&".join([query, request.headers.get("If-None-Exist", ""), form])
    elif request.method == "POST":
        yield from _of_bundle(read_json(request.get_data()))


def _of_bundle(bundle: Any) -> Iterator[tuple[str, str]]:
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        asked = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(asked, dict):
            resource_type, _, query = str(asked.get("url", "")).partition("?")
            yield resource_type.partition("/")[0], "&".join([query, str(asked.get("ifNoneExist", ""))])


def _names(query: str) -> set[str]:
    return {name.partition(":")[0] for name, _ in parse_qsl(query, keep_blank_values=True)}
