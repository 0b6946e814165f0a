"""The note as a DocumentReference (US Core): the only thing every EHR takes, so it stands for itself."""

from __future__ import annotations

import base64
import hashlib
from operator import attrgetter
from typing import NamedTuple

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
    narrated,
    narrative_lines,
    present,
    quoted,
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
_at = attrgetter("at")


class Written(NamedTuple):
    """All that differs from one note to the next."""

    url: str
    name: str
    query: str
    lines: str | None
    day: str
    extension: list[Json] | None
    document: str
    series: str
    subject: Json
    date: str
    author: Json
    authenticator: Json | None
    custodian: Json
    relates_to: list[Json] | None
    data: str
    size: int
    hash: str
    signed: str
    visit: Json
    start: str | None
    end: str | None
    minutes: list[Json] | None


def note_entry(scene: Scene) -> Json:
    """The DocumentReference of this version with its text, author, co-signer and the visit."""
    contact, signed, people, during = scene.contact, scene.signed, scene.people, scene.during
    day = str(scene.day)
    checker = next((one for one in signed if one.meaning != "author"), None)
    return _laid_out(
        Written(
            scene.note_reference["reference"],
            scene.note_key,
            quoted(scene.note_key),
            narrative_lines([("Date", day), ("Version", str(contact.version))]) or None,
            day,
            contact_extension(scene) or None,
            master_identifier(scene.note_key)["value"],
            contact.id,
            people.patient(),
            max(signed, key=_at).when,
            people.practitioner(signed[0].by),
            people.practitioner(checker.by) if checker else None,
            people.organization(),
            _relation(scene) or None,
            *_bytes_of(scene.text),
            signed[0].when,
            scene.visit,
            during.get("start"),
            during.get("end"),
            _minutes(scene) or None,
        )
    )


def _laid_out(of: Written) -> Json:
    who = identifier("note", of.name)
    resource = present(
        resourceType="DocumentReference",
        text=narrated("Peer support note", of.lines),
        extension=of.extension,
        masterIdentifier={"system": "urn:ietf:rfc:3986", "value": of.document},
        identifier=[who, identifier("note-series", of.series)],
        status="current",
        docStatus="final",
        type=TYPE,
        category=[CATEGORY],
        subject=of.subject,
        date=of.date,
        author=[of.author],
        authenticator=of.authenticator,
        custodian=of.custodian,
        relatesTo=of.relates_to,
        description="Peer support note",
        securityLabel=[RESTRICTED],
        content=[
            {
                "attachment": _attachment(
                    of.data, of.size, of.hash, f"Peer support note of {of.day}", of.signed
                )
            }
        ],
        context=present(encounter=[of.visit], period=present(start=of.start, end=of.end), related=of.minutes),
    )
    return entry(of.url, resource, who, of.query)


def _minutes(scene: Scene) -> list[Json]:
    """The team's minutes that carry the rationale of an ad hoc contact, by the name they have there."""
    minutes = scene.service.rationale_ref
    if minutes is None or not filled(minutes.id):
        return []
    on = f" of {minutes.on}" if minutes.on else ""
    return [logical("DocumentReference", identifier("meeting", str(minutes.id)), f"Team minutes{on}")]


def attachment(text: str, title: str, created: str) -> Json:
    """A signed text as the bytes that were signed, and when."""
    return _attachment(*_bytes_of(text), title, created)


def _bytes_of(text: str) -> tuple[str, int, str]:
    """The bytes of a text, how many, and their digest, as an Attachment has them."""
    data = text.encode("utf-8")
    # R4 says SHA-1 for Attachment.hash; what proves the text is the SHA-256 in the seal.
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return base64.b64encode(data).decode("ascii"), len(data), base64.b64encode(digest).decode("ascii")


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
