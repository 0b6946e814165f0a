"""The page on which a note is said to stand in the chart of the wrong person."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import signing, wrong_chart
from app.actor import PEER, SUPERVISOR
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.formkit import first, values_of
from app.web.kit import kit
from app.web.view import FormView

wrong_charts = Blueprint("wrong_charts", __name__, url_prefix="/l/<launch_id>")

LABELS = {"reason": "Why this is the wrong chart", "confirm": "This note is about another person"}
NO_REASON = {"reason": "Write why this chart is wrong"}
NOT_TICKED = {"confirm": "Tick the box to say that the note is about another person."}


@wrong_charts.get("/contacts/<contact_id>/wrong-chart")
@allow(PEER, SUPERVISOR, person=True)
def ask(contact_id: str) -> ResponseReturnValue:
    """What it means, and the form."""
    return _page(contact_id, FormView({}, LABELS))


@wrong_charts.post("/contacts/<contact_id>/wrong-chart")
@allow(PEER, SUPERVISOR, person=True)
def withdraw(contact_id: str) -> ResponseReturnValue:
    """Take the note out of this chart, for a reason."""
    values = values_of(request.form.to_dict(flat=False))
    if "confirm" not in values:
        blank = {} if first(values, "reason").strip() else NO_REASON
        return _page(contact_id, FormView(values, LABELS, {**blank, **NOT_TICKED})), 422
    try:
        with kit().store.write() as session:
            reason = first(values, "reason")
            wrong_chart.withdraw(session, actor(), contact_id, reason, kit().library, kit().now())
    except MendInput as problem:
        return _page(contact_id, FormView(values, LABELS, dict(problem.errors))), 422
    return redirect(url_for("pages.home", said="wrong-chart"), 303)


def _page(contact_id: str, form: FormView) -> str:
    with kit().store.read() as session:
        shown = signing.shown(session, actor(), contact_id, kit().library, kit().now())
    return render_template("contact/wrong_chart.html", shown=shown, contact_id=contact_id, form=form)
