"""The EHRs of this installation as delivery meets them: a client with the installation's own token."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import requests

from app.delivery.capability import Capability, Override
from smart_launch.backend import BackendTokens
from smart_launch.discovery import ProfileCache
from smart_launch.fhir_client import FhirClient
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey
from smart_launch.wire import TIMEOUT, Timeout


@dataclass(frozen=True)
class Ehr:
    """One EHR, ready to be written to; `renew_token` drops the token in use, so that the next is new."""

    client: FhirClient
    capability: Capability
    renew_token: Callable[[], None]


class Ehrs(Protocol):
    """Where delivery gets an EHR from."""

    def open(self, issuer_id: str, now: datetime) -> Ehr:
        """The EHR of this issuer at `now` (aware). Raises LaunchRefused, FhirTrouble."""


@dataclass
class BackendEhrs:
    """EHRs by backend services: never a person's token. `issuer_of`, `key_of` and `override_of` look up what
    is registered, by issuer id."""

    http: requests.Session
    issuer_of: Callable[[str], Issuer]
    key_of: Callable[[str], ClientKey]
    override_of: Callable[[str], Override]
    timeout: Timeout = TIMEOUT
    profiles: ProfileCache = field(default_factory=ProfileCache)
    tokens: BackendTokens = field(init=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.tokens = BackendTokens(self.http)

    def open(self, issuer_id: str, now: datetime) -> Ehr:
        """The EHR of this issuer with a backend token that is good at `now`."""
        issuer = self.issuer_of(issuer_id)
        key = self.key_of(issuer_id)
        profile = self.profiles.get(self.http, issuer, now)
        token = self.tokens.get(issuer, profile, key, now)

        def current() -> str:
            return self.tokens.get(issuer, profile, key, now).access_token

        def renew() -> None:
            self.tokens.forget(issuer_id, current())

        capability = Capability(profile.fhir, token.scope, self.override_of(issuer_id))
        return Ehr(FhirClient(self.http, issuer.base, current, self.timeout), capability, renew)
