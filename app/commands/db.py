"""`peerchart db`: the schema of the database."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.installation import data_option, note_run, opened, settings_of

EXAMPLE = """\b
Example:
  peerchart db upgrade --data /var/lib/peerchart
"""


@click.group()
def db() -> None:
    """The database: bring its schema up to date."""


@db.command(epilog=EXAMPLE)
@data_option
def upgrade(data: Path | None) -> None:
    """Bring the schema up to date; it is made where there is none. Whole or not at all."""
    from app import migrations

    with opened(settings_of(data), upgraded=False) as installation:
        before = migrations.revision(installation.store)
        after = migrations.upgrade(installation.store)
        note_run(installation.store)
    change = "already" if before == after else f"now; before: {before or 'empty'}"
    click.echo(f"The database stands at {after} {change}.")
