"""`peerchart keys`: client keys and seal keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.commands.installation import data_option, opened, operator, settings_of, utc_now
from app.commands.options import Moment, json_line, json_option, say

if TYPE_CHECKING:
    from app.tables import KeyRow

LIST_EXAMPLE = """\b
Example:
  peerchart keys list
"""
ROTATE_EXAMPLE = """\b
Example:
  peerchart keys rotate sandbox --purpose client
  peerchart keys rotate sandbox --purpose client --alg RS384 --until 2026-04-01T00:00:00-04:00
"""
COMPROMISED_EXAMPLE = """\b
Example:
  peerchart keys compromised sandbox KID --from 2026-03-01T08:00:00-05:00
"""
REENCRYPT_EXAMPLE = """\b
Example:
  peerchart keys reencrypt
  peerchart keys reencrypt --finish
"""
PUBLIC_EXAMPLE = """\b
Example:
  peerchart keys public --purpose seal > seal-keys.json
"""
# Twice as long as the address of our key set says that it may be kept.
LEAD_MINUTES = 10
PURPOSES = click.Choice(["client", "seal"])


@click.group()
def keys() -> None:
    """Keys: client keys say who we are to an EHR, seal keys seal signatures."""


@keys.command("list", epilog=LIST_EXAMPLE)
@data_option
@json_option
def list_keys(data: Path | None, as_json: bool) -> None:
    """Every key: issuer, purpose, kid, since when, and whether it signs, is published or is withdrawn."""
    from sqlalchemy import select

    from app.tables import KeyRow

    with opened(settings_of(data)) as installation, installation.store.read() as session:
        order = (KeyRow.issuer, KeyRow.purpose, KeyRow.made_at)
        rows = session.scalars(select(KeyRow).order_by(*order)).all()
    for row in rows:
        retired = _shown(row.retired_at) if row.retired_at else None
        said = {
            "issuer": row.issuer,
            "purpose": row.purpose,
            "kid": row.kid,
            "alg": row.public.get("alg"),
            "made_at": _shown(row.made_at),
            "signs_from": _shown(row.signs_from) if row.signs_from else None,
            "retired_at": retired,
            "published_until": _shown(row.published_until) if row.published_until else None,
        }
        in_use = _state(row, utc_now())
        click.echo(
            json_line(said)
            if as_json
            else f"{row.issuer}  {row.purpose:<6}  {row.kid}  {said['made_at']}  {in_use}"
        )


@keys.command(epilog=ROTATE_EXAMPLE)
@click.argument("issuer")
@click.option("--purpose", type=PURPOSES, required=True, help="Which of the two keys.")
@click.option("--alg", type=click.Choice(["RS384", "ES384"]), help="Of a client key; else as before.")
@click.option(
    "--lead",
    type=click.IntRange(0, 7 * 24 * 60),
    default=LEAD_MINUTES,
    show_default=True,
    help="Minutes for which the next client key is published before it signs: as long as the EHR keeps our "
    "key set.",
)
@click.option(
    "--until", type=Moment(), help="When the old client key leaves the key set, in place of a week."
)
@click.option("--lost", is_flag=True, help="The old key was lost: the next signs now, older ones go at once.")
@data_option
def rotate(
    issuer: str,
    purpose: str,
    alg: str | None,
    lead: int,
    until: datetime | None,
    lost: bool,
    data: Path | None,
) -> None:
    """Make the next key. The old client key signs until the next one is known to the EHR and stays in the key
    set until a given time; an old seal key stays always, since what it sealed must be checked."""
    from app.key_rotation import Rotation, rotate_key
    from app.problems import Problem

    if purpose == "seal" and (alg or until or lost):
        raise click.UsageError("--alg, --until and --lost are for client keys: a seal key stays published.")
    now = utc_now()
    asked = Rotation(purpose, alg, timedelta(minutes=0 if purpose == "seal" else lead), until, lost)
    try:
        with opened(settings_of(data)) as installation, installation.store.write() as session:
            done = rotate_key(session, installation.keyring, operator(issuer), asked, now)
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    click.echo(f"The next {purpose} key of {issuer} is {done.kid}; it signs from {_shown(done.signs_from)}.")
    if done.published_until is not None:
        click.echo(f"The one before stays in the key set until {_shown(done.published_until)}.")
    if lost:
        click.echo(f"{done.withdrawn} older key(s) left the key set. Tell the EHR to read it again now.")


@keys.command(epilog=COMPROMISED_EXAMPLE)
@click.argument("issuer")
@click.argument("kid")
@click.option("--from", "since", type=Moment(), required=True, help="From when it may have been known.")
@data_option
def compromised(issuer: str, kid: str, since: datetime, data: Path | None) -> None:
    """Say that somebody else may have a seal key: `peerchart verify` then believes nothing that it sealed
    from that time on, and says of what is older what to compare it with."""
    from app.key_rotation import report_compromised
    from app.problems import Problem

    try:
        with opened(settings_of(data)) as installation, installation.store.write() as session:
            report_compromised(session, installation.keyring, operator(issuer), kid, since, utc_now())
    except Problem as problem:
        raise click.UsageError(str(problem)) from problem
    click.echo(f"The key set now says that {kid} may have been in other hands from {_shown(since)} on.")


@keys.command(epilog=REENCRYPT_EXAMPLE)
@click.option(
    "--finish", is_flag=True, help="Forget older master keys, once nothing is encrypted under them."
)
@click.option("--again", is_flag=True, help="Make no new master key: go on where it was stopped.")
@data_option
def reencrypt(finish: bool, again: bool, data: Path | None) -> None:
    """Make a new master key and encrypt every secret under it. It may be stopped at any moment: older master
    keys stay in the key file, and everything stays readable, until you run it with --finish. A server may
    run meanwhile; it goes on with the new key."""
    from app.keyring import KeyFileProblem, Unreadable
    from app.master_key import forget_older, master_keys, put_new_first
    from app.reencryption import left_behind
    from app.reencryption import reencrypt as run

    settings = settings_of(data)
    try:
        with opened(settings) as installation:
            file = settings.master_key_file
            if not finish and not again:
                put_new_first(file)
            for step in run(installation.store, installation.keyring, utc_now()):
                say(f"{step.table}: {step.secrets} encrypted under the new master key")
            with installation.store.read() as session:
                left = left_behind(session, installation.keyring)
            if left:
                raise click.ClickException(f"{left} came in meanwhile under the older key. Run it again.")
            if finish:
                gone = forget_older(file)
                click.echo(f"Everything stands under one master key; {gone} older one(s) are forgotten.")
                return
    except (Unreadable, KeyFileProblem) as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(
        f"Everything stands under the new master key; {len(master_keys(file)) - 1} older one(s) are still in "
        f"{file}. Copy the file to where you keep it, then run: peerchart keys reencrypt --finish. "
        "A backup of the database from before needs the older key: keep that with it."
    )


def _state(row: KeyRow, now: datetime) -> str:
    if row.published_until is not None and row.published_until <= now:
        return f"withdrawn {_shown(row.published_until)}"
    if row.retired_at is not None and row.retired_at <= now:
        until = f", published until {_shown(row.published_until)}" if row.published_until else ""
        return f"retired {_shown(row.retired_at)}{until}"
    if row.signs_from is not None and row.signs_from > now:
        return f"signs from {_shown(row.signs_from)}"
    return f"in use until {_shown(row.retired_at)}" if row.retired_at else "in use"


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


@keys.command(epilog=PUBLIC_EXAMPLE)
@click.option("--purpose", type=PURPOSES, required=True, help="Which of the two sets.")
@data_option
def public(purpose: str, data: Path | None) -> None:
    """The public keys as a JWK Set, as the server publishes them."""
    with opened(settings_of(data)) as installation:
        ring = installation.keyring
        click.echo(json_line(ring.public_client_keys() if purpose == "client" else ring.public_seal_keys()))
