"""Engagement: admission, decline, discharge and re-engagement of a person, each a line that stays.

A state that was not written on its day is put in later, a wrong day is put right, and a state that never was
is withdrawn, by a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, billing, history, individuals, judging, outbox
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, person_of, require
from app.engagement_change import (
    NEXT,
    Change,
    Step,
    Written,
    between,
    impossible,
    in_time,
    instant,
    possible,
    put_in,
    reasoned,
    spared,
)
from app.history import Entry, of, zone
from app.problems import MendInput, Stale
from app.registry import jurisdiction_of
from app.tables import ContactRow, EngagementGoalRow, EngagementRow, VersionRow
from app.typed_text import sendable
from app.words import DISCARDED, DRAFT, IN_ERROR
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, ENDS, UNDECIDED, day_of, state_at, stretches
from mappings.fhir.bundle import episode_bundle
from mappings.fhir.episode import entered_in_error
from mappings.library import Library
from mappings.records import Contact, Engagement, ProgramFields

# A peer opens and closes the talk before admission; admission and discharge are the programme's decision.
MAY = {
    UNDECIDED: (PEER, LPHA, CLINICIAN, SUPERVISOR),
    DECLINED: (PEER, LPHA, CLINICIAN, SUPERVISOR),
    ADMITTED: (LPHA, CLINICIAN, SUPERVISOR),
    DISCHARGED: (LPHA, CLINICIAN, SUPERVISOR),
}


@dataclass(frozen=True)
class Outside:
    """A signed contact on a day for which nothing says that it could go on: before everything recorded
    (`since` None), or after a decline or a discharge of the day `since`. `start` aware."""

    contact: str
    start: datetime
    status: str
    since: date | None


def record(
    session: Session,
    actor: Actor,
    status: str,
    at: date | datetime,
    library: Library,
    now: datetime,
    reason: str = "",
) -> Engagement:
    """Add a state to the history of this launch's person: `at` a day, or an aware time where it is known; of
    a day before the last entry's with the `reason` why it is written late. The state goes to the chart and
    the person's claims are drafted anew. Raises NotAllowed, and MendInput for a step that is not possible,
    one in the future, or a late one without its reason."""
    return record_steps(session, actor, [(status, at)], library, now, reason)


def record_steps(
    session: Session, actor: Actor, steps: Sequence[Step], library: Library, now: datetime, reason: str = ""
) -> Engagement:
    """Add several states at once, such as an end and the new beginning after it that nobody wrote down. Only
    the whole has to be possible; else as `record`."""
    patient = person_of(actor)
    for status, _ in steps:
        _may(actor, status)
    written, here = history.all_written(session, actor.issuer, patient), zone(session, actor.issuer)
    held = [each for each in written if each.withdrawn is None]
    why = sendable(reason, "reason")
    in_time(steps, here, now)
    reasoned(held, steps, why, here)
    change = put_in(held, steps, Written(actor.staff_id, now, why), here)
    possible(change.after(held, here), steps)
    _write(session, actor, patient, held, change, now)
    _begin(session, actor, patient, None, now)
    return _told(session, actor, patient, written, library, now)


def put_right(
    session: Session,
    actor: Actor,
    number: int,
    at: date | datetime,
    reason: str,
    library: Library,
    now: datetime,
) -> Engagement:
    """State the true day of an entry; the wrong one stays in memory. It cannot pass another entry. Raises
    NotAllowed, NotFound, Stale for a day that is so already, and MendInput for a day that cannot be or a
    blank reason."""
    patient = person_of(actor)
    written, here = history.all_written(session, actor.issuer, patient), zone(session, actor.issuer)
    held = [each for each in written if each.withdrawn is None]
    entry = next((each for each in held if each.number == number), None)
    if entry is None:
        raise not_here("entry")
    _may(actor, entry.status)
    why = sendable(reason, "reason")
    if not why:
        blank = "Say why the day is another one"
        raise MendInput("The reason is blank.", f"{blank}.", {"why": blank})
    if entry.at == at:
        raise Stale(f"The entry ({entry.status}) is of {at} already.", "Look at the history again.")
    in_time([(entry.status, at)], here, now)
    change = Change(((entry.number, at),), (), Written(actor.staff_id, now, why))
    between(held, change.after(held, here), entry)
    _write(session, actor, patient, held, change, now)
    _begin(session, actor, patient, None, now)
    return _told(session, actor, patient, written, library, now)


def withdraw(
    session: Session, actor: Actor, number: int, reason: str, library: Library, now: datetime
) -> Engagement:
    """Say that a state never was: it stays in memory with the reason, and counts nowhere. The engagement goes
    to the chart without it (in error, where nothing of it is left), and the person's claims are drafted anew.
    Raises NotAllowed, NotFound, and MendInput for a blank reason, for what a signed contact began, and where
    what follows could not stand without it."""
    patient = person_of(actor)
    written = history.all_written(session, actor.issuer, patient)
    held = [each for each in written if each.withdrawn is None]
    entry = next((each for each in held if each.number == number), None)
    if entry is None:
        raise not_here("entry")
    _may(actor, entry.status)
    why = sendable(reason, "gone")
    if not why:
        blank = "Say why it never was"
        raise MendInput("The reason is blank.", f"{blank}.", {"gone": blank})
    spared(held, entry)
    _withdrawn(session, actor, patient, entry, why, now)
    _begin(session, actor, patient, None, now)
    return _told(session, actor, patient, written, library, now)


def _withdrawn(session: Session, actor: Actor, patient: str, entry: Entry, why: str, now: datetime) -> None:
    gone = Change((), (), Written(actor.staff_id, now, why))
    _line(session, actor.issuer, patient, gone, history.WITHDRAWN, entry.at, entry.number)
    session.flush()
    detail: dict[str, Any] = {"entry": entry.number, "status": entry.status, "since": entry.at.isoformat()}
    audit.did(session, actor, "engagement withdrawn", now, subject=patient, **detail)


def begin(session: Session, actor: Actor, contact: Contact, library: Library, now: datetime) -> None:
    """Record what a contact that is signed says of the beginning (`history.beginning`): the first begins the
    history, and one of an earlier day moves a beginning that nobody but a contact stated. Nothing happens
    where the history says it already."""
    patient, here = person_of(actor), zone(session, actor.issuer)
    held = history.all_written(session, actor.issuer, patient)
    if _begin(session, actor, patient, history.day_of_contact(contact, here), now):
        _told(session, actor, patient, held, library, now)


def unbegin(session: Session, actor: Actor, contact_id: str, library: Library, now: datetime) -> bool:
    """Withdraw a beginning that a contact alone told of, once that contact counts no more (it stood in the
    wrong chart); what the person's other signed contacts tell of the beginning is recorded instead. What a
    person stated stays. False where nothing changes."""
    patient, here = person_of(actor), zone(session, actor.issuer)
    written = history.all_written(session, actor.issuer, patient)
    first = next((each for each in written if each.withdrawn is None), None)
    if first is None or not first.automatic:
        return False
    begun = day_of(first, here)
    left = [start.astimezone(here).date() for _, start in _signed_contacts(session, actor.issuer, patient)]
    if begun not in _days_of(session, actor.issuer, contact_id, here) or begun in left:
        return False
    _withdrawn(session, actor, patient, first, "The contact that began it was entered in error", now)
    _begin(session, actor, patient, None, now)
    _told(session, actor, patient, written, library, now)
    return True


def _days_of(session: Session, issuer: str, contact_id: str, here: tzinfo) -> set[date]:
    starts = session.scalars(
        select(VersionRow.start).where(
            VersionRow.issuer == issuer, VersionRow.contact == contact_id, VersionRow.frozen_at.is_not(None)
        )
    )
    return {start.astimezone(here).date() for start in starts if start is not None}


def outside(session: Session, actor: Actor) -> tuple[Outside, ...]:
    """The signed contacts of this launch's person on days for which the history holds nothing that lets
    contacts go on, oldest first: somebody has to look whether a day is wrong or a step is missing."""
    patient = person_of(actor)
    known, here = of(session, actor.issuer, patient), zone(session, actor.issuer)
    found = []
    for row, start in _signed_contacts(session, actor.issuer, patient):
        state = state_at(known, start, here)
        if known.history and (state.since is None or state.status in ENDS):
            found.append(Outside(row, start, state.status, state.since))
    return tuple(found)


def adopt(
    session: Session, issuer: str, patient: str, status: str, at: date | datetime, source: str, now: datetime
) -> bool:
    """Take over a state that the EHR's own chart shows (`source` is its reference) where it says more than
    the history does; nothing is sent. A beginning that only a contact stated gives way to it. False when it
    is known already or cannot follow what is known."""
    written, here = history.all_written(session, issuer, patient), zone(session, issuer)
    if any((each.by, each.status, each.first_at) == (source, status, at) for each in written):
        return False
    # The EHR may still show what was withdrawn here: somebody said that it never was.
    if any(each.withdrawn and each.status == status and at in (each.at, each.first_at) for each in written):
        return False
    held = [each for each in written if each.withdrawn is None]
    change = put_in(held, [(status, at)], Written(source, now, ""), here)
    stated = [each for each in held if not each.automatic]
    late = bool(stated) and instant(at, UTC) < instant(stated[-1].at, UTC)
    if late or impossible(change.after(held, here)) is not None:
        return False
    _keep(session, issuer, patient, change)
    audit.write(
        session,
        issuer,
        "engagement read from the chart",
        now,
        patient=patient,
        subject=patient,
        status=status,
        since=at.isoformat(),
        source=source,
    )
    return True


def set_goal(session: Session, actor: Actor, text: str, now: datetime) -> Engagement:
    """Word the goal of the engagement anew; the earlier wording stays in memory. Raises NotAllowed, and
    MendInput for a blank text."""
    patient = person_of(actor)
    require(actor, PEER, LPHA, CLINICIAN, to="set the goal of an engagement")
    goal = sendable(text, "goal")
    if not goal:
        raise MendInput(
            "The goal is blank.", "Write it in the person's own words.", {"engagement.goal": "blank"}
        )
    day = now.astimezone(zone(session, actor.issuer)).date()
    session.add(
        EngagementGoalRow(
            issuer=actor.issuer,
            patient=patient,
            goal=goal,
            on=day,
            recorded_by=actor.staff_id,
            recorded_at=now,
        )
    )
    session.flush()
    audit.did(session, actor, "engagement goal set", now, subject=patient)
    return of(session, actor.issuer, patient)


def next_steps(known: Engagement) -> tuple[str, ...]:
    """The states that may follow now."""
    return NEXT[known.history[-1].status if known.history else None]


def any_step() -> tuple[str, ...]:
    """Every state there is; which may be put in where, the history decides."""
    return tuple(MAY)


def _begin(session: Session, actor: Actor, patient: str, day: date | None, now: datetime) -> bool:
    """Write the beginning of which the person's signed contacts, and one of `day`, tell; False for none."""
    here = zone(session, actor.issuer)
    held = history.entries(session, actor.issuer, patient)
    signed = _signed_contacts(session, actor.issuer, patient)
    days = [start.astimezone(here).date() for _, start in signed[:1]] + ([day] if day else [])
    step = history.beginning(held, min(days, default=None), here)
    if step is None:
        return False
    written = Written(actor.staff_id, now, "")
    moves = ((step.corrects, step.at),) if step.corrects else ()
    steps = () if step.corrects else ((UNDECIDED, step.at),)
    _write(session, actor, patient, held, Change(moves, steps, written, automatic=True), now)
    return True


def _signed_contacts(session: Session, issuer: str, patient: str) -> list[tuple[str, datetime]]:
    rows = session.scalars(
        select(VersionRow)
        .join(ContactRow, judging.current_version())
        .where(
            VersionRow.issuer == issuer,
            ContactRow.patient == patient,
            VersionRow.state.not_in((DRAFT, DISCARDED, IN_ERROR)),
            VersionRow.start.is_not(None),
        )
        .order_by(VersionRow.start, VersionRow.contact)
    )
    return [(row.contact, row.start) for row in rows if row.start and row.record.status == "finished"]


def _may(actor: Actor, status: str) -> None:
    if status not in MAY:
        raise MendInput(f"{status!r} is no state of an engagement.", f"Use {', '.join(MAY)}.", {"status": ""})
    require(actor, *MAY[status], to=f"record that a person is {status}")


def _write(
    session: Session, actor: Actor, patient: str, held: Sequence[Entry], change: Change, now: datetime
) -> None:
    """Add the lines of a change, each with its line in the trail."""
    _keep(session, actor.issuer, patient, change)
    were = {each.number: each for each in held}
    for number, at in change.moves:
        was = were[number]
        detail: dict[str, Any] = {"entry": number, "status": was.status, "was": was.at.isoformat()}
        detail |= {"since": at.isoformat()} | _mark(change.by_itself(number))
        audit.did(session, actor, "engagement put right", now, subject=patient, **detail)
    for status, at in change.steps:
        detail = {"status": status, "since": at.isoformat()} | _mark(change.automatic)
        audit.did(session, actor, "engagement recorded", now, subject=patient, **detail)


def _mark(automatic: bool) -> dict[str, Any]:
    return {"automatic": True} if automatic else {}


def _keep(session: Session, issuer: str, patient: str, change: Change) -> None:
    statuses = {each.number: each.status for each in history.entries(session, issuer, patient)}
    for number, at in change.moves:
        _line(session, issuer, patient, change, statuses[number], at, number)
    for status, at in change.steps:
        _line(session, issuer, patient, change, status, at, None)
    session.flush()


def _line(
    session: Session,
    issuer: str,
    patient: str,
    change: Change,
    status: str,
    at: date | datetime,
    corrects: int | None,
) -> None:
    session.add(
        EngagementRow(
            issuer=issuer,
            patient=patient,
            status=status,
            at=at.isoformat(),
            recorded_by=change.written.by,
            recorded_at=change.written.at,
            corrects=corrects,
            reason=change.written.reason or None,
            automatic=change.automatic if corrects is None else change.by_itself(corrects),
        )
    )


def _told(
    session: Session, actor: Actor, patient: str, held: Sequence[Entry], library: Library, now: datetime
) -> Engagement:
    """Send what changed of the engagements since `held` (all that was written before) to the chart and draft
    the person's claims anew."""
    here = zone(session, actor.issuer)
    after = _as_sent(history.all_written(session, actor.issuer, patient), here)
    before = _as_sent(held, here)
    key = f"episode/{patient}/{_last_line(session, actor.issuer, patient)}"
    changed = [(place, name) for place, (name, said) in enumerate(after.items()) if before.get(name) != said]
    for count, (place, name) in enumerate(changed):
        _send(session, actor.issuer, patient, key if not count else f"{key}/{name}", place, library, now)
    for place, name in enumerate(before):
        if name not in after:
            _send(session, actor.issuer, patient, f"{key}/{name}/in-error", place, library, now, held)
    billing.draft(session, actor.issuer, patient, library, now)
    return of(session, actor.issuer, patient)


def _as_sent(written: Sequence[Entry], here: tzinfo) -> dict[str, tuple[Step, ...]]:
    names = history.episode_names(written, here)
    held = [each for each in written if each.withdrawn is None]
    content = (tuple((each.status, each.at) for each in stretch) for stretch in stretches(held))
    return dict(zip(names, content, strict=True))


def _last_line(session: Session, issuer: str, patient: str) -> int:
    query = select(EngagementRow.id).where(EngagementRow.issuer == issuer, EngagementRow.patient == patient)
    return int(session.scalars(query.order_by(EngagementRow.id.desc()).limit(1)).one())


def _send(
    session: Session,
    issuer: str,
    patient: str,
    key: str,
    place: int,
    library: Library,
    now: datetime,
    gone: Sequence[Entry] | None = None,
) -> None:
    """Send the engagement at `place`; with `gone` that of these entries, as entered in error."""
    around = judging.around(session, issuer, patient)
    # The Bundle of an engagement hangs on a contact; where there is none yet, one of this moment stands in.
    moment = Contact(
        kind="contact",
        id=key,
        jurisdiction=jurisdiction_of(session, issuer),
        individual=individuals.find(session, issuer, patient).record,
        program=None if around.program is None else ProgramFields(id=around.program.id),
        engagement=of(session, issuer, patient) if gone is None else history.as_record(gone),
        start=now,
    )
    links = history.chart_links(session, issuer, patient, None)
    if gone is not None:
        links = replace(links, episodes=history.episode_names(gone, zone(session, issuer)))

    def bundle() -> Mapping[str, Any]:
        made = episode_bundle(moment, around.surroundings(), links, library, now, place)
        return made if gone is None else entered_in_error(made)

    payload = judging.payload("engagement", bundle)
    outbox.add(session, issuer, outbox.CHART, outbox.EPISODE, key, patient, patient, payload, now)


__all__ = [
    "MAY",
    "NEXT",
    "Outside",
    "adopt",
    "any_step",
    "begin",
    "next_steps",
    "of",
    "outside",
    "put_right",
    "record",
    "record_steps",
    "set_goal",
    "unbegin",
    "withdraw",
]
