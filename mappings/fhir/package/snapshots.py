"""Snapshots of our profiles and extensions: all of what they build on, with what ours add (R4, 5.1.0.5).

What they build on is not shipped with Peerchart; it is read from published packages that whoever builds the
package has. Ours narrow elements, cut slices of extensions and open data types: no more is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mappings.fhir.elements import Json

_TYPES = "http://hl7.org/fhir/StructureDefinition"
# What is said of a whole list is not said of one slice of it, as HL7's own snapshots have it.
_NOT_OF_A_SLICE = ("slicing", "mapping", "mustSupport")
Published = Callable[[str], Json]


class NotPublished(LookupError):
    """A definition with a snapshot that is built on is not among the packages given; `url` names it."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} with a snapshot is in none of the packages")
        self.url = url


def with_snapshot(definition: Json, published: Published) -> Json:
    """The StructureDefinition with its snapshot beside its differential. `published` answers the definition
    of a canonical address. Raises NotPublished."""
    elements = _copied(published(definition["baseDefinition"]))
    for said in definition["differential"]["element"]:
        place = _place(elements, said["id"], published)
        elements[place] = {**elements[place], **said}
    parts = list(definition.items())
    at = next(number for number, (name, _) in enumerate(parts) if name == "differential")
    return dict([*parts[:at], ("snapshot", {"element": elements}), *parts[at:]])


def _copied(base: Json) -> list[Json]:
    listed = (base.get("snapshot") or {}).get("element")
    if not listed:
        raise NotPublished(str(base.get("url")))
    return [{name: value for name, value in each.items() if name != "mapping"} for each in listed]


def _place(elements: list[Json], wanted: str, published: Published) -> int:
    """Where the element with this id stands; it is opened where it stands only in what it is part of."""
    found = _index(elements, wanted)
    if found is not None:
        return found
    parent, _, name = wanted.rpartition(".")
    above = _place(elements, parent, published)
    whole, _, slice_name = name.partition(":")
    if slice_name:
        return _cut(elements, _place(elements, f"{parent}.{whole}", published), wanted, slice_name)
    _open(elements, above, published)
    opened = _index(elements, wanted)
    if opened is None:
        raise KeyError(f"{wanted} is no element of what it builds on")
    return opened


def _cut(elements: list[Json], whole: int, wanted: str, slice_name: str) -> int:
    """A slice after those that are there, optional until something else is said of it."""
    source = {name: value for name, value in elements[whole].items() if name not in _NOT_OF_A_SLICE}
    place = _after(elements, whole)
    elements.insert(place, {**source, "id": wanted, "sliceName": slice_name, "min": 0})
    return place


def _open(elements: list[Json], above: int, published: Published) -> None:
    """Put the elements of a data type below the element that is of this type."""
    parent = elements[above]
    [kind] = [one["code"] for one in parent["type"]]
    inside = []
    for each in _copied(published(f"{_TYPES}/{kind}"))[1:]:
        names = {name: f"{parent[name]}{each[name].removeprefix(kind)}" for name in ("id", "path")}
        inside.append({**each, **names})
    elements[above + 1 : above + 1] = inside


def _index(elements: Sequence[Json], wanted: str) -> int | None:
    return next((number for number, each in enumerate(elements) if each["id"] == wanted), None)


def _after(elements: Sequence[Json], place: int) -> int:
    """The place after an element, all that is inside it and its slices."""
    id_ = elements[place]["id"]
    inside = (f"{id_}.", f"{id_}:")
    following = (n for n in range(place + 1, len(elements)) if not elements[n]["id"].startswith(inside))
    return next(following, len(elements))
