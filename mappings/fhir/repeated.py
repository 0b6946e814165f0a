"""Entries that many records of one input bring along: the same plan, the same episode of care."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mappings.fhir.elements import Json


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Entries under a name, with all that they are made of and what makes them: whoever writes many records
    may keep them for as long as `source` stays equal."""

    name: str
    source: tuple[object, ...]
    make: Callable[[], Iterable[Json]]


def spread(parts: Iterable[Json | Repeated]) -> Iterator[Json]:
    """Every entry by itself, made now."""
    for each in parts:
        if isinstance(each, Repeated):
            yield from each.make()
        else:
            yield each
