"""Asks a registered EHR what it is: smart-configuration and /metadata -> EhrProfile."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from smart_launch.issuers import Issuer, endpoint_allowed, require_secure
from smart_launch.profile import (
    EhrProfile,
    FhirFacts,
    ResourceFacts,
    fhir_facts,
    oauth_uris,
    text_or_none,
    texts,
)
from smart_launch.refusal import LaunchRefused
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.wire import Answer, Lost, NotSent, alone, ask

__all__ = ["EhrProfile", "FhirFacts", "ProfileCache", "ResourceFacts", "discover", "read_metadata"]

ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "introspection_endpoint",
    "revocation_endpoint",
)
MAX_BYTES = 16 * 1024 * 1024  # a full CapabilityStatement of a large EHR has several megabytes


def discover(http: requests.Session, issuer: Issuer, now: datetime) -> EhrProfile:
    """Read smart-configuration and /metadata of a registered EHR at `now` (aware). A /metadata that cannot
    be read leaves its facts unknown; a smart-configuration that cannot be read, or an endpoint outside the
    registered hosts, raises LaunchRefused (SMART App Launch 2.2, conformance)."""
    require_secure(issuer)
    statement = _statement(http, issuer)
    configuration = _configuration(http, issuer)
    if configuration is None:
        configuration = oauth_uris(statement or {})
    found = _with_oidc(http, issuer, configuration, _endpoints(issuer, configuration))
    if "token_endpoint" not in found:
        raise _not_smart()
    facts: dict[str, Any] = {**found, **_stated(configuration)}
    facts["app_state_base"] = _app_state_base(issuer, configuration)
    return EhrProfile(
        issuer_id=issuer.id,
        taken_at=now,
        **facts,
        fhir=FhirFacts() if statement is None else fhir_facts(statement),
        metadata_read=statement is not None,
    )


def read_metadata(http: requests.Session, issuer: Issuer) -> FhirFacts | None:
    """What /metadata of a registered EHR says, None when it cannot be read. Raises InsecureIssuer."""
    require_secure(issuer)
    statement = _statement(http, issuer)
    return None if statement is None else fhir_facts(statement)


@dataclass
class ProfileCache:
    """Profiles with an end, shared between threads: one discovery at a time for each issuer. A profile
    without its /metadata is kept for a tenth of the time only."""

    lifetime: timedelta = timedelta(hours=1)
    _profiles: dict[str, tuple[Issuer, EhrProfile]] = field(default_factory=dict, repr=False)
    _locks: defaultdict[str, threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock), repr=False
    )
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, http: requests.Session, issuer: Issuer, now: datetime) -> EhrProfile:
        """The profile of this issuer, discovered again after its end or when the registration changed.
        Raises as `discover` does."""
        with self._guard:
            lock = self._locks[issuer.id]
        with alone(http, lock):
            held = self._profiles.get(issuer.id)
            if held and held[0] == issuer and self._fresh(held[1], now):
                return held[1]
            profile = discover(http, issuer, now)
            self._profiles[issuer.id] = (issuer, profile)
            return profile

    def forget(self, issuer_id: str) -> None:
        """Discover this issuer again the next time it is needed."""
        self._profiles.pop(issuer_id, None)

    def _fresh(self, profile: EhrProfile, now: datetime) -> bool:
        lifetime = self.lifetime if profile.metadata_read else self.lifetime / 10
        return timedelta(0) <= now - profile.taken_at < lifetime


def _statement(http: requests.Session, issuer: Issuer) -> dict[str, Any] | None:
    try:
        answer = ask(http, "GET", f"{issuer.base}/metadata", headers={"Accept": "application/fhir+json"})
        body = loads_object(answer.body, max_bytes=MAX_BYTES) if answer.is_json else {}
    except (NotSent, Lost, UnreadableJson):
        return None
    readable = answer.status == 200 and body.get("resourceType") == "CapabilityStatement"
    return body if readable else None


def _configuration(http: requests.Session, issuer: Issuer) -> dict[str, Any] | None:
    answer = _get(http, f"{issuer.base}/.well-known/smart-configuration")
    if answer.status in {404, 410}:
        return None
    return _object(answer, "its SMART configuration")


def _get(http: requests.Session, address: str) -> Answer:
    try:
        answer = ask(http, "GET", address, headers={"Accept": "application/json"})
    except (NotSent, Lost) as error:
        raise _unreachable(str(error)) from error
    if answer.status == 429 or answer.status >= 500:
        raise _unreachable(f"it answered with status {answer.status}")
    return answer


def _object(answer: Answer, what: str) -> dict[str, Any]:
    try:
        if answer.status != 200:
            raise UnreadableJson(f"status {answer.status}")
        # Some servers send smart-configuration as text/plain or octet-stream; its content decides.
        return loads_object(answer.body)
    except UnreadableJson as error:
        raise LaunchRefused(
            "ehr-answer-unreadable",
            f"The EHR answered, but {what} could not be read: {error}.",
            "Tell your administrator: the EHR's address may be registered wrongly.",
        ) from error


def _endpoints(issuer: Issuer, configuration: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in ENDPOINTS:
        stated = text_or_none(configuration.get(name))
        if stated is not None:
            # Older servers state relative addresses: they start at the FHIR base (SMART App Launch 2.2).
            found[name] = _allowed(issuer, urljoin(issuer.iss, stated), name)
    return found


def _allowed(issuer: Issuer, address: str, name: str) -> str:
    if not endpoint_allowed(issuer, address):
        host = _host(address)
        raise LaunchRefused(
            "endpoint-not-registered",
            f"The EHR names an address for {name} at {host!r}, which is not registered for this EHR.",
            "If this host belongs to the EHR, ask your administrator to add it to its registered hosts.",
        )
    return address


def _host(address: str) -> str:
    try:
        return (urlsplit(address).netloc.rpartition("@")[2] or "no host")[:200]
    except ValueError:
        return "no readable host"


def _with_oidc(
    http: requests.Session, issuer: Issuer, configuration: Mapping[str, Any], found: dict[str, str]
) -> dict[str, str]:
    stated = text_or_none(configuration.get("issuer"))
    named = {**found, "oidc_issuer": stated} if stated else found
    if "jwks_uri" in found or stated is None:
        return named
    # Several smart-configurations carry no jwks_uri; OpenID Connect Discovery has it.
    base = _allowed(issuer, stated, "issuer")
    answer = _get(http, f"{base.removesuffix('/')}/.well-known/openid-configuration")
    if answer.status in {404, 410}:
        return named
    document = _object(answer, "its OpenID configuration")
    if document.get("issuer") != stated:
        raise LaunchRefused(
            "wrong-issuer",
            "The EHR's OpenID configuration speaks for another issuer than its SMART configuration.",
            "Tell your administrator: sign-in is not safe until the EHR's configuration is put right.",
        )
    jwks = text_or_none(document.get("jwks_uri"))
    return {**named, "jwks_uri": _allowed(issuer, jwks, "jwks_uri")} if jwks else named


def _stated(configuration: Mapping[str, Any]) -> dict[str, Any]:
    methods = configuration.get("token_endpoint_auth_methods_supported")
    return {
        "capabilities": _set(configuration.get("capabilities")),
        "scopes_supported": texts(configuration.get("scopes_supported")),
        "code_challenge_methods": _set(configuration.get("code_challenge_methods_supported")),
        "auth_methods": _set(methods),
        "grant_types": _set(configuration.get("grant_types_supported")),
        "assertion_algorithms": _set(configuration.get("token_endpoint_auth_signing_alg_values_supported")),
    }


def _app_state_base(issuer: Issuer, configuration: Mapping[str, Any]) -> str | None:
    """The FHIR base that keeps the state of apps; one at a host that is not registered counts as none, since
    no launch depends on it (SMART App Launch 2.2, "Persisting App State")."""
    listed = configuration.get("associated_endpoints")
    for one in listed if isinstance(listed, list) else []:
        offered = texts(one.get("capabilities")) if isinstance(one, dict) else None
        address = text_or_none(one.get("url")) if offered and "smart-app-state" in offered else None
        if address and endpoint_allowed(issuer, address):
            return address.removesuffix("/")
    own = texts(configuration.get("capabilities")) or ()
    return issuer.base if "smart-app-state" in own and not isinstance(listed, list) else None


def _set(value: object) -> frozenset[str] | None:
    found = texts(value)
    return None if found is None else frozenset(found)


def _unreachable(why: str) -> LaunchRefused:
    return LaunchRefused(
        "ehr-unreachable",
        f"The EHR could not be reached: {why}.",
        "Try again in a few minutes. If it goes on, tell your administrator.",
    )


def _not_smart() -> LaunchRefused:
    return LaunchRefused(
        "smart-not-offered",
        "The EHR at this address does not say where applications sign in (no SMART configuration).",
        "Ask your administrator to check the registered FHIR base address.",
    )
