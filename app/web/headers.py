"""The headers of every answer: nothing cached, nothing from elsewhere, framed by that launch's EHR only."""

from __future__ import annotations

import re

from flask import Flask, Response, g, request

from app.web.kit import kit
from app.web.registry import frame_origins

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", PERMISSIONS),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d{1,5})?")
KEY_SETS = ("pages.client_keys", "pages.client_keys_of", "pages.seal_keys")


def install(app: Flask) -> None:
    """Put the headers on every answer of an application."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    origins = _origins()
    # The form of a launch goes to the EHR's sign-in, which may lead on to any sign-in page of its own.
    csp = CSP.replace("form-action 'self'", f"form-action {g.form_action}") if "form_action" in g else CSP
    if "style_hash" in g:
        csp = csp.replace("style-src 'self'", f"style-src 'self' '{g.style_hash}'")
    response.headers["Content-Security-Policy"] = csp + (" ".join(origins) or "'none'")
    # No page says anything of these itself.
    response.headers.extend(ALWAYS)
    if not origins:
        response.headers["X-Frame-Options"] = "DENY"
    if kit().settings.base_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=86400"
    elif "kept_seconds" in g and response.status_code == 200:
        response.headers["Cache-Control"] = f"private, max-age={g.kept_seconds}"
    elif request.endpoint not in KEY_SETS or response.status_code != 200:
        response.headers["Cache-Control"] = "no-store"
    return response


def _origins() -> list[str]:
    """The origins that may frame this answer: those registered for the launch's EHR, or for the EHR that a
    launch is on its way with, so that a refusal can be read inside its frame."""
    launch = g.get("launch")
    issuer = launch.issuer if launch else g.get("frame_issuer")
    if not issuer:
        return []
    known = g.frame_origins if "frame_origins" in g else frame_origins(issuer)
    return [origin for origin in known if _ORIGIN.fullmatch(origin)]
