"""Which requests one delivery makes, decided before any is made. Pure: nothing here speaks to an EHR."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.delivery.capability import Capability

Json = dict[str, Any]
Way = Literal["transaction", "create", "upsert", "attest", "append", "mark"]

# The resource without which a delivery of this kind means nothing, and by which it is found again.
ANCHORS = {
    "note": "DocumentReference",
    "plan": "CarePlan",
    "episode": "EpisodeOfCare",
    "claim": "Claim",
    "referral": "ServiceRequest",
    "consent": "Consent",
    "lines": "AuditEvent",
}
# Only the status of what the EHR holds already is changed by it; nothing new is put there. What must be
# changed there for it, and what people are to do where the EHR does not let it.
MARKING = {
    "withdrawal": (
        "DocumentReference",
        "This EHR does not let a note be marked as entered in error from outside: {why}. Have it marked "
        "there by hand, and tell your administrator that it is done.",
    ),
    "revocation": (
        "Consent",
        "This EHR does not let a consent be marked as revoked from outside: {why}. Have it marked there by "
        "hand at once, and tell your administrator that it is done.",
    ),
}
# What is only ever added to, line by line: it has no identifier, so that no condition goes along.
LINES = "lines"
# Records that go on changing after they were first sent: a conditional create would leave them as they were.
CHANGING = frozenset({"episode", "plan"})
# Of these nothing is put where it could not be changed afterwards: a consent may be revoked.
MUST_UPDATE = CHANGING | {"consent"}
_WORDS = {
    "note": "notes",
    "plan": "treatment plans",
    "episode": "episodes of care",
    "claim": "claims",
    "referral": "referrals",
    "consent": "consents",
    "lines": "lines of the audit trail",
}
_NO_IDENTIFIER = frozenset({"Provenance", "AuditEvent"})


@dataclass(frozen=True)
class Step:
    """One request: its key is the same for the same resource of the same delivery, always. `find` is the
    search (`identifier=...`, encoded) under which the resource stands once it was taken; `by` the search
    parameter by which it is looked for there, or several apart by a space. A `mark` changes the elements
    that it names in what is found so, but for what carries the identifier `but` (system|value)."""

    key: str
    way: Way
    resource_type: str
    full_url: str
    resource: Json
    find: str
    conditional: bool = False
    but: str = ""
    by: str = "identifier"


@dataclass(frozen=True)
class NotSent:
    """A resource of the delivery that this EHR does not take, and why."""

    resource_type: str
    full_url: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """The requests in order, and what stays behind."""

    steps: tuple[Step, ...]
    not_sent: tuple[NotSent, ...] = ()


@dataclass(frozen=True)
class Hold:
    """Nothing can be sent, in words for the people of the programme."""

    reason: str


def plan_delivery(kind: str, payload: Mapping[str, Any], capability: Capability) -> Plan | Hold:
    """The requests that bring a frozen transaction Bundle (or one bare resource) of a kind (of ANCHORS or
    MARKING) into an EHR: one transaction where it takes one, else single writes in the order of their
    references, of what it takes; a Hold when it does not take what matters."""
    if kind in MARKING:
        return _marking(kind, payload, capability)
    if kind == LINES:
        return _lines(payload, capability)
    return _record(kind, payload, capability)


def _record(kind: str, payload: Mapping[str, Any], capability: Capability) -> Plan | Hold:
    entries = _entries(payload)
    anchor = _anchor(kind, entries)
    if anchor is None:
        return Hold("The record holds nothing that could be sent. Tell your administrator.")
    denied = {entry["fullUrl"]: why for entry in entries if (why := _why_not(entry, kind, capability))}
    if anchor["fullUrl"] in denied:
        return Hold(_held_words(kind, denied[anchor["fullUrl"]]))
    changing = _changing(kind, entries, anchor, capability)
    if capability.transaction and not denied and not changing and _all_conditional(entries, capability):
        return Plan((_transaction(payload, anchor), *_superseding(anchor, capability)))
    plan = _singles(kind, entries, denied, anchor, capability, changing)
    if isinstance(plan, Hold):
        return plan
    return Plan((*plan.steps, *_superseding(anchor, capability)), plan.not_sent)


def body_of(step: Step, ids: Mapping[str, str]) -> bytes:
    """The bytes of a step once the EHR's references (`Type/id`) of the earlier ones are known, by fullUrl."""
    resource = step.resource if step.way == "transaction" else _resolved(step.resource, ids)
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()


def references_in(value: object) -> Iterator[str]:
    """Every literal reference in a resource."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "reference" and isinstance(item, str):
                yield item
            else:
                yield from references_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item)


def without(value: Any, targets: frozenset[str]) -> Any:
    """The value without references to `targets`, and without what is empty once they are gone (None)."""
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str) and target in targets:
            return None
        pruned = {name: without(item, targets) for name, item in value.items()}
        kept = {name: item for name, item in pruned.items() if item is not None}
        # An extension without its value is none (ext-1).
        return None if "valueReference" in value and "valueReference" not in kept else kept or None
    if isinstance(value, list):
        return [item for item in (without(each, targets) for each in value) if item is not None] or None
    return value


def _entries(payload: Mapping[str, Any]) -> list[Json]:
    if payload.get("resourceType") == "Bundle":
        return [dict(entry) for entry in payload.get("entry", ())]
    identifiers = payload.get("identifier") or [{}]
    first = identifiers[0] if isinstance(identifiers, list) else identifiers
    find = f"identifier={_token(first)}" if first.get("value") else ""
    request = {"method": "POST", "url": payload.get("resourceType"), "ifNoneExist": find}
    return [{"fullUrl": "urn:single", "resource": dict(payload), "request": request}]


def _token(identifier: Mapping[str, str]) -> str:
    from urllib.parse import quote

    return quote(f"{identifier.get('system', '')}|{identifier['value']}", safe="")


def _anchor(kind: str, entries: Sequence[Json]) -> Json | None:
    wanted = ANCHORS.get(kind)
    return next((entry for entry in entries if _type(entry) == wanted), None)


def _changing(kind: str, entries: Sequence[Json], anchor: Json, capability: Capability) -> frozenset[str]:
    """The types that are brought up to date where they stand: all of a record that goes on changing, and the
    Encounter of an amended note, which a conditional create would leave at the times of the first version."""
    kinds = {_type(entry) for entry in entries}
    amended = any(one.get("code") == "replaces" for one in anchor["resource"].get("relatesTo", ()))
    wanted = kinds if kind in CHANGING else kinds & {"Encounter"} if kind == "note" and amended else set()
    if kind == "claim" and anchor["resource"].get("status") == "cancelled":
        wanted = kinds & {"Claim"}
    return frozenset(one for one in wanted - _NO_IDENTIFIER if capability.why_not(one, "u") is None)


def _all_conditional(entries: Sequence[Json], capability: Capability) -> bool:
    """Whether each create of a transaction may carry its condition: one that the EHR cannot search by
    identifier would have the whole Bundle refused."""
    return all(capability.look_by(_type(one)) == "identifier" for one in entries if _find(one))


def _superseding(anchor: Json, capability: Capability) -> Iterator[Step]:
    """The earlier versions of a note that replaces them, marked as superseded where the EHR allows it."""
    resource = anchor["resource"]
    replaced = [one for one in resource.get("relatesTo", ()) if one.get("code") == "replaces"]
    series = [one["target"]["identifier"] for one in replaced if "identifier" in one.get("target", {})]
    if resource["resourceType"] != "DocumentReference" or _why_not_marked("DocumentReference", capability):
        return
    own, by = resource["identifier"][0], capability.look_by("DocumentReference") or ""
    for each in series:
        find = f"identifier={_token(each)}"
        said = {name: resource[name] for name in ("resourceType", "subject")} | {"status": "superseded"}
        but = f"{own['system']}|{own['value']}"
        key = f"mark DocumentReference {find}"
        yield Step(key, "mark", "DocumentReference", anchor["fullUrl"], said, find, but=but, by=by)


def _marking(kind: str, payload: Mapping[str, Any], capability: Capability) -> Plan | Hold:
    essential, words = MARKING[kind]
    steps, left = [], []
    for each in payload.get("entry", ()):
        resource = each["resource"]
        kind, find = resource["resourceType"], each["request"]["url"].partition("?")[2]
        why = _why_not_marked(kind, capability)
        if why is None:
            said = {name: value for name, value in resource.items() if name != "identifier"}
            by = capability.look_by(kind) or ""
            steps.append(Step(f"mark {kind} {find}", "mark", kind, f"mark:{kind}", said, find, by=by))
        elif kind == essential:
            return Hold(words.format(why=why))
        else:
            left.append(NotSent(kind, f"mark:{kind}", why))
    return Plan(tuple(steps), tuple(left))


def _lines(payload: Mapping[str, Any], capability: Capability) -> Plan | Hold:
    why = capability.why_not_created("AuditEvent")
    if why is not None:
        return Hold(_held_words(LINES, why))
    # By both, where it has both: an EHR writes many lines of its own in a second.
    both = [one for one in ("date", "patient") if capability.lists("AuditEvent", one)]
    by = " ".join(both) or capability.look_by("AuditEvent") or ""
    steps = (
        Step(
            f"append AuditEvent {e['fullUrl']}",
            "append",
            "AuditEvent",
            e["fullUrl"],
            e["resource"],
            "",
            by=by,
        )
        for e in payload.get("entry", ())
    )
    return Plan(tuple(steps))


def _why_not_marked(resource_type: str, capability: Capability) -> str | None:
    return capability.why_not(resource_type, "u") or capability.why_not_once(resource_type)


def _type(entry: Json) -> str:
    return str(entry["resource"]["resourceType"])


def _find(entry: Json) -> str:
    return str(entry.get("request", {}).get("ifNoneExist") or "")


def _why_not(entry: Json, kind: str, capability: Capability) -> str | None:
    why = capability.why_not_created(_type(entry))
    if why is None and kind in MUST_UPDATE and _type(entry) == ANCHORS[kind]:
        return capability.why_not(_type(entry), "u")
    return why


def _held_words(kind: str, why: str) -> str:
    what = _WORDS.get(kind, "records of this kind")
    return f"This EHR takes no {what} from Peerchart: {why}. The record is kept here, ready for export."


def _transaction(payload: Mapping[str, Any], anchor: Json) -> Step:
    find = _find(anchor)
    return Step("transaction", "transaction", _type(anchor), anchor["fullUrl"], dict(payload), find)


def _singles(
    kind: str,
    entries: Sequence[Json],
    denied: dict[str, str],
    anchor: Json,
    capability: Capability,
    changing: frozenset[str],
) -> Plan | Hold:
    not_sent = dict(denied)
    _drop_dependents(entries, not_sent)
    if anchor["fullUrl"] in not_sent:
        return Hold(_held_words(kind, not_sent[anchor["fullUrl"]]))
    gone = frozenset(not_sent)
    kept = [entry for entry in entries if entry["fullUrl"] not in gone]
    steps = tuple(_single(entry, changing, gone, capability) for entry in _in_order(kept))
    left = (NotSent(_type(e), e["fullUrl"], not_sent[e["fullUrl"]]) for e in entries if e["fullUrl"] in gone)
    return Plan(steps, tuple(left))


def _single(entry: Json, changing: frozenset[str], gone: frozenset[str], capability: Capability) -> Step:
    resource_type, find = _type(entry), _find(entry)
    way: Way = "create"
    if resource_type in _NO_IDENTIFIER:
        way = "attest"
    elif resource_type in changing:
        way = "upsert"
    return Step(
        key=f"{way} {resource_type} {find or entry['fullUrl']}",
        way=way,
        resource_type=resource_type,
        full_url=entry["fullUrl"],
        resource=without(entry["resource"], gone) or {},
        find=find,
        conditional=bool(find) and capability.conditional_create(resource_type),
        by=capability.look_by(resource_type) or "",
    )


def _drop_dependents(entries: Sequence[Json], not_sent: dict[str, str]) -> None:
    """A resource that would no longer stand without what stays behind stays behind as well."""
    from mappings.fhir import gate

    again = True
    while again:
        again = False
        for entry in entries:
            if entry["fullUrl"] in not_sent or not not_sent.keys() & set(references_in(entry["resource"])):
                continue
            try:
                gate.check(without(entry["resource"], frozenset(not_sent)) or {})
            except gate.NotFit as error:
                names = {_type(e) for e in entries if e["fullUrl"] in not_sent}
                words = "; ".join(f"{path} {problem}" for path, problem in error.problems)
                not_sent[entry["fullUrl"]] = f"it cannot stand without {', '.join(sorted(names))}: {words}"
                again = True


def _in_order(entries: Sequence[Json]) -> list[Json]:
    """What is referred to goes first; a circle is cut at the earliest entry in the Bundle."""
    waiting, placed = list(entries), []
    while waiting:
        open_urls = {entry["fullUrl"] for entry in waiting}
        following = next(
            (e for e in waiting if not (open_urls - {e["fullUrl"]}) & set(references_in(e["resource"]))),
            waiting[0],
        )
        waiting.remove(following)
        placed.append(following)
    return placed


def _resolved(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        target = value.get("reference")
        if isinstance(target, str) and target in ids:
            return {**value, "reference": ids[target]}
        return {name: _resolved(item, ids) for name, item in value.items()}
    return [_resolved(item, ids) for item in value] if isinstance(value, list) else value
