"""Batch and transaction (FHIR R4, 3.1.0.11): a transaction is stored whole or not at all."""

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from .outcomes import FhirError
from .parameters import PARAMETERS
from .records import Records
from .references import read_local, references, replaced
from .results import find_bundle
from .store import Stored
from .validation import check_resource

_ORDER = ("DELETE", "POST", "PUT", "GET")
_MOST_ENTRIES = 500
_ADDRESS = re.compile(
    r"(?P<type>[A-Z][A-Za-z]+)(?:/(?P<id>[A-Za-z0-9.\-]{1,64}))?(?:/_history/(?P<version>\w+))?"
    r"(?:\?(?P<query>.*))?"
)


@dataclass(frozen=True)
class Entry:
    """One request of a Bundle, read and checked; `match` is what its condition found."""

    place: int
    method: str
    type: str
    id: str | None
    version: str | None
    query: str | None
    full_url: str | None = None
    resource: dict[str, Any] | None = None
    condition: str | None = None
    if_match: str | None = None
    match: Stored | None = field(default=None, compare=False)


def run_bundle(records: Records, bundle: Any, *, representation: bool = False) -> dict[str, Any]:
    """Carry out a Bundle and return the response Bundle, its entries in the order of the request.

    Raises FhirError for the first refusal of a transaction; nothing of it is then stored. In a batch each
    entry answers for itself.
    """
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise FhirError(400, "structure", "The body is not a Bundle; resources go to their type's address.")
    kind = bundle.get("type")
    if kind not in ("batch", "transaction"):
        raise FhirError(
            400, "value", f"A Bundle of type {kind} cannot be carried out.", expression="Bundle.type"
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > _MOST_ENTRIES:
        raise FhirError(400, "too-long", f"A Bundle has at most {_MOST_ENTRIES} entries.")
    if kind == "batch":
        answers = [_in_batch(records, place, raw, representation) for place, raw in enumerate(entries)]
    else:
        answers = _transaction(records, entries, representation)
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": answers}


def _in_batch(records: Records, place: int, raw: Any, representation: bool) -> dict[str, Any]:
    try:
        entry = _read_entry(place, raw, records.store.base)
        if entry.resource is not None:
            _refuse_unresolved(entry, entry.resource)
        if entry.method == "POST":
            written = records.create(entry.resource, expected=entry.type, condition=entry.condition)
            return _answer(records, written.stored, 201 if written.created else 200, representation)
        return _carry_out(records, entry, representation)
    except FhirError as error:
        outcome = error.within(f"Bundle.entry[{place}]").outcome()
        return {"response": {"status": str(error.status), "outcome": outcome}}


def _transaction(records: Records, raw: list[Any], representation: bool) -> list[dict[str, Any]]:
    entries = [_at(place, _read_entry, place, one, records.store.base) for place, one in enumerate(raw)]
    for entry in entries:
        if entry.resource is not None:
            _at(entry.place, check_resource, entry.resource, entry.type)
    answers: dict[int, dict[str, Any]] = {}
    with records.store.database.transaction():
        _run(records, entries, answers, representation)
    return [answers[entry.place] for entry in entries]


def _run(
    records: Records, entries: list[Entry], answers: dict[int, dict[str, Any]], representation: bool
) -> None:
    ordered = sorted(entries, key=lambda entry: _ORDER.index(entry.method))
    for entry in (one for one in ordered if one.method == "DELETE"):
        answers[entry.place] = _at(entry.place, _carry_out, records, entry, representation)
    identified = [_at(entry.place, _identified, records, entry) for entry in ordered]
    _refuse_twice(identified)
    names = {entry.full_url: f"{entry.type}/{entry.id}" for entry in identified if entry.full_url}
    coming = {(entry.type, entry.id) for entry in identified if entry.method in ("POST", "PUT") and entry.id}
    resolved = [_at(entry.place, _resolved, records, entry, names) for entry in identified]
    for entry in resolved:
        if entry.method == "POST" and entry.match is None:
            _at(entry.place, records.check_references, entry.resource, coming)
    # A Provenance stands in the record of its targets, so these must be there before it.
    for entry in sorted(resolved, key=lambda one: one.type == "Provenance" and one.method != "GET"):
        if entry.method in ("POST", "PUT"):
            answers[entry.place] = _at(entry.place, _carry_out, records, entry, representation, coming)
    for entry in (one for one in resolved if one.method == "GET"):
        answers[entry.place] = _at(entry.place, _carry_out, records, entry, representation)


def _at(place: int, step: Any, *args: Any) -> Any:
    try:
        return step(*args)
    except FhirError as error:
        raise error.within(f"Bundle.entry[{place}]") from error


def _read_entry(place: int, raw: Any, base: str) -> Entry:
    request = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(request, dict):
        _refuse("required", "Every entry needs a request (bdl-3).", "request")
    method, url = request.get("method"), request.get("url")
    if method not in _ORDER:
        _refuse(
            "not-supported",
            f"The method {method} is not supported; use POST, PUT, DELETE or GET.",
            "request.method",
        )
    match = _ADDRESS.fullmatch(url.removeprefix(f"{base}/")) if isinstance(url, str) else None
    if match is None or match["type"] not in PARAMETERS:
        _refuse("value", f"{url!r} is not an address of this server.", "request.url")
    full_url = raw.get("fullUrl")
    if full_url is not None and (not isinstance(full_url, str) or "/_history/" in full_url):
        _refuse("invariant", "A fullUrl is an address without a version (bdl-8).", "fullUrl")
    entry = Entry(
        place=place,
        method=method,
        type=match["type"],
        id=match["id"],
        version=match["version"],
        query=match["query"],
        full_url=full_url,
        resource=raw.get("resource"),
        condition=request.get("ifNoneExist"),
        if_match=request.get("ifMatch"),
    )
    _check_shape(entry)
    return entry


def _check_shape(entry: Entry) -> None:
    wants_id, wants_body = entry.method in ("PUT", "DELETE"), entry.method in ("POST", "PUT")
    if wants_id and (entry.id is None or entry.query is not None):
        _refuse("not-supported", f"{entry.method} needs an address such as {entry.type}/id.", "request.url")
    if entry.method == "POST" and (entry.id is not None or entry.query is not None):
        _refuse("value", f"POST goes to {entry.type} itself.", "request.url")
    if wants_body != isinstance(entry.resource, dict):
        _refuse("required", f"{entry.method} {'needs a' if wants_body else 'has no'} resource.", "resource")
    for name, value in (("ifNoneExist", entry.condition), ("ifMatch", entry.if_match)):
        if value is not None and not isinstance(value, str):
            _refuse("value", f"{name} is text.", f"request.{name}")


def _refuse(code: str, sentence: str, element: str) -> NoReturn:
    raise FhirError(400, code, sentence, expression=element)


def _identified(records: Records, entry: Entry) -> Entry:
    if entry.method != "POST":
        return entry
    if entry.condition is not None:
        match = records.matching(entry.type, entry.condition)
        if match:
            return replace(entry, id=match.id, match=match)
    return replace(entry, id=str(uuid.uuid4()))


def _refuse_twice(entries: list[Entry]) -> None:
    """Refuse two entries that write one identity, share a fullUrl, or create under one condition."""
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        if entry.method == "GET":
            continue
        names = [("id", entry.type, entry.id or ""), ("fullUrl", entry.full_url or f"#{entry.place}")]
        if entry.condition is not None:
            names.append(("condition", entry.type, repr(sorted(parse_qsl(entry.condition)))))
        for name in names:
            if name in seen:
                sentence = f"The transaction names one identity twice: {' '.join(name[1:])}."
                raise FhirError(400, "duplicate", sentence, expression=f"Bundle.entry[{entry.place}]")
            seen.add(name)


def _resolved(records: Records, entry: Entry, names: Mapping[str, str]) -> Entry:
    if entry.resource is None or entry.match is not None:
        return entry

    def change(text: str) -> str:
        return names.get(text, text)

    resource = replaced(entry.resource, change)
    resource = replaced(resource, lambda text: _found(records, text), ("reference",))
    _refuse_unresolved(entry, resource)
    return replace(entry, resource=resource)


def _found(records: Records, text: str) -> str:
    """Return the reference that a conditional reference such as Patient?identifier=a|b stands for."""
    match = _ADDRESS.fullmatch(text)
    if match is None or match["query"] is None or match["type"] not in PARAMETERS:
        return text
    found = records.matching(match["type"], match["query"])
    if found is None:
        raise FhirError(412, "not-found", f"The conditional reference {text} matches nothing.")
    return f"{found.type}/{found.id}"


def _refuse_unresolved(entry: Entry, resource: dict[str, Any]) -> None:
    for path, text in references(resource, entry.type):
        if text.startswith("urn:") or ("?" in text and read_local(text, "") is None and "://" not in text):
            raise FhirError(400, "not-found", f"{text} is not in this Bundle.", expression=path)


def _carry_out(
    records: Records, entry: Entry, representation: bool, coming: Collection[tuple[str, str]] = ()
) -> dict[str, Any]:
    if entry.method == "GET":
        return _got(records, entry)
    if entry.method == "DELETE":
        records.delete(entry.type, entry.id or "", entry.if_match)
        return {"response": {"status": "204"}}
    if entry.method == "PUT":
        written = records.update(entry.resource, entry.type, entry.id or "", entry.if_match, coming)
        return _answer(records, written.stored, 200, representation)
    if entry.match:
        return _answer(records, entry.match, 200, representation)
    written = records.add(entry.resource or {}, entry.id or "")
    return _answer(records, written.stored, 201, representation)


def _got(records: Records, entry: Entry) -> dict[str, Any]:
    if entry.id is None:
        bundle = find_bundle(records, entry.type, parse_qsl(entry.query or "", keep_blank_values=True))
        return {"resource": bundle, "response": {"status": "200"}}
    if entry.version is not None:
        return _answer(records, records.version(entry.type, entry.id, entry.version), 200, True)
    return _answer(records, records.read(entry.type, entry.id), 200, True)


def _answer(records: Records, stored: Stored, status: int, representation: bool) -> dict[str, Any]:
    place = f"{records.store.base}/{stored.type}/{stored.id}"
    answer: dict[str, Any] = {
        "fullUrl": place,
        "response": {
            "status": str(status),
            "location": f"{place}/_history/{stored.version}",
            "etag": f'W/"{stored.version}"',
            "lastModified": stored.updated,
        },
    }
    if representation:
        answer["resource"] = stored.resource
    return answer
