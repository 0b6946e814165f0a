"""The registered EHRs as the pages ask for them."""

from __future__ import annotations

from app import registry
from app.web.kit import kit
from smart_launch.issuers import Issuer, Registry


def registered() -> Registry:
    """Every registered EHR, read afresh: a change takes effect with the next launch."""
    with kit().store.read() as session:
        return registry.registered(session, kit().keyring)


def issuer_of(issuer_id: str) -> Issuer:
    """One registered EHR by its id; raises UnknownIssuer."""
    return registered().by_id(issuer_id)


def frame_origins(issuer_id: str) -> tuple[str, ...]:
    """The origins that may frame the pages of this EHR's launches; none for one that is not registered."""
    with kit().store.read() as session:
        return registry.frame_origins_of(session, issuer_id)
