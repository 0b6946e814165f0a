"""SMART scopes, versions 1 and 2: read, narrowed to what is registered, and asked at every FHIR call.

Source: SMART App Launch 2.2, "Scopes and Launch Context".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

_RESOURCE_SCOPE = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\."
    r"(?P<actions>read|write|\*|(?=[cruds])c?r?u?d?s?)"
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
LAUNCH_SCOPES = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
)


@dataclass(frozen=True)
class ResourceScope:
    """One scope on FHIR resources, such as patient/Encounter.rs."""

    context: str
    type: str
    actions: frozenset[str]

    def __str__(self) -> str:
        actions = "".join(letter for letter in "cruds" if letter in self.actions)
        return f"{self.context}/{self.type}.{actions}"


class Reach(Enum):
    """How far a grant carries for one kind of call."""

    NONE = "none"
    PATIENT = "patient"
    ALL = "all"


def read_scope(text: str) -> ResourceScope | None:
    """Read one scope on resources; None for any other scope, and for one with a query."""
    match = _RESOURCE_SCOPE.fullmatch(text)
    if match is None:
        return None
    actions = _VERSION_1.get(match["actions"], match["actions"])
    return ResourceScope(match["context"], match["type"], frozenset(actions))


def narrow(requested: Sequence[str], registered: Sequence[str]) -> list[str]:
    """Return requested ∩ registered; a scope wholly registered keeps the form it was asked in."""
    allowed = [scope for scope in map(read_scope, registered) if scope]
    granted: list[str] = []
    for text in requested:
        wanted = read_scope(text)
        if wanted is None:
            granted += [text] if text in registered and text in LAUNCH_SCOPES else []
        else:
            granted += _narrowed(text, wanted, allowed)
    return list(dict.fromkeys(granted))


def within_grant(scopes: Sequence[str], contexts: Iterable[str]) -> list[str]:
    """Return the scopes that may stand in one grant: resource scopes of these contexts, and the others."""
    kept = set(contexts)
    return [text for text in scopes if (scope := read_scope(text)) is None or scope.context in kept]


def _narrowed(text: str, wanted: ResourceScope, allowed: list[ResourceScope]) -> list[str]:
    found = [common for scope in allowed if (common := _common(wanted, scope))]
    if any(one.type == wanted.type and one.actions == wanted.actions for one in found):
        return [text]
    return [str(one) for one in found]


def _common(wanted: ResourceScope, allowed: ResourceScope) -> ResourceScope | None:
    actions = wanted.actions & allowed.actions
    types = {wanted.type, allowed.type}
    if wanted.context != allowed.context or not actions or (len(types) == 2 and "*" not in types):
        return None
    narrower = allowed.type if wanted.type == "*" else wanted.type
    return ResourceScope(wanted.context, narrower, actions)


@dataclass(frozen=True)
class Grant:
    """What one access token may do."""

    client_id: str
    scopes: tuple[ResourceScope, ...]
    user: str | None = None
    patient: str | None = None

    def reach(self, resource_type: str, action: str) -> Reach:
        """Say how far the grant carries for one action (c, r, u, d, s) on a type."""
        contexts = {
            scope.context
            for scope in self.scopes
            if scope.type in ("*", resource_type) and action in scope.actions
        }
        if contexts & {"user", "system"}:
            return Reach.ALL
        return Reach.PATIENT if "patient" in contexts and self.patient else Reach.NONE
