"""Derived rules: what must be true of honest records though no guidance says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mappings.checks.registry import PASS, Outcome, check, fails, missing
from mappings.checks.texts import listed
from mappings.engagement import STATES
from mappings.library import Bound, Table
from mappings.once import by_identity
from mappings.records import Contact
from mappings.situation import DID_NOT_HAPPEN, STATUSES, Situation, zone_named

FORMATS, ROLES = ("individual", "group"), ("individual", "family", "collateral")
_MOST_KNOWN = 4_096


@check("status-known")
def status_known(s: Situation, b: Bound) -> Outcome:
    """Only a contact that took place can be billed or have been billed; its status says so."""
    if s.contact.status is None:
        return missing("whether the contact took place", "status")
    if s.contact.status not in STATUSES:
        return fails(f"{s.contact.status!r} is none of {listed(STATUSES)}.", "status")
    if s.filed and s.contact.status in DID_NOT_HAPPEN:
        return fails(
            f"A claim is filed for a contact whose status is {s.contact.status}.",
            "status",
            "claim",
            fix="Withdraw the claim where it was filed, or correct the status.",
        )
    return PASS


@check("no-overlap-of-peer")
def no_overlap_of_peer(s: Situation, b: Bound) -> Outcome:
    """A peer cannot be in two different contacts at once, a group session apart (D-1, AMB-34)."""
    if s.contact.peer is None:
        return missing("the peer", "peer")
    other = s.around.overlaps.get(s.contact.id)
    if other is None:
        return PASS
    return fails(
        f"The peer is in contact {other.id} at the same time ({_span(s, other)}).",
        "start",
        "end",
        "peer",
    )


def _span(s: Situation, other: Contact) -> str:
    times = (f"{at.astimezone(s.zone):%Y-%m-%d %H:%M}" for at in (other.start, other.end) if at is not None)
    return " to ".join(times)


@check("not-in-the-future")
def not_in_the_future(s: Situation, b: Bound) -> Outcome:
    """A contact that took place does not lie in the future (D-5)."""
    if s.contact.start is None:
        return missing("the start of the contact", "start")
    if s.contact.start > s.now:
        return fails("The contact starts in the future.", "start")
    if s.contact.end is not None and s.contact.end > s.now:
        return fails("The contact ends in the future.", "end")
    return PASS


@check("connected")
def connected(s: Situation, b: Bound) -> Outcome:
    """A telehealth contact that failed for technical reasons makes no unit (D-6)."""
    if s.contact.technical_failure is None and s.service.place == "telehealth":
        return missing("whether the connection worked", "technical_failure")
    if s.no_connection:
        return fails("The connection failed: no unit is billed, the note is kept.", "technical_failure")
    return PASS


@check("codes-known")
def codes_known(s: Situation, b: Bound) -> Outcome:
    """Codes are known ones, in places too where no other rule asks for them."""
    tables = s.around.library.tables
    said, known = _said(s), _known_together(tables)
    if said in known:
        return PASS
    unknown = [
        (path.format(n), code)
        for path, n, table, code in _coded(s)
        if code is not None and tables[table].codes.get(code) is None
    ]
    unknown += _unknown_words(s)
    zone = s.program.time_zone if s.program is not None else None
    if zone is not None and zone_named(zone) is None:
        # Without a zone the day falls back to the offset of the start, which may be another day.
        unknown.append(("program.time_zone", zone))
    if not unknown:
        if len(known) < _MOST_KNOWN:
            known.add(said)
        return PASS
    words = listed(f"{code!r} at {path}" for path, code in unknown[:5])
    return fails(f"Unknown code: {words}.", *(path for path, _ in unknown))


@by_identity
def _known_together(tables: Mapping[str, Table]) -> set[tuple[object, ...]]:
    """Codes and words of whole contacts that were found to be known: most contacts say the same few."""
    return set()


def _said(s: Situation) -> tuple[object, ...]:
    """All that `codes_known` looks at."""
    contact, service, person = s.contact, s.service, s.contact.individual
    history = contact.engagement.history if contact.engagement is not None else ()
    return (
        service.type,
        service.place,
        service.modality,
        service.basis,
        service.format,
        service.location.kind if service.location is not None else None,
        person.gender,
        tuple([coverage.class_ for coverage in person.coverages]),
        tuple([present.category for present in contact.staff]),
        tuple([(signature.meaning, signature.category) for signature in contact.signatures]),
        tuple([credential.code for credential in s.peer.credentials]) if s.peer is not None else None,
        contact.relates_to.how if contact.relates_to is not None else None,
        tuple([recipient.role for recipient in contact.recipients]),
        tuple([entry.status for entry in history]),
        s.program.time_zone if s.program is not None else None,
    )


def _unknown_words(s: Situation) -> list[tuple[str, str]]:
    """Path and word of what has no table, where it is none of the few known ones."""
    engagement, form = s.contact.engagement, s.service.format
    found = [] if form is None or form in FORMATS else [("service.format", form)]
    for n, recipient in enumerate(s.contact.recipients):
        if recipient.role is not None and recipient.role not in ROLES:
            found.append((f"recipients[{n}].role", recipient.role))
    for n, entry in enumerate(engagement.history if engagement is not None else ()):
        if entry.status is not None and entry.status not in STATES:
            found.append((f"engagement.history[{n}].status", entry.status))
    return found


def _coded(s: Situation) -> Iterator[tuple[str, int, str, str | None]]:
    """Path, place in it, table and code of whatever is coded."""
    contact = s.contact
    yield "service.type", 0, "service-types", s.service.type
    yield "service.place", 0, "places", s.service.place
    yield "service.modality", 0, "modalities", s.service.modality
    yield "service.basis", 0, "bases", s.service.basis
    if s.service.location is not None:
        yield "service.location.kind", 0, "location-kinds", s.service.location.kind
    yield "individual.gender", 0, "genders", contact.individual.gender
    for n, coverage in enumerate(contact.individual.coverages):
        yield "individual.coverages[{}].class", n, "coverage-classes", coverage.class_
    for n, present in enumerate(contact.staff):
        yield "staff[{}].category", n, "staff-categories", present.category
    for n, signature in enumerate(contact.signatures):
        yield "signatures[{}].meaning", n, "signature-meanings", signature.meaning
        yield "signatures[{}].category", n, "staff-categories", signature.category
    for n, credential in enumerate(s.peer.credentials if s.peer is not None else ()):
        yield "peer.credentials[{}].code", n, "credentials", credential.code
    if contact.relates_to is not None:
        yield "relates_to.how", 0, "relations", contact.relates_to.how
