"""Contacts read back: the note's DocumentReference with its Encounter, episode and signatures.

An Encounter without a note of ours is a contact as well, with what its elements say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings.fhir.carried import CONTACT, CONTACT_RECORD
from mappings.fhir.elements import CODE_SYSTEMS, IDENTIFIERS
from mappings.fhir.loose import codings_of, local, text_of
from mappings.fhir.reading import people
from mappings.fhir.reading.engagements import engagement
from mappings.fhir.reading.extensions import Said, read_extension
from mappings.fhir.reading.nodes import Node
from mappings.fhir.reading.signatures import signature_of
from mappings.fhir.reading.sources import Remark, Source, Sources
from mappings.fhir.reading.words import stands_in, text_of_attachment, words_in
from mappings.library import Library

Json = dict[str, Any]
NOTE, SERIES = f"{IDENTIFIERS}/note", f"{IDENTIFIERS}/note-series"
_ENCOUNTER, _SESSION = f"{IDENTIFIERS}/encounter", f"{IDENTIFIERS}/group-session"
_HEAD = ("resourceType", "id", "meta", "text")
_PLACES = {
    "AMB": ("onsite", None),
    "HH": ("offsite", "home"),
    "FLD": ("offsite", None),
    "VR": ("telehealth", None),
}
_ENCOUNTER_STATUS = {
    "planned": "planned",
    "arrived": "in-progress",
    "triaged": "in-progress",
    "in-progress": "in-progress",
    "onleave": "in-progress",
    "finished": "finished",
    "cancelled": "cancelled",
    "entered-in-error": "entered-in-error",
}
# What our own Encounter and DocumentReference say once more, or what follows from the rest.
_TOLD_IN_ENCOUNTER = ("text", "length", "class", "location", "reasonReference")
_TOLD_IN_NOTE = ("docStatus", "masterIdentifier", "date", "author", "authenticator", "securityLabel")
_PPRF, _SPRF = "PPRF", "SPRF"


@dataclass
class Contacts:
    """Reads every contact of an import."""

    sources: Sources
    library: Library
    jurisdiction: str | None

    def read(self) -> Iterator[tuple[Source, Json]]:
        """Each contact as intake data, with the resource that it stands in."""
        visited: set[int] = set()
        for one in self.sources.of("DocumentReference"):
            if one.own(NOTE):
                data, visit = self._of_note(one)
                visited.add(id(visit))
                if data is not None:
                    yield one, data
        known = {each.own(_ENCOUNTER) for each in self.sources.of("Encounter") if id(each) in visited}
        for one in self.sources.of("Encounter"):
            if id(one) not in visited and (one.own(_ENCOUNTER) is None or one.own(_ENCOUNTER) not in known):
                data = self._of_visit(one)
                if data is not None:
                    yield one, data

    def _of_note(self, one: Source) -> tuple[Json | None, Source | None]:
        node, one.read = one.node, True
        said = read_extension(node, CONTACT_RECORD, CONTACT)
        node.take(*_HEAD, "identifier", "type", "category", "description", *_TOLD_IN_NOTE)
        context = node.node("context")
        visit = self._visit(one, context, said)
        version = str(one.own(NOTE)).rsplit("/", 1)[-1]
        made: Json = {"kind": "contact", "id": one.own(SERIES) or str(one.own(NOTE)).rsplit("/note/", 1)[0]}
        made |= {"version": int(version) if version.isdecimal() else 1, "service": {}, "note": {}}
        if visit is not None:
            self._add_visit(made, visit, said)
        elif said.there:
            for each in self.sources.beside(one, "RelatedPerson"):
                each.read = True
                _recipient(each)
        made["jurisdiction"] = said.get("jurisdiction") or self.jurisdiction
        made["individual"] = people.individual(self.sources, one, node.node("subject"), said)
        _unscope(made)
        program = people.program_id(self.sources, one, node.node("custodian"), said)
        made["program"] = {"id": program} if program else None
        made |= _times(context)
        made["status"] = _status(made.get("status"), node, said)
        self._add_said(made, said)
        self._add_relation(made, node, said)
        self._add_rationale(made, context)
        made["engagement"] = engagement(self.sources, one, visit, said)
        made["signatures"] = self._signatures(one, int(made["version"]), said)
        self._add_words(made, one, said)
        return made, visit

    def _visit(self, one: Source, context: Node, said: Said) -> Source | None:
        for reference in context.nodes("encounter"):
            known = said.get("ehr-encounter") is not None
            found = self.sources.refer(one, reference, quietly=known)
            if found is not None and found.own(_ENCOUNTER):
                return found
        return None

    def _of_visit(self, one: Source) -> Json | None:
        """A contact of which there is no note of ours."""
        made: Json = {"kind": "contact", "service": {}, "version": 1, "jurisdiction": self.jurisdiction}
        made["id"] = one.own(_ENCOUNTER) or _foreign_id(one)
        self._add_visit(made, one, Said())
        node = one.node
        made["individual"] = people.individual(self.sources, one, node.node("subject"), Said())
        _unscope(made)
        program = people.program_id(self.sources, one, node.node("serviceProvider"), Said())
        made["program"] = {"id": program} if program else None
        made |= _times(node)
        made["engagement"] = engagement(self.sources, one, one, Said())
        return made

    def _add_visit(self, made: Json, visit: Source, said: Said) -> None:
        node, visit.read, service = visit.node, True, made["service"]
        ours = visit.own(_ENCOUNTER) is not None
        node.take(*_HEAD, *(_TOLD_IN_ENCOUNTER if ours and said.there else ()))
        _take_identifiers(node)
        made["status"] = _ENCOUNTER_STATUS.get(node.text("status") or "")
        service["type"] = _code(node.node("serviceType"), "service-type") or self._service_of(node)
        for concept in node.nodes("type"):
            self._add_type(service, concept, ours)
        if ours and said.there:
            node.take("period", "subject", "serviceProvider")
        for each in node.nodes("basedOn"):
            service["plan_entry"] = self._plan_entry(visit, each)
        self._add_people(made, visit)
        if not said.there:
            self._add_place(made, visit)
            self._add_diagnoses(made, visit)
        purpose = [text_of(each.data.get("text")) for each in node.nodes("reasonCode")]
        if len(purpose) == 1 and purpose[0]:
            node.take("reasonCode")
            made.setdefault("note", {})["purpose"] = purpose[0]

    def _service_of(self, node: Node) -> str | None:
        """The kind of service by its name in the office's table."""
        concept = node.node("serviceType")
        known = {each.display: each.code for each in self.library.table("service-types").codes.values()}
        found = known.get(str(concept.data.get("text")))
        if found is not None:
            concept.done()
        return found

    def _add_type(self, service: Json, concept: Node, ours: bool) -> None:
        for system, code, _ in codings_of(concept.data):
            if system in (f"{CODE_SYSTEMS}/service-phase", f"{CODE_SYSTEMS}/presence"):
                concept.done()
            elif system == f"{CODE_SYSTEMS}/plan-basis":
                service["basis"] = code
                concept.done()
            elif self.library.table("service-codes").code(code) is not None:
                concept.done()
                if not ours:
                    service["code"] = code
        if ours and any(code == "308335008" for _, code, _ in codings_of(concept.data)):
            concept.done()

    def _plan_entry(self, visit: Source, reference: Node) -> str | None:
        data = reference.data
        found = self.sources.refer(visit, reference, quietly=isinstance(data.get("identifier"), dict))
        system = f"{IDENTIFIERS}/service"
        key = found.own(system) if found is not None else _value(data.get("identifier"), system)
        if key is not None:
            return key
        return local(text_of(data.get("reference")))

    def _add_people(self, made: Json, visit: Source) -> None:
        staff: list[Json] = []
        for each in visit.node.nodes("participant"):
            codes = [code for kind in each.nodes("type") for _, code, _ in codings_of(kind.data)]
            who = each.node("individual")
            if (text_of(who.data.get("type")) or _kind(who.data)) == "RelatedPerson":
                self._add_recipient(made, visit, each)
                continue
            found = people.staff_id(self.sources, visit, who)
            if found is None:
                continue
            each.take("type", "individual")
            if not each.data.get("period") or each.data["period"] == visit.node.data.get("period"):
                each.take("period")
            if _PPRF in codes and "peer" not in made:
                made["peer"] = {"id": found}
            else:
                staff.append({"id": found, "role": "peer" if _SPRF in codes else None})
        made["staff"] = staff

    def _add_recipient(self, made: Json, visit: Source, participant: Node) -> None:
        participant.take("type", "individual", "period")
        found = self.sources.refer(visit, Node(participant.node("individual").data))
        if found is None:
            return
        made.setdefault("recipients", []).append(_recipient(found))

    def _place_name(self, visit: Source, where: Node) -> str | None:
        found = self.sources.refer(visit, where)
        if found is None:
            return None
        found.node.take(*_HEAD, "identifier", "status", "mode")
        return found.node.text("name")

    def _add_diagnoses(self, made: Json, visit: Source) -> None:
        """The diagnoses of a visit of others: those it names, and those that name it."""
        node = visit.node
        named = [(self.sources.refer(visit, each), None) for each in node.nodes("reasonReference")]
        for each in node.nodes("diagnosis"):
            found = self.sources.refer(visit, each.node("condition"))
            named.append((found, each.value("rank")))
        named += [(each, None) for each in self.sources.conditions_of(visit)]
        made["diagnoses"] = []
        for condition, rank in named:
            read = people.diagnosis(self.sources, condition) if condition is not None else None
            if read is not None:
                made["diagnoses"].append({**read, "rank": rank if isinstance(rank, int) else None})

    def _add_place(self, made: Json, visit: Source) -> None:
        node, service = visit.node, made["service"]
        setting = node.node("class")
        place, kind = _PLACES.get(str(setting.data.get("code")), (None, None))
        if place is not None:
            setting.done()
            service["place"] = place
        for each in node.nodes("location"):
            where = each.node("location")
            display = text_of(where.data.get("display")) or self._place_name(visit, where)
            if display and "name" not in service.get("location", {}):
                where.done()
                service["location"] = {"kind": kind, "name": display}
        if kind and "location" not in service:
            service["location"] = {"kind": kind}

    def _add_said(self, made: Json, said: Said) -> None:
        """What the extension says of the record, in place of what the elements only suggest."""
        if not said.there:
            return
        for name in ("staff", "recipients", "risk", "consents", "clinical_input", "collaboration"):
            made[name] = said.get(name.replace("_", "-"))
        for name in ("diagnoses", "authorization", "claim", "technical_failure", "excluded_minutes"):
            made[name] = said.get(name.replace("_", "-"))
        for place in ("service", "note", "group"):
            inside = made.setdefault(place, {})
            inside |= {
                name.removeprefix(f"{place}-").replace("-", "_"): value
                for name, value in said.values.items()
                if name.startswith(f"{place}-")
            }
            made[place] = inside or None
        if said.get("peer-id") is not None:
            made["peer"] = {"id": said.get("peer-id")}
        if said.get("ehr-encounter") is not None:
            made["ehr"] = {"encounter": said.get("ehr-encounter")}

    def _add_relation(self, made: Json, node: Node, said: Said) -> None:
        made["relates_to"] = said.get("relates-to")
        for each in node.nodes("relatesTo"):
            other = _value(each.node("target").data.get("identifier"), SERIES)
            if other is not None and made["relates_to"] is None:
                each.done()
                made["relates_to"] = {"id": other, "how": each.text("code")}

    def _add_rationale(self, made: Json, context: Node) -> None:
        for each in context.nodes("related"):
            name = _value(each.data.get("identifier"), f"{IDENTIFIERS}/meeting")
            if name is not None:
                each.done()
                service = made["service"] or {}
                service.setdefault("rationale_ref", {"id": name})
                made["service"] = service

    def _signatures(self, one: Source, version: int, said: Said) -> list[Json]:
        found = [self._signature(each, version) for each in self.sources.about(one)]
        proven = [each for each in found if each is not None]
        listed = said.get("signatures")
        if listed is None:
            return proven
        here = {(each["meaning"] == "author", each["by"]) for each in proven}
        for each in listed:
            ours = each.get("version") in (None, version)
            if ours and (each.get("meaning") == "author", each.get("by")) not in here:
                words = f"the signature of {each.get('by')} is said in the record, without a Provenance"
                self.sources.remarks.append(Remark(one.located.where, one.kind, "extension", words))
        return list(listed)

    def _signature(self, provenance: Source, version: int) -> Json | None:
        read = signature_of(self.sources, provenance)
        return None if read is None else {**read, "version": version}

    def _add_words(self, made: Json, one: Source, said: Said) -> None:
        text = None
        for content in one.node.nodes("content"):
            attachment = content.node("attachment")
            text = text_of_attachment(attachment.data) if text is None else text
            if text is not None and text_of_attachment(attachment.data) == text:
                content.done()
        note = made.get("note") or {}
        if text is None:
            return
        carried = {name for name in said.values if name.startswith("note-")}
        words = words_in(text)
        for name, value in words.items():
            part = f"note-{name.replace('_', '-')}"
            if part not in carried and part not in said.absent:
                note[name] = value
        for name in words:
            held = note.get(name)
            if isinstance(held, str) and not stands_in(held, text):
                why = f"the words of {name} are not those of the text that was signed; the text counts"
                self.sources.remarks.append(Remark(one.located.where, one.kind, "extension", why))
                note[name] = words[name]
        if "purpose" not in words and "note-purpose" not in carried:
            note.pop("purpose", None)
        made["note"] = {name: value for name, value in note.items() if value is not None} or None


def _status(encounter: str | None, node: Node, said: Said) -> str | None:
    state = node.text("status")
    if state == "entered-in-error":
        return "entered-in-error"
    if "status" in said.absent:
        return None
    recorded = said.get("status")
    refines = encounter is None or (recorded == "no-show" and encounter == "cancelled")
    if recorded is not None and (refines or encounter not in _ENCOUNTER_STATUS.values()):
        return str(recorded)
    return encounter


def _recipient(found: Source) -> Json:
    node = found.node
    node.take(*_HEAD, "identifier", "active", "patient")
    concepts = node.nodes("relationship")
    words = next((text_of(each.data.get("text")) for each in concepts if each.data.get("text")), None)
    if words is not None:
        node.take("relationship")
    return {"role": "collateral", "name": people.name_of(node), "relationship": words}


def _unscope(made: Json) -> None:
    entry, who = made["service"].get("plan_entry"), (made["individual"] or {}).get("id", "")
    if entry is not None:
        made["service"]["plan_entry"] = people.unscoped(entry, who)


def _times(holder: Node) -> Json:
    during = holder.node("period")
    return {"start": _moment(during, "start"), "end": _moment(during, "end")}


def _moment(during: Node, name: str) -> str | None:
    value = during.data.get(name)
    if not isinstance(value, str) or "T" not in value:
        return None
    during.take(name)
    return value


def _code(concept: Node, system: str) -> str | None:
    for found, code, _ in codings_of(concept.data):
        if found == f"{CODE_SYSTEMS}/{system}":
            concept.done()
            return code
    return None


def _value(who: Any, system: str) -> str | None:
    if isinstance(who, dict) and who.get("system") == system:
        return text_of(who.get("value"))
    return None


def _kind(reference: Json | Any) -> str:
    return (local(text_of(reference.get("reference"))) or "").split("/")[0]


def _take_identifiers(node: Node) -> None:
    for each in node.nodes("identifier"):
        if each.data.get("system") in (_ENCOUNTER, _SESSION):
            each.done()


def _foreign_id(one: Source) -> str:
    """The id of a visit of another system: its first identifier, else its own id."""
    for each in one.node.nodes("identifier"):
        value = each.data.get("value")
        if isinstance(value, str) and value.strip():
            each.take("value", "system", "use", "type")
            return value
    return f"Encounter/{text_of(one.located.resource.get('id')) or one.located.where}"
