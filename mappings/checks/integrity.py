"""Derived rules: what must be true of honest records though no guidance says it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import lru_cache

from mappings.checks.registry import PASS, Outcome, check, coded_check, fails, missing
from mappings.checks.texts import listed, on_day
from mappings.coding import CodedContact, Coding
from mappings.days import zone_named
from mappings.engagement import STATES
from mappings.in_force import Bound
from mappings.situation import DID_NOT_HAPPEN, STATUSES, Situation

FORMATS, ROLES = ("individual", "group"), ("individual", "family", "collateral")


@coded_check("status-known")
def status_known(s: CodedContact, b: Bound) -> Outcome:
    """Only a contact that took place can be billed or have been billed; its status says so."""
    status = s.codes.status
    if status is None:
        return missing("whether the contact took place", "status")
    if status not in STATUSES:
        return fails(f"{status!r} is none of {listed(STATUSES)}.", "status")
    if s.codes.units_filed and status in DID_NOT_HAPPEN:
        return fails(
            f"A claim is filed for a contact whose status is {status}.",
            "status",
            "claim",
            fix="Withdraw the claim where it was filed, or correct the status.",
        )
    return PASS


@check("no-overlap-of-peer")
def no_overlap_of_peer(s: Situation, b: Bound) -> Outcome:
    """A peer cannot be in two different contacts at once, a group session apart (D-1, AMB-34)."""
    if s.peer_id is None:
        return missing("the peer", "peer")
    other = s.around.overlaps.get(s.id)
    if other is None:
        return PASS
    return fails(
        f"The peer is in contact {other.id} at the same time ({_span(other.start, other.end, s.zone)}).",
        "start",
        "end",
        "peer",
    )


# The hours of a group are those of all who came.
@lru_cache(maxsize=4096)
def _span(start: datetime | None, end: datetime | None, zone: tzinfo) -> str:
    if start is None or end is None:
        return "".join([_to_the_minute(at, zone) for at in (start, end) if at is not None])
    return f"{_to_the_minute(start, zone)} to {_to_the_minute(end, zone)}"


def _to_the_minute(at: datetime, zone: tzinfo) -> str:
    # To write out all of it costs more than to look up its parts.
    local = at.astimezone(zone)
    return f"{on_day(local.date())} {_clock(local.hour, local.minute)}"


@lru_cache(maxsize=1440)
def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"


@check("not-in-the-future")
def not_in_the_future(s: Situation, b: Bound) -> Outcome:
    """A contact that took place does not lie in the future (D-5)."""
    if s.start is None:
        return missing("the start of the contact", "start")
    if s.began > s.now:
        return fails("The contact starts in the future.", "start")
    if s.end is not None and s.ended > s.now:
        return fails("The contact ends in the future.", "end")
    return PASS


@coded_check("connected")
def connected(s: CodedContact, b: Bound) -> Outcome:
    """A telehealth contact that failed for technical reasons makes no unit (D-6)."""
    if s.codes.technical_failure is None and s.codes.place == "telehealth":
        return missing("whether the connection worked", "technical_failure")
    if s.codes.no_connection:
        return fails("The connection failed: no unit is billed, the note is kept.", "technical_failure")
    return PASS


@coded_check("codes-known")
def codes_known(s: CodedContact, b: Bound) -> Outcome:
    """Codes are known ones, in places too where no other rule asks for them."""
    tables = s.library.tables
    unknown = [
        (path.format(n), code)
        for path, n, table, code in _coded(s.codes)
        if code is not None and tables[table].codes.get(code) is None
    ]
    unknown += _unknown_words(s.codes)
    zone = s.codes.time_zone
    if zone is not None and zone_named(zone) is None:
        # Without a zone the day falls back to the offset of the start, which may be another day.
        unknown.append(("program.time_zone", zone))
    if not unknown:
        return PASS
    words = listed(f"{code!r} at {path}" for path, code in unknown[:5])
    return fails(f"Unknown code: {words}.", *(path for path, _ in unknown))


def _unknown_words(codes: Coding) -> list[tuple[str, str]]:
    """Path and word of what has no table, where it is none of the few known ones."""
    form = codes.format
    found = [] if form is None or form in FORMATS else [("service.format", form)]
    for n, role in enumerate(codes.roles):
        if role is not None and role not in ROLES:
            found.append((f"recipients[{n}].role", role))
    for n, state in enumerate(codes.states):
        if state is not None and state not in STATES:
            found.append((f"engagement.history[{n}].status", state))
    return found


def _coded(codes: Coding) -> Iterator[tuple[str, int, str, str | None]]:
    """Path, place in it, table and code of whatever is coded."""
    yield "service.type", 0, "service-types", codes.type
    yield "service.place", 0, "places", codes.place
    yield "service.modality", 0, "modalities", codes.modality
    yield "service.basis", 0, "bases", codes.basis
    yield "service.location.kind", 0, "location-kinds", codes.location
    yield "individual.gender", 0, "genders", codes.gender
    for n, coverage_class in enumerate(codes.coverages):
        yield "individual.coverages[{}].class", n, "coverage-classes", coverage_class
    for n, category in enumerate(codes.staff):
        yield "staff[{}].category", n, "staff-categories", category
    for n, (meaning, category) in enumerate(codes.signatures):
        yield "signatures[{}].meaning", n, "signature-meanings", meaning
        yield "signatures[{}].category", n, "staff-categories", category
    for n, credential in enumerate(codes.credentials):
        yield "peer.credentials[{}].code", n, "credentials", credential
    yield "relates_to.how", 0, "relations", codes.relation
