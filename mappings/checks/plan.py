"""How a service after admission relates to the treatment plan."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from mappings.checks.registry import NOT_APPLICABLE, PASS, Outcome, check, coded_check, fails, missing
from mappings.checks.texts import blank, says_something
from mappings.coding import CodedContact
from mappings.days import covers
from mappings.in_force import Bound
from mappings.records import PlanEntry, Signature
from mappings.situation import Situation


@coded_check("basis-declared", "plan.bases")
def basis_declared(s: CodedContact, b: Bound) -> Outcome:
    """The contact says whether it is planned, targeted or ad hoc (R046)."""
    if s.codes.basis is None:
        return missing("how the service relates to the treatment plan", "service.basis")
    if s.codes.basis in b["plan.bases"]:
        return PASS
    return fails(f"{s.codes.basis!r} is none of {', '.join(b['plan.bases'])}.", "service.basis")


def _named_entry(s: Situation) -> tuple[PlanEntry | None, Outcome]:
    if not s.service.plan_entry:
        return None, missing("the plan entry this service belongs to", "service.plan_entry")
    if s.entry is None:
        return None, missing(f"the plan entry {s.service.plan_entry}", "service.plan_entry")
    if s.entry.individual.id != s.contact.individual.id:
        wrong = fails(f"Plan entry {s.entry.id} belongs to another person.", "service.plan_entry")
        return None, wrong
    return s.entry, PASS


@check("listed-in-plan")
def listed_in_plan(s: Situation, b: Bound) -> Outcome:
    """A planned service is listed in a plan in force on the day, for this service type (R047)."""
    entry, problem = _named_entry(s)
    if entry is None:
        return problem
    if entry.status is None:
        return missing(f"the status of plan entry {entry.id}", "service.plan_entry")
    if entry.status != "active":
        return fails(f"Plan entry {entry.id} is {entry.status}, not active.", "service.plan_entry")
    plan = entry.plan
    in_force = None if plan is None else covers(plan.from_, plan.to, s.day)
    if plan is None or in_force is None:
        return missing(f"the period of the plan of entry {entry.id}", "service.plan_entry")
    if not in_force:
        ends = f"ended on {plan.to}" if plan.to is not None and plan.to < s.day else f"starts on {plan.from_}"
        return fails(f"The treatment plan {ends}; the service was on {s.day}.", "service.plan_entry", "start")
    if s.service.type is None:
        return missing("the service type", "service.type")
    if entry.service_type is None:
        return missing(f"the service type of plan entry {entry.id}", "service.plan_entry")
    if entry.service_type != s.service.type:
        return fails(
            f"The plan lists {entry.service_type} peer support; this service is {s.service.type}.",
            "service.plan_entry",
            "service.type",
        )
    if entry.basis is not None and entry.basis != s.service.basis:
        return fails(f"Plan entry {entry.id} is {entry.basis}, this service is not.", "service.plan_entry")
    return PASS


@check("event-and-response", "note.empty_words")
def event_and_response(s: Situation, b: Bound) -> Outcome:
    """Targeted use names the event, before the service, and the response, in the plan (R048)."""
    entry, problem = _named_entry(s)
    if entry is None:
        return problem
    if entry.basis != "targeted":
        return fails(f"Plan entry {entry.id} is {entry.basis}, not targeted.", "service.plan_entry")
    if entry.event is None or entry.event.text is None:
        return missing(f"the event of plan entry {entry.id}", "service.plan_entry")
    if entry.event.on is None:
        return missing(f"the day of the event of plan entry {entry.id}", "service.plan_entry")
    if entry.event.on > s.day:
        return fails(f"The event is dated {entry.event.on}, after the service.", "service.plan_entry")
    if entry.response is None:
        return missing(f"the response of plan entry {entry.id}", "service.plan_entry")
    if not (
        says_something(entry.event.text, b["note.empty_words"])
        and says_something(entry.response, b["note.empty_words"])
    ):
        return fails(f"Event or response of plan entry {entry.id} is blank.", "service.plan_entry")
    return PASS


@check("rationale", "note.empty_words", "adhoc.reference_days")
def rationale(s: Situation, b: Bound) -> Outcome:
    """An ad hoc contact says why, in the note or in team minutes near the day (R049)."""
    text, reference = s.service.rationale, s.service.rationale_ref
    if text is not None and says_something(text, b["note.empty_words"]):
        return PASS
    if reference is None or not reference.id:
        return fails("Nothing says why this contact took place outside the plan.", "service.rationale")
    if reference.on is None:
        return missing("the day of the team minutes", "service.rationale_ref.on")
    if abs((reference.on - s.day).days) > b["adhoc.reference_days"]:
        return fails(
            f"The minutes of {reference.on} are more than {b['adhoc.reference_days']} days from the service"
            f"{b.standing('adhoc.reference_days')}.",
            "service.rationale_ref",
        )
    return PASS


@check("ad-hoc-singular", "adhoc.max", "adhoc.window_days")
def ad_hoc_singular(s: Situation, b: Bound) -> Outcome:
    """Repeated ad hoc contacts in a window suggest a place in the plan (R050)."""
    if s.start is None:
        return NOT_APPLICABLE
    most, within = b["adhoc.max"], b["adhoc.window_days"]
    if len(s.around.of_person(s.person)) <= most:
        return PASS
    count = s.around.ad_hoc_since(s.person, s.day - _days(within - 1), s.began)
    return PASS if count <= most else _repeated(count, within, b.standing("adhoc.max"))


@lru_cache(maxsize=16)
def _days(number: int) -> timedelta:
    return timedelta(days=number)


@lru_cache(maxsize=256)
def _repeated(count: int, days: int, standing: str) -> Outcome:
    return fails(f"This is ad hoc contact {count} within {days} days{standing}.", "service.basis")


@check("goal-linked")
def goal_linked(s: Situation, b: Bound) -> Outcome:
    """A planned service's note names an active goal of the plan (R051)."""
    goals = s.contact.note.goals if s.contact.note is not None else ()
    if not goals:
        return fails("The note names no goal of the plan.", "note.goals")
    own = s.around.entries_of(s.contact.individual.id)
    known = {entry.goal.id: entry.goal for entry in own if entry.goal is not None}
    named = [known[goal] for goal in goals if goal in known]
    if not named:
        return missing(f"the goal {goals[0]} in the person's plan", "note.goals")
    if any(goal.status == "active" for goal in named):
        return PASS
    return fails(f"The goal {named[0].id} is {named[0].status or 'of no status'}, not active.", "note.goals")


@check("plan-signed-by", "plan.signers", "lpha.categories", offered=True)
def plan_signed_by(s: Situation, b: Bound) -> Outcome:
    """All who sign a plan here have signed the entry's version by the day: individual, peer, LPHA or a
    category of staff."""
    if s.entry is None:
        return NOT_APPLICABLE
    for place, signature in enumerate(s.entry.signatures):
        if signature.at is None or signature.version is None:
            return missing("when and what was signed of the plan", f"plan-entry.signatures[{place}]")
        if blank(signature.by):
            return missing("who signed the plan", f"plan-entry.signatures[{place}].by")
    counting = [
        x
        for x in s.entry.signatures
        if x.version == s.entry.version and x.at is not None and s.day_of(x.at) <= s.day
    ]
    lacking = [who for who in b["plan.signers"] if not any(_signs_as(s, b, x, who) for x in counting)]
    if not lacking:
        return PASS
    return fails(f"The plan is not signed by: {', '.join(lacking)}.", "service.plan_entry")


def _signs_as(s: Situation, b: Bound, signature: Signature, who: str) -> bool:
    if who == "individual":
        return signature.by == s.contact.individual.id
    if who == "peer":
        plan = s.entry.plan if s.entry is not None else None
        return signature.by in {*(plan.contributors if plan else ()), s.peer.id if s.peer else None}
    return signature.category in b["lpha.categories"] if who == "lpha" else signature.category == who
