"""What a faulty id_token looks like, and that a strict reader refuses each of them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from tests.smart_launch.sandbox_ehr.office import Office, shows


def parts(id_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in id_token.split(".")[:2])
    return header, claims


def strictly(office: Office, id_token: str) -> dict[str, Any]:
    """Read an id_token as a strict app does; raises JoseError or ValueError for anything odd."""
    keys = KeySet.import_key_set(office.get("/auth/jwks").json())
    token = jwt.decode(id_token, keys, algorithms=["RS256"])
    if "kid" not in token.header:
        raise ValueError("no kid")
    registry = jwt.JWTClaimsRegistry(
        now=lambda: int(office.clock.now.timestamp()),
        leeway=30,
        iss={"essential": True, "value": office.base},
        aud={"essential": True, "value": "public"},
        sub={"essential": True},
        exp={"essential": True},
        nonce={"essential": True, "value": "a-nonce"},
    )
    registry.validate(token.claims)
    if token.claims["aud"] != "public" or token.claims.get("azp", "public") != "public":
        raise ValueError("another client")
    return dict(token.claims)


ROWS: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "wrong-audience": lambda _, claims: claims["aud"] == "another-client",
    "extra-audience": lambda _, claims: claims["aud"] == ["public", "another-client"],
    "wrong-authorized-party": lambda _, claims: claims["azp"] == "another-client",
    "wrong-nonce": lambda _, claims: claims["nonce"] == "another-nonce",
    "no-nonce": lambda _, claims: "nonce" not in claims,
    "wrong-issuer": lambda _, claims: claims["iss"] == "http://localhost:1/another-ehr",
    "no-subject": lambda _, claims: "sub" not in claims,
    "expired-id-token": lambda _, claims: claims["exp"] == claims["iat"] + 3600,
    "future-id-token": lambda _, claims: claims["nbf"] == claims["iat"],
    "alg-none": lambda header, _: header["alg"] == "none",
    "hs256-with-public-key": lambda header, _: header["alg"] == "HS256",
    "bad-signature": lambda header, _: header["alg"] == "RS256",
    "embedded-key": lambda header, _: {"jwk", "jku"} <= set(header),
    "unknown-kid": lambda header, _: header["kid"].startswith("unknown-"),
    "no-kid": lambda header, _: "kid" not in header,
}


@shows(*ROWS)
@pytest.mark.parametrize("name", ROWS)
def test_a_strict_reader_refuses_it(office: Office, name: str) -> None:
    token = office.faulty(name)["id_token"]
    assert ROWS[name](*parts(token))
    with pytest.raises((JoseError, ValueError)):
        strictly(office, token)


def test_a_strict_reader_takes_the_right_one(office: Office) -> None:
    assert strictly(office, office.faulty()["id_token"])["sub"] == "rivera"


@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_algorithm_confusion_would_fool_who_trusts_the_header(office: Office, form: str) -> None:
    token = office.faulty({"name": "hs256-with-public-key", "form": form})["id_token"]
    header, _ = parts(token)
    published = next(one for one in office.get("/auth/jwks").json()["keys"] if one["kid"] == header["kid"])
    key = RSAKey.import_key(published)
    public = {name: value for name, value in published.items() if name not in ("use", "alg")}
    secrets = {key.as_pem(private=False), *_written(public)}
    unsigned, _, signature = token.rpartition(".")
    macs = {hmac.new(secret, unsigned.encode(), hashlib.sha256).digest() for secret in secrets}
    assert base64.urlsafe_b64decode(signature + "==") in macs


def _written(public: dict[str, Any]) -> set[bytes]:
    orders = [("n", "e", "kty", "kid"), ("kty", "n", "e", "kid"), ("n", "e", "kid", "kty")]
    return {json.dumps({name: public[name] for name in order}).encode() for order in orders}


@shows("fhir-user")
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("relative", "Practitioner/prac-rivera"),
        ("absolute", "{fhir}/Practitioner/prac-rivera"),
        ("missing", None),
        ("related-person", "{fhir}/RelatedPerson/rel-"),
        ("patient", "{fhir}/Patient/pat-moss"),
        ("practitioner-role", "{fhir}/PractitionerRole/role-rivera"),
        ("other-host", "https://elsewhere.example/fhir/Practitioner/prac-rivera"),
        ("nonsense", "javascript:alert(1)"),
    ],
)
def test_fhir_user_comes_in_many_forms(office: Office, form: str, said: str | None) -> None:
    claims = strictly(office, office.faulty({"name": "fhir-user", "form": form})["id_token"])
    if said is None:
        assert "fhirUser" not in claims
    else:
        assert claims["fhirUser"].startswith(said.format(fhir=office.fhir))


@shows("stale-sign-in")
def test_the_sign_in_may_be_older_than_the_app_asked_for(office: Office) -> None:
    claims = strictly(office, office.faulty({"name": "stale-sign-in", "hours": 2})["id_token"])
    assert claims["iat"] - claims["auth_time"] == 7200


@shows("rotated-keys")
@pytest.mark.parametrize("overlap", [True, False])
def test_the_signing_key_rotates_with_or_without_overlap(office: Office, overlap: bool) -> None:
    before = {key["kid"] for key in office.get("/auth/jwks").json()["keys"]}
    token = office.faulty({"name": "rotated-keys", "overlap": overlap})["id_token"]
    after = {key["kid"] for key in office.get("/auth/jwks").json()["keys"]}
    assert parts(token)[0]["kid"] in after - before
    assert bool(before & after) is overlap
    assert strictly(office, token)["sub"] == "rivera"


def test_an_unknown_kid_is_another_one_in_every_token(office: Office) -> None:
    kids = {parts(office.faulty("unknown-kid")["id_token"])[0]["kid"] for _ in range(3)}
    assert len(kids) == 3
