"""From a worklist into a person's chart: each item opens in a launch of its own, with its own cookie.

A launch without a patient never turns into one with a patient; what is open in another window stays as it is.
What opens needs the person's assignment, or a reason that the supervisor reads.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import assignments, audit, cosign_queue, signing, worklists
from app.actor import LPHA, PEER
from app.assignments import CARERS
from app.cosign_queue import QueueItem
from app.problems import MendInput
from app.web import launches
from app.web.access import actor, allow, cookie_name, launch, set_secret
from app.web.formkit import Errors, Unreadable, Values, day, first, unanswered, values_of
from app.web.kit import kit
from app.web.view import FormView

opening = Blueprint("opening", __name__, url_prefix="/l/<launch_id>")

WANTED = {
    "record_number": "Write the record number",
    "born": "Write the day of birth",
    "reason": "Say why you have to open it",
}
LABELS = {
    "record_number": "Record number (MRN)",
    "born": "Day of birth",
    "reason": "Why you have to open it",
}


@opening.post("/drafts/<contact_id>/open")
@allow(PEER, person=False)
def own_note(contact_id: str) -> ResponseReturnValue:
    """Open one's own note in the context of its person."""
    with kit().store.read() as session:
        patient = worklists.person_of_own_note(session, actor(), contact_id)
    return _open(patient, contact_id, "charting.edit", contact_id=contact_id)


@opening.post("/queue/<contact_id>/open")
@allow(LPHA, person=False)
def review(contact_id: str) -> ResponseReturnValue:
    """Open a note that waits for a co-signature in the context of its person."""
    with kit().store.write() as session:
        patient = signing.open_from_queue(session, actor(), contact_id, kit().now()).patient
    return _open(patient, contact_id, "signing.review", contact_id=contact_id)


@opening.post("/caseload/<int:number>/open")
@allow(*CARERS, person=False)
def given(number: int) -> ResponseReturnValue:
    """Open the record of somebody who was given to the person at the screen."""
    with kit().store.read() as session:
        patient = assignments.person_of(session, actor(), number)
    return _open(patient, f"assignment/{number}", "pages.home")


@opening.get("/queue/<contact_id>/without-assignment")
@allow(LPHA, person=False)
def ask_review(contact_id: str) -> ResponseReturnValue:
    """The form that asks why somebody opens a note of a person they are not assigned to."""
    return _form({}, {}, 200, _item(contact_id))


@opening.post("/queue/<contact_id>/without-assignment")
@allow(LPHA, person=False)
def review_anyway(contact_id: str) -> ResponseReturnValue:
    """Open such a note; the reason stands before the supervisor."""
    item, values = _item(contact_id), values_of(request.form.to_dict(flat=False))
    try:
        return _break_glass(item.patient, contact_id, values, "signing.review", contact_id=contact_id)
    except MendInput as problem:
        return _form(values, dict(problem.errors), 422, item)


@opening.get("/without-assignment")
@allow(*CARERS, person=False)
def ask_person() -> ResponseReturnValue:
    """The form that finds one person by record number and day of birth, and asks why."""
    return _form({}, {}, 200)


@opening.post("/without-assignment")
@allow(*CARERS, person=False)
def person_anyway() -> ResponseReturnValue:
    """Open the record of exactly that person; the reason stands before the supervisor."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        if errors := unanswered(values, WANTED):
            raise MendInput("No record was opened.", "Mend the fields marked.", errors)
        born = _day_of(values)
        with kit().store.read() as session:
            number = first(values, "record_number")
            patient = assignments.person_called(session, actor(), number, born)
        return _break_glass(patient, "person", values, "pages.home")
    except MendInput as problem:
        return _form(values, dict(problem.errors), 422)


def _item(contact_id: str) -> QueueItem:
    with kit().store.read() as session:
        return cosign_queue.item_of(session, actor(), contact_id)


def _day_of(values: Values) -> date | None:
    try:
        found = day(first(values, "born"))
    except Unreadable as problem:
        raise MendInput("The day cannot be read.", "Mend it.", {"born": str(problem)}) from None
    return date.fromisoformat(found) if found else None


def _form(values: Values, errors: Errors, status: int, item: QueueItem | None = None) -> ResponseReturnValue:
    page = render_template("without_assignment.html", form=FormView(values, LABELS, errors), item=item)
    return page, status


def _break_glass(
    patient: str, subject: str, values: Values, endpoint: str, **where: Any
) -> ResponseReturnValue:
    fresh = launches.new_id()
    with kit().store.write() as session:
        reason = first(values, "reason")
        number = assignments.break_glass(session, actor(), patient, subject, reason, fresh, kit().now())
    return _open(patient, subject, endpoint, fresh, {"glass": number}, **where)


def _open(
    patient: str,
    subject: str,
    endpoint: str,
    fresh: str | None = None,
    more: dict[str, Any] | None = None,
    **where: Any,
) -> ResponseReturnValue:
    """A new launch for this person, ending when the one it came from would; it has no token of the EHR."""
    fresh, secret, now = fresh or launches.new_id(), launches.new_secret(), kit().now()
    context = {"banner": True, "list": launch().context.get("list") or launch().id, **(more or {})}
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
            context=context,
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
            subject=subject,
        )
    response = redirect(url_for(endpoint, launch_id=fresh, **where), 303)
    set_secret(response, cookie_name(fresh), secret, launch().good_until - now)
    return response
