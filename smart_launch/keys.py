"""Our own keys: made, shown in public, and used to sign who we are at a token endpoint."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, cast
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

Algorithm = Literal["ES384", "RS384"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The guide allows 300 s; Epic refuses exactly 300, so a minute is left for clocks that differ.
ASSERTION_SECONDS = 240

_PUBLIC_MEMBERS = {"ES384": ("kty", "crv", "x", "y"), "RS384": ("kty", "n", "e")}


@dataclass(frozen=True)
class ClientKey:
    """One private key of ours: id, algorithm and the private JWK as text (never shown by repr)."""

    kid: str
    alg: Algorithm
    private_jwk: str = field(repr=False)

    def to_json(self) -> str:
        """The key with its private part as JSON text, to be kept encrypted."""
        return json.dumps({"kid": self.kid, "alg": self.alg, "jwk": json.loads(self.private_jwk)})

    @staticmethod
    @lru_cache(maxsize=64)
    def from_json(text: str) -> "ClientKey":
        """The key that `to_json` wrote; raises ValueError when the text is not such a key."""
        try:
            stored = json.loads(text)
            key = ClientKey(stored["kid"], stored["alg"], json.dumps(stored["jwk"]))
            if not _jose_key(key).is_private:
                raise ValueError("the private part is missing")
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"This is not a stored client key: {type(error).__name__}.") from error
        return key


def new_client_key(alg: Algorithm = "ES384", kid: str | None = None) -> ClientKey:
    """A fresh key pair: P-384 for ES384, 3072 bits for RS384. Without a kid it is the key's thumbprint
    (RFC 7638)."""
    made: ECKey | RSAKey = ECKey.generate_key("P-384") if alg == "ES384" else RSAKey.generate_key(3072)
    return ClientKey(kid or made.thumbprint(), alg, json.dumps(made.as_dict(private=True)))


def algorithm_for(registered: Algorithm | None, stated: frozenset[str] | None) -> Algorithm:
    """The algorithm of a key for an EHR: the registered one; else ES384, or RS384 where the server states
    its algorithms and ES384 is not among them (SMART App Launch 2.2: servers know at least one of both)."""
    if registered is not None:
        return registered
    return "RS384" if stated and "ES384" not in stated and "RS384" in stated else "ES384"


def public_set(keys: Sequence[ClientKey]) -> dict[str, list[dict[str, Any]]]:
    """The JWK Set to publish: public members only, each key with kid, alg, use and key_ops
    (SMART App Launch 2.2, client-confidential-asymmetric)."""
    return {"keys": [_public(key) for key in keys]}


def new_jti() -> str:
    """A token id that has never been used before."""
    return str(uuid4())


def client_assertion(key: ClientKey, client_id: str, token_endpoint: str, now: datetime, jti: str) -> str:
    """The signed JWT that says who we are at this token endpoint, good for 240 s from `now` (aware), for one
    use: every call needs its own `jti` (SMART App Launch 2.2, client-confidential-asymmetric)."""
    issued = int(now.timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": token_endpoint,
        "iat": issued,
        "exp": issued + ASSERTION_SECONDS,
        "jti": jti,
    }
    header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
    return jwt.encode(header, claims, _jose_key(key), algorithms=[key.alg])


@lru_cache(maxsize=64)
def _jose_key(key: ClientKey) -> ECKey | RSAKey:
    make: Callable[[Any], Any] = {"ES384": ECKey.import_key, "RS384": RSAKey.import_key}[key.alg]
    return cast("ECKey | RSAKey", make(json.loads(key.private_jwk)))


def _public(key: ClientKey) -> dict[str, Any]:
    jwk = json.loads(key.private_jwk)
    members = {name: jwk[name] for name in _PUBLIC_MEMBERS[key.alg]}
    return {**members, "kid": key.kid, "alg": key.alg, "use": "sig", "key_ops": ["verify"]}
