"""The treatment plan: entries written and signed by clinicians, and what was delivered against each."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import planning as office
from app import staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR
from app.planning import EntryDraft, PlanLine, ShownEntry
from app.problems import Held, MendInput, Stale
from app.web import choices
from app.web.access import actor, allow
from app.web.formkit import Errors, Unreadable, Values, day, first, values_of
from app.web.forms import PLAN_ENTRY, PLAN_LABELS, plan_entry_of, plan_values, read_plan_entry
from app.web.kit import kit
from app.web.second_step import carried_out
from app.web.view import FormView, zone
from app.web.writing import components
from mappings.findings import Judgement

planning = Blueprint("planning", __name__, url_prefix="/l/<launch_id>/plan")

WRITERS = (LPHA, CLINICIAN)
READERS = (PEER, LPHA, CLINICIAN, SUPERVISOR)
DRAFT, SIGNED = "draft", "signed"
NAMES = frozenset(item.path for item in PLAN_ENTRY)
BASES = {"planned": "Planned service", "targeted": "Short-term service after an event"}
LABELS = {**PLAN_LABELS, "confirm": "I have read this text", "on": "Last day", "pin": "Your signing PIN"}


@planning.get("")
@allow(*READERS, person=True)
def listing() -> ResponseReturnValue:
    """The person's plan with what was delivered against each entry."""
    return render_template(
        "plan/list.html",
        lines=[line for line in _lines() if not _empty_draft(line)],
        bases=BASES,
        per=dict(choices.PER),
        types=dict(choices.SERVICE_TYPES),
        may_write=actor().is_any(*WRITERS),
    )


@planning.post("/new")
@allow(*WRITERS, person=True)
def new() -> ResponseReturnValue:
    """Begin an entry; a second click is given the same empty one."""
    basis = request.form.get("basis", "")
    if basis not in BASES:
        raise MendInput("The kind of entry is not known.", "Choose planned or short-term.")
    empty = [line for line in _lines() if _empty_draft(line) and line.entry.basis == basis]
    mine = [line.entry.id for line in empty if line.author == actor().staff_id]
    if mine:
        return redirect(url_for("planning.edit", entry_id=mine[0]), 303)
    with kit().store.write() as session:
        entry_id = office.start(session, actor(), basis, kit().now()).entry.id
    return redirect(url_for("planning.edit", entry_id=entry_id), 303)


@planning.get("/<entry_id>")
@allow(*READERS, person=True)
def one(entry_id: str) -> ResponseReturnValue:
    """The text of an entry and what the rules say of it."""
    return _text_page(_shown(entry_id), {})


@planning.get("/<entry_id>/edit")
@allow(*WRITERS, person=True)
def edit(entry_id: str) -> ResponseReturnValue:
    """The form of a draft; a signed entry is shown to read instead."""
    draft = _read(entry_id)
    if draft.state != DRAFT:
        return redirect(url_for("planning.one", entry_id=entry_id), 303)
    return _page(draft, plan_values(draft.entry), _shown(entry_id).judgement if draft.edit else None, {})


@planning.post("/<entry_id>/edit")
@allow(*WRITERS, person=True)
def save(entry_id: str) -> ResponseReturnValue:
    """Save the draft, then stay or go on to signing."""
    draft = _read(entry_id)
    if draft.state != DRAFT:
        return redirect(url_for("planning.one", entry_id=entry_id), 303)
    read = read_plan_entry(values_of(request.form.to_dict(flat=False)), draft.entry)
    number = first(read.values, "edit")
    try:
        with kit().store.write() as session:
            saved = office.save_entry(
                session,
                actor(),
                plan_entry_of(read),
                int(number) if number.isascii() and number.isdigit() else -1,
                kit().library,
                kit().now(),
            )
    except Stale:
        return make_response(_page(_read(entry_id), read.values, None, read.errors, stale=True), 409)
    if read.errors:
        return make_response(_page(saved, read.values, saved.judgement, read.errors), 422)
    if first(read.values, "then") == "sign":
        return redirect(url_for("planning.sign_page", entry_id=entry_id), 303)
    return redirect(url_for("planning.edit", entry_id=entry_id, said="saved"), 303)


@planning.get("/<entry_id>/sign")
@allow(*WRITERS, person=True)
def sign_page(entry_id: str) -> ResponseReturnValue:
    """Exactly the text that a signature would freeze."""
    return _text_page(_shown(entry_id), {})


@planning.post("/<entry_id>/sign")
@allow(*WRITERS, person=True)
def sign(entry_id: str) -> ResponseReturnValue:
    """Sign what was shown; a second click shows the outcome of the first."""
    shown = _shown(entry_id)
    if shown.state != DRAFT:
        return redirect(url_for("planning.one", entry_id=entry_id), 303)
    if "confirm" not in request.form:
        return _text_page(shown, {"confirm": "Tick the box to say that you have read the text."}), 422
    digest = request.form.get("digest", "")
    try:
        carried_out(
            lambda session: office.sign_entry(
                session, actor(), entry_id, digest, kit().library, kit().keyring, kit().now()
            )
        )
    except MendInput as problem:
        return _text_page(_shown(entry_id), dict(problem.errors)), 422
    except (Stale, Held) as problem:
        return _text_page(_shown(entry_id), {}, problem), 409
    return redirect(url_for("planning.listing", said="plan-signed"), 303)


@planning.post("/<entry_id>/revise")
@allow(*WRITERS, person=True)
def revise(entry_id: str) -> ResponseReturnValue:
    """Open a new version of a signed entry; one that is open already is shown."""
    with kit().store.write() as session:
        if office.read(session, actor(), entry_id).state != DRAFT:
            office.revise(session, actor(), entry_id, kit().now())
    return redirect(url_for("planning.edit", entry_id=entry_id), 303)


@planning.post("/<entry_id>/discard")
@allow(*WRITERS, person=True)
def discard(entry_id: str) -> ResponseReturnValue:
    """Drop a draft; done twice it stays done."""
    with kit().store.write() as session:
        if office.read(session, actor(), entry_id).state == DRAFT:
            office.discard(session, actor(), entry_id, kit().now())
    return redirect(url_for("planning.listing", said="discarded"), 303)


@planning.post("/<entry_id>/end")
@allow(*WRITERS, person=True)
def end(entry_id: str) -> ResponseReturnValue:
    """End a signed entry with its last day."""
    values = values_of(request.form.to_dict(flat=False))
    try:
        on = day(first(values, "on"))
        if on is None:
            raise Unreadable("write the last day")
        with kit().store.write() as session:
            office.end_entry(session, actor(), entry_id, date.fromisoformat(on), kit().library, kit().now())
    except Unreadable as problem:
        return _text_page(_shown(entry_id), {"on": f"Last day: {problem}"}), 422
    except MendInput as problem:
        return _text_page(_shown(entry_id), {"on": f"{problem.message} {problem.what_to_do}"}), 422
    except Stale:
        return redirect(url_for("planning.one", entry_id=entry_id), 303)
    return redirect(url_for("planning.listing", said="plan-ended"), 303)


def _lines() -> list[PlanLine]:
    with kit().store.read() as session:
        return office.of_person(session, actor())


def _empty_draft(line: PlanLine) -> bool:
    return line.state == DRAFT and line.edit == 0 and line.version == 1


def _read(entry_id: str) -> EntryDraft:
    with kit().store.read() as session:
        return office.read(session, actor(), entry_id)


def _shown(entry_id: str) -> ShownEntry:
    with kit().store.read() as session:
        return office.shown_entry(session, actor(), entry_id, kit().library, kit().now())


def _page(
    draft: EntryDraft, values: Values, judgement: Judgement | None, errors: Errors, stale: bool = False
) -> str:
    on = kit().now().astimezone(zone()).date()
    with kit().store.read() as session:
        people = [
            (each.record.id, each.name) for each in staff.everyone(session, actor().issuer) if each.active
        ]
    return render_template(
        "plan/edit.html",
        entry=draft.entry,
        edit=draft.edit,
        form=FormView(values, LABELS, errors, judgement, NAMES),
        choices=choices,
        components=components(draft.entry.jurisdiction, on).get(first(values, "service_type"), []),
        people=people,
        bases=BASES,
        stale=stale,
    )


def _text_page(shown: ShownEntry, errors: Errors, problem: Stale | Held | None = None) -> str:
    return render_template(
        "plan/one.html",
        shown=shown,
        form=FormView({"on": [kit().now().astimezone(zone()).date().isoformat()]}, LABELS, errors),
        problem=problem,
        may_write=actor().is_any(*WRITERS),
    )
