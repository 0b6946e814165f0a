"""What to do next after trouble with an EHR: each kind of trouble has exactly one answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Literal

from smart_launch.fhir_client import (
    FhirTrouble,
    ForeignReference,
    NotAllowed,
    OutcomeUnknown,
    Refused,
    Unreadable,
    Wait,
)
from smart_launch.refusal import LaunchRefused

Next = Literal["retry", "look", "token", "hold", "refuse"]

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
_COLLIDED = 409
_CONDITION_FAILED = 412


@dataclass(frozen=True)
class Decision:
    """What to do: `retry` the same later, `look` whether it stands before sending again, ask for a new
    `token` once, `hold` for a person to change something, `refuse` as the EHR did. `after` is what the
    server asked to wait; `words` are for people and carry the server's own."""

    next: Next
    words: str
    after: timedelta | None = None


def decide(trouble: Exception, *, token_was_new: bool = False, updating: bool = False) -> Decision:
    """The one thing to do after this trouble. `token_was_new`: this request already had a fresh token;
    `updating`: it was a PUT under If-Match, where a conflict means that somebody else was faster."""
    words = str(trouble)
    if isinstance(trouble, NotAllowed):
        return _not_allowed(trouble, words, token_was_new)
    if isinstance(trouble, Refused):
        return _refused(trouble, words, updating)
    if isinstance(trouble, OutcomeUnknown):
        return Decision("look", words)
    if isinstance(trouble, Wait | Unreadable):
        return Decision("retry", words, _asked(trouble))
    return _before_sending(trouble, words)


def wait_before(attempts: int, after: timedelta | None, chance: Random) -> timedelta:
    """How long to wait after `attempts` attempts: twice as long each time up to a quarter of an hour, spread
    by `chance` so that rows do not all come back at once, and never less than the server asked for."""
    doubled = min(LONGEST_WAIT, FIRST_WAIT * int(2 ** min(max(attempts - 1, 0), 12)))
    spread = doubled * (0.5 + chance.random() / 2)
    asked = after or timedelta()
    return max(spread, asked + asked * (chance.random() / 10))


def _asked(trouble: FhirTrouble) -> timedelta | None:
    seconds = trouble.retry_after if isinstance(trouble, Wait) else None
    return None if seconds is None else timedelta(seconds=seconds)


def _before_sending(trouble: Exception, words: str) -> Decision:
    if isinstance(trouble, LaunchRefused):
        return Decision("retry" if trouble.passing else "hold", f"{trouble.message} {trouble.what_to_do}")
    if isinstance(trouble, ForeignReference):
        return Decision("hold", f"{words} Nothing was sent. Tell your administrator.")
    raise trouble


def _not_allowed(trouble: NotAllowed, words: str, token_was_new: bool) -> Decision:
    if trouble.token_problem and not token_was_new:
        return Decision("token", words)
    return Decision(
        "hold", f"{words} Ask the EHR's administrator to allow Peerchart's backend client to do this."
    )


def _refused(trouble: FhirTrouble, words: str, updating: bool) -> Decision:
    if trouble.status == _COLLIDED or (updating and trouble.status == _CONDITION_FAILED):
        # Two writers met: nothing of ours was stored, and the next attempt reads again first.
        return Decision("look", words)
    if trouble.status == _CONDITION_FAILED:
        return Decision(
            "refuse", f"{words} More than one resource in the EHR has this identifier: mend that there."
        )
    return Decision("refuse", words)
