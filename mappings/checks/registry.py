"""The vocabulary of checks and conditions that a rule may name, and what a check answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial, wraps
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from mappings.findings import Result, Severity
from mappings.language import Hit

if TYPE_CHECKING:
    from mappings.coding import Coding, Kind
    from mappings.in_force import Bound
    from mappings.situation import Situation


class Outcome(NamedTuple):
    """What a check answers: its result, the message, and where it differs from the rule's own words."""

    result: Result
    message: str = ""
    fields: tuple[str, ...] = ()
    severity: Severity | None = None
    fix: str = ""
    words: Sequence[Hit] = ()


Answer = TypeVar("Answer")
PASS = Outcome("pass")
NOT_APPLICABLE = Outcome("not-applicable")

# A check of contacts takes a Situation, one of their codes a CodedContact, one of their minutes a Lasting,
# one of their peers a PeerOnDay, one of plan entries a PlanSituation; all a Bound after it.
Check = Callable[..., Outcome]
Condition = Callable[["Kind"], bool]
Test = Callable[["Situation"], bool]

CHECKS: dict[str, Check] = {}
CONDITIONS: dict[str, Condition] = {}
PARAMETERS_OF: dict[str, tuple[str, ...]] = {}
# Settings a rule must give with the check, and how many parameters of its own choice it must list.
SETTINGS_OF: dict[str, tuple[str, ...]] = {}
CHOSEN_OF: dict[str, int] = {}
# Checks that stand ready for packs that the shipped rules may not name.
OFFERED: set[str] = set()
# Checks that are off while all the parameters of their rule are unset; they are then not even called.
OFF_WHEN_UNSET: set[str] = set()
# Checks of peers: they see a PeerOnDay, and are asked once for all contacts of a peer and a day.
OF_PEERS: set[str] = set()
# Checks of codes: they see a CodedContact, and are asked once for all contacts that are coded alike. Those
# that look at wording too are asked again, with the Situation, where the word lists found something.
OF_CODES: set[str] = set()
# What the codes of a contact alone answer to a check of contacts; None where the contact must be asked.
BY_CODES: dict[str, Callable[[Coding, Bound], Outcome | None]] = {}
# Checks of minutes: they see a Lasting, and are asked once for all contacts of a kind that lasted as long.
OF_TIMES: set[str] = set()
# Checks that mostly pass together: each of these makes, of the bounds of the rules that name them, a test of
# a contact under which all of them pass; where it fails each is asked alone.
TOGETHER: list[tuple[frozenset[str], Callable[[Sequence[Bound]], Test]]] = []
# Checks of wording: they pass without being asked where the word lists found nothing in the note.
OF_WORDING: set[str] = set()
# Checks that always pass: there is nothing to ask.
ALWAYS_PASS: set[str] = set()


def check(
    name: str,
    *parameters: str,
    settings: tuple[str, ...] = (),
    chosen: int = 0,
    offered: bool = False,
    off_when_unset: bool = False,
    of_peer: bool = False,
    of_codes: bool = False,
    of_times: bool = False,
    of_wording: bool = False,
    always_passes: bool = False,
) -> Callable[[Check], Check]:
    """Register a check under the name a rule uses.

    `parameters` are those that the rule must list, `settings` those it must give; of `chosen` parameters
    only the number is fixed, the rule lists them first. `offered` is for packs to come: no shipped rule need
    name it. `off_when_unset` says that the rule does not apply while all its parameters are unset,
    `of_peer` that the check takes a PeerOnDay, `of_codes` that it takes a CodedContact, `of_times` that it
    takes a Lasting, `of_wording` that it passes where the word lists find nothing (with `of_codes`: that it
    takes a Situation where they find something), `always_passes` that it need not be called.
    """

    def register(function: Check) -> Check:
        if name in CHECKS:
            raise ValueError(f"two checks are named {name}")
        CHECKS[name], PARAMETERS_OF[name] = function, parameters
        SETTINGS_OF[name], CHOSEN_OF[name] = settings, chosen
        if offered:
            OFFERED.add(name)
        if off_when_unset:
            OFF_WHEN_UNSET.add(name)
        if of_peer:
            OF_PEERS.add(name)
        if of_codes:
            OF_CODES.add(name)
        if of_times:
            OF_TIMES.add(name)
        if of_wording:
            OF_WORDING.add(name)
        if always_passes:
            ALWAYS_PASS.add(name)
        return function

    return register


peer_check = partial(check, of_peer=True)
coded_check = partial(check, of_codes=True)
times_check = partial(check, of_times=True)
wording_check = partial(check, of_wording=True)


ByCodes = TypeVar("ByCodes", bound="Callable[[Coding, Bound], Outcome | None]")


def by_codes(*names: str) -> Callable[[ByCodes], ByCodes]:
    """Register what the codes alone answer to the checks of these names: the very outcome that they would
    have, or None where more of the contact must be seen."""

    def register(function: ByCodes) -> ByCodes:
        BY_CODES.update(dict.fromkeys(names, function))
        return function

    return register


MakesTest = TypeVar("MakesTest", bound="Callable[[Sequence[Bound]], Test]")


def together(*names: str) -> Callable[[MakesTest], MakesTest]:
    """Register what makes a test under which the checks of these names all pass."""

    def register(function: MakesTest) -> MakesTest:
        TOGETHER.append((frozenset(names), function))
        return function

    return register


def shared(find: Callable[[Situation], Answer]) -> Callable[[Situation], Answer]:
    """Keep what a helper answers: several checks ask it of the same contact."""

    @wraps(find)
    def answer(s: Situation) -> Answer:
        try:
            found: Answer = s.shared[find]
        except KeyError:
            found = s.shared[find] = find(s)
        return found

    return answer


def condition(name: str) -> Callable[[Condition], Condition]:
    """Register a condition under the name that a rule's `when` uses."""

    def register(function: Condition) -> Condition:
        if name in CONDITIONS:
            raise ValueError(f"two conditions are named {name}")
        CONDITIONS[name] = function
        return function

    return register


# The same few sentences are said of most contacts.
@lru_cache(maxsize=1024)
def passes(message: str) -> Outcome:
    """The rule is kept; the message explains how."""
    return Outcome("pass", message)


def fails(message: str, *fields: str, fix: str = "", severity: Severity | None = None) -> Outcome:
    """The rule is broken; `fields` are the intake paths it stands beside."""
    return Outcome("fail", message, fields, severity, fix)


@lru_cache(maxsize=1024)
def missing(datum: str, *fields: str, severity: Severity | None = None, many: bool = False) -> Outcome:
    """The rule cannot be decided: `datum` in plain words, `fields` its paths; `many` data take a plural."""
    where = f" ({', '.join(fields)})" if fields else ""
    message = f"This cannot be decided yet: {datum} {'are' if many else 'is'} missing{where}."
    return Outcome("indeterminate", message, fields, severity, f"Fill in {datum}.")


@lru_cache(maxsize=1024)
def advises(message: str, *fields: str, fix: str = "", severity: Severity | None = None) -> Outcome:
    """The rule is kept but a person should know something; it never holds."""
    return Outcome("advice", message, fields, severity, fix)


# Kept nowhere: these are words of a note.
def points_out(message: str, words: Sequence[Hit], fix: str, severity: Severity | None = None) -> Outcome:
    """Advice about words of a note, beside the fields they stand in; it never holds."""
    fields = tuple(dict.fromkeys([hit.path for hit in words]))
    return Outcome("advice", message, fields, severity, fix, tuple(words))
