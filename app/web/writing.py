"""The page of the contact form: what it offers, what it says of units and rules, the parts it swaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain

from flask import render_template
from sqlalchemy.orm import Session

from app import authorizations, planning, staff
from app.charting import Draft
from app.web import choices
from app.web.access import actor
from app.web.formkit import Errors, Read, Values, first, row_numbers
from app.web.forms import CONTACT, ENGAGEMENT_GOAL, LABELS, RECIPIENT, RECIPIENTS, ROWS, TIMES
from app.web.kit import kit
from app.web.view import FormView, shown_clock, zone
from app.web.wording import Change
from mappings.engagement import state_at
from mappings.findings import Judgement
from mappings.records import Contact

OTHERS_AT_MOST = 4
AFTER_ADMISSION_ONLY = frozenset(
    {
        "service.basis",
        "service.plan_entry",
        "service.rationale",
        "note.goals",
        "service.rationale_ref.id",
        "service.rationale_ref.on",
    }
)
MORE = ("service.accompaniment.requested", "service.accompaniment.travel_minutes", "clinical_input.by")


@dataclass(frozen=True)
class Offered:
    """The choices of one contact form."""

    types: choices.Choices
    components: dict[str, list[tuple[str, str]]]
    plan_entries: list[tuple[str, str]]
    goals: list[tuple[str, str]]
    staff: list[tuple[str, str]]
    places: choices.Choices = choices.PLACES
    modalities: choices.Choices = choices.MODALITIES
    locations: choices.Choices = choices.LOCATIONS


@dataclass(frozen=True)
class Explained:
    """How the units of a contact come about."""

    count: str
    lines: tuple[str, ...]


def prepared(values: Values, draft: Draft) -> Values:
    """The form's values with what a fresh contact begins with: today, the peer's own type of service."""
    today = kit().now().astimezone(zone()).date()
    ready = dict(values)
    if not first(ready, "start_date"):
        ready["start_date"] = [today.isoformat()]
    if draft.edit == 0 and draft.contact.version == 1:
        ready["service.type"] = [_own_type(today)]
        ready["service.format"] = ["individual"]
        ready["recipients"] = ["individual"]
    return ready


def page(
    draft: Draft,
    values: Values,
    judgement: Judgement | None,
    *,
    errors: Errors | None = None,
    resumed: datetime | None = None,
    saved_at: datetime | None = None,
    stale: bool = False,
    done: Change | None = None,
    moved: bool = False,
) -> str:
    """The whole page of the form; `done` is a change of words just made, `moved` says that the words to be
    changed no longer stood there."""
    form = replace(view(draft.contact, values, judgement, errors or {}), done=done)
    others = row_numbers("recipients", values)
    with kit().store.read() as session:
        units = authorizations.units_left(session, actor(), kit().library, kit().now())
    return render_template(
        "contact/edit.html",
        contact=draft.contact,
        edit=draft.edit,
        form=form,
        judgement=judgement,
        explained=explained(draft.contact, judgement),
        units_left=units,
        choices=offered(draft.contact),
        shown_type=first(values, "service.type") or "adult",
        preadmission=preadmission(draft.contact),
        others=bool(others),
        other_rows=_rows("recipients", values),
        staff_rows=_rows("staff", values),
        meeting_rows=_rows("collaboration", values),
        more_open=any(first(values, name) for name in MORE),
        zone_name=zone().key.replace("_", " "),
        resumed=resumed,
        returned=draft.comment,
        stale=stale,
        moved=moved,
        save_line=f"Saved at {shown_clock(saved_at)}, except what is marked" if saved_at else "",
        can_discard=True,
    )


def _rows(path: str, values: Values) -> list[int]:
    """The rows to show: those there are and an empty one, up to the most there may be."""
    there = row_numbers(path, values)
    return list(range(min(max(there, default=-1) + 2, max(OTHERS_AT_MOST, len(there)))))


def live(draft: Draft, read: Read, judgement: Judgement) -> str:
    """The parts of the page that follow the typing: findings beside fields, the rest, the units."""
    form = view(draft.contact, read.values, judgement, read.errors)
    chosen = first(read.values, "service.type") or "adult"
    swap = chosen != first(read.values, "shown_type")
    return render_template(
        "contact/live.html",
        form=form,
        judgement=judgement,
        explained=explained(draft.contact, judgement),
        swap_components=swap,
        shown_type=chosen,
        choices=offered(draft.contact) if swap else None,
    )


def view(contact: Contact, values: Values, judgement: Judgement | None, errors: Errors) -> FormView:
    """The form with its findings; a finding about a field that is not on this page stands at the top."""
    rows = [f"recipients.{number}.{item.path}" for number in range(OTHERS_AT_MOST) for item in RECIPIENT]
    more = [
        f"{path}.{number}.{item.path}"
        for path, row in ROWS
        for number in range(OTHERS_AT_MOST)
        for item in row
    ]
    names = {item.path for item in chain(CONTACT, TIMES)} | {RECIPIENTS.path, *rows, *more}
    names = names - AFTER_ADMISSION_ONLY if preadmission(contact) else names
    if preadmission(contact):
        names.add(ENGAGEMENT_GOAL.path)
    repeated = chain(RECIPIENT, *(row for _, row in ROWS))
    labels = {**{item.path: item.label for item in repeated}, **LABELS}
    return FormView(values, labels, errors, judgement, frozenset(names))


def preadmission(contact: Contact) -> bool:
    """True while no admission is in force at the contact's start, or now for one without a start."""
    at = contact.start or kit().now()
    return not state_at(contact.engagement, at, zone()).enrolled


def explained(contact: Contact, judgement: Judgement | None) -> Explained | None:
    """The units in words; None before start and end are there."""
    if judgement is None or judgement.minutes is None:
        return None
    on = (contact.start or kit().now()).astimezone(zone()).date()
    per = _number("unit.minutes", on, contact.jurisdiction) or 15
    units, billed = judgement.units, judgement.billed_units
    lines = [_worked_out(judgement.minutes, per, units)]
    if judgement.claim == "ready" and billed < units:
        lines.append(f"The day's limit leaves {_units(billed)} of them for the claim; the note keeps all.")
    elif judgement.claim == "held" and units:
        lines.append("They go into a claim when nothing holds it any more.")
    return Explained(f"{judgement.minutes} minutes: {_units(units)}", tuple(lines))


def _worked_out(minutes: int, per: int, units: int) -> str:
    if units == 0:
        return f"A unit is {per} full minutes. Below that the note counts, but nothing is billed."
    rest = minutes - units * per
    left = f" {rest} minutes are left over; they make no unit." if rest > 0 else ""
    return f"A unit is {per} full minutes: {units} x {per} = {units * per}.{left}"


def offered(contact: Contact) -> Offered:
    """What the form offers for this contact."""
    on = (contact.start or kit().now()).astimezone(zone()).date()
    with kit().store.read() as session:
        entries, goals = _plan(session)
        people = [
            (each.record.id, each.name) for each in staff.everyone(session, actor().issuer) if each.active
        ]
    return Offered(
        types=choices.SERVICE_TYPES,
        components=components(contact.jurisdiction, on),
        plan_entries=entries,
        goals=goals,
        staff=people,
    )


def components(jurisdiction: str, on: date) -> dict[str, list[tuple[str, str]]]:
    """The service components of the place's guidance on the day, by type of service."""
    found: dict[str, list[tuple[str, str]]] = {code: [] for code, _ in choices.SERVICE_TYPES}
    for table in kit().library.tables.values():
        if "component" not in table.id or table.jurisdiction not in ("", jurisdiction):
            continue
        for code in table.codes.values():
            if code.covers(on):
                found.setdefault(str(code.properties.get("service_type")), []).append(
                    (code.code, code.display)
                )
    return found


def _plan(session: Session) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    lines = [line for line in planning.of_person(session, actor()) if line.state == "signed"]
    entries = [line.entry for line in lines]
    named = [
        (entry.id, _entry_words(entry.basis, entry.goal.text if entry.goal else None)) for entry in entries
    ]
    goals = {entry.goal.id: entry.goal.text or "" for entry in entries if entry.goal and entry.goal.id}
    return named, list(goals.items())


def _entry_words(basis: str | None, goal: str | None) -> str:
    kind = {"planned": "Planned", "targeted": "Short-term"}.get(basis or "", basis or "Entry")
    return f"{kind}: {goal or 'no goal'}"


def _own_type(on: date) -> str:
    credentials: Sequence[str | None] = ()
    with kit().store.read() as session:
        member = staff.find(session, actor().issuer, actor().staff_id)
    if member is not None:
        credentials = [each.code for each in member.record.credentials if each.to is None or each.to >= on]
    types = [choices.TYPE_OF_CREDENTIAL[code] for code in credentials if code in choices.TYPE_OF_CREDENTIAL]
    return types[0] if types else "adult"


def _number(name: str, on: date, jurisdiction: str) -> int | None:
    found = kit().library.parameter(name, on, jurisdiction)
    return None if found is None else int(found.value)


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"
