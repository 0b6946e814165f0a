"""The second step at signing: what a programme asks for, and the steps that its people were asked for.

A step belongs to one person in one launch and to one signature on one text. It is asked for when the
signature could stand, is done within ten minutes, and is good for one signature within two minutes more
(after 21 CFR 11.200(a)(1): a component of the signature is given again at each signing).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, bindparam, select, update
from sqlalchemy.orm import Session

from app import audit
from app.actor import ADMINISTRATOR, Actor, not_here, require
from app.problems import MendInput, Problem
from app.store import rows
from app.tables import PendingLaunch, SecondStepRow, SecondStepRuleRow, SignatureRow
from mappings.seal import SecondStep

NONE, REAUTHORIZE, PIN = "none", "reauthorize", "pin"
METHODS = (NONE, REAUTHORIZE, PIN)
TO_DO = timedelta(minutes=10)
TO_USE = timedelta(minutes=2)
_ASKED_OF_EHR = ("openid", "fhirUser")


@dataclass(frozen=True)
class Act:
    """What is to be signed: record kind, id and version, in which meaning, and the SHA-256 of its text."""

    kind: str
    subject: str
    version: int
    meaning: str
    digest: str


@dataclass(frozen=True)
class Step:
    """One step as it stands at the moment it was read: `state` asked, refused, done, used or expired."""

    id: str
    issuer: str
    staff_id: str
    launch: str
    patient: str | None
    act: Act
    method: str
    state: str
    asked_at: datetime
    refused: str | None


class StepNeeded(Problem):
    """The signature could stand, but the second step for it is missing, was used, or is too long ago."""

    def __init__(self, method: str, act: Act) -> None:
        words = {PIN: "Type your signing PIN to sign.", REAUTHORIZE: "Sign in to the EHR again to sign."}
        super().__init__("Nothing is signed yet: your programme asks for a second step.", words[method])
        self.method, self.act = method, act


def method_of(session: Session, issuer: str) -> str:
    """What this issuer's programme asks for at signing: none, reauthorize or pin."""
    row = session.get(SecondStepRuleRow, issuer)
    return NONE if row is None else row.method


def choose(session: Session, actor: Actor, method: str, scopes: Iterable[str], now: datetime) -> None:
    """An administrator decides what is asked for; `scopes` are those that this EHR was registered with.
    Raises NotAllowed, and MendInput for an unknown method or one that the EHR cannot answer."""
    require(actor, ADMINISTRATOR, to="decide on the second step at signing")
    decide(session, actor.issuer, method, scopes, actor.staff_id, now)
    audit.did(session, actor, "second step chosen", now, method=method)


def decide(session: Session, issuer: str, method: str, scopes: Iterable[str], by: str, now: datetime) -> None:
    """Keep what is asked for at this issuer from now on. Raises MendInput as `choose` does."""
    if method not in METHODS:
        raise _mend("This second step is not known.", f"Choose one of {', '.join(METHODS)}.")
    if method == REAUTHORIZE and not set(_ASKED_OF_EHR) <= set(scopes):
        raise _mend(
            "This EHR is registered without the scopes openid and fhirUser, so it cannot say who signed in.",
            "Have them added to the registration first, or choose a PIN.",
        )
    row = session.get(SecondStepRuleRow, issuer)
    if row is None:
        row = SecondStepRuleRow(issuer=issuer)
        session.add(row)
    row.method, row.changed_by, row.changed_at = method, by, now
    session.flush()


def new_step_id() -> str:
    """An id of 256 bits: who does not know it cannot open the way to the EHR that belongs to it."""
    return secrets.token_urlsafe(32)


def ask(
    session: Session, actor: Actor, needed: StepNeeded, now: datetime, new_id: Callable[[], str] = new_step_id
) -> Step:
    """The step that this person is asked for now: one that already waits for the same signature in this
    launch, or a new one."""
    for row in _of(session, actor, needed.act, needed.method):
        if row.used_at is None and row.done_at is None and now < row.asked_at + TO_DO:
            return _view(row, now)
    row = _add(session, actor, needed.act, needed.method, now, new_id())
    audit.did(
        session,
        actor,
        "second step asked",
        now,
        subject=row.subject,
        version=row.version,
        method=row.method,
        meaning=row.meaning,
    )
    return _view(row, now)


def proved(
    session: Session, actor: Actor, needed: StepNeeded, now: datetime, new_id: Callable[[], str] = new_step_id
) -> Step:
    """A step that was asked and done in one: the right PIN came with the signature."""
    row = _add(session, actor, needed.act, needed.method, now, new_id())
    _done(session, row, now)
    return _view(row, now)


def find(session: Session, actor: Actor, step_id: str, now: datetime) -> Step:
    """A step of this person in this launch; raises NotFound."""
    row = session.get(SecondStepRow, step_id)
    if row is None or not _is_theirs(row, actor):
        raise not_here("step")
    return _view(row, now)


def by_id(session: Session, step_id: str, now: datetime) -> Step | None:
    """The step of this id, None when there is none."""
    row = session.get(SecondStepRow, step_id)
    return None if row is None else _view(row, now)


def sent(session: Session, step_id: str, state_hash: str, now: datetime) -> None:
    """The person goes to the EHR's sign-in, to come back with a state of this SHA-256; only the last way
    there counts."""
    row = session.get_one(SecondStepRow, step_id)
    earlier = session.get(PendingLaunch, row.state_hash) if row.state_hash else None
    if earlier is not None and earlier.used_at is None:
        earlier.used_at = now
    row.state_hash, row.sent_at, row.refused = state_hash, now, None
    session.flush()


def by_state(session: Session, issuer: str, state_hash: str, now: datetime) -> tuple[Step, datetime] | None:
    """The step whose last way to the EHR carried this state, and when it was taken."""
    found = rows(session, _OF_STATE, state=state_hash, whose=issuer).first()
    row = None if found is None else session.get(SecondStepRow, found.id)
    return None if row is None or row.sent_at is None else (_view(row, now), row.sent_at)


# Asked of every answer of an EHR, and hardly any belongs to a step.
_OF_STATE = select(SecondStepRow.id).where(
    SecondStepRow.state_hash == bindparam("state"), SecondStepRow.issuer == bindparam("whose")
)


def done(session: Session, step_id: str, now: datetime) -> Step:
    """The person did what the step asks for; a step that is over stays over."""
    row = session.get_one(SecondStepRow, step_id)
    if _state(row, now) == "asked":
        _done(session, row, now)
    return _view(row, now)


def refuse(session: Session, step_id: str, why: str, now: datetime) -> None:
    """The step was tried and does not count; `why` is a sentence for its page. It may be tried again."""
    row = session.get_one(SecondStepRow, step_id)
    if row.done_at is None:
        row.refused = why
    session.flush()
    _write(session, row, "second step refused", now, why=why)


def take(session: Session, actor: Actor, act: Act, now: datetime) -> SecondStep | None:
    """Use up the step of this person, launch and text for the signature that is being given in this
    transaction; None where the programme asks for none. Raises StepNeeded."""
    method = method_of(session, actor.issuer)
    if method == NONE:
        return None
    for row in _of(session, actor, act, method):
        if _state(row, now) == "done" and row.done_at is not None and _take(session, row, now):
            return SecondStep(method, row.done_at)
    raise StepNeeded(method, act)


def of_signature(row: SignatureRow) -> SecondStep | None:
    """The second step of a signature that stands, None where none was asked for."""
    if row.second_step is None or row.second_step_at is None:
        return None
    return SecondStep(row.second_step, row.second_step_at)


def _of(session: Session, actor: Actor, act: Act, method: str) -> list[SecondStepRow]:
    """This person's steps for this signature in this launch, the newest first."""
    rows = session.scalars(
        select(SecondStepRow)
        .where(
            SecondStepRow.issuer == actor.issuer,
            SecondStepRow.staff_id == actor.staff_id,
            SecondStepRow.subject == act.subject,
            SecondStepRow.method == method,
        )
        .order_by(SecondStepRow.asked_at.desc())
    )
    return [row for row in rows if _act(row) == act and _is_theirs(row, actor)]


def _is_theirs(row: SecondStepRow, actor: Actor) -> bool:
    asked = (row.issuer, row.staff_id, row.launch, row.patient)
    return asked == (actor.issuer, actor.staff_id, actor.launch_id, actor.patient)


def _add(session: Session, actor: Actor, act: Act, method: str, now: datetime, step_id: str) -> SecondStepRow:
    row = SecondStepRow(
        id=step_id,
        issuer=actor.issuer,
        staff_id=actor.staff_id,
        launch=actor.launch_id,
        patient=actor.patient,
        kind=act.kind,
        subject=act.subject,
        version=act.version,
        meaning=act.meaning,
        digest=act.digest,
        method=method,
        asked_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _done(session: Session, row: SecondStepRow, now: datetime) -> None:
    row.done_at, row.refused = now, None
    session.flush()
    _write(session, row, "second step done", now, method=row.method, meaning=row.meaning)


def _take(session: Session, row: SecondStepRow, now: datetime) -> bool:
    """Mark it as used; False when another signature was faster."""
    taken = session.execute(
        update(SecondStepRow)
        .where(SecondStepRow.id == row.id, SecondStepRow.used_at.is_(None))
        .values(used_at=now)
    )
    return cast("CursorResult[Any]", taken).rowcount == 1


def _write(session: Session, row: SecondStepRow, action: str, now: datetime, **detail: Any) -> None:
    audit.write(
        session,
        row.issuer,
        action,
        now,
        actor=row.staff_id,
        launch=row.launch,
        patient=row.patient,
        subject=row.subject,
        version=row.version,
        **detail,
    )


def _state(row: SecondStepRow, now: datetime) -> str:
    if row.used_at is not None:
        return "used"
    if row.done_at is not None:
        return "done" if row.done_at <= now < row.done_at + TO_USE else "expired"
    if now >= row.asked_at + TO_DO:
        return "expired"
    return "asked" if row.refused is None else "refused"


def _act(row: SecondStepRow) -> Act:
    return Act(row.kind, row.subject, row.version, row.meaning, row.digest)


def _view(row: SecondStepRow, now: datetime) -> Step:
    return Step(
        id=row.id,
        issuer=row.issuer,
        staff_id=row.staff_id,
        launch=row.launch,
        patient=row.patient,
        act=_act(row),
        method=row.method,
        state=_state(row, now),
        asked_at=row.asked_at,
        refused=row.refused,
    )


def _mend(message: str, what_to_do: str) -> MendInput:
    return MendInput(message, what_to_do, {"method": f"{message} {what_to_do}"})
