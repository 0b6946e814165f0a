"""`peerchart issuers`: the registered EHRs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.installation import Installation, data_option, opened, operator, settings_of, utc_now
from app.commands.issuer_sends import also, forms, known_issuer, us_core
from app.commands.options import HELD, REFUSED, WELL, finish, json_line, json_option, say
from app.printable import printable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.actor import Actor
    from app.delivery.probed import Report
    from smart_launch.issuers import Issuer

ADD_EXAMPLE = """\b
Example, with the registration in a file:
  peerchart issuers add ehr.json
where ehr.json holds for example
  {"id": "riverbend", "iss": "https://ehr.example/fhir", "client_id": "peerchart",
   "auth_method": "private_key_jwt", "redirect_uri": "https://peerchart.example/cb/riverbend",
   "scopes": ["launch", "openid", "fhirUser", "patient/Patient.rs"], "jurisdiction": "us-ny",
   "frame_origins": ["https://ehr.example"], "backend_client_id": "peerchart-backend",
   "backend_scopes": ["system/DocumentReference.crus"]}
"""
LIST_EXAMPLE = """\b
Example:
  peerchart issuers list --json
"""
SHOW_EXAMPLE = """\b
Example:
  peerchart issuers show riverbend > riverbend.json
"""
PROBE_EXAMPLE = """\b
Examples:
  peerchart issuers probe riverbend
  peerchart issuers probe sandbox --as epic --json
"""
SHEET_EXAMPLE = """\b
Example:
  peerchart issuers sheet riverbend --json > sheet.json
"""
OVERLAY_EXAMPLE = """\b
Examples:
  peerchart issuers overlay riverbend site.toml
  peerchart issuers overlay riverbend --none
"""
REMOVE_EXAMPLE = """\b
Example:
  peerchart issuers remove riverbend
"""
TAKES = click.Choice(["full", "epic", "oracle"])
WIDTH = 110


@click.group()
def issuers() -> None:
    """The registered EHRs (issuers): add or change one, list, show, probe or remove them, print a sheet."""


@issuers.command(epilog=ADD_EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--takes", type=TAKES, help="Treat its write surface as that of a known kind of EHR.")
@data_option
def add(file: Path, takes: str | None, data: Path | None) -> None:
    """Register an EHR from a JSON file, or change its registration; keys are made where it has none. A client
    secret that is left out of the file stays as it is."""
    from dataclasses import replace

    from app.delivery.capability import PRESETS
    from app.delivery.overrides import keep_override, override_of
    from app.issuer_care import keep
    from app.problems import MendInput
    from app.registration_sheet import open_points

    settings = settings_of(data)
    with opened(settings) as installation, installation.store.write() as session:
        issuer = _read(file, session, installation)
        try:
            changed = keep(session, installation.keyring, issuer, operator(issuer.id), utc_now())
        except MendInput as problem:
            raise _wrong(file, problem.errors) from problem
    if takes is not None:
        kept = override_of(settings.data_dir, issuer.id)
        preset = replace(PRESETS[takes], note_forms=kept.note_forms, us_core=kept.us_core)
        keep_override(settings.data_dir, issuer.id, preset)
    click.echo(f"{issuer.id} is registered." if changed else f"{issuer.id} stands as it did.")
    keys = f"{settings.base_url.rstrip('/')}/.well-known/jwks/{issuer.id}.json"
    click.echo(f"Give its administrators our public keys, {keys}, and: peerchart issuers sheet {issuer.id}")
    for point in open_points(issuer, settings):
        say(f"still open: {point}")


@issuers.command(epilog=SHOW_EXAMPLE)
@click.argument("issuer")
@data_option
@json_option
def show(issuer: str, data: Path | None, as_json: bool) -> None:
    """One registration whole, but for its secret: the form that `add` reads."""
    from dataclasses import asdict

    with opened(settings_of(data)) as installation:
        found = asdict(known_issuer(installation, issuer))
    found["client_secret"] = None
    kept = {name: value for name, value in found.items() if value not in (None, (), "")}
    click.echo(json_line(kept) if as_json else json.dumps(kept, indent=2, ensure_ascii=False))


@issuers.command(epilog=PROBE_EXAMPLE)
@click.argument("issuer")
@click.option("--as", "takes", type=TAKES, help="Judge its write surface as that of a known kind of EHR.")
@data_option
@json_option
def probe(issuer: str, takes: str | None, data: Path | None, as_json: bool) -> None:
    """Ask a registered EHR what it is, and for a token where a backend client is registered, and say function
    by function what will work, what will not and why. Only registered addresses are asked, and the token is
    given back.

    Exit codes: 0 nothing that is needed is missing, 1 something is, 2 wrong usage, or it cannot be reached.
    """
    from app.delivery.capability import PRESETS
    from app.delivery.overrides import override_of
    from app.delivery.probing import probe as ask
    from smart_launch.fhir_client import http_session

    settings = settings_of(data)
    with opened(settings) as installation, http_session(tries=1) as http:
        found = known_issuer(installation, issuer)
        with installation.store.read() as session:
            key = installation.keyring.client_key(session, issuer)
        override = PRESETS[takes] if takes else override_of(settings.data_dir, issuer)
        report = ask(http, found, override, key, utc_now())
        with installation.store.write() as session:
            audit_probe(session, operator(issuer), report, utc_now())
    click.echo(json_line(report.to_json()) if as_json else _table(report))
    finish(WELL if report.stands else HELD if report.reached else REFUSED)


@issuers.command(epilog=SHEET_EXAMPLE)
@click.argument("issuer")
@data_option
@json_option
def sheet(issuer: str, data: Path | None, as_json: bool) -> None:
    """What an EHR's app gallery asks for: addresses, client types, scopes with their reasons, data kept. The
    contact lines come from PEERCHART_OPERATOR_NAME, _CONTACT_NAME, _CONTACT_EMAIL, _CONTACT_PHONE,
    _SECURITY_EMAIL, _PRIVACY_URL and _TERMS_URL."""
    from app.registration_sheet import open_points
    from app.registration_sheet import sheet as made

    settings = settings_of(data)
    with opened(settings) as installation:
        found = known_issuer(installation, issuer)
    said = made(found, settings)
    click.echo(json_line(said) if as_json else "\n".join(_lines(said)))
    for point in open_points(found, settings):
        say(f"still open: {point}")


@issuers.command(epilog=OVERLAY_EXAMPLE)
@click.argument("issuer")
@click.argument("source", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--none", "away", is_flag=True, help="Take the EHR's own overlay away.")
@data_option
@json_option
def overlay(issuer: str, source: Path | None, away: bool, data: Path | None, as_json: bool) -> None:
    """Give one EHR a site overlay of its own: a TOML file, or a folder with site.toml, packs and tables. It
    stands in place of the installation's, is held against the guidance first, and counts from the next start
    of the server. Without a file: say what it has."""
    from app import audit, site_rules
    from mappings.library import LibraryError, load

    if source is not None and away:
        raise click.UsageError("give a file, or --none, not both")
    settings = settings_of(data)
    with opened(settings) as installation, installation.store.write() as session:
        found = known_issuer(installation, issuer)
        try:
            if source is not None:
                site_rules.install(settings, issuer, source, found.jurisdiction)
            elif away and not site_rules.remove(settings, issuer):
                raise click.UsageError(f"{issuer} has no overlay of its own")
            library = load(site_rules.site_of(settings, issuer))
        except LibraryError as error:
            raise click.ClickException(f"{error} Nothing was changed.") from error
        if source is not None or away:
            audit.did(
                session, operator(issuer), "rules of the site changed", utc_now(), subject=issuer,
                library=library.digest,
            )  # fmt: skip
    own = (settings.sites / issuer).is_dir()
    said = {"issuer": issuer, "own": own, "overlay": library.overlay and library.overlay.id,
            "digest": library.digest}  # fmt: skip
    whose = "an overlay of its own" if own else "the installation's rules"
    named = f" ({library.overlay.id})" if library.overlay else ""
    click.echo(json_line(said) if as_json else f"{issuer} has {whose}{named}; rules {library.digest[:12]}.")
    if source is not None or away:
        say("It counts from the next start of the server.")


@issuers.command("list", epilog=LIST_EXAMPLE)
@data_option
@json_option
def list_issuers(data: Path | None, as_json: bool) -> None:
    """Every registered EHR: id, FHIR base, client ids, jurisdiction."""
    from app.registry import registered

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        registry = registered(session, installation.keyring)
    for one in registry.issuers:
        said = {
            "id": one.id,
            "iss": one.iss,
            "client_id": one.client_id,
            "backend_client_id": one.backend_client_id,
            "jurisdiction": one.jurisdiction,
        }
        click.echo(json_line(said) if as_json else "  ".join(value or "-" for value in said.values()))


@issuers.command(epilog=REMOVE_EXAMPLE)
@click.argument("issuer")
@data_option
def remove(issuer: str, data: Path | None) -> None:
    """Remove an EHR that nothing was ever written for; one with records stays, for they stay."""
    from sqlalchemy import delete, exists, select

    from app import audit, site_rules
    from app.tables import ContactRow, IssuerRow, OutboxRow, PlanEntryRow

    settings = settings_of(data)
    with opened(settings) as installation, installation.store.write() as session:
        if session.get(IssuerRow, issuer) is None:
            raise click.UsageError(f"there is no registered EHR {issuer!r}; see: peerchart issuers list")
        held = [
            select(exists().where(table.issuer == issuer)) for table in (ContactRow, OutboxRow, PlanEntryRow)
        ]
        if any(session.scalar(query) for query in held):
            raise click.ClickException(f"{issuer} has records here, so its registration is kept.")
        session.execute(delete(IssuerRow).where(IssuerRow.issuer == issuer))
        audit.did(session, operator(issuer), "EHR removed", utc_now(), subject=issuer)
    site_rules.remove(settings, issuer)
    click.echo(f"{issuer} is no longer registered; launches from it are refused.")


def audit_probe(session: Session, actor: Actor, report: Report, now: datetime) -> None:
    """Write down that an EHR was asked what it is, and whether it can be used."""
    from app import audit

    audit.did(session, actor, "EHR probed", now, subject=report.issuer, stands=report.stands)


def _read(file: Path, session: Session, installation: Installation) -> Issuer:
    from app.registry import registered
    from smart_launch.registration import WrongRegistration, read_registration
    from smart_launch.strict_json import UnreadableJson, loads_object

    try:
        given = loads_object(file.read_bytes())
    except UnreadableJson as error:
        raise click.UsageError(f"{file} is no registration of an EHR: {error}") from error
    known = {one.id: one for one in registered(session, installation.keyring).issuers}
    before = known.get(str(given.get("id")))
    if before and before.client_secret and given.get("auth_method") == "client_secret_basic":
        given.setdefault("client_secret", before.client_secret)
    try:
        return read_registration(given)
    except WrongRegistration as wrong:
        raise _wrong(file, wrong.errors) from wrong


def _wrong(file: Path, errors: Mapping[str, str]) -> click.UsageError:
    words = "".join(f"\n  {name}: {why}" for name, why in errors.items())
    return click.UsageError(f"{file} is no registration of an EHR:{words}")


def _table(report: Report) -> str:
    from app.delivery.probed import WORDS

    said = [f"{report.issuer}  {report.iss}  {report.software or 'no name stated'}"]
    area = ""
    for one in report.lines:
        if one.area != area:
            area = one.area
            said += ["", area]
        said += textwrap.wrap(
            f"{WORDS[one.answer]:<16}{one.function}: {one.why}",
            WIDTH, initial_indent="  ", subsequent_indent=" " * 18, break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
        if one.next_step:
            said += textwrap.wrap(
                f"-> {one.next_step}",
                WIDTH, initial_indent=" " * 18, subsequent_indent=" " * 21, break_on_hyphens=False,
                break_long_words=False,
            )  # fmt: skip
    amiss = ", ".join(one.function for one in report.amiss())
    said += [
        "",
        f"To be mended first: {amiss}." if amiss else "Nothing that is needed is known to be missing.",
    ]
    return printable_lines(said)


def printable_lines(said: list[str]) -> str:
    """The lines as one text; what an EHR wrote cannot move the cursor."""
    return "\n".join(printable(one) for one in said)


def _lines(data: Any, depth: int = 0) -> Iterator[str]:
    """Plain data as an indented list for people."""
    pad = "  " * depth
    if isinstance(data, dict):
        for name, value in data.items():
            title = str(name).replace("_", " ")
            if isinstance(value, dict | list) and value:
                yield f"{pad}{title}:"
                yield from _lines(value, depth + 1)
            else:
                yield f"{pad}{title}: {_shown(value)}"
    else:
        for item in data:
            if isinstance(item, dict):
                yield f"{pad}- {'; '.join(f'{name} {_shown(value)}' for name, value in item.items())}"
            else:
                yield f"{pad}- {item}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value else "-"


for command in (forms, us_core, also):
    issuers.add_command(command)
