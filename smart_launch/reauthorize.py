"""Signing in again: a small authorization that shows that the person at the screen is still who launched.

Source: OpenID Connect Core 1.0 section 3.1.2.1 (`prompt`, `max_age`) and section 2 (`auth_time`, required
when `max_age` was asked for); SMART App Launch 2.2, "Scopes for requesting identity data".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import requests
from authlib.common.urls import add_params_to_uri

from smart_launch import launch
from smart_launch.id_token import KeySets
from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey
from smart_launch.launch import PendingLaunch
from smart_launch.profile import EhrProfile
from smart_launch.refusal import LaunchRefused

SCOPES = ("openid", "fhirUser")
# The clocks of the EHR and of this machine may differ by this much.
LEEWAY = timedelta(seconds=30)


@dataclass(frozen=True)
class SignedInAgain:
    """Who signed in and when (aware, by the EHR's clock); `patient` only where the EHR names one unasked."""

    fhir_user: str
    subject: str
    patient: str | None
    at: datetime


def begin(issuer: Issuer, profile: EhrProfile, now: datetime) -> tuple[PendingLaunch, str]:
    """Ask for a fresh sign-in: what to keep, and the address of the EHR's sign-in page. Nothing but the
    identity is asked for: no chart, no lasting permission. Raises LaunchRefused as `launch.begin` does."""
    pending, address = launch.begin(replace(issuer, scopes=SCOPES), profile, None, now)
    asked: str = add_params_to_uri(address, [("prompt", "login"), ("max_age", "0")])
    return pending, asked


def finish(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    pending: PendingLaunch,
    params: Mapping[str, str],
    now: datetime,
    *,
    key_sets: KeySets | None = None,
) -> SignedInAgain:
    """Who signed in, once the answer and the id_token hold as in a launch, and auth_time lies after the
    moment the person was sent there. The access token of the answer is dropped. Raises LaunchRefused, of
    code `id-token-invalid` when the EHR let somebody in by an older sign-in."""
    context = launch.finish(http, issuer, profile, key, pending, params, now, key_sets=key_sets)
    at = _fresh(context.signed_in_at, pending.created_at, now)
    return SignedInAgain(context.fhir_user or "", context.subject or "", context.patient, at)


def _fresh(stated: int | None, sent_at: datetime, now: datetime) -> datetime:
    if stated is None:
        raise _refuse("the EHR did not say when you signed in")
    try:
        at = datetime.fromtimestamp(stated, UTC)
    except (OverflowError, ValueError, OSError):
        raise _refuse("the EHR gave a time of sign-in that cannot be read") from None
    if at + LEEWAY < sent_at:
        raise _refuse("the EHR did not ask you to sign in again but took an older sign-in")
    if at - LEEWAY > now:
        raise _refuse("the time of sign-in lies in the future; the clocks of the EHR and of Peerchart differ")
    return at


def _refuse(why: str) -> LaunchRefused:
    return LaunchRefused(
        "id-token-invalid",
        f"Your sign-in was not accepted as a fresh one: {why}.",
        "Try once more. If it goes on, tell your administrator.",
    )
