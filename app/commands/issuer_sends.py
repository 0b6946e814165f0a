"""`peerchart issuers forms`, `us-core` and `also`: in which form records go to an EHR, what beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import Installation, data_option, opened, operator, settings_of, utc_now
from app.commands.options import say

if TYPE_CHECKING:
    from smart_launch.issuers import Issuer

FORMS_EXAMPLE = """\b
Examples:
  peerchart issuers forms sandbox text xhtml
  peerchart issuers forms sandbox text
"""
US_CORE_EXAMPLE = """\b
Examples:
  peerchart issuers us-core sandbox 7.0.0
  peerchart issuers us-core sandbox any
"""
ALSO_EXAMPLE = """\b
Examples:
  peerchart issuers also sandbox consents audit-events
  peerchart issuers also sandbox none
"""


@click.command("forms", epilog=FORMS_EXAMPLE)
@click.argument("issuer")
@click.argument("forms", nargs=-1, required=True, type=click.Choice(["text", "xhtml", "pdf"]))
@data_option
def forms(issuer: str, forms: tuple[str, ...], data: Path | None) -> None:
    """In which forms a signed note goes to an EHR, in this order: `text` is the signed text itself, `xhtml`
    and `pdf` are copies for reading with the signatures. Name one alone where the EHR keeps one alone. Only
    the text and the XHTML can be checked against the seals without this installation."""
    from dataclasses import replace

    from app import audit
    from app.delivery.overrides import keep_override, override_of

    if len({*forms}) < len(forms):
        raise click.UsageError("each form goes once")
    settings = settings_of(data)
    with opened(settings) as installation:
        known_issuer(installation, issuer)
        before = override_of(settings.data_dir, issuer)
        with installation.store.write() as session:
            changed = [list(before.note_forms or ("text",)), list(forms)]
            audit.did(
                session, operator(issuer), "forms of notes changed", utc_now(), subject=issuer, forms=changed
            )
        keep_override(settings.data_dir, issuer, replace(before, note_forms=forms))
    click.echo(
        f"Signed notes go to {issuer} as: {', '.join(forms)}. What is under way already stays as it is."
    )


@click.command("us-core", epilog=US_CORE_EXAMPLE)
@click.argument("issuer")
@click.argument("version")
@data_option
def us_core(issuer: str, version: str, data: Path | None) -> None:
    """Which version of US Core an EHR holds: what goes there has that version's form and names its profiles.
    With `any`, which is the default, a record is right for 6.1.0 to 8.0.0 at once and names none."""
    from dataclasses import replace

    from app import audit
    from app.delivery.overrides import keep_override, override_of
    from mappings.fhir.us_core import shipped, versions

    known = versions(shipped())
    if version not in ("any", *known):
        raise click.UsageError(f"the versions of US Core that are known are {', '.join(known)}; or say any")
    settings = settings_of(data)
    with opened(settings) as installation:
        known_issuer(installation, issuer)
        before = override_of(settings.data_dir, issuer)
        changed = "" if version == "any" else version
        with installation.store.write() as session:
            audit.did(
                session, operator(issuer), "us core version changed", utc_now(), subject=issuer,
                versions=[before.us_core or "any", version],
            )  # fmt: skip
        keep_override(settings.data_dir, issuer, replace(before, us_core=changed))
    click.echo(f"Records go to {issuer} for US Core: {version}. What is under way already stays as it is.")


@click.command(epilog=ALSO_EXAMPLE)
@click.argument("issuer")
@click.argument("what", nargs=-1, required=True, type=click.Choice(["consents", "audit-events", "none"]))
@data_option
def also(issuer: str, what: tuple[str, ...], data: Path | None) -> None:
    """What an EHR gets beside the records because it asks for it: `consents` are the written consents in
    force, and later that one was revoked; `audit-events` the lines of the audit trail about its people from
    now on, every quarter of an hour. `none` is the default. See `issuers probe` for what it takes."""
    from app import also_sent

    if "none" in what and len(what) > 1:
        raise click.UsageError("say none alone")
    with opened(settings_of(data)) as installation:
        found = known_issuer(installation, issuer)
        with installation.store.write() as session:
            also_sent.switch(session, operator(issuer), [one for one in what if one != "none"], utc_now())
            goes = also_sent.asked(session, issuer)
    click.echo(f"Beside the records {issuer} gets: {', '.join(goes) or 'nothing'}.")
    for scope in also_sent.scopes_missing(goes, found.backend_scopes):
        say(f"still open: its backend client does not ask for {scope}; see: peerchart issuers add")


def known_issuer(installation: Installation, issuer: str) -> Issuer:
    """The registered EHR of this id; one that is not there is wrong usage."""
    from app.issuer_care import known
    from app.problems import NotFound

    try:
        with installation.store.read() as session:
            return known(session, installation.keyring, issuer)
    except NotFound as problem:
        raise click.UsageError(str(problem)) from problem
