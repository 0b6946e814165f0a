"""The id_token, believed only after every check of OpenID Connect Core 3.1.3.7."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hmac import compare_digest
from typing import Any

import requests
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from smart_launch.refusal import LaunchRefused, ReasonCode
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.wire import Lost, NotSent, alone, ask

ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")
KEY_TYPES = {"RS256": "RSA", "RS384": "RSA", "ES256": "EC", "ES384": "EC"}
LEEWAY = timedelta(seconds=30)
MAX_TOKEN_CHARS = 64 * 1024
MAX_KEYS = 100
SMALLEST_RSA_BITS = 2048

SignKey = ECKey | RSAKey


@dataclass
class KeySets:
    """The public keys of issuers, kept between launches and shared by threads. They are read again after
    `lifetime`, and for a key id that is not among them at most once in `pause`, so that tokens with
    invented key ids cannot make us flood the EHR."""

    lifetime: timedelta = timedelta(hours=1)
    pause: timedelta = timedelta(minutes=5)
    _held: dict[str, tuple[datetime, tuple[Mapping[str, Any], ...]]] = field(default_factory=dict, repr=False)
    _locks: defaultdict[str, threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock), repr=False
    )
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def candidates(
        self, http: requests.Session, jwks_uri: str, header: Mapping[str, Any], now: datetime
    ) -> list[SignKey]:
        """The keys of this address that may have signed a token with this header. Raises LaunchRefused
        when the address cannot be read."""
        with self._guard:
            lock = self._locks[jwks_uri]
        with alone(http, lock):
            held = self._held.get(jwks_uri)
            if held is None or not timedelta(0) <= now - held[0] < self.lifetime:
                held = self._read(http, jwks_uri, now)
            found = _matching(held[1], header)
            if not found and now - held[0] >= self.pause:
                found = _matching(self._read(http, jwks_uri, now)[1], header)
            return found

    def _read(
        self, http: requests.Session, jwks_uri: str, now: datetime
    ) -> tuple[datetime, tuple[Mapping[str, Any], ...]]:
        self._held[jwks_uri] = (now, _fetch(http, jwks_uri))
        return self._held[jwks_uri]


@dataclass(frozen=True)
class Expected:
    """What the id_token must say: its issuer, our client id, and the nonce or subject of this launch. With
    `renewal` it may leave out its audience, never name another."""

    issuer: str
    client_id: str
    nonce: str | None = None
    subject: str | None = None
    renewal: bool = False


def verified_claims(
    http: requests.Session,
    token: str,
    jwks_uri: str | None,
    expected: Expected,
    now: datetime,
    key_sets: KeySets,
) -> Mapping[str, Any]:
    """The claims of an id_token whose signature, algorithm, iss, aud, azp, exp, iat, nbf, nonce and sub hold
    at `now` (aware, 30 s of leeway). Raises LaunchRefused with the code of what does not hold."""
    signed = _read(token)
    header = signed.headers()
    if jwks_uri is None:
        raise _invalid("the EHR does not say where the keys are with which it signs")
    keys = key_sets.candidates(http, jwks_uri, header, now)
    if not keys:
        raise _invalid("it is signed with a key that the EHR does not publish")
    claims = _signed_claims(signed, keys)
    _check_parties(claims, expected)
    _check_times(claims, now)
    _check_launch(claims, expected)
    return claims


def _read(token: str) -> jws.CompactSignature:
    """The token taken apart, of which nothing is believed yet."""
    try:
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError("too long")
        signed = jws.extract_compact(token.encode("ascii"))
    except (JoseError, ValueError) as error:
        raise _invalid("it is not a signed token") from error
    alg = signed.headers().get("alg")
    if alg not in ALGORITHMS:
        raise _invalid(f"it is signed by {str(alg)[:20]!r}, which is not accepted")
    return signed


def _signed_claims(signed: jws.CompactSignature, keys: list[SignKey]) -> Mapping[str, Any]:
    for key in keys:
        try:
            if jws.validate_compact(signed, key, algorithms=ALGORITHMS):
                return loads_object(signed.payload or b"", max_bytes=MAX_TOKEN_CHARS)
        except UnreadableJson as error:
            raise _invalid("its content is not readable") from error
        except (JoseError, ValueError):
            continue
    raise _invalid("its signature does not hold")


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise _invalid("it was issued by another server than the one asked")
    audience = claims.get("aud")
    if audience is None and expected.renewal and expected.subject is not None:
        # The public SMART launcher forgets `aud` in the id_token of a renewal. Who signed in was shown at the
        # launch by a whole one; here the signature, the issuer and the same subject still have to hold.
        audience = expected.client_id
    listed = audience if isinstance(audience, list) else [audience]
    azp = claims.get("azp")
    stranger = azp is not None and azp != expected.client_id
    if expected.client_id not in listed or stranger or (len(listed) > 1 and azp is None):
        raise _invalid("it was made for another application", "wrong-audience")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    at = int(now.timestamp())
    leeway = int(LEEWAY.total_seconds())
    ends, issued, starts = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if ends is None or issued is None:
        raise _invalid("it does not say when it was issued and when it ends")
    if ends + leeway < at:
        raise _invalid("it has expired", "id-token-expired")
    if max(issued, starts or issued) - leeway > at:
        raise _invalid("it comes from the future; the clocks of the EHR and of Peerchart differ")


def _check_launch(claims: Mapping[str, Any], expected: Expected) -> None:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > 255:
        raise _invalid("it does not say who signed in")
    if expected.subject is not None and subject != expected.subject:
        raise _invalid("it is about another person than the one who signed in")
    if expected.nonce is None:
        return
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _invalid("it does not belong to this launch (nonce)")


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, bool | str):
            raise ValueError("not a number")
        return int(value)
    except (TypeError, ValueError) as error:
        raise _invalid(f"its time {name!r} is not a number") from error


def _fetch(http: requests.Session, jwks_uri: str) -> tuple[Mapping[str, Any], ...]:
    try:
        answer = ask(http, "GET", jwks_uri, headers={"Accept": "application/json"}, max_bytes=1024 * 1024)
    except (NotSent, Lost) as error:
        raise _keys_unreachable(str(error)) from error
    if answer.status != 200:
        raise _keys_unreachable(f"status {answer.status}")
    try:
        keys = loads_object(answer.body).get("keys")
    except UnreadableJson as error:
        raise _invalid(f"the EHR's public keys could not be read: {error}") from error
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise _invalid("the EHR's public keys could not be read")
    return tuple(key for key in keys if isinstance(key, dict))


def _matching(keys: tuple[Mapping[str, Any], ...], header: Mapping[str, Any]) -> list[SignKey]:
    alg, kid = header["alg"], header.get("kid")
    fitting = [
        key
        for key in keys
        if key.get("kty") == KEY_TYPES[alg]
        and key.get("use", "sig") == "sig"
        and key.get("alg", alg) == alg
        and (kid is None or key.get("kid") == kid)
    ]
    return [imported for key in fitting if (imported := _import(key)) is not None]


def _import(key: Mapping[str, Any]) -> SignKey | None:
    members = tuple((name, key[name]) for name in ("kty", "crv", "x", "y", "n", "e") if name in key)
    try:
        return _public_key(members)
    except TypeError:
        return None  # a list or an object where a text belongs


@lru_cache(maxsize=256)
def _public_key(members: tuple[tuple[str, Any], ...]) -> SignKey | None:
    try:
        imported = JWKRegistry.import_key(dict(members))
        weak = isinstance(imported, RSAKey) and imported.public_key.key_size < SMALLEST_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None  # one broken key of a set does not make the others unusable
    return imported if isinstance(imported, ECKey | RSAKey) and not weak else None


def _invalid(why: str, code: ReasonCode = "id-token-invalid") -> LaunchRefused:
    return LaunchRefused(
        code,
        f"The EHR's statement of who you are was not accepted: {why}.",
        "Close this window and open Peerchart from the chart again. If it goes on, tell your administrator.",
    )


def _keys_unreachable(why: str) -> LaunchRefused:
    return LaunchRefused(
        "ehr-unreachable",
        f"The EHR's public keys could not be read: {why}.",
        "Try again in a few minutes. If it goes on, tell your administrator.",
    )
