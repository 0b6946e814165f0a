"""Writing a contact: begun, saved by button and by itself, judged while typing, discarded or amended."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import charting, engagement
from app.actor import PEER
from app.charting import Draft
from app.problems import MendInput, Stale
from app.web import wording, writing
from app.web.access import actor, allow
from app.web.formkit import Read, Values, first, get, values_of
from app.web.forms import CONTACT, contact_of, contact_values, not_in_record, read_contact
from app.web.kit import kit
from app.web.view import shown_clock, zone
from mappings.findings import Judgement

charts = Blueprint("charting", __name__, url_prefix="/l/<launch_id>/contacts")

DRAFT = "draft"
# The fields whose words may be changed by a button: long texts.
WORDED = frozenset(field.path for field in CONTACT if field.kind == "text")


@charts.post("/new")
@allow(PEER, person=True)
def new() -> ResponseReturnValue:
    """Begin a contact; a second click is given the same empty draft."""
    with kit().store.write() as session:
        draft = charting.start(session, actor(), kit().now())
    return redirect(url_for("charting.edit", contact_id=draft.contact.id), 303)


@charts.get("/<contact_id>/edit")
@allow(PEER, person=True)
def edit(contact_id: str) -> ResponseReturnValue:
    """The form of one's own draft; a signed contact is shown to read instead."""
    draft = _read(contact_id)
    if draft.state != DRAFT:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    values = writing.prepared({**contact_values(draft.contact, zone()), **draft.typed}, draft)
    # Nobody is told what is missing from a page on which nothing was written yet.
    judgement = _judge_stored(draft) if draft.edit or draft.contact.version > 1 else None
    resumed = draft.contact.note.edited_at if draft.contact.note and draft.edit else None
    errors = read_contact(values, draft.contact, zone()).errors if draft.typed else None
    return writing.page(draft, values, judgement, errors=errors, resumed=resumed)


@charts.post("/<contact_id>/edit")
@allow(PEER, person=True)
def save(contact_id: str) -> ResponseReturnValue:
    """Save by button, then stay or go on to signing; nothing that was typed is lost when it cannot be."""
    draft = _read(contact_id)
    if draft.state != DRAFT:
        return redirect(url_for("signing.one", contact_id=contact_id), 303)
    read, change, moved = _reworded(draft, _typed(draft))
    try:
        saved = _save(read, _edit_number(read.values))
    except Stale:
        current = _read(contact_id)
        page = writing.page(current, read.values, _judge(read), errors=read.errors, stale=True)
        return make_response(page, 409)
    if read.errors:
        page = writing.page(saved, read.values, saved.judgement, errors=read.errors, saved_at=kit().now())
        return make_response(page, 422)
    if change is not None or moved:
        return writing.page(
            saved, read.values, saved.judgement, saved_at=kit().now(), done=change, moved=moved
        )
    if first(read.values, "then") == "sign":
        return redirect(url_for("signing.page", contact_id=contact_id), 303)
    return redirect(url_for("charting.edit", contact_id=contact_id, said="saved"), 303)


@charts.post("/<contact_id>/findings")
@allow(PEER, person=True)
def findings(contact_id: str) -> ResponseReturnValue:
    """What the rules say of what stands in the form now; nothing is saved."""
    draft = _read(contact_id)
    read = _typed(draft)
    return writing.live(draft, read, _judge(read))


@charts.post("/<contact_id>/autosave")
@allow(PEER, person=True)
def autosave(contact_id: str) -> ResponseReturnValue:
    """Save while typing; answers with the time of the saving and its number."""
    draft = _read(contact_id)
    read = _typed(draft)
    saved = _save(read, _edit_number(read.values))
    line = f"Saved at {shown_clock(kit().now())}"
    if read.errors:
        line += ", except what cannot be read: " + "; ".join(read.errors.values())
    return render_template("contact/saved.html", save_line=line, edit=saved.edit) + (
        writing.live(saved, read, saved.judgement) if saved.judgement else ""
    )


@charts.post("/<contact_id>/discard")
@allow(PEER, person=True)
def discard(contact_id: str) -> ResponseReturnValue:
    """Drop one's own draft; done twice it stays done."""
    with kit().store.write() as session:
        draft = charting.read(session, actor(), contact_id)
        if draft.state == DRAFT:
            charting.discard(session, actor(), contact_id, kit().library, kit().now())
    return redirect(url_for("pages.home", said="discarded"), 303)


@charts.post("/<contact_id>/amend")
@allow(PEER, person=True)
def amend(contact_id: str) -> ResponseReturnValue:
    """Open a new version of one's own signed contact; a version open already is shown."""
    with kit().store.write() as session:
        if charting.read(session, actor(), contact_id).state != DRAFT:
            charting.amend(session, actor(), contact_id, kit().library, kit().now())
    return redirect(url_for("charting.edit", contact_id=contact_id), 303)


def _read(contact_id: str) -> Draft:
    with kit().store.read() as session:
        return charting.read(session, actor(), contact_id)


def _typed(draft: Draft) -> Read:
    values = values_of(request.form.to_dict(flat=False))
    return read_contact({**values, wording.LEFT: wording.left(values)}, draft.contact, zone())


def _reworded(draft: Draft, read: Read) -> tuple[Read, wording.Change | None, bool]:
    """What was typed with the change of words that a button asked for, that change, and whether the words no
    longer stood there."""
    change = wording.asked(read.values, WORDED)
    if change is None:
        return read, None, False
    values = wording.changed(read.values, change)
    if values is None:
        return read, None, True
    return read_contact(values, draft.contact, zone()), change, False


def _edit_number(values: Values) -> int:
    typed = first(values, "edit")
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise MendInput("The form lost its number.", "Load the page again; what was saved is safe.")
    return int(typed)


def _save(read: Read, edit: int) -> Draft:
    contact = contact_of(read)
    with kit().store.write() as session:
        _save_goal(session, contact.id, get(read.data, "engagement.goal") or "")
        typed = not_in_record(read, zone()) | {wording.LEFT: wording.left(read.values)}
        kept = {name: each for name, each in typed.items() if each}
        return charting.save_draft(session, actor(), contact, edit, kit().library, kit().now(), kept)


def _save_goal(session: Session, contact_id: str, goal: str) -> None:
    """The goal of the contacts is the engagement's; a new wording of it is kept there. What this form brings
    unchanged is no new wording: a colleague may have worded the goal anew since it was opened."""
    known = engagement.of(session, actor().issuer, str(actor().patient)).goal
    if goal and goal not in (known, charting.goal_as_saved(session, actor(), contact_id)):
        engagement.set_goal(session, actor(), goal, kit().now())


def _judge(read: Read) -> Judgement:
    with kit().store.read() as session:
        return charting.judge(session, actor(), contact_of(read), kit().library, kit().now())


def _judge_stored(draft: Draft) -> Judgement:
    with kit().store.read() as session:
        return charting.judge(session, actor(), draft.contact, kit().library, kit().now())
