"""The contact as an Encounter (US Core): what was delivered, to whom, by whom, where and for how long."""

from __future__ import annotations

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
    identifier,
    local_concept,
    made_of_library,
    made_once,
    narrative,
    present,
    quantity,
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


def encounter_entry(scene: Scene, goal: Json | None) -> Json | None:
    """The Encounter of the contact; None where the visit's own is in the EHR already and is referred to.

    One Encounter for each attendee of a group; they share the session's identifier and no names.
    """
    return None if scene.visit_link else _entry(scene, goal)


def _entry(scene: Scene, goal: Json | None) -> Json:
    contact, service, people, during = scene.contact, scene.service, scene.people, scene.during
    place, who, based_on = service.location, identifier("encounter", contact.id), scene.delivers
    session = filled(contact.group.session) if contact.group else None
    # What did not take place lasted no time, however long it was planned.
    minutes = scene.judgement.minutes if contact.status not in _DID_NOT_HAPPEN else None
    where = _location(scene)
    resource = present(
        resourceType="Encounter",
        text=narrative("Peer support contact", _rows(scene)),
        extension=[{"url": _PERTAINS_TO_GOAL, "valueReference": goal}] if goal else None,
        identifier=[who, identifier("group-session", session)] if session else [who],
        status=_STATUS.get(contact.status or "finished", "unknown"),
        class_=_setting(scene.library, service.place, service.modality, place.kind if place else None),
        type=_types(scene),
        serviceType=_service_type(scene.library, service.type),
        subject=people.patient(),
        episodeOfCare=[scene.episode],
        basedOn=[based_on] if based_on else None,
        participant=list(_participants(scene)),
        period=during,
        length=_length(minutes) if minutes is not None else None,
        reasonCode=[{"text": scene.reason}] if scene.reason else None,
        reasonReference=_conditions(scene),
        location=[{"location": where}] if where else None,
        serviceProvider=people.organization(),
    )
    return entry(scene.visit["reference"], resource, who)


@made_once
def _length(minutes: int) -> Json:
    return quantity(minutes, "min", "min")


def _rows(scene: Scene) -> list[tuple[str, str | None]]:
    service = scene.service
    kind, place = _words(scene.library, service.type, service.place)
    return [
        ("Service", kind),
        ("Place", place),
        ("Date", scene.on),
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


def _participants(scene: Scene) -> Iterable[Json]:
    """The peer, and who took part beside the peer and the individual."""
    contact, people, during = scene.contact, scene.people, scene.during
    if contact.peer is not None:
        yield _participant("PPRF", people.practitioner(contact.peer.id), during)
    for one in contact.staff:
        if one.id and filled(one.id):
            code = "SPRF" if one.role == "peer" else "PART"
            yield _participant(code, people.practitioner(one.id), during)
    for recipient in scene.related:
        yield _participant("PART", people.related(recipient), None)


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
