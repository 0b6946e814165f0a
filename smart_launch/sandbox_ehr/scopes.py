"""SMART scopes, versions 1 and 2: read, narrowed to what is registered, and asked at every FHIR call.

Source: SMART App Launch 2.2, "Scopes and Launch Context".
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from .parameters import PARAMETERS

_RESOURCE_SCOPE = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\."
    r"(?P<actions>read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(?P<query>\S+))?"
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
    """One scope on FHIR resources, such as patient/Encounter.rs; `query` narrows it (version 2 only)."""

    context: str
    type: str
    actions: frozenset[str]
    query: str | None = None
    version: str = "v2"

    def __str__(self) -> str:
        actions = "".join(letter for letter in "cruds" if letter in self.actions)
        return f"{self.context}/{self.type}.{actions}" + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True)
class Reach:
    """One way in which a grant carries for a call: whose records, and which of them by a query."""

    patient_only: bool
    query: str | None


def read_scope(text: str) -> ResourceScope | None:
    """Read one scope on resources; None for any other scope.

    A query stands on a version 2 scope of one type, and names search parameters that this EHR knows.
    """
    match = _RESOURCE_SCOPE.fullmatch(text)
    if match is None:
        return None
    expanded = _VERSION_1.get(match["actions"])
    query = match["query"]
    if query is not None and (expanded or not _readable(match["type"], query)):
        return None
    actions = frozenset(expanded or match["actions"])
    return ResourceScope(match["context"], match["type"], actions, query, "v1" if expanded else "v2")


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


def of_versions(scopes: Sequence[str], versions: Collection[str]) -> list[str]:
    """Return the scopes without those on resources that are written in another version."""
    return [text for text in scopes if (scope := read_scope(text)) is None or scope.version in versions]


def reading(scopes: Sequence[str]) -> list[str]:
    """Return the scopes with every one on resources cut down to read and search."""
    read = [(text, read_scope(text)) for text in scopes]
    cut = [text if scope is None else _only_reading(text, scope) for text, scope in read]
    return list(dict.fromkeys(text for text in cut if text))


def _only_reading(text: str, scope: ResourceScope) -> str:
    kept = scope.actions & {"r", "s"}
    if kept == scope.actions:
        return text
    if scope.version == "v1":
        return f"{scope.context}/{scope.type}.read" if kept else ""
    return str(replace(scope, actions=kept)) if kept else ""


def _readable(resource_type: str, query: str) -> bool:
    known = {"code": "token"} if resource_type == "Basic" else PARAMETERS.get(resource_type, {})
    pairs = parse_qsl(query, keep_blank_values=True)
    return bool(pairs) and all(name in known and value for name, value in pairs)


def _narrowed(text: str, wanted: ResourceScope, allowed: list[ResourceScope]) -> list[str]:
    found = [common for scope in allowed if (common := _common(wanted, scope))]
    same = (wanted.type, wanted.actions, wanted.query)
    if any((one.type, one.actions, one.query) == same for one in found):
        return [text]
    return [str(one) for one in found]


def _common(wanted: ResourceScope, allowed: ResourceScope) -> ResourceScope | None:
    actions = wanted.actions & allowed.actions
    types = {wanted.type, allowed.type}
    if wanted.context != allowed.context or not actions or (len(types) == 2 and "*" not in types):
        return None
    queries = {wanted.query, allowed.query} - {None}
    if len(queries) > 1:
        return None
    narrower = allowed.type if wanted.type == "*" else wanted.type
    return ResourceScope(wanted.context, narrower, actions, next(iter(queries), None))


@dataclass(frozen=True)
class Grant:
    """What one access token may do."""

    client_id: str
    scopes: tuple[ResourceScope, ...]
    user: str | None = None
    patient: str | None = None

    def reaches(self, resource_type: str, action: str) -> tuple[Reach, ...]:
        """Return every way in which the grant carries for one action (c, r, u, d, s) on a type."""
        found = [
            Reach(scope.context == "patient", scope.query)
            for scope in self.scopes
            if scope.type in ("*", resource_type) and action in scope.actions
        ]
        return tuple(dict.fromkeys(one for one in found if self.patient or not one.patient_only))
