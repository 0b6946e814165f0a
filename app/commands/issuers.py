"""`peerchart issuers`: the registered EHRs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from app.commands.installation import data_option, opened, settings_of, utc_now
from app.commands.options import json_line, json_option

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
REMOVE_EXAMPLE = """\b
Example:
  peerchart issuers remove riverbend
"""
TAKES = click.Choice(["full", "epic", "oracle"])
_LISTS = ("scopes", "frame_origins", "backend_scopes", "endpoint_hosts")


@click.group()
def issuers() -> None:
    """The registered EHRs (issuers): add one, list or remove them."""


@issuers.command(epilog=ADD_EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--takes", type=TAKES, help="Treat its write surface as that of a known kind of EHR.")
@data_option
def add(file: Path, takes: str | None, data: Path | None) -> None:
    """Register an EHR from a JSON file, or change its registration; keys are made where it has none."""
    from app.delivery.capability import PRESETS
    from app.delivery.overrides import keep_override
    from app.registry import register

    issuer = _read(file)
    settings = settings_of(data)
    with opened(settings) as installation, installation.store.write() as session:
        register(session, installation.keyring, issuer, utc_now())
    if takes is not None:
        keep_override(settings.data_dir, issuer.id, PRESETS[takes])
    click.echo(
        f"{issuer.id} is registered. Give its administrators our public keys: <base>/.well-known/jwks.json"
    )


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


def _read(file: Path) -> Any:
    from smart_launch.issuers import Issuer

    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(given, dict):
            raise TypeError("expected one JSON object")
        lists = {name: tuple(given[name]) for name in _LISTS if name in given}
        return Issuer(**{**given, **lists})
    except (ValueError, TypeError) as error:
        raise click.UsageError(f"{file} is no registration of an EHR: {error}") from error


@issuers.command(epilog=REMOVE_EXAMPLE)
@click.argument("issuer")
@data_option
def remove(issuer: str, data: Path | None) -> None:
    """Remove an EHR that nothing was ever written for; one with records stays, for they stay."""
    from sqlalchemy import delete, exists, select

    from app import audit
    from app.tables import ContactRow, IssuerRow, OutboxRow, PlanEntryRow

    with opened(settings_of(data)) as installation, installation.store.write() as session:
        if session.get(IssuerRow, issuer) is None:
            raise click.UsageError(f"there is no registered EHR {issuer!r}; see: peerchart issuers list")
        held = [
            select(exists().where(table.issuer == issuer)) for table in (ContactRow, OutboxRow, PlanEntryRow)
        ]
        if any(session.scalar(query) for query in held):
            raise click.ClickException(f"{issuer} has records here, so its registration is kept.")
        session.execute(delete(IssuerRow).where(IssuerRow.issuer == issuer))
        audit.write(session, issuer, "EHR removed", utc_now(), actor="command line", subject=issuer)
    click.echo(f"{issuer} is no longer registered; launches from it are refused.")
