"""The whole of one rule for a reader, and the proof that the library is sound."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mappings.checks import CHECKS
from mappings.checks.registry import OFFERED
from mappings.library import Library
from mappings.library_parts import Rule, RuleVersion


def explain(library: Library, id: str, on: date) -> dict[str, Any]:
    """A rule by id or number as JSON data: sentence, quote, source, versions, fix, values on a day.

    Raises KeyError for an unknown id.
    """
    rule = library.rule(id)
    return {
        "rule": rule.id,
        "no": rule.no,
        "title": rule.title,
        "says": rule.says,
        "about": rule.about,
        "when": list(rule.when),
        "stage": rule.stage,
        "severity": rule.severity,
        "fix": rule.fix,
        "fields": list(rule.fields),
        "derived": rule.derived,
        "examples": list(rule.examples),
        "pack": rule.pack,
        "applies": places(library, rule, on),
        "on": on.isoformat(),
        "in_force": rule.at(on) is not None,
        "versions": [_version(library, version) for version in rule.versions],
        "parameters": _values(library, rule, on),
        "library": library.digest,
    }


def places(library: Library, rule: Rule, on: date) -> list[dict[str, Any]]:
    """The packs in which a rule counts, as JSON data: place, kinds of programme, payers, days, how hard there
    on the day, and whether the pack is in force then."""
    found = []
    for pack in library.packs.values():
        layers = library.layers(pack)
        # A payer's pack has the state's rules too; it is a place of its own only for rules of its own.
        own = pack.layer == "state-program" or pack.id == rule.pack
        if rule.pack in layers and pack.jurisdiction and own:
            found.append(
                {
                    "pack": pack.id,
                    "title": pack.title,
                    "jurisdiction": pack.jurisdiction,
                    "program_kinds": list(pack.program_kinds),
                    "payers": list(pack.payers),
                    "from": pack.from_.isoformat(),
                    "until": None if pack.until is None else pack.until.isoformat(),
                    "severity": library.severity_on(rule, layers, pack.jurisdiction, on),
                    "in_force": pack.covers(on),
                }
            )
    return found


def _version(library: Library, version: RuleVersion) -> dict[str, Any]:
    source = library.sources[version.cite.source]
    return {
        "from": version.from_.isoformat(),
        "until": None if version.until is None else version.until.isoformat(),
        "check": version.check,
        "checks": _first_line(version.check),
        "cite": version.cite.to_json(),
        "quote_digest": quote_digest(version.cite.quote),
        "source": {
            "title": source.title,
            "publisher": source.publisher,
            "address": source.address,
            "published": source.published,
            "effective": None if source.effective is None else source.effective.isoformat(),
            "checked": source.checked.isoformat(),
        },
    }


def _values(library: Library, rule: Rule, on: date) -> dict[str, Any]:
    """The values in force, by parameter; where places differ each stands with its place behind the name."""
    version, found = rule.at(on), dict[str, dict[str, Any]]()
    for pack in library.packs.values():
        kind = next(iter(pack.program_kinds), None)
        day = library.on(pack.jurisdiction, on, kind) if pack.layer == "state-program" else None
        if version is None or day is None or rule.id not in day.by_id:
            continue
        for name in version.parameters:
            value = day.values[name]
            shown = list(value.value) if isinstance(value.value, tuple) else value.value
            entry = {"value": shown, "status": value.status, "from": value.from_.isoformat()}
            found.setdefault(name, {})[pack.jurisdiction] = entry
    values = {}
    for name, places in found.items():
        first = next(iter(places.values()))
        alike = all(entry == first for entry in places.values())
        values.update({name: first} if alike else {f"{name} ({at})": each for at, each in places.items()})
    return values


def _first_line(check: str) -> str:
    known = CHECKS.get(check)
    # A kept library may name a check that this version of the program does not have any more.
    return "" if known is None else (known.__doc__ or "").strip().partition("\n")[0]


def quote_digest(quote: str) -> str:
    """The SHA-256 of a quote with white space normalised; blank for no quote."""
    plain = " ".join(quote.split())
    return hashlib.sha256(plain.encode()).hexdigest() if plain else ""


def _sources_of_entries(library: Library) -> set[str]:
    """The sources that entries of word lists name as their own."""
    values = [v.value for own in library.parameters.values() for p in own.values() for v in p.values]
    return {
        str(each["source"])
        for value in values
        if isinstance(value, Mapping)
        for each in value.values()
        if isinstance(each, Mapping) and "source" in each
    }


def prove(library: Library, sources: Path | None = None) -> list[str]:
    """What is wrong with a library that has loaded; with a folder of documents its quotes are compared.

    Every quote must stand, white space apart, in a text file of the folder. Empty when sound.
    """
    problems = []
    used = {v.check for rule in library.rules() for v in rule.versions}
    problems += [f"check {name}: no rule names it" for name in sorted(set(CHECKS) - used - OFFERED)]
    cited = {v.cite.source for rule in library.rules() for v in rule.versions}
    cited |= {
        v.cite.source for own in library.parameters.values() for p in own.values() for v in p.values if v.cite
    }
    cited |= {table.cite.source for table in library.tables.values()}
    cited |= _sources_of_entries(library)
    problems += [f"source {id}: nothing cites it" for id in sorted(set(library.sources) - cited)]
    for rule in library.rules():
        if not re.fullmatch(r"[A-Z]{2,4}\.[A-Z_0-9.]+", rule.id):
            problems.append(f"rule {rule.id}: the id is not like NY.UNIT.MIN15 ({rule.file})")
    return problems + (_compare(library, sources) if sources is not None else [])


def _compare(library: Library, folder: Path) -> list[str]:
    texts = [" ".join(file.read_text("utf-8").split()) for file in sorted(folder.iterdir()) if file.is_file()]
    if not texts:
        return [f"{folder}: no documents to compare with"]
    return [
        f"rule {rule.id}: no document of {folder} says {part!r} ({version.cite.source})"
        for rule in library.rules()
        for version in rule.versions
        for part in version.cite.quote.split(" ... ")
        if part and not any(part in text for text in texts)
    ]
