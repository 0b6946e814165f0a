"""Faults by name, for tests of whoever speaks to this EHR; off unless asked for at the start."""

import threading
from dataclasses import dataclass
from typing import Any

NAMES = (
    "down",
    "slow",
    "refuse",
    "html",
    "drop-after-commit",
    "fail-after-commit",
    "expired-token",
    "wrong-audience",
)


@dataclass(frozen=True)
class Fault:
    """One planned fault: how often it strikes, and what it needs."""

    name: str
    count: int = 1
    seconds: float = 1.0
    text: str = "This resource was refused by a planned fault."


def read_fault(value: Any) -> Fault:
    """Read a fault from JSON; raises ValueError naming what is wrong."""
    if not isinstance(value, dict) or set(value) - {"name", "count", "seconds", "text"}:
        raise ValueError("a fault has name, and optionally count, seconds and text")
    try:
        fault = Fault(**value)
    except TypeError as error:
        raise ValueError("a fault needs a name") from error
    if fault.name not in NAMES:
        raise ValueError(f"unknown fault {fault.name!r}; the names are {', '.join(NAMES)}")
    if not isinstance(fault.count, int) or not 0 <= fault.count <= 100_000:
        raise ValueError("count is a whole number from 0 to 100000")
    if not isinstance(fault.seconds, int | float) or not 0 <= fault.seconds <= 60:
        raise ValueError("seconds is a number from 0 to 60")
    return fault


class Faults:
    """The faults that are still to strike."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, Fault] = {}

    def plan(self, fault: Fault) -> None:
        """Plan a fault, in place of one of the same name; count 0 takes it away."""
        with self._lock:
            self._planned[fault.name] = fault

    def strike(self, name: str) -> Fault | None:
        """Return the fault when it strikes now, and count it down."""
        with self._lock:
            fault = self._planned.get(name)
            if fault is None or fault.count == 0:
                return None
            self._planned[name] = Fault(name, fault.count - 1, fault.seconds, fault.text)
            return fault
