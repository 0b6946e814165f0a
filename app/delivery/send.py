"""One step over the wire: look for it, send it, and read the EHR's ids out of the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from app.delivery.looking import MOST_AT_ONCE, OfSomebodyElse, Several, line_that_stands, whole
from app.delivery.plan import Json, Step
from smart_launch.fhir_client import FhirClient, OutcomeUnknown

# Which record and whose: what a mark is found by, and never changes.
_NOT_MARKED = frozenset({"resourceType", "identifier", "subject", "for", "patient"})


@dataclass(frozen=True)
class Stands:
    """One resource in the EHR: its fullUrl here, its reference there (`Type/id`), its version, and whether
    this delivery made it."""

    full_url: str
    reference: str
    version: str | None
    made: bool

    def to_json(self) -> dict[str, Any]:
        """For the outbox's result."""
        return {
            "full_url": self.full_url,
            "reference": self.reference,
            "version": self.version,
            "made": self.made,
        }


__all__ = ["OfSomebodyElse", "Several", "Stands", "look", "send"]


def send(client: FhirClient, step: Step, body: bytes, request_id: str) -> list[Stands]:
    """Bring one step into the EHR once: what is not safe to repeat is looked for first. Raises FhirTrouble
    and Several."""
    if step.way == "transaction":
        return _transaction(client, body, request_id)
    if step.way == "upsert":
        return [_upsert(client, step, body, request_id)]
    if step.way == "mark":
        return _mark(client, step, body, request_id)
    if not step.conditional and (found := look(client, step, body, request_id)):
        return found
    return [_create(client, step, body, request_id)]


def look(client: FhirClient, step: Step, body: bytes, request_id: str) -> list[Stands] | None:
    """What already stands in the EHR of this step, None when nothing does: for a transaction all of its
    resources that have an identifier, since it is stored whole or not at all. Raises FhirTrouble, Several."""
    if step.way == "transaction":
        return _look_for_bundle(client, step, body, request_id)
    if step.way == "mark":
        # It looks before it changes anything, each time.
        return None
    sent = json.loads(body)
    if step.way == "attest":
        found = _attestation(client, step.by, sent, request_id)
    elif step.way == "append":
        found = line_that_stands(client, step.by, sent, request_id)
    else:
        found = _one(client, sent, step.find, request_id, step.by)
    return None if found is None else [_stands(step.full_url, found)]


def _transaction(client: FhirClient, body: bytes, request_id: str) -> list[Stands]:
    answer = client.transaction(body, request_id=request_id)
    sent = json.loads(body)["entry"]
    came = (answer.body or {}).get("entry")
    if not isinstance(came, list) or len(came) != len(sent):
        raise OutcomeUnknown("The EHR's answer does not fit the Bundle that was sent.", request_id=request_id)
    return [_of_entry(one, back, request_id) for one, back in zip(sent, came, strict=True)]


def _of_entry(sent: Json, back: Mapping[str, Any], request_id: str) -> Stands:
    response = back.get("response") or {}
    status = str(response.get("status", ""))
    parts = str(response.get("location", "")).split("/_history/")
    tail = parts[0].split("/")[-2:]
    if not status.startswith("2") or len(tail) != 2 or tail[0] != sent["resource"]["resourceType"]:
        words = f"The EHR's answer to the {sent['resource']['resourceType']} of the Bundle cannot be read."
        raise OutcomeUnknown(words, request_id=request_id)
    version = parts[1] if len(parts) == 2 else None
    return Stands(sent["fullUrl"], "/".join(tail), version, status.startswith("201"))


def _look_for_bundle(client: FhirClient, step: Step, body: bytes, request_id: str) -> list[Stands] | None:
    entries = json.loads(body)["entry"]
    anchor = next(one["resource"] for one in entries if one["fullUrl"] == step.full_url)
    if _one(client, anchor, step.find, request_id) is None:
        return None
    stands = []
    for entry in entries:
        find = str(entry.get("request", {}).get("ifNoneExist") or "")
        found = _one(client, entry["resource"], find, request_id) if find else None
        if found is not None:
            stands.append(_stands(entry["fullUrl"], found))
    return stands


def _upsert(client: FhirClient, step: Step, body: bytes, request_id: str) -> Stands:
    found = _one(client, json.loads(body), step.find, request_id, step.by)
    if found is None:
        return _create(client, step, body, request_id)
    place = f"{step.resource_type}/{found['id']}"
    if _says_the_same(json.loads(body), found):
        return _stands(step.full_url, found)
    changed = json.dumps({**json.loads(body), "id": found["id"]}, ensure_ascii=False, separators=(",", ":"))
    version = (found.get("meta") or {}).get("versionId")
    answer = client.update(place, changed.encode(), request_id=request_id, if_match=version)
    return Stands(step.full_url, place, answer.version_id, made=False)


def _mark(client: FhirClient, step: Step, body: bytes, request_id: str) -> list[Stands]:
    """Change the elements that the body names in every resource of ours under the identifier, and no other;
    the rest stays as the EHR holds it. What was never taken stays away."""
    said = json.loads(body)
    wanted = {name: value for name, value in said.items() if name not in _NOT_MARKED}
    found = _search(client, said, step.find, request_id, step.by)
    ours = [one for one in found if _carries(one, step.find) and not (step.but and _has(one, step.but))]
    for one in ours:
        _refuse_another_persons(one, said)
    return [_marked(client, step, one, wanted, request_id) for one in ours]


def _marked(client: FhirClient, step: Step, found: Json, wanted: Json, request_id: str) -> Stands:
    place = f"{step.resource_type}/{found['id']}"
    if _says_the_same(wanted, found):
        return _stands(step.full_url, found)
    version = (found.get("meta") or {}).get("versionId")
    changed = json.dumps({**found, **wanted}, ensure_ascii=False, separators=(",", ":"))
    answer = client.update(place, changed.encode(), request_id=request_id, if_match=version)
    return Stands(step.full_url, place, answer.version_id, made=False)


def _says_the_same(ours: Json, theirs: Json) -> bool:
    content = {name: value for name, value in ours.items() if name != "meta"}
    return _labels(ours) <= _labels(theirs) and all(
        theirs.get(name) == said for name, said in content.items()
    )


def _labels(resource: Json) -> set[tuple[str, str]]:
    # A server writes version and time beside the labels, and HAPI puts these into an order of its own.
    listed = (resource.get("meta") or {}).get("security", ())
    return {(str(one.get("system")), str(one.get("code"))) for one in listed}


def _create(client: FhirClient, step: Step, body: bytes, request_id: str) -> Stands:
    condition = step.find if step.conditional else None
    answer = client.create(step.resource_type, body, request_id=request_id, if_none_exist=condition)
    return Stands(step.full_url, str(answer.location), answer.version_id, answer.status == 201)


def _one(client: FhirClient, sent: Json, find: str, request_id: str, by: str = "identifier") -> Json | None:
    if not find:
        return None
    resource_type = sent["resourceType"]
    ours = [one for one in _search(client, sent, find, request_id, by) if _carries(one, find)]
    if len(ours) > 1:
        names = ", ".join(f"{resource_type}/{one.get('id')}" for one in ours)
        raise Several(
            f"The EHR holds this record {len(ours)} times ({names}). Have all but one marked as entered in "
            "error there, then send again."
        )
    if ours:
        _refuse_another_persons(ours[0], sent)
    return ours[0] if ours else None


def _search(client: FhirClient, sent: Json, find: str, request_id: str, by: str) -> Sequence[Json]:
    """What stands there under the identifier or, where the EHR cannot be asked so, everything of this type of
    the person that the record is about. Raises TooMany where that does not come to an end."""
    asked = parse_qsl(find)
    if by != "identifier":
        asked = [(by, whose) for whose in sorted(_whose(sent))[:1]] + [("_count", MOST_AT_ONCE)]
    return whole(client, sent["resourceType"], asked, request_id)


def _refuse_another_persons(found: Json, sent: Json) -> None:
    if _whose(found) - _whose(sent) and _whose(sent):
        raise OfSomebodyElse(
            f"{found['resourceType']}/{found.get('id')} in the EHR carries the identifier of this record but "
            "is another person's. Nothing of it was changed. Have the two people's record numbers looked at."
        )


def _whose(resource: Json) -> set[str]:
    """The Patient the resource is about, as "Patient/id"."""
    parts = (resource.get(part) for part in ("subject", "patient", "for"))
    named = (str(one.get("reference", "")) for one in parts if isinstance(one, dict))
    return {"/".join(one.split("/_history/")[0].split("/")[-2:]) for one in named if "Patient/" in one}


def _carries(resource: Json, find: str) -> bool:
    # A server that does not know the parameter answers with everything it has: believe the content only.
    return _has(resource, dict(parse_qsl(find)).get("identifier"))


def _has(resource: Json, wanted: str | None) -> bool:
    identifiers = resource.get("identifier") or []
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    return any(f"{one.get('system', '')}|{one.get('value', '')}" == wanted for one in listed)


def _attestation(client: FhirClient, by: str, ours: Json, request_id: str) -> Json | None:
    target = next((t["reference"] for t in ours.get("target", ()) if "reference" in t), "")
    if not target or target.startswith("urn:"):
        return None
    found = whole(client, "Provenance", [(by, target)], request_id)
    return next((one for one in found if _same_signature(ours, one)), None)


def _same_signature(ours: Json, theirs: Json) -> bool:
    mine, other = _signature_data(ours), _signature_data(theirs)
    if mine and other:
        return mine == other
    return bool(ours.get("recorded") == theirs.get("recorded") and _agents(ours) == _agents(theirs))


def _signature_data(provenance: Json) -> Sequence[str]:
    return [str(one.get("data")) for one in provenance.get("signature", ()) if one.get("data")]


def _agents(provenance: Json) -> Sequence[str]:
    return [str((agent.get("who") or {}).get("reference")) for agent in provenance.get("agent", ())]


def _stands(full_url: str, found: Json) -> Stands:
    version = (found.get("meta") or {}).get("versionId")
    return Stands(full_url, f"{found['resourceType']}/{found['id']}", version, made=False)
