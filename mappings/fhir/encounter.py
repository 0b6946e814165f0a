"""The contact as an Encounter (US Core): what was delivered, to whom, by whom, where and for how long."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

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
    full_url,
    identifier,
    local_concept,
    made_once,
    narrative,
    present,
    quantity,
    reference,
    term_concept,
)
from mappings.fhir.scene import Scene

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
_PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
_LONGEST_REASON = 200


def encounter_entry(scene: Scene, goal: Json | None) -> Json | None:
    """The Encounter of the contact; None where the visit's own is in the EHR already and is referred to.

    One Encounter for each attendee of a group; they share the session's identifier and no names.
    """
    if scene.visit_link:
        return None
    who = identifier("encounter", scene.contact.id)
    return entry(full_url("encounter", scene.contact.id), _encounter(scene, who, goal), who)


def _encounter(scene: Scene, who: Json, goal: Json | None) -> Json:
    service, contact = scene.service, scene.contact
    place = service.location
    setting = terms.encounter_class(
        scene.library, service.place, service.modality, place.kind if place else None
    )
    during = scene.during
    # What did not take place lasted no time, however long it was planned.
    minutes = scene.judgement.minutes if contact.status not in _DID_NOT_HAPPEN else None
    purpose = filled(scene.note.purpose)
    return present(
        resourceType="Encounter",
        text=narrative("Peer support contact", _rows(scene)),
        extension=[{"url": _PERTAINS_TO_GOAL, "valueReference": goal}] if goal else None,
        identifier=[who, *_session(scene)],
        status=_STATUS.get(contact.status or "finished", "unknown"),
        class_=_class(*setting),
        type=_types(scene),
        serviceType=_service_type(scene),
        subject=scene.people.patient(),
        episodeOfCare=[reference(full_url("episode", scene.episode_key), to="EpisodeOfCare")],
        basedOn=[each for each in [scene.plan_service()] if each],
        participant=list(_participants(scene, during)),
        period=during,
        length=quantity(minutes, "min", "min") if minutes is not None else None,
        reasonCode=[concept(text=_short(purpose))] if purpose else None,
        reasonReference=_conditions(scene),
        location=_location(scene),
        serviceProvider=scene.people.organization(),
    )


def _short(purpose: str) -> str:
    whole = " ".join(purpose.split())
    if len(whole) <= _LONGEST_REASON:
        return whole
    return textwrap.shorten(purpose, _LONGEST_REASON, placeholder=" ...")


def _rows(scene: Scene) -> list[tuple[str, str | None]]:
    service = scene.service
    return [
        ("Service", terms.word(scene.library, "service-types", service.type)),
        ("Place", terms.word(scene.library, "places", service.place)),
        ("Date", str(scene.day)),
        ("Minutes", None if scene.judgement.minutes is None else str(scene.judgement.minutes)),
        ("Admission", terms.ENGAGEMENT.get(scene.state.status)),
    ]


def _session(scene: Scene) -> list[Json]:
    session = filled(scene.contact.group.session) if scene.contact.group else None
    return [identifier("group-session", session)] if session else []


def _types(scene: Scene) -> list[Json]:
    code = terms.service_code(scene.library, scene.contact, scene.day)
    phase = "enrolled" if scene.state.enrolled else "pre-admission"
    found = [_visit(*(service_term(scene.library, code) or ())), local_concept("service-phase", phase)]
    basis = terms.term(scene.library, "bases", scene.service.basis)
    if basis:
        found.append(term_concept(*basis))
    if _without_individual(scene):
        found.append(local_concept("presence", "collateral-only"))
    return found


@made_once
def _visit(system: str | None = None, code: str = "", display: str | None = None) -> Json:
    """What every visit is, with the service of a code system where one is known."""
    visit = coding(SNOMED, "308335008", "Patient encounter procedure")
    service = [coding(system, code, display)] if system else []
    return concept(visit, *service, text=PEER_SUPPORT)


@made_once
def _class(system: str, code: str, display: str | None = None) -> Json:
    return coding(system, code, display)


def _without_individual(scene: Scene) -> bool:
    roles = [one.role for one in scene.contact.recipients]
    return bool(roles) and "individual" not in roles


def _service_type(scene: Scene) -> Json | None:
    known = terms.term(scene.library, "service-types", scene.service.type)
    return term_concept(*known, known[2]) if known else None


def _participants(scene: Scene, during: Json) -> Iterable[Json]:
    peer = scene.contact.peer
    if peer is not None:
        yield _participant("PPRF", scene.people.practitioner(peer.id), during)
    for one in scene.contact.staff:
        if one.id and filled(one.id):
            code = "SPRF" if one.role == "peer" else "PART"
            yield _participant(code, scene.people.practitioner(one.id), during)
    for recipient in scene.related:
        yield _participant("PART", scene.people.related(recipient), None)


def _participant(code: str, who: Json, during: Json | None) -> Json:
    kind = term_concept(f"{THO}/v3-ParticipationType", code, _PARTICIPATION[code])
    if during:
        return {"type": [kind], "period": during, "individual": who}
    return {"type": [kind], "individual": who}


def _conditions(scene: Scene) -> list[Json]:
    known = scene.links.conditions
    codes = [each.code for each in scene.contact.diagnoses if each.code in known]
    return [reference(known[code or ""], to="Condition") for code in codes]


def _location(scene: Scene) -> list[Json]:
    place, linked = scene.service.location, scene.links.location
    if scene.service.place == "telehealth":
        return []
    if scene.service.place == "onsite" and linked:
        return [{"location": reference(linked, to="Location")}]
    name = filled(place.name) or filled(place.kind) if place else None
    return [{"location": {"display": name}}] if name else []
