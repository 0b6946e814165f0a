"""The authorization server, on Authlib's server side, made as strict as SMART App Launch 2.2 asks.

Sources: RFC 6749, 7662 (introspection), 7009 (revocation), 9207 (issuer), SMART App Launch 2.2.
"""

import secrets
from collections.abc import Callable
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask

from .capability import AUTH_METHODS
from .client_assertion import ClientAssertion, secret_by_basic
from .config import Client, Config
from .grants import BackendGrant, CodeGrant, Pkce, RefreshGrant, Smart
from .id_tokens import OpenId
from .sandbox import current_ehr
from .striking import strike
from .token_faults import spoiled
from .tokens import Token, Tokens


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
        return spoiled(found | token.context)


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


def make_server(app: Flask, config: Config, tokens: Tokens) -> AuthorizationServer:
    """Join Authlib's server to the app."""
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {
        "authorization_code": config.token_seconds,
        "refresh_token": config.token_seconds,
        "client_credentials": config.backend_seconds,
    }
    server = AuthorizationServer(app, config.client, _saver(config, tokens))
    server.register_client_auth_method("private_key_jwt", ClientAssertion(config, tokens))
    server.register_client_auth_method("client_secret_basic", secret_by_basic)
    smart = Smart(config, tokens)
    server.register_grant(CodeGrant, [Pkce(), smart, OpenId()])
    server.register_grant(RefreshGrant, [smart])
    server.register_grant(BackendGrant)
    server.register_extension(_Issuer(config))
    server.register_endpoint(_Introspection)
    server.register_endpoint(_Revocation)
    return server


def _saver(config: Config, tokens: Tokens) -> Callable[[dict[str, Any], Any], None]:
    """Return what stores issued tokens and uses up what they were issued for."""

    def save(token: dict[str, Any], request: Any) -> None:
        _use_up(tokens, request)
        source = request.authorization_code or request.refresh_token
        family = source.family if source else secrets.token_hex(16)
        user, context = (source.user, source.context) if source else (None, {})
        client_id, scope = request.client.client_id, token["scope"]
        # The id_token of the same answer is made later and expires with it.
        request.planned_expiry = strike("expired-token") is not None
        seconds = -1 if request.planned_expiry else token["expires_in"]
        tokens.save(token["access_token"], "access", family, client_id, scope, user, context, seconds)
        if strike("revoked-token") and (given := tokens.token(token["access_token"])):
            tokens.end(given)
        if refresh := token.get("refresh_token"):
            lifetime = config.refresh_days * 86400
            held = source.scope if source else scope
            tokens.save(refresh, "refresh", family, client_id, held, user, context, lifetime)

    return save


def _use_up(tokens: Tokens, request: Any) -> None:
    if request.authorization_code and not tokens.use_code(request.authorization_code):
        raise InvalidGrantError("The code was used before.")
    if not request.refresh_token or request.kept_refresh_token:
        return
    if not tokens.use_refresh_token(request.refresh_token):
        raise InvalidGrantError("The refresh token was used before.")
