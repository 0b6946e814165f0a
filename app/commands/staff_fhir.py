"""`peerchart staff import-fhir` and `export-fhir`: staff as FHIR Practitioner and PractitionerRole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from app.commands.files import STDOUT, written_whole
from app.commands.installation import Installation, data_option, opened, operator, settings_of, utc_now
from app.commands.options import REFUSED, WELL, finish, json_line, json_option, load_library, say
from app.printable import printable

if TYPE_CHECKING:
    from app.staff_fhir import Preview, Source, Taken
    from app.staff_fhir_plan import Entry

EXAMPLE = """\b
Examples:
  peerchart staff import-fhir practitioners.json --issuer riverbend --dry-run
  peerchart staff import-fhir practitioners.ndjson --issuer riverbend
  peerchart staff import-fhir --from-ehr riverbend --with-roles
"""
EXPORT_EXAMPLE = """\b
Example:
  peerchart staff export-fhir --issuer riverbend --out staff.json
"""


@click.command("import-fhir", epilog=EXAMPLE)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--issuer", help="The EHR whose staff the file holds.")
@click.option("--from-ehr", metavar="ISSUER", help="Ask this EHR itself, by backend services.")
@click.option(
    "--with-roles", is_flag=True, help="Give the suggested roles too; without it, they are only said."
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@data_option
@json_option
def import_fhir(
    file: Path | None,
    issuer: str | None,
    from_ehr: str | None,
    with_roles: bool,
    dry_run: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Import staff from FHIR (Practitioner, PractitionerRole): a Bundle, one resource or NDJSON, JSON or XML.

    Adds and completes; takes no credential or role away. A second import changes nothing. Exit code 2:
    somebody or something was refused.
    """
    from app.problems import Problem

    settings = settings_of(data)
    whose = _whose(file, issuer, from_ehr)
    library = load_library(settings.site_rules)
    now = utc_now()
    from app.staff_fhir import preview, take

    try:
        with opened(settings) as installation:
            source = _source(installation, file, whose)
            with installation.store.write() as session:
                seen = preview(session, operator(whose), source, library, now.date())
                chosen = {
                    one.key: _roles(one, with_roles) for one in seen.standing("new", "changed", "unchanged")
                }
                taken = None
                if not dry_run:
                    taken = take(
                        session, operator(whose), source, chosen, seen.digest, library, now.date(), now
                    )
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    _tell(seen, taken, as_json)
    wrong = seen.standing("refused") or seen.left or (taken and taken.refused)
    finish(REFUSED if wrong else WELL)


@click.command("export-fhir", epilog=EXPORT_EXAMPLE)
@click.option("--issuer", required=True, help="The EHR whose staff it is.")
@click.option("--out", default=STDOUT, show_default=True, metavar="FILE", help="Where it goes; - is output.")
@data_option
def export_fhir(issuer: str, out: str, data: Path | None) -> None:
    """Export staff as FHIR (Practitioner, PractitionerRole), for a store of the programme's own.

    One transaction that brings each up to date where they stand, by NPI, and creates who is new: names, how
    to reach them at work, certificates, licences and roles. What only the employer knows stays here. It is
    not for the EHR, whose people are its own.
    """
    from app.problems import Problem
    from app.staff_fhir import exported
    from mappings.fhir.elements import NotFit, to_bytes

    settings, now = settings_of(data), utc_now()
    library = load_library(settings.site_rules)
    try:
        with opened(settings) as installation, installation.store.write() as session:
            made = exported(session, operator(issuer), library, now.date(), now)
    except (Problem, NotFit) as problem:
        raise click.UsageError(str(problem)) from problem
    with written_whole(out, private=True) as stream:
        stream.write(to_bytes(made.bundle) + b"\n")
    for member, words in made.left:
        say(printable(f"left: {member}: {words}"))


def _whose(file: Path | None, issuer: str | None, from_ehr: str | None) -> str:
    if (file is None) == (from_ehr is None):
        raise click.UsageError("give either a FILE with --issuer, or --from-ehr ISSUER")
    if file is not None and issuer is None:
        raise click.UsageError("--issuer is missing: say whose staff the file holds")
    if from_ehr is not None and issuer not in {None, from_ehr}:
        raise click.UsageError("--issuer and --from-ehr name two EHRs")
    return str(from_ehr or issuer)


def _roles(entry: Entry, given: bool) -> frozenset[str]:
    return frozenset(hint.role for hint in entry.offered) if given else frozenset()


def _source(installation: Installation, file: Path | None, issuer_id: str) -> Source:
    from app.fhir_files import read_fhir
    from app.registry import registered
    from app.staff_fhir import Source

    with installation.store.read() as session:
        registry = registered(session, installation.keyring)
    issuer = next((one for one in registry.issuers if one.id == issuer_id), None)
    if issuer is None:
        raise click.UsageError(f"there is no registered EHR {issuer_id!r}; see: peerchart issuers list")
    if file is not None:
        return Source(read_fhir(file.read_bytes()), issuer.base)
    if issuer.backend_client_id is None:
        raise click.UsageError(f"{issuer_id} has no backend_client_id, so it can only be asked by its people")
    return Source(_from_ehr(installation, issuer_id), issuer.base, from_ehr=True)


def _from_ehr(installation: Installation, issuer_id: str) -> Any:
    from app.chart.staff import read_staff_of_ehr
    from app.delivery.loop import worker_of
    from app.problems import Held
    from app.staff import program_member
    from smart_launch.fhir_client import FhirTrouble, http_session
    from smart_launch.refusal import LaunchRefused

    with installation.store.read() as session:
        program = program_member(session, issuer_id)
    with http_session() as http:
        worker = worker_of(installation.settings, installation.store, installation.keyring, http, utc_now)
        try:
            ehr = worker.ehrs.open(issuer_id, utc_now())
        except (FhirTrouble, LaunchRefused) as trouble:
            raise Held(f"The EHR cannot be asked: {trouble}", "Look at its registration.") from trouble
        organization = program.organization if program else None
        return read_staff_of_ehr(ehr.client, organization=organization, request_id=str(uuid4()))


def _tell(seen: Preview, taken: Taken | None, as_json: bool) -> None:
    saved, late = (taken.saved, dict(taken.refused)) if taken else ((), {})
    for entry in seen.entries:
        if as_json:
            click.echo(json_line(_data(entry, entry.staff_id in saved, late.get(entry.name, ""))))
        else:
            _words(entry)
    for one in seen.left:
        said = {"left": one.where, "reason": one.reason, "what_to_do": one.what_to_do}
        say(json_line(said) if as_json else printable(f"left: {one.where}: {one.reason}. {one.what_to_do}"))
    for name, reason in late.items():
        say(
            json_line({"refused": name, "reason": reason})
            if as_json
            else printable(f"refused: {name}: {reason}")
        )
    if not as_json:
        click.echo(f"{len(saved)} saved." if taken else "Nothing was saved (dry run).")


def _data(entry: Entry, saved: bool, late: str) -> dict[str, Any]:
    return {
        "standing": entry.standing,
        "id": entry.staff_id or None,
        "name": entry.name,
        "where": entry.where,
        "saved": saved,
        "differences": [
            {"field": one.field, "before": one.before, "after": one.after} for one in entry.differences
        ],
        "roles_suggested": [{"role": one.role, "by": one.by} for one in entry.offered],
        "remarks": list(entry.remarks),
        "reason": late or entry.reason,
        "what_to_do": entry.what_to_do,
    }


def _words(entry: Entry) -> None:
    click.echo(printable(f"{entry.standing}: {entry.name} ({entry.staff_id or entry.where})"))
    lines = [
        f"{one.field}: {one.before or 'nothing'} -> {one.after or 'nothing'}" for one in entry.differences
    ]
    lines += [f"role suggested: {one.role}, by {one.by}" for one in entry.offered]
    lines += [f"note: {one}" for one in entry.remarks]
    lines += [f"{entry.reason} {entry.what_to_do}"] if entry.reason else []
    for line in lines:
        click.echo(printable(f"  {line}"))
