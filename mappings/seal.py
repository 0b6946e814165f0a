"""The seal of a signature: a canonical statement of what was signed, and a detached JWS over it.

The statement (RFC 8785) names note, version, individual, programme, signer, meaning, time, the digest of the
text exactly as the signer was shown it, and the digest of the signature before it. So a seal cannot be moved
to another note, person or version, and it survives a server that rewrites resources.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mappings.records import Contact, Signature

if TYPE_CHECKING:
    # What makes and checks seals is imported where that is done: to write a Bundle without any needs none.
    from joserfc.jwk import ECKey

ALGORITHM = "ES256"
TEXT_TYPE = "text/plain; charset=utf-8"
STATEMENT_TYPE = "https://peerchart.example/signed-statement/1"
MEANINGS = ("author", "cosigner", "second-cosigner")


SECOND_STEPS = ("reauthorize", "pin")


class NotVerified(ValueError):
    """A seal that does not hold: the words say which part."""


@dataclass(frozen=True)
class SecondStep:
    """How the signer showed again who they are just before signing: `reauthorize` (a fresh sign-in at the
    EHR) or `pin`, and when (aware)."""

    method: str
    at: datetime


@dataclass(frozen=True)
class Seal:
    """One signature with its proof: meaning, signer's id, time, statement bytes and detached JWS."""

    meaning: str
    by: str
    at: datetime
    statement: bytes
    jws: str

    @property
    def subject(self) -> tuple[str, int]:
        """Id and version of what was signed, as the statement says; raises NotVerified for another text."""
        note = _read(self.statement)["note"]
        return str(note["id"]), int(note["version"])


def new_seal_key() -> dict[str, Any]:
    """A new private ES256 key as a JWK whose kid is its RFC 7638 thumbprint; seal keys serve nothing else."""
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    return dict(key.as_dict(private=True))


def public_jwk(key: Mapping[str, Any]) -> dict[str, Any]:
    """The public half of a seal key, for the published set; retired ones stay in it."""
    from joserfc.jwk import ECKey

    return dict(ECKey.import_key(dict(key)).as_dict(private=False))


def text_digest(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def jws_digest(value: str) -> str:
    """SHA-256 of a compact JWS, in hex: how a later signature names the one before it."""
    return hashlib.sha256(value.encode("ascii")).hexdigest()


def statement(
    *,
    note_id: str,
    version: int,
    individual: str,
    program: str,
    signer: str,
    meaning: str,
    at: datetime,
    sha256: str,
    earlier: str | None = None,
    media_type: str = TEXT_TYPE,
    second_step: SecondStep | None = None,
) -> bytes:
    """The statement of one signature as RFC 8785 bytes.

    `individual` is "system|id", `sha256` the hex digest of the text as shown, `earlier` the hex digest of the
    JWS that stands before this one on the same version, or None. Without a `second_step` the statement says
    nothing of one, as those of earlier years. Raises ValueError on an unknown meaning or second step, a
    blank part or a time without offset.
    """
    parts = {
        "note_id": note_id,
        "individual": individual,
        "program": program,
        "signer": signer,
        "text": sha256,
    }
    blank = [name for name, value in parts.items() if not value.strip()]
    if blank or meaning not in MEANINGS or at.tzinfo is None:
        raise ValueError(f"no statement from blank {blank}, meaning {meaning!r}, time {at}")
    said: dict[str, Any] = {
        "type": STATEMENT_TYPE,
        "note": {"id": note_id, "version": version},
        "individual": individual,
        "program": program,
        "signer": signer,
        "meaning": meaning,
        "at": at.isoformat(),
        "text": {"media_type": media_type, "sha256": sha256},
        "earlier": earlier,
    }
    if second_step is not None:
        said["second_step"] = _second_step(second_step)
    return _canonical(said)


def _canonical(said: Mapping[str, Any]) -> bytes:
    import rfc8785

    return rfc8785.dumps(dict(said))


def _second_step(step: SecondStep) -> dict[str, str]:
    if step.method not in SECOND_STEPS or step.at.tzinfo is None:
        raise ValueError(f"no statement from the second step {step.method!r} at {step.at}")
    return {"method": step.method, "at": step.at.isoformat()}


def statement_of(
    contact: Contact,
    signature: Signature,
    text: str,
    earlier: str | None = None,
    second_step: SecondStep | None = None,
) -> bytes:
    """The statement of a signature on a contact's version with the text as shown to this signer.

    `earlier` is the detached JWS of the signature before it, or None; `second_step` as `statement` takes it.
    Raises ValueError when signer, meaning, time or programme are missing.
    """
    if signature.at is None:
        raise ValueError("a signature has a time")
    return statement(
        note_id=contact.id,
        version=contact.version,
        individual=individual_token(contact.individual.identifier_system, contact.individual.id),
        program=contact.program.id if contact.program else "",
        signer=signature.by or "",
        meaning=signature.meaning or "",
        at=signature.at,
        sha256=text_digest(text),
        earlier=jws_digest(earlier) if earlier else None,
        second_step=second_step,
    )


def individual_token(system: str | None, value: str) -> str:
    """The individual as "system|id", the way a FHIR token search writes it."""
    return f"{system or ''}|{value}"


def seal(statement: bytes, key: Mapping[str, Any]) -> str:
    """The detached compact JWS (RFC 7515 appendix F) over the statement, ES256, with the key's kid."""
    from joserfc import jws
    from joserfc.jwk import ECKey

    private = ECKey.import_key(dict(key))
    header = {"alg": ALGORITHM, "kid": str(key["kid"])}
    return str(jws.detach_content(jws.serialize_compact(header, statement, private, [ALGORITHM])))


def verify(value: str, statement: bytes, public_jwks: Mapping[str, Any]) -> dict[str, Any]:
    """What the statement says, once the detached JWS over it holds under one of the public keys.

    Raises NotVerified when the JWS is malformed, its key unknown, its algorithm not ES256, a byte of it or of
    the statement has changed, or the statement is none of ours.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    header = _header(value)
    key = _key(public_jwks, header)
    try:
        jws.deserialize_compact(value, key, [ALGORITHM], payload=statement)
    except (JoseError, ValueError) as error:
        raise NotVerified(f"the signature does not fit the statement ({error})") from None
    return _read(statement)


def key_named(value: str) -> str:
    """The id of the key that a detached JWS names, unproven; raises NotVerified where it cannot be read."""
    return str(_header(value)["kid"])


def _header(value: str) -> dict[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        parts = value.split(".")
        if len(parts) != 3 or parts[1]:
            raise ValueError("not a detached compact JWS")
        # Base64url may carry spare bits in its last sign: two texts, one signature. Only one is ours.
        if any(_plain(part) != part for part in (parts[0], parts[2])):
            raise ValueError("its base64url is not the canonical one")
        header = jws.extract_compact(value.encode("ascii"), b"").headers()
    except (JoseError, ValueError) as error:
        raise NotVerified(f"the signature cannot be read ({error})") from None
    if header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
        raise NotVerified(f"the signature is not {ALGORITHM} with the id of its key")
    return dict(header)


def _plain(part: str) -> str:
    from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

    return urlsafe_b64encode(urlsafe_b64decode(part.encode("ascii"))).decode("ascii")


def _key(public_jwks: Mapping[str, Any], header: Mapping[str, Any]) -> ECKey:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    found = [key for key in public_jwks.get("keys", ()) if key.get("kid") == header["kid"]]
    if len(found) != 1:
        raise NotVerified(f"the key {header['kid']!r} is not among the published seal keys")
    try:
        return ECKey.import_key(dict(found[0]))
    except (JoseError, ValueError) as error:
        raise NotVerified(f"the published key {header['kid']!r} cannot be read ({error})") from None


def _read(statement: bytes) -> dict[str, Any]:
    try:
        said = json.loads(statement)
    except ValueError:
        raise NotVerified("what was signed is no statement") from None
    if not isinstance(said, dict) or said.get("type") != STATEMENT_TYPE or _canonical(said) != statement:
        raise NotVerified("what was signed is no statement of ours in canonical form")
    return said


__all__ = [
    "ALGORITHM",
    "MEANINGS",
    "TEXT_TYPE",
    "NotVerified",
    "Seal",
    "SecondStep",
    "individual_token",
    "jws_digest",
    "key_named",
    "new_seal_key",
    "public_jwk",
    "seal",
    "statement",
    "statement_of",
    "text_digest",
    "verify",
]
