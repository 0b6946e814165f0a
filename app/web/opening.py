"""From a worklist into a person's chart: each item opens in a launch of its own, with its own cookie.

A launch without a patient never turns into one with a patient; what is open in another window stays as it is.
"""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from app import audit, signing, worklists
from app.actor import LPHA, PEER
from app.web import launches
from app.web.access import actor, allow, cookie_name, launch, set_secret
from app.web.kit import kit

opening = Blueprint("opening", __name__, url_prefix="/l/<launch_id>")


@opening.post("/drafts/<contact_id>/open")
@allow(PEER, person=False)
def own_note(contact_id: str) -> ResponseReturnValue:
    """Open one's own note in the context of its person."""
    with kit().store.read() as session:
        patient = worklists.person_of_own_note(session, actor(), contact_id)
    return _open(patient, contact_id, "charting.edit")


@opening.post("/queue/<contact_id>/open")
@allow(LPHA, person=False)
def review(contact_id: str) -> ResponseReturnValue:
    """Open a note that waits for a co-signature in the context of its person."""
    with kit().store.write() as session:
        patient = signing.open_from_queue(session, actor(), contact_id, kit().now()).patient
    return _open(patient, contact_id, "signing.review")


def _open(patient: str, contact_id: str, endpoint: str) -> ResponseReturnValue:
    """A new launch for this person, ending when the one it came from would; it has no token of the EHR."""
    fresh, secret, now = launches.new_id(), launches.new_secret(), kit().now()
    with kit().store.write() as session:
        launches.open_launch(
            session,
            launch_id=fresh,
            issuer=actor().issuer,
            staff_id=actor().staff_id,
            practitioner=launch().practitioner,
            patient=patient,
            encounter=None,
            cookie_secret=secret,
            context={"banner": True, "list": launch().context.get("list") or launch().id},
            sealed=None,
            now=now,
            good_until=launch().good_until,
        )
        audit.write(
            session,
            actor().issuer,
            "opened from worklist",
            now,
            actor=actor().staff_id,
            launch=fresh,
            patient=patient,
            subject=contact_id,
        )
    response = redirect(url_for(endpoint, launch_id=fresh, contact_id=contact_id), 303)
    set_secret(response, cookie_name(fresh), secret, launch().good_until - now)
    return response
