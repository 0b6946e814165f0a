"""What an EHR may offer for a token that was given: saying what it is worth, and ending it.

Both are optional: where an EHR does not offer one of them, or it fails, nothing else depends on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote_plus

import requests

from smart_launch.issuers import Issuer
from smart_launch.keys import ClientKey, new_jti
from smart_launch.profile import EhrProfile
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.token_endpoint import FORM, Client
from smart_launch.wire import Answer, Lost, NotSent, ask

Kind = Literal["access_token", "refresh_token"]
MAX_BYTES = 64 * 1024
_PATIENCE = (3.0, 5.0)


@dataclass(frozen=True)
class Introspection:
    """What the EHR says a token is worth; of a token that is over nothing but that is known (RFC 7662)."""

    active: bool
    scope: tuple[str, ...] = ()
    patient: str | None = None
    subject: str | None = None


def revoke(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    token: str,
    kind: Kind,
    now: datetime,
    *,
    jti: Callable[[], str] = new_jti,
) -> bool | None:
    """End a token at the EHR (RFC 7009): True when the EHR said so, False when it failed, None when it offers
    none. Never raises for what the EHR does."""
    if profile.revocation_endpoint is None:
        return None
    try:
        answer = _asked(http, issuer, profile, key, profile.revocation_endpoint, token, kind, now, jti)
    except (NotSent, Lost):
        return False
    return answer.status == 200


def introspect(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    token: str,
    now: datetime,
    *,
    jti: Callable[[], str] = new_jti,
) -> Introspection | None:
    """What the EHR says of a token of ours (RFC 7662); None when it offers no introspection, when it fails,
    or when its answer is none. Never raises for what the EHR does."""
    if profile.introspection_endpoint is None:
        return None
    endpoint = profile.introspection_endpoint
    try:
        answer = _asked(http, issuer, profile, key, endpoint, token, "access_token", now, jti)
        stated = loads_object(answer.body, max_bytes=MAX_BYTES)
    except (NotSent, Lost, UnreadableJson):
        return None
    if answer.status != 200 or not isinstance(stated.get("active"), bool):
        return None
    return _read(stated) if stated["active"] else Introspection(active=False)


def _asked(
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    key: ClientKey | None,
    endpoint: str,
    token: str,
    kind: Kind,
    now: datetime,
    jti: Callable[[], str],
) -> Answer:
    client = Client(issuer.client_id, issuer, key, issuer.auth_method)
    body = f"token={quote_plus(token)}&token_type_hint={kind}"
    # The audience of a client assertion is the token endpoint, wherever it is shown (RFC 7523 section 3).
    auth = client.auth(profile.token_endpoint or endpoint, now, jti)
    _, headers, body = auth.prepare("POST", endpoint, dict(FORM), body)
    return ask(http, "POST", endpoint, headers=headers, body=body, max_bytes=MAX_BYTES, timeout=_PATIENCE)


def _read(stated: dict[str, Any]) -> Introspection:
    scope = stated.get("scope")
    return Introspection(
        active=True,
        scope=tuple(scope.split()) if isinstance(scope, str) else (),
        patient=_text(stated.get("patient")),
        subject=_text(stated.get("sub")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None
