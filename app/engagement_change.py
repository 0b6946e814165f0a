"""Changes of a person's engagement: what is to be added, and whether the whole can be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from app.history import Correction, Entry
from app.problems import MendInput
from mappings.engagement import ADMITTED, DECLINED, DISCHARGED, UNDECIDED, in_order

# After a decline or a discharge contacts go on with a new undecided entry, or with the admission (R041).
NEXT: dict[str | None, tuple[str, ...]] = {
    None: (UNDECIDED, ADMITTED, DECLINED),
    UNDECIDED: (ADMITTED, DECLINED),
    ADMITTED: (DISCHARGED,),
    DECLINED: (UNDECIDED, ADMITTED),
    DISCHARGED: (UNDECIDED, ADMITTED),
}
Step = tuple[str, date | datetime]


@dataclass(frozen=True)
class Written:
    """By whom and when (aware) something is written, and why it is late."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Change:
    """What is to be added: days of entries that are put right, and new states. `given_way` is the number of
    a beginning that nobody stated and that moves by itself."""

    moves: tuple[tuple[int, date | datetime], ...]
    steps: tuple[Step, ...]
    written: Written
    given_way: int | None = None
    automatic: bool = False

    def after(self, held: Sequence[Entry], here: tzinfo) -> list[Entry]:
        """The history as it will be; entries that are not written yet carry numbers of their own."""
        moved = dict(self.moves)
        old = [self._moved(each, moved[each.number]) if each.number in moved else each for each in held]
        new = max((each.number for each in held), default=0) + 1
        who = self.written
        fresh = [
            Entry(number, status, at, at, who.by, who.at, self.automatic, who.reason)
            for number, (status, at) in enumerate(self.steps, new)
        ]
        return in_order([*old, *fresh], here)

    def by_itself(self, number: int) -> bool:
        """Whether nobody stated the day to which this entry moves."""
        return self.automatic or number == self.given_way

    def _moved(self, entry: Entry, at: date | datetime) -> Entry:
        who = self.written
        return entry.put_right(Correction(0, at, who.by, who.at, who.reason, self.by_itself(entry.number)))


def put_in(held: Sequence[Entry], steps: Sequence[Step], written: Written, here: tzinfo) -> Change:
    """The states and, where a beginning that only a contact stated stands after them, its way out: it
    becomes what the person says of it, or moves to just before."""
    ordered = sorted(steps, key=lambda step: instant(step[1], here))
    first = held[0] if held else None
    if first is None or not first.automatic or not ordered or not _before(ordered[0][1], first.at, here):
        return Change((), tuple(ordered), written)
    status, at = ordered[0]
    if status == UNDECIDED:
        return Change(((first.number, at),), tuple(ordered[1:]), written)
    return Change(((first.number, at),), tuple(ordered), written, first.number)


def in_time(steps: Sequence[Step], here: tzinfo, now: datetime) -> None:
    """Raises MendInput for a time without a zone, and for what is still to come at `now` (aware)."""
    for _, at in steps:
        if isinstance(at, datetime) and at.tzinfo is None:
            raise MendInput("The time has no time zone.", "Give the day alone, or the time with its offset.")
        if instant(at, here) > now:
            raise MendInput(
                "This day is still to come.", "Record it when it has happened.", {"at": "in the future"}
            )


def reasoned(held: Sequence[Entry], steps: Sequence[Step], why: str, here: tzinfo) -> None:
    """Raises MendInput where a step is of a day before what people stated last and nobody says why."""
    stated = [each for each in held if not each.automatic]
    if why or not stated or not any(_before(at, stated[-1].at, here) for _, at in steps):
        return
    last = stated[-1]
    raise MendInput(
        f"The last entry ({last.status}) is of {last.at}, and this day is before it.",
        "Say why it is written late, or give a day that is not before it.",
        {"at": f"before {last.at}", "reason": "say why it is written late"},
    )


def possible(after: Sequence[Entry], steps: Sequence[Step]) -> None:
    """Raises MendInput where one state cannot follow another; in the words of a single step for one."""
    wrong = impossible(after)
    if wrong is None:
        return
    before, entry = wrong
    may = " or ".join(NEXT[before.status if before else None])
    if entry is after[-1] and len(steps) == 1 and (entry.status, entry.at) == steps[0]:
        state = before.status if before else "not recorded"
        raise MendInput(
            f"The person is {state}; {entry.status} cannot follow.",
            f"Record {may}.",
            {"status": f"expected {may}"},
        )
    stood = f"{before.status} of {before.at}" if before else "nothing"
    raise MendInput(
        f"Then {entry.status} of {entry.at} would follow {stood}, and that cannot be.",
        f"Only {may} can follow. Put in what happened between, or put a day right.",
        {"status": f"after {stood} only {may} can follow"},
    )


def impossible(after: Sequence[Entry]) -> tuple[Entry | None, Entry] | None:
    """The first entry that cannot follow the one before it."""
    before = None
    for entry in after:
        if entry.status not in NEXT[before.status if before else None]:
            return before, entry
        before = entry
    return None


def between(held: Sequence[Entry], after: Sequence[Entry], entry: Entry) -> None:
    """Raises MendInput where the entry, put right, would pass another: each keeps its place."""
    if [each.number for each in held] == [each.number for each in after]:
        return
    place = [each.number for each in held].index(entry.number)
    earliest = held[place - 1] if place else None
    latest = held[place + 1] if place + 1 < len(held) else None
    limits = [f"not before {earliest.at} ({earliest.status})"] if earliest else []
    limits += [f"not after {latest.at} ({latest.status})"] if latest else []
    words = " and ".join(limits)
    raise MendInput(
        "The entry would pass another one.", f"Give a day {words}.", {"to": f"Give a day {words}"}
    )


def _before(at: date | datetime, last: date | datetime | None, here: tzinfo) -> bool:
    if isinstance(at, datetime) and isinstance(last, datetime):
        return at < last
    return _day(at, here) < _day(last, here)


def _day(at: date | datetime | None, here: tzinfo) -> date:
    return at.astimezone(here).date() if isinstance(at, datetime) else at or date.min


def instant(at: date | datetime | None, here: tzinfo) -> datetime:
    """The aware time of a state; of a mere day its first moment where the programme is."""
    if isinstance(at, datetime):
        return at
    day = at or date.min
    return datetime(day.year, day.month, day.day, tzinfo=here)


def spared(held: Sequence[Entry], entry: Entry) -> None:
    """Raises MendInput where the entry cannot be withdrawn: a signed contact began it, or what follows could
    not stand without it."""
    if entry.automatic:
        words = "It begins with a signed contact. Put its day right, or amend the contact"
        raise MendInput("Nobody stated this entry.", f"{words}.", {"gone": words})
    wrong = impossible([each for each in held if each.number != entry.number])
    if wrong is None:
        return
    before, after = wrong
    stood = f"{before.status} of {before.at}" if before else "nothing"
    words = f"Withdraw {after.status} of {after.at} first"
    raise MendInput(
        f"Then {after.status} of {after.at} would follow {stood}, and that cannot be.",
        f"{words}, or put in what happened between.",
        {"gone": f"{words}: it cannot follow {stood}"},
    )
