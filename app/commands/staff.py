"""`peerchart staff`: the staff registry by CSV and FHIR, and the programme."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.installation import data_option, opened, operator, settings_of, utc_now
from app.commands.options import (
    REFUSED,
    WELL,
    finish,
    json_line,
    json_option,
    load_library,
    say,
)
from app.commands.staff_fhir import export_fhir, import_fhir
from app.printable import printable

IMPORT_EXAMPLE = """\b
Example:
  peerchart staff import staff.csv --issuer sandbox
"""
PROGRAM_EXAMPLE = """\b
Example:
  peerchart staff program program.json --issuer sandbox
"""


@click.group()
def staff() -> None:
    """The staff registry and the programme."""


@staff.command("import", epilog=IMPORT_EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--issuer", required=True, help="The EHR whose staff it is.")
@data_option
@json_option
def import_staff(file: Path, issuer: str, data: Path | None, as_json: bool) -> None:
    """Import staff from CSV, one row for each fact (member, credential, supervisor, earlier-supervisor,
    attestation, education, session, telecom). The columns are those of the export; a cell that its fact does
    not use is refused. The file says the whole of each member in it, and what that takes away is told. A
    wrong member is refused with a reason for each line, the others are saved."""
    from app import staff as registry
    from app.problems import Problem

    settings = settings_of(data)
    library = load_library(settings.site_rules)
    try:
        text = file.read_text(encoding="utf-8-sig")
        with opened(settings) as installation, installation.store.write() as session:
            report = registry.import_csv(session, operator(issuer), text, utc_now(), library)
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is not UTF-8: save it as CSV UTF-8") from error
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    for one in report.refused:
        refusal = {"file": str(file), "line": one.line, "problem": one.reason}
        say(json_line(refusal) if as_json else printable(f"refused: {file}:{one.line}: {one.reason}"))
    for gone in report.taken:
        told = {"staff": gone.staff_id, "taken_away": gone.fact, "count": gone.count}
        words = f"taken away: {gone.staff_id}: {gone.count} {gone.fact}, since the file no longer says it"
        say(json_line(told) if as_json else printable(words))
    done = {"saved": list(report.saved), "unchanged": list(report.unchanged)}
    words = f"{len(report.saved)} saved, {len(report.unchanged)} unchanged."
    click.echo(json_line(done) if as_json else words)
    finish(REFUSED if report.refused else WELL)


@staff.command("program", epilog=PROGRAM_EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--issuer", required=True, help="The EHR in which the programme works.")
@data_option
def save_program(file: Path, issuer: str, data: Path | None) -> None:
    """Save the programme from one intake record of kind program. An unknown kind of policy is refused."""
    from app import staff as registry
    from app.problems import Problem
    from mappings.intake import Refused, read_record
    from mappings.records import Program

    settings = settings_of(data)
    library = load_library(settings.site_rules)
    try:
        record = read_record(file.read_bytes())
        if not isinstance(record, Program):
            raise click.UsageError(f"{file} holds a {record.kind}; expected a program")
        with opened(settings) as installation, installation.store.write() as session:
            registry.save_program(session, operator(issuer), record, utc_now(), library=library)
    except (Problem, Refused) as problem:
        raise click.UsageError(f"{file}: {problem}") from problem
    click.echo(f"The programme of {issuer} is {record.name or record.id}.")


staff.add_command(import_fhir)
staff.add_command(export_fhir)
