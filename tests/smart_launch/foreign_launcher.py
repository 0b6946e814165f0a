"""A launcher as others write them, on Authlib's authorization server alone; it knows nothing of Peerchart.

It behaves as the public SMART launcher does: `launch` is base64 of a JSON list, the settings of a standalone
launch stand in the address itself (`/v/r4/sim/<settings>/fhir`), the scopes are echoed, fhirUser is relative,
the id_token is RS256 without a key id, and that of a renewal states neither audience nor nonce.
"""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.core.grants.code import OpenIDToken
from flask import Blueprint, Flask, Response, g, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

METHODS = ("none", "client_secret_basic", "private_key_jwt")
CAPABILITIES = ["launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric",
    "client-confidential-asymmetric", "sso-openid-connect", "context-ehr-patient", "permission-offline",
    "permission-patient", "permission-user", "permission-v1", "permission-v2", "authorize-post"]  # fmt: skip


def packed(patient: str = "", provider: str = "", encounter: str = "") -> str:
    """Settings of a launch as the launcher writes them: a JSON list in base64 for addresses."""
    settings = [0, patient, provider, encounter, 1, 1, 0, "", "", "", "", "", "", "", 2, 1, ""]
    return urlsafe_b64encode(json.dumps(settings).encode()).decode().rstrip("=")


def _unpacked(text: str) -> tuple[str, dict[str, str]]:
    settings = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return settings[2], {"patient": settings[1], "encounter": settings[3]}


@cache
def _signing_key() -> RSAKey:
    return RSAKey.generate_key(2048)


@dataclass(frozen=True)
class App(ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """One application that somebody registered at the launcher."""

    client_id: str
    auth_method: str = "none"
    redirect_uri: str = ""
    secret: str = ""
    jwks: Mapping[str, Any] = field(default_factory=dict)

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.secret) and client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and bool(self.redirect_uri)

    def check_grant_type(self, grant_type: str) -> bool:
        return (grant_type == "client_credentials") != bool(self.redirect_uri)


@dataclass(frozen=True)
class Given(AuthorizationCodeMixin, TokenMixin):  # type: ignore[misc]  # Authlib ships no types
    """A code or a token, and what it stands for."""

    client_id: str
    scope: str
    user: str
    context: Mapping[str, str]
    redirect_uri: str = ""
    nonce: str | None = None
    code_challenge: str = ""
    code_challenge_method: str = ""

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time

    def check_client(self, client: App) -> bool:
        return client.client_id == self.client_id

    def is_expired(self) -> bool:
        return False

    is_revoked = is_expired


@dataclass
class Books:
    """What the launcher remembers, and what was asked of it: method, path and form, in order."""

    apps: dict[str, App]
    given: dict[str, Given] = field(default_factory=dict)
    used_jtis: set[str] = field(default_factory=set)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    charts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def save(self, token: Mapping[str, Any], asked: Any) -> None:
        source = asked.authorization_code or asked.refresh_token
        user, context = (source.user, source.context) if source else ("", {})
        for name in ("access_token", "refresh_token"):
            if name in token:
                self.given[token[name]] = Given(asked.client.client_id, token["scope"], user, context)


class Code(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code: str, asked: Any) -> None:
        said, (user, context) = asked.payload.data, asked.user
        held = {name: said.get(name, "") for name in ("code_challenge", "code_challenge_method")}
        _books().given[code] = Given(
            asked.client.client_id,
            asked.scope,
            user,
            context,
            said["redirect_uri"],
            said.get("nonce"),
            **held,
        )

    def query_authorization_code(self, code: str, client: App) -> Given | None:
        found = _books().given.get(code)
        return found if found and found.check_client(client) else None

    def delete_authorization_code(self, code: Given) -> None:
        given = _books().given
        del given[next(text for text, one in given.items() if one is code)]

    def authenticate_user(self, code: Given) -> str:
        return code.user


class Renewal(grants.RefreshTokenGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Given | None:
        return _books().given.get(refresh_token)

    def authenticate_user(self, refresh_token: Given) -> str:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: Given) -> None:
        given = _books().given
        del given[next(text for text, one in given.items() if one is refresh_token)]


class Own(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[2:]


class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]  # Authlib ships no types
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def get_audiences(self) -> list[str]:
        return [request.base_url]

    def validate_jti(self, _claims: Any, jti: str) -> bool:
        known = _books().used_jtis
        new = jti not in known
        known.add(jti)
        return new

    def process_assertion_claims(self, assertion: str, resolve_key: Any) -> dict[str, Any]:
        """As Authlib does it, with the two algorithms of the guide, which its own default leaves out."""
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=["RS384", "ES384"]).claims
        except JoseError as error:
            raise InvalidClientError(
                description="The assertion is not signed by a registered key."
            ) from error
        self.verify_claims(claims)
        return claims

    def resolve_client_public_key(self, client: App) -> KeySet:
        return KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]  # a JWK Set as it was registered


class Smart:
    """What SMART adds: `aud` is asked for, and the context stands beside the token."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self._check)
        grant.register_hook("after_create_token_response", self._tell)

    def _check(self, grant: Any, _redirect_uri: str) -> None:
        if grant.request.payload.data.get("aud") != f"{_prefix()}/fhir":
            raise InvalidRequestError("Bad audience value")

    def _tell(self, grant: Any, answer: tuple[int, dict[str, Any], Any]) -> None:
        source = grant.request.authorization_code or grant.request.refresh_token
        told = {name: value for name, value in source.context.items() if value}
        style = f"{request.host_url}smart-style.json"
        answer[1].update(told, need_patient_banner=True, smart_style_url=style)


class _IdToken:
    def exists_nonce(self, _nonce: str, _request: object) -> bool:
        return False

    def resolve_client_private_key(self, _client: App) -> RSAKey:
        return _signing_key()

    def get_client_claims(self, client: App) -> dict[str, Any]:
        return {"iss": f"{_prefix()}/fhir", "aud": client.client_id}

    def generate_user_info(self, user: Any, _scope: str) -> UserInfo:
        person = f"Practitioner/{user if isinstance(user, str) else user[0]}"
        return UserInfo(sub=sha256(person.encode()).hexdigest(), fhirUser=person, profile=person)


class LaunchIdToken(_IdToken, OpenIDCode):  # type: ignore[misc]  # Authlib ships no types
    """As Authlib makes it."""


class RenewalIdToken(_IdToken, OpenIDToken):  # type: ignore[misc]  # Authlib ships no types
    """As the public launcher makes it: it forgets for whom."""

    def get_compatible_claims(self, asked: Any) -> dict[str, Any]:
        claims = super().get_compatible_claims(asked)
        return {name: value for name, value in claims.items() if name != "aud"}


class Bearer(BearerTokenValidator):  # type: ignore[misc]  # Authlib ships no types
    def authenticate_token(self, token_string: str) -> Given | None:
        return _books().given.get(token_string)


def _books() -> Books:
    books: Books = g.books
    return books


def _prefix() -> str:
    sim = f"/sim/{g.sim}" if g.sim else ""
    return f"{request.host_url.rstrip('/')}/v/r4{sim}"


def _pages(server: AuthorizationServer, guarded: ResourceProtector) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.url_value_preprocessor
    def _settings(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.sim = (values or {}).pop("sim", "")

    @pages.get("/fhir/.well-known/smart-configuration")
    def smart_configuration() -> Response:
        return jsonify(
            issuer=f"{_prefix()}/fhir",
            jwks_uri=f"{request.host_url}keys",
            authorization_endpoint=f"{_prefix()}/auth/authorize",
            token_endpoint=f"{_prefix()}/auth/token",
            introspection_endpoint=f"{_prefix()}/auth/introspect",
            grant_types_supported=["authorization_code", "client_credentials"],
            token_endpoint_auth_methods_supported=METHODS[1:],
            code_challenge_methods_supported=["S256"],
            scopes_supported=["openid", "profile", "fhirUser", "launch", "patient/*.*", "user/*.*"],
            response_types_supported=["code", "token", "refresh_token"],
            capabilities=CAPABILITIES,
        )

    @pages.get("/fhir/metadata")
    def metadata() -> Response:
        return jsonify(resourceType="CapabilityStatement", fhirVersion="4.0.1", rest=[{"mode": "server"}])

    @pages.get("/fhir/<kind>/<number>")
    @guarded()  # type: ignore[untyped-decorator]  # Authlib ships no types
    def read(kind: str, number: str) -> Response:
        held = _books().charts.get(f"{kind}/{number}", {})
        return jsonify({**held, "resourceType": kind, "id": number})

    @pages.get("/fhir/<kind>")
    @guarded()  # type: ignore[untyped-decorator]  # Authlib ships no types
    def search(kind: str) -> Response:
        return jsonify(resourceType="Bundle", type="searchset", total=0)

    @pages.route("/auth/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        signed_in = _unpacked(request.values.get("launch") or g.sim)
        grant = server.get_consent_grant(end_user=signed_in)
        return server.create_authorization_response(grant_user=signed_in, grant=grant)

    @pages.post("/auth/token")
    def token() -> Any:
        return server.create_token_response()

    return pages


def _app(books: Books) -> Flask:
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = lambda **_: token_urlsafe(24)
    server = AuthorizationServer(app, books.apps.get, books.save)
    server.register_client_auth_method("private_key_jwt", Assertion())
    server.register_grant(Code, [CodeChallenge(required=True), Smart(), LaunchIdToken()])
    server.register_grant(Renewal, [Smart(), RenewalIdToken()])
    server.register_grant(Own)
    guarded = ResourceProtector()
    guarded.register_token_validator(Bearer())

    @app.before_request
    def _note() -> None:
        g.books = books
        books.asked.append((request.method, request.path, dict(request.form)))

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(keys=[_signing_key().as_dict(private=False)])

    pages = _pages(server, guarded)
    app.register_blueprint(pages, url_prefix="/v/r4")
    app.register_blueprint(pages, url_prefix="/v/r4/sim/<sim>", name="sim")
    return app


@contextmanager
def launcher(*apps: App) -> Iterator[tuple[str, Books]]:
    """The launcher on a port of its own: its origin, and its books."""
    books = Books({app.client_id: app for app in apps})
    server = make_server("127.0.0.1", 0, _app(books), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", books
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
