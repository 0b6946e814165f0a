"""The command line: one group, each command in a file of its own below app/commands.

Nothing heavy is imported here or at the top of those files; a command imports what it uses when it runs, so
that the command line starts at once.
"""

from __future__ import annotations

import click

from app.commands import (
    audit,
    check,
    claims,
    db,
    deliver,
    demo,
    issuers,
    keys,
    map_,
    rules,
    serve,
    staff,
    verify,
)

EXAMPLE = """\b
Examples:
  peerchart check contacts.ndjson
  peerchart map contacts.ndjson --out bundles.ndjson --claims claims.ndjson
  peerchart demo
"""


@click.group(
    epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="peerchart", prog_name="peerchart")
def cli() -> None:
    """Peer support in the electronic health record: notes, co-signatures, FHIR R4 and claims, each rule
    with its citation.

    Exit codes: 0 all is well, 1 something is held or a proof failed, 2 wrong usage or a refused line.
    """


for _command in (
    check.check,
    map_.map_records,
    rules.rules,
    demo.demo,
    serve.serve,
    deliver.deliver,
    db.db,
    keys.keys,
    issuers.issuers,
    staff.staff,
    claims.claims,
    audit.audit,
    verify.verify,
):
    cli.add_command(_command)


def main() -> None:
    """The entry point `peerchart`. A reader that goes away early (`| head`) ends it quietly."""
    cli()
