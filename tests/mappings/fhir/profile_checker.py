"""A small checker of one resource against the snapshot of a profile: how many of each element there must be,
fixed and pattern values, the least of each slice, and required bindings to value sets that list their codes.

It knows nothing of how the product checks, so that the two can be compared.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Snapshots:
    """The profiles, value sets and code systems of one published package."""

    def __init__(self, package: Path) -> None:
        self.by_url: dict[str, Json] = {}
        with tarfile.open(package) as archive:
            for member in archive:
                if member.name.endswith(".json") and "/example/" not in member.name:
                    held = json.load(archive.extractfile(member) or open_nothing())
                    if isinstance(held, dict) and "url" in held:
                        self.by_url[held["url"]] = held

    def problems(self, resource: Json, profile: str) -> list[str]:
        """What the profile asks for and the resource lacks, as "path: words"."""
        found = []
        for element in self.by_url[profile]["snapshot"]["element"]:
            found += list(self._element(resource, element))
        return found

    def _element(self, resource: Json, element: Json) -> Iterator[str]:
        _, *steps = element["path"].split(".")
        if not steps or ":" in ".".join(element["id"].split(".")[:-1]):
            return
        for holder in _holders(resource, steps[:-1]):
            values = _values(holder, steps[-1])
            if element.get("sliceName"):
                yield from _slice(values, element)
                continue
            if len(values) < element.get("min", 0):
                yield f"{element['path']}: at least {element['min']}, {len(values)} there"
            if element.get("max", "*") != "*" and len(values) > int(element["max"]):
                yield f"{element['path']}: at most {element['max']}, {len(values)} there"
            yield from (problem for value in values for problem in self._value(value, element))

    def _value(self, value: Any, element: Json) -> Iterator[str]:
        for name, wanted in element.items():
            if name.startswith("fixed") and value != wanted:
                yield f"{element['path']}: is not {wanted}"
            if name.startswith("pattern") and not fits(value, wanted):
                yield f"{element['path']}: does not fit {wanted}"
        binding = element.get("binding", {})
        codes = self._codes(binding.get("valueSet", "")) if binding.get("strength") == "required" else None
        if codes is not None and not codes & set(_pairs(value)):
            yield f"{element['path']}: {value} is not in {binding['valueSet']}"

    def _codes(self, url: str) -> frozenset[str] | None:
        """The codes of a value set that lists them all; None for one that is not here or goes by a filter."""
        held = self.by_url.get(url.partition("|")[0])
        if held is None or held["resourceType"] != "ValueSet":
            return None
        found: set[str] = set()
        for include in held.get("compose", {}).get("include", ()):
            system = self.by_url.get(include.get("system", ""), {})
            listed = include.get("concept") or ([] if "filter" in include else system.get("concept", ()))
            if not listed or "valueSet" in include:
                return None
            found |= {each["code"] for each in listed}
        return frozenset(found)


def open_nothing() -> Any:
    """For a member of the archive that is no file."""
    raise FileNotFoundError("the package holds a member that is no file")


def fits(value: Any, pattern: Any) -> bool:
    """Whether a value has all that the pattern has (ElementDefinition.pattern[x])."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(fits(value.get(key), each) for key, each in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(one, each) for one in value) for each in pattern)
    return bool(value == pattern)


def _slice(values: list[Any], element: Json) -> Iterator[str]:
    pattern = next((each for name, each in element.items() if name.startswith("pattern")), None)
    if pattern is not None and element.get("min", 0):
        count = sum(fits(each, pattern) for each in values)
        if count < element["min"]:
            yield f"{element['id']}: at least {element['min']}, {count} there"


def _holders(resource: Json, steps: list[str]) -> list[Json]:
    held: list[Any] = [resource]
    for step in steps:
        held = [value for each in held for value in _values(each, step)]
    return [each for each in held if isinstance(each, dict)]


def _values(holder: Mapping[str, Any], step: str) -> list[Any]:
    names = [step]
    if step.endswith("[x]"):
        start = step.removesuffix("[x]")
        names = [
            key for key in holder if key.startswith(start) and key[len(start) : len(start) + 1].isupper()
        ]
    found: list[Any] = []
    for name in names:
        value = holder.get(name)
        found += value if isinstance(value, list) else [] if value is None else [value]
    # An element without a value but with a reason why not is there.
    return found or ([{}] if f"_{step}" in holder else [])


def _pairs(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (each["code"] for each in value.get("coding", [value]) if "code" in each)
