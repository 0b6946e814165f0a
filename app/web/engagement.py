"""Engagement: what was decided with the person, when, and the goal of the contacts before admission."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import engagement as office
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.problems import MendInput
from app.web.access import EVERYBODY, actor, allow
from app.web.formkit import Errors, Unreadable, Values, clock_time, day, first, moment, values_of
from app.web.kit import kit
from app.web.view import FormView, zone

engagement = Blueprint("engagement", __name__, url_prefix="/l/<launch_id>/engagement")

WORDS = {
    "undecided": ("Not decided yet", "The person is thinking about treatment; contacts go on."),
    "admitted": ("Admitted", "Treatment has begun; contacts now follow the plan."),
    "declined": ("Declined", "The person does not want treatment; contacts end."),
    "discharged": ("Discharged", "Treatment has ended."),
}
LABELS = {"status": "What was decided", "on": "Day", "at_time": "Time", "goal": "Goal of the contacts"}
RECORDERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
GOAL_WRITERS = (PEER, LPHA, CLINICIAN)


@engagement.get("")
@allow(*EVERYBODY, person=True)
def page() -> ResponseReturnValue:
    """The state now, its history, and the forms to record the next step or the goal."""
    return _page({}, {}, 200)


@engagement.post("")
@allow(*RECORDERS, person=True)
def record() -> ResponseReturnValue:
    """Record a decision with its day and, where known, its time."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        _record(values)
    except MendInput as problem:
        return _page(
            values, dict(problem.errors) or {"status": f"{problem.message} {problem.what_to_do}"}, 422
        )
    return redirect(url_for("engagement.page", said="engagement"), 303)


@engagement.post("/goal")
@allow(*GOAL_WRITERS, person=True)
def goal() -> ResponseReturnValue:
    """Put the goal of the contacts into new words; the old words stay in the history."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.set_goal(session, actor(), first(values, "goal"), kit().now())
    except MendInput as problem:
        return _page(values, dict(problem.errors) or {"goal": f"{problem.message} {problem.what_to_do}"}, 422)
    return redirect(url_for("engagement.page", said="engagement"), 303)


def _record(values: Values) -> None:
    errors: Errors = {}
    on = at = None
    try:
        on = day(first(values, "on"))
    except Unreadable as problem:
        errors["on"] = f"Day: {problem}"
    try:
        at = clock_time(first(values, "at_time"))
    except Unreadable as problem:
        errors["at_time"] = f"Time: {problem}"
    status = first(values, "status")
    if status not in WORDS:
        errors["status"] = "What was decided: choose one"
    if on is None and "on" not in errors:
        errors["on"] = "Day: write the day of the decision"
    if errors or on is None:
        raise MendInput("The decision was not recorded.", "Mend the fields marked.", errors)
    _write(status, on, moment(on, at, zone()))


def _write(status: str, on: str, exact: str | None) -> None:
    from datetime import date, datetime

    at = datetime.fromisoformat(exact) if exact else date.fromisoformat(on)
    with kit().store.write() as session:
        office.record(session, actor(), status, at, kit().library, kit().now())


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    with kit().store.read() as session:
        known = office.of(session, actor().issuer, str(actor().patient))
    history = known.history[::-1]
    now_status = known.history[-1].status if known.history else None
    today = kit().now().astimezone(zone()).date().isoformat()
    shown = {"goal": [known.goal or ""], "on": [today], **values}
    following = [
        (code, WORDS[code][0]) for code in office.next_steps(known) if actor().is_any(*office.MAY[code])
    ]
    page = render_template(
        "engagement.html",
        form=FormView(shown, LABELS, errors),
        history=history,
        status=now_status,
        words=WORDS,
        following=following,
        may_record=actor().is_any(*RECORDERS),
        may_word_goal=actor().is_any(*GOAL_WRITERS),
        known=known,
    )
    return page, status
