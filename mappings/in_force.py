"""What is in force on a day: each rule with its values, and all that contacts of one kind are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from mappings.findings import Finding, Severity
from mappings.language import LISTS, WordLists
from mappings.library_parts import Pack, Rule, RuleVersion, Value

if TYPE_CHECKING:
    from mappings.checks.registry import Outcome
    from mappings.coding import Coding, Kind
    from mappings.contact_seen import Lasting
    from mappings.situation import Situation

Asks = Literal["contact", "codes", "codes-and-wording", "times", "peer", "wording"]
# What is said of contacts: findings with their place, and those of them that block by theirs.
Told = tuple[tuple[tuple[int, "Finding"], ...], Mapping[int, "Finding"]]
# What a check answers, what its rule says then, and whether that blocks.
Said = tuple["Outcome", "Finding", bool]
# Texts of the input decide what kind a contact is, so that kinds have no end either.
MOST_KINDS = 1024
MOST_SAID = 1024
# To call the class itself takes twice as long.
_finding = cast("Callable[[tuple[object, ...]], Finding]", partial(tuple.__new__, Finding))


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule as it stands on one day: its version, its check and the values it may ask for.

    `asks` says what the check of a rule about contacts looks at; None where nothing need be asked.
    """

    rule: Rule
    version: RuleVersion
    severity: Severity
    values: Mapping[str, Value]
    settings: Mapping[str, Any]
    passed: Finding
    inapplicable: Finding
    check: Callable[..., Outcome]
    conditions: tuple[Callable[..., bool], ...]
    asks: Asks | None = "contact"
    _said: dict[str, Said] = field(default_factory=dict, repr=False, compare=False)

    def finding(self, outcome: Outcome) -> Finding:
        """What the rule says where its check answers so."""
        return self.said(outcome)[1]

    def said(self, outcome: Outcome) -> Said:
        """What a check answers, what the rule says then, and whether that blocks."""
        # Most checks say one of few things; to build a finding costs more than most checks do.
        said = self._said.get(outcome[1])
        if said is not None and said[0] is outcome:
            return said
        result, message, _, _, _, words = outcome
        if result == "not-applicable":
            return outcome, self.inapplicable, False
        if result == "pass" and not message:
            return outcome, self.passed, False
        if words:
            # Kept nowhere: these are words of a note.
            finding = self._built(outcome)
            return outcome, finding, finding.blocks
        if said is None or said[0] != outcome:
            if len(self._said) > MOST_SAID:
                self._said.clear()
            finding = self._built(outcome)
            said = self._said[message] = outcome, finding, finding.blocks
        return said

    def _built(self, outcome: Outcome) -> Finding:
        result, message, fields, severity, fix, words = outcome
        rule, version = self.rule, self.version
        return _finding(
            (
                rule.id,
                result,
                severity or self.severity,
                rule.stage,
                message,
                fix or ("" if result == "pass" else rule.fix),
                version.cite,
                fields or rule.fields,
                version.from_,
                self.passed.library,
                words,
            )
        )

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def standing(self, name: str) -> str:
        """ " (an example ...)" for a value that is not confirmed, else blank."""
        words = self.values[name].standing
        return f" ({words})" if words else ""


def _made(lists: Mapping[str, Mapping[str, object]]) -> WordLists:
    """The word lists, compiled once for all days on which they are the same objects."""
    key = tuple([(name, id(words)) for name, words in lists.items()])
    made = _MADE.get(key)
    if made is None:
        if len(_MADE) >= _MOST_MADE:
            _MADE.clear()
        # The lists are held, so that nothing else can come to have the identity of one of them.
        made = _MADE[key] = lists, WordLists(lists)
    return made[1]


_MOST_MADE = 8
_MADE: dict[tuple[tuple[str, int], ...], tuple[object, WordLists]] = {}

# A rule at its place, with its check.
Asking = tuple[int, Bound, Callable[..., "Outcome"]]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What contacts of one kind, or coded alike, are asked: `answers` holds, in the order of the rules, what
    is known without asking, `holding` those of them that block, by their place; the rest replaces its place
    in `answers` once it is asked. What is asked of codes is known for contacts that are coded alike."""

    answers: tuple[Finding, ...]
    holding: Mapping[int, Finding]
    of_codes: tuple[tuple[int, Bound], ...]
    of_contact: tuple[Asking, ...]
    # Checks that mostly pass together, each group behind the test under which all of them do.
    together: tuple[tuple[Callable[[Situation], bool], tuple[Asking, ...]], ...]
    of_times: tuple[tuple[int, Bound], ...]
    of_peer: tuple[tuple[int, Bound], ...]
    # Checks that only look at wording pass without being asked where none of the lists found a word.
    of_wording: tuple[tuple[int, Bound], ...]
    # What was found of those that lasted as long; it holds for all of one kind.
    by_lasting: dict[Lasting, Told] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class DayPack:
    """All that is in force for one jurisdiction, kind of programme and payer on one day.

    `pack` is that of the state programme, `layers` the ids of all packs at work, highest first;
    `places` says for each check where its rules stand among those of contacts.
    """

    pack: Pack
    values: Mapping[str, Value]
    contact: tuple[Bound, ...]
    plan_entry: tuple[Bound, ...]
    by_id: Mapping[str, Bound]
    conditions: tuple[Callable[..., bool], ...] = ()
    layers: tuple[str, ...] = ()
    places: Mapping[str, tuple[tuple[int, Bound], ...]] = field(default_factory=dict)
    _asked: dict[Kind, Asked] = field(default_factory=dict, repr=False)
    _alike: dict[Coding, Asked] = field(default_factory=dict, repr=False)
    _words: dict[str, WordLists] = field(default_factory=dict, repr=False)

    def for_contact(self, kind: Kind) -> Asked:
        """What contacts of a kind are asked."""
        # Contacts fall into few kinds; sorting the rules once for each kind saves most of their calls.
        if kind not in self._asked:
            if len(self._asked) > MOST_KINDS:
                self._asked.clear()
            self._asked[kind] = self._sorted(kind)
        return self._asked[kind]

    def alike(self, codes: Coding) -> Asked | None:
        """What contacts coded alike are asked, where it was kept."""
        return self._alike.get(codes)

    def keep_alike(self, codes: Coding, asked: Asked) -> Asked:
        """Keep what contacts coded alike are asked."""
        if len(self._alike) > MOST_KINDS:
            self._alike.clear()
        self._alike[codes] = asked
        return asked

    def _sorted(self, kind: Kind) -> Asked:
        holding = {condition for condition in self.conditions if condition(kind)}
        applying = [(n, b) for n, b in enumerate(self.contact) if holding.issuperset(b.conditions)]
        answers = [bound.inapplicable for bound in self.contact]
        for place, bound in applying:
            answers[place] = bound.passed
        asked = [(n, b) for n, b in applying if b.asks is not None]
        return Asked(
            tuple(answers),
            {},
            tuple((n, b) for n, b in asked if b.asks in ("codes", "codes-and-wording")),
            tuple((n, b, b.check) for n, b in asked if b.asks == "contact"),
            (),
            tuple((n, b) for n, b in asked if b.asks == "times"),
            tuple((n, b) for n, b in asked if b.asks == "peer"),
            tuple((n, b) for n, b in asked if b.asks in ("wording", "codes-and-wording")),
        )

    def about(self, kind: str) -> tuple[Bound, ...]:
        """The rules about records of a kind: contact, plan-entry, staff or program."""
        return tuple(bound for bound in self.by_id.values() if bound.rule.about == kind)

    def word_lists(self, kind: str = LISTS) -> WordLists:
        """The word lists of that day whose names begin so (LISTS or SIGNS), compiled once."""
        if kind not in self._words:
            lists = {name: v.value for name, v in self.values.items() if name.startswith(kind)}
            own = {name: words for name, words in lists.items() if isinstance(words, Mapping)}
            self._words[kind] = _made(own)
        return self._words[kind]

    def value(self, name: str) -> Any:
        """The value of a parameter that day, or None where the pack has none."""
        found = self.values.get(name)
        return None if found is None else found.value
