"""The installation that a command works on: settings, memory and keys, opened and closed in one place."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from app.actor import Actor
    from app.keyring import Keyring
    from app.settings import Settings
    from app.store import Store

LONGEST_NAME = 64
COMMAND_LINE = "command line"
_OPERATOR = "peerchart.operator"
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Installation:
    """Settings, memory and keys of one installation."""

    settings: Settings
    store: Store
    keyring: Keyring


def data_option(command: Command) -> Command:
    """`--data`: the folder of the installation; `--operator`: who runs the command, for the audit trail."""
    told = click.option(
        "--operator",
        envvar="PEERCHART_OPERATOR",
        show_envvar=True,
        expose_value=False,
        callback=_keep_operator,
        help="Who runs this; the name stands in the audit trail. Without it: the user of this machine.",
    )(command)
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of this installation, in place of PEERCHART_DATA_DIR.",
    )(told)


def _keep_operator(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is not None and not (name.strip() and name.isprintable() and len(name) <= LONGEST_NAME):
        raise click.BadParameter(f"expected a name of up to {LONGEST_NAME} characters on one line")
    ctx.meta[_OPERATOR] = name.strip() if name else None


def operator_name() -> str:
    """Who runs this command: as `--operator` or PEERCHART_OPERATOR say, else the user of this machine."""
    ctx = click.get_current_context(silent=True)
    said = ctx.meta.get(_OPERATOR) if ctx is not None else None
    try:
        return str(said or getpass.getuser())
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def utc_now() -> datetime:
    """The time of this machine, aware."""
    return datetime.now(UTC)


def settings_of(data: Path | None, **changes: Any) -> Settings:
    """The settings of the environment with what the command line changes; wrong ones are wrong usage."""
    from pydantic import ValidationError

    from app.settings import Settings

    given = {name: value for name, value in changes.items() if value is not None}
    if data is not None:
        given["data_dir"] = data.absolute()
    try:
        return Settings(**given)
    except ValidationError as error:
        words = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise click.UsageError(f"the settings (PEERCHART_...) cannot be used: {words}") from error


@contextmanager
def opened(settings: Settings, *, upgraded: bool = True, noted: bool = True) -> Iterator[Installation]:
    """The installation, with its schema up to date and the trail telling who runs this (not where it is the
    trail itself that is judged); what cannot be opened is said in words."""
    from app import migrations
    from app.keyring import KeyFileProblem, Keyring
    from app.store import open_store

    try:
        store = open_store(settings)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    with store:
        if upgraded:
            migrations.upgrade(store)
        try:
            keyring = Keyring(store, settings)
        except (KeyFileProblem, OSError) as error:
            raise click.ClickException(str(error)) from error
        if upgraded and noted:
            note_run(store)
        yield Installation(settings, store, keyring)


def note_run(store: Store) -> None:
    """Write down who ran which command on this installation, and say so to who sits at the terminal."""
    from app import audit

    ctx = click.get_current_context(silent=True)
    name, path = operator_name(), ctx.command_path if ctx is not None else "a program"
    with store.write() as session:
        audit.write(session, "", "command run", utc_now(), actor=f"{COMMAND_LINE}: {name}", command=path)
    if sys.stderr.isatty():
        click.echo(f"Noted in the audit trail: run by {name}.", err=True)


def operator(issuer: str) -> Actor:
    """Whoever has the shell of this machine: an administrator in the audit trail, without a launch."""
    from app.actor import ADMINISTRATOR, Actor

    who = f"{COMMAND_LINE}: {operator_name()}"
    return Actor(issuer, who, who, frozenset({ADMINISTRATOR}), COMMAND_LINE)
