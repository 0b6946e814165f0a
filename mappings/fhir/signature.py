"""Each signature as a Provenance with its seal, and the proof read back from Provenance and note alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mappings import seal as seals
from mappings.fhir.care_plan import PlanSignature, service_reference
from mappings.fhir.elements import (
    EXTENSIONS,
    NPI,
    THO,
    Json,
    coding,
    entry,
    full_url,
    narrative,
    present,
    stamp,
    term_concept,
)
from mappings.fhir.people import NPI_FORM, People
from mappings.fhir.scene import Scene, Signed
from mappings.seal import NotVerified, Seal

STATEMENT = f"{EXTENSIONS}/signed-statement"
SIGNATURE_TYPES = "urn:iso-astm:E1762-95:2013"
_AUTHOR = coding(SIGNATURE_TYPES, "1.2.840.10065.1.12.1.1", "Author's Signature")
# Verification is the countersignature; CDex asks for it in every signature of a verifier.
_VERIFIER = coding(SIGNATURE_TYPES, "1.2.840.10065.1.12.1.5", "Verification Signature")
# What its author signs beside: that it is added to a note that was signed before.
ADDENDUM = coding(SIGNATURE_TYPES, "1.2.840.10065.1.12.1.15", "Addendum Signature")
# In which part, and by doing what.
_AS_AUTHOR = (
    term_concept(f"{THO}/provenance-participant-type", "author", "Author"),
    term_concept(f"{THO}/v3-DataOperation", "CREATE", "create"),
)
_AS_VERIFIER = (
    term_concept(f"{THO}/provenance-participant-type", "verifier", "Verifier"),
    term_concept(f"{THO}/v3-ParticipationType", "VRF", "verifier"),
)
_WORDS = {
    "author": "Signed by the author",
    "cosigner": "Co-signed",
    "second-cosigner": "Co-signed a second time",
}


def signature_entries(scene: Scene) -> list[Json]:
    """One Provenance for each signature on the version, in order; a co-signer's names the author's too.

    Provenance has no identifier, so a resend could double it: send these only with a new DocumentReference,
    or search target and recorded first.
    """
    first = scene.signed[0]
    return [_entry(scene, one, first) for one in scene.signed]


def plan_signature_entry(plan: Json, signed: PlanSignature, people: People) -> Json:
    """The Provenance of one signature on one entry of a plan: on its ServiceRequest, and on the CarePlan."""
    one = Signed(signed.meaning, signed.by, signed.at, signed.seal)
    service = service_reference(signed.entry)
    key = f"{service['reference']}|{one.meaning}|{one.by}|{one.in_utc}"
    return _provenance(one, full_url("provenance", key), [service, plan], people)


def _entry(scene: Scene, one: Signed, first: Signed) -> Json:
    before = [] if one.meaning == "author" else [scene.signature_reference(first)]
    url = scene.signature_reference(one)["reference"]
    return _provenance(one, url, [scene.note_reference, *before], scene.people)


def _provenance(one: Signed, url: str, target: list[Json], people: People) -> Json:
    author = one.meaning == "author"
    who = people.practitioner(one.by)
    kind, activity = _AS_AUTHOR if author else _AS_VERIFIER
    said = [("Meaning", _WORDS.get(one.meaning, one.meaning)), ("Time", one.when)]
    resource = present(
        resourceType="Provenance",
        text=narrative("Signature", said),
        target=target,
        recorded=one.when,
        activity=activity,
        agent=[{"type": kind, "who": who, "onBehalfOf": people.organization()}],
        signature=[_signature(one.seal, author, who)] if one.seal else None,
    )
    return entry(url, resource, None)


def _signature(seal: Seal, author: bool, who: Json) -> Json:
    # Base64, not text: what was signed must come back byte for byte from any server.
    said = base64.b64encode(seal.statement).decode("ascii")
    return {
        "extension": [{"url": STATEMENT, "valueBase64Binary": said}],
        "type": [_AUTHOR if author else _VERIFIER],
        "when": stamp(seal.at),
        "who": who,
        "targetFormat": seals.TEXT_TYPE,
        "sigFormat": "application/jose",
        "data": base64.b64encode(seal.jws.encode("ascii")).decode("ascii"),
    }


def addendum_signature_entry(note: Json, key: str, seal: Seal, people: People) -> Json:
    """The Provenance of the signature on an addendum: `note` refers to it, `key` is its business id."""
    one = Signed(seal.meaning, seal.by, seal.at, seal)
    who = f"{key}|{one.meaning}|{one.by}|{one.in_utc}"
    made = _provenance(one, full_url("provenance", who), [note], people)
    made["resource"]["signature"][0]["type"].append(dict(ADDENDUM))
    return made


def seal_of(provenance: Mapping[str, Any]) -> tuple[str, bytes]:
    """The detached JWS and the statement a Provenance carries; raises NotVerified where one is missing."""
    for signature in provenance.get("signature", ()):
        for extension in signature.get("extension", ()):
            if extension.get("url") == STATEMENT:
                return _ascii(signature.get("data")), _bytes(extension.get("valueBase64Binary"))
    raise NotVerified("the Provenance carries no seal of ours")


def verify_signature(
    provenance: Mapping[str, Any],
    document: Mapping[str, Any],
    public_jwks: Mapping[str, Any],
    earlier: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a Provenance's seal says, once it holds for this DocumentReference.

    Checked: the JWS, the digest and media type of the note's text, the note's id and version, the individual
    where the reference says who, signer, meaning and time, and for a co-signature the `earlier` Provenance.
    Raises NotVerified with what does not fit.
    """
    value, statement = seal_of(provenance)
    said = seals.verify(value, statement, public_jwks)
    _same_note(said, document)
    _same_signature(said, provenance["signature"][0])
    if earlier is not None and said["earlier"] != seals.jws_digest(seal_of(earlier)[0]):
        raise NotVerified("the signature stands on another signature than the one before it")
    return said


def _same_note(said: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    attachment = (document.get("content") or [{}])[0].get("attachment") or {}
    key = f"{said['note']['id']}/note/{said['note']['version']}"
    if key not in [each.get("value") for each in document.get("identifier", ())]:
        raise NotVerified(f"the signature is on {key}, which is not this note")
    digest = hashlib.sha256(_bytes(attachment.get("data"))).hexdigest()
    if digest != said["text"]["sha256"] or attachment.get("contentType") != said["text"]["media_type"]:
        raise NotVerified("the text of the note is not the text that was signed")
    person = (document.get("subject") or {}).get("identifier")
    if person and not said["individual"].endswith(f"|{person.get('value')}"):
        raise NotVerified("the signature is on a note of another person")


def _same_signature(said: Mapping[str, Any], signature: Mapping[str, Any]) -> None:
    meant = _AUTHOR if said["meaning"] == "author" else _VERIFIER
    types = [each.get("code") for each in signature.get("type", ())]
    if types not in ([meant["code"]], [meant["code"], ADDENDUM["code"]]):
        raise NotVerified(f"the signature means {said['meaning']}, the Provenance says something else")
    if _moment(signature.get("when")) != datetime.fromisoformat(said["at"]):
        raise NotVerified(f"the signature is of {said['at']}, the Provenance says {signature.get('when')}")
    signer = (signature.get("who") or {}).get("identifier") or {}
    # A staff id that is no NPI cannot be compared with an NPI; who signed is then what the statement says.
    comparable = signer.get("system") != NPI or NPI_FORM.fullmatch(said["signer"])
    if signer and comparable and signer.get("value") != said["signer"]:
        raise NotVerified("the signature is another person's than the Provenance says")


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return None


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except ValueError:
        raise NotVerified("the signature or the note is not readable base64") from None


def _ascii(value: Any) -> str:
    try:
        return _bytes(value).decode("ascii")
    except UnicodeDecodeError:
        raise NotVerified("the signature is no compact JWS") from None
