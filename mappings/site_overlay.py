"""A site's overlay: it may tighten anything, and loosen only what the guidance leaves to the site."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mappings.findings import SEVERITIES, Severity
from mappings.library import Overlay, Parameter, Rule
from mappings.library_sheet import LibraryError, Sheet

FORM = 'id = "..." then [parameters] with "name" = value and [severity] with "RULE.ID" = "block"'
_WORDS = {
    "lower": "a lower number",
    "higher": "a higher number",
    "more": "a list that keeps every entry",
    "fewer": "a shorter list of the same entries",
    "later": "a choice further down the list",
    "none": "no other value",
}


def read_overlay(
    path: Path,
    parameters: Mapping[str, Mapping[str, Parameter]],
    rules: Mapping[str, Rule],
    digest: Callable[[bytes], object],
) -> Overlay:
    """The overlay of a TOML file; raises LibraryError where it loosens what it may not, or is unreadable."""
    data = path.read_bytes()
    digest(b"site\0" + data)
    try:
        sheet = Sheet(str(path), "site overlay", tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LibraryError(str(path), "site overlay", f"not TOML ({error})", FORM) from None
    known = {id: parameter for own in parameters.values() for id, parameter in own.items()}
    overlay = Overlay(
        sheet.text("id", "site"),
        sheet.text("jurisdiction", ""),
        sheet.maybe_day("from") or date.min,
        sheet.maybe_day("until"),
        {
            name: _parameter(sheet, known, name, value)
            for name, value in _flat(sheet.table("parameters"), known)
        },
        {name: _severity(sheet, rules, name, value) for name, value in _flat(sheet.table("severity"), rules)},
    )
    sheet.done()
    return overlay


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


def _parameter(sheet: Sheet, known: Mapping[str, Parameter], name: str, value: Any) -> Any:
    parameter = known.get(name)
    if parameter is None:
        sheet.refuse(f"unknown parameter `{name}`", "one of " + ", ".join(sorted(known)))
    _right_type(sheet, parameter, value)
    new = tuple(value) if isinstance(value, list) else value
    for old in parameter.values:
        loosens = not parameter.overridable and old.value is not None
        if loosens and not _tighter(parameter, old.value, new):
            sheet.refuse(
                f"`{name}` = {value!r} is looser than the guidance's {_shown(old.value)}",
                _WORDS[parameter.tighter] + f" than {_shown(old.value)}, or no entry",
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
    chosen = value if isinstance(value, list) else [value]
    if parameter.choices and not set(chosen) <= set(parameter.choices):
        sheet.refuse(f"`{parameter.id}` is {value!r}", "of the choices " + ", ".join(parameter.choices))


def _tighter(parameter: Parameter, old: Any, new: Any) -> bool:
    if new == old or parameter.tighter == "none":
        return bool(new == old)
    choices = parameter.choices
    tighter: dict[str, Callable[[], bool]] = {
        "lower": lambda: new <= old,
        "higher": lambda: new >= old,
        "more": lambda: set(old) <= set(new),
        "fewer": lambda: set(new) <= set(old),
        "later": lambda: choices.index(new) >= choices.index(old),
    }
    return tighter[parameter.tighter]()


def _severity(sheet: Sheet, rules: Mapping[str, Rule], name: str, value: Any) -> Severity:
    rule = rules.get(name)
    if rule is None:
        sheet.refuse(f"unknown rule `{name}`", "an id that `peerchart rules list` shows")
    if value not in SEVERITIES:
        sheet.refuse(f"severity of `{name}` is {value!r}", "one of " + ", ".join(SEVERITIES))
    found = SEVERITIES[SEVERITIES.index(value)]
    if SEVERITIES.index(found) < SEVERITIES.index(rule.severity):
        sheet.refuse(f"`{name}` may not be loosened from {rule.severity} to {found}", f'"{rule.severity}"')
    return found


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
