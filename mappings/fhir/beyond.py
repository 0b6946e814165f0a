"""Which parts of a record no element carries as it is, so that its extension has to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mappings import terms
from mappings.fhir.carried import (
    CONTACT,
    CONTACT_RECORD,
    PLAN_ENTRY,
    PLAN_ENTRY_RECORD,
    Carried,
    Walk,
    absent,
    parts,
)
from mappings.fhir.elements import Json, filled
from mappings.fhir.episode import begun_by
from mappings.fhir.people import GENDERS, People
from mappings.fhir.scene import Scene
from mappings.library import Library
from mappings.records import Plan, PlanEntry, Signature

# Statuses that an Encounter has under the same name.
SAME_STATUS = frozenset({"planned", "in-progress", "finished", "cancelled", "entered-in-error"})
_HOW = ("appends", "replaces")
Asks = Callable[[Scene], bool]


def contact_extension(scene: Scene) -> list[Json]:
    """The extension of a contact's DocumentReference; none for an EHR."""
    if not scene.links.empty:
        return []
    found: list[Json] = []
    _ALWAYS(scene.contact, found)
    for asks, walk in _SOMETIMES:
        if asks(scene):
            walk(scene.contact, found)
    program = scene.people.program
    if program is not None and scene.people.program_lost():
        CONTACT["program-id"].add(found, program.id)
    found += absent(_absent(scene))
    return [{"url": CONTACT_RECORD, "extension": found}]


def _named(*names: str) -> Walk:
    return Walk([CONTACT[name] for name in names])


def _without_visit(scene: Scene) -> bool:
    """The visit's own Encounter stands in the chart, so that none of ours says anything."""
    return scene.visit_link is not None


def _status_lost(scene: Scene) -> bool:
    return scene.contact.status not in SAME_STATUS or _without_visit(scene)


def _goal_lost(scene: Scene) -> bool:
    return scene.entry is not None or scene.state.enrolled or _without_visit(scene)


def history_lost(scene: Scene) -> bool:
    """The EpisodeOfCare says one engagement, in order, and as it stood when it was written."""
    return not scene.straight or not all(begun_by(each, scene.now) for each in scene.span)


def _type_lost(scene: Scene) -> bool:
    return _without_visit(scene) or terms.term(scene.library, "service-types", scene.service.type) is None


def _basis_lost(scene: Scene) -> bool:
    return _without_visit(scene) or terms.term(scene.library, "bases", scene.service.basis) is None


def _peer_lost(scene: Scene) -> bool:
    peer = scene.contact.peer
    return peer is not None and (_without_visit(scene) or scene.people.staff_lost(peer.id))


def signatures_lost(scene: Scene) -> bool:
    """Whether the Provenances do not say all that the record does."""
    own, signed = scene.contact.signatures, scene.signed
    if len(own) != len(signed):
        return True
    for one, other in zip(own, signed, strict=True):
        same = one.meaning == other.meaning and one.by == other.by and one.at == other.at
        if not same or not _plain(one) or scene.people.staff_lost(other.by):
            return True
    return False


def _plain(one: Signature) -> bool:
    known = one.meaning in ("author", "cosigner")
    return known and not (one.category or one.licence_from or one.licence_to)


def _relation_lost(scene: Scene) -> bool:
    relation = scene.contact.relates_to
    return relation is not None and (relation.how not in _HOW or not filled(relation.id))


_ALWAYS = _named(
    *("jurisdiction", "individual-coverages", "staff", "recipients", "service-code", "service-format"),
    *("service-place", "service-modality", "service-location", "service-components", "service-rationale"),
    *("service-rationale-ref", "service-accompaniment", "service-voluntary", "technical-failure"),
    *("group-session", "group-attendees", "note-goals", "note-data-verified", "note-edited-at", "risk"),
    *("consents", "clinical-input", "collaboration", "diagnoses", "authorization", "claim"),
    "ehr-encounter",
)
_SOMETIMES: tuple[tuple[Asks, Walk], ...] = (
    (lambda scene: scene.contact.excluded_minutes != 0, _named("excluded-minutes")),
    (lambda scene: scene.contact.individual.gender not in GENDERS, _named("individual-gender")),
    (_status_lost, _named("status")),
    (_peer_lost, _named("peer-id")),
    (_goal_lost, _named("engagement-goal", "engagement-goal-on")),
    (history_lost, _named("engagement-history")),
    (_type_lost, _named("service-type")),
    (_basis_lost, _named("service-basis")),
    (_without_visit, _named("service-plan-entry")),
    (
        lambda scene: scene.words_lost,
        _named("note-purpose", "note-response", "note-progress", "note-outcome", "note-own-words"),
    ),
    (signatures_lost, _named("signatures")),
    (_relation_lost, _named("relates-to")),
)


def _absent(scene: Scene) -> Iterator[str]:
    contact = scene.contact
    if contact.status is None:
        yield "status"
    if contact.individual.gender is None:
        yield "individual-gender"
    if contact.engagement is None or not contact.engagement.history:
        yield "engagement-history"
    for name in scene.unsaid:
        yield f"note-{name.replace('_', '-')}"


@dataclass(frozen=True)
class PlanScene:
    """One entry of a plan as it is written, the `first` entry's plan (of which the CarePlan is made), and the
    status that the record has."""

    entry: PlanEntry
    first: Plan
    recorded: str | None
    people: People
    library: Library


def plan_extension(scene: PlanScene, status: str, lost: Iterable[str]) -> list[Json]:
    """The extension of a plan entry's ServiceRequest, which says `status`; `lost` names parts of the record
    that its other elements do not say. None for an EHR."""
    if not scene.people.links.empty:
        return []
    found = parts(scene.entry, [*_plan_carried(scene), *(PLAN_ENTRY[name] for name in lost)])
    person = scene.people.individual
    if person.gender is not None and person.gender not in GENDERS:
        PLAN_ENTRY["individual-gender"].add(found, person.gender)
    if scene.recorded is not None and scene.recorded != status:
        PLAN_ENTRY["status"].add(found, scene.recorded)
    if scene.people.program is not None:
        PLAN_ENTRY["program-id"].add(found, scene.people.program.id)
    found += absent(_absent_in_plan(scene))
    return [{"url": PLAN_ENTRY_RECORD, "extension": found}]


def _plan_carried(scene: PlanScene) -> Sequence[Carried]:
    plan, first = scene.entry.plan or Plan(), scene.first
    names = ["version", "jurisdiction", "individual-coverages", "service-type", "plan-diagnoses"]
    names += ["plan-review-due", "event-on", "collaboration", "signatures"]
    if terms.term(scene.library, "bases", scene.entry.basis) is None:
        names.append("basis")
    if plan.replaces != first.replaces:
        names.append("plan-replaces")
    if plan.contributors != first.contributors or not _contributors_stand(plan):
        names.append("plan-contributors")
    return [PLAN_ENTRY[name] for name in names]


def _contributors_stand(plan: Plan) -> bool:
    names = plan.contributors
    return plan.author not in names and len(set(names)) == len(names) and all(each.strip() for each in names)


def _absent_in_plan(scene: PlanScene) -> Iterator[str]:
    if scene.recorded is None:
        yield "status"
    if scene.people.individual.gender is None:
        yield "individual-gender"
    if scene.entry.plan is None or scene.entry.plan.id is None:
        yield "plan-id"
    goal = scene.entry.goal
    if goal is not None and goal.status is None:
        yield "goal-status"
