"""Faults by name: planned for the whole EHR or for one launch, and struck where their place is reached."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .fault_catalogue import KINDS
from .fault_kinds import Kind

_MOST_LAUNCHES = 1000
_MOST_COUNT = 100_000


@dataclass(frozen=True)
class Fault:
    """One planned fault: how often it strikes (None: as often as it can), and its options."""

    name: str
    count: int | None = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, option: str) -> Any:
        """Return the option as planned, else as the catalogue has it."""
        return self.options.get(option, KINDS[self.name].default(option))

    def states(self, option: str) -> bool:
        """Say whether the option was given and not left to the catalogue."""
        return option in self.options


def read_fault(value: Any, count: int | None = 1) -> Fault:
    """Read a fault from JSON: its name alone, or an object of name, count and the options of its kind.

    `count` holds where the object names none. Raises ValueError naming what is wrong.
    """
    asked = {"name": value} if isinstance(value, str) else value
    if not isinstance(asked, dict) or not isinstance(asked.get("name"), str):
        raise ValueError("a fault is a name, or an object with name and optionally count and its options")
    kind = KINDS.get(asked["name"])
    if kind is None:
        raise ValueError(f"unknown fault {asked['name']!r}; GET /_faults lists {', '.join(KINDS)}")
    options = {key: given for key, given in asked.items() if key not in ("name", "count")}
    for key, given in options.items():
        kind.check(key, given)
    return Fault(kind.name, _count(asked.get("count", count)), options)


def read_faults(value: Any) -> tuple[Fault, ...]:
    """Read the faults of one launch: a list; each strikes as often as it can unless it names a count."""
    if not isinstance(value, list):
        raise ValueError("faults is a list of names or objects")
    return tuple(read_fault(one, count=None) for one in value)


def _count(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_COUNT:
        raise ValueError(f"count is a whole number from 0 to {_MOST_COUNT}, or null for as often as it can")
    return value


_Plan = dict[tuple[str, str], Fault]


class Faults:
    """The faults that are still to strike. They live in memory and end with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._everywhere: _Plan = {}
        self._of_launch: dict[str, _Plan] = {}
        self.newest_launch: str | None = None

    def plan(self, fault: Fault) -> None:
        """Plan a fault for the whole EHR, in place of one of the same name and place; count 0 ends it."""
        with self._lock:
            self._everywhere[_key(fault)] = fault

    def clear(self) -> None:
        """Forget every planned fault, of launches too."""
        with self._lock:
            self._everywhere.clear()
            self._of_launch.clear()

    def planned(self) -> list[Fault]:
        """Return the faults of the whole EHR that are still to strike."""
        with self._lock:
            return [fault for fault in self._everywhere.values() if fault.count != 0]

    def begin(self, launch: str, faults: Iterable[Fault]) -> None:
        """Give a new launch its faults; it is then the newest."""
        with self._lock:
            self.newest_launch = launch
            self._of_launch.pop(launch, None)
            if plan := {_key(fault): fault for fault in faults}:
                self._of_launch[launch] = plan
            while len(self._of_launch) > _MOST_LAUNCHES:
                del self._of_launch[next(iter(self._of_launch))]

    def follow(self, launch: str, family: str) -> None:
        """Let the codes and tokens of a family bear the faults of the launch they came of."""
        with self._lock:
            if launch in self._of_launch:
                self._of_launch[family] = self._of_launch[launch]

    def strike(
        self, name: str, who: str | None, places: Collection[str], own_places: Collection[str] | None = None
    ) -> Fault | None:
        """Return the fault when it strikes now, and count it down.

        `who` is a launch or a family; `places` are the names of where the request is. For the faults of a
        launch `own_places` are taken in their stead, where given.
        """
        with self._lock:
            for plan, here in self._plans(who, places, own_places):
                for key, fault in plan.items():
                    if fault.name == name and fault.count != 0 and KINDS[name].strikes_at(fault["at"], here):
                        plan[key] = _struck(fault)
                        return fault
            return None

    def _plans(
        self, who: str | None, places: Collection[str], own: Collection[str] | None
    ) -> Iterator[tuple[_Plan, Collection[str]]]:
        if who in self._of_launch:
            yield self._of_launch[who], places if own is None else own
        yield self._everywhere, places


def _key(fault: Fault) -> tuple[str, str]:
    return fault.name, str(fault["at"])


def _struck(fault: Fault) -> Fault:
    return fault if fault.count is None else replace(fault, count=fault.count - 1)


def described(kind: Kind) -> dict[str, Any]:
    """Return what GET /_faults says of one kind."""
    return {
        "name": kind.name,
        "strikes": kind.place,
        "says": kind.says,
        "options": {one.name: {"default": one.default, "says": one.says} for one in kind.options},
    }
