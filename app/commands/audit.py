"""`peerchart audit`: proof that the audit trail is whole, the trail as FHIR, and who was told what."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.files import STDOUT, written_whole
from app.commands.installation import data_option, opened, operator, settings_of, utc_now
from app.commands.options import HELD, finish

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from app.audit import Broken
    from app.commands.installation import Installation

CHECK_EXAMPLE = """\b
Examples:
  peerchart audit check
  peerchart audit check --heads /mnt/elsewhere/heads-2026-03-04.json
"""
HEAD_EXAMPLE = """\b
Example:
  peerchart audit head --out /mnt/elsewhere/heads-2026-03-04.json
"""
EXPORT_EXAMPLE = """\b
Examples:
  peerchart audit export --issuer sandbox --out trail.ndjson
  peerchart audit export --issuer sandbox --patient pat-moss
"""
DISCLOSURES_EXAMPLE = """\b
Example:
  peerchart audit disclosures --issuer sandbox --patient pat-moss --out accounting.csv
"""
CONSENTS_EXAMPLE = """\b
Example:
  peerchart audit consents --issuer sandbox --patient pat-moss --out consents.ndjson
"""
BOUND: dict[str, str] = {"table": "audit heads", "row": "heads", "issuer": ""}


@click.group()
def audit() -> None:
    """The audit trail: check that it is whole; put its heads where nobody who changes it can reach them;
    write it as FHIR; tell what was disclosed of a person."""


@audit.command(epilog=HEAD_EXAMPLE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, else standard output.")
@data_option
def head(out: Path | None, data: Path | None) -> None:
    """Write the number and hash of each issuer's last line, sealed with the master key. Run it every hour and
    keep the files on another machine: a trail that was cut or written anew shows against them."""
    from app.audit import heads

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        said = {
            "at": utc_now().isoformat(timespec="seconds"),
            "heads": {issuer: list(last) for issuer, last in heads(session).items()},
        }
        seal = installation.keyring.encrypt(_digest(said), **BOUND).hex()
    text = json.dumps({**said, "seal": seal}, indent=1, sort_keys=True) + "\n"
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@audit.command(epilog=CHECK_EXAMPLE)
@click.option(
    "--heads",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `audit head` wrote before; may be given several times.",
)
@data_option
def check(files: tuple[Path, ...], data: Path | None) -> None:
    """Check every line of the trail, and the trail against heads kept elsewhere.

    Exit code 1: a line was changed, taken out, moved or cut off.
    """
    with opened(settings_of(data), noted=False) as installation, installation.store.read() as session:
        kept = [_kept(installation, file) for file in files]
        found = list(_broken(session, kept))
    for one in found:
        click.echo(f"line {one.seq} of {one.issuer or 'no issuer'}: {one.problem}")
    if found:
        click.echo("The trail is not whole. Keep this database as it is, and put a backup beside it.")
        finish(HELD)
    against = f" and goes on from {len(files)} kept heads" if files else ""
    click.echo(f"Every line holds{against}.")


@audit.command(epilog=EXPORT_EXAMPLE)
@click.option("--issuer", required=True, help="The EHR whose lines they are.")
@click.option("--patient", help="Lines about one person (the EHR's id) alone.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, else standard output.")
@data_option
def export(issuer: str, patient: str | None, out: Path | None, data: Path | None) -> None:
    """The trail as FHIR AuditEvents, one a line (NDJSON), oldest first: who did what to which record of whom
    and when, and nothing of what a record says."""
    from app.audit import traces
    from mappings.fhir.audit_event import audit_event
    from mappings.fhir.elements import to_bytes

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        lines = [to_bytes(audit_event(each, issuer)) for each in traces(session, issuer, patient)]
    _write(b"".join(line + b"\n" for line in lines), out)


@audit.command(epilog=DISCLOSURES_EXAMPLE)
@click.option("--issuer", required=True, help="The EHR in which the person is known.")
@click.option("--patient", required=True, help="The person, by the EHR's id.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, else standard output.")
@data_option
def disclosures(issuer: str, patient: str, out: Path | None, data: Path | None) -> None:
    """The accounting of disclosures of one person as CSV: what left for whom, when, why, by which consent."""
    from app.audit import did
    from app.disclosures import as_csv, of_patient

    with opened(settings_of(data)) as installation, installation.store.write() as session:
        text = as_csv(of_patient(session, issuer, patient))
        who = operator(issuer)
        did(session, who, "accounting of disclosures exported", utc_now(), subject=patient, patient=patient)
    _write(text.encode("utf-8"), out)


@audit.command(epilog=CONSENTS_EXAMPLE)
@click.option("--issuer", required=True, help="The EHR in which the person is known.")
@click.option("--patient", required=True, help="The person, by the EHR's id.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, else standard output.")
@data_option
def consents(issuer: str, patient: str, out: Path | None, data: Path | None) -> None:
    """The written consents of one person as FHIR Consents, one a line (NDJSON), the latest first."""
    from app.audit import did
    from app.consents_fhir import of_patient
    from app.problems import Problem
    from mappings.fhir.elements import to_bytes

    try:
        with opened(settings_of(data)) as installation, installation.store.write() as session:
            lines = [to_bytes(each) for each in of_patient(session, issuer, patient)]
            who = operator(issuer)
            did(session, who, "consents exported", utc_now(), subject=patient, patient=patient)
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    _write(b"".join(line + b"\n" for line in lines), out)


def _write(content: bytes, out: Path | None) -> None:
    """What was told of people is for the eyes of whoever asked."""
    with written_whole(STDOUT if out is None else str(out), private=True) as stream:
        stream.write(content)


def _broken(session: Session, kept: list[Mapping[str, tuple[int, str]]]) -> Iterator[Broken]:
    from sqlalchemy.exc import DatabaseError

    from app.audit import unlike, verify

    try:
        yield from verify(session)
        for heads in kept:
            yield from unlike(session, heads)
    except DatabaseError as error:
        raise click.ClickException(f"The trail cannot be read any more: {error.orig}") from error


def _kept(installation: Installation, file: Path) -> Mapping[str, tuple[int, str]]:
    """The heads of a file; one that was changed, or sealed by another installation, is wrong usage."""
    from app.keyring import Unreadable
    from smart_launch.strict_json import UnreadableJson, loads_object

    try:
        said = loads_object(file.read_bytes())
        seal = bytes.fromhex(str(said.pop("seal", "")))
        held = installation.keyring.decrypt(seal, **BOUND) == _digest(said)
        heads = {str(issuer): (int(seq), str(digest)) for issuer, (seq, digest) in said["heads"].items()}
    except Unreadable as error:
        raise click.UsageError(f"{file} was not sealed with a master key of this installation.") from error
    except (UnreadableJson, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.UsageError(f"{file} holds no heads as `peerchart audit head` writes them.") from error
    if not held:
        raise click.UsageError(f"{file} was changed after it was written; it proves nothing.")
    return heads


def _digest(said: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()
