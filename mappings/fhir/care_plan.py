"""The treatment plan as CarePlan, its goals as Goal and its peer services as ServiceRequest (US Core)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from mappings import terms
from mappings.fhir.beyond import PlanScene, plan_extension
from mappings.fhir.condition import condition_entries, condition_reference
from mappings.fhir.elements import (
    HCPCS,
    NUCC,
    PEER_TAXONOMY,
    SNOMED,
    Json,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    logical,
    made_of_library,
    narrative,
    period,
    present,
    quantity,
    reference,
    stamp,
    term_concept,
    units_of_15,
)
from mappings.fhir.people import People
from mappings.fhir.repeated import Repeated
from mappings.fhir.scene import scoped_key, whose
from mappings.fhir.us_core import CATEGORIES
from mappings.library import Library
from mappings.records import Collaboration, Diagnosis, Engagement, Frequency, Goal, Plan, PlanEntry
from mappings.seal import Seal

UNIT_MINUTES = 15
PEER_SUPPORT = "Peer support service"
_PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_PLAN_STATUS = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error")
_GOAL_STATUS = (
    *("proposed", "planned", "accepted", "active", "on-hold", "completed"),
    *("cancelled", "entered-in-error", "rejected"),
)
_PER = {"day": ("d", "day"), "week": ("wk", "week"), "month": ("mo", "month")}


def plan_entries(
    entries: Sequence[PlanEntry],
    people: People,
    library: Library,
    on: date,
    recorded: Sequence[str | None] | None = None,
) -> list[Json]:
    """CarePlan, Goals, ServiceRequests and what the plan addresses, each on condition that it is new.

    `on` is the day whose pack names the service code; `recorded` are the statuses of the records where the
    entries' own may be others.
    """
    addressed = condition_entries(_diagnoses(entries), people)
    goals = [goal_entry(each.goal, people) for each in entries if each.goal and filled(each.goal.text)]
    first = entries[0].plan or Plan()
    states = recorded if recorded is not None else [each.status for each in entries]
    scenes = [
        PlanScene(each, first, state, people, library) for each, state in zip(entries, states, strict=True)
    ]
    services = [_service_entry(each, on) for each in scenes]
    return [*goals, *services, _plan_entry(entries, people, library), *addressed]


def _as_it_ends(one: PlanEntry, on: date, over: date | None) -> PlanEntry:
    last = one.plan.to if one.plan else None
    ended = last is not None and (last < on or (over is not None and last <= over))
    running = one.status in (None, "active")
    return one.model_copy(update={"status": "completed"}) if ended and running else one


def _diagnoses(entries: Sequence[PlanEntry]) -> tuple[Diagnosis, ...]:
    """What the entries' plan addresses, each code once, in order of rank."""
    found = {each.code: each for one in entries if one.plan for each in one.plan.diagnoses}
    known = (each for each in found.values() if filled(each.code))
    return tuple(sorted(known, key=lambda each: (each.rank or 99, str(each.code))))


def plan_parts_of(
    entries: Sequence[PlanEntry], people: People, library: Library, on: date, over: date | None = None
) -> Repeated:
    """The entries of `plan_entries`, for many contacts that deliver the same plan. A service whose last day
    lies before `on`, or not after `over`, is completed, and so is a plan of which every service is."""
    recorded = tuple([each.status for each in entries])
    entries = [_as_it_ends(each, on, over) for each in entries]
    codes = tuple([terms.pack_code(library, each.jurisdiction, on) for each in entries])
    source = (
        tuple(entries),
        people.individual,
        people.program,
        people.peer,
        people.around.staff,
        codes,
        recorded,
    )
    make = partial(plan_entries, entries, people, library, on, recorded)
    return Repeated(f"plan {plan_key(entries[0])}", source, make)


def plan_key(entry: PlanEntry) -> str:
    """The business key of the plan an entry belongs to; an entry without a plan is its own."""
    name = entry.plan.id if entry.plan and entry.plan.id else entry.id
    return scoped_key(entry.individual.id, name)


def goal_entry(goal: Goal, people: People) -> Json:
    """A Goal in the individual's words; an objective is the target, measured in words."""
    key = goal_key(goal, people)
    who = identifier("goal", key)
    target = present(
        measure=concept(text="Objective") if filled(goal.objective) else None,
        detailString=filled(goal.objective),
        dueDate=stamp(goal.target),
    )
    return entry(full_url("goal", key), _goal(who, people, goal.text, goal.status, None, target), who)


def goal_key(goal: Goal, people: People) -> str:
    """The business key of a goal, unique with its individual."""
    return scoped_key(people.individual.id, goal.id or str(goal.text))


def engagement_goal_key(engagement: Engagement, people: People) -> str:
    """The business key of the goal of the contacts before an admission."""
    return scoped_key(whose(people.individual), f"engagement/{engagement.goal_on or engagement.goal}")


def engagement_goal(engagement: Engagement, people: People) -> Json:
    """The goal of the contacts before an admission, as a Goal of its own."""
    key = engagement_goal_key(engagement, people)
    who = identifier("goal", key)
    goal = _goal(who, people, engagement.goal, "active", engagement.goal_on, {})
    return entry(full_url("goal", key), goal, who)


def goal_reference(key: str) -> Json:
    """The Goal of a key in this Bundle."""
    return reference(full_url("goal", key), to="Goal")


def _goal(
    who: Json, people: People, text: str | None, status: str | None, on: date | None, target: Json
) -> Json:
    return present(
        resourceType="Goal",
        text=narrative("Goal", [("In the person's words", text)]),
        identifier=[who],
        lifecycleStatus=status if status in _GOAL_STATUS else "active",
        description=concept(text=text),
        subject=people.patient(),
        startDate=stamp(on),
        target=[target] if target else None,
        expressedBy=people.patient(),
    )


def _service_entry(scene: PlanScene, on: date) -> Json:
    one = scene.entry
    key = scoped_key(one.individual.id, one.id)
    who = identifier("service", key)
    return entry(full_url("service", key), _service(scene, who, on), who)


def _service(scene: PlanScene, who: Json, on: date) -> Json:
    one, people, library = scene.entry, scene.people, scene.library
    code = terms.pack_code(library, one.jurisdiction, on)
    social = term_concept(SNOMED, "410606002", "Social service procedure")
    kind = terms.term(library, "bases", one.basis)
    goal = one.goal if one.goal and filled(one.goal.text) else None
    link = (
        {"url": _PERTAINS_TO_GOAL, "valueReference": goal_reference(goal_key(goal, people))} if goal else None
    )
    plan = one.plan
    status = one.status if one.status in _PLAN_STATUS else "active"
    beyond = plan_extension(scene, str(status), _lost(one))
    return present(
        resourceType="ServiceRequest",
        text=narrative("Peer support in the treatment plan", _service_rows(one, library)),
        extension=[*([link] if link else []), *beyond],
        identifier=[who],
        status=status,
        intent="plan",
        category=[social, *([term_concept(*kind)] if kind else [])],
        code=service_concept(library, code),
        orderDetail=[_component(library, one.jurisdiction, each) for each in one.components if filled(each)],
        subject=people.patient(),
        authoredOn=stamp(plan.from_) if plan else None,
        requester=people.practitioner(plan.author) if plan and plan.author and filled(plan.author) else None,
        performerType=term_concept(NUCC, *PEER_TAXONOMY),
        reasonCode=[concept(text=one.event.text)] if one.event and filled(one.event.text) else None,
        note=[{"text": one.response}] if filled(one.response) else None,
        **_amount(one),
    )


def _lost(one: PlanEntry) -> Iterable[str]:
    """Parts of the record that neither the Goal nor the amount of the service says."""
    if one.goal and (not filled(one.goal.text) or (one.goal.status or "active") not in _GOAL_STATUS):
        yield "goal"
    how = one.frequency
    if how and not ((how.per or "") in _PER and _counts(how.units) and _counts(how.times)):
        yield "frequency"


def service_concept(library: Library, code: str | None) -> Json:
    """Peer support as a procedure: the code with its display where the tables know it, else in words."""
    known = service_term(library, code)
    return term_concept(*known, PEER_SUPPORT) if known else concept(text=PEER_SUPPORT)


def service_term(library: Library, code: str | None) -> tuple[str, str, str | None] | None:
    """Code system, code and, where the tables know it, display of a service; None without a code."""
    return terms.term(library, "service-codes", code) or ((HCPCS, code, None) if code else None)


@made_of_library
def _component(library: Library, jurisdiction: str, code: str) -> Json:
    known = terms.component(library, jurisdiction, code)
    return term_concept(*known, known[2]) if known else concept(text=code)


def _service_rows(one: PlanEntry, library: Library) -> list[tuple[str, str | None]]:
    return [
        ("Basis", terms.word(library, "bases", one.basis)),
        ("Goal", one.goal.text if one.goal else None),
        ("How often", _how_often(one.frequency)),
        ("Event", one.event.text if one.event else None),
        ("Response", one.response),
    ]


def _how_often(how: Frequency | None) -> str | None:
    if how is None or not how.units or not how.times:
        return None
    times = "once" if how.times == 1 else f"{how.times} times"
    return f"{how.units} units of {UNIT_MINUTES} minutes, {times} per {how.per or 'period'}"


def _amount(one: PlanEntry) -> Json:
    """How much and how often: units over time as a ratio (eLTSS), the cadence as a Timing."""
    how = one.frequency
    bounds = period(*_bounds(one))
    per = _PER.get((how.per or "") if how else "")
    if how is None or per is None or not _counts(how.units) or not _counts(how.times):
        return {"occurrencePeriod": bounds} if bounds else {}
    units, times = int(how.units or 0), int(how.times or 0)
    repeat = present(
        boundsPeriod=bounds,
        duration=units * UNIT_MINUTES,
        durationUnit="min",
        frequency=times,
        period=1,
        periodUnit=per[0],
    )
    ratio = {"numerator": units_of_15(units * times), "denominator": quantity(1, per[1], per[0])}
    return {"quantityRatio": ratio, "occurrenceTiming": {"repeat": repeat}}


def _counts(number: int | None) -> bool:
    return number is not None and number > 0


def _bounds(one: PlanEntry) -> tuple[date | None, date | None]:
    plan = one.plan or Plan()
    if one.basis == "targeted" and one.event and one.event.on:
        return one.event.on, plan.to
    return plan.from_, plan.to


def _plan_entry(entries: Sequence[PlanEntry], people: People, library: Library) -> Json:
    key = plan_key(entries[0])
    who = identifier("plan", key)
    return entry(full_url("plan", key), _plan(entries, who, people, library), who)


def _plan(entries: Sequence[PlanEntry], who: Json, people: People, library: Library) -> Json:
    plan = entries[0].plan or Plan()
    goals = {goal_key(e.goal, people): e.goal for e in entries if e.goal and filled(e.goal.text)}
    activities = [scoped_key(each.individual.id, each.id) for each in entries]
    author = people.practitioner(plan.author) if filled(plan.author) and plan.author else None
    return present(
        resourceType="CarePlan",
        text=narrative("Treatment plan", _plan_rows(entries, plan, library)),
        identifier=[who],
        status=_plan_status(entries),
        intent="plan",
        # The slice is asked for to US Core 8; US Core 9 retires its code system for the SNOMED CT code.
        category=[
            term_concept(CATEGORIES, "assess-plan"),
            term_concept(SNOMED, "734163000", "Care plan"),
        ],
        title="Treatment plan",
        subject=people.patient(),
        period=period(*_period(entries)),
        created=stamp(plan.from_),
        author=author,
        addresses=[condition_reference(each, people) for each in _diagnoses(entries)],
        replaces=_replaced(plan, people),
        contributor=[*([author] if author else []), *_contributors(plan, people), people.patient()],
        supportingInfo=_evidence(entries),
        goal=[goal_reference(each) for each in goals],
        activity=[
            {"reference": reference(full_url("service", each), to="ServiceRequest")} for each in activities
        ],
    )


def _period(entries: Sequence[PlanEntry]) -> tuple[date | None, date | None]:
    """The plan lasts as long as any of its services: one that was ended early does not shorten it."""
    plans = [each.plan for each in entries if each.plan is not None]
    begins = [each.from_ for each in plans if each.from_ is not None]
    ends = [each.to for each in plans if each.to is not None]
    return min(begins, default=None), max(ends) if ends and len(ends) == len(plans) else None


def _replaced(plan: Plan, people: People) -> list[Json]:
    if not filled(plan.replaces):
        return []
    key = scoped_key(people.individual.id, str(plan.replaces))
    return [logical("CarePlan", identifier("plan", key))]


def _plan_status(entries: Sequence[PlanEntry]) -> str:
    states = {each.status for each in entries}
    return states.pop() or "active" if len(states) == 1 and states <= set(_PLAN_STATUS) else "active"


def _plan_rows(
    entries: Sequence[PlanEntry], plan: Plan, library: Library
) -> Iterable[tuple[str, str | None]]:
    yield "From", stamp(plan.from_)
    yield "To", stamp(plan.to)
    yield "Review due", stamp(plan.review_due)
    for each in entries:
        words = [terms.word(library, "bases", each.basis), each.goal.text if each.goal else None]
        words += [_how_often(each.frequency), each.event.text if each.event else None, each.response]
        yield "Service", "; ".join(word for word in words if word and word.strip())


def _contributors(plan: Plan, people: People) -> list[Json]:
    names = [each for each in dict.fromkeys(plan.contributors) if each.strip() and each != plan.author]
    return [people.practitioner(each) for each in names]


def _evidence(entries: Sequence[PlanEntry]) -> list[Json]:
    """Minutes of the meetings with the peer: where they are kept is the programme's matter, so by name."""
    meetings = {
        each.reference: each for one in entries for each in one.collaboration if filled(each.reference)
    }
    return [_meeting(each) for each in meetings.values()]


def _meeting(each: Collaboration) -> Json:
    on = f" of {each.on}" if each.on else ""
    return {"identifier": identifier("meeting", str(each.reference)), "display": f"Team meeting{on}"}


@dataclass(frozen=True)
class PlanSignature:
    """One signature on one entry of a plan, with its seal where it was made here."""

    entry: PlanEntry
    meaning: str
    by: str
    at: datetime
    seal: Seal | None = None


def plan_signatures(entries: Sequence[PlanEntry], seals: Iterable[Seal]) -> list[PlanSignature]:
    """Every signature on the entries' versions, each entry's its own, in order of time."""
    sealed = {(*each.subject, each.meaning, each.by): each for each in seals}
    found: dict[tuple[str, str, str], PlanSignature] = {}
    for one in entries:
        for each in one.signatures:
            if each.by and each.at and each.version == one.version:
                meaning = each.meaning or "author"
                found[one.id, meaning, each.by] = PlanSignature(one, meaning, each.by, each.at)
        for (name, version, meaning, by), seal in sealed.items():
            if (name, version) == (one.id, one.version):
                found[one.id, meaning, by] = PlanSignature(one, meaning, by, seal.at, seal)
    return sorted(found.values(), key=lambda each: (each.at, each.entry.id, each.meaning, each.by))


def service_reference(one: PlanEntry) -> Json:
    """The ServiceRequest of an entry in this Bundle."""
    return reference(full_url("service", scoped_key(one.individual.id, one.id)), to="ServiceRequest")
