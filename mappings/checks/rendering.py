"""Who may render the service: credentials, ages, supervision, the grace after hiring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from mappings.checks.registry import (
    NOT_APPLICABLE,
    PASS,
    Outcome,
    advises,
    fails,
    missing,
    passes,
    peer_check,
)
from mappings.checks.texts import blank, listed
from mappings.days import age_on, covers, plus_months
from mappings.in_force import Bound
from mappings.once import by_identity
from mappings.peer_days import PeerOnDay
from mappings.records import Credential, StaffFields

CREDENTIAL_LISTS = ("credentials.adult", "credentials.family", "credentials.youth")


def unknown_peer(s: PeerOnDay) -> Outcome | None:
    """What to answer when nothing is known of the peer, or None when something is."""
    if s.peer is None:
        return missing("the peer", "peer")
    if not s.peer_known:
        return missing(f"the staff record of peer {s.peer.id}", "peer")
    return None


def held_on_day(s: PeerOnDay, b: Bound, accepted: Collection[str]) -> tuple[Credential | None, str, str]:
    """The first accepted credential in force on the day; else the reason and, if one, the missing datum."""
    reason, datum = "", ""
    for place, code, credential in _coded(s.peer) if s.peer else ():
        if code not in accepted:
            continue
        issuers = b["credentials.issuers"].get(code)
        in_force = covers(credential.from_, credential.to, s.day)
        if in_force is None:
            datum = f"peer.credentials[{place}].from"
        elif not in_force:
            reason = f"{code} was not in force on {s.day} ({_period(credential)})"
        elif blank(credential.issuer):
            datum = f"peer.credentials[{place}].issuer"
        elif issuers is not None and credential.issuer not in issuers:
            reason = f"{code} comes from {credential.issuer!r}, not from {listed(issuers, 'or')}"
        else:
            return credential, "", ""
    return None, reason, datum


@by_identity
def _coded(peer: StaffFields) -> list[tuple[int, str | None, Credential]]:
    """Place and code of each credential, with itself."""
    return [(place, credential.code, credential) for place, credential in enumerate(peer.credentials)]


def grace(s: PeerOnDay, b: Bound) -> Literal["", "within", "over", "no-hire-date"]:
    """Where a peer with another credential stands in the months after being hired that the place gives."""
    other, _, _ = held_on_day(s, b, b["grace.credentials"])
    if other is None or s.peer is None or s.service_type not in b["grace.service_types"]:
        return ""
    if s.peer.hired is None:
        return "no-hire-date"
    last = plus_months(s.peer.hired, b["grace.months"])
    return "within" if s.peer.hired <= s.day <= last else "over"


@peer_check(
    "credential-in-force",
    "credentials.issuers",
    "grace.credentials",
    "grace.months",
    "grace.service_types",
)
def credential_in_force(s: PeerOnDay, b: Bound) -> Outcome:
    """The peer holds one of the credentials of a list, from an accepted issuer, on the day of service."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    if b.settings.get("by_service_type") and f"credentials.{s.service_type}" not in CREDENTIAL_LISTS:
        return missing("the service type (adult, family or youth)", "service.type")
    accepted = _accepted(b)[s.service_type if b.settings.get("by_service_type") else None]
    credential, reason, datum = held_on_day(s, b, accepted)
    if credential is not None:
        return passes(f"{credential.code} is in force on {s.day}.")
    standing = grace(s, b)
    if standing == "within":
        return passes(
            f"Within {b['grace.months']} months of being hired, with another credential, on {s.day}."
        )
    if standing == "no-hire-date":
        return missing("the day the peer was hired", "peer.hired")
    if datum:
        return missing("the issuer or the period of the peer's credential", datum)
    held = [c.code for c in (s.peer.credentials if s.peer else ()) if c.code]
    has = reason or (f"on file: {listed(held)}" if held else "no credential is on file")
    return fails(
        f"The peer holds none of {listed(accepted, 'or')} on {s.day}: {has}.", "peer.credentials", "peer"
    )


@by_identity
def _accepted(b: Bound) -> Mapping[str | None, Sequence[str]]:
    """The credentials that a rule accepts for each type of service; by None those of all that it names."""
    names = [name for name in b.version.parameters if name in CREDENTIAL_LISTS]
    by_type: dict[str | None, Sequence[str]] = {name.partition(".")[2]: tuple(b[name]) for name in names}
    return by_type | {None: tuple(dict.fromkeys(code for name in names for code in b[name]))}


@peer_check("credential-fits-service", *CREDENTIAL_LISTS, "credentials.issuers")
def credential_fits_service(s: PeerOnDay, b: Bound) -> Outcome:
    """The service type is one that a credential held on the day covers (R011)."""
    if s.service_type is None:
        return missing("the service type", "service.type")
    if f"credentials.{s.service_type}" not in CREDENTIAL_LISTS:
        return fails(
            f"The service type {s.service_type!r} is none of adult, family and youth.", "service.type"
        )
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    own = b[f"credentials.{s.service_type}"]
    held = [c for name in CREDENTIAL_LISTS for c in [held_on_day(s, b, b[name])[0]] if c is not None]
    if not held:
        return NOT_APPLICABLE
    if any(credential.code in own for credential in held):
        return PASS
    return fails(
        f"{listed(c.code or '' for c in held)} does not cover {s.service_type} peer support, "
        f"which asks for {listed(own, 'or')}.",
        "service.type",
        "peer",
    )


@peer_check(
    "grace-after-hiring",
    *CREDENTIAL_LISTS,
    "credentials.issuers",
    "grace.credentials",
    "grace.months",
    "grace.service_types",
)
def grace_after_hiring(s: PeerOnDay, b: Bound) -> Outcome:
    """A peer with another credential gets the place's own within the grace; a countdown until then (R009)."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    omh = [code for name in CREDENTIAL_LISTS for code in b[name]]
    if held_on_day(s, b, omh)[0] is not None or held_on_day(s, b, b["grace.credentials"])[0] is None:
        return NOT_APPLICABLE
    standing, months = grace(s, b), b["grace.months"]
    if standing == "":
        return NOT_APPLICABLE
    if standing == "no-hire-date" or s.peer is None or s.peer.hired is None:
        return missing("the day the peer was hired", "peer.hired")
    last = plus_months(s.peer.hired, months)
    if s.day < s.peer.hired:
        return fails(f"The peer was hired on {s.peer.hired}, after the service.", "peer.hired")
    if standing == "over":
        return fails(
            f"Hired on {s.peer.hired}, the peer had until {last} to obtain a credential of this place.",
            "peer.credentials",
        )
    left = (last - s.day).days
    return advises(
        f"The peer has another credential and none of this place yet: {left} days left, until {last}.",
        "peer.credentials",
        severity="warn",
        fix="Obtain the provisional credential before that day.",
    )


@peer_check(
    "provisional-for-long", "credentials.provisional", "credentials.full", "provisional.review_months"
)
def provisional_for_long(s: PeerOnDay, b: Bound) -> Outcome:
    """A provisional credential is followed by the full one within a reasonable time (R010)."""
    if not s.peer_known or s.peer is None:
        return NOT_APPLICABLE
    in_force = [c for c in s.peer.credentials if covers(c.from_, c.to, s.day)]
    if any(c.code in b["credentials.full"] for c in in_force):
        return PASS
    for credential in in_force:
        if credential.code in b["credentials.provisional"] and credential.from_ is not None:
            review = plus_months(credential.from_, b["provisional.review_months"])
            if s.day >= review:
                return advises(
                    f"The peer's {credential.code} is provisional since {credential.from_}.",
                    "peer.credentials",
                )
            return PASS
    return NOT_APPLICABLE


@peer_check("attested", "attestation.kinds")
def attested(s: PeerOnDay, b: Bound) -> Outcome:
    """A dated attestation of lived experience stands on file before the service; never a diagnosis."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    said = s.peer.attestations if s.peer else ()
    attestations = [each for each in said if each.affirmed]
    if any(a.kind is not None and a.kind not in b["attestation.kinds"] for a in said):
        return fails(
            "An attestation holds something other than a kind, a day and who attested it; "
            "health details of the peer are never stored.",
            "peer.attestations",
            fix="Record yes, the day and the attesting supervisor only.",
        )
    dated = [a.on for a in attestations if a.on is not None and a.kind is not None]
    if any(day <= s.day for day in dated):
        return PASS
    if dated:
        return fails(f"The attestation of {min(dated)} is later than the service.", "peer.attestations")
    if attestations:
        return missing("the day or the kind of the attestation", "peer.attestations")
    return fails("No attestation of lived experience is on file.", "peer.attestations")


@peer_check("age-between", "ypa.min_age", "ypa.max_age")
def age_between(s: PeerOnDay, b: Bound) -> Outcome:
    """The peer's age on the day of service lies within both ages, which count (R005, AMB-10)."""
    if s.peer is None or not s.peer_known or s.peer.birth_date is None:
        return missing("the peer's birth date", "peer.birth_date")
    age, youngest, oldest = age_on(s.peer.birth_date, s.day), b["ypa.min_age"], b["ypa.max_age"]
    if youngest <= age <= oldest:
        return PASS
    return fails(
        f"The peer is {age} on {s.day}; a youth peer advocate is {youngest} to {oldest} years old.",
        "peer.birth_date",
        "peer",
    )


@peer_check("supervised", "supervisor.categories")
def supervised(s: PeerOnDay, b: Bound) -> Outcome:
    """A supervisor of the professional staff is assigned to the peer on the day of service (R008)."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    supervisor = s.peer.supervisor_on(s.day) if s.peer else None
    if supervisor is None:
        return missing("the peer's supervisor", "peer.supervisor")
    if blank(supervisor.id):
        return missing("who supervises the peer", "peer.supervisor.id")
    if s.peer is not None and supervisor.id == s.peer.id:
        return fails("The peer is named as their own supervisor.", "peer.supervisor", "peer")
    assigned = covers(supervisor.from_, supervisor.to, s.day)
    if assigned is None:
        return missing("the period of the supervision", "peer.supervisor.from")
    if not assigned:
        return fails(
            f"No supervisor is assigned on {s.day} (the last: {_span(supervisor.from_, supervisor.to)}).",
            "peer.supervisor",
            "peer",
        )
    return _category(supervisor.category, b)


@peer_check("supervisor-category", "supervisor.categories")
def supervisor_category(s: PeerOnDay, b: Bound) -> Outcome:
    """The supervisor's category is one that the place accepts (R120)."""
    unknown = unknown_peer(s)
    if unknown is not None:
        return unknown
    supervisor = s.peer.supervisor_on(s.day) if s.peer else None
    if supervisor is None:
        return missing("the peer's supervisor", "peer.supervisor")
    return _category(supervisor.category, b)


def _category(category: str | None, b: Bound) -> Outcome:
    if category is None:
        return missing("the supervisor's category", "peer.supervisor.category")
    if category in b["supervisor.categories"]:
        return PASS
    return fails(
        f"The supervisor's category {category!r} is not professional staff: "
        f"{listed(b['supervisor.categories'])}{b.standing('supervisor.categories')}.",
        "peer.supervisor.category",
        "peer",
    )


def _period(credential: Credential) -> str:
    return _span(credential.from_, credential.to)


def _span(start: object, end: object) -> str:
    parts: Iterable[str] = (f"from {start}" if start else "", f"until {end}" if end else "")
    return " ".join(part for part in parts if part) or "no days given"
