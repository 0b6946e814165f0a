"""What a launch brought: who, for whom, for how long, with which rights."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from smart_launch import addresses, scopes
from smart_launch.issuers import Issuer
from smart_launch.token_endpoint import TokenAnswer, TokenUnreadable

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
USER_TYPES = ("Practitioner", "PractitionerRole", "RelatedPerson", "Person", "Patient")
_USER = re.compile(rf"({'|'.join(USER_TYPES)})/[A-Za-z0-9\-.]{{1,64}}")
MAX_HINT = 8 * 1024


@dataclass(frozen=True)
class FhirContextItem:
    """One resource that the EHR had in view besides patient and encounter; an unstated role is `launch`."""

    reference: str | None = None
    canonical: str | None = None
    type: str | None = None
    role: str = "launch"
    identifier_system: str | None = None
    identifier_value: str | None = None


@dataclass(frozen=True)
class LaunchContext:
    """A finished launch. Times are aware; `scope` is what was granted, which may be less than was asked;
    `signed_in_at` is when the person signed in, in seconds since 1970, where the EHR says so (auth_time)."""

    issuer_id: str
    access_token: str = field(repr=False)
    token_type: str
    expires_at: datetime
    refresh_token: str | None = field(repr=False)
    scope: tuple[str, ...]
    patient: str | None = None
    encounter: str | None = None
    fhir_user: str | None = None
    subject: str | None = None
    need_patient_banner: bool = True
    fhir_context: tuple[FhirContextItem, ...] = ()
    intent: str | None = None
    tenant: str | None = None
    smart_style_url: str | None = None
    app_context: str | None = None
    signed_in_at: int | None = None

    def missing_scopes(self, requested: Sequence[str]) -> tuple[str, ...]:
        """The requested scopes that were not granted. A scope whose gift arrived counts as granted even
        where it is not listed: Epic does not list offline_access."""
        arrived = {
            "launch": True,
            "launch/patient": self.patient is not None,
            "launch/encounter": self.encounter is not None,
            "openid": self.subject is not None,
            "fhirUser": self.fhir_user is not None,
            "offline_access": self.refresh_token is not None,
            "online_access": self.refresh_token is not None,
        }
        return tuple(s for s in scopes.missing(requested, self.scope) if not arrived.get(s, False))

    def allows(self, level: scopes.Level, resource: str, letter: str) -> bool:
        """True when the granted scopes allow c, r, u, d or s on this resource type."""
        return scopes.allows(self.scope, level, resource, letter)

    def expired(self, now: datetime) -> bool:
        """True when the access token has ended at `now` (aware)."""
        return now >= self.expires_at

    def to_json(self) -> str:
        """The whole context with its tokens as JSON text, to be kept encrypted."""
        # Its members are plain: to copy each of them deeply first costs more than to write them.
        listed = [vars(item) for item in self.fhir_context]
        return json.dumps({**vars(self), "fhir_context": listed, "expires_at": self.expires_at.isoformat()})

    @staticmethod
    def from_json(text: str) -> "LaunchContext":
        """The context that `to_json` wrote."""
        stored = json.loads(text)
        stored["expires_at"] = datetime.fromisoformat(stored["expires_at"])
        stored["scope"] = tuple(stored["scope"])
        stored["fhir_context"] = tuple(FhirContextItem(**item) for item in stored["fhir_context"])
        return LaunchContext(**stored)


def from_answer(
    issuer: Issuer, answer: TokenAnswer, requested: tuple[str, ...], claims: Mapping[str, Any] | None
) -> LaunchContext:
    """The context of a fresh launch; `claims` are those of the verified id_token, if there is one. Raises
    TokenUnreadable when patient or encounter is not a FHIR id."""
    members = answer.members
    return LaunchContext(
        issuer_id=issuer.id,
        access_token=answer.access_token,
        token_type="Bearer",  # noqa: S106 - the name of a scheme, no secret
        expires_at=answer.expires_at,
        refresh_token=answer.text("refresh_token"),
        scope=granted(answer, requested),
        patient=fhir_id(members, "patient"),
        encounter=fhir_id(members, "encounter"),
        fhir_user=fhir_user(issuer, claims or {}),
        subject=(claims or {}).get("sub"),
        need_patient_banner=members.get("need_patient_banner") is not False,
        fhir_context=_fhir_context(members.get("fhirContext")),
        intent=_hint(members, "intent"),
        tenant=_hint(members, "tenant"),
        smart_style_url=_style_url(members),
        app_context=_hint(members, "appContext"),
        signed_in_at=_seconds((claims or {}).get("auth_time")),
    )


def renewed(context: LaunchContext, answer: TokenAnswer) -> LaunchContext:
    """The same launch with the new token; a rotated refresh token replaces the old one."""
    return replace(
        context,
        access_token=answer.access_token,
        expires_at=answer.expires_at,
        refresh_token=answer.text("refresh_token") or context.refresh_token,
        scope=granted(answer, context.scope),
    )


def granted(answer: TokenAnswer, requested: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes granted; where the answer is silent, those requested (RFC 6749 section 5.1)."""
    stated = answer.members.get("scope")
    if stated is None:
        return requested
    if not isinstance(stated, str):
        raise TokenUnreadable("its answer states the scopes in a form that is not a text")
    return tuple(dict.fromkeys(stated.split()))


def fhir_id(members: Mapping[str, Any], name: str) -> str | None:
    """The FHIR id under this name; absent is None, anything that is not an id is TokenUnreadable."""
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not FHIR_ID.fullmatch(value):
        raise TokenUnreadable(f"its {name} is not a FHIR id")
    return value


def fhir_user(issuer: Issuer, claims: Mapping[str, Any]) -> str | None:
    """The signed-in person as `Practitioner/x` when on this issuer (Epic states an absolute address, others
    a relative one), as an absolute address when elsewhere, None when not stated or no such reference."""
    stated = claims.get("fhirUser") or claims.get("profile")  # `profile`: servers before SMART 2
    if not isinstance(stated, str):
        return None
    relative = stated.removeprefix(issuer.base + "/")
    if _USER.fullmatch(relative):
        return relative
    tail = "/".join(stated.rsplit("/", 2)[-2:])
    return stated if addresses.is_secure(stated) and _USER.fullmatch(tail) else None


def _fhir_context(value: object) -> tuple[FhirContextItem, ...]:
    items = value[:50] if isinstance(value, list) else []
    return tuple(_context_item(item) for item in items if isinstance(item, dict))


def _context_item(item: Mapping[str, Any]) -> FhirContextItem:
    identifier = item.get("identifier")
    named = identifier if isinstance(identifier, dict) else {}
    return FhirContextItem(
        reference=_hint(item, "reference"),
        canonical=_hint(item, "canonical"),
        type=_hint(item, "type"),
        role=_hint(item, "role") or "launch",
        identifier_system=_hint(named, "system"),
        identifier_value=_hint(named, "value"),
    )


def _seconds(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _hint(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_HINT else None


def _style_url(members: Mapping[str, Any]) -> str | None:
    address = _hint(members, "smart_style_url")
    return address if address and addresses.is_secure(address) else None
