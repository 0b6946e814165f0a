"""The id_token: signed with the key of the EHR, the client as its audience, the nonce, and fhirUser.

Source: OpenID Connect Core 1.0, section 2; SMART App Launch 2.2, "Scopes for requesting identity data".
"""

from typing import Any

from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.grants.util import create_half_hash

from .config import Client
from .id_token_faults import fhir_user, signed, spoiled
from .sandbox import Ehr, current_ehr

_SECONDS = 300


class OpenId(OpenIDCode):  # type: ignore[misc]  # Authlib ships no types
    """Checks the OpenID part of an authorization request and puts the id_token into the token response."""

    def __init__(self) -> None:
        super().__init__(require_nonce=False)

    def exists_nonce(self, _nonce: str, _request: object) -> bool:
        """Nonces are not remembered: every code is good once."""
        return False

    def process_token(self, grant: Any, response: tuple[int, dict[str, Any], Any]) -> None:
        """Put an id_token into an answer whose scopes have openid."""
        token, request = response[1], grant.request
        scopes = token["scope"].split()
        if "openid" in scopes:
            ehr = current_ehr()
            claims = _claims(ehr, request.client, request.authorization_code, scopes, request.planned_expiry)
            if half := create_half_hash(token["access_token"], ehr.signing_keys.algorithm):
                claims["at_hash"] = half.decode()
            token["id_token"] = signed(ehr.signing_keys, spoiled(claims))


def _claims(ehr: Ehr, client: Client, code: Any, scopes: list[str], over: bool) -> dict[str, Any]:
    now = int(ehr.tokens.now()) - (7200 if over else 0)
    claims = {
        "iss": ehr.config.base_url,
        "sub": code.user,
        "aud": client.client_id,
        "iat": now,
        "exp": now + (3600 if over else _SECONDS),
        "auth_time": code.auth_time,
        "nonce": code.nonce,
    }
    if {"fhirUser", "profile"} & set(scopes):
        claims["fhirUser"] = fhir_user(ehr, code.user)
    return {name: value for name, value in claims.items() if value is not None}
