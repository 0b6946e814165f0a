"""What the files of the library say: sources, dated parameters and rules, packs, tables, a site's overlay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mappings.findings import Citation, Severity, Stage

CONFIRMED = "confirmed"
STATUS_WORDS = {
    CONFIRMED: "",
    "example-only": "an example of the guidance, to be confirmed by the site",
    "unconfirmed": "not confirmed by a source, to be confirmed by the site",
    "ours": "site policy, no number in the guidance",
    "site": "set by the site",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A document that rules cite; `checked` is the day someone last compared it with the library."""

    id: str
    title: str
    publisher: str
    address: str
    published: str
    effective: date | None
    checked: date


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter's value from a day on, with its standing (see STATUS_WORDS) and its citation."""

    from_: date
    value: Any
    status: str
    cite: Citation | None
    layer: str

    @property
    def standing(self) -> str:
        """What a reader must know of the value; blank for a confirmed one."""
        return STATUS_WORDS[self.status]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number, word or list of the guidance: its type, which direction is tighter, its dated values.

    `overridable` names the layers that may loosen it; any layer below may tighten it.
    """

    id: str
    type: str
    says: str
    tighter: str
    overridable: tuple[str, ...]
    choices: tuple[str, ...]
    values: tuple[Value, ...]
    file: str = ""

    def at(self, on: date) -> Value | None:
        """The value in force on the day, or None before the first."""
        return next((value for value in reversed(self.values) if value.from_ <= on), None)


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """What a rule asks from one day until another (both count): check, parameters, settings, citation."""

    from_: date
    until: date | None
    check: str
    parameters: tuple[str, ...]
    settings: Mapping[str, Any]
    cite: Citation

    def covers(self, on: date) -> bool:
        """Whether the version is in force on the day."""
        return self.from_ <= on and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True)
class Rule:
    """A dated sentence with a source: what it says, about which records, how hard, and what to do."""

    id: str
    no: str
    title: str
    says: str
    about: str
    when: tuple[str, ...]
    stage: Stage
    severity: Severity
    fix: str
    fields: tuple[str, ...]
    derived: bool
    versions: tuple[RuleVersion, ...]
    pack: str
    file: str
    examples: tuple[str, ...] = ()

    def at(self, on: date) -> RuleVersion | None:
        """The version in force on the day, or None."""
        return next((version for version in self.versions if version.covers(on)), None)


@dataclass(frozen=True, slots=True)
class Pack:
    """One folder of guidance: its layer, jurisdiction, what it builds on, its days, and for whom it is.

    `program_kinds` and `payers` narrow it; `severities` are those it raises of the layers above it.
    """

    id: str
    title: str
    layer: str
    jurisdiction: str
    extends: tuple[str, ...]
    program_kinds: tuple[str, ...]
    from_: date
    until: date | None
    payers: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def covers(self, on: date) -> bool:
        """Whether the pack is in force on the day."""
        return self.from_ <= on and (self.until is None or on <= self.until)

    def serves(self, program_kind: str | None) -> bool:
        """Whether the pack is for programmes of the kind; one of an unknown kind may be any."""
        return program_kind is None or not self.program_kinds or program_kind in self.program_kinds


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a table with its display, definition and the table's own properties."""

    code: str
    display: str
    definition: str
    properties: Mapping[str, Any]
    from_: date | None
    until: date | None

    def covers(self, on: date) -> bool:
        """Whether the code is in use on the day."""
        return (self.from_ is None or self.from_ <= on) and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True)
class Table:
    """A code table: its code system, its version and its codes, for one jurisdiction or for all ("").

    `adds_to` is the id of the table whose codes it joins, blank for one of its own.
    """

    id: str
    title: str
    system: str
    version: str
    jurisdiction: str
    cite: Citation
    codes: Mapping[str, Code]
    adds_to: str = ""

    def code(self, code: str | None, on: date | None = None) -> Code | None:
        """The entry of a code, or None where it is unknown or not in use on the day."""
        found = self.codes.get(code) if code is not None else None
        return found if found is not None and (on is None or found.covers(on)) else None


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a site sets: parameter values and raised severities, for days and a jurisdiction or for all.

    `packs` are the packs of the layer site that it switches on.
    """

    id: str
    jurisdiction: str
    from_: date
    until: date | None
    values: Mapping[str, Any]
    severities: Mapping[str, Severity]
    packs: tuple[str, ...] = ()

    def covers(self, jurisdiction: str, on: date) -> bool:
        """Whether the overlay speaks for the place and the day."""
        here = self.jurisdiction in ("", jurisdiction)
        return here and self.from_ <= on and (self.until is None or on <= self.until)
