"""What a seal says beside what the resources around it say: each difference, and what is not there."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mappings.fhir.elements import IDENTIFIERS, NPI, master_identifier
from mappings.fhir.people import NPI_FORM
from mappings.fhir.scene import scoped_key

Json = Mapping[str, Any]
# R4 instant and dateTime with time; more digits than a clock here keeps would be cut without a word.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
_TYPES = {"author": "1.2.840.10065.1.12.1.1"}
_STAFF = f"{IDENTIFIERS}/staff"
_VERIFIER = "1.2.840.10065.1.12.1.5"
_ADDENDUM = "1.2.840.10065.1.12.1.15"


@dataclass
class Remarks:
    """What is found while one signature is compared: what is wrong, and what cannot be told from the file."""

    wrong: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Beside:
    """The resources of the file, found by the references that resources make to each other."""

    by_reference: Mapping[str, Json]

    def of(self, reference: object) -> Json | None:
        """The resource that a Reference means, None where the file does not hold it."""
        target = _object(reference).get("reference")
        if not isinstance(target, str):
            return None
        return self.by_reference.get(target) or self.by_reference.get(target.split("/_history/")[0])

    def identifiers(self, reference: object, remarks: Remarks, who: str) -> list[list[Json]]:
        """The identifiers that a Reference gives itself, and those of the resource that it means."""
        own, found = _object(reference).get("identifier"), self.of(reference)
        target = _object(reference).get("reference")
        if isinstance(target, str) and target.startswith("urn:") and found is None:
            remarks.untold.append(f"{who}: {target} is not in the file")
        said: list[list[Json]] = [[own]] if isinstance(own, dict) else []
        theirs = _objects(found.get("identifier")) if found is not None else []
        return [*said, theirs] if theirs else said


def compare_signature(said: Json, provenance: Json, signature: Json, beside: Beside, found: Remarks) -> None:
    """Meaning, time and signer in the Provenance against the statement."""
    meant = _TYPES.get(said["meaning"], _VERIFIER)
    types = [each.get("code") for each in _objects(signature.get("type"))]
    if types != [meant] and (said["meaning"], types) != ("author", [meant, _ADDENDUM]):
        found.wrong.append(f"it was signed as {said['meaning']}, the signature's type says another meaning")
    for name, value in (("signature's time", signature.get("when")), ("record", provenance.get("recorded"))):
        if moment(value) != datetime.fromisoformat(said["at"]):
            found.wrong.append(f"it was signed at {said['at']}, the {name} says {value}")
    role = "author" if said["meaning"] == "author" else "verifier"
    agents = _objects(provenance.get("agent"))
    codes = [c.get("code") for one in agents for c in _objects(_object(one.get("type")).get("coding"))]
    if codes != [role]:
        found.wrong.append(f"it was signed as {said['meaning']}, the Provenance's agent is another")
    compare_signer(said, signature.get("who"), "the signature's signer", beside, found)
    for agent in agents:
        compare_signer(said, agent.get("who"), "the Provenance's agent", beside, found)


def compare_signer(said: Json, reference: object, which: str, beside: Beside, found: Remarks) -> None:
    """One reference to the signer against the statement."""
    sets = beside.identifiers(reference, found, which)
    comparable = [ids for each in sets if (ids := _comparable(each, said["signer"]))]
    own = _object(_object(reference).get("identifier"))
    if not comparable or (own and own.get("system") not in (_STAFF, NPI)):
        found.untold.append(f"whether {which} is {said['signer']}: the file gives no identifier to compare")
    for ids in comparable:
        if said["signer"] not in [one.get("value") for one in ids]:
            found.wrong.append(f"{said['signer']} signed, {which} is {ids[0].get('value')}")


def _comparable(ids: Iterable[Json], signer: str) -> list[Json]:
    """Of a person's identifiers the NPI and our own; an id that is no NPI cannot be compared with one."""
    known = (_STAFF, NPI) if NPI_FORM.fullmatch(signer) else (_STAFF,)
    return [one for one in ids if one.get("system") in known]


def compare_person(said: Json, reference: object, beside: Beside, found: Remarks) -> None:
    """The individual of a resource against the statement."""
    system, _, value = str(said["individual"]).rpartition("|")
    wanted = system or f"{IDENTIFIERS}/individual"
    sets = beside.identifiers(reference, found, "the individual")
    if not sets:
        found.untold.append(f"whether the individual is {value}: the file gives no identifier to compare")
    for ids in sets:
        values = [one.get("value") for one in ids if one.get("system") == wanted]
        if not values:
            found.untold.append(f"whether the individual is {value}: the file has no identifier of {wanted}")
        elif value not in values:
            found.wrong.append(f"it was signed for {value}, the individual here is {values[0]}")


def compare_note(said: Json, document: Json, beside: Beside, found: Remarks) -> None:
    """A DocumentReference but for its text against the statement: note, version, individual, signers."""
    key = f"{said['note']['id']}/note/{said['note']['version']}"
    values = [one.get("value") for one in _objects(document.get("identifier"))]
    master = document.get("masterIdentifier")
    if key not in values or (master is not None and master != master_identifier(key)):
        found.wrong.append(f"it is over {key}, which is not the note here ({', '.join(map(str, values))})")
    compare_person(said, document.get("subject"), beside, found)
    author = said["meaning"] == "author"
    named = _objects(document.get("author"))[:1] if author else [document.get("authenticator")]
    for one in named:
        compare_signer(said, one, "the note's author" if author else "the note's co-signer", beside, found)


def compare_service(said: Json, service: Json, beside: Beside, found: Remarks) -> None:
    """The ServiceRequest of a plan entry against the statement."""
    _, _, person = str(said["individual"]).rpartition("|")
    key = scoped_key(person, said["note"]["id"])
    values = [one.get("value") for one in _objects(service.get("identifier"))]
    if key not in values:
        found.wrong.append(f"it is over the plan entry {key}, which is not the one here ({values})")
    compare_person(said, service.get("subject"), beside, found)


def attachment_bytes(attachment: Json, found: Remarks) -> bytes | None:
    """The bytes of an attachment, where it holds any; what it says of size and digest is compared."""
    if "data" not in attachment:
        found.untold.append(f"the text at {attachment.get('url', 'another place')}: it is not in the file")
        return None
    data = canonical_base64(attachment["data"])
    if data is None:
        found.wrong.append("the text is not readable base64")
        return None
    digest = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
    size, hashed = attachment.get("size", len(data)), attachment.get("hash", digest)
    if str(size) != str(len(data)) or hashed != digest:
        found.wrong.append("the text is not of the size or digest that its attachment says")
    return data


def canonical_base64(value: object) -> bytes | None:
    """The bytes of a base64Binary; None where it is none, or is written otherwise than an encoder would."""
    try:
        data = base64.b64decode(str(value).encode("ascii"), validate=True)
    except ValueError:  # also of a character that is not ASCII
        return None
    return data if base64.b64encode(data).decode("ascii") == value else None


def moment(value: object) -> datetime | None:
    """A FHIR instant as an aware time; None for anything else."""
    text = str(value)
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
