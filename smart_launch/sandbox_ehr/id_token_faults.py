"""What may be wrong with an id_token: its claims, its header, its signature, its fhirUser."""

import base64
import hashlib
import hmac
import json
import uuid
from typing import Any

from joserfc import jwt

from .fault_catalogue import KINDS
from .faults import Fault
from .sandbox import Ehr
from .signing_keys import SigningKeys, generated
from .store import Window
from .striking import strike

_CLAIMS = tuple(kind for kind in KINDS.values() if kind.place == "id_token" and kind.member)


def spoiled(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the claims with every planned fault in them."""
    changed = dict(claims)
    for kind in _CLAIMS:
        if (fault := strike(kind.name)) and kind.member:
            changed[kind.member] = fault["value"]
    if strike("extra-audience"):
        changed["aud"] = [claims["aud"], "another-client"]
    _in_time(changed)
    return {name: value for name, value in changed.items() if value is not None}


def _in_time(claims: dict[str, Any]) -> None:
    now = claims["iat"]
    if strike("expired-id-token"):
        claims |= {"iat": now - 7200, "exp": now - 3600}
    if strike("future-id-token"):
        claims |= {"iat": now + 3600, "nbf": now + 3600, "exp": now + 7200}
    if fault := strike("stale-sign-in"):
        claims["auth_time"] = now - int(fault["hours"] * 3600)


def fhir_user(ehr: Ehr, user: str) -> str | None:
    """Return fhirUser: the absolute address of the Practitioner, or what a planned fault makes of it."""
    fault = strike("fhir-user")
    person = f"Practitioner/prac-{user}"
    base = ehr.config.fhir_base
    forms = {
        "relative": person,
        "missing": None,
        "related-person": f"{base}/RelatedPerson/{_first_related(ehr)}",
        "patient": f"{base}/Patient/pat-moss",
        "practitioner-role": f"{base}/PractitionerRole/role-{user}",
        "other-host": f"https://elsewhere.example/fhir/{person}",
        "nonsense": "javascript:alert(1)",
    }
    return forms.get(fault["form"], f"{base}/{person}") if fault else f"{base}/{person}"


def _first_related(ehr: Ehr) -> str:
    found = ehr.store.find("RelatedPerson", (), Window(count=1))
    return found[0].id if found else "rel-unknown"


def signed(keys: SigningKeys, claims: dict[str, Any]) -> str:
    """Return the id_token, signed by the current key or as a planned fault has it."""
    if rotation := strike("rotated-keys"):
        keys.rotate(overlap=rotation["overlap"])
    key, algorithm = keys.current(), keys.algorithm
    if strike("alg-none"):
        return _compact({"alg": "none", "typ": "JWT"}, claims, b"")
    if fault := strike("hs256-with-public-key"):
        return _with_public_key(key, fault, claims)
    header = {"alg": algorithm, "kid": key.kid, "typ": "JWT"}
    header, key = _in_header(header, key, algorithm)
    return jwt.encode(header, claims, key, algorithms=[algorithm], registry=None)


def _in_header(header: dict[str, Any], key: Any, algorithm: str) -> tuple[dict[str, Any], Any]:
    if strike("unknown-kid"):
        header["kid"] = f"unknown-{uuid.uuid4()}"
    if strike("no-kid"):
        del header["kid"]
    if strike("bad-signature"):
        key = generated(algorithm)
    if strike("embedded-key"):
        key = generated(algorithm)
        header |= {"jwk": key.as_dict(private=False), "jku": "http://127.0.0.1:9/jwks.json", "kid": key.kid}
    return header, key


def _with_public_key(key: Any, fault: Fault, claims: dict[str, Any]) -> str:
    secret = key.as_pem(private=False)
    if fault["form"] == "jwk":
        secret = json.dumps(key.as_dict(private=False)).encode()
    header = {"alg": "HS256", "kid": key.kid, "typ": "JWT"}
    return _compact(header, claims, secret)


def _compact(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """Return a token as RFC 7515 writes it, signed by HMAC, or unsigned without a secret.

    By hand, because a JOSE library refuses both.
    """
    parts = (_encoded(json.dumps(one).encode()) for one in (header, claims))
    unsigned = ".".join(parts)
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest() if secret else b""
    return f"{unsigned}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
