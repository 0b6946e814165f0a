"""`peerchart import`: FHIR of any make as intake records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
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
    printable,
    say,
    site_option,
)

if TYPE_CHECKING:
    from app.fhir_files import Reading
    from mappings.fhir.reading.records import Reading as Records
    from mappings.fhir.reading.sources import Located, Remark

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
    """
    from mappings.fhir.reading.records import read_records
    from mappings.intake import write_record

    if out != STDOUT and report is not None and Path(out).resolve() == Path(report).resolve():
        raise click.UsageError("--out and --report are one file; give each its own")
    library = load_library(site)
    remarks: list[Remark] = []
    given = [one for file in files for one in _resources(file, remarks)]
    unread = bool(remarks)
    read = read_records(given, library, now.date(), jurisdiction)
    with written_whole(out) as stream:
        for record in read.records:
            stream.write(json_line(write_record(record)).encode() + b"\n")
    remarks += read.remarks
    _tell(remarks, report, as_json)
    _sum_up(read, remarks, report)
    finish(REFUSED if unread else HELD if any(not each.kept for each in remarks) else WELL)


def _resources(file: Path, remarks: list[Remark]) -> Iterator[Located]:
    from mappings.fhir.reading.sources import Located, Remark

    name = printable(str(file))
    for prefix, reading in _readings(file):
        for left in reading.left:
            remarks.append(Remark(f"{name}: {prefix}{left.where}", "", "", left.reason))
        for one in reading.given:
            where = f"{prefix}{one.where}"
            # The entries of one Bundle belong together; the lines of a bulk export are all one.
            line = where.rpartition("entry ")[0] if "entry " in where else ""
            yield Located(f"{name}: {line}", f"{name}: {where}", one.resource, one.full_url)


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


def _tell(remarks: Sequence[Remark], report: str | None, as_json: bool) -> None:
    if report is None:
        for each in remarks[:_SHOWN]:
            say(_line(each, as_json))
        if len(remarks) > _SHOWN:
            say(f"... and {len(remarks) - _SHOWN} more; --report FILE tells all.")
        return
    with written_whole(report) as stream:
        for each in remarks:
            stream.write(_line(each, as_json).encode() + b"\n")


def _line(one: Remark, as_json: bool) -> str:
    if as_json:
        return json_line(
            {"where": one.where, "resource": one.kind, "element": one.element, "reason": one.reason}
        )
    path = ".".join(each for each in (one.kind, one.element) if each)
    return printable(f"{one.where}: {path}: {one.reason}" if path else f"{one.where}: {one.reason}")


def _sum_up(read: Records, remarks: Sequence[Remark], report: str | None) -> None:
    from collections import Counter

    made = Counter(each.kind for each in read.records)
    told = ", ".join(f"{number} {kind}" for kind, number in made.items()) or "no record"
    where = f" (see {printable(report)})" if report and remarks else ""
    say(f"Read: {told}. Not read into a record: {len(remarks)}{where}.")
