"""The library of guidance: sources, parameters, rules and tables, dated and cited, by jurisdiction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mappings.findings import SEVERITIES, Finding, Severity
from mappings.in_force import Asks, Bound, DayPack
from mappings.layering import tightest
from mappings.library_parts import Overlay, Pack, Parameter, Rule, RuleVersion, Source, Table, Value
from mappings.library_sheet import LibraryError
from mappings.library_texts import LibraryTexts

if TYPE_CHECKING:
    pass

# Far more than any installation binds; kinds of programme come from the input and have no end.
MOST_BINDINGS = 4096


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
    from mappings.checks.registry import OF_CODES, OF_PEERS, OF_TIMES, OF_WORDING

    if check in OF_CODES:
        return "codes-and-wording" if check in OF_WORDING else "codes"
    if check in OF_PEERS:
        return "peer"
    if check in OF_TIMES:
        return "times"
    return "wording" if check in OF_WORDING else "contact"


def _unknown(id: str) -> Rule:
    raise KeyError(f"no rule {id}; `peerchart rules list` shows them all")


__all__ = ["Library", "LibraryError", "load", "load_kept"]
