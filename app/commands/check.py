"""`peerchart check`: judge intake records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.inputs import read_intake
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

if TYPE_CHECKING:
    from mappings.findings import Judgement

EXAMPLE = """\b
Examples:
  peerchart check contacts.ndjson
  cat *.ndjson | peerchart check --all --now 2026-03-05T12:00:00-05:00
"""


@click.command(epilog=EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--all", "everything", is_flag=True, help="List passing and inapplicable rules too.")
@click.option("--office", is_flag=True, help="Judge staff and programmes of the input too, one line each.")
@now_option
@site_option
@known_option
@json_option
def check(
    files: Sequence[str],
    everything: bool,
    office: bool,
    now: datetime,
    site: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Judge every record of the input together.

    One JSON line for each contact and plan entry, in input order: id, kind, signing, claim, units,
    billed_units, findings. Refused lines are named on standard error; the others are still judged. With
    --office the lines of staff and programmes follow; they hold nothing.
    """
    from mappings.rules import judge, judge_office

    library = load_library(site)
    known = known_records(data)
    intake = read_intake(files, as_json)
    judgements = judge([*known, *intake.records], library, now)
    out = sys.stdout.buffer
    for judgement in (*judgements, *(judge_office(intake.records, library, now) if office else ())):
        out.write(json_line(judgement.to_json(all=everything)).encode() + b"\n")
    out.flush()
    if not as_json and sys.stderr.isatty():
        _summary(judgements, len(intake.refusals))
    finish(REFUSED if intake.refusals else HELD if any_held(judgements) else WELL)


def any_held(judgements: Iterable[Judgement]) -> bool:
    """True when a signing or a claim is held."""
    return any("held" in (judgement.signing, judgement.claim) for judgement in judgements)


def _summary(judgements: Sequence[Judgement], refused: int) -> None:
    signing = sum(1 for judgement in judgements if judgement.signing == "held")
    claims = sum(1 for judgement in judgements if judgement.claim == "held")
    units = sum(judgement.billed_units for judgement in judgements)
    say(
        f"{len(judgements)} judged: {signing} held for signing, {claims} held for the claim, "
        f"{units} units to bill; {refused} lines refused."
    )
