"""Meetings of a team: what was noted, and the form to note one."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import meetings as office
from app import staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.problems import MendInput
from app.web.access import actor, allow, launch
from app.web.formkit import Errors, Unreadable, Values, day, first, values_of
from app.web.kit import kit
from app.web.view import FormView, zone

meetings = Blueprint("meetings", __name__, url_prefix="/l/<launch_id>/meetings")

READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
WRITERS = (PEER, SUPERVISOR)
LABELS = {
    "on": "Day",
    "minutes": "Minutes",
    "team": "Which team met",
    "came": "Who came",
    "about": "Whose treatment was discussed",
    "reference": "Number or name of the minutes",
    "reason": "Why it does not count",
}


@meetings.get("")
@allow(*READERS)
def listing() -> ResponseReturnValue:
    """The meetings that this reader may know of, and the form for one more."""
    return _page({}, {}, 200)


@meetings.post("")
@allow(*WRITERS)
def note() -> ResponseReturnValue:
    """Note a meeting."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        on, minutes = _day(values), _minutes(values)
        with kit().store.write() as session:
            office.note(
                session,
                actor(),
                on,
                minutes,
                first(values, "team"),
                values.get("came", []),
                values.get("about", []),
                first(values, "reference"),
                kit().now(),
            )
    except MendInput as problem:
        return _page(values, _errors(problem, "team"), 422)
    return redirect(url_for("meetings.listing", said="saved"), 303)


@meetings.post("/<int:number>/strike")
@allow(*WRITERS)
def strike(number: int) -> ResponseReturnValue:
    """Say that a meeting was noted in error."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.strike(session, actor(), number, first(values, "reason"), kit().now())
    except MendInput as problem:
        return _page({}, _errors(problem, "reason"), 422)
    return redirect(url_for("meetings.listing", said="saved"), 303)


def _day(values: Values) -> date | None:
    try:
        found = day(first(values, "on"))
    except Unreadable as problem:
        raise MendInput(f"Day: {problem}", "Mend the field.", {"on": f"Day: {problem}"}) from None
    return date.fromisoformat(found) if found else None


def _minutes(values: Values) -> int | None:
    typed = first(values, "minutes")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else None


def _errors(problem: MendInput, field: str) -> Errors:
    return dict(problem.errors) or {field: f"{problem.message} {problem.what_to_do}"}


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    now, may_write = kit().now(), actor().is_any(*WRITERS)
    with kit().store.read() as session:
        found = office.listing(session, actor())
        people = office.people_offered(session, actor())
        team = [(m.record.id, m.name) for m in staff.everyone(session, actor().issuer) if m.active]
    mine = [actor().staff_id] if actor().is_any(PEER) else []
    about = [launch().patient or ""] if launch().patient else []
    today = [now.astimezone(zone()).date().isoformat()]
    page = render_template(
        "beside/meetings.html",
        form=FormView(values or {"on": today, "came": mine, "about": about}, LABELS, errors),
        found=found,
        people=people,
        team=sorted(team, key=lambda pair: pair[1]),
        may_write=may_write,
        may_strike=lambda meeting: meeting.by == actor().staff_id or actor().is_any(SUPERVISOR),
    )
    return page, status
