"""The installation that a command works on: settings, memory and keys, opened and closed in one place."""

from __future__ import annotations

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

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Installation:
    """Settings, memory and keys of one installation."""

    settings: Settings
    store: Store
    keyring: Keyring


def data_option(command: Command) -> Command:
    """`--data`: the folder of the installation."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of this installation, in place of PEERCHART_DATA_DIR.",
    )(command)


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
def opened(settings: Settings, *, upgraded: bool = True) -> Iterator[Installation]:
    """The installation, with its schema up to date; what cannot be opened is said in words."""
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
        yield Installation(settings, store, keyring)


def operator(issuer: str) -> Actor:
    """Whoever has the shell of this machine: an administrator in the audit trail, without a launch."""
    from app.actor import ADMINISTRATOR, Actor

    return Actor(issuer, "command line", "command line", frozenset({ADMINISTRATOR}), "command line")
