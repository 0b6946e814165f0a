"""The registered EHR, its keys and its tokens, as the tests of the launch use them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey, new_client_key
from tests.smart_launch.scripted_ehr import ScriptedEhr, reply

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SCOPES = ("openid", "fhirUser", "launch", "offline_access", "user/Patient.rs", "user/DocumentReference.crus")


@cache
def our_key() -> ClientKey:
    return new_client_key("ES384")


@cache
def ehr_key(name: str = "ehr-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


@cache
def ehr_ec_key() -> ECKey:
    return ECKey.generate_key("P-384", {"kid": "ehr-ec"})


def issuer_of(ehr: ScriptedEhr, **changes: Any) -> Issuer:
    facts: dict[str, Any] = {
        "id": "sandbox",
        "iss": ehr.fhir,
        "client_id": "peerchart",
        "auth_method": "private_key_jwt",
        "redirect_uri": "http://127.0.0.1:5000/cb/sandbox",
        "scopes": SCOPES,
        "backend_client_id": "peerchart-backend",
        "backend_scopes": ("system/Encounter.crus",),
    }
    return Issuer(**{**facts, **changes})


def smart_configuration(ehr: ScriptedEhr, **changes: Any) -> dict[str, Any]:
    stated = {
        "issuer": ehr.origin,
        "authorization_endpoint": f"{ehr.origin}/auth/authorize",
        "token_endpoint": f"{ehr.origin}/auth/token",
        "jwks_uri": f"{ehr.origin}/auth/jwks",
        "capabilities": ["launch-ehr", "sso-openid-connect", "permission-v2", "permission-v1"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "scopes_supported": ["openid", "user/*.cruds"],
    }
    return {name: value for name, value in {**stated, **changes}.items() if value is not None}


STATEMENT: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "format": ["json", "application/fhir+json"],
    "rest": [
        {
            "mode": "server",
            "interaction": [{"code": "transaction"}],
            "resource": [
                {
                    "type": "DocumentReference",
                    "interaction": [{"code": "create"}, {"code": "read"}],
                    "conditionalCreate": True,
                    "versioning": "versioned-update",
                    "searchParam": [{"name": "identifier", "type": "token"}],
                },
                {"type": "Claim"},
            ],
        }
    ],
}


def open_for_business(ehr: ScriptedEhr, **changes: Any) -> None:
    """smart-configuration, /metadata and the public keys, as a healthy EHR has them."""
    ehr.on("GET", "/fhir/.well-known/smart-configuration", reply(smart_configuration(ehr, **changes)))
    ehr.on("GET", "/fhir/metadata", reply(STATEMENT))
    keys = [ehr_key().as_dict(private=False), ehr_ec_key().as_dict(private=False)]
    ehr.on("GET", "/auth/jwks", reply({"keys": keys}, content_type="application/json"))


def claims(ehr: ScriptedEhr, given_nonce: str, /, **changes: Any) -> dict[str, Any]:
    at = int(NOW.timestamp())
    stated = {
        "iss": ehr.origin,
        "aud": "peerchart",
        "sub": "rivera",
        "iat": at,
        "exp": at + 300,
        "nonce": given_nonce,
        "fhirUser": "Practitioner/prac-rivera",
    }
    return {name: value for name, value in {**stated, **changes}.items() if value is not None}


def id_token(stated: dict[str, Any], alg: str = "RS256", kid: str | None = "ehr-1") -> str:
    key: RSAKey | ECKey = ehr_ec_key() if alg.startswith("ES") else ehr_key()
    header = {"alg": alg, **({} if kid is None else {"kid": kid})}
    return jwt.encode(header, stated, key, algorithms=[alg])


def token_answer(**changes: Any) -> dict[str, Any]:
    stated = {
        "access_token": "at-1",
        "token_type": "Bearer",
        "expires_in": 300,
        "refresh_token": "rt-1",
        "scope": "openid fhirUser launch user/Patient.rs user/DocumentReference.crus",
        "patient": "pat-moss",
        "encounter": "enc-1",
    }
    return {name: value for name, value in {**stated, **changes}.items() if value is not None}


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
