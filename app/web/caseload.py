"""Who is assigned to whom, and who opened a record without being so: for supervisors and administrators."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import assignments as office
from app import individuals, staff
from app.assignments import ALL_REVIEWS, CARERS, KEEPERS
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.formkit import Errors, Values, first, unanswered, values_of
from app.web.kit import kit
from app.web.view import FormView

caseload = Blueprint("caseload", __name__, url_prefix="/l/<launch_id>/caseload")

WANTED = {
    "staff": "Choose who is to be assigned",
    "patient": "Choose a person, or the co-signing of the whole programme",
}
LABELS = {"staff": "Who", "patient": "Whom"}
# No individual can have this id: the EHR's ids hold no spaces.
REVIEWS = "all reviews"


@caseload.get("")
@allow(*KEEPERS, person=False)
def listing() -> ResponseReturnValue:
    """Every assignment in force, the form for one more, and what was opened without."""
    return _page({}, {}, 200)


@caseload.post("")
@allow(*KEEPERS, person=False)
def assign() -> ResponseReturnValue:
    """Give somebody an individual, or the co-signing of the whole programme."""
    values = values_of(request.form.to_dict(flat=False))
    whom = first(values, "patient")
    try:
        if errors := unanswered(values, WANTED):
            raise MendInput("Nobody was assigned.", "Mend the fields marked.", errors)
        with kit().store.write() as session:
            patient = ALL_REVIEWS if whom == REVIEWS else whom
            office.assign(session, actor(), first(values, "staff"), patient, kit().now())
    except MendInput as problem:
        return _page(values, dict(problem.errors), 422)
    return redirect(url_for("caseload.listing", said="assigned"), 303)


@caseload.post("/<int:number>/end")
@allow(*KEEPERS, person=False)
def end(number: int) -> ResponseReturnValue:
    """End an assignment."""
    with kit().store.write() as session:
        office.end(session, actor(), number, kit().now())
    return redirect(url_for("caseload.listing", said="assignment-ended"), 303)


@caseload.post("/opened/<int:number>/seen")
@allow(*KEEPERS, person=False)
def seen(number: int) -> ResponseReturnValue:
    """Write down that the person at the screen looked at an opening without assignment."""
    with kit().store.write() as session:
        office.looked_at(session, actor(), number, kit().now())
    return redirect(url_for("caseload.listing", said="seen"), 303)


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    with kit().store.read() as session:
        given = office.listing(session, actor())
        opened = office.broken(session, actor())
        names = individuals.names(session, actor().issuer)
        team = [one for one in staff.everyone(session, actor().issuer) if one.active]
    carers = [(one.record.id, one.name) for one in team if not one.roles.isdisjoint(CARERS)]
    others = [pair for pair in carers if pair[0] != actor().staff_id]
    people = sorted(names.items(), key=lambda pair: (pair[1], pair[0]))
    page = render_template(
        "caseload.html",
        form=FormView(values, LABELS, errors),
        given=given,
        opened=opened,
        team=sorted(others, key=lambda pair: (pair[1], pair[0])),
        people=[(REVIEWS, "Co-signing for the whole programme"), *people],
    )
    return page, status
