"""Plan entries read back: a ServiceRequest with its CarePlan, Goal and what the plan addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.fhir.carried import PLAN_ENTRY, PLAN_ENTRY_RECORD
from mappings.fhir.elements import CODE_SYSTEMS, IDENTIFIERS, NUCC, PEER_TAXONOMY
from mappings.fhir.loose import codings_of, text_of
from mappings.fhir.reading import people
from mappings.fhir.reading.extensions import Said, read_extension
from mappings.fhir.reading.nodes import Node
from mappings.fhir.reading.signatures import signature_of
from mappings.fhir.reading.sources import Source, Sources
from mappings.library import Library

Json = dict[str, Any]
SERVICE, PLAN, GOAL = (f"{IDENTIFIERS}/{each}" for each in ("service", "plan", "goal"))
_HEAD = ("resourceType", "id", "meta", "text")
_PER = {"d": "day", "wk": "week", "mo": "month"}
_GOAL_LINK = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_UNIT = 15


@dataclass
class Plans:
    """Reads every plan entry of an import."""

    sources: Sources
    library: Library
    jurisdiction: str | None

    def read(self) -> Iterator[tuple[Source, Json]]:
        """Each entry as intake data, with the ServiceRequest that it stands in."""
        plans = self._plans()
        for one in self.sources.of("ServiceRequest"):
            if one.own(SERVICE) or self._is_peer_service(one):
                yield one, self._entry(one, plans.get(id(one)))

    def _plans(self) -> dict[int, Source]:
        """The CarePlan of each ServiceRequest that is an activity of one."""
        found: dict[int, Source] = {}
        for plan in self.sources.of("CarePlan"):
            for activity in plan.node.nodes("activity"):
                reference = activity.node("reference")
                if reference:
                    service = self.sources.refer(plan, reference)
                    if service is not None:
                        found.setdefault(id(service), plan)
        return found

    def _is_peer_service(self, one: Source) -> bool:
        """Whether another's request is for peer support, by its code or by who is to do it."""
        resource = one.located.resource
        performer = [code for system, code, _ in codings_of(resource.get("performerType")) if system == NUCC]
        codes = [code for _, code, _ in codings_of(resource.get("code"))]
        known = self.library.table("service-codes")
        return PEER_TAXONOMY[0] in performer or any(known.code(code) is not None for code in codes)

    def _entry(self, one: Source, plan: Source | None) -> Json:
        node, one.read = one.node, True
        said = read_extension(node, PLAN_ENTRY_RECORD, PLAN_ENTRY)
        node.take(*_HEAD, "identifier", "intent", "code", "performerType", "quantityRatio")
        key = one.own(SERVICE)
        made: Json = {
            "kind": "plan-entry",
            "id": "",
            "version": said.get("version") or 1,
            "jurisdiction": said.get("jurisdiction") or self.jurisdiction,
            "individual": people.individual(self.sources, one, node.node("subject"), said),
            "program": {"id": said.get("program-id")} if said.get("program-id") else None,
            "status": _recorded(node.text("status"), "status", said),
            "basis": _basis(node) or said.get("basis"),
            "service_type": said.get("service-type"),
            "components": self._components(node),
            "response": _response(node),
            "collaboration": said.get("collaboration"),
        }
        whose = (made["individual"] or {}).get("id", "")
        literal = f"ServiceRequest/{text_of(node.data.get('id')) or one.located.where}"
        made["id"] = people.unscoped(key, whose) if key else literal
        made["goal"] = said.get("goal") or self._goal(one, said, whose)
        made["plan"] = self._plan(one, plan, said, made["id"], whose)
        made["event"] = _event(node, said)
        made["frequency"] = said.get("frequency") or _frequency(node)
        proven = self._signatures(one, made["version"])
        made["signatures"] = said.get("signatures") or proven
        return made

    def _plan(self, one: Source, plan: Source | None, said: Said, entry: str, whose: str) -> Json | None:
        node = one.node
        author = people.staff_id(self.sources, one, node.node("requester"))
        made: Json = {"from": people.day(node, "authoredOn"), "to": _bound(node, "end"), "author": author}
        if plan is not None:
            made |= self._care_plan(plan, author, whose)
        if "plan-id" in said.absent or made.get("id") == entry:
            made["id"] = None
        for name in ("replaces", "diagnoses", "contributors", "review-due"):
            value = said.get(f"plan-{name}")
            if value is not None:
                made[name.replace("-", "_")] = value
        return made if any(made.values()) else None

    def _care_plan(self, plan: Source, author: str | None, whose: str) -> Json:
        node, plan.read = plan.node, True
        node.take(
            *_HEAD, "identifier", "status", "intent", "category", "title", "subject", "period", "created"
        )
        node.take("author", "goal", "activity", "supportingInfo") if plan.own(PLAN) else None
        made: Json = {"id": people.unscoped(plan.own(PLAN) or "", whose) or None}
        if made["id"] is None:
            made["id"] = f"CarePlan/{text_of(node.data.get('id')) or plan.located.where}"
        for each in node.nodes("replaces"):
            who = each.data.get("identifier")
            if isinstance(who, dict) and who.get("system") == PLAN:
                each.done()
                made["replaces"] = people.unscoped(str(who.get("value")), whose)
        named = [
            people.staff_id(self.sources, plan, each)
            for each in node.nodes("contributor")
            if not _is_person(each)
        ]
        made["contributors"] = [each for each in named if each is not None and each != author]
        made["diagnoses"] = [
            each for each in (self._condition(plan, ref) for ref in node.nodes("addresses")) if each
        ]
        return made

    def _condition(self, plan: Source, reference: Node) -> Json | None:
        found = self.sources.refer(plan, reference)
        return people.diagnosis(self.sources, found) if found is not None else None

    def _goal(self, one: Source, said: Said, whose: str) -> Json | None:
        for each in one.node.nodes("extension"):
            if each.data.get("url") == _GOAL_LINK:
                each.done()
                found = self.sources.refer(one, Node(each.node("valueReference").data))
                if found is not None:
                    return _goal_of(found, said, whose)
        return None

    def _components(self, node: Node) -> list[str]:
        found = []
        for each in node.nodes("orderDetail"):
            ours = [code for system, code, _ in codings_of(each.data) if system.startswith(CODE_SYSTEMS)]
            words = each.data.get("text")
            if ours or isinstance(words, str):
                each.done()
                found.append(ours[0] if ours else str(words))
        return found

    def _signatures(self, one: Source, version: Any) -> list[Json]:
        read = (signature_of(self.sources, each) for each in self.sources.about(one))
        return [{**each, "version": version} for each in read if each is not None]


def _is_person(reference: Node) -> bool:
    """The individual contributes to every plan, which needs no saying."""
    kind = reference.data.get("type") or str(reference.data.get("reference")).split("/", maxsplit=1)[0]
    if kind == "Patient":
        reference.done()
    return kind == "Patient"


def _recorded(element: str | None, name: str, said: Said) -> str | None:
    return None if name in said.absent else said.get(name) or element


def _basis(node: Node) -> str | None:
    basis = None
    for each in node.nodes("category"):
        ours = [code for system, code, _ in codings_of(each.data) if system == f"{CODE_SYSTEMS}/plan-basis"]
        if ours:
            basis = ours[0]
        each.done()
    return basis


def _response(node: Node) -> str | None:
    notes = node.nodes("note")
    return notes[0].text("text") if notes else None


def _event(node: Node, said: Said) -> Json | None:
    reasons = node.nodes("reasonCode")
    text = reasons[0].text("text") if reasons else None
    made = {"text": text, "on": said.get("event-on")}
    return made if any(made.values()) else None


def _repeat(node: Node) -> Node:
    return node.node("occurrenceTiming").node("repeat")


def _bound(node: Node, name: str) -> str | None:
    for holder in (_repeat(node).node("boundsPeriod"), node.node("occurrencePeriod")):
        holder.take("start")
        found = people.day(holder, name)
        if found is not None:
            return found
    return None


def _frequency(node: Node) -> Json | None:
    repeat = _repeat(node)
    data = repeat.data
    minutes: Any = data.get("duration")
    times, per = data.get("frequency"), _PER.get(str(data.get("periodUnit")))
    whole = data.get("period") == 1 and data.get("durationUnit") == "min" and not data.get("durationMax")
    counted = type(times) is int and isinstance(minutes, int | Decimal) and minutes > 0
    if not whole or per is None or not counted or minutes % _UNIT:
        return None
    repeat.take("duration", "durationUnit", "frequency", "period", "periodUnit")
    return {"units": int(minutes) // _UNIT, "times": times, "per": per}


def _goal_of(found: Source, said: Said, whose: str) -> Json:
    node = found.node
    node.take(*_HEAD, "identifier", "subject", "expressedBy")
    text = node.node("description").text("text")
    key = people.unscoped(found.own(GOAL) or "", whose) or None
    target = next(iter(node.nodes("target")), Node({}))
    if target.data.get("detailString") is not None:
        target.take("measure")
    return {
        "id": None if key == text else key,
        "text": text,
        "objective": target.text("detailString"),
        "target": people.day(target, "dueDate"),
        "status": _recorded(node.text("lifecycleStatus"), "goal-status", said),
    }
