"""What a plan entry holds: goal, objective and frequency, or the event and its response; its days."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, advises, check, fails, missing
from mappings.checks.texts import says_something
from mappings.in_force import Bound
from mappings.library_parts import Table
from mappings.once import by_identity
from mappings.situation import PlanSituation


@check("entry-basis", "plan.entry_bases")
def entry_basis(s: PlanSituation, b: Bound) -> Outcome:
    """A plan entry is planned or targeted; ad hoc contacts have none."""
    if s.entry.basis is None:
        return missing("whether the service is planned or targeted", "basis")
    if s.entry.basis in b["plan.entry_bases"]:
        return PASS
    return fails(f"{s.entry.basis!r} is none of {', '.join(b['plan.entry_bases'])}.", "basis")


@check("planned-entry", "note.empty_words", "frequency.periods")
def planned_entry(s: PlanSituation, b: Bound) -> Outcome:
    """A planned entry has a goal, an objective and a projected frequency."""
    if s.entry.basis != "planned":
        return NOT_APPLICABLE
    goal, frequency = s.entry.goal, s.entry.frequency
    for text, field, words in (
        (goal.text if goal else None, "goal.text", "the goal"),
        (goal.objective if goal else None, "goal.objective", "the objective"),
    ):
        if text is None:
            return missing(words, field)
        if not says_something(text, b["note.empty_words"]):
            return fails(f"{words[0].upper()}{words[1:]} is blank.", field)
    for number, field, words in (
        (frequency.units if frequency else None, "frequency.units", "the number of units each time"),
        (frequency.times if frequency else None, "frequency.times", "how often"),
    ):
        if number is None:
            return missing(words, field)
        if number < 1:
            return fails(f"{number} is no frequency.", field)
    per = frequency.per if frequency else None
    if per is None:
        return missing("the period of the frequency", "frequency.per")
    if per not in b["frequency.periods"]:
        return fails(f"{per!r} is none of {', '.join(b['frequency.periods'])}.", "frequency.per")
    return PASS


@check("targeted-entry", "note.empty_words")
def targeted_entry(s: PlanSituation, b: Bound) -> Outcome:
    """A targeted entry names the event, its day and the programme's response."""
    if s.entry.basis != "targeted":
        return NOT_APPLICABLE
    event = s.entry.event
    for text, field, words in (
        (event.text if event else None, "event.text", "the event"),
        (s.entry.response, "response", "the response"),
    ):
        if text is None:
            return missing(words, field)
        if not says_something(text, b["note.empty_words"]):
            return fails(f"{words[0].upper()}{words[1:]} is blank.", field)
    if event is None or event.on is None:
        return missing("the day of the event", "event.on")
    if event.on > s.now.date():
        return fails(f"The event is dated {event.on}, in the future.", "event.on")
    return PASS


@check("entry-dates")
def entry_dates(s: PlanSituation, b: Bound) -> Outcome:
    """The plan has its days, in order; the goal's target does not lie before the plan."""
    plan = s.entry.plan
    if plan is None or plan.from_ is None:
        return missing("the first day of the plan", "plan.from")
    if plan.to is not None and plan.to < plan.from_:
        return fails(f"The plan ends on {plan.to}, before it starts on {plan.from_}.", "plan.to", "plan.from")
    target = s.entry.goal.target if s.entry.goal is not None else None
    if target is not None and target < plan.from_:
        return fails(f"The goal's target {target} lies before the plan.", "goal.target")
    return PASS


@check("entry-author", "credentials.peers")
def entry_author(s: PlanSituation, b: Bound) -> Outcome:
    """A clinician writes the plan; the peer contributes to it."""
    author = s.entry.plan.author if s.entry.plan is not None else None
    if not (author or "").strip():
        return missing("who wrote the plan", "plan.author")
    known = s.around.staff_by_id(author, s.entry.jurisdiction)
    if known is not None and any(c.code in b["credentials.peers"] for c in known.credentials):
        return fails("The plan is written by a peer; a clinician writes it.", "plan.author")
    return PASS


@check("entry-components")
def entry_components(s: PlanSituation, b: Bound) -> Outcome:
    """The service type is known and every component of the entry belongs to it."""
    table = s.around.library.table(b.settings["table"])
    if s.entry.service_type is None:
        return missing("the service type", "service_type")
    if s.entry.service_type not in _service_types(table):
        return fails(f"{s.entry.service_type!r} is no service type.", "service_type")
    for place, code in enumerate(s.entry.components):
        found = table.code(code)
        if found is None or found.properties.get("service_type") != s.entry.service_type:
            return fails(
                f"{code!r} is no component of {s.entry.service_type} peer support.", f"components[{place}]"
            )
    return PASS


@by_identity
def _service_types(table: Table) -> frozenset[Any]:
    return frozenset(code.properties.get("service_type") for code in table.codes.values())


@check("entry-status", "plan.statuses")
def entry_status(s: PlanSituation, b: Bound) -> Outcome:
    """The entry says whether it is a draft, active, completed or revoked."""
    if s.entry.status is None:
        return missing("the status of the entry", "status")
    if s.entry.status in b["plan.statuses"]:
        return PASS
    return fails(f"{s.entry.status!r} is none of {', '.join(b['plan.statuses'])}.", "status")


@lru_cache(maxsize=64)
def _forms(words: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((word, re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.I)) for word in words)


@check("own-goals", "lint.mandates", "note.empty_words")
def own_goals(s: PlanSituation, b: Bound) -> Outcome:
    """A goal is the person's own; wording that commands is pointed out (R052)."""
    text = s.entry.goal.text if s.entry.goal is not None else None
    if text is None or not says_something(text, b["note.empty_words"]):
        return NOT_APPLICABLE
    for word, form in _forms(b["lint.mandates"]):
        if form.search(text):
            return advises(f"{word!r} sounds like a command; what does the person want?", "goal.text")
    return PASS
