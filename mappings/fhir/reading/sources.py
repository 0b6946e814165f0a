"""The resources that were given, found by every name under which others may refer to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mappings.fhir.loose import Json, local, text_of
from mappings.fhir.reading.nodes import Node

_WHOSE = ("subject", "patient")
_MODIFIERS = ("modifierExtension", "implicitRules")


@dataclass(frozen=True)
class Located:
    """One resource: the Bundle or file it came in (`group`), where it stands, its fullUrl if it has one."""

    group: str
    where: str
    resource: Json
    full_url: str = ""


@dataclass(frozen=True)
class Remark:
    """What was not read into a record: where, the type of the resource, the element and why. `kept` is true
    where the office keeps elsewhere what it says, so that nothing is lost."""

    where: str
    kind: str
    element: str
    reason: str
    kept: bool = False


@dataclass(eq=False)
class Source:
    """A resource while it is read. `read` is whether anything of it went into a record, or is said there."""

    located: Located
    node: Node
    read: bool = False
    systems: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The type of the resource."""
        return str(self.located.resource.get("resourceType"))

    def own(self, system: str) -> str | None:
        """The value of an identifier of a system."""
        return self.systems.get(system)


class Sources:
    """All resources of one import; what is referred to and not there is remarked once for each name."""

    def __init__(self, given: Iterable[Located]) -> None:
        self.remarks: list[Remark] = []
        self.all = [_source(each) for each in given if not self._changed(each)]
        self._by_url: dict[tuple[str, str], Source] = {}
        self._by_name: dict[str, Source] = {}
        self._by_identifier: dict[tuple[str, str, str], Source] = {}
        self._groups: dict[str, list[Source]] = {}
        self._about: dict[int, list[Source]] = {}
        self._kinds: dict[str, list[Source]] = {}
        self._covers: dict[object, list[Source]] | None = None
        self._conditions: dict[int, list[Source]] | None = None
        self._missed: set[tuple[str, str]] = set()
        for each in self.all:
            self._learn(each)

    def _changed(self, one: Located) -> bool:
        """FHIR R4 2.1.0: what carries a modifier that is not understood must not be read as if it did not."""
        changed = next((name for name in _MODIFIERS if one.resource.get(name)), None)
        if changed is not None:
            kind = str(one.resource.get("resourceType"))
            words = "it may change what the resource means and is not understood here: nothing of it was read"
            self.remarks.append(Remark(one.where, kind, changed, words))
        return changed is not None

    def _learn(self, one: Source) -> None:
        located, name = one.located, _name(one.located.resource)
        self._kinds.setdefault(one.kind, []).append(one)
        self._groups.setdefault(located.group, []).append(one)
        if located.full_url:
            self._by_url.setdefault((located.group, located.full_url), one)
            self._by_name.setdefault(located.full_url, one)
        if name:
            self._by_url.setdefault((located.group, name), one)
            self._by_name.setdefault(name, one)
        for system, value in one.systems.items():
            self._by_identifier.setdefault((one.kind, system, value), one)

    def of(self, *kinds: str) -> Iterator[Source]:
        """The resources of types, type by type, in the order in which they were given."""
        return (each for kind in kinds for each in self._kinds.get(kind, ()))

    def conditions_of(self, visit: Source) -> list[Source]:
        """The Conditions that were recorded at a visit."""
        if self._conditions is None:
            self._conditions = {}
            for each in self.of("Condition"):
                found = self.refer(each, each.node.node("encounter"))
                if found is not None:
                    self._conditions.setdefault(id(found), []).append(each)
        return self._conditions.get(id(visit), [])

    def coverages_of(self, patient: Source) -> list[Source]:
        """The Coverages of a person, in whichever Bundle they came."""
        if self._covers is None:
            self._covers = {}
            for each in self.of("Coverage"):
                whose = self.refer(each, each.node.node("beneficiary"))
                if whose is not None:
                    self._covers.setdefault(_person(whose), []).append(each)
        return self._covers.get(_person(patient), [])

    def beside(self, one: Source, kind: str) -> list[Source]:
        """The resources of a type that came in the same Bundle and are of the same person."""
        if not one.located.full_url:
            return []
        whose = one.located.resource.get("subject")
        same = (each for each in self._groups[one.located.group] if each.kind == kind)
        return [each for each in same if whose and whose in (each.located.resource.get(n) for n in _WHOSE)]

    def refer(self, one: Source, reference: Node, *, quietly: bool = False) -> Source | None:
        """The resource that a Reference means: in its own Bundle, among all, or by its identifier. What it is
        to and is not there is remarked, unless the identifier says all (`quietly`)."""
        reference.done()
        data = reference.data
        literal = text_of(data.get("reference")) or ""
        found = self._literal(one, literal) if literal else None
        if found is None and isinstance(data.get("identifier"), dict):
            found = self._identified(data)
        if found is not None:
            found.read = True
        elif data and not quietly:
            self._miss(one, reference, literal)
        return found

    def _literal(self, one: Source, literal: str) -> Source | None:
        inside = self._by_url.get((one.located.group, literal))
        if inside is not None or literal.startswith("urn:"):
            return inside
        name = local(literal) or literal
        # An address of another server may end in the same id: it is asked for by its whole address alone.
        whole = self._by_name.get(literal)
        return whole or (self._by_name.get(name) if literal == name or "/_history/" in literal else None)

    def _identified(self, data: Json) -> Source | None:
        who = data["identifier"]
        system, value = text_of(who.get("system")) or "", text_of(who.get("value")) or ""
        kind = text_of(data.get("type")) or (local(text_of(data.get("reference"))) or "").split("/")[0]
        return self._by_identifier.get((kind, system, value))

    def _miss(self, one: Source, reference: Node, literal: str) -> None:
        who = reference.data.get("identifier")
        said = literal or (str(who.get("value")) if isinstance(who, dict) else "")
        if said and (one.located.where, said) not in self._missed:
            self._missed.add((one.located.where, said))
            path = ".".join(str(each) for each in reference.path)
            words = f"it refers to {said[:100]}, which is not among what was given"
            self.remarks.append(Remark(one.located.where, one.kind, path, words))

    def about(self, target: Source) -> list[Source]:
        """The Provenances on a resource, in the order in which they were given."""
        if not self._about:
            for each in self.of("Provenance"):
                for reference in each.node.nodes("target"):
                    found = self._literal(each, text_of(reference.data.get("reference")) or "")
                    if found is not None:
                        self._about.setdefault(id(found), []).append(each)
        return self._about.get(id(target), [])


def _source(located: Located) -> Source:
    listed = located.resource.get("identifier")
    found: dict[str, str] = {}
    for each in listed if isinstance(listed, list) else [listed]:
        system, value = _pair(each)
        if value is not None:
            found.setdefault(system, value)
    return Source(located, Node(located.resource), systems=found)


def _person(patient: Source) -> object:
    """What the same person is in every Bundle: their first identifier, else this one resource."""
    return next(iter(patient.systems.items()), id(patient))


def _pair(each: Any) -> tuple[str, str | None]:
    if not isinstance(each, dict):
        return "", None
    value = each.get("value")
    return text_of(each.get("system")) or "", value if isinstance(value, str) and value.strip() else None


def _name(resource: Json) -> str:
    id_ = text_of(resource.get("id"))
    return f"{resource.get('resourceType')}/{id_}" if id_ else ""
