"""The three grants: the authorization code, the refresh token, and the client's own credentials.

Sources: RFC 6749, RFC 7636 (PKCE), SMART App Launch 2.2 "App launch" and "Backend services".
"""

import secrets
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, InvalidScopeError, grants
from authlib.oauth2.rfc7636 import CodeChallenge

from .capability import AUTH_METHODS
from .config import Client, Config
from .launches import standalone
from .sandbox import current_ehr
from .scopes import of_versions, within_grant
from .striking import strike
from .token_faults import narrowed
from .tokens import Code, Context, Token, Tokens

_LASTING = {"offline_access", "online_access"}


@dataclass(frozen=True)
class SignedIn:
    """Who authorizes, in which context, and the launch that is used up by it."""

    user: str
    context: Context
    launch: str | None = None


class Pkce(CodeChallenge):  # type: ignore[misc]  # Authlib ships no types
    """PKCE for every client, S256 only: Authlib's own lets confidential clients go without."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str | None) -> None:
        """Refuse a request without a challenge, or with another method than S256."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class Smart:
    """What SMART adds to the authorization request and to the token response."""

    def __init__(self, config: Config, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens

    def __call__(self, grant: Any) -> None:
        """Hang both into a grant."""
        grant.register_hook("after_validate_authorization_request_payload", self._check)
        grant.register_hook("after_create_token_response", _add_context)

    def _check(self, grant: Any, _: object) -> None:
        data = grant.request.payload.data
        for name in ("aud", "state", "launch", "nonce"):
            if len(grant.request.payload.datalist.get(name, [])) > 1:
                raise InvalidRequestError(f"Multiple {name} in request.")
        if not data.get("state"):
            raise InvalidRequestError("Missing state in request.")
        if data.get("aud") != self._config.fhir_base:
            raise InvalidRequestError("aud must be the address of this FHIR server.")
        if "launch" in data and not self._tokens.launch(data["launch"], grant.request.client.client_id):
            raise InvalidRequestError("The launch is unknown, expired or already used.")
        if "launch" in data and "launch" not in (data.get("scope") or "").split():
            raise InvalidScopeError("An EHR launch needs the scope launch.")
        if not of_versions(grant.request.scope.split(), self._config.permissions):
            raise InvalidScopeError("None of the requested scopes is registered for this client.")


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib ships no types
    """The authorization code: short-lived, good once, and its second use ends what came of it."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store the code with what is granted; the launch is used up by it."""
        ehr, signed_in = current_ehr(), request.user
        data, address = request.payload.data, request.payload.redirect_uri
        scope = " ".join(narrowed(_granted(ehr.config, request.scope, signed_in.context)))
        if not scope:
            raise InvalidScopeError("None of the requested scopes fits this launch.", redirect_uri=address)
        if signed_in.launch and not ehr.tokens.use_launch(signed_in.launch):
            raise InvalidRequestError("The launch is already used.", redirect_uri=address)
        made = Code(
            digest="",
            family=secrets.token_hex(16),
            client_id=request.client.client_id,
            redirect_uri=address,
            scope=scope,
            user=signed_in.user,
            context=signed_in.context,
            nonce=data.get("nonce"),
            code_challenge=data["code_challenge"],
            auth_time=int(ehr.tokens.now()),
        )
        ehr.tokens.save_code(code, made, ehr.config.code_seconds)
        ehr.faults.follow(signed_in.launch or standalone(made.client_id), made.family)

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """Return the code while it is good."""
        tokens = current_ehr().tokens
        found = tokens.code(code, client.client_id)
        if found and strike("code-replay"):
            tokens.use_code(found)
            tokens.end_family(found.family)
            return None
        return found

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """The code was used up in the moment its tokens were stored."""

    def authenticate_user(self, authorization_code: Code) -> str:
        """Return who signed in."""
        return authorization_code.user

    def generate_token(self, **wanted: Any) -> Any:
        """Make the tokens; a refresh token only for a scope that lasts."""
        lasting = _LASTING & set(wanted["scope"].split())
        wanted["include_refresh_token"] = bool(lasting) and wanted["include_refresh_token"]
        return super().generate_token(**wanted)


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib ships no types
    """The refresh token: rotated at every use; the second use of one ends the whole family."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        """Return the token while it is good."""
        tokens = current_ehr().tokens
        token = tokens.token(refresh_token)
        if token is None or token.kind != "refresh":
            return None
        if token.used or strike("refresh-reuse"):
            tokens.end_family(token.family)
            return None
        return None if token.is_revoked() else token

    def authenticate_user(self, refresh_token: Token) -> str | None:
        """Return who signed in."""
        return refresh_token.user

    def generate_token(self, **wanted: Any) -> Any:
        """Make the tokens; under a planned fault the old refresh token stays good and no new one comes."""
        self.request.kept_refresh_token = strike("no-refresh-rotation") is not None
        if self.request.kept_refresh_token:
            wanted["include_refresh_token"] = False
        return super().generate_token(**wanted)

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """The old refresh token was used up in the moment the new tokens were stored."""


class BackendGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    """A backend service: system scopes and nothing else."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt", "client_secret_basic")

    def generate_token(self, **wanted: Any) -> Any:
        """Make the token for the system scopes that the client is registered for."""
        allowed = self.request.client.get_allowed_scope(wanted["scope"] or "").split()
        asked = of_versions(within_grant(allowed, ("system",)), current_ehr().config.permissions)
        scope = " ".join(narrowed([one for one in asked if one.startswith("system/")]))
        if not scope:
            raise InvalidScopeError("No system scope that this client is registered for was requested.")
        return super().generate_token(**(wanted | {"scope": scope}))


def _granted(config: Config, scope: str, context: Context) -> list[str]:
    contexts = ("user", "patient") if "patient" in context else ("user",)
    return of_versions(within_grant(scope.split(), contexts), config.permissions)


def _add_context(grant: Any, response: tuple[int, dict[str, Any], Any]) -> None:
    source = grant.request.authorization_code or grant.request.refresh_token
    response[1].update(source.context)
