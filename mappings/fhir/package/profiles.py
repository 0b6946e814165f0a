"""Our extensions and profiles: what in a resource of ours is always there, said as differentials.

Snapshots need the definitions that a profile builds on: see `snapshots`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mappings.fhir.carried import ABSENT, RECORDS, Carried, fields_of
from mappings.fhir.claim import TRACE
from mappings.fhir.elements import BASE, IDENTIFIERS, THO, Json, present
from mappings.fhir.package.heads import FHIR_VERSION, head
from mappings.fhir.signature import STATEMENT

_R4 = "http://hl7.org/fhir/StructureDefinition"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core"


@dataclass(frozen=True)
class Profile:
    """One of our profiles: what it builds on, and its elements with what each must be."""

    name: str
    kind: str
    base: str
    says: str
    elements: tuple[tuple[str, dict[str, Any]], ...]


def _kept(kind: str) -> dict[str, Any]:
    return {"min": 1, "short": f"{IDENTIFIERS}/{kind} and others", "mustSupport": True}


_ALWAYS: dict[str, Any] = {"min": 1, "mustSupport": True}
PROFILES = (
    Profile(
        "peer-contact",
        "Encounter",
        f"{_US_CORE}-encounter",
        "A contact of a peer support specialist, before or after an admission.",
        (
            ("Encounter.identifier", _kept("encounter")),
            ("Encounter.class", {**_ALWAYS, "short": "AMB, HH, FLD or VR; never PRENC"}),
            ("Encounter.type", {**_ALWAYS, "min": 2, "short": "the service, and the phase"}),
            ("Encounter.participant", _ALWAYS),
            ("Encounter.serviceProvider", _ALWAYS),
        ),
    ),
    Profile(
        "peer-note",
        "DocumentReference",
        f"{_US_CORE}-documentreference",
        "One version of a signed note of a peer, with its text as it was signed.",
        (
            ("DocumentReference.masterIdentifier", _ALWAYS),
            ("DocumentReference.identifier", {**_kept("note"), "min": 2}),
            ("DocumentReference.author", {**_ALWAYS, "max": "1"}),
            ("DocumentReference.custodian", _ALWAYS),
            ("DocumentReference.content", {**_ALWAYS, "max": "1"}),
            ("DocumentReference.content.attachment.hash", _ALWAYS),
        ),
    ),
    Profile(
        "peer-note-signature",
        "Provenance",
        f"{_US_CORE}-provenance",
        "A signature on one version of a note or plan entry: a co-signature is over the first one as well.",
        (
            ("Provenance.activity", _ALWAYS),
            ("Provenance.agent", {**_ALWAYS, "max": "1"}),
            ("Provenance.signature", {"max": "1", "mustSupport": True}),
        ),
    ),
    Profile(
        "peer-service",
        "ServiceRequest",
        f"{_US_CORE}-servicerequest",
        "A peer service in a treatment plan: planned, or targeted after an event.",
        (
            ("ServiceRequest.identifier", _kept("service")),
            ("ServiceRequest.intent", {"patternCode": "plan"}),
            ("ServiceRequest.code", _ALWAYS),
            ("ServiceRequest.performerType", _ALWAYS),
        ),
    ),
    Profile(
        "peer-claim",
        "Claim",
        f"{_R4}/Claim",
        "A claim for peer services; every unit of it is traced to one signed version of a note.",
        (
            ("Claim.identifier", _kept("claim")),
            ("Claim.use", {"patternCode": "claim"}),
            ("Claim.careTeam", _ALWAYS),
            ("Claim.diagnosis", _ALWAYS),
            ("Claim.item", _ALWAYS),
        ),
    ),
    Profile(
        "peer-cosignature",
        "Task",
        f"{_R4}/Task",
        "The co-signature that a note needs, asked for by the peer and done by a licensed practitioner.",
        (
            ("Task.identifier", _kept("task")),
            ("Task.code", _ALWAYS),
            ("Task.focus", _ALWAYS),
            ("Task.for", _ALWAYS),
        ),
    ),
)


def profiles() -> Iterator[Json]:
    """A StructureDefinition for each profile."""
    for one in PROFILES:
        elements = [{"id": one.kind, "path": one.kind}]
        elements += [{"id": path, "path": path, **said} for path, said in one.elements]
        yield _structure(one.name, one.kind, one.base, one.says, elements)


def extensions() -> Iterator[Json]:
    """A StructureDefinition for each extension of our own."""
    yield _extension(
        STATEMENT,
        "The statement that a signature is over, byte for byte",
        ["Signature"],
        [("Extension.value[x]", {"min": 1, "type": [{"code": "base64Binary"}]})],
    )
    for url, (title, context, carried) in RECORDS.items():
        yield _extension(url, title, [context], list(_carried(carried.values())), parts=1)
    yield _extension(
        TRACE,
        "Which version of which note units of a claim come from",
        ["Claim.item"],
        [*_part("note", "Identifier", f"{IDENTIFIERS}/note"), *_part("units", "positiveInt", "how many")],
        parts=2,
    )


def _carried(table: Iterable[Carried]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of an extension of a record, none of which must be there."""
    for one in table:
        path, field = f"Extension.extension:{one.name}", one.field
        yield path, {"sliceName": one.name, "min": 0, "max": "*" if field.repeats else "1", "short": _of(one)}
        yield f"{path}.url", {"fixedUri": one.name}
        if field.value is None:
            yield f"{path}.extension", {"min": 1}
        else:
            kind = field.value[0].lower() + field.value[1:]
            yield f"{path}.value[x]", {"min": 1, "type": [{"code": kind}]}
    path = f"Extension.extension:{ABSENT}"
    yield path, {"sliceName": ABSENT, "min": 0, "max": "*", "short": "a part that the record does not say"}
    yield f"{path}.url", {"fixedUri": ABSENT}
    yield f"{path}.value[x]", {"min": 1, "type": [{"code": "code"}]}


def _of(one: Carried) -> str:
    model = one.field.model
    inside = ", ".join(each.name for each in fields_of(model)) if model else ""
    return f"{one.name.replace('-', ' ')} of the record" + (f": {inside}" if inside else "")


def _part(name: str, kind: str, words: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"Extension.extension:{name}", {"sliceName": name, "min": 1, "max": "1", "short": words}),
        (f"Extension.extension:{name}.url", {"fixedUri": name}),
        (f"Extension.extension:{name}.value[x]", {"min": 1, "type": [{"code": kind}]}),
    ]


def _extension(
    url: str,
    title: str,
    contexts: list[str],
    parts_of: list[tuple[str, dict[str, Any]]],
    parts: int = 0,
) -> Json:
    slicing = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
    first = {"slicing": slicing, "min": parts} if parts else {"max": "0"}
    elements: list[Json] = [
        {"id": "Extension", "path": "Extension", "short": title},
        {"id": "Extension.extension", "path": "Extension.extension", **first},
    ]
    inside = [{"id": path, "path": _path(path), **said} for path, said in parts_of if ":" in path]
    outside = [{"id": path, "path": path, **said} for path, said in parts_of if ":" not in path]
    elements += [*inside, {"id": "Extension.url", "path": "Extension.url", "fixedUri": url}, *outside]
    if parts:
        elements.append({"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"})
    made = _structure(url.rsplit("/", 1)[-1], "Extension", f"{_R4}/Extension", f"{title}.", elements)
    return {**made, "context": [{"type": "element", "expression": each} for each in contexts]}


def _path(id_: str) -> str:
    return ".".join(part.partition(":")[0] for part in id_.split("."))


def _structure(name: str, kind: str, base: str, says: str, elements: list[Json]) -> Json:
    title = name.replace("-", " ").capitalize()
    return present(
        **head("StructureDefinition", name, title, says),
        fhirVersion=FHIR_VERSION,
        kind="complex-type" if kind == "Extension" else "resource",
        abstract=False,
        type=kind,
        baseDefinition=base,
        derivation="constraint",
        differential={"element": elements},
    )


# What Peerchart writes, and in which profile of ours where there is one.
WRITTEN = (
    *(
        "AuditEvent",
        "CarePlan",
        "Claim",
        "Condition",
        "Consent",
        "Coverage",
        "DocumentReference",
        "Encounter",
    ),
    *("EpisodeOfCare", "Goal"),
    *("Organization", "Patient", "Practitioner", "Provenance", "RelatedPerson", "ServiceRequest", "Task"),
)
_NO_IDENTIFIER = ("AuditEvent", "Provenance")
_READ = ("CarePlan", "Condition", "Coverage", "Encounter", "Patient", "Practitioner", "PractitionerRole")


def capability() -> Json:
    """The CapabilityStatement of Peerchart as a client: what it reads, and what it creates where it may."""
    says = "What Peerchart asks of a FHIR server: it writes what the server offers, and tells what it held."
    return {
        **head("CapabilityStatement", "peerchart-client", "Peerchart as a client", says),
        "kind": "requirements",
        "fhirVersion": FHIR_VERSION,
        "format": ["json", "xml"],
        "rest": [
            {
                "mode": "client",
                "security": {"service": [_smart()]},
                "resource": [_resource(each) for each in sorted({*WRITTEN, *_READ})],
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _smart() -> Json:
    system = f"{THO}/restful-security-service"
    return {"coding": [{"system": system, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}


def _resource(kind: str) -> Json:
    ours = [f"{BASE}/StructureDefinition/{one.name}" for one in PROFILES if one.kind == kind]
    codes = [*(("read", "search-type") if kind in _READ else ()), *(("create",) if kind in WRITTEN else ())]
    return present(
        type=kind,
        supportedProfile=ours,
        interaction=[{"code": each} for each in codes],
        conditionalCreate=True if kind in WRITTEN and kind not in _NO_IDENTIFIER else None,
    )
