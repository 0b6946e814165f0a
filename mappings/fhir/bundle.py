"""Records as transaction Bundles: all that one contact or one plan puts into a chart, in one piece.

Everything but Provenance goes in on condition that nothing with its identifier is there, so a second
sending changes nothing. Provenance has no identifier in R4: a resend leaves it out unless the note is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from mappings.fhir import gate
from mappings.fhir.care_plan import (
    engagement_goal,
    engagement_goal_key,
    goal_key,
    goal_reference,
    plan_key,
    plan_parts_of,
    plan_signatures,
)
from mappings.fhir.elements import (
    Json,
    NotFit,
    filled,
    full_url,
    reference,
    transaction,
)
from mappings.fhir.encounter import encounter_entry
from mappings.fhir.episode import episode_entry, episode_part
from mappings.fhir.note import note_entry
from mappings.fhir.part2 import label
from mappings.fhir.people import ChartLinks, People
from mappings.fhir.repeated import Repeated, spread
from mappings.fhir.scene import Scene
from mappings.fhir.signature import plan_signature_entry, signature_entries
from mappings.fhir.task import task_entries
from mappings.findings import Judgement
from mappings.library import Library
from mappings.office import Surroundings
from mappings.records import Contact, PlanEntry
from mappings.seal import Seal


def contact_bundle(
    contact: Contact,
    judgement: Judgement,
    surroundings: Surroundings,
    seals: Sequence[Seal],
    links: ChartLinks,
    library: Library,
    now: datetime,
    text: str | None = None,
) -> Json:
    """The transaction Bundle of a final contact, checked.

    `text` is the note exactly as it was signed; None means as `note_text` gives it now. With empty `links`
    the people of the record go in too. Raises NotFit when the contact has no start, no author's
    signature, a seal over another text, or anything else that may not leave.
    """
    entries, people = contact_parts(contact, judgement, surroundings, seals, links, library, now, text)
    return checked(labelled(with_people(spread(entries), people), people))


def contact_parts(
    contact: Contact,
    judgement: Judgement,
    surroundings: Surroundings,
    seals: Sequence[Seal],
    links: ChartLinks,
    library: Library,
    now: datetime,
    text: str | None = None,
    people: People | None = None,
) -> tuple[Iterator[Json | Repeated], People]:
    """The contact's own entries, unchecked, and the people whom they refer to; raises NotFit. `people` are
    those of an earlier record of the same people, where they are kept."""
    scene = Scene(contact, judgement, surroundings, seals, links, library, now, text, known=people)
    return scene_parts(scene), scene.people


def scene_parts(scene: Scene) -> Iterator[Json | Repeated]:
    """The entries of a contact, unchecked; raises NotFit."""
    yield from own_entries(scene, goal_of(scene))
    yield from entries_beside(scene)


def own_entries(scene: Scene, goal: Json | None) -> Iterator[Json]:
    """The entries that are of this contact alone: visit, note, signatures and tasks; `goal` is what the visit
    pertains to."""
    visit = encounter_entry(scene, goal)
    if visit is not None:
        yield visit
    yield note_entry(scene)
    yield from signature_entries(scene)
    yield from task_entries(scene)


def entries_beside(scene: Scene) -> Iterator[Json | Repeated]:
    """The entries that other contacts of the person bring along as well: engagement, plan, family."""
    yield episode_part(scene.episode_key, scene.people, scene.span, scene.day, scene.now)
    yield from _plan_of(scene)
    for recipient in scene.related:
        yield scene.people.related_entry(recipient)


def _plan_of(scene: Scene) -> Iterator[Json | Repeated]:
    engagement = scene.contact.engagement
    if scene.entry is not None:
        entries = scene.around.plan_of(scene.entry)
        yield plan_parts_of(entries, scene.people, scene.library, scene.day)
    elif engagement is not None and filled(engagement.goal) and not scene.state.enrolled:
        yield engagement_goal(engagement, scene.people)


def goal_of(scene: Scene) -> Json | None:
    """The goal of the contact in this Bundle, or None."""
    entry, engagement = scene.entry, scene.contact.engagement
    if entry is not None:
        named = entry.goal is not None and filled(entry.goal.text)
        return goal_reference(goal_key(entry.goal, scene.people)) if named and entry.goal else None
    if engagement is not None and filled(engagement.goal) and not scene.state.enrolled:
        return goal_reference(engagement_goal_key(engagement, scene.people))
    return None


def plan_bundle(
    entries: Sequence[PlanEntry],
    surroundings: Surroundings,
    seals: Sequence[Seal],
    links: ChartLinks,
    library: Library,
    now: datetime,
) -> Json:
    """The transaction Bundle of one plan with its signatures, checked.

    Entries of the same plan that the surroundings know go in as well, so that the CarePlan is whole.
    Raises NotFit when there is no entry, or the entries are of several individuals or plans.
    """
    found, people = plan_parts(entries, surroundings, seals, links, library, now)
    return checked(labelled(with_people(spread(found), people), people))


def plan_parts(
    entries: Sequence[PlanEntry],
    surroundings: Surroundings,
    seals: Sequence[Seal],
    links: ChartLinks,
    library: Library,
    now: datetime,
) -> tuple[Sequence[Json | Repeated], People]:
    """The plan's own entries, unchecked, and the people whom they refer to; raises NotFit."""
    if len({plan_key(each) for each in entries}) != 1:
        raise NotFit([("plan", "the entries are not those of one plan of one individual")])
    first = entries[0]
    entries = _whole_plan(entries, surroundings)
    people = People(first.individual, surroundings.program_of(first.program), surroundings, links)
    day = now.astimezone(surroundings.zone_of(first.program, now) or UTC).date()
    # What ends today is told today: nobody sends it again tomorrow.
    found: list[Json | Repeated] = [plan_parts_of(entries, people, library, day, over=day)]
    plan = reference(full_url("plan", plan_key(first)), to="CarePlan")
    found.extend(plan_signature_entry(plan, each, people) for each in plan_signatures(entries, seals))
    return found, people


def _whole_plan(entries: Sequence[PlanEntry], around: Surroundings) -> Sequence[PlanEntry]:
    whole = {each.id: each for each in (*around.plan_of(entries[0]), *entries)}
    return [whole[each] for each in sorted(whole)]


def episode_bundle(
    contact: Contact,
    surroundings: Surroundings,
    links: ChartLinks,
    library: Library,
    now: datetime,
    place: int | None = None,
) -> Json:
    """The EpisodeOfCare of the contact's engagement alone, for a state that changed without a contact; of
    the history's engagement at `place` (the first is 0) where given."""
    held = Judgement(contact.id, "contact", contact.version, "ready", "none", 0, 0, ())
    scene = Scene(contact, held, surroundings, (), links, library, now, "", place)
    episode = episode_entry(scene.episode_key, scene.people, scene.span, scene.day, now)
    return checked(labelled(with_people([episode], scene.people), scene.people))


def with_people(entries: Sequence[Json] | Iterator[Json], people: People) -> Json:
    """A transaction of the entries and of the people they refer to, as far as those may go in themselves."""
    found = list(entries)
    present = {each["fullUrl"] for each in found}
    todo = list(found)
    while todo:
        for url in urns(todo.pop()["resource"]):
            made = None if url in present else people.record(url)
            if made is not None:
                present.add(url)
                found.append(made[1]())
                todo.append(found[-1])
    return transaction(found)


def urns(value: Any) -> list[str]:
    """Every urn:uuid that a reference inside the value holds, in order."""
    found: list[str] = []
    _add_urns(value, found)
    return found


def _add_urns(value: Any, found: list[str]) -> None:
    if type(value) is dict:
        target = value.get("reference")
        if type(target) is str and target.startswith("urn:uuid:"):
            found.append(target)
        value = value.values()
    for each in value:
        if type(each) is dict or type(each) is list:
            _add_urns(each, found)


def labelled(bundle: Json, people: People) -> Json:
    """Every resource of a programme under 42 CFR Part 2 says so, and carries the notice."""
    if people.program is not None and people.program.part2:
        for each in bundle["entry"]:
            label(each)
    return bundle


def checked(bundle: Json) -> Json:
    """The Bundle, once it has passed the gate; raises NotFit otherwise."""
    gate.check(bundle)
    return bundle


__all__ = [
    "ChartLinks",
    "NotFit",
    "Surroundings",
    "contact_bundle",
    "episode_bundle",
    "label",
    "plan_bundle",
]
