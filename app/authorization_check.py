"""What the office may write of an authorization: complete, in order, and never less than was released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.authorized_units import APPROVED, PENDING, Taken, last_day
from app.problems import MendInput
from app.tables import AuthorizationRow
from app.typed_text import sendable
from app.words import ANSWER_WORDS

MOST_UNITS = 100_000
LONGEST_CODE = 20
LIVE = (PENDING, APPROVED)


@dataclass(frozen=True)
class Details:
    """One authorization as the office writes it; days without time, units whole. `asked` are the units of the
    request, `units` those granted, `elsewhere` those used before or outside Peerchart; `peer` the staff id,
    `certificate` the certificate number on the form; `answer` the payer's: pending, approved, denied,
    returned, or withdrawn by the office."""

    service: str = ""
    member: str | None = None
    peer: str | None = None
    certificate: str | None = None
    asked: int | None = None
    requested_by: str | None = None
    requester_role: str | None = None
    requested_on: date | None = None
    sent_on: date | None = None
    answer: str = PENDING
    answered_on: date | None = None
    number: str | None = None
    units: int | None = None
    elsewhere: int = 0
    first_day: date | None = None
    last_day: date | None = None
    member_approved: bool | None = None
    note: str | None = None


TEXTS = ("member", "peer", "certificate", "requested_by", "requester_role", "number", "note")


def tidy(details: Details) -> Details:
    """The details with plain texts: no white space around them, blank ones None, the code in capitals.
    Raises MendInput for a text that cannot be kept."""
    plain = {name: sendable(getattr(details, name) or "", name) or None for name in TEXTS}
    return Details(
        **{**vars(details), **plain, "service": sendable(details.service, "service").upper().replace(" ", "")}
    )


def check(
    details: Details,
    before: AuthorizationRow | None,
    extends: AuthorizationRow | None,
    others: Sequence[AuthorizationRow],
    taken: Taken,
    today: date,
) -> None:
    """Pass when this may be written over `before` (None for a new one) beside the person's `others`; raises
    MendInput naming every field that is missing, out of order, or says less than released claims took."""
    errors = {
        **_fields(details, today),
        **_order(details),
        **_released(details, before, taken),
        **(_beside(details, before, extends, others) if details.answer in LIVE else {}),
    }
    if errors:
        raise MendInput("The authorization was not saved.", "Mend the fields marked.", errors)


def _fields(details: Details, today: date) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not details.service or len(details.service) > LONGEST_CODE:
        errors["service"] = "Write the service code, such as H0038."
    if details.answer not in ANSWER_WORDS:
        errors["answer"] = "Choose what the payer answered."
    for name, least in (("asked", 1), ("units", 1), ("elsewhere", 0)):
        value = getattr(details, name)
        if value is not None and not least <= value <= MOST_UNITS:
            errors[name] = f"Write a whole number from {least} to {MOST_UNITS:,}."
    for name in ("requested_on", "sent_on", "answered_on"):
        if (getattr(details, name) or today) > today:
            errors[name] = "This day is still to come."
    if details.answer == APPROVED:
        if details.units is None:
            errors["units"] = "Write how many units the payer granted."
        if details.first_day is None:
            errors["first_day"] = "Write the first day of the authorization."
    return errors


def _order(details: Details) -> dict[str, str]:
    errors: dict[str, str] = {}
    for before, after, words in (
        ("first_day", "last_day", "The last day is before the first."),
        ("requested_on", "sent_on", "It was sent before it was requested."),
        ("sent_on", "answered_on", "It was answered before it was sent."),
    ):
        first, then = getattr(details, before), getattr(details, after)
        if first is not None and then is not None and then < first:
            errors[after] = words
    return errors


def _released(details: Details, before: AuthorizationRow | None, taken: Taken) -> dict[str, str]:
    """What released claims took stays granted, on the days on which it was taken."""
    used = taken.released + details.elsewhere
    errors: dict[str, str] = {}
    if details.units is not None and used > details.units:
        words = f"{taken.released} units are released and {details.elsewhere} were used elsewhere: {used}"
        errors["units"] = f"{words}. Write at least that many."
    if not taken.released:
        return errors
    if before is not None and details.service != before.service:
        errors["service"] = f"{taken.released} of its units are released for {before.service}."
    if details.answer != APPROVED:
        errors["answer"] = f"{taken.released} of its units are released; it stays approved."
    if details.first_day is None or (taken.first and details.first_day > taken.first):
        errors["first_day"] = f"Units of {taken.first} are released; it cannot begin later."
    if details.last_day is not None and taken.last and details.last_day < taken.last:
        errors["last_day"] = f"Units of {taken.last} are released; it cannot end earlier."
    return errors


def _beside(
    details: Details,
    before: AuthorizationRow | None,
    extends: AuthorizationRow | None,
    others: Sequence[AuthorizationRow],
) -> dict[str, str]:
    """Two that stand for one service on one day must be one after the other, so that nobody has to guess."""
    errors = _after(details, extends, others) if extends is not None else {}
    later = [each for each in others if before is not None and each.extends == before.id]
    if any(each.service != details.service for each in later):
        errors["service"] = "An extension of it is for another service."
    if errors:
        return errors
    line = _line(before, extends, others)
    for each in others:
        same = each.service == details.service and each.answer in LIVE and each.id not in line
        if same and _meet(details, each):
            words = f"{each.number or 'Another one'} for {each.service} stands for the same days."
            errors["first_day"] = f"{words} End that one, or record this one as its extension."
    return errors


def _after(details: Details, extends: AuthorizationRow, others: Sequence[AuthorizationRow]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if details.service != extends.service:
        errors["service"] = f"It extends an authorization for {extends.service}."
    if extends.first_day and details.first_day and details.first_day < extends.first_day:
        errors["first_day"] = f"What it extends begins later, on {extends.first_day}."
    if any(each.extends == extends.id and each.answer in LIVE for each in others):
        errors["answer"] = "Another extension of the same one is recorded already. Extend that one."
    return errors


def _line(
    before: AuthorizationRow | None, extends: AuthorizationRow | None, others: Sequence[AuthorizationRow]
) -> set[str]:
    """The ids of those that this one extends, and of its own extensions, however many steps away."""
    known = {each.id: each for each in others}
    line: set[str] = set()
    up = extends
    while up is not None and up.id not in line:
        line.add(up.id)
        up = known.get(up.extends or "")
    down = {before.id} if before is not None else set()
    while down:
        down = {each.id for each in others if each.extends in down and each.id not in line}
        line |= down
    return line


def _meet(details: Details, other: AuthorizationRow) -> bool:
    """Whether the days of two have a day in common; an open end has no end."""
    if other.first_day is None or details.first_day is None:
        return False
    end, other_end = details.last_day or date.max, last_day(other) or date.max
    return details.first_day <= other_end and other.first_day <= end
