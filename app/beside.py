"""What is written down of a person beside the notes: rights explained, the wish for a peer, a referral.

It waits for no signature: whoever works with the person reads it at once, and the rules are asked with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app import audit, history, individuals, staff
from app.actor import CLINICIAN, LPHA, PEER, SUPERVISOR, Actor, not_here, person_of, require
from app.problems import MendInput, NotAllowed, Stale
from app.registry import jurisdiction_of
from app.store import rows
from app.tables import BesideRow, StruckRow
from app.tables.base import Table
from app.typed_text import sendable
from mappings.engagement import DECLINED, day_of
from mappings.in_force import Bound
from mappings.library import Library
from mappings.records import Consent

RIGHTS, PREFERENCE, REFERRAL = "rights", "preference", "referral"
KINDS = (RIGHTS, PREFERENCE, REFERRAL)
PEOPLE = (PEER, LPHA, CLINICIAN, SUPERVISOR)
FOLLOW_UP = (LPHA, CLINICIAN, SUPERVISOR)
EXPLAINED, REFUSED = "explained", "declined"
MADE, NOT_WANTED = "made", "not-wanted"
# The scopes by which the rules know them (ID.NOTE.RIGHTS).
SCOPES = {EXPLAINED: "rights", REFUSED: "rights-declined"}
WISHES = ("language", "gender", "experience")
REFERRAL_CHECK = "referral"


@dataclass(frozen=True)
class Line:
    """One line: `on` the day on which it was so, `by` and `name` who wrote it and `at` (aware) when; `struck`
    why it no longer counts, None where it does."""

    number: int
    kind: str
    on: date
    said: Mapping[str, Any]
    by: str
    name: str
    at: datetime
    struck: str | None


@dataclass(frozen=True)
class Beside:
    """All lines of one person, the latest first, and of each kind the one that counts."""

    lines: tuple[Line, ...]

    def last(self, kind: str) -> Line | None:
        """The line of a kind that counts: the one written last."""
        return next((line for line in self.lines if line.kind == kind and line.struck is None), None)


@dataclass(frozen=True)
class OpenReferral:
    """A person who declined on the day `since` and of whom no referral and no refusal of one is written."""

    patient: str
    person: str
    mrn: str
    since: date


def of_person(session: Session, actor: Actor) -> Beside:
    """What is written of this launch's person. For the people who work with them (NotAllowed)."""
    require(actor, *PEOPLE, to="read what is written beside the notes")
    return _beside(session, actor.issuer, person_of(actor))


def note_rights(session: Session, actor: Actor, how: str, on: date | None, now: datetime) -> None:
    """Note that rights and responsibilities were explained on a day, or that the person did not want it
    (`how` EXPLAINED or REFUSED; ID.NOTE.RIGHTS). Raises NotAllowed, MendInput."""
    if how not in SCOPES:
        raise _mend("how", "Choose whether they were explained")
    _note(session, actor, RIGHTS, on, {"how": how}, now)


def note_preference(
    session: Session, actor: Actor, wishes: Mapping[str, str], none: bool, on: date | None, now: datetime
) -> None:
    """Note whom the person would like as a peer: `wishes` by WISHES in the person's words, or `none` for no
    preference. Nothing is ever derived from what is known of the person (GEN.PEER.CHOICE). Raises
    NotAllowed, MendInput."""
    said = {name: sendable(wishes.get(name, ""), name) for name in WISHES}
    said = {name: text for name, text in said.items() if text}
    if none == bool(said):
        words = "write a wish, or tick that there is none" if not none else "tick none, or write the wish"
        raise _mend("none", words[0].upper() + words[1:])
    _note(session, actor, PREFERENCE, on, said or {"none": True}, now)


def note_referral(
    session: Session, actor: Actor, outcome: str, to: str, on: date | None, now: datetime
) -> int:
    """Note that a referral was made on a day (`outcome` MADE) and to whom, or that it was offered and not
    wanted (NOT_WANTED), after a decline (NY.PRE.REFERRAL); answers the line's number. Raises NotAllowed,
    MendInput."""
    if outcome not in (MADE, NOT_WANTED):
        raise _mend("outcome", "Choose what came of the offer")
    whom = sendable(to, "to")
    if outcome == MADE and not whom:
        raise _mend("to", "Write to whom the person was referred")
    held = history.entries(session, actor.issuer, person_of(actor))
    if not any(each.status == DECLINED for each in held):
        raise MendInput(
            "No decline is recorded of this person.",
            "Record the decline under Engagement first.",
            {"outcome": "No decline is recorded; record it under Engagement first"},
        )
    return _note(session, actor, REFERRAL, on, {"outcome": outcome} | ({"to": whom} if whom else {}), now)


def strike(session: Session, actor: Actor, number: int, reason: str, now: datetime) -> None:
    """Say that a line was written in error; it stays to be read. One's own, or any for a supervisor. Raises
    NotAllowed, NotFound, Stale for one that is struck already, MendInput for a blank reason."""
    row = session.get(BesideRow, number)
    if row is None or (row.issuer, row.patient) != (actor.issuer, person_of(actor)):
        raise not_here("line")
    strike_row(session, actor, row.kind, number, row.by, reason, now, subject=row.patient)


def strike_row(
    session: Session,
    actor: Actor,
    what: str,
    number: int,
    by: str,
    reason: str,
    now: datetime,
    subject: str,
) -> None:
    """Keep that what `by` wrote does not count; raises as `strike` does."""
    require(actor, *PEOPLE, to="strike a line")
    if by != actor.staff_id and not actor.is_any(SUPERVISOR):
        raise NotAllowed("Somebody else wrote this.", "Ask them, or a supervisor, to strike it.")
    if session.get(StruckRow, (actor.issuer, what, number)) is not None:
        raise Stale("This is struck already.", "Load the page again.")
    why = sendable(reason, "reason")
    if not why:
        raise _mend("reason", "Say why it does not count")
    session.add(
        StruckRow(issuer=actor.issuer, what=what, number=number, reason=why, by=actor.staff_id, at=now)
    )
    session.flush()
    audit.did(session, actor, f"{what} struck", now, subject=subject, number=number)


def struck(session: Session, issuer: str, *what: str) -> dict[tuple[str, int], str]:
    """Why what no longer counts was struck, by its kind and number."""
    gone = session.scalars(select(StruckRow).where(StruckRow.issuer == issuer, StruckRow.what.in_(what)))
    return {(row.what, row.number): row.reason for row in gone}


def consents(session: Session, issuer: str, patient: str) -> tuple[Consent, ...]:
    """That rights were explained, in the form in which the rules are asked."""
    lines = _beside(session, issuer, patient).lines
    told = [line for line in lines if line.kind == RIGHTS and line.struck is None]
    return tuple(Consent(scope=SCOPES[str(line.said["how"])], from_=line.on) for line in told)


def open_referrals(
    session: Session, actor: Actor, library: Library, now: datetime
) -> tuple[OpenReferral, ...]:
    """Who declined and was neither referred nor refused it since, where the rules speak of a referral; of
    this launch's person or of everybody in this EHR, the longest wait first. For clinicians and supervisors
    (NotAllowed)."""
    require(actor, *FOLLOW_UP, to="see open referrals")
    if referral_rule(session, actor.issuer, library, now) is None:
        return ()
    people = [actor.patient] if actor.patient else sorted(individuals.names(session, actor.issuer))
    found = [_open(session, actor.issuer, patient) for patient in people]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.since, one.patient)))


def referral_rule(session: Session, issuer: str, library: Library, now: datetime) -> Bound | None:
    """The rule in force here today that speaks of a referral after a decline, None where there is none."""
    program = staff.program_of(session, issuer)
    day = now.astimezone(history.zone(session, issuer)).date()
    pack = library.on(jurisdiction_of(session, issuer), day, program.program_kind if program else None)
    rules = pack.contact if pack is not None else ()
    return next((bound for bound in rules if bound.version.check == REFERRAL_CHECK), None)


def _open(session: Session, issuer: str, patient: str) -> OpenReferral | None:
    held = history.entries(session, issuer, patient)
    if not held or held[-1].status != DECLINED:
        return None
    since = day_of(held[-1], history.zone(session, issuer))
    lines = _beside(session, issuer, patient).lines
    if any(line.kind == REFERRAL and line.struck is None and line.on >= since for line in lines):
        return None
    person = individuals.find(session, issuer, patient).record
    return OpenReferral(patient, individuals.name_of(person), person.id, since)


def _note(
    session: Session, actor: Actor, kind: str, on: date | None, said: dict[str, Any], now: datetime
) -> int:
    require(actor, *PEOPLE, to="write beside the notes")
    patient = person_of(actor)
    individuals.find(session, actor.issuer, patient)
    day = happened(session, actor, on, now)
    row = BesideRow(
        issuer=actor.issuer, patient=patient, kind=kind, on=day, said=said, by=actor.staff_id, at=now
    )
    session.add(row)
    session.flush()
    audit.did(session, actor, f"{kind} noted", now, subject=patient, since=day.isoformat())
    return row.id


def happened(session: Session, actor: Actor, on: date | None, now: datetime) -> date:
    """The day on which something was, once it is known and not to come. Raises MendInput."""
    if on is None:
        raise _mend("on", "Write the day on which it was")
    if on > now.astimezone(history.zone(session, actor.issuer)).date():
        raise _mend("on", "This day is still to come")
    return on


def _mend(field: str, words: str) -> MendInput:
    return MendInput(f"{words}.", "Mend the field and save again.", {field: words})


def _beside(session: Session, issuer: str, patient: str) -> Beside:
    written = rows(session, _OF_PERSON, whose=issuer, who=patient).all()
    if not written:
        return Beside(())
    names = {member.record.id: member.name for member in staff.everyone(session, issuer)}
    gone = struck(session, issuer, *KINDS)
    return Beside(
        tuple(
            Line(
                row.id,
                row.kind,
                row.on,
                row.said,
                row.by,
                names.get(row.by, row.by),
                row.at,
                gone.get((row.kind, row.id)),
            )
            for row in written
        )
    )


_LINES = Table.metadata.tables[BesideRow.__tablename__]
_OF_PERSON = (
    select(_LINES)
    .where(_LINES.c.issuer == bindparam("whose"), _LINES.c.patient == bindparam("who"))
    .order_by(_LINES.c.id.desc())
)
