"""What an EHR says about itself, as facts. What it does not say is None: unknown is not no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True)
class ResourceFacts:
    """One resource type in the CapabilityStatement; None where the statement is silent."""

    type: str
    interactions: frozenset[str] | None = None
    conditional_create: bool | None = None
    versioning: str | None = None
    search_params: frozenset[str] | None = None


@dataclass(frozen=True)
class FhirFacts:
    """The FHIR side, from /metadata; every field None when it could not be read."""

    fhir_version: str | None = None
    formats: frozenset[str] | None = None
    transaction: bool | None = None
    batch: bool | None = None
    resources: tuple[ResourceFacts, ...] | None = None
    software: str | None = None

    def resource(self, resource_type: str) -> ResourceFacts | None:
        """The facts of one type, or None when it is not listed or nothing is known."""
        return next((facts for facts in self.resources or () if facts.type == resource_type), None)

    def declares(self, resource_type: str, interaction: str) -> bool | None:
        """Whether the statement declares this interaction (`create`, `update`, `read` ...) for the type."""
        if self.resources is None:
            return None
        facts = self.resource(resource_type)
        if facts is None:
            return False
        return None if facts.interactions is None else interaction in facts.interactions


@dataclass(frozen=True)
class EhrProfile:
    """What discovery found at one issuer at one time (aware). Endpoints have passed the check of origins."""

    issuer_id: str
    taken_at: datetime
    token_endpoint: str | None = None
    authorization_endpoint: str | None = None
    jwks_uri: str | None = None
    oidc_issuer: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    capabilities: frozenset[str] | None = None
    scopes_supported: tuple[str, ...] | None = None
    code_challenge_methods: frozenset[str] | None = None
    auth_methods: frozenset[str] | None = None
    grant_types: frozenset[str] | None = None
    assertion_algorithms: frozenset[str] | None = None
    app_state_base: str | None = None
    fhir: FhirFacts = field(default_factory=FhirFacts)
    metadata_read: bool = False

    def states(self, capability: str) -> bool | None:
        """Whether smart-configuration lists this capability, None when it lists none at all."""
        return None if self.capabilities is None else capability in self.capabilities


def fhir_facts(statement: Mapping[str, Any]) -> FhirFacts:
    """The facts of a CapabilityStatement (R4), read leniently: what has an unexpected shape is unknown."""
    rest = _server_rest(statement)
    system = _codes(rest.get("interaction"))
    return FhirFacts(
        fhir_version=text_or_none(statement.get("fhirVersion")),
        formats=_lowered(texts(statement.get("format"))),
        transaction=None if system is None else "transaction" in system,
        batch=None if system is None else "batch" in system,
        resources=_resources(rest.get("resource")),
        software=text_or_none(_mapping(statement.get("software")).get("name")),
    )


def oauth_uris(statement: Mapping[str, Any]) -> dict[str, str]:
    """The authorize and token addresses that older servers state in /metadata, in smart-configuration's
    words."""
    names = {"authorize": "authorization_endpoint", "token": "token_endpoint"}
    security = _mapping(_server_rest(statement).get("security"))
    inner = [
        part
        for extension in _mappings(security.get("extension"))
        if extension.get("url") == OAUTH_URIS
        for part in _mappings(extension.get("extension"))
    ]
    return {
        names[part["url"]]: part["valueUri"]
        for part in inner
        if part.get("url") in names and isinstance(part.get("valueUri"), str)
    }


def text_or_none(value: object) -> str | None:
    """The value when it is a text that is not empty."""
    return value if isinstance(value, str) and value else None


def texts(value: object) -> tuple[str, ...] | None:
    """The texts of a list, or None when it is not a list."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None


def _resources(value: object) -> tuple[ResourceFacts, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(_resource(item) for item in _mappings(value) if isinstance(item.get("type"), str))


def _resource(item: Mapping[str, Any]) -> ResourceFacts:
    conditional = item.get("conditionalCreate")
    params = item.get("searchParam")
    return ResourceFacts(
        type=item["type"],
        interactions=_codes(item.get("interaction")),
        conditional_create=conditional if isinstance(conditional, bool) else None,
        versioning=text_or_none(item.get("versioning")),
        search_params=None if params is None else frozenset(str(p.get("name")) for p in _mappings(params)),
    )


def _server_rest(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    sides = _mappings(statement.get("rest"))
    return next((side for side in sides if side.get("mode", "server") == "server"), {})


def _codes(value: object) -> frozenset[str] | None:
    if not isinstance(value, list):
        return None
    return frozenset(str(item.get("code")) for item in _mappings(value))


def _lowered(values: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(value.lower() for value in values)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
