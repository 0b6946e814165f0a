"""FHIR over HTTP: read, search, create, update, transaction. Every trouble says what to do next."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import requests

from smart_launch import addresses
from smart_launch.strict_json import UnreadableJson, loads_object
from smart_launch.trouble import (
    FhirTrouble,
    NotAllowed,
    OutcomeUnknown,
    Refused,
    ServerIssue,
    Unreadable,
    Wait,
    issues_of,
    retry_after,
    server_words,
)
from smart_launch.wire import TIMEOUT, Answer, Lost, NotSent, Timeout, ask, http_session

__all__ = [
    "FhirAnswer",
    "FhirClient",
    "FhirTrouble",
    "ForeignReference",
    "NotAllowed",
    "OutcomeUnknown",
    "Refused",
    "SearchAnswer",
    "ServerIssue",
    "Unreadable",
    "Wait",
    "http_session",
]

FHIR_JSON = "application/fhir+json"
REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_TAIL = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?$")
_ETAG = re.compile(r'(?:W/)?"([^"]{1,128})"')
_HEADER_TEXT = re.compile(r"[ -~]{1,2000}")

_TOO_EARLY = 425
_BUSY = frozenset({_TOO_EARLY, 429, 503})
# 501 and 505 are judgements; every other 5xx, 408 and a followed-elsewhere answer leave a write open.
_JUDGED_5XX = frozenset({501, 505})
_REDIRECT_UNDONE = frozenset({307, 308})

Params = Mapping[str, str] | Sequence[tuple[str, str]]


class ForeignReference(ValueError):
    """A reference that does not lie on this EHR's FHIR base; nothing was requested."""


@dataclass(frozen=True)
class FhirAnswer:
    """An answer of the EHR that ended well. `location` is the relative reference (`Type/id`) that the
    Location header names, `version_id` comes from ETag, Location or the body."""

    status: int
    body: dict[str, Any] | None = field(repr=False)
    etag: str | None
    version_id: str | None
    location: str | None
    request_id: str


@dataclass(frozen=True)
class SearchAnswer:
    """All pages of one search: the resources that match, those included with them, and what the server
    remarked. `complete` is False when the pages allowed did not reach the end."""

    matches: tuple[dict[str, Any], ...] = field(repr=False)
    included: tuple[dict[str, Any], ...] = field(repr=False)
    remarks: tuple[ServerIssue, ...]
    pages: int
    complete: bool


@dataclass(frozen=True)
class FhirClient:
    """Speaks with one FHIR base. `token_provider` is asked before every request; the token goes to addresses
    below `base` and nowhere else. Timeouts are seconds to connect and to wait for data."""

    http_session: requests.Session = field(repr=False)
    base: str
    token_provider: Callable[[], str] = field(repr=False)
    timeout: Timeout = TIMEOUT

    def read(self, reference: str, *, request_id: str) -> FhirAnswer:
        """One resource by `Type/id`, or by its absolute address on this base. Raises ForeignReference before
        any request, and FhirTrouble (404 and 410 are Refused)."""
        local = self.local(reference)
        answer = self._send("GET", f"{self._root}/{local}", request_id)
        body = self._read_body(answer, request_id)
        if body.get("resourceType") != local.split("/", maxsplit=1)[0]:
            raise self._unreadable(answer, request_id, "it is not the resource that was asked for")
        return self._result(answer, body, request_id)

    def search(
        self, resource_type: str, params: Params, *, request_id: str, max_pages: int = 20
    ) -> SearchAnswer:
        """All pages of a search, at most `max_pages`. A next link that leaves this base raises Unreadable
        and is not followed. Raises FhirTrouble."""
        _require(_TYPE, resource_type, "resource type")
        address = f"{self._root}/{resource_type}?{urlencode(params)}"
        entries: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        following: str | None = address
        while following is not None and len(seen) < max_pages:
            seen.add(following)
            answer = self._send("GET", following, request_id)
            page = self._page(answer, request_id)
            entries.extend(_entries(page))
            following = self._next(page, following, seen, answer, request_id)
        return _search_answer(entries, len(seen), following is None)

    def create(
        self, resource_type: str, resource: bytes, *, request_id: str, if_none_exist: str | None = None
    ) -> FhirAnswer:
        """Create a resource from its JSON bytes; `if_none_exist` is the search (`identifier=system|value`,
        already encoded) under which it is created once only: 200 then means that it stood already, 412
        (Refused) that several match. Raises FhirTrouble."""
        _require(_TYPE, resource_type, "resource type")
        condition = {} if if_none_exist is None else {"If-None-Exist": _header(if_none_exist)}
        answer = self._send("POST", f"{self._root}/{resource_type}", request_id, resource, condition)
        result = self._written(answer, request_id, resource_type)
        if result.location is None:
            raise self._unknown(answer, request_id, "it does not say where it has stored the resource")
        return result

    def update(
        self, reference: str, resource: bytes, *, request_id: str, if_match: str | None = None
    ) -> FhirAnswer:
        """Replace a resource; `if_match` is the version id it must still have, else the EHR refuses with 409
        or 412 (Refused). Raises ForeignReference, and FhirTrouble."""
        local = self.local(reference)
        condition = {} if if_match is None else {"If-Match": f'W/"{_header(if_match)}"'}
        answer = self._send("PUT", f"{self._root}/{local}", request_id, resource, condition)
        return self._written(answer, request_id, local.split("/", maxsplit=1)[0])

    def transaction(self, bundle: bytes, *, request_id: str) -> FhirAnswer:
        """Send a transaction or batch Bundle; the body of the result is the response Bundle, one entry for
        each that was sent. Raises FhirTrouble."""
        answer = self._send("POST", self._root, request_id, bundle)
        result = self._written(answer, request_id, "Bundle")
        body = result.body or {}
        if str(body.get("type")) not in {"transaction-response", "batch-response"}:
            raise self._unknown(answer, request_id, "it is not the answer to a transaction")
        return result

    def local(self, reference: str) -> str:
        """The reference as `Type/id` when it is relative or lies on this base; a version at its end is left
        out. Raises ForeignReference (SMART App Launch 2.2: references to other servers are ignored)."""
        relative = reference.removeprefix(self._root + "/").split("/_history/")[0]
        if not REFERENCE.fullmatch(relative):
            raise ForeignReference(f"{reference[:200]!r} is not a resource of {self._root}.")
        return relative

    @property
    def _root(self) -> str:
        return self.base.removesuffix("/")

    def _send(
        self,
        method: str,
        address: str,
        request_id: str,
        body: bytes | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Answer:
        if not addresses.lies_below(address, self._root):
            raise ForeignReference(f"The address {address[:200]!r} is not below {self._root}.")
        headers = {**self._headers(request_id, body is not None), **(extra or {})}
        try:
            answer = ask(self.http_session, method, address, headers=headers, body=body, timeout=self.timeout)
        except NotSent as error:
            raise Wait(f"The EHR could not be reached: {error}.", request_id=request_id) from error
        except Lost as error:
            raise _lost(error, method, request_id) from error
        if answer.status not in {200, 201}:
            raise self._sorted(answer, method == "GET", request_id)
        return answer

    def _headers(self, request_id: str, with_body: bool) -> dict[str, str]:
        headers = {
            "Accept": FHIR_JSON,
            "Authorization": f"Bearer {self.token_provider()}",
            "X-Request-Id": _header(request_id),
        }
        return {**headers, "Content-Type": FHIR_JSON} if with_body else headers

    def _sorted(self, answer: Answer, reading: bool, request_id: str) -> FhirTrouble:
        status = answer.status
        details = _details(answer, request_id)
        if status in {401, 403}:
            return NotAllowed(_NOT_ALLOWED[status], **details)
        if status in _BUSY or (reading and (status >= 500 or status == 408) and status not in _JUDGED_5XX):
            message = f"The EHR is busy or out of order (status {status})."
            return Wait(message, retry_after=retry_after(answer.headers), **details)
        if 400 <= status < 500 and status != 408:
            return Refused(f"The EHR refused the request (status {status}).", **details)
        if status in _JUDGED_5XX or status in _REDIRECT_UNDONE:
            return Refused(f"The EHR does not take this request here (status {status}).", **details)
        if reading:
            return Unreadable(f"The EHR answered a read with status {status}.", **details)
        return OutcomeUnknown(
            f"The EHR does not say whether it stored the data (status {status}).", **details
        )

    def _page(self, answer: Answer, request_id: str) -> dict[str, Any]:
        body = self._read_body(answer, request_id)
        if body.get("resourceType") != "Bundle" or body.get("type") != "searchset":
            raise self._unreadable(answer, request_id, "it is not the answer to a search")
        return body

    def _next(
        self, page: Mapping[str, Any], current: str, seen: set[str], answer: Answer, request_id: str
    ) -> str | None:
        stated = _next_link(page)
        if stated is None:
            return None
        following = _joined(current, stated)
        if following is None or not addresses.lies_below(following, self._root):
            host = urlsplit(following).hostname if following else None
            raise self._unreadable(
                answer, request_id, f"its next page lies at another address ({host}); that was not followed"
            )
        if following in seen:
            raise self._unreadable(answer, request_id, "its pages go in a circle")
        return following

    def _read_body(self, answer: Answer, request_id: str) -> dict[str, Any]:
        if not answer.is_json:
            kind = answer.media_type or "no stated type"
            raise self._unreadable(answer, request_id, f"it is {kind}, not FHIR JSON")
        try:
            body = loads_object(answer.body)
        except UnreadableJson as error:
            raise self._unreadable(answer, request_id, str(error)) from error
        if not isinstance(body.get("resourceType"), str):
            raise self._unreadable(answer, request_id, "it is not a FHIR resource")
        return body

    def _written(self, answer: Answer, request_id: str, resource_type: str) -> FhirAnswer:
        body = None
        if answer.body.strip():
            try:
                body = self._read_body(answer, request_id)
            except Unreadable as error:
                raise self._unknown(answer, request_id, error.message) from error
        failed = any(issue.severity in {"fatal", "error"} for issue in issues_of(body))
        kind = None if body is None else body["resourceType"]
        if failed or kind not in {None, resource_type, "OperationOutcome"}:
            raise self._unknown(answer, request_id, "it is not the resource that was sent")
        return self._result(answer, body, request_id)

    def _result(self, answer: Answer, body: dict[str, Any] | None, request_id: str) -> FhirAnswer:
        etag = answer.headers.get("etag")
        place = _TAIL.search(urlsplit(answer.headers.get("location", "")).path)
        stated = _ETAG.fullmatch(etag.strip()) if etag else None
        version = stated.group(1) if stated else (place.group(2) if place else None)
        return FhirAnswer(
            status=answer.status,
            body=body,
            etag=etag,
            version_id=version or _version_of(body),
            # A server behind a proxy may name an inner host here: only the tail is used, never fetched.
            location=place.group(1) if place else _reference_of(body),
            request_id=request_id,
        )

    def _unreadable(self, answer: Answer, request_id: str, why: str) -> Unreadable:
        return Unreadable(
            f"The answer of the EHR cannot be relied on: {why}.", **_details(answer, request_id)
        )

    def _unknown(self, answer: Answer, request_id: str, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"The EHR does not say clearly whether it stored the data: {why}.", **_details(answer, request_id)
        )


_NOT_ALLOWED = {
    401: "The EHR does not accept the token (status 401).",
    403: "The EHR does not allow this (status 403).",
}


def _lost(error: Lost, method: str, request_id: str) -> FhirTrouble:
    if method == "GET":
        return Wait(f"The EHR did not answer: {error}.", request_id=request_id)
    return OutcomeUnknown(f"The EHR did not say whether it stored the data: {error}.", request_id=request_id)


def _details(answer: Answer, request_id: str) -> dict[str, Any]:
    try:
        body = loads_object(answer.body) if answer.is_json else None
    except UnreadableJson:
        body = None
    issues = issues_of(body)
    words = server_words(issues, answer.body, answer.media_type)
    return {"status": answer.status, "issues": issues, "words": words, "request_id": request_id}


def _search_answer(entries: Sequence[Mapping[str, Any]], pages: int, complete: bool) -> SearchAnswer:
    found = [(entry["resource"], _mode(entry)) for entry in entries]
    return SearchAnswer(
        matches=tuple(resource for resource, mode in found if mode == "match"),
        included=tuple(resource for resource, mode in found if mode == "include"),
        remarks=tuple(i for resource, mode in found if mode == "outcome" for i in issues_of(resource)),
        pages=pages,
        complete=complete,
    )


def _mode(entry: Mapping[str, Any]) -> str:
    if entry["resource"].get("resourceType") == "OperationOutcome":
        return "outcome"
    search = entry.get("search")
    stated = search.get("mode") if isinstance(search, dict) else None
    return str(stated) if str(stated) in {"include", "outcome"} else "match"


def _entries(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = page.get("entry")
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield entry


def _next_link(page: Mapping[str, Any]) -> str | None:
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


def _joined(current: str, stated: str) -> str | None:
    try:
        return urljoin(current, stated)
    except ValueError:
        return None


def _version_of(body: Mapping[str, Any] | None) -> str | None:
    meta = (body or {}).get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def _reference_of(body: Mapping[str, Any] | None) -> str | None:
    if body is None or "id" not in body:
        return None
    reference = f"{body['resourceType']}/{body['id']}"
    return reference if REFERENCE.fullmatch(reference) else None


def _header(text: str) -> str:
    _require(_HEADER_TEXT, text, "header value")
    return text


def _require(form: re.Pattern[str], text: str, what: str) -> None:
    if not form.fullmatch(text):
        raise ValueError(f"{text[:80]!r} cannot be a {what}")
