"""What is counted in days of a staff member: what ends when, days without a supervisor, hours by year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from mappings.days import age_on, covers, plus_months
from mappings.in_force import DayPack
from mappings.records import PEER_SUPPORT, Credential, Education, StaffFields, Supervisor

Kind = Literal["ends", "provisional", "grace", "age"]
ONE_DAY = timedelta(days=1)
LISTS = ("credentials.adult", "credentials.family", "credentials.youth")
# Where no place says how early: the same as the rule about the ends of credentials.
SOON_DAYS = 60


@dataclass(frozen=True)
class Countdown:
    """The last day of something and how many days are left until it (less than none: it is over).

    `kind` is ends (a credential), provisional (the full one is expected by then), grace (another credential
    is taken until then) or age (the age limit of a credential); `last` is None where `lacks` is not known.
    """

    kind: Kind
    code: str
    last: date | None
    left: int | None
    soon: bool
    lacks: str = ""


@dataclass(frozen=True)
class Gap:
    """Days without a supervisor; both ends count."""

    first: date
    last: date


@dataclass(frozen=True)
class EducationYear:
    """The hours of one year of the ledger, those specific to peer support among them, and what is asked for
    (None where the place has no number)."""

    first: date
    last: date
    hours: Decimal
    specific: Decimal
    asked: int | None
    asked_specific: int | None

    @property
    def missing(self) -> Decimal:
        """Hours that are still missing; none where no number is asked for."""
        return max(Decimal(self.asked or 0) - self.hours, Decimal(0))


def countdowns(staff: StaffFields, pack: DayPack | None, day: date) -> tuple[Countdown, ...]:
    """What ends for the member after the rules of the place on the day, the nearest first (R002 to R010)."""
    found = [*_ends(staff, pack, day), *_provisional(staff, pack, day)]
    found += [*_grace(staff, pack, day), *_ages(staff, pack, day)]
    return tuple(sorted(found, key=lambda each: (each.last or date.min, each.kind)))


def assignments(staff: StaffFields) -> tuple[Supervisor, ...]:
    """Every supervisor the member has or had, the latest first."""
    every = [*([staff.supervisor] if staff.supervisor else []), *reversed(staff.earlier_supervisors)]
    return tuple(sorted(every, key=lambda each: each.from_ or date.min, reverse=True))


def gaps(staff: StaffFields, day: date) -> tuple[Gap, ...]:
    """The days until `day` on which nobody supervised the member: since they were hired, or since the first
    assignment where no such day is known."""
    spans = sorted((each.from_ or date.min, each.to or date.max) for each in _dated(staff))
    cursor = staff.hired or (spans[0][0] if spans else None)
    if cursor is None:
        return ()
    found = []
    for first, last in spans:
        if first > cursor:
            found.append(Gap(cursor, min(first - ONE_DAY, day)))
        if last == date.max:
            cursor = date.max
            break
        cursor = max(cursor, last + ONE_DAY)
    if cursor <= day:
        found.append(Gap(cursor, day))
    return tuple(gap for gap in found if gap.first <= gap.last)


def education_years(staff: StaffFields, pack: DayPack | None, day: date) -> tuple[EducationYear, ...]:
    """The years of the ledger that hold hours, and the running one, the latest first: years of the peer's
    credential in force, else calendar years. Schooling and experience are no continuing education."""
    first = _certified_since(staff, pack, day)
    counted = [each for each in staff.education if each.on is not None and _continuing(each, pack)]
    starts = {_year_start(first, each.on) for each in counted if each.on} | {_year_start(first, day)}
    return tuple(_year(counted, start, pack) for start in sorted(starts, reverse=True))


def last_day_of_age(born: date, age: int) -> date:
    """The last day on which somebody is `age` years old."""
    next_age = plus_months(born, 12 * (age + 1))
    return next_age if age_on(born, next_age) <= age else next_age - ONE_DAY


def _dated(staff: StaffFields) -> list[Supervisor]:
    every = assignments(staff)
    return [each for each in every if (each.id or "").strip() and (each.from_ or each.to)]


def _made(kind: Kind, code: str | None, last: date, pack: DayPack | None, day: date) -> Countdown:
    left = (last - day).days
    warn = pack.value("credential.warn_days") if pack is not None else None
    return Countdown(kind, code or "", last, left, left <= (SOON_DAYS if warn is None else warn))


def _listed(pack: DayPack | None, *names: str) -> set[str]:
    return {code for name in names for code in ((pack.value(name) if pack else None) or ())}


def _ends(staff: StaffFields, pack: DayPack | None, day: date) -> Iterator[Countdown]:
    """The end of each credential, unless one of the same code lasts longer."""
    for credential in staff.credentials:
        if credential.to is not None and not _outlasted(credential, staff):
            yield _made("ends", credential.code, credential.to, pack, day)


def _outlasted(one: Credential, staff: StaffFields) -> bool:
    same = (each for each in staff.credentials if each.code == one.code and each is not one)
    return any(each.to is None or (one.to is not None and each.to > one.to) for each in same)


def _in_force(staff: StaffFields, codes: set[str], day: date) -> list[Credential]:
    return [each for each in staff.credentials if each.code in codes and covers(each.from_, each.to, day)]


def _provisional(staff: StaffFields, pack: DayPack | None, day: date) -> Iterator[Countdown]:
    months = pack.value("provisional.review_months") if pack is not None else None
    if months is None or _in_force(staff, _listed(pack, "credentials.full"), day):
        return
    for credential in _in_force(staff, _listed(pack, "credentials.provisional"), day):
        if credential.from_ is not None:
            yield _made("provisional", credential.code, plus_months(credential.from_, months), pack, day)


def _grace(staff: StaffFields, pack: DayPack | None, day: date) -> Iterator[Countdown]:
    """The months after being hired in which another credential is taken, until one of the place is there."""
    other = _in_force(staff, _listed(pack, "grace.credentials"), day)
    months = pack.value("grace.months") if pack is not None else None
    if not other or not months or _in_force(staff, _listed(pack, *LISTS), day):
        return
    if staff.hired is None:
        yield Countdown("grace", other[0].code or "", None, None, True, "the day they were hired")
    else:
        yield _made("grace", other[0].code, plus_months(staff.hired, months), pack, day)


def _ages(staff: StaffFields, pack: DayPack | None, day: date) -> Iterator[Countdown]:
    limits = dict((pack.value("credentials.max_age") if pack else None) or {})
    oldest = pack.value("ypa.max_age") if pack is not None else None
    if oldest is not None:
        limits = dict.fromkeys(_listed(pack, "credentials.youth"), oldest) | limits
    for credential in _in_force(staff, set(limits), day):
        code = credential.code or ""
        if staff.birth_date is None:
            yield Countdown("age", code, None, None, True, "the birth date")
        else:
            yield _made("age", code, last_day_of_age(staff.birth_date, limits[code]), pack, day)


def _certified_since(staff: StaffFields, pack: DayPack | None, day: date) -> date | None:
    held = _in_force(staff, _listed(pack, "credentials.peers"), day)
    return min((each.from_ for each in held if each.from_ is not None), default=None)


def _continuing(entry: Education, pack: DayPack | None) -> bool:
    return entry.topic not in _listed(pack, "schooling.topics", "experience.topics")


def _year_start(first: date | None, day: date) -> date:
    if first is None:
        return date(day.year, 1, 1)
    years = day.year - first.year
    start = plus_months(first, 12 * years)
    return start if start <= day else plus_months(first, 12 * (years - 1))


def _year(entries: list[Education], first: date, pack: DayPack | None) -> EducationYear:
    last = plus_months(first, 12) - ONE_DAY
    own = [each for each in entries if each.on is not None and first <= each.on <= last]
    asked = _asked(pack, "ceu.hours")
    employer = bool(pack and pack.value("employer.posts"))
    if asked is None and employer:
        asked = _asked(pack, "employer.ceu_hours")
    specific = _asked(pack, "employer.ceu_specific_hours") if employer else None
    on_peers = [each for each in own if each.on_topic(PEER_SUPPORT)]
    return EducationYear(first, last, _sum(own), _sum(on_peers), asked, specific)


def _asked(pack: DayPack | None, name: str) -> int | None:
    value = pack.value(name) if pack is not None else None
    return None if value is None else int(value)


def _sum(entries: list[Education]) -> Decimal:
    return sum((each.hours or Decimal(0) for each in entries), Decimal(0))
