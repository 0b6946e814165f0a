"""The SMART App Launch as the app sees it: begin, finish, refresh."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

import requests
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from smart_launch import context as contexts
from smart_launch import scopes
from smart_launch.context import FhirContextItem, LaunchContext
from smart_launch.id_token import Expected, KeySets, verified_claims
from smart_launch.issuers import Issuer, require_secure
from smart_launch.keys import ClientKey, algorithm_for, new_jti
from smart_launch.profile import EhrProfile
from smart_launch.refusal import InsecureIssuer, LaunchRefused, UnknownIssuer
from smart_launch.token_endpoint import (
    Client,
    TokenAnswer,
    TokenRefused,
    TokenUnreadable,
    one_line,
    request_token,
)
from smart_launch.wire import Lost, NotSent

__all__ = [
    "FhirContextItem",
    "InsecureIssuer",
    "KeySets",
    "LaunchContext",
    "LaunchRefused",
    "PendingLaunch",
    "UnknownIssuer",
    "begin",
    "finish",
    "refresh",
]

PENDING_LIFE = timedelta(minutes=10)
MAX_PARAMETER = 16 * 1024

_REOPEN = "Close this window and open Peerchart from the chart again."
_TELL = "If it goes on, tell your administrator."


@dataclass(frozen=True)
class PendingLaunch:
    """A launch on its way through the EHR's sign-in, to be kept on the server, bound to the browser, and
    used once. Times are aware."""

    issuer_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)

    def to_json(self) -> str:
        """The pending launch with its secrets as JSON text, to be kept encrypted."""
        return json.dumps(vars(self), default=datetime.isoformat)

    @staticmethod
    def from_json(text: str) -> "PendingLaunch":
        """The pending launch that `to_json` wrote."""
        stored = json.loads(text)
        times = {name: datetime.fromisoformat(stored[name]) for name in ("created_at", "expires_at")}
        return PendingLaunch(**{**stored, **times, "scopes": tuple(stored["scopes"])})


def _random() -> str:
    return secrets.token_urlsafe(32)


def begin(
    issuer: Issuer,
    profile: EhrProfile,
    launch: str | None,
    now: datetime,
    random: Callable[[], str] = _random,
) -> tuple[PendingLaunch, str]:
    """Begin a launch at `now` (aware): the pending launch to keep and the address to send the browser to.
    `launch` is the EHR's opaque value, None for a standalone launch; `random` gives at least 43 URL-safe
    characters, new each time. PKCE S256 always, stated by the EHR or not (SMART App Launch 2.2)."""
    require_secure(issuer)
    if profile.authorization_endpoint is None:
        raise _refuse("smart-not-offered", "This EHR does not say where people sign in.", _TELL)
    wanted = scopes.for_launch(issuer.scopes, launch is not None)
    pending = _pending(issuer, scopes.render(wanted, scopes.speaks_v2(profile)), now, random)
    address: str = prepare_grant_uri(
        profile.authorization_endpoint,
        client_id=issuer.client_id,
        response_type="code",
        redirect_uri=issuer.redirect_uri,
        scope=" ".join(pending.scopes),
        state=pending.state,
        aud=issuer.iss,
        nonce=pending.nonce,
        launch=launch,
        code_challenge=create_s256_code_challenge(pending.code_verifier),
        code_challenge_method="S256",
    )
    return pending, address


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
    jti: Callable[[], str] = new_jti,
) -> LaunchContext:
    """Finish a launch with the parameters of the redirect back: check them, exchange the code, verify the
    id_token. Raises LaunchRefused; whatever it says, the pending launch is spent. `key_sets` keeps the
    EHR's public keys between launches."""
    code = _checked_code(issuer, profile, pending, params, now)
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "code_verifier": pending.code_verifier,
    }
    answer = _token(http, issuer, profile, key, grant, now, jti)
    expected = Expected(_oidc_issuer(issuer, profile), issuer.client_id, nonce=pending.nonce)
    claims = _claims(http, profile, answer, expected, now, key_sets)
    context = _context(issuer, answer, pending.scopes, claims)
    _require_person(pending, claims, context)
    return context


def refresh(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    context: LaunchContext,
    now: datetime,
    *,
    key_sets: KeySets | None = None,
    jti: Callable[[], str] = new_jti,
) -> LaunchContext:
    """The same launch with a new access token, and the rotated refresh token when the EHR gave one: keep the
    result before using it, and ask once at a time for each launch. Raises LaunchRefused: after
    `refresh-refused`, `refresh-lost` (the EHR may have rotated the token in an answer that never came) and
    `patient-changed` the person has to open Peerchart again; after `ehr-unreachable` the same token may be
    tried later."""
    if context.issuer_id != issuer.id or context.refresh_token is None:
        raise _refuse("refresh-refused", "The EHR's permission for this session has ended.", _REOPEN)
    grant = {"grant_type": "refresh_token", "refresh_token": context.refresh_token}
    answer = _token(http, issuer, profile, key, grant, now, jti)
    if answer.text("id_token"):
        same_person = Expected(
            _oidc_issuer(issuer, profile), issuer.client_id, subject=context.subject, renewal=True
        )
        _claims(http, profile, answer, same_person, now, key_sets)
    try:
        patient = contexts.fhir_id(answer.members, "patient")
        renewed = contexts.renewed(context, answer)
    except TokenUnreadable as error:
        raise _unreadable(error) from error
    if patient is not None and patient != context.patient:
        raise _refuse("patient-changed", "The EHR now has another patient in view than this window.", _REOPEN)
    return renewed


def _pending(
    issuer: Issuer, wanted: tuple[str, ...], now: datetime, random: Callable[[], str]
) -> PendingLaunch:
    state, nonce, verifier = random(), random(), random()
    if min(len(state), len(nonce), len(verifier)) < 43 or len({state, nonce, verifier}) < 3:
        raise ValueError("random must give at least 43 characters, new each time")
    return PendingLaunch(
        issuer_id=issuer.id,
        redirect_uri=issuer.redirect_uri,
        scopes=wanted,
        created_at=now,
        expires_at=now + PENDING_LIFE,
        state=state,
        nonce=nonce,
        code_verifier=verifier,
    )


def _checked_code(
    issuer: Issuer, profile: EhrProfile, pending: PendingLaunch, params: Mapping[str, str], now: datetime
) -> str:
    state = params.get("state", "")
    if not compare_digest(state.encode(), pending.state.encode()) or pending.issuer_id != issuer.id:
        raise _refuse(
            "wrong-state",
            "This answer does not belong to a launch that was begun in this browser.",
            _REOPEN,
        )
    # RFC 9207: an answer that names its sender must name the one that was asked.
    sender = params.get("iss")
    if sender is not None and sender != _oidc_issuer(issuer, profile):
        raise _refuse(
            "wrong-issuer", "The answer came from another EHR than the one that was asked.", _REOPEN
        )
    if not pending.created_at <= now < pending.expires_at:
        raise _refuse("expired-pending", "Signing in took longer than ten minutes.", _REOPEN)
    if "error" in params:
        raise _ehr_error(params)
    code = params.get("code", "")
    if not code or len(code) > MAX_PARAMETER:
        raise _refuse("code-missing", "The EHR's answer is not complete: it holds no code.", _REOPEN)
    return code


def _token(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    grant: Mapping[str, str],
    now: datetime,
    jti: Callable[[], str],
) -> TokenAnswer:
    if profile.issuer_id != issuer.id or profile.token_endpoint is None:
        raise _refuse("smart-not-offered", "This EHR does not say where tokens are given.", _TELL)
    try:
        client = Client(issuer.client_id, issuer, key, issuer.auth_method)
        return request_token(http, profile.token_endpoint, client, now, grant, jti)
    except NotSent as error:
        raise _unreachable(str(error)) from error
    except Lost as error:
        raise _lost(error, grant["grant_type"]) from error
    except TokenUnreadable as error:
        raise _unreadable(error) from error
    except TokenRefused as error:
        raise _token_refusal(error, grant["grant_type"], _other_algorithm(issuer, profile, key)) from error


def _claims(
    http: requests.Session,
    profile: EhrProfile,
    answer: TokenAnswer,
    expected: Expected,
    now: datetime,
    key_sets: KeySets | None,
) -> Mapping[str, Any] | None:
    token = answer.text("id_token")
    if token is None:
        return None
    return verified_claims(http, token, profile.jwks_uri, expected, now, key_sets or KeySets())


def _context(
    issuer: Issuer, answer: TokenAnswer, requested: tuple[str, ...], claims: Mapping[str, Any] | None
) -> LaunchContext:
    try:
        return contexts.from_answer(issuer, answer, requested, claims)
    except TokenUnreadable as error:
        raise _unreadable(error) from error


def _require_person(pending: PendingLaunch, claims: Mapping[str, Any] | None, context: LaunchContext) -> None:
    if "openid" not in pending.scopes:
        return
    if claims is None:
        raise _refuse("id-token-missing", "The EHR did not say who you are.", f"{_REOPEN} {_TELL}")
    if "fhirUser" in pending.scopes and context.fhir_user is None:
        raise _refuse(
            "no-fhir-user",
            "The EHR did not say which practitioner you are.",
            "Ask the administrator of your EHR to link your sign-in to your practitioner record.",
        )


def _oidc_issuer(issuer: Issuer, profile: EhrProfile) -> str:
    return profile.oidc_issuer or issuer.iss


def _ehr_error(params: Mapping[str, str]) -> LaunchRefused:
    words = one_line(f"{params['error']}: {params.get('error_description', '')}".rstrip(": "))
    denied = params["error"] == "access_denied"
    message = "Access was declined in the EHR." if denied else "The EHR did not let Peerchart in."
    return LaunchRefused("ehr-error", message, f"{_REOPEN} {_TELL}", words)


def _other_algorithm(issuer: Issuer, profile: EhrProfile, key: ClientKey | None) -> str:
    """What to do about a key of an algorithm that the server does not state; blank where that is not it. A
    key is never changed by itself: the EHR may hold a copy of it."""
    wanted = algorithm_for(issuer.key_alg, profile.assertion_algorithms)
    if key is None or key.alg == wanted or issuer.auth_method != "private_key_jwt":
        return ""
    return f" Our key is for {key.alg}, the EHR takes {wanted}: make one by `keys rotate --alg {wanted}`."


def _token_refusal(error: TokenRefused, grant_type: str, about_the_key: str = "") -> LaunchRefused:
    if error.busy:
        return _unreachable(f"it answered with status {error.status}", error.words)
    if error.error in {"invalid_client", "unauthorized_client"} or error.status in {401, 403}:
        return LaunchRefused(
            "client-refused",
            "The EHR does not accept Peerchart as a registered application.",
            "Tell your administrator: client id, key or secret do not match the EHR's registration."
            + about_the_key,
            error.words,
        )
    if grant_type == "refresh_token":
        return LaunchRefused(
            "refresh-refused", "The EHR's permission for this session has ended.", _REOPEN, error.words
        )
    message = "The EHR did not accept the code of this launch; it may have been used already."
    return LaunchRefused("code-refused", message, _REOPEN, error.words)


def _unreachable(why: str, words: str = "") -> LaunchRefused:
    return LaunchRefused(
        "ehr-unreachable",
        f"The EHR could not be reached: {why}.",
        f"Wait a few minutes. {_REOPEN} {_TELL}",
        words,
    )


def _lost(error: Lost, grant_type: str) -> LaunchRefused:
    if grant_type != "refresh_token":
        return _unreachable(str(error))
    return _refuse(
        "refresh-lost", "The EHR's answer was lost while its permission was being renewed.", _REOPEN
    )


def _unreadable(error: TokenUnreadable) -> LaunchRefused:
    return _refuse("ehr-answer-unreadable", f"The EHR answered, but {error}.", f"{_REOPEN} {_TELL}")


def _refuse(code: Any, message: str, what_to_do: str) -> LaunchRefused:
    return LaunchRefused(code, message, what_to_do)
