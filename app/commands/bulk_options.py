"""What commands over inputs of any size share: options, the progress bar, the pool, the refused lines."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.commands.files import written_whole
from app.commands.inputs import report_refusal
from app.commands.options import json_line, say

if TYPE_CHECKING:
    from app.bulk.journal import Journal
    from app.bulk.lines import Source
    from app.bulk.pool import Pool

Command = TypeVar("Command", bound=Callable[..., Any])
Item = TypeVar("Item")
_FORMS = {"auto": None, "ndjson": False, "csv": True}


def bulk_options(command: Command) -> Command:
    """`--jobs`, `--cluster`, `--refused` and `--input`."""
    for option in (
        click.option(
            "--input", "table", type=click.Choice(list(_FORMS)), default="auto", show_default=True,
            callback=lambda _ctx, _option, value: _FORMS[value],
            help="What the inputs are; auto: CSV where the name ends in .csv, else NDJSON.",
        ),
        click.option(
            "--refused", metavar="FILE",
            help="Where refused lines go with their reasons, one JSON object each, not standard error.",
        ),
        click.option("--cluster", metavar="ADDRESS", help="Judge on a Dask cluster, such as tcp://10.0.0.5:8786."),
        click.option(
            "--jobs", type=click.IntRange(min=1), metavar="N",
            help="Work in so many processes. Left out: in as many as there are cores (8 at most), in one "
            "where the input is short.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def jobs_for(asked: int | None, sources: Sequence[Source]) -> int:
    """The processes that are asked for, or as many as the length of the input is worth."""
    from app.bulk.pool import usual_jobs

    return asked or usual_jobs(sum(each.size for each in sources))


@contextlib.contextmanager
def working(jobs: int, cluster: str | None) -> Iterator[tuple[Pool, Pool]]:
    """Who reads, and who judges: processes of this machine, or the workers of a cluster."""
    from app.bulk import pool, work

    try:
        with pool.pool(jobs) as here:
            if cluster is None:
                yield here, here
                return
            with pool.cluster(cluster) as there:
                yield here, there
    except pool.NoCluster as error:
        raise click.UsageError(str(error)) from error
    except pool.Ended as error:
        raise click.ClickException(str(error)) from error
    finally:
        work.let_go()


def site_in_force(site: Path | None) -> Path | None:
    """The site's rules that count: those given, else those installed."""
    from app.places import installed_site

    return site or installed_site(os.environ)


def shown(items: Iterable[Item], label: str, length: int, step: Callable[[Item], int]) -> Iterator[Item]:
    """The items, with a bar and the time left while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(length=max(1, length), label=label, file=sys.stderr, show_percent=True) as bar:
        for item in items:
            yield item
            bar.update(step(item))


def tell_refusals(journal: Journal, name: str | None, as_json: bool) -> int:
    """Put the refused lines into the file named, else onto standard error; says how many there are."""
    from app.bulk.run import refusals

    if name is None:
        count = 0
        for refusal, _ in refusals(journal):
            report_refusal(refusal, as_json)
            count += 1
        return count
    with written_whole(name) as stream:
        for refusal, text in refusals(journal):
            told = {**asdict(refusal), "text": text.decode("utf-8", "replace").rstrip("\r\n")}
            stream.write(json_line(told).encode() + b"\n")
    count = journal.index.refused()
    if count and not as_json:
        say(f"{count} line{'s' if count != 1 else ''} refused; they stand in {name} with their reasons.")
    return count


def require_apart(**names: str | None) -> None:
    """Outputs of one command must not be one file; says which options they are."""
    given = {option: name for option, name in names.items() if name}
    paths = [name if name == "-" else str(Path(name).absolute()) for name in given.values()]
    if len(set(paths)) != len(paths):
        options = [f"--{option}" for option in names]
        raise click.UsageError(f"{', '.join(options[:-1])} and {options[-1]} need different files")
