"""The authorization server, on Authlib's server side, made as strict as SMART App Launch 2.2 asks.

Sources: RFC 6749, 7636 (PKCE), 7523 (client assertions), 7662 (introspection), 7009 (revocation),
OpenID Connect Core 1.0, SMART App Launch 2.2.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask
from joserfc import jws, jwt
from joserfc.errors import JoseError

from .capability import ASSERTION_ALGORITHMS, AUTH_METHODS
from .client_keys import ClientKeys
from .config import Client, Config
from .faults import Faults
from .sandbox import current_ehr
from .scopes import narrow, within_grant
from .tokens import Code, Context, Token, Tokens

_MOST_ASSERTION_SECONDS = 300
_OFFLINE = {"offline_access", "online_access"}


@dataclass(frozen=True)
class SignedIn:
    """Who authorizes, in which context, and the launch that is used up by it."""

    user: str
    context: Context
    launch: str | None = None


class _Assertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib ships no types
    """private_key_jwt as SMART asks: RS384 or ES384, a kid, at most five minutes, each jti once."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, config: Config, tokens: Tokens) -> None:
        super().__init__(leeway=0)
        self._config = config
        self._tokens = tokens
        self._keys = ClientKeys(tokens.now)

    def get_audiences(self) -> list[str]:
        return [self._config.token_url]

    def resolve_client_public_key(self, client: Client) -> Client:
        # The key is chosen by kid, which only the assertion knows: see process_assertion_claims.
        return client

    def process_assertion_claims(self, assertion: str, resolve_key: Client) -> dict[str, Any]:
        try:
            kid = jws.extract_compact(assertion.encode()).headers().get("kid")
            keys = self._keys.of(resolve_key, kid) if isinstance(kid, str) else None
            if keys is None:
                raise InvalidClientError(description="No public key of the client has this kid.")
            token = jwt.decode(assertion, keys, algorithms=ASSERTION_ALGORITHMS)
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The client assertion is not valid.") from error
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        now = self._tokens.now()
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(now),
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "values": self.get_audiences()},
            exp={"essential": True},
            jti={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise InvalidClientError(description="A claim of the client assertion is not valid.") from error
        if claims["iss"] != claims["sub"]:
            raise InvalidClientError(description="iss and sub of the client assertion differ.")
        if claims["exp"] > now + _MOST_ASSERTION_SECONDS:
            raise InvalidClientError(description="The client assertion lives longer than five minutes.")
        if not self._tokens.first_use(claims["sub"], str(claims["jti"]), claims["exp"]):
            raise InvalidClientError(description="The jti of the client assertion was used before.")


class _Pkce(CodeChallenge):  # type: ignore[misc]  # Authlib ships no types
    """PKCE for every client, S256 only: Authlib's own lets confidential clients go without."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str | None) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class _Smart:
    """What SMART adds to the authorization request and to the token response."""

    def __init__(self, config: Config, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens

    def __call__(self, grant: Any) -> None:
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
        if not grant.request.scope:
            raise InvalidScopeError("None of the requested scopes is registered for this client.")


class _OpenId(OpenIDCode):  # type: ignore[misc]  # Authlib ships no types
    """The id_token: RS256, the client as its only audience, the nonce, and fhirUser."""

    def __init__(self, config: Config, tokens: Tokens, key: Any, faults: Faults) -> None:
        super().__init__(require_nonce=False)
        self._config = config
        self._tokens = tokens
        self._key = key
        self._faults = faults

    def exists_nonce(self, _nonce: str, _request: object) -> bool:
        return False

    def resolve_client_private_key(self, _client: Client) -> Any:
        return self._key

    def get_encode_header(self, _client: Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": self._key.kid}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        now = int(self._tokens.now())
        foreign = self._faults.strike("wrong-audience")
        audience = "another-client" if foreign else client.client_id
        return {"iss": self._config.base_url, "aud": audience, "iat": now, "exp": now + 300}

    def get_compatible_claims(self, request: Any) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_compatible_claims(request)
        if request.planned_expiry:
            claims |= {"iat": claims["iat"] - 7200, "exp": claims["iat"] - 3600}
        return claims

    def generate_user_info(self, user: str, scope: str) -> dict[str, str]:
        claims = {"sub": user}
        if {"fhirUser", "profile"} & set(scope.split()):
            claims["fhirUser"] = f"{self._config.fhir_base}/Practitioner/prac-{user}"
        return claims


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code: str, request: Any) -> None:
        ehr, signed_in = current_ehr(), request.user
        data, address = request.payload.data, request.payload.redirect_uri
        contexts = ("user", "patient") if "patient" in signed_in.context else ("user",)
        scope = " ".join(within_grant(request.scope.split(), contexts))
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

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return current_ehr().tokens.code(code, client.client_id)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """The code was used up in the moment its tokens were stored."""

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.user

    def generate_token(self, **wanted: Any) -> Any:
        lasting = _OFFLINE & set(wanted["scope"].split())
        wanted["include_refresh_token"] = bool(lasting) and wanted["include_refresh_token"]
        return super().generate_token(**wanted)


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        tokens = current_ehr().tokens
        token = tokens.token(refresh_token)
        if token is None or token.kind != "refresh":
            return None
        if token.used:
            tokens.end_family(token.family)
        return None if token.is_revoked() else token

    def authenticate_user(self, refresh_token: Token) -> str | None:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Token) -> None:
        """The old refresh token was used up in the moment the new tokens were stored."""


class _BackendGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt", "client_secret_basic")

    def generate_token(self, **wanted: Any) -> Any:
        asked = narrow((wanted["scope"] or "").split(), self.request.client.scope.split())
        scope = " ".join(one for one in within_grant(asked, ("system",)) if one.startswith("system/"))
        if not scope:
            raise InvalidScopeError("No system scope that this client is registered for was requested.")
        return super().generate_token(**(wanted | {"scope": scope}))


class _Introspection(IntrospectionEndpoint):  # type: ignore[misc]  # Authlib ships no types
    CLIENT_AUTH_METHODS = ("private_key_jwt", "client_secret_basic")

    def check_permission(self, token: Token, client: Client, _request: object) -> bool:
        return token.client_id == client.client_id

    def query_token(self, token_string: str, _hint: str | None) -> Token | None:
        return current_ehr().tokens.token(token_string)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        base = current_ehr().config
        found = {
            "active": True,
            "client_id": token.client_id,
            "scope": token.scope,
            "iat": int(token.issued),
            "exp": int(token.expires),
            "iss": base.base_url,
        }
        if token.user:
            found |= {"sub": token.user, "fhirUser": f"{base.fhir_base}/Practitioner/prac-{token.user}"}
        return found | {
            name: token.context[name] for name in ("patient", "encounter") if name in token.context
        }


class _Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib ships no types
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, _hint: str | None) -> Token | None:
        return current_ehr().tokens.token(token_string)

    def revoke_token(self, token: Token, _request: object) -> None:
        current_ehr().tokens.end(token)


class _Issuer(IssuerParameter):  # type: ignore[misc]  # Authlib ships no types
    """The issuer stands in every authorization response, against mix-up (RFC 9207)."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def get_issuer(self) -> str:
        return self._config.base_url


def make_server(app: Flask, config: Config, tokens: Tokens, key: Any, faults: Faults) -> AuthorizationServer:
    """Join Authlib's server to the app. `key` signs id_tokens."""
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
        "authorization_code": config.token_seconds,
        "refresh_token": config.token_seconds,
        "client_credentials": config.backend_seconds,
    }
    server = AuthorizationServer(app, config.client, _saver(config, tokens, faults))
    server.register_client_auth_method("private_key_jwt", _Assertion(config, tokens))
    smart = _Smart(config, tokens)
    server.register_grant(_CodeGrant, [_Pkce(), smart, _OpenId(config, tokens, key, faults)])
    server.register_grant(_RefreshGrant, [smart])
    server.register_grant(_BackendGrant)
    server.register_extension(_Issuer(config))
    server.register_endpoint(_Introspection)
    server.register_endpoint(_Revocation)
    return server


def _saver(config: Config, tokens: Tokens, faults: Faults) -> Callable[[dict[str, Any], Any], None]:
    """Return what stores issued tokens and uses up what they were issued for."""

    def save(token: dict[str, Any], request: Any) -> None:
        source = request.authorization_code or request.refresh_token
        if request.authorization_code and not tokens.use_code(request.authorization_code):
            raise InvalidGrantError("The code was used before.")
        if request.refresh_token and not tokens.use_refresh_token(request.refresh_token):
            raise InvalidGrantError("The refresh token was used before.")
        family = source.family if source else secrets.token_hex(16)
        user, context = (source.user, source.context) if source else (None, {})
        client_id, scope = request.client.client_id, token["scope"]
        # The id_token of the same answer is made later and expires with it.
        request.planned_expiry = faults.strike("expired-token") is not None
        seconds = -1 if request.planned_expiry else token["expires_in"]
        tokens.save(token["access_token"], "access", family, client_id, scope, user, context, seconds)
        if refresh := token.get("refresh_token"):
            lifetime = config.refresh_days * 86400
            held = source.scope if source else scope
            tokens.save(refresh, "refresh", family, client_id, held, user, context, lifetime)

    return save


def _add_context(grant: Any, response: tuple[int, dict[str, Any], Any]) -> None:
    source = grant.request.authorization_code or grant.request.refresh_token
    token = response[1]
    token.update(source.context)
