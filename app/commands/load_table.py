"""`peerchart rules load-table`: a place's table of service encounters from CSV into the site's folder."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.options import HELD, finish, json_line, json_option, say

if TYPE_CHECKING:
    from mappings.library import Library

EXAMPLE = """\b
Examples:
  peerchart rules load-table us-wa seri-2026.csv --from 2026-01-01
  peerchart rules load-table us-wa seri-2026.csv --from 2026-01-01 --site ~/peerchart-site
\b
The CSV has a head line and one line for each combination that may be billed:
  code,modifiers,format,credentials,unit_minutes,rounding,description
  H0038,,individual,,15,floor,Peer services
  H0038,HQ,group,wa-cpc wa-cps,15,floor,"Peer services, group"
Several modifiers or credentials stand in one cell, apart by a space. A blank format is both, blank
credentials are any that the place accepts. Only code and unit_minutes are needed.
"""


def default_site() -> Path:
    """The site's folder of this installation: PEERCHART_SITE, or `site` in the data folder."""
    from app.settings import Settings

    settings = Settings()
    return settings.site or settings.data_dir / "site"


@click.command("load-table", epilog=EXAMPLE)
@click.argument("jurisdiction")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from",
    "start",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="The first day on which the table counts; the one loaded before ends on the day before.",
)
@click.option(
    "--site",
    type=click.Path(file_okay=False, path_type=Path),
    help="The site's folder; the table goes into its tables/.  [default: PEERCHART_SITE or the data folder]",
)
@json_option
def load_table(jurisdiction: str, file: Path, start: datetime, site: Path | None, as_json: bool) -> None:
    """Load a place's table of service encounters from a CSV file, checked before anything is written.

    Places that bill by such a table hold every claim until one is loaded. The table is written into the
    site's folder, dated and with the file's name and digest as its source; earlier rows stay for their days.
    """
    from mappings.encounter_csv import BadTable
    from mappings.library import LibraryError

    folder = site or default_site()
    try:
        target, rows = _load(jurisdiction, file, start.date(), folder, datetime.now(UTC).astimezone().date())
    except BadTable as error:
        problems = [f"{file.name}: {problem}" for problem in error.problems]
    except LibraryError as error:
        problems = [str(error)]
    except UnicodeDecodeError:
        problems = [f"{file.name}: not UTF-8; save the CSV as UTF-8"]
    else:
        done = {"table": str(target), "rows": rows, "from": start.date().isoformat()}
        click.echo(json_line(done) if as_json else f"{rows} rows in force from {done['from']}: {target}")
        return
    for problem in problems:
        say(json_line({"problem": problem}) if as_json else problem)
    if not as_json:
        say("Nothing was written.")
    finish(HELD)


def _load(jurisdiction: str, file: Path, start: date, folder: Path, on: date) -> tuple[Path, int]:
    from mappings.encounter_csv import as_toml, followed_by, read_csv, rows_of
    from mappings.library import LibraryError, load

    if folder.is_file():
        form = "a folder; the overlay moves there as site.toml"
        raise LibraryError(str(folder), "the site", "it is a file, and a table needs a folder", form)
    library = load(folder if folder.is_dir() else None)
    name = _table_name(library, jurisdiction, start)
    content = file.read_bytes()
    newer = read_csv(content.decode("utf-8"), start)
    loaded = library.tables.get(name)
    rows = followed_by(rows_of(loaded) if loaded is not None else (), newer, start)
    text = as_toml(name, jurisdiction, rows, name=file.name, content=content, start=start, on=on)
    target = folder / "tables" / f"{name}.toml"
    _proven(text, target.name)
    _write(target, text)
    load(folder)
    return target, len(newer)


def _table_name(library: Library, jurisdiction: str, start: date) -> str:
    from mappings.library import LibraryError

    day = library.on(jurisdiction, start)
    name = day.value("encounter.table") if day is not None else None
    if name is None:
        waiting = sorted(
            {
                pack.jurisdiction
                for pack in library.packs.values()
                if "encounter.table" in library.parameters[pack.id]
            }
        )
        raise LibraryError(
            jurisdiction,
            f"on {start}",
            "no rules there bill by a table of service encounters",
            "one of the places " + ", ".join(waiting),
        )
    return str(name)


def _proven(text: str, name: str) -> None:
    """Read the table once beside the shipped library before it takes its place; raises LibraryError."""
    from mappings.library import load

    with tempfile.TemporaryDirectory() as place:
        tables = Path(place) / "tables"
        tables.mkdir()
        (tables / name).write_text(text, "utf-8")
        load(Path(place))


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
