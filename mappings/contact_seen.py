"""Parts of a contact as the rules see them: each signature, and how long it lasted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from mappings.records import Signature


class Signed(NamedTuple):
    """A signature as the rules see it: whose it is, what it means, and its moment in UTC."""

    signature: Signature
    meaning: str | None
    by: str | None
    version: int | None
    category: str | None
    at: datetime | None


def signed_of(signature: Signature) -> Signed:
    """A signature as the rules see it."""
    told = vars(signature)
    at = told["at"]
    at = at.astimezone(UTC) if at is not None else None
    return Signed(signature, told["meaning"], told["by"], told["version"], told["category"], at)


class Lasting(NamedTuple):
    """How long a contact lasted: all that the checks of its minutes look at, so that what they find holds for
    each contact of the same kind that lasted as long. `units` are its own before any cap; `backwards` says
    that it ends before it starts, `pool_makes_units` that it makes none itself and its day does."""

    started: bool
    over: bool
    backwards: bool
    gross: int | None
    excluded: int
    travel: int
    minutes: int | None
    units: int
    filed: bool
    filed_units: int | None
    no_connection: bool
    pool_makes_units: bool

    @property
    def lasting(self) -> Lasting:
        """Itself: a check asks it as it asks the Situation."""
        return self
