"""Staff and programmes that stand in the installation's database, for records that name them by id alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mappings.records import Record

Command = TypeVar("Command", bound=Callable[..., Any])


def known_option(command: Command) -> Command:
    """`--data`: the installation whose staff and programmes the records may name by id."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="Look up staff and programmes that the input names by id alone in this installation "
        "(or in PEERCHART_DATA_DIR, where that is set).",
    )(command)


def known_records(data: Path | None) -> list[Record]:
    """Every staff member and programme of the installation's database, none without an installation.

    They go before the input's own records, so that the input's win. A folder that was named and holds no
    database is wrong usage.
    """
    if data is None and "PEERCHART_DATA_DIR" not in os.environ:
        return []
    from app.commands.installation import settings_of

    settings = settings_of(data)
    if settings.database_url == "" and not (settings.data_dir / "peerchart.sqlite3").exists():
        if data is not None:
            raise click.UsageError(
                f"there is no database in {str(data)!r}; give the folder of an installation"
            )
        return []
    return _read(settings.database)


def _read(address: str) -> list[Record]:
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.orm import Session

    from app.store import open_engine
    from app.tables import ProgramRow, StaffRow

    try:
        engine = open_engine(address)
        try:
            with Session(engine) as session:
                staff = session.scalars(select(StaffRow).order_by(StaffRow.issuer, StaffRow.id))
                programs = session.scalars(select(ProgramRow).order_by(ProgramRow.issuer, ProgramRow.id))
                return [*(row.record for row in staff), *(row.record for row in programs)]
        finally:
            engine.dispose()
    except (SQLAlchemyError, ValueError, OSError) as error:
        words = str(error).splitlines()[0]
        raise click.ClickException(
            f"The database cannot be read: {words}. Run: peerchart db upgrade"
        ) from error
