"""The parts of our extensions read back, as data of the intake record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.fhir.carried import ABSENT, Carried, Field, fields_of
from mappings.fhir.reading.nodes import Node
from mappings.records import Part


@dataclass(frozen=True)
class Said:
    """What an extension says: values by the name of the part, and the names of what the record does not
    say."""

    values: Mapping[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    there: bool = False

    def get(self, name: str) -> Any:
        """The value of a part, None where it says nothing."""
        return self.values.get(name)


def read_extension(node: Node, url: str, table: Mapping[str, Carried]) -> Said:
    """The extension of an address on a resource; parts that are not understood stay unread."""
    for each in node.nodes("extension"):
        if each.data.get("url") == url:
            each.take("url")
            fields = {name: one.field for name, one in table.items()}
            missing = frozenset(_absent(each))
            return Said(_parts(each, fields), missing, there=True)
    return Said()


def _absent(node: Node) -> list[str]:
    found = [each for each in node.nodes("extension") if each.data.get("url") == ABSENT]
    for each in found:
        each.done()
    return [str(each.data.get("valueCode")) for each in found]


def _parts(node: Node, fields: Mapping[str, Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in node.nodes("extension"):
        name = str(each.data.get("url"))
        if name not in fields:
            continue
        field_ = fields[name]
        value = _part(each, field_.model) if field_.model else each.data.get(f"value{field_.value}")
        if value is None:
            continue
        each.take("url", f"value{field_.value}")
        if field_.repeats:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def _part(node: Node, model: type[Part]) -> dict[str, Any] | None:
    return _parts(node, {each.name: each for each in fields_of(model)}) or None
