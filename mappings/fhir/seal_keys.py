"""The public seal keys as a check needs them: each key, and until when what it sealed is to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Members of our own beside those of RFC 7517, which lets a reader pass over what it does not know.
RETIRED, COMPROMISED = "retired_at", "compromised_from"


@dataclass(frozen=True)
class SealKeys:
    """A JWK Set of public seal keys, with what it says of the life of each."""

    jwks: Mapping[str, Any]

    def bare(self) -> dict[str, Any]:
        """The set without what it says of the life of its keys."""
        return {"keys": [_bare(key) for key in self._keys()]}

    def retired_at(self, kid: str) -> datetime | None:
        """When the key sealed last (aware), None while it seals. Raises ValueError for no time."""
        return self._time(kid, RETIRED)

    def compromised_from(self, kid: str) -> datetime | None:
        """From when somebody else may have had the key (aware), None where nobody says so. Raises ValueError
        for a time that is none."""
        return self._time(kid, COMPROMISED)

    def _time(self, kid: str, name: str) -> datetime | None:
        said = next((key.get(name) for key in self._keys() if key.get("kid") == kid), None)
        if said is None:
            return None
        moment = datetime.fromisoformat(str(said))
        if moment.tzinfo is None:
            raise ValueError(f"the key {kid} has a {name} without an offset: {said}")
        return moment

    def _keys(self) -> list[Mapping[str, Any]]:
        keys = self.jwks.get("keys")
        return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _bare(key: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in (RETIRED, COMPROMISED)}
