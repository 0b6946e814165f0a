"""Rights, wishes and a referral: what is written of the person beside the notes, and seen at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import beside as office
from app import history, referrals
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.problems import MendInput
from app.web.access import actor, allow
from app.web.formkit import Errors, Unreadable, Values, day, first, values_of
from app.web.kit import kit
from app.web.view import FormView, zone
from mappings.engagement import DECLINED

beside = Blueprint("beside", __name__, url_prefix="/l/<launch_id>/beside")

PEOPLE = (PEER, LPHA, CLINICIAN, SUPERVISOR)
FORMS = ("rights", "preference", "referral", "strike")
LABELS = {
    "rights-how": "Rights and responsibilities",
    "rights-on": "Day",
    "preference-language": "Language",
    "preference-gender": "Gender of the peer",
    "preference-experience": "Kind of lived experience",
    "preference-none": "No preference",
    "preference-on": "Day",
    "referral-outcome": "What came of the offer",
    "referral-to": "Referred to",
    "referral-on": "Day",
    "strike-reason": "Why it does not count",
}
HOW = (("explained", "They were explained"), ("declined", "The person did not want to hear them"))
OUTCOMES = (("made", "A referral was made"), ("not-wanted", "It was offered and not wanted"))


@beside.get("")
@allow(*PEOPLE, person=True)
def page() -> ResponseReturnValue:
    """What is written, and the forms to write more."""
    return _page({}, {}, 200)


@beside.post("/rights")
@allow(*PEOPLE, person=True)
def rights() -> ResponseReturnValue:
    """Note that rights were explained, or that the person did not want it."""

    def note(session: Session, values: Values, on: date | None) -> None:
        office.note_rights(session, actor(), first(values, "rights-how"), on, kit().now())

    return _save("rights", note)


@beside.post("/preference")
@allow(*PEOPLE, person=True)
def preference() -> ResponseReturnValue:
    """Note whom the person would like as a peer."""

    def note(session: Session, values: Values, on: date | None) -> None:
        wishes = {name: first(values, f"preference-{name}") for name in office.WISHES}
        none = bool(first(values, "preference-none"))
        office.note_preference(session, actor(), wishes, none, on, kit().now())

    return _save("preference", note)


@beside.post("/referral")
@allow(*PEOPLE, person=True)
def referral() -> ResponseReturnValue:
    """Note what came of the offer of a referral."""

    def note(session: Session, values: Values, on: date | None) -> None:
        outcome, to = first(values, "referral-outcome"), first(values, "referral-to")
        referrals.note(session, actor(), outcome, to, on, kit().now())

    return _save("referral", note)


@beside.post("/<int:number>/strike")
@allow(*PEOPLE, person=True)
def strike(number: int) -> ResponseReturnValue:
    """Say that a line was written in error."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            office.strike(session, actor(), number, first(values, "strike-reason"), kit().now())
    except MendInput as problem:
        return _page(values, _named("strike", problem), 422)
    return redirect(url_for("beside.page", said="saved"), 303)


Note = Callable[[Session, Values, date | None], None]


def _save(form: str, note: Note) -> ResponseReturnValue:
    values = values_of(request.form.to_dict(flat=False))
    try:
        on = _day(values, f"{form}-on")
        with kit().store.write() as session:
            note(session, values, on)
    except MendInput as problem:
        return _page(values, _named(form, problem), 422)
    return redirect(url_for("beside.page", said="saved"), 303)


def _day(values: Values, name: str) -> date | None:
    try:
        found = day(first(values, name))
    except Unreadable as problem:
        words = f"Day: {problem}"
        raise MendInput(words, "Mend the field.", {name.partition("-")[2]: words}) from None
    return date.fromisoformat(found) if found else None


def _named(form: str, problem: MendInput) -> Errors:
    fallback = f"{form}-reason" if form == "strike" else f"{form}-on"
    errors = {f"{form}-{name}": words for name, words in problem.errors.items()}
    return errors or {fallback: f"{problem.message} {problem.what_to_do}"}


def _page(values: Values, errors: Errors, status: int) -> ResponseReturnValue:
    now = kit().now()
    with kit().store.read() as session:
        found = office.of_person(session, actor())
        held = history.entries(session, actor().issuer, str(actor().patient))
        rule = office.referral_rule(session, actor().issuer, kit().library, now)
    today = now.astimezone(zone()).date().isoformat()
    shown = {f"{form}-on": [today] for form in FORMS} | values
    page = render_template(
        "beside/page.html",
        form=FormView(shown, LABELS, errors),
        found=found,
        declined=any(each.status == DECLINED for each in held),
        waits=bool(held) and held[-1].status == DECLINED,
        rule=rule.rule if rule else None,
        offer=rule.settings if rule else {},
        choice=kit().library.rule("GEN.PEER.CHOICE"),
        how=HOW,
        outcomes=OUTCOMES,
        may_strike=lambda line: line.by == actor().staff_id or actor().is_any(SUPERVISOR),
    )
    return page, status
