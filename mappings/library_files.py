"""Reads the files of the library and refuses what is unsourced, overlapping, unsorted or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from mappings.calendars import CALENDARS, problem_of
from mappings.calendars import FORM as CALENDAR_FORM
from mappings.checks import CHECKS, CONDITIONS, PARAMETERS_OF
from mappings.checks.registry import CHOSEN_OF, SETTINGS_OF
from mappings.findings import SEVERITIES, STAGES, Citation, Severity
from mappings.language import LISTS, SIGNS
from mappings.layering import LAYERS, TIGHTER
from mappings.library import Library
from mappings.library_parsed import parsed
from mappings.library_parts import Code, Pack, Parameter, Rule, RuleVersion, Source, Table, Value
from mappings.library_sheet import DATE_FORM, LibraryError, Sheet
from mappings.library_texts import PACKS, SITE, TABLES, LibraryTexts, TextFile, unpacked
from mappings.pack_checks import check_packs
from mappings.phrases import entry
from mappings.site_overlay import read_overlay
from mappings.units import ROUNDINGS

HERE = Path(__file__).parent
STATUSES = ("confirmed", "example-only", "unconfirmed", "ours")
TYPES = {"integer": int, "text": str, "texts": list, "table": dict}
ABOUT = ("contact", "plan-entry", "staff", "program")
ENTRY_FORM = (
    '"phrase" = "what to write", or ["wording", ...], or { write = [...], say = "...", source = "..." }'
)
CITE_FORM = 'cite = { source = "<id of a source>", at = "<place in it>", quotes = ["..."] }'


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
            _add(found.packs, sheet, _pack(sheet, file.folder))
        for item in sheet.sheets("source", "source"):
            _add(found.sources, item, _source(item))
    found.parameters.update({id: {} for id in found.packs})
    for file, sheet in sheets:
        for item in sheet.sheets("parameter", "parameter"):
            own = found.parameters[_pack_of(file, found.packs, item)]
            _add(own, item, _parameter(item, found.sources, file.folder))
    known = [id for own in found.parameters.values() for id in own]
    for file, sheet in sheets:
        for item in sheet.sheets("rule", "rule"):
            rule = _rule(item, found.sources, _pack_of(file, found.packs, item), known)
            _number_once(item, rule, found.rules)
            _add(found.rules, item, rule)
            tables = {str(v.settings["table"]) for v in rule.versions if "table" in v.settings}
            found.settings += [(item, name) for name in sorted(tables)]
    read = [(each, _table(each, found.sources)) for _, each in sheets if each.has("table")]
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


def _pack(outer: Sheet, folder: str) -> Pack:
    sheet = outer.inner("pack", outer.table("pack"))
    pack = Pack(
        sheet.one_of("id", (folder,)),
        sheet.text("title"),
        sheet.one_of("layer", LAYERS),
        sheet.text("jurisdiction", ""),
        sheet.texts("extends"),
        sheet.texts("program_kinds"),
        sheet.day("from"),
        sheet.maybe_day("until"),
        sheet.texts("payers"),
        {name: _severity(sheet, name, value) for name, value in sheet.table("severity").items()},
    )
    _ordered(sheet, pack.from_, pack.until)
    sheet.done()
    return pack


def _severity(sheet: Sheet, name: str, value: Any) -> Severity:
    if value not in SEVERITIES:
        sheet.refuse(f"severity of `{name}` is {value!r}", "one of " + ", ".join(SEVERITIES))
    return SEVERITIES[SEVERITIES.index(value)]


def _source(sheet: Sheet) -> Source:
    source = Source(
        sheet.text("id"),
        sheet.text("title"),
        sheet.text("publisher"),
        sheet.text("address"),
        sheet.text("published"),
        sheet.maybe_day("effective"),
        sheet.day("checked"),
    )
    sheet.done()
    return source


def _cite(outer: Sheet, sources: Mapping[str, Source]) -> Citation:
    if not outer.has("cite"):
        outer.refuse("the citation is missing", CITE_FORM)
    if not isinstance(outer.raw("cite"), dict):
        outer.refuse(f"`cite` is {outer.raw('cite')!r}", CITE_FORM)
    sheet = outer.inner(f"{outer.where}, cite", outer.table("cite"))
    id = sheet.text("source")
    if id not in sources:
        sheet.refuse(f"unknown source `{id}`", "one of the sources " + ", ".join(sorted(sources)))
    quote = " ... ".join(" ".join(quote.split()) for quote in sheet.texts("quotes"))
    cite = Citation(id, sources[id].title, sheet.text("at"), sources[id].address, quote)
    sheet.done()
    return cite


def _parameter(sheet: Sheet, sources: Mapping[str, Source], layer: str) -> Parameter:
    type_ = sheet.one_of("type", tuple(TYPES))
    choices = sheet.texts("choices")
    values = [_value(item, sources, TYPES[type_], choices, layer) for item in sheet.sheets("value", "value")]
    if not values:
        sheet.refuse("it has no value", "[[parameter.value]] with from, value and cite")
    if not sheet.kept and sheet.text("id").startswith((LISTS, SIGNS)):
        for value in values:
            _check_entries(sheet, value.value, sources)
    if not sheet.kept and sheet.text("id").startswith(CALENDARS):
        for value in values:
            _check_calendar(sheet, value)
    if any(a.from_ >= b.from_ for a, b in pairwise(values)):
        sheet.refuse("its values are not sorted by `from`", "each `from` later than the one before")
    parameter = Parameter(
        sheet.text("id"),
        type_,
        sheet.text("says"),
        sheet.one_of("tighter", TIGHTER),
        _overridable(sheet),
        choices,
        tuple(values),
        sheet.file,
    )
    sheet.done()
    return parameter


def _check_entries(sheet: Sheet, words: object, sources: Mapping[str, Source]) -> None:
    """Every entry of a word list can be read, and its own source is known; raises LibraryError."""
    for phrase, instead in words.items() if isinstance(words, Mapping) else ():
        try:
            source = entry(instead)[2]
        except TypeError as problem:
            sheet.refuse(f"the entry {phrase!r} is unreadable: {problem}", ENTRY_FORM)
        if source and source not in sources:
            sheet.refuse(
                f"the entry {phrase!r} has the unknown source `{source}`",
                "one of the sources " + ", ".join(sorted(sources)),
            )


def _check_calendar(sheet: Sheet, value: Value) -> None:
    """A calendar lists whole years with sorted, named days; raises LibraryError."""
    problem = problem_of(value.value) if value.value is not None else ""
    if problem:
        sheet.refuse(problem, CALENDAR_FORM)


def _overridable(sheet: Sheet) -> tuple[str, ...]:
    given = sheet.raw("overridable")
    if isinstance(given, list) and given and set(given) <= set(LAYERS[1:]):
        return tuple(given)
    return LAYERS[1:] if sheet.flag("overridable") else ()


def _value(
    sheet: Sheet, sources: Mapping[str, Source], type_: type, choices: Sequence[str], layer: str
) -> Value:
    value = sheet.raw("value")
    if sheet.flag("unset"):
        if value is not None:
            sheet.refuse("it has a value and is `unset`", "either value = ... or unset = true")
    elif not isinstance(value, type_) or isinstance(value, bool):
        sheet.refuse(f"`value` is {value!r}", f"a value of the parameter's type ({type_.__name__})")
    elif isinstance(value, int) and value < 0:
        sheet.doubt(f"`value` is {value}", "a whole number that is not below 0")
    elif choices and not set(value if isinstance(value, list) else [value]) <= set(choices):
        sheet.refuse(f"`value` is {value!r}", "of the choices " + ", ".join(choices))
    frozen = tuple(value) if isinstance(value, list) else value
    cite = _cite(sheet, sources)
    found = Value(sheet.day("from"), frozen, sheet.one_of("status", STATUSES, "confirmed"), cite, layer)
    sheet.done()
    return found


def _rule(sheet: Sheet, sources: Mapping[str, Source], pack: str, parameters: Sequence[str]) -> Rule:
    when = sheet.texts("when")
    for name in when:
        if name not in CONDITIONS:
            sheet.doubt(f"unknown condition `{name}`", "one of " + ", ".join(sorted(CONDITIONS)))
    if when and sheet.one_of("about", ABOUT) != "contact":
        sheet.doubt("its conditions are those of a contact", 'no `when`, or about = "contact"')
    versions = [_version(item, sources, parameters) for item in sheet.sheets("version", "version")]
    _check_versions(sheet, versions)
    rule = Rule(
        sheet.text("id"),
        sheet.text("no", ""),
        sheet.text("title"),
        sheet.text("says"),
        sheet.one_of("about", ABOUT),
        when,
        sheet.one_of("stage", STAGES),  # type: ignore[arg-type]
        sheet.one_of("severity", SEVERITIES),  # type: ignore[arg-type]
        sheet.text("fix"),
        sheet.texts("fields"),
        sheet.flag("derived"),
        tuple(versions),
        pack,
        sheet.file,
        sheet.texts("examples"),
    )
    sheet.done()
    return rule


def _version(sheet: Sheet, sources: Mapping[str, Source], parameters: Sequence[str]) -> RuleVersion:
    name = sheet.text("check")
    own = sheet.texts("parameters")
    for parameter in own:
        if parameter not in parameters:
            sheet.refuse(f"unknown parameter `{parameter}`", "one of " + ", ".join(sorted(parameters)))
    settings = sheet.table("settings")
    if not sheet.kept:
        _check_call(sheet, name, own, settings)
    version = RuleVersion(
        sheet.day("from"), sheet.maybe_day("until"), name, own, settings, _cite(sheet, sources)
    )
    _ordered(sheet, version.from_, version.until)
    sheet.done()
    return version


def _check_call(sheet: Sheet, name: str, own: Sequence[str], settings: Mapping[str, Any]) -> None:
    """The check must be known and be given what it needs."""
    if name not in CHECKS:
        sheet.refuse(f"unknown check `{name}`", "one of " + ", ".join(sorted(CHECKS)))
    absent = [parameter for parameter in PARAMETERS_OF[name] if parameter not in own]
    if absent:
        sheet.refuse(
            f"the check `{name}` needs the parameter `{absent[0]}`",
            "parameters = [" + ", ".join(f'"{p}"' for p in PARAMETERS_OF[name]) + "]",
        )
    if len(own) < CHOSEN_OF[name]:
        sheet.refuse(f"the check `{name}` needs {CHOSEN_OF[name]} parameter(s)", 'parameters = ["..."]')
    for needed in SETTINGS_OF[name]:
        if needed not in settings:
            sheet.refuse(
                f"the check `{name}` needs the setting `{needed}`", f"settings = {{ {needed} = ... }}"
            )


def _ordered(sheet: Sheet, start: date, until: date | None) -> None:
    if until is not None and until < start:
        sheet.refuse(f"`until` {until} lies before `from` {start}", f"until = {DATE_FORM}, not before from")


def _check_versions(sheet: Sheet, versions: Sequence[RuleVersion]) -> None:
    if not versions:
        sheet.refuse("it has no version", "[[rule.version]] with from, check and cite")
    for older, newer in pairwise(versions):
        if newer.from_ <= older.from_:
            sheet.refuse("its versions are not sorted by `from`", "each `from` later than the one before")
        if older.until is None or older.until >= newer.from_:
            sheet.refuse(
                f"the version from {older.from_} overlaps the one from {newer.from_}",
                f"until = {newer.from_ - timedelta(days=1)} on the older version",
            )
        if older.until + timedelta(days=1) != newer.from_:
            sheet.refuse(
                f"a gap between {older.until} and {newer.from_}",
                f"from = {older.until + timedelta(days=1)} on the newer version",
            )


def _table(outer: Sheet, sources: Mapping[str, Source]) -> Table:
    sheet = outer.inner("table", outer.table("table"))
    properties = sheet.texts("properties")
    codes: dict[str, Code] = {}
    for item in outer.sheets("code", "code"):
        code = _code(item, properties)
        if code.code in codes:
            item.refuse(f"the code `{code.code}` stands twice", "each code once")
        codes[code.code] = code
    table = Table(
        sheet.text("id"),
        sheet.text("title"),
        sheet.text("system", ""),
        sheet.text("version", ""),
        sheet.text("jurisdiction", ""),
        _cite(sheet, sources),
        codes,
        sheet.text("adds_to", ""),
    )
    sheet.done()
    return table


def _code(sheet: Sheet, properties: Iterable[str]) -> Code:
    own = {name: sheet.raw(name) for name in properties if sheet.has(name)}
    code = Code(
        sheet.text("code"),
        sheet.text("display"),
        sheet.text("definition", ""),
        own,
        sheet.maybe_day("from"),
        sheet.maybe_day("until"),
    )
    if code.from_ is not None:
        _ordered(sheet, code.from_, code.until)
    if "unit_minutes" in properties and not sheet.kept:
        _check_encounter(sheet, own)
    sheet.done()
    return code


def _check_encounter(sheet: Sheet, own: Mapping[str, Any]) -> None:
    """A row of service encounters has a procedure, minutes of one unit and their rounding."""
    if not isinstance(own.get("procedure"), str):
        sheet.refuse("`procedure` is missing", 'procedure = "H0038"')
    minutes = own.get("unit_minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes < 1:
        sheet.refuse(f"`unit_minutes` is {minutes!r}", "unit_minutes = whole minutes such as 15")
    if own.get("rounding") not in ROUNDINGS:
        sheet.refuse(f"`rounding` is {own.get('rounding')!r}", "one of " + ", ".join(ROUNDINGS))
    for name in ("modifiers", "credentials"):
        if not isinstance(own.get(name, []), list):
            sheet.refuse(f"`{name}` is {own[name]!r}", f'{name} = ["..."]')


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
