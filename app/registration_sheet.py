"""The registration sheet: what an EHR's app gallery asks for when Peerchart is registered there. Pure."""

from __future__ import annotations

from typing import Any

from app.ehr_uses import READ, STAFF_READ, WRITTEN, Use, why
from app.settings import Settings
from smart_launch import scopes
from smart_launch.issuers import Issuer

TYPES = {
    "private_key_jwt": "confidential, asymmetric (private_key_jwt)",
    "client_secret_basic": "confidential, symmetric (client_secret_basic)",
    "none": "public (PKCE)",
}
CONTACTS = {
    "operator_name": "Run by",
    "contact_name": "Contact",
    "contact_email": "E-mail",
    "contact_phone": "Telephone",
    "security_email": "For security matters",
    "privacy_url": "Privacy notice",
    "terms_url": "Terms of use",
}
KEPT = (
    "Notes, plan entries, admissions and claims with their signatures, for as long as the law of the place "
    "asks; they are never changed after signing.",
    "Of the chart only what a note or a claim needs: name, birth date, record number, payer and member "
    "number, diagnosis codes.",
    "Access and refresh tokens, encrypted, until the launch ends; never in a cookie, a page, an address or a "
    "log.",
    "An audit trail of who did what and when, by ids, to which is only ever added.",
    "Everything stays on the machines of whoever runs this installation; it goes to nobody but this EHR and, "
    "with a claim that was released, the payer.",
)
FRAME = (
    "Opens inside the EHR's frame. Its pages may be framed by the registered origins only "
    "(Content-Security-Policy frame-ancestors).",
    "One cookie for each launch: __Host-, Secure, HttpOnly, SameSite=None, Partitioned. Where a browser "
    "refuses it, Peerchart offers a window of its own.",
    "No script, font or picture of another host is loaded.",
)


def sheet(issuer: Issuer, settings: Settings) -> dict[str, Any]:
    """The sheet of one registered EHR as plain data."""
    base = settings.base_url.rstrip("/")
    return {
        "name": "Peerchart",
        "what": "Peer support notes in the chart: written, signed, co-signed, delivered as FHIR R4, billed.",
        "issuer": issuer.id,
        "fhir_base": issuer.iss,
        "addresses": _addresses(issuer, base),
        "client": _client(issuer),
        "backend_client": _backend(issuer, base),
        "scopes": _scopes(issuer.scopes),
        "backend_scopes": _scopes(issuer.backend_scopes),
        "resources": [_resource(use) for use in (*READ, *WRITTEN, *STAFF_READ) if _asked(issuer, use)],
        "frame": {"origins": list(issuer.frame_origins), "needs": list(FRAME)},
        "data_kept": list(KEPT),
        "contact": {CONTACTS[name]: getattr(settings, name) or _blank(name) for name in CONTACTS},
    }


def open_points(issuer: Issuer, settings: Settings) -> tuple[str, ...]:
    """What is still to be settled before the sheet is handed over, each with what to do."""
    points = [f"{CONTACTS[name]}: {_blank(name)}" for name in CONTACTS if not getattr(settings, name)]
    if issuer.redirect_uri != own_redirect(issuer, settings):
        points.append(
            f"The redirect address {issuer.redirect_uri} is not the one that this installation answers at, "
            f"{own_redirect(issuer, settings)}: set PEERCHART_BASE_URL or register again."
        )
    if not issuer.frame_origins:
        points.append("No frame origins are registered, so the EHR cannot show Peerchart inside its page.")
    if not issuer.base.startswith("https://"):
        points.append("The FHIR base does not use https: that is for this machine alone.")
    return tuple(points)


def own_redirect(issuer: Issuer, settings: Settings) -> str:
    """The redirect address at which this installation answers for the EHR."""
    return f"{settings.base_url.rstrip('/')}/cb/{issuer.id}"


def _addresses(issuer: Issuer, base: str) -> dict[str, str]:
    return {
        "launch": f"{base}/launch",
        "redirect": issuer.redirect_uri,
        "jwks": f"{base}/.well-known/jwks/{issuer.id}.json",
        "seal_keys": f"{base}/.well-known/seal-keys.json",
    }


def _client(issuer: Issuer) -> dict[str, Any]:
    return {
        "client_id": issuer.client_id,
        "type": TYPES[issuer.auth_method],
        "grants": ["authorization_code", *(["refresh_token"] if _refreshes(issuer) else [])],
        "algorithms": _algorithms(issuer) if issuer.auth_method == "private_key_jwt" else [],
        "pkce": "S256, always",
        "launches": ["from the EHR", "standalone"],
    }


def _backend(issuer: Issuer, base: str) -> dict[str, Any] | None:
    if issuer.backend_client_id is None:
        return None
    return {
        "client_id": issuer.backend_client_id,
        "type": TYPES["private_key_jwt"],
        "grants": ["client_credentials"],
        "algorithms": _algorithms(issuer),
        "jwks": f"{base}/.well-known/jwks/{issuer.id}.json",
    }


def _algorithms(issuer: Issuer) -> list[str]:
    return [issuer.key_alg] if issuer.key_alg else ["ES384", "RS384"]


def _refreshes(issuer: Issuer) -> bool:
    return not {"online_access", "offline_access"}.isdisjoint(issuer.scopes)


def _scopes(registered: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "v2": " ".join(scopes.render((one,), v2=True)),
            "v1": " ".join(scopes.render((one,), v2=False)),
            "why": why(one) or "Registered here; Peerchart itself has no use for it.",
        }
        for one in registered
    ]


def _resource(use: Use) -> dict[str, Any]:
    return {
        "resource": use.resource,
        "does": _does(use.letters),
        "searches": list(use.searches),
        "why": use.why,
        "without": use.without,
    }


def _does(letters: str) -> list[str]:
    words = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}
    return [words[letter] for letter in letters]


def _asked(issuer: Issuer, use: Use) -> bool:
    levels = ("system",) if use.level == "system" else ("patient", "user")
    held = (scopes.parse(one) for one in (*issuer.scopes, *issuer.backend_scopes))
    return any(one.resource in ("*", use.resource) for one in held if one and one.level in levels)


def _blank(name: str) -> str:
    return f"to be filled in: set PEERCHART_{name.upper()}"
