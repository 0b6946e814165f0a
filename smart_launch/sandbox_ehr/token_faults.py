"""What may be wrong with the answer of the token endpoint and of introspection."""

from collections.abc import Sequence
from typing import Any

from .fault_catalogue import KINDS
from .scopes import narrow, reading
from .striking import strike

_MEMBERS = tuple(kind for kind in KINDS.values() if kind.place == "token answer")


def narrowed(scopes: Sequence[str]) -> list[str]:
    """Return the scopes that are granted: all of these, or fewer under a planned fault."""
    fault = strike("narrowed-scopes")
    if fault is None:
        return list(scopes)
    if fault.states("scope"):
        return narrow(scopes, fault["scope"].split())
    if fault.states("without"):
        return [scope for scope in scopes if scope not in fault["without"]]
    return reading(scopes)


def spoiled(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a right answer of the token endpoint or of introspection with every planned fault in it."""
    changed = dict(answer)
    for kind in _MEMBERS:
        if fault := strike(kind.name):
            changed[str(kind.member)] = fault["value"]
    return {name: value for name, value in changed.items() if value is not None}
