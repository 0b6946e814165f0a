"""From start and end to units: the shortest service, its increments, the filed count, a group's size."""

from __future__ import annotations

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    advises,
    by_codes,
    check,
    fails,
    missing,
    passes,
    times_check,
)
from mappings.checks.texts import blank
from mappings.coding import Coding
from mappings.contact_seen import Lasting
from mappings.in_force import Bound
from mappings.situation import Situation
from mappings.units import units_sentence


def times_missing(s: Situation | Lasting) -> Outcome | None:
    """What to answer when the minutes cannot be known, or None when they can."""
    lasting = s.lasting
    if not lasting.started:
        return missing("the start of the contact", "start")
    if not lasting.over:
        return missing("the end of the contact", "end")
    return None


@times_check("start-and-end")
def start_and_end(s: Situation | Lasting, b: Bound) -> Outcome:
    """Start and end are recorded and make sense together (R059)."""
    unknown, lasting = times_missing(s), s.lasting
    if unknown is not None:
        return unknown
    if lasting.backwards:
        return fails("The contact ends before it starts.", "end", "start")
    gross, excluded, travel = lasting.gross, lasting.excluded, lasting.travel
    if excluded < 0 or travel < 0:
        return fails("Excluded or travel minutes are below zero.", "excluded_minutes")
    if gross is not None and excluded + travel > gross:
        return fails("More minutes are left out than the contact has.", "excluded_minutes", "end")
    if gross is not None and gross > b.settings["longest_minutes"]:
        return fails(f"The contact lasts {gross // 60} hours; check its days.", "start", "end")
    return passes(f"{gross} minutes from start to end, {lasting.minutes} of them count.")


@times_check("at-least-one-unit", "unit.minutes", "unit.rounding")
def at_least_one_unit(s: Situation | Lasting, b: Bound) -> Outcome:
    """The minutes that count make at least one unit (R063)."""
    lasting = s.lasting
    if lasting.units > 0:
        return PASS
    unknown = times_missing(s)
    if unknown is not None:
        return unknown
    if lasting.no_connection:
        return NOT_APPLICABLE
    if lasting.pool_makes_units:
        return passes("Its minutes count together with those of the day's other contacts.")
    words = units_sentence(lasting.minutes or 0, b["unit.minutes"], b["unit.rounding"])
    return fails(f"{words} Nothing is billed; the note is kept.", "end", "start")


@times_check("full-increments", "unit.minutes", "unit.rounding")
def full_increments(s: Situation | Lasting, b: Bound) -> Outcome:
    """Each further full increment makes one more unit; a filed count is not above it (R064)."""
    unknown, lasting = times_missing(s), s.lasting
    if unknown is not None:
        return unknown
    words = units_sentence(lasting.minutes or 0, b["unit.minutes"], b["unit.rounding"])
    if not lasting.filed:
        return passes(words)
    filed, units = lasting.filed_units, lasting.units
    if filed is None:
        return missing("the number of units of the filed claim", "claim.units")
    if filed < 1:
        return fails(f"{_filed(filed)}; a claim line has at least one. {words}", "claim.units")
    if filed > units:
        return fails(f"{_filed(filed)}. {words}", "claim.units")
    if filed < units:
        return advises(f"{_filed(filed)}, {units} could be. {words}", "claim.units", severity="warn")
    return passes(words)


def _filed(units: int) -> str:
    return "1 unit is filed" if units == 1 else f"{units} units are filed"


@check("day-cap", "cap.units_per_day")
def day_cap(s: Situation, b: Bound) -> Outcome:
    """Units above the day's cap are written off: released units come first, then contacts by start (R065)."""
    return times_missing(s) or PASS


@by_codes("day-cap")
def _timed(codes: Coding, b: Bound) -> Outcome | None:
    return PASS if codes.timed else None


@check("group-size", "group.max", "group.min")
def group_size(s: Situation, b: Bound) -> Outcome:
    """A group's recipients, staff not counted, are neither too many nor a single person (R067, AMB-15)."""
    group = s.contact.group
    if group is None or (group.attendees is None and not group.recipients):
        return missing("how many people attended the group", "group.attendees")
    together = {other.contact.individual.id for other in s.around.of_session(group.session)}
    listed = set(group.recipients)
    count = max(group.attendees or 0, len(listed), len(together | listed))
    if count > b["group.max"]:
        return fails(
            f"{count} people attended; a group has at most {b['group.max']}. No line of this session can be "
            "billed; the roster stays as it was.",
            "group.attendees",
            "group.recipients",
        )
    if count < b["group.min"]:
        return fails(
            f"A group has at least {b['group.min']} people; {max(count, 0)} attended.",
            "group.attendees",
            fix="Record it as an individual service.",
        )
    if blank(group.session):
        return missing("the id of the group session", "group.session")
    return PASS
