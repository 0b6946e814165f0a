"""X12 at the command line: batches for the payer, written after they are recorded, and its answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import opened, operator, settings_of, utc_now
from app.commands.options import HELD, WELL, finish, json_line, say
from app.printable import printable

if TYPE_CHECKING:
    from app.settings import Settings
    from app.x12_answers import Reading
    from app.x12_batches import Batch, Export
    from mappings.library import Library

ENDING = ".x12"


def export_x12(issuer: str, target: Path, again: str | None, data: Path | None, as_json: bool) -> None:
    """Record the batches, then write them to `target`: a folder, or a new file for a single one."""
    from app import x12_batches
    from app.problems import Problem
    from app.x12_batches import Export

    if target.exists() and not target.is_dir():
        raise click.UsageError(f"{target} exists already; nothing was exported")
    settings, who = settings_of(data), operator(issuer)
    try:
        with opened(settings) as installation:
            library, now = _library(settings, issuer), utc_now()
            checked = frozenset[str]()
            if not again:
                with installation.store.read() as session:
                    checked = x12_batches.check(session, who, library, now)
            with installation.store.write() as session:
                if again:
                    done = Export((x12_batches.again(session, who, again, now),), (), ())
                else:
                    done = x12_batches.export(session, who, library, now, checked=checked)
                _refuse_two_in_one(target, done)
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    files = [_written(target, batch) for batch in done.batches]
    _report(done, files, as_json)
    finish(HELD if done.waiting else WELL)


def read_answers(file: Path, issuer: str, data: Path | None, as_json: bool) -> None:
    """Keep what the payer's file says, and tell it."""
    from app import x12_answers
    from app.problems import Problem

    try:
        content = file.read_bytes()
        with opened(settings_of(data)) as installation, installation.store.write() as session:
            done = x12_answers.take_in(session, operator(issuer), content, utc_now())
    except (Problem, OSError) as problem:
        raise click.UsageError(str(problem)) from problem
    _tell(done, as_json)
    finish(HELD if done.unknown or done.doubts else WELL)


def _library(settings: Settings, issuer: str) -> Library:
    from app.site_rules import site_of
    from mappings.library import LibraryError, load

    try:
        return load(site_of(settings, issuer))
    except LibraryError as error:
        raise click.UsageError(f"the rules could not be loaded: {error}") from error


def _refuse_two_in_one(target: Path, done: Export) -> None:
    if len(done.batches) > 1 and not target.is_dir():
        words = "there are institutional and professional claims, a file for each: name a folder that exists"
        raise click.UsageError(f"{words}; nothing was exported")


def _written(target: Path, batch: Batch) -> Path:
    """Write one batch, for its owner's eyes alone. What fails now is recorded: it is written with --again."""
    path = target / f"{batch.batch}{ENDING}" if target.is_dir() else target
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(batch.text, encoding="ascii", newline="")
    except OSError as error:
        words = f"batch {batch.batch} is recorded and could not be written to {path} ({error.strerror})"
        raise click.ClickException(f"{words}: write it elsewhere with --again {batch.batch}") from error
    return path


def _report(done: Export, files: list[Path], as_json: bool) -> None:
    if as_json:
        batches = [
            {"batch": one.batch, "form": one.form, "claims": list(one.claims), "file": str(path)}
            for one, path in zip(done.batches, files, strict=True)
        ]
        waiting = {one.control_number: one.why for one in done.waiting}
        click.echo(json_line({"batches": batches, "waiting": waiting, "needless": list(done.needless)}))
        return
    for one, path in zip(done.batches, files, strict=True):
        click.echo(printable(f"{len(one.claims)} {one.form} claims in batch {one.batch}: {path}"))
    if not files:
        click.echo("No claim is ready to be sent; nothing was written.")
    for waits in done.waiting:
        say(printable(f"claim {waits.control_number} waits: {waits.why}"))
    if done.needless:
        say(f"{len(done.needless)} claims were replaced or voided before they were sent, and stay here.")


def _tell(done: Reading, as_json: bool) -> None:
    if as_json:
        told = {"changed": done.changed, "known": done.known, "unknown": done.unknown, "doubts": done.doubts}
        click.echo(json_line(told))
        return
    for line in done.changed:
        click.echo(printable(line))
    if done.known:
        click.echo(f"{done.known} answers were known already.")
    if not (done.changed or done.known):
        click.echo("No claim changed.")
    for number in done.unknown:
        say(printable(f"no released claim has the control number {number}"))
    for line in done.doubts:
        say(printable(line))
