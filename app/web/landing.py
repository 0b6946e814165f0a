"""Where a launch opens: what the EHR asked for by intent, Task or appContext, where that is ours and allowed.

All three are hints of another system: what is not understood, or not this person's, opens the first page.
"""

from __future__ import annotations

import json
import re
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from app import charting, worklists
from app.actor import LPHA, Actor
from app.problems import Problem
from app.web.access import guard_of
from app.words import AWAITING, DRAFT
from mappings.fhir.elements import IDENTIFIERS
from smart_launch.context import LaunchContext

HOME = "pages.home"
VIEWS = {"plan": "planning.listing", "claims": "billing.listing", "engagement": "engagement.page"}
MAX_APP_CONTEXT = 2000
_CONTACT = re.compile(r"[A-Za-z0-9\-]{1,64}")
_OURS = {f"{IDENTIFIERS}/{kind}" for kind in ("task", "note", "note-series")}

Place = tuple[str, dict[str, str]]


def place(
    session: Session, actor: Actor, context: LaunchContext, task: dict[str, Any] | None = None
) -> Place:
    """The endpoint and values at which this launch opens: the note of the Task, the one that appContext
    names, the view of the intent, else the first page."""
    for contact in (contact_of_task(task), contact_of_app_context(context.app_context)):
        found = _of_contact(session, actor, contact) if contact else None
        if found:
            return found
    return _of_intent(session, actor, context.intent) or (HOME, {})


def contact_of_app_context(text: str | None) -> str | None:
    """The contact named by an appContext of the form {"contact": id}; None for every other text."""
    if text is None or len(text) > MAX_APP_CONTEXT:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    named = said.get("contact") if isinstance(said, dict) and len(said) == 1 else None
    return named if isinstance(named, str) and _CONTACT.fullmatch(named) else None


def contact_of_task(task: dict[str, Any] | None) -> str | None:
    """The contact that a Task is about, by one of our own identifiers on it or on its focus; else None."""
    focus = (task or {}).get("focus")
    listed = (task or {}).get("identifier")
    named = [*(listed if isinstance(listed, list) else ()), (focus if isinstance(focus, dict) else {})]
    for one in named:
        who = one.get("identifier", one) if isinstance(one, dict) else {}
        if isinstance(who, dict) and who.get("system") in _OURS and isinstance(who.get("value"), str):
            contact = str(who["value"]).partition("/")[0]
            return contact if _CONTACT.fullmatch(contact) else None
    return None


def task_of(context: LaunchContext) -> str | None:
    """The reference of the Task a launch is for (SMART App Launch 2.2, "Task profile"), None without one."""
    for item in context.fhir_context:
        if item.role == "launch" and item.reference and "Task/" in item.reference:
            return item.reference
    return None


def _of_contact(session: Session, actor: Actor, contact: str) -> Place | None:
    try:
        row, version = charting.visible(session, actor, contact)
    except Problem:
        return None
    mine = row.author == actor.staff_id
    if version.state == DRAFT and mine:
        return _allowed(actor, "charting.edit", contact_id=contact)
    if version.state == AWAITING and actor.is_any(LPHA) and not mine:
        return _allowed(actor, "signing.review", contact_id=contact)
    return _allowed(actor, "signing.one", contact_id=contact)


def _of_intent(session: Session, actor: Actor, intent: str | None) -> Place | None:
    if intent == "document-contact":
        return _own_note(session, actor)
    if intent == "cosign":
        return _to_cosign(session, actor)
    return _allowed(actor, VIEWS[intent]) if intent in VIEWS else None


def _own_note(session: Session, actor: Actor) -> Place | None:
    """The one note of this person that the peer is writing; opening a page never begins a new one."""
    if actor.patient is None:
        return None
    notes = [one for one in worklists.own_notes(session, actor) if one.patient == actor.patient]
    return _of_contact(session, actor, notes[0].contact) if len(notes) == 1 else None


def _to_cosign(session: Session, actor: Actor) -> Place | None:
    if actor.patient is None:
        return _allowed(actor, "signing.queue")
    waiting = [
        line.id
        for line in (charting.of_person(session, actor) if actor.is_any(LPHA) else ())
        if line.state == AWAITING and not line.mine
    ]
    return _of_contact(session, actor, waiting[0]) if len(waiting) == 1 else None


def _allowed(actor: Actor, endpoint: str, **values: str) -> Place | None:
    guard = guard_of(current_app, endpoint)
    if guard is None or not actor.is_any(*guard.roles):
        return None
    fits = guard.person is None or guard.person == (actor.patient is not None)
    return (endpoint, dict(values)) if fits else None
