"""`peerchart keys`: client keys and seal keys."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.installation import data_option, opened, operator, settings_of, utc_now
from app.commands.options import json_line, json_option

LIST_EXAMPLE = """\b
Example:
  peerchart keys list
"""
ROTATE_EXAMPLE = """\b
Example:
  peerchart keys rotate sandbox --purpose client
"""
PUBLIC_EXAMPLE = """\b
Example:
  peerchart keys public --purpose seal > seal-keys.json
"""
PURPOSES = click.Choice(["client", "seal"])


@click.group()
def keys() -> None:
    """Keys: client keys say who we are to an EHR, seal keys seal signatures."""


@keys.command("list", epilog=LIST_EXAMPLE)
@data_option
@json_option
def list_keys(data: Path | None, as_json: bool) -> None:
    """Every key: issuer, purpose, kid, since when, and whether it is retired."""
    from sqlalchemy import select

    from app.tables import KeyRow

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        order = (KeyRow.issuer, KeyRow.purpose, KeyRow.made_at)
        rows = session.scalars(select(KeyRow).order_by(*order)).all()
    for row in rows:
        retired = row.retired_at.isoformat(timespec="seconds") if row.retired_at else None
        said = {
            "issuer": row.issuer,
            "purpose": row.purpose,
            "kid": row.kid,
            "made_at": row.made_at.isoformat(timespec="seconds"),
            "retired_at": retired,
        }
        in_use = f"retired {retired}" if retired else "in use"
        click.echo(
            json_line(said)
            if as_json
            else f"{row.issuer}  {row.purpose:<6}  {row.kid}  {said['made_at']}  {in_use}"
        )


@keys.command(epilog=ROTATE_EXAMPLE)
@click.argument("issuer")
@click.option("--purpose", type=PURPOSES, required=True, help="Which of the two keys.")
@data_option
def rotate(issuer: str, purpose: str, data: Path | None) -> None:
    """Retire the key in use and make the next. Retired public keys stay published."""
    from app import audit
    from app.problems import Problem
    from app.registry import jurisdiction_of

    now = utc_now()
    try:
        with opened(settings_of(data)) as installation, installation.store.write() as session:
            jurisdiction_of(session, issuer)
            kid = installation.keyring.rotate(session, issuer, purpose, now)
            audit.did(session, operator(issuer), "key rotated", now, subject=kid, purpose=purpose)
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    click.echo(f"The {purpose} key of {issuer} is now {kid}.")


@keys.command(epilog=PUBLIC_EXAMPLE)
@click.option("--purpose", type=PURPOSES, required=True, help="Which of the two sets.")
@data_option
def public(purpose: str, data: Path | None) -> None:
    """The public keys as a JWK Set, as the server publishes them."""
    with opened(settings_of(data)) as installation:
        ring = installation.keyring
        click.echo(json_line(ring.public_client_keys() if purpose == "client" else ring.public_seal_keys()))
