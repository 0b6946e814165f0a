"""What an EHR lets Peerchart read and write, resource by resource, and how a delivery goes there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.delivery.capability import WITHOUT_IDENTIFIER, Capability, Override
from app.delivery.plan import ANCHORS, MUST_UPDATE
from app.delivery.probed import Line, line
from app.ehr_uses import READ, WRITTEN, Use
from smart_launch import scopes
from smart_launch.profile import FhirFacts

READING, WRITING, DELIVERED = "Reading", "Writing", "What is delivered"
_KINDS = {
    "note": "Notes",
    "plan": "Plan entries",
    "episode": "Admissions",
    "claim": "Claims",
    "consent": "Consents to disclose",
    "lines": "Lines of the audit trail",
}


def reading(facts: FhirFacts, asked: Sequence[str]) -> Iterator[Line]:
    """A line for each resource that is read with the scopes that are `asked` for, and the search parameters
    that are used."""
    for use in READ:
        yield _unasked(use) if _lacks_scope(use, asked) else _read(facts, use)


def writing(facts: FhirFacts, granted: Sequence[str], override: Override) -> Iterator[Line]:
    """A line for each kind of delivery and each resource that is written."""
    capability = Capability(facts, tuple(granted), override)
    for kind in _KINDS:
        yield _delivered(capability, kind)
    yield _transaction(capability)
    for use in WRITTEN:
        yield _written(capability, use)


def _lacks_scope(use: Use, asked: Sequence[str]) -> bool:
    letter = "s" if use.searches else "r"
    return not any(
        scopes.allows(asked, level, use.resource, letter) for level in (use.level, "patient", "user")
    )


def _unasked(use: Use) -> Line:
    why, essential = "No scope for it is asked for at launch.", use.resource == "Patient"
    return line(READING, use.resource, "not", why, f"Add {use.scope}; without it {use.without}.", essential)


def _read(facts: FhirFacts, use: Use) -> Line:
    function, essential = f"{use.resource}", use.resource == "Patient"
    if facts.resources is None:
        why = "What it offers could not be read."
        return line(READING, function, "unknown", why, "Try one launch.", essential)
    found = facts.resource(use.resource)
    wanted = "search-type" if use.searches else "read"
    if found is None or facts.declares(use.resource, wanted) is False:
        what = "search" if use.searches else "read"
        return line(
            READING, function, "not", f"It does not offer to {what} {use.resource}.",
            f"Without it {use.without}.", essential,
        )  # fmt: skip
    lacking = [name for name in use.searches if found.search_params and name not in found.search_params]
    if lacking:
        why = f"It does not list the search by {', '.join(lacking)}."
        return line(READING, function, "not", why, f"Without it {use.without}.")
    return line(READING, function, "works", use.why)


def _delivered(capability: Capability, kind: str) -> Line:
    anchor, essential = ANCHORS[kind], kind == "note"
    why = capability.why_not_created(anchor)
    if why is None and kind in MUST_UPDATE:
        why = capability.why_not(anchor, "u")
    if why is not None:
        step = f"{_KINDS[kind]} are held here, ready for export."
        return line(DELIVERED, _KINDS[kind], "not", f"{_sentence(why)}", step, essential)
    parts = [use for use in WRITTEN if use.kind == kind]
    behind = [use for use in parts if capability.why_not_created(use.resource)]
    if not behind:
        return line(DELIVERED, _KINDS[kind], "works", "The whole record goes into the chart.")
    left = "; ".join(f"{use.resource}: {use.without}" for use in behind)
    return line(
        DELIVERED, _KINDS[kind], "otherwise", f"{anchor} goes into the chart. What stays here: {left}."
    )


def _transaction(capability: Capability) -> Line:
    function = "A record in one piece (transaction)"
    if capability.transaction:
        return _whole(capability, function)
    stated = capability.facts.transaction
    why = "The operator says no." if stated else "It declares none."
    return line(
        WRITING, function, "otherwise", f"{why} The parts go one after the other, in the order of reference."
    )


def _whole(capability: Capability, function: str) -> Line:
    apart = [
        use.resource
        for use in WRITTEN
        if use.resource not in WITHOUT_IDENTIFIER
        and capability.why_not_created(use.resource) is None
        and capability.look_by(use.resource) != "identifier"
    ]
    if not apart:
        return line(WRITING, function, "works", "It declares transactions.")
    listed = ", ".join(apart)
    why = f"It declares transactions, but lists no search by identifier for {listed}: a record with one of "
    return line(
        WRITING, function, "otherwise", f"{why}these goes part after part, in the order of reference."
    )


def _written(capability: Capability, use: Use) -> Line:
    function, denied = use.resource, capability.why_not(use.resource, "c")
    if denied is not None:
        update = capability.why_not(use.resource, "u")
        more = "" if update else " It lets what stands there be updated."
        return line(WRITING, function, "not", _sentence(denied) + more, f"Without it {use.without}.")
    declared = capability.facts.declares(use.resource, "create")
    if declared is None:
        return line(WRITING, function, "unknown", "It does not say what it takes.", "Deliver one record.")
    return _once(capability, use)


def _once(capability: Capability, use: Use) -> Line:
    unsure = capability.why_not_once(use.resource)
    if unsure is not None:
        step = f"Ask the EHR for such a search. Without it {use.without}."
        return line(WRITING, use.resource, "not", _sentence(unsure), step)
    if capability.conditional_create(use.resource):
        return line(WRITING, use.resource, "works", "Taken, and once only (conditional create).")
    return _looked_for(capability, use)


def _looked_for(capability: Capability, use: Use) -> Line:
    if use.resource in WITHOUT_IDENTIFIER:
        why = "It carries no identifier and is looked for by what it is about."
    elif capability.look_by(use.resource) == "identifier":
        why = "No conditional create: it is looked for before it is sent again."
    else:
        why = "No search by identifier: it is looked for among what the person has before it is sent."
    return line(WRITING, use.resource, "works", f"Taken. {why}")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
