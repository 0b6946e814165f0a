"""Each of 55 kinds of broken resource is caught before it leaves, and its valid twin is let through.

The kinds are those by which public validators were compared: eight groups, a file each.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mappings.fhir import gate
from mappings.fhir.elements import NotFit

Json = dict[str, Any]
FILES = {
    each.stem: json.loads(each.read_bytes(), parse_float=Decimal)
    for each in sorted((Path(__file__).parent / "broken").glob("*.json"))
}
KINDS = {
    **{"required": 8, "type": 12, "primitive": 6, "binding": 7},
    **{"invariant": 8, "reference": 3, "bundle": 5, "us-core": 6},
}


def _twins() -> Iterator[Any]:
    for group, held in FILES.items():
        for name, twin in held["twins"].items():
            yield pytest.param(twin, id=f"{group}-{name}")


def _broken() -> Iterator[Any]:
    for group, held in FILES.items():
        for each in held["broken"]:
            yield pytest.param(held["twins"][each["twin"]], each, id=f"{group}: {each['what']}")


def spoilt(twin: Json, change: Json) -> Json:
    """A copy of the twin with the change's elements removed, or one put to a value."""
    made = copy.deepcopy(twin)
    for path in change.get("remove", ()):
        holder, last = _place(made, path)
        del holder[last]
    if "put" in change:
        holder, last = _place(made, change["put"])
        holder[last] = change["value"]
    return made


def _place(resource: Any, path: str) -> tuple[Any, Any]:
    *outer, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in outer:
        resource = resource[part]
    return resource, last


def test_every_group_has_its_kinds() -> None:
    assert {group: len(held["broken"]) for group, held in FILES.items()} == KINDS
    assert sum(KINDS.values()) == 55


@pytest.mark.parametrize("twin", list(_twins()))
def test_a_valid_twin_is_let_through(twin: Json) -> None:
    gate.check(twin, full=True)


@pytest.mark.parametrize(("twin", "change"), list(_broken()))
def test_a_broken_resource_is_caught(twin: Json, change: Json) -> None:
    gate.check(twin)
    with pytest.raises(NotFit) as caught:
        gate.check(spoilt(twin, change))
    assert change["says"] in str(caught.value)
