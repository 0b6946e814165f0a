"""The note as a DocumentReference (US Core): the only thing every EHR takes, so it stands for itself."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime

from mappings.fhir.beyond import contact_extension
from mappings.fhir.elements import (
    LOINC,
    THO,
    Json,
    coding,
    concept,
    entry,
    filled,
    full_url,
    identifier,
    lasting,
    logical,
    master_identifier,
    narrative,
    present,
    stamp,
    term_concept,
)
from mappings.fhir.scene import Scene
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


def note_entry(scene: Scene) -> Json:
    """The DocumentReference of this version with its text, author, co-signer and the visit."""
    who = identifier("note", scene.note_key)
    return entry(full_url("note", scene.note_key), _document(scene, who), who)


def _document(scene: Scene, who: Json) -> Json:
    contact, signed = scene.contact, scene.signed
    checker = next((one for one in signed if one.meaning != "author"), None)
    return present(
        resourceType="DocumentReference",
        text=narrative("Peer support note", [("Date", str(scene.day)), ("Version", str(contact.version))]),
        extension=contact_extension(scene),
        masterIdentifier=master_identifier(scene.note_key),
        identifier=[who, identifier("note-series", contact.id)],
        status="current",
        docStatus="final",
        type=TYPE,
        category=[CATEGORY],
        subject=scene.people.patient(),
        date=stamp(max(one.at for one in signed)),
        author=[scene.people.practitioner(signed[0].by)],
        authenticator=scene.people.practitioner(checker.by) if checker else None,
        custodian=scene.people.organization(),
        relatesTo=_relation(scene),
        description="Peer support note",
        securityLabel=[RESTRICTED],
        content=[
            {"attachment": attachment(scene.text, f"Peer support note of {scene.day}", scene.signed[0].at)}
        ],
        context=present(encounter=[scene.visit], period=scene.during, related=_minutes(scene)),
    )


def _minutes(scene: Scene) -> list[Json]:
    """The team's minutes that carry the rationale of an ad hoc contact, by the name they have there."""
    minutes = scene.service.rationale_ref
    if minutes is None or not filled(minutes.id):
        return []
    on = f" of {minutes.on}" if minutes.on else ""
    return [logical("DocumentReference", identifier("meeting", str(minutes.id)), f"Team minutes{on}")]


def attachment(text: str, title: str, created: datetime) -> Json:
    """A signed text as the bytes that were signed."""
    data = text.encode("utf-8")
    # R4 says SHA-1 for Attachment.hash; what proves the text is the SHA-256 in the seal.
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return {
        "contentType": TEXT_TYPE,
        "language": "en-US",
        "data": base64.b64encode(data).decode("ascii"),
        "size": len(data),
        "hash": base64.b64encode(digest).decode("ascii"),
        "title": title,
        "creation": stamp(created),
    }


def _relation(scene: Scene) -> list[Json]:
    relation = scene.contact.relates_to
    other = filled(relation.id) if relation else None
    if relation is None or other is None or relation.how not in _HOW:
        return []
    # The other note's version is not known here; every version carries the identifier of its series.
    return [{"code": relation.how, "target": logical("DocumentReference", identifier("note-series", other))}]
