"""Deliveries: where each record stands on its way to the EHR, in the server's own words where it refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import individuals, outbox
from app.actor import ADMINISTRATOR, BILLER, ENGINEER, LPHA, PEER, SUPERVISOR
from app.outbox import DeliveryLine
from app.problems import NotFound, Stale
from app.web import preferences
from app.web.access import EVERYBODY, actor, allow
from app.web.kit import kit
from mappings.disclosure import MISSING

deliveries = Blueprint("deliveries", __name__, url_prefix="/l/<launch_id>/deliveries")

KINDS = {
    "note": "Note",
    "plan": "Plan entry",
    "episode": "Engagement",
    "claim": "Claim",
    "withdrawal": "Word that a note was entered in error",
    "referral": "Referral",
    "consent": "Consent to disclose",
    "revocation": "Word that a consent was revoked",
    "lines": "Lines of the audit trail",
}
# How the moment at which it was made ready is called.
MADE = {"claim": "Released", "consent": "Made ready", "revocation": "Made ready", "lines": "Made ready"}
MAY_RETRY = (SUPERVISOR, ADMINISTRATOR, BILLER, ENGINEER, LPHA, PEER)
LARGEST_ROW = 2**63 - 1  # of a database
AGAIN = ("refused", "held", "waiting")


@deliveries.get("")
@allow(*EVERYBODY)
def listing() -> ResponseReturnValue:
    """Every delivery of the person, or of the whole programme; `state` filters."""
    state = request.args.get("state")
    state = preferences.remembered("deliveries.listing") if state is None else state
    with kit().store.read() as session:
        lines = outbox.listing(session, actor())
        names = individuals.names(session, actor().issuer)
    if not actor().knows_people:
        lines, names = tuple(_without_names(line, names.get(line.patient, "")) for line in lines), {}
    # Several a day for each person: one by one they would hide what somebody must see to.
    shown = [line for line in lines if not _is_told_together(line) and (not state or line.state == state)]
    return render_template(
        "deliveries.html",
        lines=shown,
        names=names,
        kinds=KINDS,
        made=MADE,
        trail=_trail(lines, state or ""),
        state=state,
        states=outbox.WORDS,
        any_at_all=bool(lines),
        may_retry=actor().is_any(*MAY_RETRY),
        again=AGAIN,
        remembers=preferences.offered(),
        remembered=preferences.remembered("deliveries.listing"),
    )


def _is_told_together(line: DeliveryLine) -> bool:
    """Lines of the trail that nobody needs to see to one by one."""
    waits = line.state == outbox.HELD and (line.reason or "").startswith(MISSING)
    return line.kind == outbox.LINES and (waits or line.state == outbox.IN_CHART)


def _trail(lines: Sequence[DeliveryLine], state: str) -> dict[str, object]:
    """How many deliveries of lines stand in the EHR, since when the last, and how many wait for a consent."""
    together = [one for one in lines if _is_told_together(one) and state in ("", one.state)]
    there = [one for one in together if one.state == outbox.IN_CHART]
    last = max((one.settled_at for one in there if one.settled_at), default=None)
    return {"there": len(there), "last": last, "held": len(together) - len(there)}


def _without_names(line: DeliveryLine, name: str) -> DeliveryLine:
    """The line as somebody reads it who is to know nobody's name, in the EHR's words neither."""
    reason = line.reason or ""
    for word in re.findall(r"[\w'-]{2,}", name):
        reason = re.sub(rf"\b{re.escape(word)}\b", "(left out)", reason, flags=re.IGNORECASE)
    return replace(line, patient="", reason=reason or None)


@deliveries.post("/<int:row_id>/retry")
@allow(*MAY_RETRY)
def retry(row_id: int) -> ResponseReturnValue:
    """Put a refused or held delivery back in line; one that went meanwhile shows where it stands."""
    if row_id > LARGEST_ROW:
        raise NotFound("There is no such delivery.", "Look at the list of deliveries.")
    said = "again"
    with kit().store.write() as session:
        try:
            outbox.retry(session, actor(), row_id, kit().now())
        except Stale:
            said = ""
    return redirect(url_for("deliveries.listing", said=said or None), 303)
