"""The two ways of the demo: to be used by people, and to be used and proved by a robot."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import requests

from app.demo.browser import Lost
from app.demo.chart_reader import reading
from app.demo.processes import Demo, NotStarted, running
from app.demo.proof import Line, Proof
from app.demo.setting_up import people
from app.demo.walk import walk
from smart_launch.fhir_client import FhirTrouble

WELL, WRONG, USAGE = 0, 1, 2


def show_demo(takes: str, port: int, ehr_port: int, data: Path | None) -> int:
    """Run the demo until Ctrl-C; answers the exit code."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        with running(takes, port, ehr_port, data) as demo:
            _introduce(demo, takes, kept=data is not None)
            while not stop.wait(0.2):
                ended = demo.ended()
                if ended is not None:
                    click.echo(f"One of the two processes ended by itself; see {demo.folder}.", err=True)
                    return WRONG
            click.echo("\nStopping both.")
    except NotStarted as problem:
        click.echo(str(problem), err=True)
        return WRONG
    return WELL


def check_demo(takes: str, port: int, ehr_port: int, data: Path | None, as_json: bool) -> int:
    """Run the demo, let the robot do the whole job, and print what stands in the EHR; the exit code is 0
    only if all of it is right."""
    # A stop from outside unwinds like an error, so that no process stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        with running(takes, port, ehr_port, data) as demo:
            lines = _prove(demo, takes)
    except (NotStarted, Lost, FhirTrouble, TimeoutError, requests.RequestException) as problem:
        click.echo(f"The walk did not reach its end: {problem}", err=True)
        return WRONG
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
        return WRONG
    _show(lines, time.monotonic() - began, as_json)
    return WELL if all(line.ok for line in lines) else WRONG


def _prove(demo: Demo, takes: str) -> list[Line]:
    with reading(demo) as reader:
        before = reader.counts()
    done = walk(demo, datetime.now(UTC))
    keys = requests.get(f"{demo.app_base}/.well-known/seal-keys.json", timeout=10).json()
    with reading(demo) as reader:
        reader.deliveries()
        return Proof(done, reader, before, keys, takes).lines()


def _introduce(demo: Demo, takes: str, *, kept: bool) -> None:
    for notice in demo.notices:
        click.echo(notice)
    click.echo(f"Open this in a browser:  {demo.ehr_base}")
    click.echo(f"The sandbox EHR is at {demo.ehr_base}, Peerchart at {demo.app_base}.")
    if takes != "full":
        click.echo(f"The EHR lets as much be written as one of the kind {takes!r} would.")
    click.echo("Choose a chart, who is signed in, and open Peerchart in it:")
    for one in people():
        click.echo(f"  {one['login']:<10} {one['name']:<15} {one['does']}")
    click.echo("Alex Moss is not admitted yet; Maja Lindqvist is, and has a visit today.")
    click.echo(f"Data: {demo.folder} ({'kept' if kept else 'removed at the end'}). Ctrl-C ends both.")


def _show(lines: Sequence[Line], seconds: float, as_json: bool) -> None:
    wrong = sum(not line.ok for line in lines)
    if as_json:
        for line in lines:
            click.echo(json.dumps(line.to_json(), ensure_ascii=False))
        click.echo(json.dumps({"lines": len(lines), "wrong": wrong, "seconds": round(seconds, 1)}))
        return
    if sys.stdout.isatty():
        _rich_table(lines)
    else:
        _plain_table(lines)
    verdict = "All of it is right" if not wrong else f"{wrong} WRONG"
    click.echo(f"{verdict}: {len(lines)} expectations in {seconds:.1f} s.")


def _plain_table(lines: Sequence[Line]) -> None:
    first = max(len(line.resource) for line in lines)
    second = max(len(line.expected) for line in lines)
    for line in lines:
        state = "ok" if line.ok else "WRONG"
        click.echo(f"{line.resource:<{first}}  {line.expected:<{second}}  {state:<5}  {line.found}")


def _rich_table(lines: Sequence[Line]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Resource", "Expected", "", "Found", title="What stands in the EHR")
    for line in lines:
        state = "[green]ok[/]" if line.ok else "[bold red]WRONG[/]"
        table.add_row(line.resource, line.expected, state, line.found)
    Console().print(table)
