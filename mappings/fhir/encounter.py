"""The contact as an Encounter (US Core): what was delivered, to whom, by whom, where and for how long."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from mappings import terms
from mappings.fhir.care_plan import PEER_SUPPORT, service_term
from mappings.fhir.elements import (
    SNOMED,
    THO,
    Json,
    coding,
    concept,
    entry,
    filled,
    identifier,
    local_concept,
    made_of_library,
    made_once,
    narrated,
    narrative_lines,
    present,
    quantity,
    quoted,
    reference,
    term_concept,
)
from mappings.fhir.scene import Scene
from mappings.library import Library

_STATUS = {
    "planned": "planned",
    "in-progress": "in-progress",
    "finished": "finished",
    "cancelled": "cancelled",
    "no-show": "cancelled",
    "entered-in-error": "entered-in-error",
}
_DID_NOT_HAPPEN = ("planned", "no-show", "cancelled")
_PARTICIPATION = {"PPRF": "primary performer", "SPRF": "secondary performer", "PART": "Participation"}
_PARTICIPATES = f"{THO}/v3-ParticipationType"
_PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_LONGEST_REASON = 200


class Visit(NamedTuple):
    """All that differs from one Encounter to the next."""

    url: str
    name: str
    query: str
    lines: str | None
    goal: Json | None
    session: str | None
    status: str
    setting: Json
    kinds: list[Json]
    service: Json | None
    subject: Json
    episode: Json
    based_on: Json | None
    peer: Json | None
    others: list[Json] | None
    start: str | None
    end: str | None
    length: Json | None
    reason: str | None
    conditions: list[Json] | None
    location: Json | None
    provider: Json


def encounter_entry(scene: Scene, goal: Json | None) -> Json | None:
    """The Encounter of the contact; None where the visit's own is in the EHR already and is referred to.

    One Encounter for each attendee of a group; they share the session's identifier and no names.
    """
    return None if scene.visit_link else _laid_out(_visit(scene, goal))


def _visit(scene: Scene, goal: Json | None) -> Visit:
    service, contact, people, during = scene.service, scene.contact, scene.people, scene.during
    place = service.location
    # What did not take place lasted no time, however long it was planned.
    minutes = scene.judgement.minutes if contact.status not in _DID_NOT_HAPPEN else None
    purpose = filled(scene.note.purpose)
    return Visit(
        scene.visit["reference"],
        contact.id,
        quoted(contact.id),
        narrative_lines(_rows(scene)) or None,
        goal,
        filled(contact.group.session) if contact.group else None,
        _STATUS.get(contact.status or "finished", "unknown"),
        _setting(scene.library, service.place, service.modality, place.kind if place else None),
        _types(scene),
        _service_type(scene.library, service.type),
        people.patient(),
        scene.episode,
        scene.plan_service(),
        people.practitioner(contact.peer.id) if contact.peer is not None else None,
        list(_others(scene, during)) or None,
        during.get("start"),
        during.get("end"),
        _length(minutes) if minutes is not None else None,
        filled(_short(purpose)) if purpose else None,
        _conditions(scene) or None,
        _location(scene),
        people.organization(),
    )


def _laid_out(of: Visit) -> Json:
    who = identifier("encounter", of.name)
    during = present(start=of.start, end=of.end)
    peer = [_participant("PPRF", of.peer, during)] if of.peer else []
    resource = present(
        resourceType="Encounter",
        text=narrated("Peer support contact", of.lines),
        extension=[{"url": _PERTAINS_TO_GOAL, "valueReference": of.goal}] if of.goal else None,
        identifier=[who, *([identifier("group-session", of.session)] if of.session else [])],
        status=of.status,
        class_=of.setting,
        type=of.kinds,
        serviceType=of.service,
        subject=of.subject,
        episodeOfCare=[of.episode],
        basedOn=[of.based_on] if of.based_on else None,
        participant=[*peer, *(of.others or [])],
        period=during,
        length=of.length,
        reasonCode=[{"text": of.reason}] if of.reason else None,
        reasonReference=of.conditions,
        location=[{"location": of.location}] if of.location else None,
        serviceProvider=of.provider,
    )
    return entry(of.url, resource, who, of.query)


@made_once
def _length(minutes: int) -> Json:
    return quantity(minutes, "min", "min")


def _short(purpose: str) -> str:
    whole = " ".join(purpose.split())
    if len(whole) <= _LONGEST_REASON:
        return whole
    return textwrap.shorten(purpose, _LONGEST_REASON, placeholder=" ...")


def _rows(scene: Scene) -> list[tuple[str, str | None]]:
    service = scene.service
    kind, place = _words(scene.library, service.type, service.place)
    return [
        ("Service", kind),
        ("Place", place),
        ("Date", str(scene.day)),
        ("Minutes", None if scene.judgement.minutes is None else str(scene.judgement.minutes)),
        ("Admission", terms.ENGAGEMENT.get(scene.state.status)),
    ]


@made_of_library
def _words(library: Library, kind: str | None, place: str | None) -> tuple[str | None, str | None]:
    return terms.word(library, "service-types", kind), terms.word(library, "places", place)


def _types(scene: Scene) -> list[Json]:
    code = terms.service_code(scene.library, scene.contact, scene.day)
    collateral = _without_individual(scene)
    return _kinds(scene.library, code, scene.state.enrolled, scene.service.basis, collateral)


@made_of_library
def _kinds(
    library: Library, code: str | None, enrolled: bool, basis: str | None, collateral: bool
) -> list[Json]:
    phase = "enrolled" if enrolled else "pre-admission"
    found = [_procedure(*(service_term(library, code) or ())), local_concept("service-phase", phase)]
    known = terms.term(library, "bases", basis)
    if known:
        found.append(term_concept(*known))
    if collateral:
        found.append(local_concept("presence", "collateral-only"))
    return found


@made_once
def _procedure(system: str | None = None, code: str = "", display: str | None = None) -> Json:
    """What every visit is, with the service of a code system where one is known."""
    visit = coding(SNOMED, "308335008", "Patient encounter procedure")
    service = [coding(system, code, display)] if system else []
    return concept(visit, *service, text=PEER_SUPPORT)


@made_of_library
def _setting(library: Library, place: str | None, modality: str | None, kind: str | None) -> Json:
    return _class(*terms.encounter_class(library, place, modality, kind))


@made_once
def _class(system: str, code: str, display: str | None = None) -> Json:
    return coding(system, code, display)


def _without_individual(scene: Scene) -> bool:
    roles = [one.role for one in scene.contact.recipients]
    return bool(roles) and "individual" not in roles


@made_of_library
def _service_type(library: Library, kind: str | None) -> Json | None:
    known = terms.term(library, "service-types", kind)
    return term_concept(*known, known[2]) if known else None


def _others(scene: Scene, during: Json) -> Iterable[Json]:
    """Who took part beside the peer and the individual."""
    for one in scene.contact.staff:
        if one.id and filled(one.id):
            code = "SPRF" if one.role == "peer" else "PART"
            yield _participant(code, scene.people.practitioner(one.id), during)
    for recipient in scene.related:
        yield _participant("PART", scene.people.related(recipient), None)


def _participant(code: str, who: Json, during: Json | None) -> Json:
    kind = [term_concept(_PARTICIPATES, code, _PARTICIPATION[code])]
    return (
        {"type": kind, "period": during, "individual": who} if during else {"type": kind, "individual": who}
    )


def _conditions(scene: Scene) -> list[Json]:
    known = scene.links.conditions
    codes = [each.code for each in scene.contact.diagnoses if each.code in known]
    return [reference(known[code or ""], to="Condition") for code in codes]


def _location(scene: Scene) -> Json | None:
    place, linked = scene.service.location, scene.links.location
    if scene.service.place == "telehealth":
        return None
    if scene.service.place == "onsite" and linked:
        return reference(linked, to="Location")
    name = filled(place.name) or filled(place.kind) if place else None
    return _named_place(name) if name else None


@made_once
def _named_place(name: str) -> Json:
    return {"display": name}
