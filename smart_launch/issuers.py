"""The registered EHRs. Nothing is ever requested from an address that is not in this registry."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from smart_launch import addresses
from smart_launch.keys import Algorithm
from smart_launch.refusal import InsecureIssuer, UnknownIssuer

AuthMethod = Literal["private_key_jwt", "client_secret_basic", "none"]


@dataclass(frozen=True)
class Issuer:
    """One registered EHR. `iss` is its FHIR base; `scopes` are written in SMART v2 form; `endpoint_hosts`
    names the hosts (`host` or `host:port`) besides that of `iss` on which its authorization server may be;
    `key_alg` is the algorithm that it registered for our key."""

    id: str
    iss: str
    client_id: str
    auth_method: AuthMethod
    redirect_uri: str
    scopes: tuple[str, ...]
    frame_origins: tuple[str, ...] = ()
    jurisdiction: str = ""
    backend_client_id: str | None = None
    backend_scopes: tuple[str, ...] = ()
    client_secret: str | None = field(default=None, repr=False)
    key_id: str | None = None
    endpoint_hosts: tuple[str, ...] = ()
    key_alg: Algorithm | None = None

    @property
    def base(self) -> str:
        """The FHIR base without a trailing slash."""
        return self.iss.removesuffix("/")


@dataclass(frozen=True)
class Registry:
    """The registered EHRs of one installation."""

    issuers: tuple[Issuer, ...]

    def by_iss(self, iss: str) -> Issuer:
        """The issuer of this FHIR base; raises as the function `by_iss` does."""
        return by_iss(self.issuers, iss)

    def by_id(self, issuer_id: str) -> Issuer:
        """The issuer of this id; raises UnknownIssuer."""
        for issuer in self.issuers:
            if issuer.id == issuer_id:
                return issuer
        raise UnknownIssuer


def by_iss(registry: Sequence[Issuer], iss: str) -> Issuer:
    """The registered EHR whose FHIR base is letter for letter this `iss`, one trailing slash aside. Raises
    UnknownIssuer, or InsecureIssuer for plain http off this machine; neither does any input or output."""
    wanted = iss.removesuffix("/")
    for issuer in registry:
        if issuer.base == wanted:
            return require_secure(issuer)
    raise UnknownIssuer


def require_secure(issuer: Issuer) -> Issuer:
    """The same issuer, or InsecureIssuer when its base is not https and not on this machine."""
    if not addresses.is_secure(issuer.iss):
        raise InsecureIssuer
    return issuer


def endpoint_allowed(issuer: Issuer, address: str) -> bool:
    """True when an address found in the EHR's own metadata is one that tokens and codes may be sent to:
    the origin of `iss`, or a host pinned at registration, over https (plain http on this machine only)."""
    if not addresses.is_secure(address):
        return False
    if addresses.origin(address) == addresses.origin(issuer.iss):
        return True
    return _host_and_port(address) in {_pinned(host) for host in issuer.endpoint_hosts}


def _pinned(host: str) -> tuple[str, int]:
    parts = urlsplit(f"https://{host}")
    return parts.hostname or "", parts.port or 443


def _host_and_port(address: str) -> tuple[str, int]:
    _, host, port = addresses.origin(address) or ("", "", 0)
    return host, port
