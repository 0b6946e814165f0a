"""The engagement of a contact read back from the EpisodeOfCare, and its goal from a Goal."""

from __future__ import annotations

from typing import Any

from mappings.fhir.elements import IDENTIFIERS
from mappings.fhir.reading.extensions import Said
from mappings.fhir.reading.nodes import Node
from mappings.fhir.reading.sources import Source, Sources

Json = dict[str, Any]
_HEAD = ("resourceType", "id", "meta", "text")
_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_STATUS = {"planned": "undecided", "active": "admitted", "cancelled": "declined", "finished": "discharged"}


def engagement(sources: Sources, one: Source, visit: Source | None, said: Said) -> Json | None:
    """The engagement of a contact: its history from the EpisodeOfCare, the goal before an admission from
    its Goal; None where nothing is said of it."""
    made: Json = {}
    goal = _goal(sources, one, visit)
    if said.get("engagement-goal") is not None or goal is None:
        made["goal"] = said.get("engagement-goal")
        made["goal_on"] = said.get("engagement-goal-on")
    else:
        made |= goal
    if said.get("engagement-history") is not None:
        made["history"] = said.get("engagement-history")
    history = _history(sources, one, visit)
    if "history" not in made and "engagement-history" not in said.absent:
        made["history"] = history
    return made if any(made.values()) else None


def _history(sources: Sources, one: Source, visit: Source | None) -> list[Json]:
    named = visit.node.nodes("episodeOfCare") if visit is not None else []
    found = [sources.refer(visit, each) for each in named] if visit is not None else []
    episodes = [each for each in found if each is not None] or sources.beside(one, "EpisodeOfCare")
    history: list[Json] = []
    for episode in episodes[:1]:
        episode.read = True
        node = episode.node
        node.take(*_HEAD, "identifier", "status", "patient", "managingOrganization", "period")
        for each in node.nodes("statusHistory"):
            state = _STATUS.get(str(each.data.get("status")))
            if state is not None:
                each.done()
                history.append({"status": state, "at": each.node("period").text("start")})
    return history


def _goal(sources: Sources, one: Source, visit: Source | None) -> Json | None:
    """The goal of the contacts before an admission."""
    named = visit.node.nodes("extension") if visit is not None else []
    for each in named:
        if each.data.get("url") == _GOAL and visit is not None:
            each.done()
            found = sources.refer(visit, Node(each.node("valueReference").data))
            if found is not None and "/engagement/" in (found.own(f"{IDENTIFIERS}/goal") or ""):
                return _engagement_goal(found)
    for found in sources.beside(one, "Goal"):
        if "/engagement/" in (found.own(f"{IDENTIFIERS}/goal") or ""):
            return _engagement_goal(found)
    return None


def _engagement_goal(found: Source) -> Json:
    node, found.read = found.node, True
    node.take(*_HEAD, "identifier", "lifecycleStatus", "subject", "expressedBy")
    return {"goal": node.node("description").text("text"), "goal_on": node.text("startDate")}
