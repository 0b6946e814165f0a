"""Reads each kind of item of the library's sheets (packs, sources, parameters, rules, tables) and refuses
what is unsourced, overlapping, unsorted or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from mappings.calendars import CALENDARS, problem_of
from mappings.calendars import FORM as CALENDAR_FORM
from mappings.checks import CHECKS, CONDITIONS, PARAMETERS_OF
from mappings.checks.registry import CHOSEN_OF, SETTINGS_OF
from mappings.findings import SEVERITIES, STAGES, Citation, Severity
from mappings.language import LISTS, SIGNS
from mappings.layering import LAYERS, TIGHTER
from mappings.library_parts import Code, Pack, Parameter, Rule, RuleVersion, Source, Table, Value
from mappings.library_sheet import DATE_FORM, Sheet
from mappings.phrases import entry
from mappings.units import ROUNDINGS

STATUSES = ("confirmed", "example-only", "unconfirmed", "ours")
TYPES = {"integer": int, "text": str, "texts": list, "table": dict}
ABOUT = ("contact", "plan-entry", "staff", "program")
ENTRY_FORM = (
    '"phrase" = "what to write", or ["wording", ...], or { write = [...], say = "...", source = "..." }'
)
CITE_FORM = 'cite = { source = "<id of a source>", at = "<place in it>", quotes = ["..."] }'


def pack_in(outer: Sheet, folder: str) -> Pack:
    """The pack that a sheet of a folder describes; raises LibraryError."""
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


def source_in(sheet: Sheet) -> Source:
    """One source; raises LibraryError."""
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


def parameter_in(sheet: Sheet, sources: Mapping[str, Source], layer: str) -> Parameter:
    """One parameter with its values, each of them cited; `layer` is the pack's folder. Raises
    LibraryError."""
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


def rule_in(sheet: Sheet, sources: Mapping[str, Source], pack: str, parameters: Sequence[str]) -> Rule:
    """One rule of a pack with its versions, each of them cited; `parameters` are all that are known. Raises
    LibraryError."""
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


def table_in(outer: Sheet, sources: Mapping[str, Source]) -> Table:
    """One table of codes; raises LibraryError."""
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
