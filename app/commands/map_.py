"""`peerchart map`: intake records as FHIR Bundles."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from app.commands.bulk_options import (
    bulk_options,
    jobs_for,
    require_apart,
    shown,
    site_in_force,
    tell_refusals,
    working,
)
from app.commands.files import STDOUT, written_whole
from app.commands.inputs import STDIN, sources_of
from app.commands.known import known_option, known_records
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
    from app.bulk.journal import Journal
    from app.bulk.lines import Source
    from mappings.library import Library
    from mappings.records import Record

EXAMPLE = """\b
Examples:
  peerchart map contacts.ndjson --out bundles.ndjson --claims claims.ndjson
  peerchart map contacts.ndjson --out bundles.xml --format xml --report held.txt
  peerchart map year.csv --out year.ndjson --refused refused.ndjson
  peerchart map year.csv --out year.ndjson --refused refused.ndjson --resume
  peerchart map contacts.ndjson --out bundles.ndjson --us-core 7.0.0
  peerchart map contacts.ndjson --dry-run
  peerchart map contacts.ndjson --diff bundles.ndjson --diff claims.ndjson
"""


@click.command("map", epilog=EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--out", metavar="FILE", help="Where the Bundles go, one a line; - is output.")
@click.option("--claims", metavar="FILE", help="Where the Claims go, a Bundle each, one a line.")
@click.option("--report", metavar="FILE", help="Where the report of what was held goes, not standard error.")
@click.option(
    "--format", "form", type=click.Choice(["json", "xml"]), default="json", show_default=True,
    help="FHIR JSON or FHIR XML.",
)  # fmt: skip
@click.option(
    "--us-core", default="any", show_default=True, metavar="VERSION",
    help="The version of US Core the Bundles are for, such as 7.0.0; any: right for all at once.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a run of the same inputs that was stopped.")
@click.option("--dry-run", is_flag=True, help="Say what would leave, be claimed and be held; write nothing.")
@click.option(
    "--diff", "old", multiple=True, metavar="OLD", type=click.Path(exists=True, dir_okay=False),
    help="Say what would change against Bundles sent before (JSON, one a line); write nothing. May be given "
    "several times.",
)  # fmt: skip
@now_option
@site_option
@known_option
@bulk_options
@json_option
def map_records(
    files: Sequence[str],
    out: str | None,
    claims: str | None,
    report: str | None,
    form: str,
    us_core: str,
    resume: bool,
    dry_run: bool,
    old: Sequence[str],
    now: datetime,
    site: Path | None,
    data: Path | None,
    table: bool | None,
    refused: str | None,
    cluster: str | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Write one transaction Bundle a line for each record that may leave, in input order.

    Claims go in Bundles of their own, one for each individual, day and rate code. What is held, and why, is
    reported on standard error. Inputs may be of any size; a run that was stopped goes on with --resume.
    """
    from app.bulk import run
    from app.bulk.outcomes import Order

    written = {"out": out, "claims": claims, "report": report, "refused": refused}
    _require_usage(written, dry_run, old, form, resume, files)
    library = load_library(site)
    version = _version(us_core, library)
    known = known_records(data)
    with ExitStack() as stack:
        sources = stack.enter_context(sources_of(files, table))
        options = {"digest": library.digest, "form": form, "us_core": version, "json": as_json}
        now, asked = _asked(files, sources, known, out, resume, now, **options)
        dry = dry_run and not old
        order = Order(
            tuple(sources),
            site_in_force(site),
            library.digest,
            now,
            True,
            form,
            as_json=as_json,
            dry=dry,
            us_core=version,
        )
        journal = stack.enter_context(_journal(out, _again(files, out), asked, resume))
        jobs = jobs_for(jobs, sources)
        if jobs > 1:
            # What is imported before the processes part from this one is there in all of them.
            import_module("app.bulk.mapped")
        here, there = stack.enter_context(working(jobs, cluster))
        run.read(sources, known, journal, here, shown)
        bad = tell_refusals(journal, refused, as_json)
        run.judged(order, journal, there, shown)
        if old:
            _differences(journal, old, as_json)
        elif dry_run:
            _report(journal, STDOUT)
        else:
            _write(journal, out or STDOUT, claims, report)
        counts = journal.counts()
    if dry_run and not as_json:
        told = f"{counts['leaves']} would leave, {counts['held']} be held, {counts['left-out']} be left out"
        say(f"{told}; {counts['claimed']} claims, {counts['claim held']} held; {bad} lines refused.")
    finish(REFUSED if bad else HELD if counts["held"] + counts["claim held"] else WELL)


def _require_usage(
    written: Mapping[str, str | None],
    dry_run: bool,
    old: Sequence[str],
    form: str,
    resume: bool,
    files: Sequence[str],
) -> None:
    if old and form != "json":
        raise click.UsageError("--diff compares JSON; leave --format out")
    if dry_run or old:
        named = [f"--{name}" for name in written if written[name]] + (["--resume"] if resume else [])
        if named:
            which = "--diff" if old else "--dry-run"
            raise click.UsageError(f"{which} writes nothing; leave {', '.join(named)} out")
        return
    out = written["out"]
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    require_apart(**written)
    if resume and not _again(files, out):
        raise click.UsageError("--resume needs inputs and --out that are files: a pipe cannot be read again")


def _version(us_core: str, library: Library) -> str | None:
    """The version of US Core that is asked for; None for any."""
    if us_core == "any":
        return None
    from mappings.fhir.us_core import versions

    known = versions(library)
    if us_core not in known:
        raise click.UsageError(f"the versions of US Core that are known are {', '.join(known)}; or say any")
    return us_core


def _again(files: Sequence[str], out: str | None) -> bool:
    """Whether a run that was stopped could go on: what it reads and writes are files."""
    read = bool(files) and all(name != STDIN and Path(name).is_file() for name in files)
    return read and out not in (None, STDOUT) and (not Path(str(out)).exists() or Path(str(out)).is_file())


def _asked(
    files: Sequence[str], sources: Sequence[Source], known: Sequence[Record], out: str | None, resume: bool,
    now: datetime, **more: Any,
) -> tuple[datetime, dict[str, Any]]:  # fmt: skip
    """The time of this run, that of the unfinished one unless another was given, and what it is asked."""
    from app.bulk import journal, run

    given = click.get_current_context().get_parameter_source("now") is not ParameterSource.DEFAULT
    before = journal.asked_of(Path(out)) if resume and out is not None else None
    if before is not None and not given:
        now = datetime.fromisoformat(before["now"])
    paths = [
        (source.name, Path(name) if name != STDIN and Path(name).is_file() else Path(source.path))
        for name, source in zip(files or (STDIN,), sources, strict=True)
    ]
    return now, run.fingerprint(paths, known, now=now.isoformat(), **more)


@contextlib.contextmanager
def _journal(out: str | None, again: bool, asked: Mapping[str, Any], resume: bool) -> Iterator[Journal]:
    """The journal of the run: beside its output where the run could go on `again`, else a temporary one."""
    from app.bulk import journal

    with ExitStack() as stack:
        if out is None or not again:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="peerchart-"))
            made = stack.enter_context(contextlib.closing(journal.Journal(Path(folder), {}, durable=False)))
        else:
            made = stack.enter_context(_beside(Path(out), asked, resume))
        yield made


def _beside(out: Path, asked: Mapping[str, Any], resume: bool) -> AbstractContextManager[Journal]:
    from app.bulk import journal

    try:
        return journal.beside(out, asked, resume)
    except journal.Busy:
        raise click.UsageError(f"another run writes {str(out)!r} just now; wait for it, or stop it") from None
    except journal.Other:
        words = "the run that was stopped was of other inputs, rules or options"
        raise click.UsageError(f"{words}; leave --resume out to start anew") from None
    except OSError as error:
        raise click.UsageError(f"{str(out)!r} cannot be written: {error.strerror}") from error


def _write(journal: Journal, out: str, claims: str | None, report: str | None) -> None:
    from app.bulk.outcomes import CLAIMS, OUT

    with written_whole(out) as stream:
        stream.writelines(journal.pieces(OUT))
    if claims is not None:
        with written_whole(claims) as stream:
            stream.writelines(journal.pieces(CLAIMS))
    _report(journal, report)


def _report(journal: Journal, name: str | None) -> None:
    from app.bulk.outcomes import REPORT

    lines = journal.pieces(REPORT)
    if name is None:
        for line in lines:
            click.echo(line.decode(), err=True, nl=False)
        return
    with written_whole(name) as stream:
        stream.writelines(lines)


def _differences(journal: Journal, old: Sequence[str], as_json: bool) -> None:
    """What would change, by identifier: all of it as JSON, else what is not the same, and how many are."""
    from app.bulk.changes import NoBundle, changes
    from app.bulk.outcomes import CLAIMS, OUT

    new = journal.folder / "new.ndjson"
    with new.open("wb") as stream:
        stream.writelines(journal.pieces(OUT))
        stream.writelines(journal.pieces(CLAIMS))
    counts: Counter[str] = Counter()
    try:
        for each in changes([Path(name) for name in old], [new], journal.folder):
            counts[each.way] += 1
            if as_json:
                click.echo(json_line(each.to_json()))
            elif each.way != "same":
                paths = "".join(f"\n  {path}" for path in each.paths)
                click.echo(f"{each.way}: {each.type} {printable(each.identifier)}{paths}")
    except NoBundle as error:
        raise click.UsageError(str(error)) from error
    if not as_json:
        say(", ".join(f"{counts[way]} {way}" for way in ("new", "changed", "gone", "same")) + ".")
