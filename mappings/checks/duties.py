"""Duties beside the note: filing in time, collaboration and a place in the team."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import timedelta
from functools import lru_cache

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, by_codes, check, fails, missing
from mappings.coding import Coding
from mappings.in_force import Bound
from mappings.situation import Situation


@check("filed-in-time", "claim.filing_days", "claim.filing_warn_days")
def filed_in_time(s: Situation, b: Bound) -> Outcome:
    """A claim is filed within the payer's days; off until a site or a payer sets them (R091)."""
    limit, warn = b["claim.filing_days"], b["claim.filing_warn_days"]
    if limit is None:
        return NOT_APPLICABLE
    if s.contact.start is None:
        return missing("the start of the contact", "start")
    filed = s.contact.claim.filed if s.contact.claim is not None else None
    day = filed or s.day_of(s.now)
    gone = (day - s.day).days
    if gone <= limit and (filed is not None or limit - gone > warn):
        return PASS
    last = s.day + timedelta(days=limit)
    if gone > limit:
        verb = "was filed" if filed else "is not filed"
        return fails(
            f"The claim {verb} within {limit} days: {last} was the last{b.standing('claim.filing_days')}.",
            "claim.filed",
        )
    return advises(f"{limit - gone} days are left to file the claim, until {last}.", severity="warn")


@by_codes("filed-in-time")
def _no_days_set(codes: Coding, b: Bound) -> Outcome | None:
    return NOT_APPLICABLE if b["claim.filing_days"] is None else None


@check("collaboration-shown", "collab.required_when", "collab.window_days", "employment.contracted")
def collaboration_shown(s: Situation, b: Bound) -> Outcome:
    """For a contracted peer the record shows collaboration with the team within the window (R115)."""
    if not _collaborates(s.codes, b):
        return NOT_APPLICABLE
    first = s.day - timedelta(days=b["collab.window_days"])
    days = s.around.team_of(s.contact.individual.id).days
    if bisect_left(days, first) < bisect_right(days, s.day):
        return PASS
    return fails(
        f"The record shows no collaboration with the team in the {b['collab.window_days']} days before "
        f"{s.day}{b.standing('collab.window_days')}.",
        "collaboration",
    )


@by_codes("collaboration-shown")
def _nothing_to_show(codes: Coding, b: Bound) -> Outcome | None:
    return None if _collaborates(codes, b) else NOT_APPLICABLE


def _collaborates(codes: Coding, b: Bound) -> bool:
    contracted = codes.employment in b["employment.contracted"] or codes.contract
    asked = b["collab.required_when"]
    return codes.peer_known and (("contracted" in asked and contracted) or "all" in asked)


@check("peer-in-team", "team.after_contacts")
def peer_in_team(s: Situation, b: Bound) -> Outcome:
    """After some contacts the peer stands in the plan or in the team's meetings of the person (R117)."""
    peer, person = s.peer_id, s.person
    if peer is None or s.start is None:
        return NOT_APPLICABLE
    if peer in s.around.team_of(person).members:
        return PASS
    count = bisect_right(s.around.starts(person, peer), s.began)
    if count < b["team.after_contacts"]:
        return NOT_APPLICABLE
    return _in_no_team(count, b.standing("team.after_contacts"))


@lru_cache(maxsize=256)
def _in_no_team(count: int, standing: str) -> Outcome:
    return fails(
        f"After {count} contacts the peer stands neither in the person's plan nor in a meeting about it"
        f"{standing}.",
        "collaboration",
    )
