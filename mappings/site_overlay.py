"""A site's overlay: it may tighten anything, and loosen only what the guidance leaves to the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from mappings.calendars import CALENDARS, problem_of
from mappings.calendars import FORM as CALENDAR_FORM
from mappings.findings import SEVERITIES, Severity
from mappings.layering import may_set, right_form, shown
from mappings.library import Library
from mappings.library_parsed import parsed
from mappings.library_parts import Overlay, Parameter, Rule
from mappings.library_sheet import LibraryError, Sheet

FORM = 'id = "..." then [parameters] with "name" = value and [severity] with "RULE.ID" = "block"'


def read_overlay(file: str, data: bytes, library: Library, kept: bool = False) -> Overlay:
    """The overlay of a TOML file's bytes, held against the packs of its jurisdiction (of all, where it has
    none); one that was kept (see Sheet) is only read.

    Raises LibraryError, which names `file`, where it loosens what it may not, or is unreadable.
    """
    try:
        sheet = Sheet(file, "site overlay", parsed(data), kept)
    # What the parser raises, and text that is no UTF-8.
    except ValueError as error:
        raise LibraryError(file, "site overlay", f"not TOML ({error})", FORM) from None
    jurisdiction = sheet.text("jurisdiction", "")
    _check_place(sheet, library, jurisdiction)
    packs = _packs(sheet, library, jurisdiction)
    known = _known(library, jurisdiction, packs)
    rules = library.rules_by_id
    overlay = Overlay(
        sheet.text("id", "site"),
        jurisdiction,
        sheet.maybe_day("from") or date.min,
        sheet.maybe_day("until"),
        {
            name: _parameter(sheet, known, name, value)
            for name, value in _flat(sheet.table("parameters"), known)
        },
        {name: _severity(sheet, rules, name, value) for name, value in _flat(sheet.table("severity"), rules)},
        packs,
    )
    sheet.done()
    return overlay


def _check_place(sheet: Sheet, library: Library, jurisdiction: str) -> None:
    known = sorted({pack.jurisdiction for pack in library.packs.values() if pack.jurisdiction})
    if jurisdiction and jurisdiction not in known:
        sheet.doubt(f"there are no rules for `{jurisdiction}`", "jurisdiction = one of " + ", ".join(known))
    start, until = sheet.maybe_day("from"), sheet.maybe_day("until")
    if start is not None and until is not None and until < start:
        sheet.doubt(f"`until` {until} lies before `from` {start}", "an `until` that is not before `from`")


def _packs(sheet: Sheet, library: Library, jurisdiction: str) -> tuple[str, ...]:
    own = {p.id: p for p in library.packs.values() if p.layer == "site"}
    chosen = sheet.texts("packs")
    for id in chosen:
        if id not in own or jurisdiction not in ("", own[id].jurisdiction):
            sheet.refuse(f"unknown pack `{id}` of the layer site", "one of " + ", ".join(sorted(own)))
    for number, id in enumerate(chosen):
        for other in chosen[number + 1 :]:
            days = own[id].covers(own[other].from_) or own[other].covers(own[id].from_)
            if days and own[id].jurisdiction == own[other].jurisdiction:
                sheet.refuse(f"the packs {id} and {other} are of one layer, place and day", "one of them")
    return chosen


def _known(library: Library, jurisdiction: str, packs: Sequence[str]) -> dict[str, list[Parameter]]:
    """For each parameter those that are lowest in a state programme or in a pack that the site uses."""
    known: dict[str, list[Parameter]] = {}
    for pack in library.packs.values():
        if jurisdiction in ("", pack.jurisdiction) and (pack.layer == "state-program" or pack.id in packs):
            lowest = {
                id: each for layer in library.layers(pack) for id, each in library.parameters[layer].items()
            }
            for id, parameter in lowest.items():
                known.setdefault(id, []).append(parameter)
    return known


def _flat(table: Mapping[str, Any], known: Mapping[str, object], before: str = "") -> list[tuple[str, Any]]:
    # `rate_code.telehealth = "..."` without quotation marks reads as a table in a table.
    found = []
    for key, value in table.items():
        name = before + key
        if isinstance(value, dict) and name not in known:
            found += _flat(value, known, name + ".")
        else:
            found.append((name, value))
    return found


def _parameter(sheet: Sheet, known: Mapping[str, Sequence[Parameter]], name: str, value: Any) -> Any:
    new = tuple(value) if isinstance(value, list) else value
    if sheet.kept:
        return new
    if name not in known:
        sheet.refuse(f"unknown parameter `{name}`", "one of " + ", ".join(sorted(known)))
    for parameter in known[name]:
        _right_type(sheet, parameter, value)
        for old in parameter.values:
            if not may_set(parameter, old.value, new, "site"):
                sheet.refuse(
                    f"`{name}` = {value!r} is looser than the guidance's {shown(old.value)}",
                    right_form(parameter, old.value),
                )
    return new


def _right_type(sheet: Sheet, parameter: Parameter, value: Any) -> None:
    right = {
        "integer": isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "text": isinstance(value, str) and bool(value.strip()),
        "texts": isinstance(value, list) and all(isinstance(item, str) and item for item in value),
        "table": isinstance(value, dict),
    }[parameter.type]
    words = {"integer": "a whole number", "text": 'a text "..."', "texts": 'a list ["...", "..."]'}
    if not right:
        sheet.refuse(f"`{parameter.id}` is {value!r}", words.get(parameter.type, "a table"))
    problem = problem_of(value) if parameter.id.startswith(CALENDARS) else ""
    if problem:
        sheet.refuse(f"`{parameter.id}`: {problem}", CALENDAR_FORM)
    chosen = value if isinstance(value, list) else [value]
    if parameter.choices and not set(chosen) <= set(parameter.choices):
        sheet.refuse(f"`{parameter.id}` is {value!r}", "of the choices " + ", ".join(parameter.choices))


def _severity(sheet: Sheet, rules: Mapping[str, Rule], name: str, value: Any) -> Severity:
    rule = rules.get(name)
    if rule is None:
        sheet.refuse(f"unknown rule `{name}`", "an id that `peerchart rules list` shows")
    if value not in SEVERITIES:
        sheet.refuse(f"severity of `{name}` is {value!r}", "one of " + ", ".join(SEVERITIES))
    found = SEVERITIES[SEVERITIES.index(value)]
    if SEVERITIES.index(found) < SEVERITIES.index(rule.severity):
        sheet.doubt(f"`{name}` may not be loosened from {rule.severity} to {found}", f'"{rule.severity}"')
    return found
