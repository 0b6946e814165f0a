"""What one sandbox EHR is started with: its address, its file, its registered clients, its clock."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from authlib.oauth2.rfc6749 import ClientMixin
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from .scopes import narrow

MAX_BODY = 5 * 1024 * 1024
NEW_YORK = ZoneInfo("America/New_York")


class Client(BaseModel, ClientMixin):  # type: ignore[misc]  # Authlib ships no types
    """One registered app; the fields are those of RFC 7591 with SMART's `launch_uri`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str
    name: str
    token_endpoint_auth_method: Literal["private_key_jwt", "none", "client_secret_basic"]
    client_secret: str | None = None
    jwks_uri: str | None = None
    jwks: dict[str, Any] | None = None
    redirect_uris: tuple[str, ...] = ()
    launch_uri: str | None = None
    grant_types: tuple[str, ...] = ("authorization_code",)
    scope: str = ""
    state_systems: tuple[str, ...] = ()
    client_id_in_body: Literal["refused", "ignored"] = "refused"

    @model_validator(mode="after")
    def _has_what_its_method_needs(self) -> Self:
        method = self.token_endpoint_auth_method
        if method == "private_key_jwt" and not (self.jwks_uri or self.jwks):
            raise ValueError(f"client {self.client_id}: private_key_jwt needs jwks_uri or jwks")
        if method == "client_secret_basic" and not self.client_secret:
            raise ValueError(f"client {self.client_id}: client_secret_basic needs client_secret")
        if method == "none" and "client_credentials" in self.grant_types:
            raise ValueError(f"client {self.client_id}: a public client may not use client_credentials")
        return self

    def get_client_id(self) -> str:
        """Return the client id (asked by Authlib)."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return None: a redirect address must always be sent."""
        return

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the part of the requested scopes that this client is registered for."""
        return " ".join(narrow((scope or "").split(), self.scope.split()))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Say whether the address is registered, character by character (RFC 6749 section 3.1.2.3)."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare the secret in constant time."""
        return bool(self.client_secret) and secrets.compare_digest(
            str(self.client_secret).encode(), client_secret.encode()
        )

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """Say whether the client authenticates by this method; the same one counts at every endpoint."""
        return method == self.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        """Only the authorization code is known here."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Say whether the client is registered for the grant."""
        return grant_type in self.grant_types


@dataclass(frozen=True)
class Config:
    """One sandbox EHR. `base_url` has no trailing slash; `clock` returns an aware time.

    `permissions` are the versions of scopes that it grants, `app_state` and `style` whether it offers them.
    """

    base_url: str
    database: str
    clients: tuple[Client, ...]
    clock: Callable[[], datetime]
    today: date
    zone: ZoneInfo = NEW_YORK
    faults: bool = False
    permissions: frozenset[str] = frozenset({"v1", "v2"})
    id_token_algorithm: str = "RS256"  # noqa: S105  an algorithm
    app_state: bool = False
    style: bool = True
    launch_seconds: int = 300
    code_seconds: int = 60
    token_seconds: int = 3600
    backend_seconds: int = 300
    refresh_days: int = 90

    @property
    def fhir_base(self) -> str:
        """The address of the FHIR server: SMART's `iss` and `aud`."""
        return f"{self.base_url}/fhir"

    @property
    def token_url(self) -> str:
        """The token endpoint: the audience of every client assertion."""
        return f"{self.base_url}/auth/token"

    @property
    def state_base(self) -> str:
        """The address of the FHIR server that keeps the state of apps (SMART's smart-app-state)."""
        return f"{self.base_url}/appstate"

    def client(self, client_id: str | None) -> Client | None:
        """Return the registered client of this id, or None."""
        return next((one for one in self.clients if one.client_id == client_id), None)


def read_clients(path: Path) -> tuple[Client, ...]:
    """Read the JSON list of registered clients.

    Raises ValueError when the file is not such a list or two clients share an id.
    """
    try:
        clients = TypeAdapter(tuple[Client, ...]).validate_json(path.read_bytes())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        sentences = (f"client {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise ValueError(f"{path} is no list of registered clients: {'; '.join(sentences)}") from error
    ids = [client.client_id for client in clients]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{path}: two clients share one client_id")
    return clients
