"""Deliveries: where each record stands on its way to the EHR, in the server's own words where it refused."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import individuals, outbox
from app.actor import ADMINISTRATOR, BILLER, LPHA, PEER, SUPERVISOR
from app.problems import NotFound, Stale
from app.web.access import EVERYBODY, actor, allow
from app.web.kit import kit

deliveries = Blueprint("deliveries", __name__, url_prefix="/l/<launch_id>/deliveries")

KINDS = {
    "note": "Note",
    "plan": "Plan entry",
    "episode": "Engagement",
    "claim": "Claim",
}
MAY_RETRY = (SUPERVISOR, ADMINISTRATOR, BILLER, LPHA, PEER)
LARGEST_ROW = 2**63 - 1  # of a database
AGAIN = ("refused", "held", "waiting")


@deliveries.get("")
@allow(*EVERYBODY)
def listing() -> ResponseReturnValue:
    """Every delivery of the person, or of the whole programme; `state` filters."""
    state = request.args.get("state", "")
    with kit().store.read() as session:
        lines = outbox.listing(session, actor())
        names = individuals.names(session, actor().issuer)
    shown = [line for line in lines if not state or line.state == state]
    return render_template(
        "deliveries.html",
        lines=shown,
        names=names,
        kinds=KINDS,
        state=state,
        states=outbox.WORDS,
        any_at_all=bool(lines),
        may_retry=actor().is_any(*MAY_RETRY),
        again=AGAIN,
    )


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
