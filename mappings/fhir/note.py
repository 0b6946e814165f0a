"""The note as a DocumentReference (US Core): the only thing every EHR takes, so it stands for itself."""

from __future__ import annotations

from operator import attrgetter

from mappings.fhir.beyond import contact_extension
from mappings.fhir.elements import (
    LOINC,
    THO,
    Json,
    coding,
    concept,
    entry,
    filled,
    identifier,
    lasting,
    logical,
    master_identifier,
    narrative,
    present,
    term_concept,
)
from mappings.fhir.scene import Scene, as_attached
from mappings.seal import TEXT_TYPE

# No LOINC names a peer support note; the group counselling code belongs to psychiatry.
TYPE = lasting(
    concept(
        coding(LOINC, "34904-3", "Mental health Progress note"),
        coding(LOINC, "11506-3", "Progress note"),
        text="Peer support note",
    )
)
CATEGORY = lasting(
    concept(
        coding("http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note")
    )
)
RESTRICTED = term_concept(f"{THO}/v3-Confidentiality", "R", "restricted")
_HOW = ("appends", "replaces")
_at = attrgetter("at")


def note_entry(scene: Scene) -> Json:
    """The DocumentReference of this version with its text, author, co-signer and the visit."""
    contact, signed, people = scene.contact, scene.signed, scene.people
    checker = next((one for one in signed if one.meaning != "author"), None)
    who, title = identifier("note", scene.note_key), f"Peer support note of {scene.on}"
    resource = present(
        resourceType="DocumentReference",
        text=narrative("Peer support note", [("Date", scene.on), ("Version", str(contact.version))]),
        extension=contact_extension(scene),
        masterIdentifier=master_identifier(scene.note_key),
        identifier=[who, identifier("note-series", contact.id)],
        status="current",
        docStatus="final",
        type=TYPE,
        category=[CATEGORY],
        subject=people.patient(),
        date=max(signed, key=_at).when,
        author=[people.practitioner(signed[0].by)],
        authenticator=people.practitioner(checker.by) if checker else None,
        custodian=people.organization(),
        relatesTo=_relation(scene),
        description="Peer support note",
        securityLabel=[RESTRICTED],
        content=[{"attachment": _attachment(*scene.attached, title, signed[0].when)}],
        context=present(encounter=[scene.visit], period=dict(scene.during), related=_minutes(scene)),
    )
    return entry(scene.note_reference["reference"], resource, who)


def _minutes(scene: Scene) -> list[Json]:
    """The team's minutes that carry the rationale of an ad hoc contact, by the name they have there."""
    minutes = scene.service.rationale_ref
    if minutes is None or not filled(minutes.id):
        return []
    on = f" of {minutes.on}" if minutes.on else ""
    return [logical("DocumentReference", identifier("meeting", str(minutes.id)), f"Team minutes{on}")]


def attachment(text: str, title: str, created: str) -> Json:
    """A signed text as the bytes that were signed, and when."""
    return _attachment(*as_attached(text), title, created)


def _attachment(data: str, size: int, digest: str, title: str, created: str) -> Json:
    return {
        "contentType": TEXT_TYPE,
        "language": "en-US",
        "data": data,
        "size": size,
        "hash": digest,
        "title": title,
        "creation": created,
    }


def _relation(scene: Scene) -> list[Json]:
    relation = scene.contact.relates_to
    other = filled(relation.id) if relation else None
    if relation is None or other is None or relation.how not in _HOW:
        return []
    # The other note's version is not known here; every version carries the identifier of its series.
    return [{"code": relation.how, "target": logical("DocumentReference", identifier("note-series", other))}]
