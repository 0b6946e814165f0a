"""Addenda to a final note: written, read once more as they will stand, and signed like a note."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import addenda as office
from app import signing
from app.actor import LPHA, PEER
from app.problems import MendInput, Stale
from app.web.access import actor, allow
from app.web.formkit import first, values_of
from app.web.kit import kit
from app.web.second_step import carried_out
from app.web.signing import NO_CONFIRMATION
from app.web.view import FormView

addenda = Blueprint("addenda", __name__, url_prefix="/l/<launch_id>")

LABELS = {"said": "What you add", "confirm": "I have read this text", "pin": "Your signing PIN"}


@addenda.get("/contacts/<contact_id>/addendum")
@allow(PEER, LPHA, person=True)
def write(contact_id: str) -> ResponseReturnValue:
    """The note as it stands, and the field for what is added to it."""
    try:
        with kit().store.read() as session:
            said = office.begun(session, actor(), contact_id)
    except Stale:
        return redirect(url_for("signing.one", contact_id=contact_id, said="not-final"), 303)
    return _write_page(contact_id, FormView({"said": [said]} if said else {}, LABELS))


@addenda.post("/contacts/<contact_id>/addendum")
@allow(PEER, LPHA, person=True)
def save(contact_id: str) -> ResponseReturnValue:
    """Keep what was typed and show it as it will be signed."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        with kit().store.write() as session:
            made = office.write(session, actor(), contact_id, first(values, "said"), kit().now())
    except MendInput as problem:
        return _write_page(contact_id, FormView(values, LABELS, dict(problem.errors))), 422
    except Stale:
        return redirect(url_for("signing.one", contact_id=contact_id, said="not-final"), 303)
    return redirect(url_for("addenda.page", addendum_id=made), 303)


@addenda.get("/addenda/<addendum_id>")
@allow(PEER, LPHA, person=True)
def page(addendum_id: str) -> ResponseReturnValue:
    """Exactly the text that the signature freezes; a signed addendum stands with its note."""
    shown = _shown(addendum_id)
    return _to_note(shown) if shown.signatures else _sign_page(shown)


@addenda.post("/addenda/<addendum_id>/sign")
@allow(PEER, LPHA, person=True)
def sign(addendum_id: str) -> ResponseReturnValue:
    """Sign what was shown. A second click shows the outcome of the first."""
    shown = _shown(addendum_id)
    if shown.signatures:
        return _to_note(shown)
    if "confirm" not in request.form:
        return _sign_page(shown, dict(NO_CONFIRMATION)), 422
    digest = request.form.get("digest", "")
    try:
        carried_out(
            lambda session: office.sign(session, actor(), addendum_id, digest, kit().keyring, kit().now())
        )
    except MendInput as problem:
        return _sign_page(_shown(addendum_id), dict(problem.errors)), 422
    except Stale as stale:
        return make_response(_sign_page(_shown(addendum_id), stale=stale), 409)
    return redirect(url_for("signing.one", contact_id=shown.contact, said="addendum-signed"), 303)


@addenda.post("/addenda/<addendum_id>/discard")
@allow(PEER, LPHA, person=True)
def discard(addendum_id: str) -> ResponseReturnValue:
    """Drop an addendum that nobody signed; one that is signed stays."""
    shown = _shown(addendum_id)
    if shown.signatures:
        return _to_note(shown)
    with kit().store.write() as session:
        office.discard(session, actor(), addendum_id, kit().now())
    return redirect(url_for("signing.one", contact_id=shown.contact, said="addendum-discarded"), 303)


def _to_note(shown: office.Shown) -> ResponseReturnValue:
    return redirect(url_for("signing.one", contact_id=shown.contact), 303)


def _shown(addendum_id: str) -> office.Shown:
    with kit().store.read() as session:
        return office.shown(session, actor(), addendum_id)


def _write_page(contact_id: str, form: FormView) -> str:
    with kit().store.read() as session:
        note = signing.shown(session, actor(), contact_id, kit().library, kit().now())
    return render_template("addendum/write.html", note=note, contact_id=contact_id, form=form)


def _sign_page(shown: office.Shown, errors: dict[str, str] | None = None, stale: Stale | None = None) -> str:
    with kit().store.read() as session:
        advice = office.advice(session, actor(), shown.id, kit().library, kit().now())
    form = FormView({}, LABELS, errors or {})
    return render_template("addendum/sign.html", shown=shown, form=form, stale=stale, advice=advice)
