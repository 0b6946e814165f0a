"""`peerchart serve`: the application server."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.installation import data_option, settings_of

EXAMPLE = """\b
Examples:
  peerchart serve --port 8000
  PEERCHART_BASE_URL=https://peerchart.example peerchart serve --host 0.0.0.0 --no-deliver
"""


@click.command(epilog=EXAMPLE)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--processes", type=click.IntRange(1, 16), help="Processes; else one more than cores, 2 to 4.")
@click.option(
    "--threads", type=click.IntRange(1, 512), default=160, show_default=True, help="Threads of each process."
)
@click.option("--no-deliver", is_flag=True, help="Leave the outbox to `peerchart deliver --watch`.")
@data_option
def serve(
    host: str, port: int, processes: int | None, threads: int, no_deliver: bool, data: Path | None
) -> None:
    """Serve the pages, and deliver what was signed, until Ctrl-C.

    Put a proxy with TLS in front and set PEERCHART_BASE_URL to the address people see.
    """
    from app.serving import Busy, listening, run, usual_processes

    try:
        listener = listening(host, port)
    except Busy as busy:
        raise click.ClickException(str(busy)) from busy
    settings = settings_of(data)
    if "base_url" not in settings.model_fields_set:
        settings = settings_of(data, base_url=f"http://{host}:{listener.getsockname()[1]}")
    run(
        settings,
        listener,
        threads=threads,
        processes=processes or usual_processes(),
        deliver=not no_deliver,
    )
