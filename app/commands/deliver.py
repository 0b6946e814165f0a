"""`peerchart deliver`: send what waits in the outbox."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import Installation, data_option, opened, settings_of, utc_now
from app.commands.options import HELD, WELL, finish, json_line, json_option
from app.printable import printable

if TYPE_CHECKING:
    from app.delivery.work import Report, Worker

EXAMPLE = """\b
Examples:
  peerchart deliver
  peerchart deliver --watch
"""


@click.command(epilog=EXAMPLE)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C, as the server does by itself.")
@data_option
@json_option
def deliver(watch: bool, data: Path | None, as_json: bool) -> None:
    """Send every delivery that is due to its EHR, and say where each stands.

    Exit code 1: something waits, is held or was refused.
    """
    from app.logs import to_standard_error

    to_standard_error()
    with opened(settings_of(data)) as installation:
        worker = _worker(installation)
        if watch:
            _watch(installation, worker, as_json)
            return
        reports = worker.drain()
        for report in reports:
            _tell(report, as_json)
    if not reports and not as_json:
        click.echo("Nothing is due.")
    finish(WELL if all(report.state == "in-chart" for report in reports) else HELD)


def _worker(installation: Installation) -> Worker:
    from app.delivery.loop import worker_of
    from smart_launch.fhir_client import http_session

    return worker_of(installation.settings, installation.store, installation.keyring, http_session(), utc_now)


def _watch(installation: Installation, worker: Worker, as_json: bool) -> None:
    from app.delivery.loop import keep_delivering, token_ends_of
    from smart_launch.fhir_client import http_session

    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    every = installation.settings.deliver_every_seconds
    of = installation
    ends = token_ends_of(of.settings, of.store, of.keyring, http_session(), utc_now)
    keep_delivering(worker, stop, every, lambda report: _tell(report, as_json), ends.round)


def _tell(report: Report, as_json: bool) -> None:
    said = {"id": report.id, "key": report.key, "state": report.state, "reason": report.reason}
    reason = f": {report.reason}" if report.reason else ""
    click.echo(json_line(said) if as_json else printable(f"{report.state}: {report.key}{reason}"))
