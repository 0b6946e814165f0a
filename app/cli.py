"""The command line: one group, each command in a file of its own below app/commands.

Nothing heavy is imported here or at the top of those files; the file of a command is imported when it is
asked for, and imports what it uses when it runs, so that the command line starts at once.
"""

from __future__ import annotations

import gc
import os
from importlib import import_module

import click

# What is imported and loaded at a start stays: to look through it for garbage all the time, as Python does
# after every 700 new objects, took a twentieth of the start.
_NEW_OBJECTS = 50_000
# The file of each command below app/commands, and the name it has there.
COMMANDS = {
    "audit": "audit:audit",
    "check": "check:check",
    "claims": "claims:claims",
    "db": "db:db",
    "deliver": "deliver:deliver",
    "demo": "demo:demo",
    "import": "import_:import_records",
    "issuers": "issuers:issuers",
    "keys": "keys:keys",
    "map": "map_:map_records",
    "package": "package:package",
    "rules": "rules:rules",
    "serve": "serve:serve",
    "staff": "staff:staff",
    "verify": "verify:verify",
}
EXAMPLE = """\b
Examples:
  peerchart check contacts.ndjson
  peerchart map contacts.ndjson --out bundles.ndjson --claims claims.ndjson
  peerchart demo
"""


class Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the form of click
        """The names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name. For a name there is none of all are imported, to say which are close."""
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                file, own = COMMANDS[name].split(":")
                self.add_command(getattr(import_module(f"app.commands.{file}"), own), name)
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=Commands,
    epilog=EXAMPLE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="peerchart", prog_name="peerchart")
def cli() -> None:
    """Peer support in the electronic health record: notes, co-signatures, FHIR R4 and claims, each rule
    with its citation.

    Exit codes: 0 all is well, 1 something is held or a proof failed, 2 wrong usage or a refused line.
    """


def main() -> None:
    """The entry point `peerchart`. A reader that goes away early (`| head`) ends it quietly."""
    # To look for plugins of pydantic, every package of the installation would be opened; none is used.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
    try:
        cli()
    finally:
        # All of it goes with the process. Python would look through it for garbage first: a tenth of a start.
        gc.freeze()
