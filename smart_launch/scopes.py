"""SMART scopes: written in v2 form, rendered for what the server states, compared with what was granted."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from smart_launch.profile import EhrProfile

Level = Literal["patient", "user", "system"]

# At least one `param=value`, several joined by `&`, in the letters of a scope (RFC 6749 section 3.3).
_PAIR = r"[A-Za-z0-9_.:-]+=[!#-%'-\[\]-~]+"
_QUERY = rf"(\?{_PAIR}(?:&{_PAIR})*)?"
_RESOURCE = re.compile(rf"(patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?){_QUERY}")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V2_FORM = re.compile(rf"(patient|user|system)/(\*|[A-Za-z]+)\.c?r?u?d?s?{_QUERY}")
_EHR_LAUNCH_ONLY = {"launch"}
_STANDALONE_ONLY = {"launch/patient", "launch/encounter"}


@dataclass(frozen=True)
class Permission:
    """One resource scope taken apart: level, type (or `*`), letters of cruds, and its `?` part."""

    level: str
    resource: str
    letters: frozenset[str]
    query: str = ""

    def covers(self, other: "Permission") -> bool:
        """True when whoever holds this one may do all that the other one allows."""
        return (
            self.level == other.level
            and self.resource in {"*", other.resource}
            and self.letters >= other.letters
            and self.query in {"", other.query}
        )


@lru_cache(maxsize=4096)
def parse(scope: str) -> Permission | None:
    """A resource scope in v1 or v2 form taken apart; None for every other scope (`openid`, `launch` ...)."""
    match = _RESOURCE.fullmatch(scope)
    if match is None or not match.group(3):
        return None
    level, resource, letters, query = match.groups()
    return Permission(level, resource, frozenset(_V1.get(letters, letters)), query or "")


def speaks_v2(profile: EhrProfile) -> bool:
    """Whether resource scopes go out in v2 form: as `permission-v2` and `permission-v1` say; where neither
    is stated, as the supported scopes look; where nothing is known, yes."""
    stated_v2, stated_v1 = profile.states("permission-v2"), profile.states("permission-v1")
    if stated_v2 or stated_v1:
        return bool(stated_v2)
    listed = [scope for scope in profile.scopes_supported or () if parse(scope)]
    if listed:
        return any(_V2_FORM.fullmatch(scope) for scope in listed)
    return profile.capabilities is None  # capabilities without either word: a server of SMART 1


def render(scopes: Iterable[str], v2: bool) -> tuple[str, ...]:
    """Scopes for the wire, each once, in order: v2 with its letters in cruds order, or v1, where a `?` part
    cannot be said and is left out (SMART App Launch 2.2, scopes for requesting FHIR resources)."""
    rendered = [word for scope in scopes for word in _words(scope, v2)]
    return tuple(dict.fromkeys(rendered))


def for_launch(scopes: Iterable[str], from_ehr: bool) -> tuple[str, ...]:
    """The configured scopes that fit this kind of launch: `launch` always and only from the EHR,
    `launch/patient` and `launch/encounter` only standalone."""
    unfit = _STANDALONE_ONLY if from_ehr else _EHR_LAUNCH_ONLY
    kept = tuple(scope for scope in scopes if scope not in unfit)
    return ("launch", *kept) if from_ehr and "launch" not in kept else kept


def missing(requested: Iterable[str], granted: Sequence[str]) -> tuple[str, ...]:
    """The requested scopes that the granted ones do not wholly cover."""
    held = [permission for scope in granted if (permission := parse(scope))]
    return tuple(scope for scope in requested if not _covered(scope, granted, held))


def allows(
    granted: Sequence[str], level: Level, resource: str, letter: str, *, narrowed: bool = False
) -> bool:
    """True when the granted scopes allow c, r, u, d or s on this resource type; with `narrowed` also when
    only a part of it is allowed, as by `?category=`."""
    held = [permission for scope in granted if (permission := parse(scope))]
    held = [replace(one, query="") for one in held] if narrowed else held
    wanted = Permission(level, resource, frozenset(letter))
    return any(one.covers(wanted) for one in held)


def _covered(scope: str, granted: Sequence[str], held: Sequence[Permission]) -> bool:
    wanted = parse(scope)
    if wanted is None:
        return scope in granted
    return all(
        any(
            one.covers(Permission(wanted.level, wanted.resource, frozenset(letter), wanted.query))
            for one in held
        )
        for letter in wanted.letters
    )


def _words(scope: str, v2: bool) -> tuple[str, ...]:
    permission = parse(scope)
    if permission is None:
        return (scope,)
    target = f"{permission.level}/{permission.resource}"
    if v2:
        return (f"{target}.{''.join(c for c in 'cruds' if c in permission.letters)}{permission.query}",)
    read = (f"{target}.read",) if permission.letters & set("rs") else ()
    write = (f"{target}.write",) if permission.letters & set("cud") else ()
    return read + write
