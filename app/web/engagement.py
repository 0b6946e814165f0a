"""Engagement: what was decided with the person, when, and the goal of the contacts before admission."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import engagement as office
from app import history, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, not_here
from app.engagement_change import Step
from app.history import Entry
from app.problems import MendInput
from app.web.access import KNOWS_PEOPLE, actor, allow
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
LABELS = {
    "status": "What was decided",
    "on": "Day",
    "at_time": "Time",
    "goal": "Goal of the contacts",
    "reason": "Why it is written late",
    "why": "Why the day is another one",
    "gone": "Why it never was",
    "to": "True day",
    "to_time": "Time",
}
RECORDERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
GOAL_WRITERS = (PEER, LPHA, CLINICIAN)
LATE_ROWS = ("", "_2", "_3")


@engagement.get("")
@allow(*KNOWS_PEOPLE, person=True)
def page() -> ResponseReturnValue:
    """The state now, its history, and the forms to record the next step or the goal."""
    return _page({}, {}, 200)


@engagement.post("")
@allow(*RECORDERS, person=True)
def record() -> ResponseReturnValue:
    """Record a decision with its day and, where known, its time."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        step = _step(values, "")
        if step is None:
            raise MendInput("The decision was not recorded.", "Mend the fields marked.", {"status": "choose"})
        with kit().store.write() as session:
            office.record(session, actor(), step[0], step[1], kit().library, kit().now())
    except MendInput as problem:
        return _page(values, _errors(problem, "status"), 422)
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
        return _page(values, _errors(problem, "goal"), 422)
    return redirect(url_for("engagement.page", said="engagement"), 303)


@engagement.get("/late")
@allow(*RECORDERS, person=True)
def late() -> ResponseReturnValue:
    """The form for what was not written down on its day."""
    return _late_page({}, {}, 200)


@engagement.post("/late")
@allow(*RECORDERS, person=True)
def put_in() -> ResponseReturnValue:
    """Put in one or more states of earlier days, with the reason why they are written late."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        steps = [step for row in LATE_ROWS if (step := _step(values, row, must=not row)) is not None]
        with kit().store.write() as session:
            reason = first(values, "reason")
            office.record_steps(session, actor(), steps, kit().library, kit().now(), reason)
    except MendInput as problem:
        return _late_page(values, _errors(problem, "status"), 422)
    return redirect(url_for("engagement.page", said="engagement"), 303)


@engagement.get("/<int:number>")
@allow(*RECORDERS, person=True)
def one(number: int) -> ResponseReturnValue:
    """The form to put the day of one entry right."""
    return _day_page(_entry(number), {}, {}, 200)


@engagement.post("/<int:number>")
@allow(*RECORDERS, person=True)
def put_right(number: int) -> ResponseReturnValue:
    """State the true day of one entry and why; the wrong one stays to be read."""
    entry, values = _entry(number), values_of(request.form.to_dict(flat=False))
    try:
        at = _when(values, "to", "to_time")
        with kit().store.write() as session:
            why = first(values, "why")
            office.put_right(session, actor(), number, at, why, kit().library, kit().now())
    except MendInput as problem:
        errors = {"to" if name == "at" else name: words for name, words in problem.errors.items()}
        return _day_page(entry, values, errors or {"to": f"{problem.message} {problem.what_to_do}"}, 422)
    return redirect(url_for("engagement.page", said="engagement"), 303)


@engagement.post("/<int:number>/withdraw")
@allow(*RECORDERS, person=True)
def withdraw(number: int) -> ResponseReturnValue:
    """Say that a state never was, and why; it stays to be read."""
    entry, values = _entry(number), values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.withdraw(session, actor(), number, first(values, "gone"), kit().library, kit().now())
    except MendInput as problem:
        whole = {"gone": f"{problem.message} {problem.what_to_do}"}
        return _day_page(entry, values, dict(problem.errors) or whole, 422)
    return redirect(url_for("engagement.page", said="withdrawn"), 303)


def _step(values: Values, row: str, must: bool = True) -> Step | None:
    """The state and day of one row of a form; None for an empty row that may be so."""
    status, on = first(values, f"status{row}"), first(values, f"on{row}")
    if not must and not status and not on:
        return None
    errors: Errors = {} if status in WORDS else {f"status{row}": "What was decided: choose one"}
    try:
        at = _when(values, f"on{row}", f"at_time{row}")
    except MendInput as problem:
        raise MendInput(problem.message, problem.what_to_do, {**errors, **problem.errors}) from None
    if errors:
        raise MendInput("The decision was not recorded.", "Mend the fields marked.", errors)
    return status, at


def _when(values: Values, on: str, at_time: str) -> date | datetime:
    """The day, or the aware time where one is typed; raises MendInput beside the field."""
    errors: Errors = {}
    found = clock = None
    try:
        found = day(first(values, on))
    except Unreadable as problem:
        errors[on] = f"Day: {problem}"
    try:
        clock = clock_time(first(values, at_time))
    except Unreadable as problem:
        errors[at_time] = f"Time: {problem}"
    if found is None and on not in errors:
        errors[on] = "Day: write the day of the decision"
    exact = None
    try:
        exact = None if errors else moment(found, clock, zone())
    except Unreadable as problem:
        errors[at_time] = f"Time: {problem}"
    if errors or found is None:
        raise MendInput("The day cannot be read.", "Mend the fields marked.", errors)
    return datetime.fromisoformat(exact) if exact else date.fromisoformat(found)


def _errors(problem: MendInput, field: str) -> Errors:
    """The errors beside the fields of the page; one that belongs to none stands beside `field`."""
    whole = f"{problem.message} {problem.what_to_do}"
    told = {"on" if name == "at" else name: words or whole for name, words in problem.errors.items()}
    if "on" in told and "at" in problem.errors:
        told["on"] = whole
    if told.get("status", "").startswith(("expected", "after")):
        told["status"] = whole
    return told or {field: whole}


def _entry(number: int) -> Entry:
    with kit().store.read() as session:
        held = history.entries(session, actor().issuer, str(actor().patient))
    entry = next((each for each in held if each.number == number), None)
    if entry is None:
        raise not_here("entry")
    return entry


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    with kit().store.read() as session:
        known = office.of(session, actor().issuer, str(actor().patient))
        written = history.all_written(session, actor().issuer, str(actor().patient))
        outside = office.outside(session, actor())
        names = {each.record.id: each.name for each in staff.everyone(session, actor().issuer)}
    held = [each for each in written if each.withdrawn is None]
    today = kit().now().astimezone(zone()).date().isoformat()
    shown = {"goal": [known.goal or ""], "on": [today], **values}
    following = [
        (code, WORDS[code][0]) for code in office.next_steps(known) if actor().is_any(*office.MAY[code])
    ]
    page = render_template(
        "engagement/page.html",
        form=FormView(shown, LABELS, errors),
        held=held[::-1],
        withdrawn=[each for each in written[::-1] if each.withdrawn],
        outside=outside,
        names=names,
        status=held[-1].status if held else None,
        words=WORDS,
        following=following,
        may=_may,
        may_record=actor().is_any(*RECORDERS),
        may_word_goal=actor().is_any(*GOAL_WRITERS),
        known=known,
    )
    return page, status


def _may(status: str) -> bool:
    return actor().is_any(*office.MAY[status])


def _late_page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    labels = {f"{name}{row}": LABELS[name] for row in LATE_ROWS for name in ("status", "on", "at_time")}
    offered = [(code, WORDS[code][0]) for code in office.MAY if _may(code)]
    page = render_template(
        "engagement/late.html",
        form=FormView(values, {**LABELS, **labels}, errors),
        offered=offered,
        rows=LATE_ROWS,
    )
    return page, status


def _day_page(entry: Entry, values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    exact = isinstance(entry.at, datetime)
    local = entry.at.astimezone(zone()) if isinstance(entry.at, datetime) else entry.at
    shown = {
        "to": [local.isoformat()[:10]],
        "to_time": [f"{local:%H:%M}" if exact else ""],
        **values,
    }
    page = render_template(
        "engagement/day.html",
        form=FormView(shown, LABELS, errors),
        entry=entry,
        word=WORDS[entry.status][0],
        may=_may(entry.status),
    )
    return page, status
