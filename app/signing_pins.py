"""Signing PINs: set by each person, kept as an Argon2id hash, locked for a while after wrong answers.

An answer is counted before it is looked at, so that answers sent all at once are no more guesses than
answers sent one by one. The length follows NIST SP 800-63B section 5.1.1: at least eight characters of any
kind, no rules of composition.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import audit
from app.actor import ADMINISTRATOR, Actor, require
from app.problems import MendInput, NotAllowed
from app.tables import SigningPinRow

SHORTEST, LONGEST = 8, 128
TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
FRESH_LAUNCH = timedelta(minutes=5)
# Argon2id with the parameters of RFC 9106 section 4 for machines with little memory (64 MiB, 3 passes).
HASHER = PasswordHasher()


@dataclass(frozen=True)
class PinState:
    """Where somebody's PIN stands: whether there is one, whether an administrator took it back, and until
    when it is locked (aware, None when it is not)."""

    is_set: bool
    was_reset: bool
    locked_until: datetime | None
    set_at: datetime | None


@dataclass(frozen=True)
class Answer:
    """What came of one answer: right or not, how many are left, until when it is locked (aware)."""

    right: bool
    left: int
    locked_until: datetime | None


class PinNotSet(NotAllowed):
    """This person has no signing PIN yet, or has to set it again."""

    def __init__(self) -> None:
        super().__init__(
            "You have no signing PIN yet, or it was taken back.", "Set your signing PIN, then sign."
        )


class PinLocked(NotAllowed):
    """Too many wrong answers: nothing is looked at until `until` (aware)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"Your signing PIN is locked after {TRIES} wrong answers.",
            "Wait until it opens again; the draft is saved. If you forgot it, an administrator can take it "
            "back, so that you can set a new one.",
        )
        self.until = until


def state_of(session: Session, issuer: str, staff_id: str, now: datetime) -> PinState:
    """Where the PIN of this member of the staff stands at `now`."""
    return _state(session.get(SigningPinRow, (issuer, staff_id)), now)


def states(session: Session, issuer: str, now: datetime) -> dict[str, PinState]:
    """Where every PIN of this issuer stands, by staff id."""
    rows = session.scalars(select(SigningPinRow).where(SigningPinRow.issuer == issuer))
    return {row.staff_id: _state(row, now) for row in rows}


def hashed(pin: str, again: str, hasher: PasswordHasher = HASHER) -> str:
    """The hash to keep of a new PIN that was typed twice. Raises MendInput naming the field."""
    if len(_plain(pin)) < SHORTEST:
        raise _mend("new", f"Use at least {SHORTEST} characters; a few words are easy to remember.")
    if len(pin) > LONGEST:
        raise _mend("new", f"Use at most {LONGEST} characters.")
    if pin != again:
        raise _mend("again", "The two do not agree. Type the same PIN twice.")
    return hasher.hash(_plain(pin))


def set_first(session: Session, actor: Actor, opened_at: datetime, kept: str, now: datetime) -> None:
    """Keep a person's first PIN, or the first after a reset, in a launch that was opened at the EHR at
    `opened_at`. Raises NotAllowed where there is one already, or the launch is no longer fresh."""
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is not None and row.hash is not None:
        raise NotAllowed("You have a signing PIN already.", "Change it with the old one.")
    if not is_fresh(opened_at, now):
        raise NotAllowed(
            "A first PIN is set right after Peerchart was opened, so that nobody sets it at a screen that "
            "was left open.",
            "Open Peerchart from your EHR again and set it then.",
        )
    _keep(session, actor, kept, now)
    audit.did(session, actor, "signing PIN set", now)


def is_fresh(opened_at: datetime, now: datetime) -> bool:
    """Whether a launch opened at `opened_at` is young enough to set a first PIN in."""
    return now < opened_at + FRESH_LAUNCH


def change(session: Session, actor: Actor, old_kept: str, kept: str, now: datetime) -> None:
    """Put a new PIN in the place of the old one, which was just answered rightly and is `old_kept`. Raises
    NotAllowed when it was changed or taken back meanwhile."""
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is None or row.hash != old_kept:
        raise NotAllowed("Your PIN was changed or taken back meanwhile.", "Load the page again.")
    _keep(session, actor, kept, now)
    audit.did(session, actor, "signing PIN changed", now)


def reset(session: Session, actor: Actor, staff_id: str, now: datetime) -> None:
    """An administrator takes back somebody's PIN; that person must set it again. Nobody learns it, and
    nobody sets it for another. Raises NotAllowed."""
    require(actor, ADMINISTRATOR, to="take back a signing PIN")
    row = session.get(SigningPinRow, (actor.issuer, staff_id))
    if row is None:
        row = SigningPinRow(issuer=actor.issuer, staff_id=staff_id)
        session.add(row)
    row.hash, row.set_at, row.wrong, row.locked_until, row.reset_at = None, None, 0, None, now
    session.flush()
    audit.did(session, actor, "signing PIN reset", now, subject=staff_id)


def kept_of(session: Session, actor: Actor) -> str:
    """The hash of this person's PIN. Raises PinNotSet."""
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is None or row.hash is None:
        raise PinNotSet
    return row.hash


def begin_answer(session: Session, actor: Actor, now: datetime) -> str:
    """Count an answer that came in and tell the hash to hold it against, outside of any transaction. Raises
    PinNotSet, PinLocked."""
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is None or row.hash is None:
        raise PinNotSet
    if row.locked_until is not None:
        if now < row.locked_until:
            raise PinLocked(row.locked_until)
        row.wrong, row.locked_until = 0, None
    row.wrong += 1
    if row.wrong >= TRIES:
        row.locked_until = now + LOCKED_FOR
    session.flush()
    return row.hash


def is_right(kept: str, typed: str, hasher: PasswordHasher = HASHER) -> bool:
    """Whether this is the PIN of which `kept` is the hash; takes a noticeable part of a second."""
    try:
        return len(typed) <= LONGEST and hasher.verify(kept, _plain(typed))
    except (VerificationError, InvalidHashError):
        return False


def end_answer(session: Session, actor: Actor, kept: str, right: bool, now: datetime) -> Answer:
    """What comes of the answer that `begin_answer` counted; a right one starts the count anew. An answer to a
    PIN that was changed or taken back meanwhile is wrong."""
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is None or row.hash != kept:
        return Answer(False, 0, None)
    if right:
        row.wrong, row.locked_until = 0, None
        session.flush()
        return Answer(True, TRIES, None)
    left = max(0, TRIES - row.wrong)
    audit.did(session, actor, "signing PIN wrong", now, left=left)
    if row.locked_until is not None:
        audit.did(session, actor, "signing PIN locked", now, until=row.locked_until.isoformat())
    return Answer(False, left, row.locked_until)


def _keep(session: Session, actor: Actor, kept: str, now: datetime) -> None:
    row = session.get(SigningPinRow, (actor.issuer, actor.staff_id))
    if row is None:
        row = SigningPinRow(issuer=actor.issuer, staff_id=actor.staff_id)
        session.add(row)
    row.hash, row.set_at, row.wrong, row.locked_until, row.reset_at = kept, now, 0, None, None
    session.flush()


def _state(row: SigningPinRow | None, now: datetime) -> PinState:
    if row is None:
        return PinState(False, False, None, None)
    locked = row.locked_until if row.locked_until is not None and now < row.locked_until else None
    return PinState(row.hash is not None, row.reset_at is not None, locked, row.set_at)


def _plain(pin: str) -> str:
    # The same letters may come composed or not, as the keyboard has it (NIST SP 800-63B section 5.1.1.2).
    return unicodedata.normalize("NFKC", pin)


def _mend(name: str, words: str) -> MendInput:
    return MendInput("This cannot be a signing PIN.", words, {name: words})
