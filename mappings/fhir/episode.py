"""An engagement as an EpisodeOfCare: planned before admission, then active, cancelled or finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import pairwise

from mappings.engagement import (
    ADMITTED,
    DECLINED,
    DISCHARGED,
    STATES,
    UNDECIDED,
    day_of,
    in_order,
    stretches,
)
from mappings.fhir.elements import Json, entry, full_url, identifier, narrative, present, stamp
from mappings.fhir.people import People
from mappings.fhir.repeated import Repeated
from mappings.records import Engagement, EngagementEntry

_STATUS = {UNDECIDED: "planned", ADMITTED: "active", DECLINED: "cancelled", DISCHARGED: "finished"}
_IN_ERROR = {
    "status": "entered-in-error",
    "text": narrative("Engagement", [("Status", "entered in error")]),
}
Span = tuple[EngagementEntry, ...]


def spans(engagement: Engagement | None, zone: tzinfo) -> list[Span]:
    """The history cut into engagements: after a decline or a discharge whatever follows begins a new one."""
    history = engagement.history if engagement else ()
    known = [each for each in history if each.at is not None and each.status in STATES]
    return stretches(in_order(known, zone))


def span_at(found: Sequence[Span], at: datetime, zone: tzinfo) -> Span:
    """The engagement in force at a time: the last that had begun, else the first; empty without any."""
    if len(found) == 1:
        return found[0]
    begun = [span for span in found if _instant(span[0], zone) <= at.timestamp()]
    return begun[-1] if begun else found[0] if found else ()


def episode_key(
    program: str, individual: str, span: Span, otherwise: date, zone: tzinfo, name: str | None = None
) -> str:
    """The business key of one engagement: programme, individual and its name. Where it has none, the day it
    began is its name; an engagement whose first day was put right keeps the name it was sent under."""
    begun = day_of(span[0], zone) if span else otherwise
    return f"{program}/{individual}/{name or begun}"


def episode_entry(key: str, people: People, span: Span, otherwise: date, now: datetime) -> Json:
    """The EpisodeOfCare of one engagement as it stood at `now`.

    Before an admission it has no period.start, so that a contact cannot look like the start of the clock that
    an admission starts; its first day stands in the status history.
    """
    who = identifier("episode", key)
    known = [each for each in span if begun_by(each, now)] or list(span[:1])
    return entry(full_url("episode", key), _episode(who, people, known, otherwise), who)


def episode_part(key: str, people: People, span: Span, otherwise: date, now: datetime) -> Repeated:
    """The entry of `episode_entry`, for the many contacts of one engagement."""
    # Two times may be equal with other offsets.
    times = tuple([stamp(each.at) for each in span])
    source = (span, times, None if span else otherwise, people.individual, people.program, now)
    return Repeated(f"episode {key}", source, lambda: [episode_entry(key, people, span, otherwise, now)])


def entered_in_error(bundle: Json) -> Json:
    """The Bundle of one engagement that never was: its EpisodeOfCare is marked as entered in error."""
    entries = [
        {**each, "resource": {**each["resource"], **_IN_ERROR}}
        if each["resource"]["resourceType"] == "EpisodeOfCare"
        else each
        for each in bundle["entry"]
    ]
    return {**bundle, "entry": entries}


def _episode(who: Json, people: People, known: Sequence[EngagementEntry], otherwise: date) -> Json:
    last = known[-1].status if known else UNDECIDED
    status = _STATUS[last or UNDECIDED]
    return present(
        resourceType="EpisodeOfCare",
        text=narrative("Engagement", [("Status", status)]),
        identifier=[who],
        status=status,
        statusHistory=_history(known, otherwise),
        patient=people.patient(),
        managingOrganization=people.organization(),
        period=_period(known),
    )


def _history(known: Sequence[EngagementEntry], otherwise: date) -> list[Json]:
    if not known:
        return [{"status": "planned", "period": {"start": stamp(otherwise)}}]
    ended = [*(_past(one, after) for one, after in pairwise(known))]
    return [*ended, {"status": _status(known[-1]), "period": {"start": stamp(known[-1].at)}}]


def _past(one: EngagementEntry, after: EngagementEntry) -> Json:
    return {"status": _status(one), "period": {"start": stamp(one.at), "end": stamp(after.at)}}


def _status(one: EngagementEntry) -> str:
    return _STATUS[one.status or UNDECIDED]


def _period(known: Sequence[EngagementEntry]) -> Json:
    admitted = next((one.at for one in known if one.status == ADMITTED), None)
    left = next((one.at for one in known if one.status == DISCHARGED), None)
    return present(start=stamp(admitted), end=stamp(left) if admitted else None)


def begun_by(one: EngagementEntry, at: datetime) -> bool:
    """Whether a state had begun at a time; one of a day alone begins with it in UTC."""
    day = one.at.date() if isinstance(one.at, datetime) else one.at
    # Two days before, no offset matters any more.
    if day is not None and day.toordinal() + 2 <= at.toordinal():
        return True
    return _instant(one, UTC) <= at.timestamp()


def _instant(one: EngagementEntry, zone: tzinfo) -> float:
    if isinstance(one.at, datetime):
        return one.at.timestamp()
    day = one.at or date.min
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
