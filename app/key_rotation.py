"""The change of a key of ours at one EHR: may they, make the next, keep the old one published, audit it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.orm import Session

from app import audit
from app.actor import ADMINISTRATOR, Actor, require
from app.keyring import CLIENT, Keyring
from app.problems import MendInput
from app.registry import jurisdiction_of
from smart_launch.keys import ASSERTION_SECONDS, Algorithm

STAYS = timedelta(days=7)
# An assertion that was signed by the old key at its last moment must still find it, clocks a little apart.
SHORTEST_OVERLAP = timedelta(seconds=2 * ASSERTION_SECONDS)


@dataclass(frozen=True)
class Rotation:
    """What is asked for: `lead` is how long the next key is published before it signs, `until` when the old
    one leaves the key set (aware; None for a week after), `lost` that it leaves at once."""

    purpose: str = CLIENT
    alg: str | None = None
    lead: timedelta = timedelta(minutes=10)
    until: datetime | None = None
    lost: bool = False


@dataclass(frozen=True)
class Rotated:
    """The next key; the times are aware, `published_until` that of the key before it."""

    kid: str
    signs_from: datetime
    published_until: datetime | None
    withdrawn: int = 0


def rotate_key(session: Session, keyring: Keyring, actor: Actor, asked: Rotation, now: datetime) -> Rotated:
    """Change the key of the actor's EHR. Raises NotFound for an EHR that is not registered, MendInput where
    the old key would leave the key set while the EHR may still meet what it signed."""
    require(actor, ADMINISTRATOR, to="change a key")
    jurisdiction_of(session, actor.issuer)
    signs_from = now if asked.lost else now + asked.lead
    until = None if asked.purpose != CLIENT or asked.lost else asked.until or signs_from + STAYS
    _long_enough(until, signs_from)
    kid = keyring.rotate(
        session,
        actor.issuer,
        asked.purpose,
        now,
        alg=cast("Algorithm | None", asked.alg),
        lead=signs_from - now,
        published_until=until,
    )
    gone = keyring.withdraw_older(session, actor.issuer, now) if asked.lost else 0
    audit.did(
        session,
        actor,
        "key rotated",
        now,
        subject=kid,
        purpose=asked.purpose,
        lost=asked.lost,
        withdrawn=gone,
    )
    return Rotated(kid, signs_from, until, gone)


def report_compromised(
    session: Session, keyring: Keyring, actor: Actor, kid: str, since: datetime, now: datetime
) -> None:
    """Say of a seal key of the actor's EHR that it may have been in other hands from `since` (aware) on: what
    it sealed from then on counts no more. Raises NotFound, and MendInput for a time to come or a key that
    still seals."""
    require(actor, ADMINISTRATOR, to="report a key")
    if since > now:
        raise MendInput(
            "That time is still to come.", "Say from when on the key may have been in other hands."
        )
    if keyring.seal_key(session, actor.issuer)["kid"] == kid:
        raise MendInput(
            "This key still seals signatures.", f"First: peerchart keys rotate {actor.issuer} --purpose seal"
        )
    keyring.mark_compromised(session, actor.issuer, kid, since)
    audit.did(session, actor, "key reported compromised", now, subject=kid, since=since.isoformat())


def _long_enough(until: datetime | None, signs_from: datetime) -> None:
    earliest = signs_from + SHORTEST_OVERLAP
    if until is not None and until < earliest:
        raise MendInput(
            "The old key would leave the key set while the EHR may still meet what it signed.",
            f"Keep it until {earliest.isoformat(timespec='seconds')} or later, or say that it was lost.",
        )
