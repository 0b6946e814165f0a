"""What a fault is made of: its name, where it strikes, one line about it, and its options."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

PLACES = (
    "fhir",
    "metadata",
    "configuration",
    "openid-configuration",
    "keys",
    "style",
    "authorize",
    "token",
    "code",
    "refresh",
    "backend",
    "later",
    "introspection",
    "revocation",
    "app-state",
    "everywhere",
)


@dataclass(frozen=True)
class Option:
    """One option of a fault: what it may be, and what it is when nobody says."""

    name: str
    default: Any
    says: str
    allows: Callable[[Any], bool]


@dataclass(frozen=True)
class Kind:
    """One kind of fault. `member` is the member of the answer or claim that it simply sets."""

    name: str
    place: str
    says: str
    options: tuple[Option, ...] = ()
    member: str | None = None

    def default(self, option: str) -> Any:
        """Return what an option is when nobody says; None for one that the kind does not have."""
        return next((one.default for one in self.options if one.name == option), None)

    def check(self, option: str, value: Any) -> None:
        """Raise ValueError for an option that the kind does not have, or a value that it may not be."""
        known = {one.name: one for one in self.options}
        if option not in known:
            names = ", ".join(("name", "count", *known))
            raise ValueError(f"{self.name} has no option {option!r}; a fault of this name has {names}")
        if not known[option].allows(value):
            raise ValueError(f"{option} of {self.name}: {known[option].says}")

    def strikes_at(self, wanted: Any, here: Collection[str]) -> bool:
        """Say whether the fault strikes at one of these places; one without a choice of place always does."""
        return wanted is None or wanted in here


def one_of(name: str, *values: Any) -> Option:
    """An option that takes one of these values; the first is the default."""
    said = f"one of {', '.join(map(str, values))}"
    return Option(name, values[0], said, lambda given: given in values)


def text(name: str, default: str | None, says: str) -> Option:
    """An option that is text."""
    return Option(name, default, f"{says} (text)", lambda given: isinstance(given, str))


def texts(name: str, default: list[str], says: str) -> Option:
    """An option that is a list of texts."""
    return Option(name, default, f"{says} (list of texts)", _are_texts)


def flag(name: str, default: bool, says: str) -> Option:
    """An option that is true or false."""
    return Option(name, default, f"{says} (true or false)", lambda given: isinstance(given, bool))


def number(name: str, default: float, least: float, most: float) -> Option:
    """An option that is a number within bounds."""
    said = f"a number from {least} to {most}"
    return Option(name, default, said, lambda given: _is_number(given) and least <= given <= most)


def anything(name: str, default: Any, says: str) -> Option:
    """An option that is any JSON value; null takes the member away."""
    return Option(name, default, f"{says} (any JSON; null takes it away)", lambda _: True)


def at(default: str) -> Option:
    """The place where a fault of transport strikes."""
    said = f"where it strikes: one of {', '.join(PLACES)}"
    return Option("at", default, said, lambda given: given in PLACES)


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float | Decimal) and not isinstance(given, bool)
