"""What packs must be to each other: whom they extend, no two for one place and day, and what a lower layer
may set. Each refusal names the file, the rule or parameter and the right form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from mappings.findings import SEVERITIES
from mappings.layering import LAYERS, may_set, right_form, shown
from mappings.library import Library
from mappings.library_parts import Pack, Parameter, Rule, Value
from mappings.library_sheet import LibraryError

Parameters = Mapping[str, Mapping[str, Parameter]]


def check_packs(packs: Mapping[str, Pack], rules: Mapping[str, Rule], parameters: Parameters) -> None:
    """Refuse packs that cannot stand together; raises LibraryError."""
    for pack in packs.values():
        _check_extends(pack, packs)
    for pack in packs.values():
        _check_place(pack, packs)
    _check_pairs([pack for pack in packs.values() if pack.layer in ("state-program", "payer")])
    whole = Library(packs, {}, parameters, rules, {}, None, "")
    for pack in packs.values():
        _check_loosening(pack, whole)
        _check_severities(pack, rules)
        if pack.jurisdiction:
            _check_reach(pack, whole)


def _refuse(pack: Pack, problem: str, form: str) -> None:
    raise LibraryError(f"{pack.id}/pack.toml", "pack", problem, form)


def _check_extends(pack: Pack, packs: Mapping[str, Pack]) -> None:
    for above in pack.extends:
        if above not in packs or above == pack.id:
            others = ", ".join(id for id in packs if id != pack.id)
            _refuse(pack, f"extends unknown `{above}`", f"one of {others}" if others else "no `extends`")
        if LAYERS.index(packs[above].layer) >= LAYERS.index(pack.layer):
            form = "a pack of a layer above: " + ", ".join(LAYERS[: LAYERS.index(pack.layer)])
            _refuse(pack, f"extends `{above}`, which is of the layer {packs[above].layer}", form)


def _check_place(pack: Pack, packs: Mapping[str, Pack]) -> None:
    if pack.layer == "federal":
        if pack.jurisdiction:
            _refuse(pack, "a federal pack has a jurisdiction", "no `jurisdiction`, or another `layer`")
        return
    if not pack.jurisdiction:
        _refuse(pack, "it has no jurisdiction", 'jurisdiction = "us-.."')
    if (pack.layer == "payer") != bool(pack.payers):
        _refuse(pack, "`payers` do not go with its layer", 'payers = ["..."] on the layer payer alone')
    if pack.layer in ("payer", "site"):
        above = [packs[id] for id in pack.extends if packs[id].layer == "state-program"]
        if not any(state.jurisdiction == pack.jurisdiction for state in above):
            states = [p.id for p in packs.values() if p.layer == "state-program"]
            _refuse(pack, "extends no state programme of its place", "extends = one of " + ", ".join(states))


def _check_pairs(packs: Sequence[Pack]) -> None:
    for number, one in enumerate(packs):
        for other in packs[number + 1 :]:
            days = one.covers(other.from_) or other.covers(one.from_)
            same = (one.layer, one.jurisdiction) == (other.layer, other.jurisdiction)
            if same and days and _meet(one.program_kinds, other.program_kinds) and _share(one, other):
                _refuse(
                    other,
                    f"overlaps the pack {one.id} of the same layer",
                    "days, a jurisdiction, program_kinds or payers of its own",
                )


def _meet(one: Sequence[str], other: Sequence[str]) -> bool:
    return not one or not other or bool(set(one) & set(other))


def _share(one: Pack, other: Pack) -> bool:
    return one.layer != "payer" or bool(set(one.payers) & set(other.payers))


def _check_loosening(pack: Pack, whole: Library) -> None:
    above = [layer for layer in whole.layers(pack) if layer != pack.id]
    for id, own in whole.parameters[pack.id].items():
        for layer in above:
            upper = whole.parameters[layer].get(id)
            if upper is not None:
                _check_parameter(pack, own, upper, layer)


def _check_parameter(pack: Pack, own: Parameter, upper: Parameter, layer: str) -> None:
    where = f"parameter {own.id}"
    for name in ("type", "tighter", "choices"):
        ours, theirs = getattr(own, name), getattr(upper, name)
        if ours != theirs:
            raise LibraryError(
                own.file,
                where,
                f"`{name}` is {shown(ours)!r}, in {layer} {shown(theirs)!r}",
                f"the `{name}` of {layer}: {shown(theirs)}",
            )
    wider = sorted(set(own.overridable) - set(upper.overridable) - {pack.layer})
    if wider and pack.layer not in upper.overridable:
        raise LibraryError(
            own.file,
            where,
            f"it lets {', '.join(wider)} loosen what {layer} does not leave open",
            f"no `overridable`, or the marking in {layer} ({upper.file})",
        )
    for value in own.values:
        for old in _at_once(own, value, upper, pack):
            if not may_set(upper, old.value, value.value, pack.layer):
                raise LibraryError(
                    own.file,
                    f"{where}, value from {value.from_}",
                    f"{shown(value.value)} is looser than the {shown(old.value)} of {layer}",
                    right_form(upper, old.value),
                )


def _at_once(own: Parameter, value: Value, upper: Parameter, pack: Pack) -> Iterator[Value]:
    """The values of the layer above that are in force on some day on which this one is."""
    start, end = max(value.from_, pack.from_), _last(own, value)
    if pack.until is not None:
        end = min(end, pack.until)
    for old in upper.values:
        if old.from_ <= end and start <= _last(upper, old):
            yield old


def _last(parameter: Parameter, value: Value) -> date:
    later = [other.from_ for other in parameter.values if other.from_ > value.from_]
    return min(later) - timedelta(days=1) if later else date.max


def _check_severities(pack: Pack, rules: Mapping[str, Rule]) -> None:
    for id, severity in pack.severities.items():
        rule = rules.get(id)
        if rule is None:
            _refuse(pack, f"unknown rule `{id}` in severity", "an id that `peerchart rules list` shows")
        elif SEVERITIES.index(severity) < SEVERITIES.index(rule.severity):
            _refuse(
                pack, f"`{id}` may not be loosened from {rule.severity} to {severity}", f'"{rule.severity}"'
            )


def _check_reach(pack: Pack, whole: Library) -> None:
    # A rule whose parameter has no value on some of its days could only fail while it judges.
    layers = whole.layers(pack)
    values = {id: p for layer in layers for id, p in whole.parameters.get(layer, {}).items()}
    for rule in whole.rules():
        for version in rule.versions if rule.pack in layers else ():
            start = max(version.from_, pack.from_)
            if min(version.until or date.max, pack.until or date.max) < start:
                continue
            for name in version.parameters:
                if name not in values or values[name].at(start) is None:
                    raise LibraryError(
                        rule.file,
                        f"rule {rule.id}",
                        f"the parameter `{name}` has no value on {start} in {pack.id}",
                        f"[[parameter.value]] with a `from` not after {start} in {pack.id}",
                    )
