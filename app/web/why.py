"""Why something was held or allowed: each rule as it stood when it was decided upon, and today beside it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import explained, staff
from app.actor import ADMINISTRATOR, BILLER, CLINICIAN, LPHA, PEER, SUPERVISOR
from app.decisions import claim_named
from app.explained import Decision
from app.problems import NotFound
from app.web.access import actor, allow
from app.web.kit import kit

why = Blueprint("why", __name__, url_prefix="/l/<launch_id>")

NOTE_READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
CLAIM_READERS = (BILLER, SUPERVISOR, ADMINISTRATOR)
OCCASIONS = {
    "signed": "When it was signed",
    "co-signed": "When it was co-signed",
    "released": "When the claim was released",
    "held": "Why it is in no claim",
}
RESULTS = {
    "pass": "passed",
    "fail": "did not pass",
    "indeterminate": "could not be decided",
    "advice": "gave advice",
    "not-applicable": "did not apply",
}
SEVERITIES = {"block": "holds", "warn": "warns", "info": "informs"}


@why.get("/contacts/<contact_id>/why")
@allow(*NOTE_READERS, person=True)
def of_note(contact_id: str) -> ResponseReturnValue:
    """A signed contact, for whoever may read its note."""
    version = _version()
    with kit().store.read() as session:
        found = explained.of_note(session, actor(), contact_id, version, kit().library, kit().now())
    back = url_for("signing.one", contact_id=contact_id, version=version)
    return _page(found, "this contact", back, "Back to the contact")


@why.get("/plan/<entry_id>/why")
@allow(*NOTE_READERS, person=True)
def of_entry(entry_id: str) -> ResponseReturnValue:
    """A signed plan entry, for whoever may read the plan."""
    with kit().store.read() as session:
        found = explained.of_entry(session, actor(), entry_id, kit().library, kit().now())
    back = url_for("planning.one", entry_id=entry_id)
    return _page(found, "this plan entry", back, "Back to the plan entry")


@why.get("/claims/<reference>/why")
@allow(*CLAIM_READERS)
def of_claim(reference: str) -> ResponseReturnValue:
    """A released claim or a held contact, for whoever may see claims."""
    with kit().store.read() as session:
        found = explained.of_claim(session, actor(), reference, kit().library, kit().now())
    return _page(found, "this claim", url_for("billing.one", reference=reference), "Back to the claim")


def _page(found: Sequence[Decision], what: str, back: str, words: str) -> str:
    with kit().store.read() as session:
        names = {each.record.id: each.name for each in staff.everyone(session, actor().issuer)}
    return render_template(
        "why.html",
        found=found,
        what=what,
        back=back,
        back_words=words,
        names=names,
        heading=_heading,
        results=RESULTS,
        severities=SEVERITIES,
    )


def _heading(occasion: str) -> str:
    claim = claim_named(occasion)
    return OCCASIONS.get(occasion, occasion) if claim is None else f"When the claim {claim} was released"


def _version() -> int | None:
    typed = request.args.get("version", "")
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 6):
        raise NotFound("There is no such version.", "Choose one from the list of versions.")
    return int(typed)
