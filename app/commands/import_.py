"""`peerchart import`: FHIR of any make as intake records."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.files import STDOUT, written_whole
from app.commands.options import (
    HELD,
    REFUSED,
    WELL,
    finish,
    json_line,
    json_option,
    load_library,
    now_option,
    say,
    site_option,
)
from app.printable import printable

if TYPE_CHECKING:
    from app.commands.import_gathered import Gathered
    from app.commands.import_people import Line, Parted
    from app.fhir_files import Reading
    from mappings.fhir.reading.sources import Located, Remark
    from mappings.library import Library

EXAMPLE = """\b
Examples:
  peerchart import bundles.ndjson claims.ndjson --out records.ndjson
  peerchart import Patient.ndjson Encounter.ndjson CarePlan.ndjson --jurisdiction us-ny --report left.txt
  peerchart import searchset.xml --jurisdiction us-wa | peerchart check
  peerchart import --not-carried

\b
Exit codes: 0 all was read, 1 something has no place in a record (see the report), 2 wrong usage or a file
that cannot be read.
"""
_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)
_MOST_BYTES, _MOST = 256 * 1024 * 1024, 2_000_000
_SHOWN = 20


def _not_carried(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from mappings.fhir.reading.not_carried import NOT_CARRIED

    for field, reason in NOT_CARRIED.items():
        click.echo(f"{field}: {reason}")
    ctx.exit(WELL)


@click.command("import", epilog=EXAMPLE)
@click.argument("files", nargs=-1, required=True, type=_FILES, metavar="FILE...")
@click.option("--out", default=STDOUT, metavar="FILE", help="Where the records go, one a line; - is output.")
@click.option("--report", metavar="FILE", help="Where all that was not read is told, element by element.")
@click.option("--jurisdiction", metavar="CODE", help="That of resources which name none, such as us-ny.")
@click.option(
    "--not-carried", is_flag=True, is_eager=True, expose_value=False, callback=_not_carried,
    help="Say which fields of a record do not come back from its own FHIR, and why, and end.",
)  # fmt: skip
@now_option
@site_option
@json_option
def import_records(
    files: Sequence[Path],
    out: str,
    report: str | None,
    jurisdiction: str | None,
    now: datetime,
    site: Path | None,
    as_json: bool,
) -> None:
    """Read Bundles, resources and NDJSON of a bulk export, as FHIR R4 JSON or XML, into intake records.

    All FILEs are read together: what one refers to may stand in another, and several Bundles of one record
    are one. Contacts, plan entries, staff and programmes come out, of our own Bundles as they went in. What
    has no place in a record is reported per resource and element; nothing is left out without a word.

    NDJSON of Bundles whose resources have no address but a urn, such as `peerchart map` writes, may be of any
    size: in memory are those of one person at a time, and of each staff member and programme one. Where
    anything else is among the FILEs, such as a bulk export, all of them are held in memory, about ten times
    their size, and none may be larger than 256 MiB.
    """
    from app.commands.import_gathered import Gathered

    if out != STDOUT and report is not None and Path(out).resolve() == Path(report).resolve():
        raise click.UsageError("--out and --report are one file; give each its own")
    library = load_library(site)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peerchart-")))
        gathered = stack.enter_context(contextlib.closing(Gathered(folder)))
        unread = _read(files, folder, gathered, library, now.date(), jurisdiction)
        with written_whole(out) as stream:
            stream.writelines(gathered.lines())
        _tell(gathered, report, as_json)
        _sum_up(gathered, report)
        left = gathered.told()[1]
    finish(REFUSED if unread else HELD if left else WELL)


def _read(
    files: Sequence[Path], folder: Path, gathered: Gathered, library: Library, on: date,
    jurisdiction: str | None,
) -> bool:  # fmt: skip
    """Read all files: person by person where nothing keeps them together, else all at once. Says whether
    something could not be read at all."""
    from app.commands.import_people import Parted
    from mappings.fhir.reading.records import read_records

    if all(file.is_file() for file in files):
        with contextlib.closing(Parted(files, folder)) as parted:
            if parted.find():
                _read_people(parted, gathered, library, on, jurisdiction)
                return False
    remarks: list[Remark] = []
    given = [one for file in files for one in _resources(file, remarks)]
    for each in remarks:
        gathered.remark(each)
    gathered.take(read_records(given, library, on, jurisdiction), lambda _: 0)
    return bool(remarks)


def _read_people(
    parted: Parted, gathered: Gathered, library: Library, on: date, jurisdiction: str | None
) -> None:
    from app.commands.import_people import SHARED
    from mappings.fhir.reading.records import read_records

    for lines in parted.people():
        places, given = _given(lines)
        read = read_records(given, library, on, jurisdiction)
        gathered.take(read, _in(places), lambda kind: kind not in SHARED)
    places, given = _given(parted.exemplars())
    read = read_records(given, library, on, jurisdiction)
    gathered.take(read, _in(places), lambda kind: kind in SHARED)


def _in(places: Mapping[str, int]) -> Callable[[str], int]:
    return lambda where: places.get(where, 0)


def _given(lines: Sequence[Line]) -> tuple[dict[str, int], list[Located]]:
    """The resources of lines, and the place of the line in which each of them stands."""
    from app.fhir_files import read_fhir

    places: dict[str, int] = {}
    given: list[Located] = []
    for line in lines:
        reading = read_fhir(line.data, most_bytes=_MOST_BYTES, most=_MOST)
        found = _located(printable(str(line.file)), f"line {line.number}, ", reading)
        places.update((each.where, line.at) for each in found)
        given += found
    return places, given


def _resources(file: Path, remarks: list[Remark]) -> Iterator[Located]:
    from mappings.fhir.reading.sources import Remark

    name = printable(str(file))
    for prefix, reading in _readings(file):
        for left in reading.left:
            remarks.append(Remark(f"{name}: {prefix}{left.where}", "", "", left.reason))
        yield from _located(name, prefix, reading)


def _located(name: str, prefix: str, reading: Reading) -> list[Located]:
    from mappings.fhir.reading.sources import Located

    found = []
    for one in reading.given:
        where = f"{prefix}{one.where}"
        # The entries of one Bundle belong together; the lines of a bulk export are all one.
        line = where.rpartition("entry ")[0] if "entry " in where else ""
        found.append(Located(f"{name}: {line}", f"{name}: {where}", one.resource, one.full_url))
    return found


def _readings(file: Path) -> Iterator[tuple[str, Reading]]:
    """What a file holds; XML may be one Bundle a line, as `peerchart map` writes it."""
    from app.fhir_files import read_fhir
    from app.problems import MendInput

    try:
        data = file.read_bytes()
        try:
            yield "", read_fhir(data, most_bytes=_MOST_BYTES, most=_MOST)
        except MendInput:
            lines = data.split(b"\n")
            if not data.lstrip().startswith(b"<") or not all(
                each.lstrip().startswith(b"<") for each in lines if each.strip()
            ):
                raise
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"line {number}, ", read_fhir(line, most_bytes=_MOST_BYTES, most=_MOST)
    except (MendInput, OSError) as problem:
        raise click.UsageError(f"{printable(file.name)}: {printable(str(problem))}") from problem


def _tell(gathered: Gathered, report: str | None, as_json: bool) -> None:
    if report is None:
        for each in islice(gathered.remarks(), _SHOWN):
            say(_line(each, as_json))
        more = gathered.told()[0] - _SHOWN
        if more > 0:
            say(f"... and {more} more; --report FILE tells all.")
        return
    with written_whole(report) as stream:
        stream.writelines(_line(each, as_json).encode() + b"\n" for each in gathered.remarks())


def _line(one: Remark, as_json: bool) -> str:
    if as_json:
        return json_line(
            {"where": one.where, "resource": one.kind, "element": one.element, "reason": one.reason}
        )
    path = ".".join(each for each in (one.kind, one.element) if each)
    return printable(f"{one.where}: {path}: {one.reason}" if path else f"{one.where}: {one.reason}")


def _sum_up(gathered: Gathered, report: str | None) -> None:
    number = gathered.told()[0]
    kinds = [kind for kind in ("program", "staff", "plan-entry", "contact") if gathered.counts[kind]]
    told = ", ".join(f"{gathered.counts[kind]} {kind}" for kind in kinds) or "no record"
    where = f" (see {printable(report)})" if report and number else ""
    say(f"Read: {told}. Not read into a record: {number}{where}.")
