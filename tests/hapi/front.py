"""What HAPI lacks to be an EHR: a SMART configuration, tokens for a signed client assertion, and a door that
opens for such a token alone. Everything behind the door is HAPI's own answer."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PASSED_ON = ("Content-Type", "Accept", "If-None-Exist", "If-Match", "Prefer", "X-Request-Id")
GIVEN_BACK = ("Content-Type", "Location", "Content-Location", "ETag", "Last-Modified")
WRITES = {"POST", "PUT", "DELETE"}


@dataclass
class Front:
    """A door before a FHIR base. `lose` answers to writes are dropped after HAPI has stored what came;
    while `hold` is set the next ones wait for `released`, and `held` says that one does."""

    behind: str
    jwks: dict[str, Any] = field(default_factory=dict)
    client_id: str = "peerchart-backend"
    lose: int = 0
    hold: bool = False
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    origin: str = ""
    writes: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def configuration(self) -> dict[str, Any]:
        """The SMART configuration (SMART App Launch 2.2, backend services)."""
        return {
            "token_endpoint": f"{self.origin}/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": ["system/*.crus"],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        }

    def token(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Status and body for a token request; the assertion must be signed by the registered key."""
        given = {name: values[0] for name, values in form.items()}
        if given.get("grant_type") != "client_credentials" or given.get("client_assertion_type") != ASSERTION:
            return 400, {"error": "unsupported_grant_type"}
        try:
            keys = KeySet.import_key_set(self.jwks)  # type: ignore[arg-type]  # a set as it is published
            claims = jwt.decode(given["client_assertion"], keys, algorithms=["ES384"]).claims
        except (KeyError, ValueError, JoseError):
            return 401, {"error": "invalid_client"}
        if claims.get("sub") != self.client_id or claims.get("aud") != f"{self.origin}/token":
            return 401, {"error": "invalid_client"}
        token = secrets.token_urlsafe(16)
        self.tokens.add(token)
        return 200, {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": 300,
            "scope": given.get("scope", ""),
        }

    def knows(self, authorization: str) -> bool:
        """True for the header of a token given here."""
        return authorization.removeprefix("Bearer ") in self.tokens

    def loses_this(self, method: str) -> bool:
        """True when the answer to this write is to be lost; counts down."""
        with self._guard:
            if method not in WRITES or self.lose == 0:
                return False
            self.lose -= 1
            return True


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front
    http: requests.Session

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if path == "/token":
            self._json(*self.front.token(parse_qs(body.decode())))
        elif path == "/fhir/.well-known/smart-configuration":
            self._json(200, self.front.configuration())
        elif path != "/fhir" and not path.startswith("/fhir/"):
            self._json(404, {})
        elif path != "/fhir/metadata" and not self.front.knows(self.headers.get("Authorization", "")):
            self._json(401, {"resourceType": "OperationOutcome", "issue": [_LOGIN]})
        else:
            self._through(body)

    do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - the names that http.server looks for

    def _through(self, body: bytes) -> None:
        named = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
        # HAPI writes its links to the host it was asked at.
        named["Host"] = self.headers["Host"]
        address = self.front.behind + self.path.removeprefix("/fhir")
        answer = self.http.request(
            self.command, address, data=body or None, headers=named, timeout=120, allow_redirects=False
        )
        if self.command in WRITES:
            self.front.writes.append(f"{self.command} {urlsplit(self.path).path}")
        if self.command in WRITES and self.front.hold:
            self.front.held.set()
            self.front.released.wait(60)
        if self.front.loses_this(self.command):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        kept = {name: answer.headers[name] for name in GIVEN_BACK if name in answer.headers}
        self._send(answer.status_code, answer.content, kept)

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


_LOGIN = {"severity": "error", "code": "login", "diagnostics": "No token of this EHR."}


@contextmanager
def before(fhir_base: str) -> Iterator[Front]:
    """A front before this FHIR base, at a loopback port of its own: `<origin>/fhir`."""
    front = Front(fhir_base)
    with requests.Session() as http:
        http.trust_env = False
        door = type("Door", (_Door,), {"front": front, "http": http})
        listening = ThreadingHTTPServer(("127.0.0.1", 0), door)
        listening.daemon_threads = True
        front.origin = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield front
        finally:
            front.released.set()
            listening.shutdown()
            listening.server_close()
            thread.join(5)
