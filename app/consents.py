"""Written consents under 42 CFR Part 2: recorded, revoked, and asked at the moment something leaves.

Only the records of a programme that is under Part 2 are held without one; consents may be recorded anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit, disclosures, history, individuals, outbox, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, person_of, require
from app.problems import Held, MendInput, Stale
from app.tables import ConsentEndRow, ConsentRow
from app.typed_text import sendable
from mappings.disclosure import (
    DESTINATION_WORDS,
    MISSING,
    PURPOSE_OF,
    PURPOSES,
    WrittenConsent,
    missing_words,
)

PEOPLE = (PEER, LPHA, CLINICIAN, SUPERVISOR)
# How a payload that was frozen by a Part 2 programme is known, whatever the programme says today.
LABEL = b"42CFRPart2"


@dataclass(frozen=True)
class Given:
    """What is recorded of a consent, as it was signed: see `WrittenConsent`."""

    scope: str
    destinations: tuple[str, ...]
    recipient: str
    from_: date | None
    until: date | None
    copy: str
    explanation: str


@dataclass(frozen=True)
class Kept:
    """A consent with who recorded it and when (aware); `ended` says how it was revoked, by whom `ended_by`,
    and `state` is in force, not begun, over or revoked."""

    consent: WrittenConsent
    state: str
    by: str
    name: str
    at: datetime
    ended: str
    ended_by: str


@dataclass(frozen=True)
class Page:
    """What is known of a person's consents, the latest first; `part2` whether the programme needs them, and
    `missing` the destinations for which none is in force."""

    part2: bool
    kept: tuple[Kept, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Revoked:
    """What a revocation stopped, and what a worker had in its hands at that moment (it asks again before its
    next request), by their keys."""

    stopped: tuple[str, ...]
    under_way: tuple[str, ...]


class ConsentMissing(Held):
    """What is to leave needs a consent that is not there."""


def of_person(session: Session, actor: Actor, now: datetime) -> Page:
    """The consents of this launch's person. For the people who work with them (NotAllowed)."""
    require(actor, *PEOPLE, to="read consents")
    patient = person_of(actor)
    part2 = is_part2(session, actor.issuer)
    day = _day(session, actor.issuer, now)
    names = {member.record.id: member.name for member in staff.everyone(session, actor.issuer)}
    kept = tuple(_kept(row, end, day, names) for row, end in _rows(session, actor.issuer, patient))
    found = [each.consent for each in kept]
    open_ = tuple(one for one in DESTINATION_WORDS if not any(each.allows(one, day) for each in found))
    return Page(part2, kept, open_ if part2 else ())


def record(session: Session, actor: Actor, given: Given, now: datetime) -> int:
    """Record a written consent of this launch's person and let go what waited for it; answers its number.
    Raises NotAllowed, and MendInput naming each field (42 CFR 2.31)."""
    require(actor, *PEOPLE, to="record a consent")
    patient = person_of(actor)
    individuals.find(session, actor.issuer, patient)
    recipient, copy = sendable(given.recipient, "recipient"), sendable(given.copy, "copy")
    explanation = sendable(given.explanation, "explanation")
    errors = _errors(given, recipient, copy, explanation)
    if errors or given.from_ is None:
        raise MendInput("The consent was not recorded.", "Mend the fields marked.", errors)
    row = ConsentRow(
        issuer=actor.issuer,
        patient=patient,
        scope=given.scope,
        destinations=[each for each in DESTINATION_WORDS if each in given.destinations],
        recipient=recipient,
        first_day=given.from_,
        last_day=given.until,
        copy=copy,
        explanation=explanation,
        by=actor.staff_id,
        at=now,
    )
    session.add(row)
    session.flush()
    audit.did(session, actor, "consent recorded", now, subject=f"consent/{row.id}", scope=row.scope)
    for lane in _lanes(row.destinations):
        outbox.let_go(session, actor.issuer, patient, lane, MISSING, now)
    return row.id


def revoke(session: Session, actor: Actor, number: int, said: str, now: datetime) -> Revoked:
    """Revoke a consent from this moment on, with how the person said so; every record that waits and that no
    other consent allows is held in this transaction. Raises NotAllowed, NotFound, Stale, MendInput."""
    require(actor, *PEOPLE, to="revoke a consent")
    row = session.get(ConsentRow, number)
    if row is None or (row.issuer, row.patient) != (actor.issuer, person_of(actor)):
        raise not_here("consent")
    if session.get(ConsentEndRow, number) is not None:
        raise Stale("This consent is revoked already.", "Load the page again.")
    words = sendable(said, "said")
    if not words:
        raise MendInput("It is blank.", "Say it.", {"said": "Write how the person revoked it"})
    session.add(ConsentEndRow(consent=number, issuer=row.issuer, said=words, by=actor.staff_id, at=now))
    session.flush()
    told = _stopped(session, row.issuer, row.patient, now)
    audit.did(
        session,
        actor,
        "consent revoked",
        now,
        subject=f"consent/{number}",
        stopped=list(told.stopped),
        under_way=list(told.under_way),
    )
    return told


def is_part2(session: Session, issuer: str) -> bool:
    """Whether the programme of this EHR is under 42 CFR Part 2."""
    program = staff.program_of(session, issuer)
    return program is not None and bool(program.part2)


def allowing(
    session: Session, issuer: str, patient: str, destination: str, now: datetime
) -> WrittenConsent | None:
    """The consent in force by which a person's records may go to a destination (chart or claims) at `now`,
    the one recorded last; None where there is none."""
    day = _day(session, issuer, now)
    found = (_consent(row, end) for row, end in _rows(session, issuer, patient))
    return next((each for each in found if each.allows(destination, day)), None)


def written(session: Session, issuer: str, patient: str) -> list[tuple[WrittenConsent, datetime]]:
    """A person's consents and when each was recorded (aware), the latest first."""
    return [(_consent(row, end), row.at) for row, end in _rows(session, issuer, patient)]


def is_revoked(session: Session, number: int) -> bool:
    """Whether the consent of this number was revoked."""
    return session.get(ConsentEndRow, number) is not None


def by_which(
    session: Session, issuer: str, patient: str, destination: str, now: datetime, payload: bytes = b""
) -> WrittenConsent | None:
    """The consent by which something may leave at `now`, None where it needs none. Raises ConsentMissing for
    a Part 2 programme, or a payload of one, whose person has given none (42 CFR 2.13, 2.31 to 2.33)."""
    if not is_part2(session, issuer) and LABEL not in payload:
        return None
    consent = allowing(session, issuer, patient, destination, now)
    if consent is None:
        said, _, then = missing_words(destination).partition(". ")
        raise ConsentMissing(f"{said}.", then)
    return consent


def leaves(
    session: Session,
    issuer: str,
    patient: str,
    destination: str,
    kind: str,
    key: str,
    digest: str,
    payload: bytes,
    now: datetime,
    delivery: int | None = None,
    recipient: str | None = None,
) -> WrittenConsent | None:
    """Let a record leave now, in the transaction in which this is asked, and write down that it does; answers
    the consent it leaves by. Raises ConsentMissing."""
    consent = by_which(session, issuer, patient, destination, now, payload)
    disclosures.leaves(
        session,
        issuer,
        patient,
        destination,
        kind,
        key,
        digest,
        now,
        part2=consent is not None,
        consent=None if consent is None else consent.number,
        delivery=delivery,
        recipient=recipient,
    )
    return consent


def _stopped(session: Session, issuer: str, patient: str, now: datetime) -> Revoked:
    stopped: list[str] = []
    under_way: list[str] = []
    for destination in PURPOSE_OF:
        if not is_part2(session, issuer) or allowing(session, issuer, patient, destination, now):
            continue
        for lane in outbox.LANES[destination]:
            stopped += outbox.stop(session, issuer, patient, lane, missing_words(destination), now)
            under_way += outbox.under_way(session, issuer, patient, lane, now)
    return Revoked(tuple(stopped), tuple(under_way))


def _lanes(destinations: Iterable[str]) -> list[str]:
    return [lane for each in destinations for lane in outbox.LANES[each]]


def _errors(given: Given, recipient: str, copy: str, explanation: str) -> dict[str, str]:
    errors = {}
    if given.scope not in PURPOSES:
        errors["scope"] = "Choose what the consent is for"
    if not given.destinations or not set(given.destinations) <= set(DESTINATION_WORDS):
        errors["destinations"] = "Tick whom the records may go to"
    if not recipient:
        errors["recipient"] = "Write the recipient as the consent names it"
    if given.from_ is None:
        errors["from"] = "Write the day on which it was signed"
    elif given.until is not None and given.until < given.from_:
        errors["until"] = "It ends before it begins"
    if not copy and not explanation:
        errors["copy"] = "Write where the signed copy lies, or explain its scope below"
    return errors


def _rows(session: Session, issuer: str, patient: str) -> list[tuple[ConsentRow, ConsentEndRow | None]]:
    rows = session.execute(
        select(ConsentRow, ConsentEndRow)
        .outerjoin(ConsentEndRow, ConsentEndRow.consent == ConsentRow.id)
        .where(ConsentRow.issuer == issuer, ConsentRow.patient == patient)
        .order_by(ConsentRow.id.desc())
    )
    return [(row, end) for row, end in rows]


def _consent(row: ConsentRow, end: ConsentEndRow | None) -> WrittenConsent:
    return WrittenConsent(
        row.id,
        row.scope,
        tuple(row.destinations),
        row.recipient,
        row.first_day,
        row.last_day,
        None if end is None else end.at,
        row.copy,
        row.explanation,
    )


def _kept(row: ConsentRow, end: ConsentEndRow | None, day: date, names: dict[str, str]) -> Kept:
    consent = _consent(row, end)
    name, ended_by = names.get(row.by, row.by), "" if end is None else names.get(end.by, end.by)
    said = "" if end is None else end.said
    return Kept(consent, _state(consent, day), row.by, name, row.at, said, ended_by)


def _state(consent: WrittenConsent, day: date) -> str:
    if consent.revoked_at is not None:
        return "revoked"
    if day < consent.from_:
        return "not begun"
    return "in force" if consent.in_force(day) else "over"


def _day(session: Session, issuer: str, now: datetime) -> date:
    return now.astimezone(history.zone(session, issuer)).date()
