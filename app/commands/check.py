"""`peerchart check`: judge intake records."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from app.commands.bulk_options import (
    bulk_options,
    jobs_for,
    shown,
    site_in_force,
    tell_refusals,
    working,
)
from app.commands.inputs import sources_of
from app.commands.known import known_option, known_records
from app.commands.options import (
    HELD,
    REFUSED,
    WELL,
    finish,
    json_option,
    load_library,
    now_option,
    say,
    site_option,
)

EXAMPLE = """\b
Examples:
  peerchart check contacts.ndjson
  cat *.ndjson | peerchart check --all --now 2026-03-05T12:00:00-05:00
  peerchart check year.csv --refused refused.ndjson > judged.ndjson
"""


@click.command(epilog=EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--all", "everything", is_flag=True, help="List passing and inapplicable rules too.")
@click.option("--office", is_flag=True, help="Judge staff and programmes of the input too, one line each.")
@now_option
@site_option
@known_option
@bulk_options
@json_option
def check(
    files: Sequence[str],
    everything: bool,
    office: bool,
    now: datetime,
    site: Path | None,
    data: Path | None,
    table: bool | None,
    refused: str | None,
    cluster: str | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Judge every record of the input together.

    One JSON line for each contact and plan entry, in input order: id, kind, signing, claim, units,
    billed_units, findings. Refused lines are named on standard error; the others are still judged. With
    --office the lines of staff and programmes follow; they hold nothing.
    """
    from app.bulk import run
    from app.bulk.journal import Journal
    from app.bulk.outcomes import OUT, Order
    from app.bulk.work import worker_of

    library = load_library(site)
    known = known_records(data)
    with (
        sources_of(files, table) as sources,
        tempfile.TemporaryDirectory(prefix="peerchart-") as folder,
        working(jobs_for(jobs, sources), cluster) as (here, there),
    ):
        order = Order(tuple(sources), site_in_force(site), library.digest, now, False, everything=everything)
        journal = Journal(Path(folder), {}, durable=False)
        run.read(sources, known, journal, here, shown)
        bad = tell_refusals(journal, refused, as_json)
        run.judged(order, journal, there, shown)
        out = sys.stdout.buffer
        out.writelines(journal.pieces(OUT))
        out.writelines(worker_of(order, journal.index_path).office() if office else ())
        out.flush()
        counts = journal.counts()
        journal.close()
    if not as_json and sys.stderr.isatty():
        _summary(counts, bad)
    finish(REFUSED if bad else HELD if any_held(counts) else WELL)


def any_held(counts: Counter[str]) -> bool:
    """True when a signing or a claim is held."""
    return counts["signing held"] + counts["claim held"] > 0


def _summary(counts: Counter[str], refused: int) -> None:
    judged = counts["signing held"] + counts["signing ready"]
    say(
        f"{judged} judged: {counts['signing held']} held for signing, {counts['claim held']} held for the "
        f"claim, {counts['units']} units to bill; {refused} lines refused."
    )
