"""What one EHR takes from us: what it declares, what it granted, what the operator allows, all three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from smart_launch import scopes
from smart_launch.profile import FhirFacts

ACTIONS = {"c": "create", "u": "update"}
# By what a resource of ours is looked for, the best first: by its identifier, else among all of its person.
# Two types carry none (R4): a signature is looked for by what was signed, a line of the trail by its time.
LOOKED_FOR_BY = ("identifier", "patient", "subject")
WITHOUT_IDENTIFIER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"Provenance": ("target",), "AuditEvent": ("date", "patient")}
)


@dataclass(frozen=True)
class Override:
    """What the operator says of an EHR whatever it declares; None says nothing. It only ever takes away.
    `note_forms` are the forms of a note that it takes (mappings.note_forms), in their order; none means the
    signed text alone. `us_core` is the one version of US Core that it holds (mappings.fhir.us_core); blank
    means records that are right for all at once."""

    transaction: bool | None = None
    conditional_create: bool | None = None
    creates: frozenset[str] | None = None
    updates: frozenset[str] | None = None
    name: str = ""
    note_forms: tuple[str, ...] = ()
    us_core: str = ""

    def to_json(self) -> dict[str, Any]:
        """The override as it is kept beside the issuer."""
        return {
            "name": self.name,
            "transaction": self.transaction,
            "conditional_create": self.conditional_create,
            "creates": None if self.creates is None else sorted(self.creates),
            "updates": None if self.updates is None else sorted(self.updates),
            "note_forms": list(self.note_forms),
            "us_core": self.us_core,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any] | None) -> Override:
        """The override that `to_json` wrote; nothing is no override."""
        given = data or {}
        return Override(
            transaction=given.get("transaction"),
            conditional_create=given.get("conditional_create"),
            creates=None if given.get("creates") is None else frozenset(given["creates"]),
            updates=None if given.get("updates") is None else frozenset(given["updates"]),
            name=str(given.get("name", "")),
            note_forms=tuple(given.get("note_forms", ())),
            us_core=str(given.get("us_core", "")),
        )


# As the vendors' public statements of 2026 read: no transaction and no conditional create at either.
PRESETS: Mapping[str, Override] = MappingProxyType(
    {
        "full": Override(name="full"),
        "epic": Override(
            transaction=False,
            conditional_create=False,
            creates=frozenset({"DocumentReference"}),
            updates=frozenset({"DocumentReference", "Task"}),
            name="epic",
        ),
        "oracle": Override(
            transaction=False,
            conditional_create=False,
            creates=frozenset({"Encounter", "DocumentReference", "Provenance"}),
            updates=frozenset({"DocumentReference"}),
            name="oracle",
        ),
    }
)


@dataclass(frozen=True)
class Capability:
    """What may be tried at an EHR. What it does not say may be tried; what it, its scopes or the operator
    deny is not."""

    facts: FhirFacts = field(default_factory=FhirFacts)
    granted: tuple[str, ...] = ()
    override: Override = field(default_factory=Override)

    def why_not(self, resource_type: str, letter: str = "c") -> str | None:
        """Why a resource of this type cannot be created (`c`) or updated (`u`) there, in words; None when it
        may be tried."""
        action = ACTIONS[letter]
        allowed = self.override.creates if letter == "c" else self.override.updates
        if allowed is not None and resource_type not in allowed:
            return f"this EHR is set up as one that does not let {resource_type} be {action}d from outside"
        if self.facts.declares(resource_type, action) is False:
            return f"the EHR does not offer to {action} {resource_type}"
        if not scopes.allows(self.granted, "system", resource_type, letter):
            return f"the EHR granted this installation no scope to {action} {resource_type}"
        return None

    @property
    def transaction(self) -> bool:
        """True when the EHR declares transactions and the operator does not say no. Silence is no here: a
        Bundle sent to a server that knows none is stored by some as a mere Bundle."""
        return self.facts.transaction is True and self.override.transaction is not False

    def why_not_created(self, resource_type: str) -> str | None:
        """Why a resource of this type is not created there once and no more, in words; None when it is."""
        return self.why_not(resource_type, "c") or self.why_not_once(resource_type)

    def lists(self, resource_type: str, parameter: str) -> bool:
        """Whether the EHR lists this search parameter for the type; silence is no here."""
        facts = self.facts.resource(resource_type)
        return facts is not None and parameter in (facts.search_params or ())

    def look_by(self, resource_type: str) -> str | None:
        """The search parameter by which a resource of this type is looked for there: the first that the EHR
        lists or, where it lists none at all, that R4 has. None where it lists others alone."""
        facts = self.facts.resource(resource_type)
        listed = None if facts is None else facts.search_params
        ways = WITHOUT_IDENTIFIER.get(resource_type, LOOKED_FOR_BY)
        return next((one for one in ways if listed is None or one in listed), None)

    def why_not_once(self, resource_type: str) -> str | None:
        """Why nobody could tell after a lost answer whether a resource of this type stands there, in words;
        None where it can be looked for. What cannot be looked for is not sent: it might be doubled."""
        if self.look_by(resource_type) is not None:
            return None
        ways = WITHOUT_IDENTIFIER.get(resource_type, LOOKED_FOR_BY)
        return (
            f"the EHR lists no search of {resource_type} by {' or '.join(ways)}, so that after a lost answer "
            "nobody could tell whether it stands there"
        )

    def conditional_create(self, resource_type: str) -> bool:
        """True when a create may carry If-None-Exist and is then done once only. Where the EHR lists no
        search by identifier the condition would be refused, or hold for whatever else it has."""
        if self.override.conditional_create is False or self.look_by(resource_type) != "identifier":
            return False
        facts = self.facts.resource(resource_type)
        return facts is not None and facts.conditional_create is True

    def without_transaction(self) -> Capability:
        """The same, with single writes only."""
        return replace(self, override=replace(self.override, transaction=False))
