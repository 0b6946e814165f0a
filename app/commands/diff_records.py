"""`peerchart rules diff`: the records of the installation that a change of the rules touches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import settings_of, utc_now
from app.commands.options import json_line, library_at, say
from app.printable import printable

if TYPE_CHECKING:
    from app.settings import Settings
    from app.store import Store
    from app.touched import Span, Touched
    from mappings.library import Library

NOBODY = "nothing"


@dataclass(frozen=True)
class Asked:
    """What is asked: two days, of which place and EHR (all where None), by which site's rules (those of each
    EHR where None), in which installation."""

    start: date
    end: date
    jurisdiction: str | None
    issuer: str | None
    site: Path | None
    data: Path | None

    def library(self, issuer: str | None) -> Library:
        """The rules that count at an EHR, None asks for those of the whole installation."""
        return library_at(settings_of(self.data), self.site, issuer)


def places_of(data: Path | None) -> dict[str, str]:
    """The place of each registered EHR by issuer id; empty where there is no database of today's version."""
    from sqlalchemy import select

    from app.store import open_store
    from app.tables import IssuerRow

    settings = settings_of(data)
    if _missing(settings):
        return {}
    with open_store(settings) as store:
        if _old(store):
            return {}
        with store.read() as session:
            rows = session.execute(select(IssuerRow.issuer, IssuerRow.jurisdiction)).all()
            return {row.issuer: row.jurisdiction for row in rows}


def tell_records(asked: Asked, as_json: bool) -> None:
    """Say which records of the installation the change touches; in one line why none can be told of."""
    settings = settings_of(asked.data)
    missing = _missing(settings)
    if missing:
        say(missing)
        return
    from app.store import open_store
    from app.touched import to_json

    with open_store(settings) as store:
        if _old(store):
            say("The database is of another version, so only the rules are shown. Run: peerchart db upgrade")
            return
        found = _touched(store, asked)
    if as_json:
        for each in to_json(found):
            click.echo(json_line(each))
        return
    for line in _lines(found):
        click.echo(printable(line))


def _missing(settings: Settings) -> str:
    from sqlalchemy.engine import make_url

    file = make_url(settings.database).database
    if file and Path(file).is_file():
        return ""
    return f"There is no database at {file}, so only the rules are shown. Name its folder with --data."


def _old(store: Store) -> bool:
    from app import migrations

    return migrations.revision(store) != migrations.head()


def _touched(store: Store, asked: Asked) -> list[Touched]:
    from app.touched import touched

    with _progress() as told, store.read() as session:
        return touched(session, _spans(asked), asked.jurisdiction, utc_now(), told, asked.issuer)


def _spans(asked: Asked) -> Callable[[str], Span]:
    """The two days by the rules of an EHR; those without an overlay of their own share one."""
    from app.touched import Span

    known: dict[str, Span] = {}

    @cache
    def of(issuer: str) -> Span:
        library = asked.library(issuer)
        if library.digest not in known:
            known[library.digest] = Span.of(library, asked.start, asked.end)
        return known[library.digest]

    return of


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, for a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Asking the rules of both days", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _lines(found: list[Touched]) -> Iterator[str]:
    if not found:
        yield "No record of the database is touched."
        return
    yield ""
    yield f"Records that it touches: {len(found)}"
    wide = max(len(each.kind) for each in found)
    ids = max(len(each.id) for each in found)
    for each in found:
        when = "" if each.day is None else f"day {each.day}"
        own = "by the new rules" if each.counts else "keeps the rules of its day; by the new ones:"
        yield f"{each.kind:<{wide}}  {each.id:<{ids}}  {each.issuer}  {when}  {own}"
        for turn in each.why:
            yield f"    {turn.rule}: {_change(turn.before, turn.after)}"
        for line in each.lost:
            yield f"    {line}"


def _change(before: str | None, after: str | None) -> str:
    if before == after:
        return f"{after}, by a new version"
    return f"{before or NOBODY} -> {after or NOBODY}"
