"""The co-signature as a Task: asked for by the peer, done by the LPHA, its outcome the second Provenance."""

from __future__ import annotations

from mappings.fhir.elements import (
    Json,
    coding,
    concept,
    entry,
    full_url,
    identifier,
    lasting,
    local_coding,
    local_concept,
    narrative,
    present,
    stamp,
)
from mappings.fhir.scene import Scene, Signed

_COSIGN = lasting(
    concept(
        coding("http://hl7.org/fhir/CodeSystem/task-code", "approve", "Activate/approve the focal resource"),
        local_coding("task", "cosign-note"),
    )
)
_COSIGNATURE = lasting(concept(text="Co-signature"))


def task_entries(scene: Scene) -> list[Json]:
    """A completed Task for each co-signature on the version; none where only the author signed."""
    first = scene.signed[0]
    return [_entry(scene, one, first) for one in scene.signed if one.meaning != "author"]


def _entry(scene: Scene, one: Signed, first: Signed) -> Json:
    key = f"{scene.note_key}/{one.meaning}"
    who = identifier("task", key)
    return entry(full_url("task", key), _task(scene, one, first, who), who)


def _task(scene: Scene, one: Signed, first: Signed, who: Json) -> Json:
    return present(
        resourceType="Task",
        text=narrative("Co-signature of a peer support note", [("Done", stamp(one.at))]),
        identifier=[who],
        status="completed",
        businessStatus=local_concept("cosignature-status", "signed"),
        intent="order",
        code=_COSIGN,
        description="Co-sign the peer support note",
        focus=scene.note_reference,
        for_=scene.people.patient(),
        encounter=scene.visit,
        executionPeriod=present(end=stamp(one.at)),
        authoredOn=stamp(first.at),
        lastModified=stamp(one.at),
        requester=scene.people.practitioner(first.by),
        performerType=[local_concept("performer", "lpha")],
        owner=scene.people.practitioner(one.by),
        output=[{"type": _COSIGNATURE, "valueReference": scene.signature_reference(one)}],
    )
