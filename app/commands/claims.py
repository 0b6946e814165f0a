"""`peerchart claims`: where claims stand, and the charge file for the clinic's own billing system."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.installation import data_option, opened, operator, settings_of, utc_now
from app.commands.options import HELD, WELL, finish, json_line, json_option, load_library, say
from app.printable import printable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.billing import ClaimView
    from app.charges import ChargeFile
    from mappings.library import Library

EXAMPLE = """\b
Examples:
  peerchart claims list --issuer sandbox --state ready
  peerchart claims show PCABCDEFGHIJKLMNOPA --issuer sandbox
  peerchart claims export --issuer sandbox --charges charges.csv
  peerchart claims export --issuer sandbox --x12 outgoing/
  peerchart claims read 277ca.txt --issuer sandbox
"""
issuer_option = click.option("--issuer", required=True, help="The EHR whose claims they are.")


@click.group(epilog=EXAMPLE)
def claims() -> None:
    """Claims: list them, show one, hand them over."""


@claims.command("list")
@issuer_option
@click.option("--state", help="ready, held, released, corrected, voided, or what the payer answered.")
@data_option
@json_option
def list_claims(issuer: str, state: str | None, data: Path | None, as_json: bool) -> None:
    """Every claim and every contact that is held, latest day first."""
    from app import billing

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        found = billing.listing(session, operator(issuer), state)
    for one in found:
        click.echo(json_line(_short(one)) if as_json else printable(_words(one)))
    if not found and not as_json:
        click.echo("No claim stands so.")


@claims.command("show")
@click.argument("reference")
@issuer_option
@data_option
@json_option
def show(reference: str, issuer: str, data: Path | None, as_json: bool) -> None:
    """One claim by its control number, or one held contact by its id: lines, signed versions, answers."""
    from app import billing
    from app.problems import Problem

    try:
        with opened(settings_of(data)) as installation, installation.store.read() as session:
            one = billing.view(session, operator(issuer), reference)
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    if as_json:
        click.echo(json_line(_long(one)))
        return
    click.echo(printable(_words(one)))
    for line in one.lines:
        modifiers = " ".join(line["modifiers"])
        versions = ", ".join(
            f"{contact} version {version} ({units})" for contact, version, units in line["contacts"]
        )
        click.echo(printable(f"  {line['code']} {modifiers} {line['units']} units: {versions}"))
    for answer in one.answers:
        click.echo(printable(f"  {answer.at:%Y-%m-%d} {answer.status} {answer.reason}".rstrip()))


@claims.command("export")
@issuer_option
@click.option(
    "--charges",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the charge file (CSV) here; a file that exists is never overwritten.",
)
@click.option(
    "--x12",
    type=click.Path(writable=True, path_type=Path),
    help="Write X12 837 here, a folder or a file: where the site is its sole biller.",
)
@click.option("--again", "batch", help="The batch of an earlier file, to write it once more.")
@data_option
@json_option
def export(
    issuer: str, charges: Path | None, x12: Path | None, batch: str | None, data: Path | None, as_json: bool
) -> None:
    """Write every released claim that left by no way yet. A claim is exported once.

    Exit codes: 0 all went, 1 a claim waits and why is told, 2 nothing was exported.
    """
    if (charges is None) == (x12 is None):
        raise click.UsageError("say what to write: --charges FILE or --x12 DIR")
    if x12 is not None:
        from app.commands.claims_x12 import export_x12

        export_x12(issuer, x12, batch, data, as_json)
    elif charges is not None:
        _export_charges(issuer, charges, batch, data, as_json)


def _export_charges(issuer: str, charges: Path, batch: str | None, data: Path | None, as_json: bool) -> None:
    from app import charges as office
    from app.problems import Problem

    settings = settings_of(data)
    try:
        with opened(settings) as installation, installation.store.write() as session:
            _refuse_sole_biller(session, issuer, load_library(settings.site_rules))
            who = operator(issuer)
            made = (
                office.again(session, who, batch, utc_now())
                if batch
                else office.export(session, who, utc_now())
            )
            if made.claims:
                with charges.open("x", encoding="utf-8", newline="") as file:
                    file.write(made.text)
            earlier = office.batches(session, who)
    except FileExistsError as error:
        raise click.UsageError(f"{charges} exists already; nothing was exported") from error
    except (Problem, OSError) as problem:
        raise click.UsageError(str(problem)) from problem
    _tell_charges(made, charges, earlier, as_json)
    finish(HELD if made.waiting else WELL)


def _tell_charges(
    made: ChargeFile, charges: Path, earlier: list[tuple[str, datetime, int]], as_json: bool
) -> None:
    waiting = {one.control_number: one.why for one in made.waiting}
    file = str(charges) if made.claims else None
    if as_json:
        done = {"batch": made.batch, "claims": list(made.claims), "file": file, "waiting": waiting}
        click.echo(json_line(done))
        return
    if made.claims:
        click.echo(f"{len(made.claims)} claims in batch {made.batch}: {charges}")
    else:
        why = "can go into a charge file now" if waiting else "was released since the last charge file"
        click.echo(f"No claim {why}; nothing was written.")
        for name, at, many in earlier[:5]:
            say(f"exported before: batch {name}, {at:%Y-%m-%d %H:%M} UTC, {many} claims (--again {name})")
    for number, why in waiting.items():
        say(printable(f"claim {number} waits: {why}"))


@claims.command("read")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@issuer_option
@data_option
@json_option
def read(file: Path, issuer: str, data: Path | None, as_json: bool) -> None:
    """Take in what a payer answers: a 999, 277CA or 835. The same file again changes nothing.

    Exit codes: 0 all was understood, 1 something needs a person's eyes.
    """
    from app.commands.claims_x12 import read_answers

    read_answers(file, issuer, data, as_json)


def _refuse_sole_biller(session: Session, issuer: str, library: Library) -> None:
    from app.registry import jurisdiction_of
    from mappings.claim_forms import sole_biller

    if sole_biller(library, jurisdiction_of(session, issuer), utc_now().date()):
        words = "its claims go to the payer as X12, not as a charge file"
        raise click.UsageError(f'the site is the sole biller ("claim.handoff"): {words}')


def _words(one: ClaimView) -> str:
    named = one.control_number or f"contact {one.reference}"
    kind = {"7": " replaces ", "8": " voids "}.get(one.frequency, " after ") + one.prior if one.prior else ""
    units = f", {one.units} units" if one.units else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.day or 'no day'} {named}: {one.standing}{units}{kind}{reason}"


def _short(one: ClaimView) -> dict[str, Any]:
    return {
        "reference": one.reference,
        "control_number": one.control_number or None,
        "state": one.state,
        "standing": one.standing,
        "day": None if one.day is None else one.day.isoformat(),
        "form": one.form or None,
        "rate_code": one.rate_code or None,
        "units": one.units,
        "frequency": one.frequency,
        "prior": one.prior,
        "replaced_by": one.replaced_by,
        "batch": one.batch,
        "reason": one.reason or None,
    }


def _long(one: ClaimView) -> dict[str, Any]:
    answers = [
        {
            "status": each.status,
            "reason": each.reason,
            "payer_number": each.payer_number,
            "paid": None if each.paid is None else str(each.paid),
            "source": each.source,
            "at": each.at.isoformat(),
        }
        for each in one.answers
    ]
    lines = [{**line, "contacts": [list(part) for part in line["contacts"]]} for line in one.lines]
    return {**_short(one), "lines": lines, "diagnoses": list(one.diagnoses), "answers": answers}
