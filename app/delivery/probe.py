"""What will work at an EHR, what will not and why, judged from what it says of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.delivery.capability import Override
from app.delivery.probe_records import reading, writing
from app.delivery.probed import Line, Token, line
from smart_launch import scopes
from smart_launch.issuers import Issuer
from smart_launch.profile import EhrProfile

OPENING, SCOPES, OWN, EXTRA = "Opening", "Scopes and staying open", "For itself", "Where offered"
Stated = Literal["works", "not", "unknown"]


@dataclass(frozen=True)
class Subject:
    """The EHR that is judged: its registration, what it says, what the operator allows, the algorithm of our
    key there, and what became of asking for a token (None where none was asked for)."""

    issuer: Issuer
    profile: EhrProfile
    override: Override
    key_alg: str | None = None
    token: Token | None = None


def lines(subject: Subject) -> tuple[Line, ...]:
    """Every function with its answer, in the order in which an installation meets them."""
    granted = subject.token.granted if subject.token else ()
    granted = granted or subject.issuer.backend_scopes
    return (
        *_opening(subject),
        *_client(subject),
        *_scopes(subject.issuer, subject.profile),
        *_own(subject),
        *reading(subject.profile.fhir, subject.issuer.scopes),
        *writing(subject.profile.fhir, granted, subject.override),
        *_extra(subject.profile, subject.token),
    )


def _opening(subject: Subject) -> Iterator[Line]:
    profile = subject.profile
    yield _capability(
        profile, OPENING, "Launch from the chart", "launch-ehr", "Ask the EHR to switch on launches.", True
    )
    yield _capability(
        profile, OPENING, "Launch in a window of its own", "launch-standalone",
        "People whose browser refuses the cookie in the frame cannot open a window instead.",
    )  # fmt: skip
    yield _pkce(profile)
    yield _who(subject.issuer, profile)
    yield _capability(
        profile, OPENING, "The person of the chart", "context-ehr-patient",
        "Ask the EHR to hand over the patient at launch: without one only the worklists open.",
    )  # fmt: skip
    yield _capability(
        profile, OPENING, "The visit that is open", "context-ehr-encounter", "Notes stand beside the visit."
    )
    yield _capability(
        profile, OPENING, "The person's banner", "context-banner", "Peerchart shows its own banner always."
    )
    yield _capability(
        profile, OPENING, "The EHR's colours", "context-style", "Peerchart keeps its own colours."
    )


def _capability(
    profile: EhrProfile, area: str, function: str, word: str, next_step: str, essential: bool = False
) -> Line:
    stated = profile.states(word)
    if stated is None:
        return line(
            area, function, "unknown", "The EHR states no capabilities.", "Try one launch.", essential
        )
    if stated:
        return line(area, function, "works", f"It states {word}.")
    return line(area, function, "not", f"It does not state {word}.", next_step, essential)


def _pkce(profile: EhrProfile) -> Line:
    methods, function = profile.code_challenge_methods, "Sign-in bound to one browser (PKCE)"
    if methods is None:
        why = "It states no method; Peerchart sends S256 all the same."
        return line(OPENING, function, "unknown", why, "Try one launch.")
    if "S256" in methods:
        return line(OPENING, function, "works", "It states S256.")
    return line(
        OPENING, function, "not", f"It states {_listed(methods)} and not S256.", "Ask the EHR for S256.", True
    )


def _who(issuer: Issuer, profile: EhrProfile) -> Line:
    function = "Who signs in"
    lacking = [one for one in ("openid", "fhirUser") if one not in issuer.scopes]
    if lacking:
        why = f"{_listed(lacking)} is not asked for, so nobody could be told apart."
        return line(OPENING, function, "not", why, f"Add {_listed(lacking)} to the scopes.", True)
    if profile.states("sso-openid-connect") is False:
        return line(
            OPENING, function, "not", "It does not state sso-openid-connect, so nobody could be told apart.",
            "Ask the EHR for OpenID Connect with fhirUser.", True,
        )  # fmt: skip
    if profile.jwks_uri is None:
        why = "It names no address of its keys, so no id_token can be checked."
        return line(OPENING, function, "not", why, "Ask the EHR for jwks_uri.", True)
    return line(OPENING, function, "works", "OpenID Connect, with the address of its keys.")


def _client(subject: Subject) -> Iterator[Line]:
    issuer, profile = subject.issuer, subject.profile
    function, methods = f"Our proof ({issuer.auth_method})", profile.auth_methods
    by_capability = {
        "private_key_jwt": "client-confidential-asymmetric",
        "client_secret_basic": "client-confidential-symmetric",
        "none": "client-public",
    }[issuer.auth_method]
    if (methods is not None and issuer.auth_method in methods) or profile.states(by_capability):
        yield line(OPENING, function, "works", "It states this method.")
    elif methods is None and profile.capabilities is None:
        yield line(OPENING, function, "unknown", "It states no methods.", "Try one launch.")
    else:
        yield line(
            OPENING, function, "not", f"It states {_listed(methods or ())}.",
            f"Register again with another auth_method: peerchart issuers add (see {issuer.id}).", True,
        )  # fmt: skip
    if issuer.auth_method == "private_key_jwt" or issuer.backend_client_id:
        yield _algorithm(subject)


def _algorithm(subject: Subject) -> Line:
    stated, function = subject.profile.assertion_algorithms, f"Our key's algorithm ({subject.key_alg})"
    if stated is None:
        why = "It does not state its algorithms; servers know RS384 or ES384."
        return line(OPENING, function, "unknown", why, "If tokens are refused, try the other one.")
    if subject.key_alg in stated:
        return line(OPENING, function, "works", "It states this algorithm.")
    other = next((alg for alg in ("ES384", "RS384") if alg in stated), None)
    fix = f"Run: peerchart keys rotate {subject.issuer.id} --purpose client --alg {other}"
    why = f"It states {_listed(stated)}."
    return line(OPENING, function, "not", why, fix if other else "Ask the EHR for RS384 or ES384.", True)


def _scopes(issuer: Issuer, profile: EhrProfile) -> Iterator[Line]:
    v2 = scopes.speaks_v2(profile)
    stated = profile.states("permission-v2") or profile.states("permission-v1")
    how = "It states so." if stated else "It states neither form; this one fits what else it states."
    yield line(
        SCOPES, f"Scopes in SMART {'v2' if v2 else 'v1'} form", "works" if stated else "otherwise", how
    )
    narrowed = [one for one in issuer.scopes if "?" in one]
    if narrowed and not v2:
        yield line(
            SCOPES, "Scopes for a part of a resource", "otherwise",
            f"v1 cannot say {_listed(narrowed)}: the whole resource is asked for.",
        )  # fmt: skip
    yield _asked(issuer, profile, v2)
    yield _refresh(issuer, profile)
    yield _capability(
        profile, SCOPES, "Sign-in by form (many scopes)", "authorize-post",
        "The address must hold them all, which long lists may not fit.",
    )  # fmt: skip


def _asked(issuer: Issuer, profile: EhrProfile, v2: bool) -> Line:
    function, supported = "The scopes that are asked for", profile.scopes_supported
    listed = [one for one in supported or () if scopes.parse(one)]
    if not listed:
        why = "It lists no scopes of resources; what it grants shows at launch."
        return line(SCOPES, function, "unknown", why, "Try one launch.")
    wanted = [one for one in (*issuer.scopes, *issuer.backend_scopes) if scopes.parse(one)]
    lacking = scopes.missing(scopes.render(wanted, v2), listed)
    if not lacking:
        return line(SCOPES, function, "works", "It lists all of them.")
    return line(
        SCOPES, function, "otherwise", f"It does not list {_listed(lacking)}.",
        "What is not granted is shown as missing where it is needed; ask the EHR if it should be there.",
    )  # fmt: skip


def _refresh(issuer: Issuer, profile: EhrProfile) -> Line:
    function = "Renewing the permission (refresh)"
    wanted = next((one for one in ("offline_access", "online_access") if one in issuer.scopes), None)
    if wanted is None:
        why = "It is not asked for: a launch ends with its first token."
        return line(SCOPES, function, "otherwise", why, "Add online_access to the scopes if it is wanted.")
    word = f"permission-{wanted.partition('_')[0]}"
    grants = profile.grant_types
    if profile.states(word) is False:
        return line(SCOPES, function, "not", f"It does not state {word}.", "People open Peerchart again.")
    if grants is not None and "refresh_token" not in grants:
        why = "It states the permission, but not the grant refresh_token."
        return line(SCOPES, function, "unknown", why, "Try one launch.")
    if profile.states(word) is None:
        return line(SCOPES, function, "unknown", "The EHR states no capabilities.", "Try one launch.")
    return line(SCOPES, function, "works", f"It states {word}.")


def _own(subject: Subject) -> Iterator[Line]:
    function, issuer, token = "Delivery with its own token", subject.issuer, subject.token
    if issuer.backend_client_id is None:
        yield line(
            OWN, function, "not", "No backend client is registered here.",
            "Ask the EHR for a backend client; then register backend_client_id and backend_scopes.", True,
        )  # fmt: skip
        return
    grants = subject.profile.grant_types
    if grants is not None and "client_credentials" not in grants and not (token and token.works):
        yield line(
            OWN, function, "not", "It does not state the grant client_credentials.",
            "Ask the EHR for backend services.", True,
        )  # fmt: skip
    if token is None:
        yield line(OWN, "A token", "unknown", "None was asked for.", "Run probe with a token.", True)
    elif not token.works:
        yield line(OWN, "A token", "not", token.words, _token_step(issuer), True)
    else:
        yield line(OWN, "A token", "works", "One was asked for and granted.")
        yield from _granted(issuer, token)


def _granted(issuer: Issuer, token: Token) -> Iterator[Line]:
    lacking = scopes.missing(issuer.backend_scopes, token.granted)
    if lacking:
        yield line(
            OWN, "Its scopes", "not", f"It did not grant {_listed(lacking)}.",
            "Ask the EHR to grant these to the backend client.",
        )  # fmt: skip
    else:
        yield line(OWN, "Its scopes", "works", "All that were asked for were granted.")


def _token_step(issuer: Issuer) -> str:
    return (
        f"Give the EHR the address of our public keys (peerchart issuers sheet {issuer.id}) and compare the "
        "backend client's id."
    )


def _extra(profile: EhrProfile, token: Token | None) -> Iterator[Line]:
    yield _address(
        "Our settings kept at the EHR (app state)", profile.app_state_base, "Settings are kept here alone."
    )
    yield _tried(
        "Asking what a token is worth (introspection)",
        profile.introspection_endpoint,
        token.introspected if token else None,
        "A token is believed until it ends.",
    )
    yield _tried(
        "Ending a token at sign-out (revocation)",
        profile.revocation_endpoint,
        token.revoked if token else None,
        "A token is forgotten here and ends by itself.",
    )


def _address(function: str, address: str | None, without: str) -> Line:
    if address is None:
        return line(EXTRA, function, "not", "It names no address for it.", without)
    return line(EXTRA, function, "works", f"It names {address}.")


def _tried(function: str, address: str | None, came: bool | None, without: str) -> Line:
    if address is None or came is None:
        return _address(function, address, without)
    if came:
        return line(EXTRA, function, "works", "It was tried with our own token.")
    return line(EXTRA, function, "not", "It names an address, but the trial failed.", without)


def _listed(words: object) -> str:
    found = sorted(words) if isinstance(words, frozenset | set) else list(words)  # type: ignore[call-overload]
    shown = ", ".join(found[:8]) or "none"
    return f"{shown} and {len(found) - 8} more" if len(found) > 8 else shown
