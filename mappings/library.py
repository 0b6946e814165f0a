"""The library of guidance: sources, parameters, rules and tables, dated and cited, by jurisdiction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mappings.findings import SEVERITIES, Citation, Finding, Severity, Stage
from mappings.language import LISTS, WordLists
from mappings.layering import tightest
from mappings.library_sheet import LibraryError
from mappings.library_texts import LibraryTexts

if TYPE_CHECKING:
    from mappings.checks.registry import Outcome
    from mappings.coding import Coding, Kind

CONFIRMED = "confirmed"
Asks = Literal["contact", "codes", "codes-and-wording", "peer", "wording"]
# Texts of the input decide what kind a contact is, so that kinds have no end either.
MOST_KINDS = 1024
MOST_SAID = 256
# Far more than any installation binds; kinds of programme come from the input and have no end.
MOST_BINDINGS = 4096
STATUS_WORDS = {
    CONFIRMED: "",
    "example-only": "an example of the guidance, to be confirmed by the site",
    "unconfirmed": "not confirmed by a source, to be confirmed by the site",
    "ours": "site policy, no number in the guidance",
    "site": "set by the site",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A document that rules cite; `checked` is the day someone last compared it with the library."""

    id: str
    title: str
    publisher: str
    address: str
    published: str
    effective: date | None
    checked: date


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter's value from a day on, with its standing (see STATUS_WORDS) and its citation."""

    from_: date
    value: Any
    status: str
    cite: Citation | None
    layer: str

    @property
    def standing(self) -> str:
        """What a reader must know of the value; blank for a confirmed one."""
        return STATUS_WORDS[self.status]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number, word or list of the guidance: its type, which direction is tighter, its dated values.

    `overridable` names the layers that may loosen it; any layer below may tighten it.
    """

    id: str
    type: str
    says: str
    tighter: str
    overridable: tuple[str, ...]
    choices: tuple[str, ...]
    values: tuple[Value, ...]
    file: str = ""

    def at(self, on: date) -> Value | None:
        """The value in force on the day, or None before the first."""
        return next((value for value in reversed(self.values) if value.from_ <= on), None)


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """What a rule asks from one day until another (both count): check, parameters, settings, citation."""

    from_: date
    until: date | None
    check: str
    parameters: tuple[str, ...]
    settings: Mapping[str, Any]
    cite: Citation

    def covers(self, on: date) -> bool:
        """Whether the version is in force on the day."""
        return self.from_ <= on and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True)
class Rule:
    """A dated sentence with a source: what it says, about which records, how hard, and what to do."""

    id: str
    no: str
    title: str
    says: str
    about: str
    when: tuple[str, ...]
    stage: Stage
    severity: Severity
    fix: str
    fields: tuple[str, ...]
    derived: bool
    versions: tuple[RuleVersion, ...]
    pack: str
    file: str
    examples: tuple[str, ...] = ()

    def at(self, on: date) -> RuleVersion | None:
        """The version in force on the day, or None."""
        return next((version for version in self.versions if version.covers(on)), None)


@dataclass(frozen=True, slots=True)
class Pack:
    """One folder of guidance: its layer, jurisdiction, what it builds on, its days, and for whom it is.

    `program_kinds` and `payers` narrow it; `severities` are those it raises of the layers above it.
    """

    id: str
    title: str
    layer: str
    jurisdiction: str
    extends: tuple[str, ...]
    program_kinds: tuple[str, ...]
    from_: date
    until: date | None
    payers: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def covers(self, on: date) -> bool:
        """Whether the pack is in force on the day."""
        return self.from_ <= on and (self.until is None or on <= self.until)

    def serves(self, program_kind: str | None) -> bool:
        """Whether the pack is for programmes of the kind; one of an unknown kind may be any."""
        return program_kind is None or not self.program_kinds or program_kind in self.program_kinds


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a table with its display, definition and the table's own properties."""

    code: str
    display: str
    definition: str
    properties: Mapping[str, Any]
    from_: date | None
    until: date | None

    def covers(self, on: date) -> bool:
        """Whether the code is in use on the day."""
        return (self.from_ is None or self.from_ <= on) and (self.until is None or on <= self.until)


@dataclass(frozen=True, slots=True)
class Table:
    """A code table: its code system, its version and its codes, for one jurisdiction or for all ("").

    `adds_to` is the id of the table whose codes it joins, blank for one of its own.
    """

    id: str
    title: str
    system: str
    version: str
    jurisdiction: str
    cite: Citation
    codes: Mapping[str, Code]
    adds_to: str = ""

    def code(self, code: str | None, on: date | None = None) -> Code | None:
        """The entry of a code, or None where it is unknown or not in use on the day."""
        found = self.codes.get(code) if code is not None else None
        return found if found is not None and (on is None or found.covers(on)) else None


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
    _said: dict[str, tuple[Outcome, Finding]] = field(default_factory=dict, repr=False, compare=False)

    def finding(self, outcome: Outcome) -> Finding:
        """What the rule says where its check answers so."""
        # Most checks say one of few things; to build a finding costs more than most checks do.
        result, message, _, _, _, words = outcome
        if words:
            return self._built(outcome)
        said = self._said.get(message)
        if said is not None and said[0] is outcome:
            return said[1]
        if result == "not-applicable":
            return self.inapplicable
        if result == "pass" and not message:
            return self.passed
        if said is None or said[0] != outcome:
            if len(self._said) > MOST_SAID:
                self._said.clear()
            said = self._said[message] = outcome, self._built(outcome)
        return said[1]

    def _built(self, outcome: Outcome) -> Finding:
        result, message, fields, severity, fix, words = outcome
        rule, version = self.rule, self.version
        return Finding(
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

    def __getitem__(self, name: str) -> Any:
        return self.values[name].value

    def standing(self, name: str) -> str:
        """ " (an example ...)" for a value that is not confirmed, else blank."""
        words = self.values[name].standing
        return f" ({words})" if words else ""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What contacts of one kind, or coded alike, are asked: `answers` holds, in the order of the rules, what
    is known without asking, `holding` those of them that block, by their place; the rest replaces its place
    in `answers` once it is asked. What is asked of codes is known for contacts that are coded alike."""

    answers: tuple[Finding, ...]
    holding: Mapping[int, Finding]
    of_codes: tuple[tuple[int, Bound], ...]
    of_contact: tuple[tuple[int, Bound, Callable[..., Outcome]], ...]
    of_peer: tuple[tuple[int, Bound], ...]
    # Checks that only look at wording pass without being asked where none of the lists found a word.
    of_wording: tuple[tuple[int, Bound], ...]


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
            self._words[kind] = WordLists(own)
        return self._words[kind]

    def value(self, name: str) -> Any:
        """The value of a parameter that day, or None where the pack has none."""
        found = self.values.get(name)
        return None if found is None else found.value


@dataclass(frozen=True, slots=True)
class Overlay:
    """What a site sets: parameter values and raised severities, for days and a jurisdiction or for all.

    `packs` are the packs of the layer site that it switches on.
    """

    id: str
    jurisdiction: str
    from_: date
    until: date | None
    values: Mapping[str, Any]
    severities: Mapping[str, Severity]
    packs: tuple[str, ...] = ()

    def covers(self, jurisdiction: str, on: date) -> bool:
        """Whether the overlay speaks for the place and the day."""
        here = self.jurisdiction in ("", jurisdiction)
        return here and self.from_ <= on and (self.until is None or on <= self.until)


@dataclass(frozen=True)
class Library:
    """Everything loaded: packs, sources, parameters and rules by pack, tables, and the digest of it all.

    `texts` are the files it was read from, as they were then.
    """

    packs: Mapping[str, Pack]
    sources: Mapping[str, Source]
    parameters: Mapping[str, Mapping[str, Parameter]]
    rules_by_id: Mapping[str, Rule]
    tables: Mapping[str, Table]
    overlay: Overlay | None
    digest: str
    breaks: tuple[date, ...] = ()
    texts: LibraryTexts = field(default_factory=LibraryTexts, repr=False, compare=False)
    _days: dict[tuple[str, str, str, int], DayPack | None] = field(
        default_factory=dict, repr=False, compare=False
    )

    def rules(self) -> tuple[Rule, ...]:
        """Every rule in the order of the library."""
        return tuple(self.rules_by_id.values())

    def rule(self, id: str) -> Rule:
        """A rule by its id or its number (R063); raises KeyError with the id."""
        found = self.rules_by_id.get(id)
        return found or next((r for r in self.rules() if r.no and r.no == id), None) or _unknown(id)

    def table(self, id: str) -> Table:
        """A table by its id; raises KeyError."""
        return self.tables[id]

    def pack_for(self, jurisdiction: str, on: date, program_kind: str | None = None) -> Pack | None:
        """The state programme's pack of a place and day, or None: never another place's, never a guess.

        Where the place has packs for several kinds of programme the kind decides; unknown it is None.
        """
        packs = [
            pack
            for pack in self._of_layer("state-program", jurisdiction)
            if pack.covers(on) and pack.serves(program_kind)
        ]
        return packs[0] if len(packs) == 1 else None

    def on(
        self, jurisdiction: str, on: date, program_kind: str | None = None, payer: str | None = None
    ) -> DayPack | None:
        """What is in force on a day for a jurisdiction, a kind of programme and a payer; None without a pack.

        A payer that no pack is for adds nothing.
        """
        # Between two breaks nothing changes, so that one binding serves all the days between them.
        known = payer if payer in self._payers else ""
        key = (jurisdiction, program_kind or "", known or "", bisect_right(self.breaks, on))
        if key not in self._days:
            pack = self.pack_for(jurisdiction, on, program_kind)
            day = None if pack is None else self._bind(pack, on, known or "")
            if len(self._days) > MOST_BINDINGS:
                self._days.clear()
            self._days[key] = day
        return self._days[key]

    def values_on(self, layers: tuple[str, ...], jurisdiction: str, on: date) -> Mapping[str, Value]:
        """The values in force in these packs (ids, highest first; unknown ones add nothing) on a day."""
        return self._values(layers, jurisdiction, on)

    def severity_on(self, rule: Rule, layers: tuple[str, ...], jurisdiction: str, on: date) -> Severity:
        """How hard a rule is in these packs (ids, highest first) on a day."""
        known = tuple(layer for layer in layers if layer in self.packs)
        return self._severity(rule, known, jurisdiction, on)

    def payers_of(self, jurisdiction: str) -> frozenset[str]:
        """The payers of the jurisdiction that have a pack of their own."""
        return self._payers_by_place.get(jurisdiction, frozenset())

    def parameter(self, name: str, on: date, jurisdiction: str) -> Value | None:
        """The value of a parameter on a day in a jurisdiction, or None where none is in force."""
        day = self.on(jurisdiction, on)
        return None if day is None else day.values.get(name)

    def layers(self, pack: Pack) -> tuple[str, ...]:
        """The ids of the packs that a pack stands on, highest first, itself last."""
        above = tuple(layer for id in pack.extends for layer in self.layers(self.packs[id]))
        return (*dict.fromkeys(above), pack.id)

    @cached_property
    def _payers(self) -> frozenset[str]:
        return frozenset(payer for pack in self.packs.values() for payer in pack.payers)

    @cached_property
    def _payers_by_place(self) -> Mapping[str, frozenset[str]]:
        places: dict[str, frozenset[str]] = {}
        for pack in self.packs.values():
            places[pack.jurisdiction] = places.get(pack.jurisdiction, frozenset()) | {*pack.payers}
        return places

    def _of_layer(self, layer: str, jurisdiction: str) -> list[Pack]:
        return [p for p in self.packs.values() if p.layer == layer and p.jurisdiction == jurisdiction]

    def _below(self, state: Pack, on: date, payer: str) -> Iterator[Pack]:
        """The packs below that of the state programme: the payer's, then those the site switches on."""
        for pack in self._of_layer("payer", state.jurisdiction):
            if payer in pack.payers and pack.covers(on) and state.id in self.layers(pack):
                yield pack
        overlay = self.overlay
        if overlay is not None and overlay.covers(state.jurisdiction, on):
            for pack in self._of_layer("site", state.jurisdiction):
                if pack.id in overlay.packs and pack.covers(on) and state.id in self.layers(pack):
                    yield pack

    def _bind(self, pack: Pack, on: date, payer: str) -> DayPack:
        packs = [pack, *self._below(pack, on, payer)]
        layers = tuple(dict.fromkeys(layer for each in packs for layer in self.layers(each)))
        values = self._values(layers, pack.jurisdiction, on)
        bounds = {}
        for rule in self.rules():
            version = rule.at(on) if rule.pack in layers else None
            if version is not None:
                severity = self._severity(rule, layers, pack.jurisdiction, on)
                bounds[rule.id] = self._bound(rule, version, values, severity)
        contact = tuple(b for b in bounds.values() if b.rule.about == "contact")
        plan_entry = tuple(b for b in bounds.values() if b.rule.about == "plan-entry")
        conditions = tuple(dict.fromkeys(c for bound in contact for c in bound.conditions))
        places: dict[str, tuple[tuple[int, Bound], ...]] = {}
        for place, bound in enumerate(contact):
            places[bound.version.check] = (*places.get(bound.version.check, ()), (place, bound))
        return DayPack(pack, values, contact, plan_entry, bounds, conditions, layers, places)

    def _values(self, layers: tuple[str, ...], jurisdiction: str, on: date) -> dict[str, Value]:
        values: dict[str, Value] = {}
        known: dict[str, Parameter] = {}
        for layer in layers:
            for id, parameter in self.parameters.get(layer, {}).items():
                found = parameter.at(on)
                if found is not None:
                    values[id], known[id] = found, parameter
        overlay = self.overlay
        if overlay is not None and overlay.covers(jurisdiction, on):
            for id, value in overlay.values.items():
                # A site is checked against the state's value; a payer's tighter one still goes first.
                if id in values and tightest(known[id], values[id].value, value, "site") == value:
                    values[id] = Value(overlay.from_, value, "site", values[id].cite, overlay.id)
        return values

    def _severity(self, rule: Rule, layers: tuple[str, ...], jurisdiction: str, on: date) -> Severity:
        severity = rule.severity
        for layer in layers:
            severity = self.packs[layer].severities.get(rule.id, severity)
        overlay = self.overlay
        if overlay is not None and overlay.covers(jurisdiction, on):
            raised = overlay.severities.get(rule.id, severity)
            severity = max(severity, raised, key=SEVERITIES.index)
        return severity

    def _bound(
        self, rule: Rule, version: RuleVersion, values: Mapping[str, Value], severity: Severity
    ) -> Bound:
        own = {name: values[name] for name in version.parameters}
        passed, inapplicable = (
            Finding(
                rule.id,
                result,
                severity,
                rule.stage,
                rule.says,
                "",
                version.cite,
                (),
                version.from_,
                self.digest,
            )
            for result in ("pass", "not-applicable")
        )
        # The checks themselves need the types of this module, so they are looked up when a rule is bound.
        from mappings.checks import CHECKS, CONDITIONS
        from mappings.checks.registry import ALWAYS_PASS, OFF_WHEN_UNSET

        conditions = tuple(CONDITIONS[name] for name in rule.when)
        if version.check in OFF_WHEN_UNSET and all(value.value is None for value in own.values()):
            conditions = (*conditions, _never)
        check = CHECKS[version.check]
        return Bound(
            rule,
            version,
            severity,
            own,
            version.settings,
            passed,
            inapplicable,
            check,
            conditions,
            None if version.check in ALWAYS_PASS else _asks(version.check),
        )


def load(site: Path | None = None, packs: Path | None = None) -> Library:
    """The library that ships with Peerchart, with what a site adds and a folder of further packs.

    `site` is an overlay (TOML), or a folder with an overlay `site.toml`, packs in folders below `packs` and
    tables in `tables`, each of them if it is there. `packs` is a folder with one folder for each pack. Read
    once a process and kept until a file changes. Raises LibraryError, which names the file, the rule and
    the right form.
    """
    from mappings.library_files import load_shipped

    return load_shipped(site, packs)


def load_kept(packed: bytes) -> Library:
    """A library of the past from the bytes of its `texts.packed`: to explain old findings, not to judge.

    Checks that this version of the program does not have any more do not stop it. Raises ValueError.
    """
    from mappings.library_files import read_kept

    return read_kept(packed)


def _never(_situation: object) -> bool:
    return False


def _asks(check: str) -> Asks:
    from mappings.checks.registry import OF_CODES, OF_PEERS, OF_WORDING

    if check in OF_CODES:
        return "codes-and-wording" if check in OF_WORDING else "codes"
    if check in OF_PEERS:
        return "peer"
    return "wording" if check in OF_WORDING else "contact"


def _unknown(id: str) -> Rule:
    raise KeyError(f"no rule {id}; `peerchart rules list` shows them all")


__all__ = ["Library", "LibraryError", "load", "load_kept"]
