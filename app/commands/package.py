"""`peerchart package build`: what Peerchart writes as FHIR, as a FHIR package of definitions and examples."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.files import STDOUT, written_whole
from app.commands.options import load_library, say, site_option

if TYPE_CHECKING:
    from app.fhir_packages import Published
    from mappings.fhir.elements import Json

EXAMPLE = """\b
Examples:
  peerchart package build --out peerchart.tgz
  peerchart package build --examples tests/golden --out peerchart.tgz
  peerchart package build --with-snapshots ~/.fhir/packages --out peerchart.tgz
"""
# What stands beside the examples and is none: the public keys of their seals, and statuses for the EHR's own.
_NO_EXAMPLES = ("seal-keys", "withdrawal")
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def package() -> None:
    """Definitions of what Peerchart writes, for validators, servers and interface engineers."""


@package.command(epilog=EXAMPLE)
@click.option(
    "--out",
    default="peerchart-fhir.tgz",
    show_default=True,
    metavar="FILE",
    help="Where it goes; - is output.",
)
@click.option(
    "--examples", type=_FOLDER, help="A folder of Bundles and resources (JSON) that go along as examples."
)
@click.option(
    "--with-snapshots",
    "packages",
    type=_FOLDER,
    help="A folder with the packages hl7.fhir.r4.core 4.0.1 and hl7.fhir.us.core 6.1.0 (.tgz, or unpacked): "
    "profiles and extensions get snapshots from them.",
)
@site_option
def build(out: str, examples: Path | None, packages: Path | None, site: Path | None) -> None:
    """Write the code systems, value sets, maps, identifiers, profiles and capabilities as a FHIR package.

    They are made from the tables the records are mapped with, a site's own among them, and pass the same last
    check as every record. The same tables and examples give the same bytes. Profiles are differentials, which
    the publisher's tools and servers complete from the packages they build on, unless these are given.
    """
    from mappings.fhir.elements import NotFit
    from mappings.fhir.package import package_bytes
    from mappings.fhir.package.snapshots import NotPublished

    library = load_library(site)
    try:
        made = package_bytes(library, _read(examples), None if packages is None else _published(packages))
    except (NotFit, NotPublished) as error:
        raise click.ClickException(f"The package was not written: {error}") from error
    with written_whole(out) as stream:
        stream.write(made)
    if out != STDOUT:
        say(f"{out}: {len(made)} bytes")


def _published(folder: Path) -> Published:
    from app.fhir_packages import Published, UnreadablePackage
    from mappings.fhir.package.archive import DEPENDS

    try:
        return Published(folder, DEPENDS)
    except (UnreadablePackage, LookupError) as error:
        raise click.UsageError(f"{error}. Put the packages as HL7 publishes them there.") from error


def _read(folder: Path | None) -> dict[str, Json]:
    """The examples by name; what a folder holds besides resources is left out."""
    files = sorted(folder.glob("*.json")) if folder else []
    found = {}
    for file in files:
        try:
            held = json.loads(file.read_bytes(), parse_float=Decimal)
        except ValueError as error:
            raise click.ClickException(f"{file} is no JSON: {error}") from error
        if isinstance(held, dict) and "resourceType" in held and file.stem not in _NO_EXAMPLES:
            found[file.stem] = held
    return found
