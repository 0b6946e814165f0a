"""Units that contacts share: the minutes of a pooled day, the day's cap, a payer's limits of a period, and
the units of an authorization. Each unit is given once, in order of start, released units first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from mappings.checks.authorization import BENEFITS_CHECK, counts_units, granted, required_by
from mappings.checks.limits import LIMITS, PERIODS, period_of
from mappings.findings import ClaimState, Finding, Judgement
from mappings.in_force import Bound, DayPack
from mappings.situation import Situation
from mappings.surroundings import pool_key
from mappings.units import share_cap, units_of

CAP = "cap.units_per_day"
CAP_CHECK, MINIMUM_CHECK = "day-cap", "at-least-one-unit"
LIMIT_CHECK, AUTHORIZATION_CHECK = "payer-limits", "authorization-units"
EXTEND = "Ask the payer for an extension and record its answer."
DayKey = tuple[str, str, date]
_WEEK = timedelta(days=6)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReleasedUnits:
    """Units of a claim that has been released already; they take their part of every cap first.

    `authorization` is the id of the one they were taken from, where the contact is not among the records.
    """

    contact_id: str
    individual: str
    program: str
    day: date
    units: int
    authorization: str = ""


class Sharing:
    """The judgements of one input while caps, limits and authorizations are shared among them."""

    def __init__(
        self,
        judged: dict[int, Judgement],
        situations: Mapping[int, Situation],
        released: Iterable[ReleasedUnits],
    ) -> None:
        self.judged, self.situations = judged, situations
        self.gone: dict[DayKey, dict[str, int]] = defaultdict(dict)
        self.periods: dict[tuple[str, str, object], int] = defaultdict(int)
        self.authorized: dict[str, int] = defaultdict(int)
        self._limits: dict[int, tuple[tuple[str, str, str, int], ...]] = {}
        packs = {id(s.pack): s.pack for s in situations.values()}
        bounds = [bound for pack in packs.values() for _, bound in _bounds(pack, LIMIT_CHECK)]
        self._limited = any(self._limits_of(bound) for bound in bounds)
        gone = list(released)
        # What there is nothing of need not be looked up among the records.
        known = situations.values() if gone else ()
        authorization_of = {s.contact.id: s.authorization for s in known}
        near = {(s.contact.individual.id, year) for s in known for year in _years(s.day)}
        for each in gone:
            # What shares no day, week, month or year with any of the input takes nothing from a cap or limit.
            if (each.individual, each.day.year) in near:
                self._take(each)
            named = authorization_of.get(each.contact_id)
            self.authorized[each.authorization or (named.id if named is not None else "")] += each.units

    def _take(self, each: ReleasedUnits) -> None:
        own = self.gone[each.program, each.individual, each.day]
        self._count(each.individual, each.day, each.units, 0 if each.contact_id in own else 1)
        own[each.contact_id] = own.get(each.contact_id, 0) + each.units

    def share(self) -> None:
        """Cut what passes a cap, hold what passes a limit or an authorization."""
        self._pool_days()
        ready = [n for n, s in self.situations.items() if s.counts and self.judged[n].claim == "ready"]
        ready.sort(key=lambda n: _order(self.situations[n]))
        keys = [_day_key(self.situations[number]) for number in ready]
        wanted: dict[DayKey, int] = defaultdict(int)
        left: dict[DayKey, int | None] = {}
        for number, key in zip(ready, keys, strict=True):
            if self.judged[number].id not in self.gone.get(key, ()):
                wanted[key] += self.judged[number].units
        for number, key in zip(ready, keys, strict=True):
            self._give(number, key, wanted, left)

    def _give(
        self, number: int, key: DayKey, wanted: Mapping[DayKey, int], left: dict[DayKey, int | None]
    ) -> None:
        judgement, s = self.judged[number], self.situations[number]
        gone = self.gone.get(key, {})
        if judgement.id in gone:
            # What is released already keeps what was released and does not take it twice.
            self.judged[number] = replace(judgement, billed_units=min(judgement.units, gone[judgement.id]))
            return
        cap = s.pack.value(CAP) if s.pack is not None else None
        if key not in left:
            left[key] = None if cap is None else max(0, cap - sum(gone.values()))
        rest = left[key]
        share = judgement.units if rest is None else share_cap(rest, 0, [judgement.units])[0]
        held = self._passes_limit(s, share) or self._passes_authorization(s, share)
        if held is not None:
            self.judged[number] = _held(judgement, *held)
            return
        if rest is not None and cap is not None:
            left[key] = rest - share
            if share < judgement.units:
                self.judged[number] = _cut(judgement, s, share, cap, wanted[key] + sum(gone.values()))
        self._count(s.contact.individual.id, s.day, share, 1)
        if share and s.authorization is not None:
            self.authorized[s.authorization.id] += share
            self._say_what_is_left(number, s)

    def _count(self, individual: str, day: date, units: int, sessions: int) -> None:
        # Most places set no limit of a period.
        for period in PERIODS if units and self._limited else ():
            at = period_of(period, day)
            self.periods[individual, f"units {period}", at] += units
            self.periods[individual, f"sessions {period}", at] += sessions

    def _passes_limit(self, s: Situation, share: int) -> tuple[int, str, Bound] | None:
        for place, bound in _bounds(s.pack, LIMIT_CHECK):
            for name, what, period, most in self._limits_of(bound):
                if period == "contact":
                    taken, asked = 0, share
                else:
                    taken = self.periods[
                        s.contact.individual.id, f"{what} {period}", period_of(period, s.day)
                    ]
                    asked = share if what == "units" else min(share, 1)
                if asked and taken + asked > most:
                    message = (
                        f"{asked} {what} are asked on {s.day}; the payer allows {most} a {period}"
                        f"{bound.standing(name)} and {max(0, most - taken)} are left."
                    )
                    return place, message, bound
        return None

    def _limits_of(self, bound: Bound) -> tuple[tuple[str, str, str, int], ...]:
        if id(bound) not in self._limits:
            self._limits[id(bound)] = tuple(
                (name, what, period, bound[name])
                for name, what, period in LIMITS
                if bound.severity == "block" and bound[name] is not None
            )
        return self._limits[id(bound)]

    def _passes_authorization(self, s: Situation, share: int) -> tuple[int, str, Bound] | None:
        for place, bound, units, used in self._authorizations(s):
            left = units - used
            if share > left and (bound.severity == "block" or bound.version.check == BENEFITS_CHECK):
                message = (
                    f"{share} {_units_are(share)} asked of authorization {_name(s)}, which grants {units}: "
                    f"{used} are used and {max(0, left)} of {units} are left{_until(s, bound)}."
                )
                return place, message, bound
        return None

    def _authorizations(self, s: Situation) -> Iterator[tuple[int, Bound, int, int]]:
        authorization = s.authorization
        if authorization is None or s.pack is None:
            return
        used = max(0, authorization.used or 0) + self.authorized[authorization.id]
        for place, bound in _bounds(s.pack, AUTHORIZATION_CHECK):
            units, _ = granted(s, bound)
            if units is not None and s.code in bound.settings["codes"]:
                yield place, bound, units, used
        if authorization.units is None or counts_units(s.pack, s.code) or not required_by(s.pack, s.code):
            return
        for place, bound in _bounds(s.pack, BENEFITS_CHECK):
            yield place, bound, authorization.units, used

    def _say_what_is_left(self, number: int, s: Situation) -> None:
        for place, bound, units, used in self._authorizations(s):
            message = (
                f"With this contact {used} of {units} units of authorization {_name(s)} are used; "
                f"{units - used} are left{_until(s, bound)}."
            )
            finding = self.judged[number].findings[place]._replace(message=message)
            if finding.result == "pass":
                self.judged[number] = _with(self.judged[number], place, finding)

    def _pool_days(self) -> None:
        """Where a pack pools a day, count together only the minutes of contacts that nothing holds."""
        pools: dict[tuple[str, date, str], list[int]] = defaultdict(list)
        for number, s in self.situations.items():
            if s.pooled and s.counts and _unheld(self.judged[number], s):
                pools[pool_key(s)].append(number)
        for numbers in pools.values():
            numbers.sort(key=lambda n: _order(self.situations[n]))
            self._pool(numbers)

    def _pool(self, numbers: Sequence[int]) -> None:
        unit = self.situations[numbers[0]].unit
        if unit is None:
            return
        gone = self.gone.get(_day_key(self.situations[numbers[0]]), {})
        numbers = sorted(numbers, key=lambda n: self.judged[n].id not in gone)
        minutes, given = 0, 0
        for number in numbers:
            s, judgement = self.situations[number], self.judged[number]
            minutes += 0 if s.no_connection else max(0, s.minutes or 0)
            fresh = max(0, units_of(minutes, *unit) - given)
            units = gone.get(judgement.id, fresh)
            given += units
            claim: ClaimState = "ready" if units or s.filed else "none"
            self.judged[number] = replace(judgement, units=units, billed_units=units, claim=claim)


def _unheld(judgement: Judgement, s: Situation) -> bool:
    if s.status == "in-progress" or not s.happened or s.minutes is None:
        return False
    minimum = {bound.rule.id for _, bound in _bounds(s.pack, MINIMUM_CHECK)}
    return not any(f.rule not in minimum for f in judgement.holding("signing", "claim"))


def _bounds(pack: DayPack | None, check: str) -> tuple[tuple[int, Bound], ...]:
    return pack.places.get(check, ()) if pack is not None else ()


def _cut(judgement: Judgement, s: Situation, share: int, cap: int, wanted: int) -> Judgement:
    lost = judgement.units - share
    word = "unit is" if lost == 1 else "units are"
    message = (
        f"{wanted} units on {s.day}; at most {cap} a day are billed for one person in this programme. "
        f"{share} of this contact's {judgement.units} are billed, {lost} {word} written off."
    )
    claim: ClaimState = "ready" if share else "none"
    cut = replace(judgement, billed_units=share, claim=claim)
    for place, bound in _bounds(s.pack, CAP_CHECK):
        cut = _with(cut, place, _failed(cut.findings[place], bound, message))
    return cut


def _held(judgement: Judgement, place: int, message: str, bound: Bound) -> Judgement:
    held = replace(judgement, billed_units=0, claim="held")
    return _with(held, place, _failed(held.findings[place], bound, message))


def _failed(finding: Finding, bound: Bound, message: str) -> Finding:
    if bound.version.check == BENEFITS_CHECK:
        # The rule itself only warns of benefits; units that nobody granted are not billed.
        fix, fields = EXTEND, ("authorization",)
        return finding._replace(result="fail", severity="block", message=message, fix=fix, fields=fields)
    return finding._replace(result="fail", message=message, fix=bound.rule.fix, fields=bound.rule.fields)


def _with(judgement: Judgement, place: int, finding: Finding) -> Judgement:
    findings = (*judgement.findings[:place], finding, *judgement.findings[place + 1 :])
    return replace(judgement, findings=findings, _by_rule=None, _blocking=None)


def _units_are(number: int) -> str:
    return "unit is" if number == 1 else "units are"


def _name(s: Situation) -> str:
    authorization = s.authorization
    return "" if authorization is None else authorization.number or authorization.id


def _until(s: Situation, bound: Bound) -> str:
    if bound.version.check == BENEFITS_CHECK:
        last = s.authorization.to if s.authorization is not None else None
    else:
        _, last = granted(s, bound)
    return f" until {last}" if last is not None else ""


def _years(day: date) -> set[int]:
    """The years of all days that share a week or a year with the day."""
    return {day.year, (day - _WEEK).year, (day + _WEEK).year}


def _day_key(s: Situation) -> DayKey:
    program = s.contact.program.id if s.contact.program is not None else ""
    return program, s.contact.individual.id, s.day


def _order(s: Situation) -> tuple[datetime, str]:
    return (s.began if s.contact.start else _NEVER), s.contact.id
