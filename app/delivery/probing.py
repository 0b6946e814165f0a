"""Asks one registered EHR what it is and what it grants us, and puts the answers into a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import requests

from app.delivery.capability import Override
from app.delivery.probe import OPENING, Subject, lines
from app.delivery.probed import Line, Report, Token, line
from smart_launch.backend import backend_token
from smart_launch.discovery import discover, read_metadata
from smart_launch.fhir_client import FhirTrouble
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey
from smart_launch.profile import EhrProfile
from smart_launch.refusal import InsecureIssuer, LaunchRefused
from smart_launch.token_care import introspect, revoke

REACHING = "Reaching it"


def probe(
    http: requests.Session, issuer: Issuer, override: Override, key: ClientKey, now: datetime
) -> Report:
    """Read smart-configuration and /metadata of a registered EHR and ask it for a token where a backend
    client is registered. Never raises for what the EHR does: each trouble is a line of the report."""
    try:
        profile = discover(http, issuer, now)
    except LaunchRefused as refused:
        return _halfway(http, issuer, override, refused, now)
    token = _token(http, issuer, profile, key, now)
    found = lines(Subject(issuer, profile, override, key.alg, token))
    return Report(issuer.id, issuer.iss, (*_reached(profile), *found), profile.fhir.software)


def _reached(profile: EhrProfile) -> Iterator[Line]:
    if profile.capabilities is None:
        why = "It has none; the addresses for sign-in stand in its /metadata."
        yield line(REACHING, "smart-configuration", "otherwise", why)
    else:
        yield line(REACHING, "smart-configuration", "works", f"{len(profile.capabilities)} capabilities.")
    if profile.metadata_read:
        yield line(
            REACHING, "metadata", "works", f"FHIR {profile.fhir.fhir_version or 'of no stated version'}."
        )
    else:
        why = "It could not be read; what the EHR takes is not known."
        yield line(REACHING, "metadata", "unknown", why, "Open the address /metadata below the FHIR base.")


def _halfway(
    http: requests.Session, issuer: Issuer, override: Override, refused: LaunchRefused, now: datetime
) -> Report:
    """The report where no launch is possible: why, and what /metadata says all the same."""
    stopped = line(REACHING, "smart-configuration", "not", refused.message, refused.what_to_do, True)
    facts = None if isinstance(refused, InsecureIssuer) else read_metadata(http, issuer)
    if facts is None:
        return Report(issuer.id, issuer.iss, (stopped,), reached=False)
    profile = EhrProfile(issuer.id, now, fhir=facts, metadata_read=True)
    rest = lines(Subject(issuer, profile, override))
    from_metadata = tuple(one for one in rest if one.area in {"Reading", "Writing", "What is delivered"})
    nothing = line(OPENING, "Launch from the chart", "not", "See above.", refused.what_to_do, True)
    return Report(issuer.id, issuer.iss, (stopped, nothing, *from_metadata), facts.software)


def _token(
    http: requests.Session, issuer: Issuer, profile: EhrProfile, key: ClientKey, now: datetime
) -> Token | None:
    """Ask for a token, ask what it is worth, and give it back."""
    if issuer.backend_client_id is None:
        return None
    try:
        token = backend_token(http, issuer, profile, key, now)
    except FhirTrouble as trouble:
        return Token(False, words=str(trouble))
    own = replace(issuer, client_id=issuer.backend_client_id, auth_method="private_key_jwt")
    said = introspect(http, own, profile, key, token.access_token, now)
    offered = profile.introspection_endpoint is not None
    revoked = revoke(http, own, profile, key, token.access_token, "access_token", now)
    return Token(
        True,
        token.scope,
        introspected=(said is not None and said.active) if offered else None,
        revoked=revoked,
    )
