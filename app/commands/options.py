"""What the commands share: options, the clock at this door, exit codes and words for the screen."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from app.settings import Settings
    from mappings.library import Library

Command = TypeVar("Command", bound=Callable[..., Any])

WELL, HELD, REFUSED = 0, 1, 2


class Moment(click.ParamType[datetime]):
    """A time with its offset, ISO 8601."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The aware time; a time without offset is wrong usage, since a day depends on its zone."""
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(
                f"{value!r} is no time with its offset; expected one such as 2026-03-04T10:00:00-05:00",
                param,
                ctx,
            )
        return moment


def now_option(command: Command) -> Command:
    """`--now`: a time instead of the clock."""
    return click.option(
        "--now",
        type=Moment(),
        default=lambda: datetime.now(UTC),
        show_default="the clock",
        help="Judge as of this time instead of the clock's.",
    )(command)


def site_option(command: Command) -> Command:
    """`--site`: the overlay of a site."""
    return click.option(
        "--site",
        type=click.Path(exists=True, path_type=Path),
        help="A site overlay (TOML) that sets or tightens parameters, or the site's folder: site.toml, "
        "packs/ and tables/.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`: reports for machines."""
    return click.option("--json", "as_json", is_flag=True, help="Reports as JSON objects, one a line.")(
        command
    )


def load_library(site: Path | None, data: Path | None = None) -> Library:
    """The rules with what the site adds, given or installed (in the data folder given, else in that of the
    environment); what does not hold is wrong usage, said in its own words."""
    from app.places import installed_site
    from mappings.library import LibraryError, load

    try:
        return load(site or installed_site(os.environ, data))
    except LibraryError as error:
        raise click.UsageError(f"the rules could not be loaded: {error}") from error


def library_at(settings: Settings, site: Path | None, issuer: str | None) -> Library:
    """The rules that count at an EHR: with the site given, else with its own overlay, else with the
    installation's; what does not hold is wrong usage."""
    from app.site_rules import site_of

    return load_library(site or (site_of(settings, issuer) if issuer else settings.site_rules))


def json_line(data: Mapping[str, Any]) -> str:
    """One JSON object on one line, in the order given, letters as they are."""
    return json.dumps(data, ensure_ascii=False, separators=(", ", ": "))


def say(text: str = "") -> None:
    """A line for people on standard error."""
    click.echo(text, err=True)


def on_terminal() -> bool:
    """True when standard output is a terminal; colours and cut columns are for terminals only."""
    return sys.stdout.isatty()


def finish(code: int) -> None:
    """Leave the command with this exit code."""
    click.get_current_context().exit(code)
