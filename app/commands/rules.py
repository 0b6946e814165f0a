"""`peerchart rules`: the rules for reading, and the proof that the library is sound."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.diff_records import Asked, places_of, tell_records
from app.commands.explain_kept import explain_kept
from app.commands.installation import data_option, settings_of
from app.commands.load_table import load_table
from app.commands.options import (
    HELD,
    WELL,
    finish,
    json_line,
    json_option,
    library_at,
    load_library,
    on_terminal,
    site_option,
)

if TYPE_CHECKING:
    from mappings.library import Library
    from mappings.library_parts import Rule

LIST_EXAMPLE = """\b
Example:
  peerchart rules list | grep NY.PRE
"""
EXPLAIN_EXAMPLE = """\b
Examples:
  peerchart rules explain NY.PRE.COSIGN
  peerchart rules explain R065 --on 2026-03-04
  peerchart rules explain --contact C-0c1e... --version 1 --rule NY.UNIT.DAYCAP
"""
CHECK_EXAMPLE = """\b
Example:
  peerchart rules check --sources ~/guidance
"""


DIFF_EXAMPLE = """\b
Examples:
  peerchart rules diff --from 2026-12-31 --to 2027-01-01
  peerchart rules diff --from 2026-12-31 --to 2027-01-01 --data /var/lib/peerchart
  peerchart rules diff --from 2024-06-30 --to 2024-07-01 --jurisdiction us-id
  peerchart rules diff --from 2026-12-31 --to 2027-01-01 --issuer riverbend
"""


class Day(click.ParamType[date]):
    """A calendar day, ISO 8601."""

    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day; anything else is wrong usage."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; expected one such as 2026-03-04", param, ctx)


@click.group()
def rules() -> None:
    """The rules: list them, explain one, or prove that the library is sound."""


@rules.command("list", epilog=LIST_EXAMPLE)
@site_option
@json_option
def list_rules(site: Path | None, as_json: bool) -> None:
    """One rule a line: id, severity, stage and the sentence."""
    library = load_library(site)
    listed = library.rules()
    width = max((len(rule.id) for rule in listed), default=0)
    for rule in listed:
        click.echo(json_line(_row(rule)) if as_json else _line(rule, width))


@rules.command(epilog=EXPLAIN_EXAMPLE)
@click.argument("rule_id", metavar="[ID]", required=False)
@click.option("--on", type=Day(), help="The day whose version and values count.  [default: today]")
@click.option(
    "--contact", metavar="ID", help="What the rules said of this signed contact, as they stood then."
)
@click.option("--plan-entry", "entry", metavar="ID", help="The same of a signed plan entry.")
@click.option("--version", type=click.IntRange(min=1), help="Its version.  [default: the newest signed]")
@click.option("--rule", metavar="ID", help="What this rule alone said of it, passed or not.")
@click.option(
    "--issuer", help="The EHR whose own overlay counts; with --contact, which of several has that id."
)
@site_option
@data_option
@json_option
def explain(
    rule_id: str | None,
    on: date | None,
    contact: str | None,
    entry: str | None,
    version: int | None,
    rule: str | None,
    issuer: str | None,
    site: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """The whole of one rule: sentence, source with its words, versions, values, and what to do.

    With --contact or --plan-entry: every finding on a signed version with the rule as it stood then, and
    whether today's library says otherwise, which is that of the record's own EHR. That somebody looked is
    written into the audit trail.
    """
    from mappings.explaining import explain as explained

    if contact is not None or entry is not None:
        if rule_id is not None or on is not None or (contact is not None and entry is not None):
            raise click.UsageError("explain one thing at a time: a rule ID, --contact or --plan-entry")
        explain_kept(contact, entry, version, rule, issuer, site, data, as_json)
        return
    if rule_id is None:
        raise click.UsageError("name a rule ID, --contact ID or --plan-entry ID")
    if any(each is not None for each in (version, rule)):
        raise click.UsageError("--version and --rule go with --contact or --plan-entry")
    library = library_at(settings_of(data), site, issuer) if issuer else load_library(site, data)
    day = on or datetime.now(UTC).astimezone().date()
    try:
        whole = explained(library, rule_id, day)
    except KeyError:
        raise click.UsageError(_unknown(library, rule_id)) from None
    if as_json:
        click.echo(json_line(whole))
        return
    for line in _whole(whole):
        click.echo(line)


@rules.command("check", epilog=CHECK_EXAMPLE)
@click.option(
    "--sources",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the source documents: each quote is compared with them.",
)
@site_option
@json_option
def check_rules(sources: Path | None, site: Path | None, as_json: bool) -> None:
    """Prove that the library is sound; each problem is named with its file, and the exit code is 1 then."""
    from mappings.explaining import prove
    from mappings.library import LibraryError, load

    try:
        library = load(site)
        problems = prove(library, sources)
        counts = {"rules": len(library.rules()), "sources": len(library.sources), "digest": library.digest}
    except LibraryError as error:
        problems, counts = [str(error)], {}
    if as_json:
        click.echo(json_line({"sound": not problems, "problems": problems, **counts}))
    else:
        for problem in problems:
            click.echo(problem)
        if not problems:
            click.echo(
                f"sound: {counts['rules']} rules, {counts['sources']} sources, digest {counts['digest']}"
            )
    finish(HELD if problems else WELL)


@rules.command("diff", epilog=DIFF_EXAMPLE)
@click.option("--from", "start", type=Day(), required=True, help="The day before the change.")
@click.option("--to", "end", type=Day(), required=True, help="The day after it.")
@click.option("--jurisdiction", help="One place alone, such as us-wa.  [default: all]")
@click.option("--issuer", help="One EHR alone: its place, by its own overlay where it has one.")
@site_option
@data_option
@json_option
def diff(
    start: date,
    end: date,
    jurisdiction: str | None,
    issuer: str | None,
    site: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """What changes between two days: rules that begin, end or get a new version, values and codes; and the
    drafts, open reviews, unreleased notes, plan entries and staff of the installation that it touches, by
    their ids alone, each by the rules of its own EHR. With --json a line about a record has the key
    "record", one about the overlay of a single EHR the key "issuer"."""
    places = places_of(data)
    if issuer is not None and issuer not in places:
        known = ", ".join(sorted(places)) or "none"
        raise click.UsageError(f"there is no EHR {issuer!r}; registered: {known}")
    place = jurisdiction or (places[issuer] if issuer is not None else None)
    asked = Asked(start, end, place, issuer, site, data)
    known_places = sorted({pack.jurisdiction for pack in asked.library(issuer).packs.values()} - {""})
    if place is not None and place not in known_places:
        raise click.UsageError(f"there are no rules for {place!r}; there are for {', '.join(known_places)}")
    if not _tell_changes(asked, places, as_json):
        click.echo(f"Nothing changes between {start} and {end}.", err=as_json)
        return
    tell_records(asked, as_json)


def _tell_changes(asked: Asked, places: Mapping[str, str], as_json: bool) -> bool:
    """Say what changes, and what more or otherwise at EHRs with an overlay of their own; whether anything
    does."""
    from mappings.differences import differences

    changes = differences(asked.library(asked.issuer), asked.start, asked.end, asked.jurisdiction)
    for change in changes:
        line = f"{change.jurisdiction}  {change.kind} {change.id}: {change.words}"
        click.echo(json_line(change.to_json()) if as_json else line)
    told = bool(changes)
    for issuer, place in sorted(places.items()) if asked.issuer is None and asked.site is None else ():
        if asked.jurisdiction not in (None, place):
            continue
        for change in differences(asked.library(issuer), asked.start, asked.end, place):
            if change not in changes:
                line = f"{place} at {issuer}  {change.kind} {change.id}: {change.words}"
                click.echo(json_line({**change.to_json(), "issuer": issuer}) if as_json else line)
                told = True
    return told


def _row(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "stage": rule.stage,
        "says": rule.says,
        "pack": rule.pack,
    }


def _line(rule: Rule, width: int) -> str:
    row = f"{rule.id:<{width}}  {rule.severity:<5}  {rule.stage:<9}"
    return f"{_coloured(row, rule.severity)}  {' '.join(rule.says.split())}"


def _coloured(text: str, severity: str) -> str:
    colours = {"block": "red", "warn": "yellow"}
    return click.style(text, fg=colours.get(severity)) if on_terminal() else text


def _unknown(library: Library, rule_id: str) -> str:
    near = difflib.get_close_matches(rule_id.upper(), list(library.rules_by_id), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see: peerchart rules list"
    return f"there is no rule {rule_id!r}{hint}"


def _whole(rule: Mapping[str, Any]) -> Iterator[str]:
    yield f"{rule['rule']}  {rule['title']}"
    yield f"  {rule['says']}"
    yield f"Holds: {rule['severity']} at {rule['stage']} (pack {rule['pack']})"
    yield f"What to do: {rule['fix']}"
    yield "Applies in:" if rule["applies"] else "Applies in: no place yet"
    for place in rule["applies"]:
        yield f"  {_place(place, rule['severity'])}"
    yield f"Fields: {', '.join(rule['fields']) or 'none'}"
    if not rule["in_force"]:
        yield f"On {rule['on']}: not in force"
    for version in rule["versions"]:
        yield from _version(version)
    if rule["parameters"]:
        yield f"Values on {rule['on']}:"
    for name, value in rule["parameters"].items():
        yield from _parameter(name, value)
    if rule["examples"]:
        yield "Cases:"
    for example in rule["examples"]:
        yield f"  {example}"
    if rule["derived"]:
        yield "This rule is derived: it follows from the guidance but is not quoted from it."
    yield f"Library: {rule['library']}"


def _place(place: Mapping[str, Any], usual: str) -> str:
    until = f" until {place['until']}" if place["until"] else ""
    whom = [*place["program_kinds"], *place["payers"]]
    only = f", for {', '.join(whom)}" if whom else ""
    harder = f", there {place['severity']}" if place["severity"] != usual else ""
    gone = "" if place["in_force"] else ", not in force that day"
    return f"{place['jurisdiction']}: {place['title']}, from {place['from']}{until}{only}{harder}{gone}"


def _version(version: Mapping[str, Any]) -> Iterator[str]:
    until = f" until {version['until']}" if version["until"] else ""
    cite, source = version["cite"], version["source"]
    yield f"From {version['from']}{until}: {version['checks']}"
    yield f"  Source: {cite['title']}, {source['publisher']}, {cite['at']}"
    yield f"  {cite['address'] or 'no address'} (last compared {source['checked']})"
    if cite["quote"]:
        yield f"  “{cite['quote']}”"


def _parameter(name: str, value: Mapping[str, Any]) -> Iterator[str]:
    from mappings.phrases import in_words

    standing, said = f"({value['status']}, from {value['from']})", in_words(name, value["value"])
    if not isinstance(said, Mapping):
        yield f"  {name} = {_value(said)} {standing}"
        return
    yield f"  {name} {standing}:"
    for key, one in said.items():
        yield f"    {key}: {_value(one)}" if one != "" else f"    {key}"


def _value(value: object) -> str:
    return (
        ", ".join(str(one) for one in value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )


rules.add_command(load_table)
