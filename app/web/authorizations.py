"""Authorizations: what a payer was asked, what it granted, and what is left of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import authorizations as office
from app import individuals, staff
from app.actor import ADMINISTRATOR, BILLER, CLINICIAN, LPHA, PEER, SUPERVISOR
from app.authorization_check import Details
from app.authorization_views import AuthorizationView
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.formkit import Data, Errors, Field, Unreadable, Values, day, first, read_into, show, values_of
from app.web.kit import kit
from app.web.view import FormView, zone
from app.words import ANSWER_WORDS

authorizations = Blueprint("authorizations", __name__, url_prefix="/l/<launch_id>/authorizations")

KEEPERS = (BILLER, SUPERVISOR, ADMINISTRATOR, CLINICIAN, LPHA)
FIELDS = (
    Field("service", "line", "Service code"),
    Field("member", "line", "Member id"),
    Field("peer", "line", "Peer"),
    Field("certificate", "line", "Certificate number of the peer"),
    Field("asked", "whole", "Units asked for"),
    Field("requested_by", "line", "Who requests"),
    Field("requester_role", "line", "Role of who requests"),
    Field("requested_on", "day", "Requested on"),
    Field("sent_on", "day", "Sent to the payer on"),
    Field("answer", "line", "The payer's answer"),
    Field("answered_on", "day", "Answered on"),
    Field("number", "line", "The payer's number"),
    Field("units", "whole", "Units granted"),
    Field("elsewhere", "whole", "Units used elsewhere before"),
    Field("first_day", "day", "First day"),
    Field("last_day", "day", "Last day"),
    Field("member_approved", "yesno", "Did the member approve?"),
    Field("note", "text", "Note"),
)
LABELS = {each.path: each.label for each in FIELDS} | {"ended_on": "Last day on which it counts"}
DAYS = ("requested_on", "sent_on", "answered_on", "first_day", "last_day")
ANSWERS = [(code, words[:1].upper() + words[1:]) for code, words in ANSWER_WORDS.items()]
ROLES = [
    ("provider", "The programme"),
    ("discharge-coordinator", "The payer's discharge coordinator"),
    ("intensive-care-manager", "The payer's intensive care manager"),
]


@authorizations.get("")
@allow(*KEEPERS, PEER)
def listing() -> ResponseReturnValue:
    """The person's authorizations, or in a launch without a person those of the whole office. Who only writes
    contacts is shown the units left."""
    patient, keeps = request.args.get("person") or None, actor().is_any(*KEEPERS)
    with kit().store.read() as session:
        if keeps:
            found = office.listing(session, actor(), kit().library, kit().now(), patient)
        else:
            found = office.units_left(session, actor(), kit().library, kit().now())
        names = individuals.names(session, actor().issuer)
    return render_template(
        "authorizations/list.html",
        found=found,
        keeps=keeps,
        of_one=names.get(patient) if patient else None,
    )


@authorizations.get("/new")
@allow(*KEEPERS, person=True)
def new() -> ResponseReturnValue:
    """The form of a request, or of an authorization that is there already."""
    with kit().store.read() as session:
        begun = office.first_of(session, actor(), kit().library, kit().now())
    return _page(None, begun, {}, {}, 200)


@authorizations.post("/new")
@allow(*KEEPERS, person=True)
def add() -> ResponseReturnValue:
    """Record it; what cannot be taken is said beside its field."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        details = _read(values, Details())
        with kit().store.write() as session:
            made = office.record(session, actor(), details, kit().library, kit().now())
    except MendInput as problem:
        return _page(None, Details(), values, _errors(problem), 422)
    return redirect(url_for("authorizations.one", authorization_id=made.id, said="authorized"), 303)


@authorizations.get("/begin")
@allow(*KEEPERS, person=False)
def begin() -> ResponseReturnValue:
    """From the office's list: first for whom, then the form of a new request."""
    patient = request.args.get("person", "")
    with kit().store.read() as session:
        people = office.people(session, actor(), kit().now())
        if patient not in people:
            return render_template("authorizations/begin.html", people=people, asked="person" in request.args)
        begun = office.first_of(session, actor(), kit().library, kit().now(), patient)
    return _page(None, begun, {}, {}, 200, of=(patient, people[patient]))


@authorizations.post("/begin")
@allow(*KEEPERS, person=False)
def add_for() -> ResponseReturnValue:
    """Record it for the person that the address names."""
    patient = request.args.get("person", "")
    with kit().store.read() as session:
        people = office.people(session, actor(), kit().now())
    if patient not in people:
        return redirect(url_for("authorizations.begin", person=""), 303)
    values = values_of(request.form.to_dict(flat=False))
    try:
        details = _read(values, Details())
        with kit().store.write() as session:
            made = office.record(session, actor(), details, kit().library, kit().now(), patient=patient)
    except MendInput as problem:
        of = (patient, people[patient])
        return _page(None, Details(), values, _errors(problem), 422, of=of)
    return redirect(url_for("authorizations.one", authorization_id=made.id, said="authorized"), 303)


@authorizations.get("/<authorization_id>")
@allow(*KEEPERS)
def one(authorization_id: str) -> ResponseReturnValue:
    """One authorization with its form."""
    known = _known(authorization_id)
    return _page(known, known.details, {}, {}, 200)


@authorizations.post("/<authorization_id>")
@allow(*KEEPERS)
def change(authorization_id: str) -> ResponseReturnValue:
    """Write it anew; the earlier version stays."""
    values, known = values_of(request.form.to_dict(flat=False)), _known(authorization_id)
    try:
        details = _read(values, known.details)
        with kit().store.write() as session:
            office.change(
                session, actor(), authorization_id, _seen(values), details, kit().library, kit().now()
            )
    except MendInput as problem:
        return _page(known, known.details, values, _errors(problem), 422)
    return redirect(url_for("authorizations.one", authorization_id=authorization_id, said="saved"), 303)


@authorizations.post("/<authorization_id>/end")
@allow(*KEEPERS)
def end(authorization_id: str) -> ResponseReturnValue:
    """End it: after that day nobody takes units of it."""
    values, known = values_of(request.form.to_dict(flat=False)), _known(authorization_id)
    try:
        on = _day(values, "ended_on")
        with kit().store.write() as session:
            office.end(session, actor(), authorization_id, _seen(values), on, kit().library, kit().now())
    except MendInput as problem:
        return _page(known, known.details, values, _errors(problem), 422)
    return redirect(
        url_for("authorizations.one", authorization_id=authorization_id, said="authorization-ended"), 303
    )


@authorizations.get("/<authorization_id>/extension")
@allow(*KEEPERS)
def extension(authorization_id: str) -> ResponseReturnValue:
    """The form of the request for more units."""
    known = _known(authorization_id)
    with kit().store.read() as session:
        begun = office.extension_of(session, actor(), authorization_id, kit().now())
    return _page(None, begun, {}, {}, 200, extends=known)


@authorizations.post("/<authorization_id>/extension")
@allow(*KEEPERS)
def extend(authorization_id: str) -> ResponseReturnValue:
    """Record the extension, or the request for it."""
    values, known = values_of(request.form.to_dict(flat=False)), _known(authorization_id)
    try:
        details = _read(values, Details())
        with kit().store.write() as session:
            made = office.record(
                session, actor(), details, kit().library, kit().now(), extends=authorization_id
            )
    except MendInput as problem:
        return _page(None, Details(), values, _errors(problem), 422, extends=known)
    return redirect(url_for("authorizations.one", authorization_id=made.id, said="authorized"), 303)


@authorizations.get("/<authorization_id>/request")
@allow(*KEEPERS)
def form(authorization_id: str) -> ResponseReturnValue:
    """The request as it goes to the payer, to be printed, with what the rules say of it."""
    known = _known(authorization_id)
    with kit().store.read() as session:
        person = individuals.find(session, actor().issuer, known.patient).record
        program = staff.program_of(session, actor().issuer)
        names = _people(session)
    return render_template(
        "authorizations/request.html",
        known=known,
        individual=person,
        program=program,
        peer=dict(names).get(known.details.peer or ""),
        roles=dict(ROLES),
    )


def _known(authorization_id: str) -> AuthorizationView:
    with kit().store.read() as session:
        return office.view(session, actor(), authorization_id, kit().library, kit().now())


def _people(session: Any) -> list[tuple[str, str]]:
    return [(each.record.id, each.name) for each in staff.everyone(session, actor().issuer)]


def _data(details: Details) -> Data:
    data = asdict(details)
    return {**data, **{name: data[name].isoformat() for name in DAYS if data[name] is not None}}


def _read(values: Values, before: Details) -> Details:
    """What the form says over what stood before; raises MendInput for what cannot be read."""
    data, errors = _data(before), Errors()
    read_into(FIELDS, values, data, errors)
    if errors:
        raise MendInput("The authorization was not saved.", "Mend the fields marked.", errors)
    days = {name: date.fromisoformat(data[name]) if data[name] else None for name in DAYS}
    filled = {
        "service": data["service"] or "",
        "answer": data["answer"] or "",
        "elsewhere": data["elsewhere"] or 0,
    }
    return replace(before, **{**data, **days, **filled})


def _day(values: Values, name: str) -> date | None:
    try:
        found = day(first(values, name))
    except Unreadable as problem:
        words = f"{LABELS[name]}: {problem}"
        raise MendInput("The day cannot be read.", "Write it again.", {name: words}) from None
    return None if found is None else date.fromisoformat(found)


def _seen(values: Values) -> int:
    typed = first(values, "seen")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0


def _errors(problem: MendInput) -> Errors:
    return {
        name: words if words.startswith(LABELS.get(name, "\0")) else f"{LABELS.get(name, name)}: {words}"
        for name, words in problem.errors.items()
    } or {"service": f"{problem.message} {problem.what_to_do}"}


def _page(
    known: AuthorizationView | None,
    details: Details,
    values: Values,
    errors: Errors,
    status: int,
    extends: AuthorizationView | None = None,
    of: tuple[str, str] | None = None,
) -> ResponseReturnValue:
    today = kit().now().astimezone(zone()).date()
    shown = {**show(FIELDS, _data(details)), "ended_on": [today.isoformat()], **values}
    with kit().store.read() as session:
        names = _people(session)
        history = office.versions(session, actor(), known.id) if known else []
        before = (
            office.view(session, actor(), known.extends, kit().library, kit().now())
            if known and known.extends
            else extends
        )
    page = render_template(
        "authorizations/edit.html",
        known=known,
        before=before,
        of=of,
        form=FormView(shown, LABELS, errors),
        answers=ANSWERS,
        roles=ROLES,
        people=names,
        names=dict(names),
        history=history,
    )
    return page, status
