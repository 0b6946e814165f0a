"""The EHR's token of an open launch: good when a page needs it, renewed by one at a time, ended at sign-out.

The row of the launch is the lock: whoever writes `asking` into it renews, in this process or another; all
others wait for the outcome. Whether an attempt whose answer never came has used the refresh token up, nobody
can know: it is not tried again, and the person opens Peerchart again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.problems import Problem
from app.tables import Launch
from app.web import launches
from app.web.kit import Kit
from app.web.launches import OpenLaunch
from smart_launch import launch as smart
from smart_launch import token_care
from smart_launch.context import LaunchContext
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey
from smart_launch.refusal import LaunchRefused

log = structlog.get_logger()

ASKING, PAUSED, OVER = "asking", "paused", "over"
# A token request ends within a minute; an attempt that is older died with its process.
LEASE = timedelta(seconds=90)
PAUSE = timedelta(seconds=30)
AHEAD = timedelta(seconds=30)
WAITS, WAIT_SECONDS = 150, 0.1

_AGAIN = "What you saved is safe. Open Peerchart from the chart of your EHR again."


class OpenAgain(Problem):
    """The EHR's permission for this launch is over; only a new launch brings another."""


class Closed(OpenAgain):
    """The EHR has another patient in view: the launch was closed."""


class ComeBack(Problem):
    """The EHR could not renew its permission just now; a little later it may."""


def good(kit: Kit, issuer: Issuer, launch_id: str) -> LaunchContext:
    """The launch with a token that is good now, renewed where it is about to end and the EHR granted that.
    Raises OpenAgain when there is none to be had, ComeBack when the EHR is busy."""
    for _ in range(WAITS):
        held = _held(kit, issuer, launch_id)
        if not _ends_soon(held, kit.now()):
            return held
        step = _claim(kit, issuer, launch_id)
        if isinstance(step, LaunchContext):
            return step
        if step == "mine":
            return _renewed(kit, issuer, launch_id)
        time.sleep(WAIT_SECONDS)
    raise _busy()


def of_launches(session: Session, launch: OpenLaunch) -> Sequence[Launch]:
    """A launch that is about to be closed, with the worklist it belongs to: who holds tokens of the EHR."""
    return session.scalars(
        select(Launch).where(
            Launch.issuer == launch.issuer,
            Launch.id.in_([launch.id, str(launch.context.get("list") or launch.id)]),
            Launch.closed_at.is_(None),
        )
    ).all()


def end_at_ehr(kit: Kit, issuer: Issuer, contexts: list[LaunchContext]) -> int:
    """Revoke tokens at the EHR where it offers that; how many it said were ended. Never raises for what the
    EHR does: here they are forgotten already."""
    if not contexts:
        return 0
    try:
        profile = kit.profiles.get(kit.http, issuer, kit.now())
    except LaunchRefused as refused:
        log.info("tokens not revoked", issuer=issuer.id, why=refused.reason_code)
        return 0
    key, ended = client_key(kit, issuer), 0
    for context in contexts:
        pairs: list[tuple[str | None, token_care.Kind]] = [
            (context.refresh_token, "refresh_token"),
            (context.access_token, "access_token"),
        ]
        for token, kind in pairs:
            if token and token_care.revoke(kit.http, issuer, profile, key, token, kind, kit.now()):
                ended += 1
    return ended


def client_key(kit: Kit, issuer: Issuer) -> ClientKey | None:
    """The key that says who we are to this EHR, where it is registered with one."""
    if issuer.auth_method != "private_key_jwt":
        return None
    with kit.store.read() as session:
        return kit.keyring.client_key(session, issuer.id)


def facts_of(context: LaunchContext, issuer: Issuer) -> dict[str, Any]:
    """What pages may know of a token: what was granted and what not, until when, and whether it lasts."""
    return {
        "scope": list(context.scope),
        "missing": list(context.missing_scopes(issuer.scopes)),
        "expires_at": context.expires_at.isoformat(),
        "lasting": context.refresh_token is not None,
    }


def _held(kit: Kit, issuer: Issuer, launch_id: str) -> LaunchContext:
    with kit.store.read() as session:
        row = session.get(Launch, launch_id)
        if row is None or row.issuer != issuer.id or row.closed_at is not None or row.secret is None:
            raise _over("This window has no permission of the EHR of its own.")
        return _open(kit, row)


def _open(kit: Kit, row: Launch) -> LaunchContext:
    secret = row.secret or b""
    text = kit.keyring.decrypt(secret, table="launches", row=row.id, issuer=row.issuer)
    return LaunchContext.from_json(text.decode())


def _ends_soon(context: LaunchContext, now: datetime) -> bool:
    return context.expired(now + AHEAD) and (context.refresh_token is not None or context.expired(now))


def _claim(kit: Kit, issuer: Issuer, launch_id: str) -> LaunchContext | Literal["mine", "wait"]:
    """Take the renewal for oneself, see that another has it, or find it done."""
    now = kit.now()
    with kit.store.write() as session:
        row = session.get(Launch, launch_id)
        if row is None or row.closed_at is not None or row.secret is None:
            raise _over("This window was closed meanwhile.")
        context = _open(kit, row)
        if not _ends_soon(context, now):
            return context
        step = _next(row, context, now)
        if step in ("mine", "died"):
            row.refresh_state, row.refresh_at = (ASKING if step == "mine" else OVER), now
        if step == "died":
            audit.write(session, issuer.id, "token not renewed", now, launch=launch_id, why="refresh-lost")
    if step == "wait":
        return "wait"
    if step == "mine":
        return "mine"
    if not context.expired(now):
        return context
    raise _busy() if step == "pause" else _over("The EHR's permission for this window has ended.")


def _next(row: Launch, context: LaunchContext, now: datetime) -> str:
    since = now - row.refresh_at if row.refresh_at else LEASE
    if context.refresh_token is None or row.refresh_state == OVER:
        return "over"
    if row.refresh_state == ASKING:
        return "wait" if since < LEASE else "died"
    if row.refresh_state == PAUSED and since < PAUSE:
        return "pause"
    return "mine"


def _renewed(kit: Kit, issuer: Issuer, launch_id: str) -> LaunchContext:
    context = _held(kit, issuer, launch_id)
    try:
        profile = kit.profiles.get(kit.http, issuer, kit.now())
        renewed = smart.refresh(
            kit.http,
            issuer,
            profile,
            client_key(kit, issuer),
            context,
            kit.now(),
            key_sets=kit.key_sets,
        )
    except LaunchRefused as refused:
        return _without(kit, issuer, launch_id, context, refused)
    if not _keep(kit, issuer, launch_id, renewed):
        end_at_ehr(kit, issuer, [renewed])
        raise _over("This window was closed meanwhile.")
    return renewed


def _keep(kit: Kit, issuer: Issuer, launch_id: str, renewed: LaunchContext) -> bool:
    now = kit.now()
    sealed = kit.keyring.encrypt(
        renewed.to_json().encode(), table="launches", row=launch_id, issuer=issuer.id
    )
    with kit.store.write() as session:
        row = session.get(Launch, launch_id)
        if row is None or row.closed_at is not None:
            return False
        row.secret, row.refresh_state, row.refresh_at = sealed, None, now
        row.context = {**(row.context or {}), **facts_of(renewed, issuer)}
        audit.write(session, issuer.id, "token renewed", now, actor=row.staff_id, launch=launch_id)
    return True


def _without(
    kit: Kit, issuer: Issuer, launch_id: str, context: LaunchContext, refused: LaunchRefused
) -> LaunchContext:
    """Write down why there is no new token; the old one serves while it lasts."""
    now, why = kit.now(), refused.reason_code
    with kit.store.write() as session:
        row = session.get(Launch, launch_id)
        if row is not None and row.closed_at is None:
            row.refresh_state, row.refresh_at = (PAUSED if refused.passing else OVER), now
            if not refused.passing:
                row.context = {**(row.context or {}), "lasting": False}
            if why == "patient-changed":
                launches.close(session, launch_id, why, now)
        audit.write(session, issuer.id, "token not renewed", now, launch=launch_id, why=why)
    if why == "patient-changed":
        raise Closed(refused.message, f"This window is closed. {_AGAIN}")
    if not context.expired(now):
        return context
    raise _busy() if refused.passing else _over(refused.message)


def _over(message: str) -> OpenAgain:
    return OpenAgain(message, _AGAIN)


def _busy() -> ComeBack:
    return ComeBack(
        "The EHR could not renew its permission just now.", "What you saved is safe. Try again in a minute."
    )
