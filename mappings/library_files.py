"""Reads the files of the library: what stands in all of them together, each id once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from mappings.library import Library
from mappings.library_items import pack_in, parameter_in, rule_in, source_in, table_in
from mappings.library_parsed import parsed
from mappings.library_parts import Pack, Parameter, Rule, Source, Table
from mappings.library_sheet import LibraryError, Sheet
from mappings.library_texts import PACKS, SITE, TABLES, LibraryTexts, TextFile, unpacked
from mappings.pack_checks import check_packs
from mappings.site_overlay import read_overlay

HERE = Path(__file__).parent


@dataclass
class _Found:
    """What the files hold, as far as they have been read."""

    packs: dict[str, Pack] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    parameters: dict[str, dict[str, Parameter]] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    settings: list[tuple[Sheet, str]] = field(default_factory=list)


def load_shipped(site: Path | None = None, packs: Path | None = None) -> Library:
    """The shipped library with what a site adds; unchanged files are not read again. Raises LibraryError."""
    if site is not None and not site.exists():
        raise LibraryError(str(site), "site overlay", "there is no such file", "the path of a TOML file")
    if packs is not None and not packs.is_dir():
        raise LibraryError(str(packs), "the folder of packs", "there is no such folder", "a folder of packs")
    return _shipped(site, packs, _stamp(site), _stamp(packs))


def _stamp(path: Path | None) -> tuple[tuple[str, int, int], ...]:
    files = [] if path is None else sorted(path.rglob("*.toml")) if path.is_dir() else [path]
    return tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)


@lru_cache(maxsize=8)
def _shipped(site: Path | None, packs: Path | None, _site: object, _packs: object) -> Library:
    extra = [packs] if packs is not None else []
    tables = [HERE / "tables"]
    overlay = site
    if site is not None and site.is_dir():
        extra.append(site / "packs")
        tables.append(site / "tables")
        overlay = site / "site.toml" if (site / "site.toml").is_file() else None
    return read_library(HERE / "guidance", HERE / "tables", overlay, extra, tables[1:])


def read_library(
    guidance: Path,
    tables: Path,
    site: Path | None = None,
    more_packs: Sequence[Path] = (),
    more_tables: Sequence[Path] = (),
) -> Library:
    """A library from a folder of packs, a folder of tables and a site overlay; raises LibraryError.

    `more_packs` and `more_tables` are folders read after the first ones; they add and never replace.
    """
    homes, shelves = [guidance, *more_packs], [tables, *more_tables]
    files = [TextFile.read(PACKS, path) for home in homes for path in sorted(home.glob("*/*.toml"))]
    files += [TextFile.read(TABLES, path) for shelf in shelves for path in sorted(shelf.glob("*.toml"))]
    if site is not None:
        files.append(TextFile.read(SITE, site))
    return _library(LibraryTexts(tuple(files)), str(site))


@lru_cache(maxsize=8)
def read_kept(packed: bytes) -> Library:
    """A library of the past from its kept texts (`LibraryTexts.packed`), to explain with and not to judge:
    checks and keys that this version of the program does not know (any more) do not stop it. Raises
    ValueError for bytes that are no such texts."""
    return _library(unpacked(packed), "the site's overlay", kept=True)


def _library(texts: LibraryTexts, site: str, kept: bool = False) -> Library:
    sheets = [(file, _sheet(file, kept)) for file in texts.files if file.part != SITE]
    found = _read(sheets)
    if not kept:
        _check(found)
    below = Library(found.packs, {}, found.parameters, found.rules, {}, None, "")
    overlays = [read_overlay(site, file.data, below, kept) for file in texts.files if file.part == SITE]
    overlay = overlays[0] if overlays else None
    return Library(
        found.packs,
        found.sources,
        found.parameters,
        found.rules,
        found.tables,
        overlay,
        texts.digest,
        tuple(sorted(set(_breaks(found, overlay)))),
        texts,
    )


def _check(found: _Found) -> None:
    check_packs(found.packs, found.rules, found.parameters)
    for item, name in found.settings:
        if name not in found.tables:
            item.refuse(f"unknown table `{name}`", "one of the tables " + ", ".join(sorted(found.tables)))


def _read(sheets: Sequence[tuple[TextFile, Sheet]]) -> _Found:
    found = _Found()
    for file, sheet in sheets:
        if file.part == PACKS and sheet.has("pack"):
            _add(found.packs, sheet, pack_in(sheet, file.folder))
        for item in sheet.sheets("source", "source"):
            _add(found.sources, item, source_in(item))
    found.parameters.update({id: {} for id in found.packs})
    for file, sheet in sheets:
        for item in sheet.sheets("parameter", "parameter"):
            own = found.parameters[_pack_of(file, found.packs, item)]
            _add(own, item, parameter_in(item, found.sources, file.folder))
    known = [id for own in found.parameters.values() for id in own]
    for file, sheet in sheets:
        for item in sheet.sheets("rule", "rule"):
            rule = rule_in(item, found.sources, _pack_of(file, found.packs, item), known)
            _number_once(item, rule, found.rules)
            _add(found.rules, item, rule)
            tables = {str(v.settings["table"]) for v in rule.versions if "table" in v.settings}
            found.settings += [(item, name) for name in sorted(tables)]
    read = [(each, table_in(each, found.sources)) for _, each in sheets if each.has("table")]
    for home, table in sorted(read, key=lambda pair: pair[1].adds_to != ""):
        _add_table(found.tables, home, table)
    for _, sheet in sheets:
        sheet.done()
    return found


def _number_once(sheet: Sheet, rule: Rule, rules: Mapping[str, Rule]) -> None:
    other = next((each for each in rules.values() if rule.no and each.no == rule.no), None)
    if other is not None and other.id != rule.id:
        sheet.doubt(f"the number `{rule.no}` is that of {other.id}", "a `no` of its own, or none")


def _add_table(tables: dict[str, Table], sheet: Sheet, table: Table) -> None:
    inner = sheet.inner(f"table {table.id}", {})
    if not table.adds_to:
        _add(tables, inner, table)
        return
    base = tables.get(table.adds_to)
    if base is None or base.adds_to:
        inner.refuse(f"adds to an unknown table `{table.adds_to}`", "one of " + ", ".join(sorted(tables)))
    double = sorted(set(base.codes) & set(table.codes))
    if double:
        inner.refuse(f"the code `{double[0]}` stands in {base.id} already", "a code of its own")
    tables[base.id] = replace(base, codes={**base.codes, **table.codes})


def _sheet(file: TextFile, kept: bool) -> Sheet:
    try:
        return Sheet(file.label, "", parsed(file.data), kept)
    # What the parser raises, and text that is no UTF-8.
    except ValueError as error:
        raise LibraryError(file.label, "the file", f"not TOML ({error})", "TOML 1.0 in UTF-8") from None


def _add(into: dict[str, Any], sheet: Sheet, item: Any) -> None:
    if item.id in into:
        sheet.refuse(f"the id `{item.id}` stands twice", "an id of its own, never used before")
    into[item.id] = item


def _pack_of(file: TextFile, packs: Mapping[str, Pack], sheet: Sheet) -> str:
    if file.folder not in packs:
        sheet.refuse("its folder has no pack", 'a file with [pack] id = "' + file.folder + '" beside it')
    return file.folder


def _breaks(found: Any, overlay: Any) -> Iterator[date]:
    """The first days on which something is different."""
    versions = (version for rule in found.rules.values() for version in rule.versions)
    codes = (code for table in found.tables.values() for code in table.codes.values())
    for item in (*found.packs.values(), *versions, *codes, *([overlay] if overlay is not None else [])):
        if item.from_ is not None:
            yield item.from_
        if item.until is not None:
            yield item.until + timedelta(days=1)
    for own in found.parameters.values():
        for parameter in own.values():
            yield from (value.from_ for value in parameter.values)
