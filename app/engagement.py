"""Engagement: admission, decline, discharge and re-engagement of a person, each a line that stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

from sqlalchemy.orm import Session

from app import audit, billing, individuals, judging, outbox
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, person_of, require
from app.history import of, zone
from app.problems import MendInput
from app.registry import jurisdiction_of
from app.tables import EngagementGoalRow, EngagementRow
from app.typed_text import sendable
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, UNDECIDED
from mappings.fhir.bundle import episode_bundle
from mappings.library import Library
from mappings.records import Contact, Engagement, ProgramFields

NEXT: dict[str | None, tuple[str, ...]] = {
    None: (UNDECIDED, ADMITTED, DECLINED),
    UNDECIDED: (ADMITTED, DECLINED),
    ADMITTED: (DISCHARGED,),
    DECLINED: (UNDECIDED,),
    DISCHARGED: (UNDECIDED,),
}
# A peer opens and closes the talk before admission; admission and discharge are the programme's decision.
MAY = {
    UNDECIDED: (PEER, LPHA, CLINICIAN, SUPERVISOR),
    DECLINED: (PEER, LPHA, CLINICIAN, SUPERVISOR),
    ADMITTED: (LPHA, CLINICIAN, SUPERVISOR),
    DISCHARGED: (LPHA, CLINICIAN, SUPERVISOR),
}


def record(
    session: Session, actor: Actor, status: str, at: date | datetime, library: Library, now: datetime
) -> Engagement:
    """Add a state to the history of this launch's person: `at` a day, or an aware time where it is known.
    The state goes to the chart and the person's claims are drafted anew. Raises NotAllowed, and MendInput
    for a step that is not possible, a time before the last entry's or one in the future."""
    patient = person_of(actor)
    if status not in MAY:
        raise MendInput(f"{status!r} is no state of an engagement.", f"Use {', '.join(MAY)}.", {"status": ""})
    require(actor, *MAY[status], to=f"record that a person is {status}")
    before = of(session, actor.issuer, patient)
    _possible(session, actor.issuer, before, status, at, now)
    number = _add(session, actor.issuer, patient, status, at, actor.staff_id, now)
    audit.did(
        session, actor, "engagement recorded", now, subject=patient, status=status, since=at.isoformat()
    )
    known = of(session, actor.issuer, patient)
    _send(session, actor.issuer, patient, known, f"episode/{patient}/{number}", library, now)
    billing.draft(session, actor.issuer, patient, library, now)
    return known


def begin(session: Session, actor: Actor, contact: Contact, library: Library, now: datetime) -> None:
    """Record what the first contact that is signed begins (`history.begun_by`): the person is undecided from
    its day on. Nothing happens where a state is recorded already."""
    first = contact.engagement.history[0] if contact.engagement and contact.engagement.history else None
    if first is None or of(session, actor.issuer, person_of(actor)).history:
        return
    if first.status == UNDECIDED and first.at is not None:
        record(session, actor, UNDECIDED, first.at, library, now)


def adopt(
    session: Session, issuer: str, patient: str, status: str, at: date | datetime, source: str, now: datetime
) -> bool:
    """Take over a state that the EHR's own chart shows (`source` is its reference) where it says more than
    the history does; nothing is sent. False when it is known already or cannot follow what is known."""
    before = of(session, issuer, patient)
    last = before.history[-1] if before.history else None
    if status not in NEXT[last.status if last else None]:
        return False
    if last is not None and _instant(at, UTC) < _instant(last.at, UTC):
        return False
    _add(session, issuer, patient, status, at, source, now)
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


def _possible(
    session: Session, issuer: str, before: Engagement, status: str, at: date | datetime, now: datetime
) -> None:
    here = zone(session, issuer)
    last = before.history[-1] if before.history else None
    if status not in next_steps(before):
        state = last.status if last else "not recorded"
        may = " or ".join(next_steps(before))
        raise MendInput(
            f"The person is {state}; {status} cannot follow.", f"Record {may}.", {"status": f"expected {may}"}
        )
    if isinstance(at, datetime) and at.tzinfo is None:
        raise MendInput("The time has no time zone.", "Give the day alone, or the time with its offset.")
    if _instant(at, here) > now:
        raise MendInput(
            "This day is still to come.", "Record it when it has happened.", {"at": "in the future"}
        )
    if last is not None and _before(at, last.at, here):
        raise MendInput(
            f"The last entry ({last.status}) is of {last.at}.",
            "Give a day or a time that is not before it.",
            {"at": f"before {last.at}"},
        )


def _before(at: date | datetime, last: date | datetime | None, zone: tzinfo) -> bool:
    if isinstance(at, datetime) and isinstance(last, datetime):
        return at < last
    return _day(at, zone) < _day(last, zone)


def _day(at: date | datetime | None, zone: tzinfo) -> date:
    return at.astimezone(zone).date() if isinstance(at, datetime) else at or date.min


def _instant(at: date | datetime | None, zone: tzinfo) -> datetime:
    if isinstance(at, datetime):
        return at
    day = at or date.min
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _add(
    session: Session, issuer: str, patient: str, status: str, at: date | datetime, by: str, now: datetime
) -> int:
    row = EngagementRow(
        issuer=issuer, patient=patient, status=status, at=at.isoformat(), recorded_by=by, recorded_at=now
    )
    session.add(row)
    session.flush()
    return row.id


def _send(
    session: Session, issuer: str, patient: str, known: Engagement, key: str, library: Library, now: datetime
) -> None:
    around = judging.around(session, issuer, patient)
    # The Bundle of an engagement hangs on a contact; where there is none yet, one of this moment stands in.
    moment = Contact(
        kind="contact",
        id=key,
        jurisdiction=jurisdiction_of(session, issuer),
        individual=individuals.find(session, issuer, patient).record,
        program=None if around.program is None else ProgramFields(id=around.program.id),
        engagement=known,
        start=now,
    )
    links = individuals.chart_links(session, issuer, patient, None)
    payload = judging.payload(
        "engagement", lambda: episode_bundle(moment, around.surroundings(), links, library, now)
    )
    outbox.add(session, issuer, outbox.CHART, outbox.EPISODE, key, patient, patient, payload, now)


__all__ = ["MAY", "NEXT", "adopt", "next_steps", "of", "record", "set_goal"]
