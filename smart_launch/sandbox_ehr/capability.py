"""What this EHR says of itself; both documents are made from what the code does."""

from datetime import datetime
from typing import Any

from .config import Config
from .dates import instant
from .parameters import ADDED_ONLY, COMMON, OWNED, PARAMETERS
from .scopes import LAUNCH_SCOPES

CODE_METHODS = ["S256"]
ASSERTION_ALGORITHMS = ["RS384", "ES384"]
AUTH_METHODS = ["private_key_jwt", "client_secret_basic", "none"]
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]
CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "context-standalone-encounter",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
]
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_READS = ("read", "vread", "history-instance", "search-type")
_WRITES = ("create", "update", "delete")
_SEARCH_KIND = {"compartment": "reference"}


def capability_statement(config: Config, started: datetime) -> dict[str, Any]:
    """Return the CapabilityStatement of this server."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(started),
        "kind": "instance",
        "software": {"name": "Sandbox EHR", "version": "1"},
        "implementation": {
            "description": "A small strict EHR with invented people.",
            "url": config.fhir_base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(config),
                "resource": [_resource(resource_type) for resource_type in PARAMETERS],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "searchParam": [{"name": name, "type": kind} for name, kind in COMMON.items()],
            }
        ],
    }


def smart_configuration(config: Config) -> dict[str, Any]:
    """Return the SMART discovery document (SMART App Launch 2.2, Conformance)."""
    document = {
        **_endpoints(config),
        "management_endpoint": f"{config.base_url}/manage",
        "scopes_supported": [*LAUNCH_SCOPES, *_resource_scopes(config)],
        "capabilities": _capabilities(config),
    }
    if config.app_state:
        state = {"url": config.state_base, "capabilities": ["smart-app-state"]}
        document["associated_endpoints"] = [state]
    return document


def _capabilities(config: Config) -> list[str]:
    offered = [f"permission-{version}" for version in sorted(config.permissions)]
    offered += ["context-style"] if config.style else []
    return [*CAPABILITIES, *offered, *(["smart-app-state"] if config.app_state else [])]


def _resource_scopes(config: Config) -> list[str]:
    forms = [("v2", ("cruds",)), ("v1", ("read", "write"))]
    actions = [action for version, known in forms if version in config.permissions for action in known]
    return [f"{context}/*.{action}" for context in ("patient", "user", "system") for action in actions]


def openid_configuration(config: Config) -> dict[str, Any]:
    """Return the OpenID discovery document."""
    return {
        **_endpoints(config),
        "scopes_supported": ["openid", "fhirUser", "profile", "offline_access", "online_access"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [config.id_token_algorithm],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser", "name"],
    }


def _endpoints(config: Config) -> dict[str, Any]:
    auth = f"{config.base_url}/auth"
    return {
        "issuer": config.base_url,
        "jwks_uri": f"{auth}/jwks",
        "authorization_endpoint": f"{auth}/authorize",
        "token_endpoint": config.token_url,
        "introspection_endpoint": f"{auth}/introspect",
        "revocation_endpoint": f"{auth}/revoke",
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "grant_types_supported": GRANTS,
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": CODE_METHODS,
        "authorization_response_iss_parameter_supported": True,
    }


def _security(config: Config) -> dict[str, Any]:
    auth = f"{config.base_url}/auth"
    uris = {
        "authorize": f"{auth}/authorize",
        "token": config.token_url,
        "introspect": f"{auth}/introspect",
        "revoke": f"{auth}/revoke",
    }
    return {
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [{"url": name, "valueUri": value} for name, value in uris.items()],
            }
        ],
        "service": [{"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
    }


def _resource(resource_type: str) -> dict[str, Any]:
    owned = resource_type in OWNED
    writes = ("create",) if resource_type in ADDED_ONLY else _WRITES
    interactions = _READS if owned else (*_READS, *writes)
    parameters = PARAMETERS[resource_type]
    includes = [f"{resource_type}:{name}" for name, one in parameters.items() if one.kind == "reference"]
    described: dict[str, Any] = {
        "type": resource_type,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned" if owned else "versioned-update",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": not owned,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchParam": [
            {"name": name, "type": _SEARCH_KIND.get(one.kind, one.kind)} for name, one in parameters.items()
        ],
    }
    return described | ({"searchInclude": includes} if includes else {})
