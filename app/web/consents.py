"""Consents of a person under 42 CFR Part 2, what was disclosed by them, and the accounting as a file."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import consents as office
from app import disclosures
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.consents import Given
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.formkit import Errors, Unreadable, Values, day, first, values_of
from app.web.kit import kit
from app.web.view import FormView, zone
from mappings.disclosure import DESTINATION_WORDS, NOTICE, SCOPE_WORDS

consents = Blueprint("consents", __name__, url_prefix="/l/<launch_id>/consents")

PEOPLE = (PEER, LPHA, CLINICIAN, SUPERVISOR)
ACCOUNTS = (LPHA, CLINICIAN, SUPERVISOR)
LABELS = {
    "scope": "What for",
    "destinations": "Whom the records may go to from here",
    "recipient": "Recipient, as the consent names them",
    "from": "Signed on",
    "until": "Ends on",
    "copy": "Where the signed copy lies",
    "explanation": "What it allows, in plain words",
    "said": "How the person revoked it",
}
SCOPES = [(code, words[:1].upper() + words[1:]) for code, words in SCOPE_WORDS.items()]
DESTINATIONS = [(code, words[:1].upper() + words[1:]) for code, words in DESTINATION_WORDS.items()]
TONES = {"in force": "good", "not begun": "wait", "over": "wait", "revoked": "stop"}


@consents.get("")
@allow(*PEOPLE, person=True)
def page() -> ResponseReturnValue:
    """The person's consents, what they lack, and the form for one more."""
    return _page({}, {}, 200)


@consents.post("")
@allow(*PEOPLE, person=True)
def record() -> ResponseReturnValue:
    """Record a written consent; what waited for it goes on."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        given = _given(values)
        with kit().store.write() as session:
            office.record(session, actor(), given, kit().now())
    except MendInput as problem:
        return _page(values, _errors(problem, "scope"), 422)
    return redirect(url_for("consents.page", said="consented"), 303)


@consents.post("/<int:number>/revoke")
@allow(*PEOPLE, person=True)
def revoke(number: int) -> ResponseReturnValue:
    """Revoke a consent from now on; what waits is held."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            told = office.revoke(session, actor(), number, first(values, "said"), kit().now())
    except MendInput as problem:
        return _page({}, {f"said-{number}": next(iter(problem.errors.values()))}, 422)
    return redirect(url_for("consents.page", said="revoked-late" if told.under_way else "revoked"), 303)


@consents.get("/disclosures.csv")
@allow(*ACCOUNTS, person=True)
def accounting() -> ResponseReturnValue:
    """The accounting of disclosures as a CSV file; that it was asked for is written down."""
    with kit().store.write() as session:
        text = disclosures.export(session, actor(), kit().now())
    response: Response = make_response(text)
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="accounting-of-disclosures.csv"'
    return response


def _given(values: Values) -> Given:
    errors: Errors = {}
    days: dict[str, date | None] = {}
    for name in ("from", "until"):
        try:
            found = day(first(values, name))
            days[name] = date.fromisoformat(found) if found else None
        except Unreadable as problem:
            errors[name] = f"{LABELS[name]}: {problem}"
    if errors:
        raise MendInput("The consent was not recorded.", "Mend the fields marked.", errors)
    return Given(
        first(values, "scope"),
        tuple(values.get("destinations", [])),
        first(values, "recipient"),
        days["from"],
        days["until"],
        first(values, "copy"),
        first(values, "explanation"),
    )


def _errors(problem: MendInput, field: str) -> Errors:
    return dict(problem.errors) or {field: f"{problem.message} {problem.what_to_do}"}


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    now = kit().now()
    accounts = actor().is_any(*ACCOUNTS)
    with kit().store.read() as session:
        found = office.of_person(session, actor(), now)
        left = disclosures.of_person(session, actor()) if accounts else ()
    shown = values or {"from": [now.astimezone(zone()).date().isoformat()]}
    page = render_template(
        "consents/page.html",
        form=FormView(shown, LABELS, errors),
        found=found,
        left=left,
        accounts=accounts,
        scopes=SCOPES,
        destinations=DESTINATIONS,
        words=DESTINATION_WORDS,
        tones=TONES,
        notice=NOTICE,
    )
    return page, status
