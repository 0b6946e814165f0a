"""`peerchart demo`: the sandbox EHR and the app beside each other."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.options import finish, json_option

EXAMPLE = """\b
Examples:
  peerchart demo
  peerchart demo --check
  peerchart demo --check --as oracle --json
"""


@click.command(epilog=EXAMPLE)
@click.option("--check", "checked", is_flag=True, help="Do the whole job over HTTP and prove the result.")
@click.option(
    "--as", "takes", type=click.Choice(["full", "epic", "oracle"]), default="full", show_default=True,
    help="How much the EHR lets be written: everything, or as a known kind of EHR.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Of the app.")
@click.option(
    "--ehr-port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Of the sandbox EHR."
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="Keep the data in this folder."
)
@json_option
def demo(checked: bool, takes: str, port: int, ehr_port: int, data: Path | None, as_json: bool) -> None:
    """Start a sandbox EHR with invented people and the app, and print the address to open.

    With --check it uses them by itself, as the people of the programme would, reads the EHR afterwards and
    prints what stands there; the exit code is 0 only if all of it is right.
    """
    from app.demo.run import check_demo, show_demo

    if checked:
        finish(check_demo(takes, port, ehr_port, data, as_json))
    finish(show_demo(takes, port, ehr_port, data))
