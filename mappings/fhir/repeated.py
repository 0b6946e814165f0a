"""Entries that are alike in many records of one input: the same plan, the same episode of care, and those
that are laid out the same way in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mappings.fhir.elements import Json

Layout = Callable[[Any], Json]


class Formed(NamedTuple):
    """An entry that is yet to be laid out. The sheet is a flat tuple of all that differs from one such entry
    to the next, the first of it its fullUrl: texts, whole numbers, parts and lists of parts, None for what is
    not said. The layout puts them in their places as they are, and looks at nothing of them but whether they
    are there."""

    layout: Layout
    sheet: tuple[Any, ...]

    def entry(self) -> Json:
        """The entry as data."""
        return self.layout(self.sheet)


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Entries under a name, with all that they are made of and what makes them: whoever writes many records
    may keep them for as long as `source` stays equal."""

    name: str
    source: tuple[object, ...]
    make: Callable[[], Iterable[Json]]


def spread(parts: Iterable[Json | Repeated | Formed]) -> Iterator[Json]:
    """Every entry by itself, made now."""
    for each in parts:
        if isinstance(each, Repeated):
            yield from each.make()
        elif isinstance(each, Formed):
            yield each.entry()
        else:
            yield each
