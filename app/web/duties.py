"""What must reach people at once: the mark that somebody saw it. The list stands on the first pages."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app.actor import CLINICIAN, LPHA, SUPERVISOR
from app.duties import acknowledge
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.kit import kit
from app.web.pages import back_home

duties = Blueprint("duties", __name__, url_prefix="/l/<launch_id>/duties")


@duties.post("/<contact_id>/<duty>/seen")
@allow(SUPERVISOR, LPHA, CLINICIAN)
def seen(contact_id: str, duty: str) -> ResponseReturnValue:
    """Write down that the person at the screen saw this report."""
    number = _number(request.form.get("number", ""))
    with kit().store.write() as session:
        acknowledge(session, actor(), contact_id, duty, number, kit().now())
    return back_home("seen")


def _number(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise MendInput("The form lost the number of the report.", "Load the page again and press it there.")
    return int(typed)
