"""Search results as Bundles, page by page; the page token is signed and says nothing to the client."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from itsdangerous import BadSignature, URLSafeSerializer

from .index import index_rows
from .outcomes import FhirError
from .records import Records
from .search import Pairs, Query, read_query
from .store import AnyOf, Clause, Stored, Window


def find_bundle(records: Records, resource_type: str, pairs: Pairs) -> dict[str, Any]:
    """Search and return one page as a searchset Bundle with total, self and, where more follows, next.

    Raises FhirError 400 for what is not understood, 403 without the scope to search.
    """
    store = records.store
    narrowed = records.clauses(resource_type)
    asked, after = _asked(store.page_secret, resource_type, pairs)
    query = read_query(resource_type, asked, store.base, store.zone)
    clauses: tuple[Clause | AnyOf, ...] = (*query.clauses, *narrowed)
    window = Window(query.by, query.descending, after, query.count + 1)
    with store.database.transaction():
        found = store.find(resource_type, clauses, window) if query.count else []
        total = store.count(resource_type, clauses)
        page, more = found[: query.count], len(found) > query.count
        entries = [_entry(store.base, one, "match") for one in page]
        entries += [_entry(store.base, one, "include") for one in _included(records, query, page)]
    links = [_link("self", f"{store.base}/{resource_type}", pairs)]
    if more:
        last = page[-1].seq if query.by == "seq" else page[-1].born
        token = _signer(store.page_secret).dumps([resource_type, list(asked), last])
        links.append(_link("next", f"{store.base}/{resource_type}", [("_page", str(token))]))
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    return bundle | ({"entry": entries} if entries else {})


def history_bundle(base: str, versions: Iterable[Stored]) -> dict[str, Any]:
    """Return the versions of one resource as a history Bundle, newest first."""
    entries = [_past(base, one) for one in versions]
    return {"resourceType": "Bundle", "type": "history", "total": len(entries), "entry": entries}


def _asked(secret: str, resource_type: str, pairs: Pairs) -> tuple[Pairs, int | None]:
    pages = [value for key, value in pairs if key == "_page"]
    if not pages:
        return pairs, None
    if len(pairs) > 1:
        raise FhirError(400, "value", "A page address is used as it stands, without further parameters.")
    try:
        named, asked, after = _signer(secret).loads(pages[0])
    except BadSignature as error:
        raise FhirError(400, "value", "This page address was not made by this server.") from error
    if named != resource_type:
        raise FhirError(400, "value", f"This page address is one of {named}.")
    return [(key, value) for key, value in asked], after


def _signer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt="page")


def _link(relation: str, address: str, pairs: Pairs) -> dict[str, str]:
    return {"relation": relation, "url": f"{address}?{urlencode(pairs)}" if pairs else address}


def _entry(base: str, stored: Stored, mode: str) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/{stored.type}/{stored.id}",
        "resource": stored.resource,
        "search": {"mode": mode},
    }


def _included(records: Records, query: Query, page: list[Stored]) -> Iterator[Stored]:
    store = records.store
    seen = {(one.type, one.id) for one in page}
    for one in page if query.includes else []:
        for row in index_rows(one.resource, store.base, store.zone):
            if row.name in query.includes and row.system and (row.system, row.value) not in seen:
                seen.add((row.system, row.value))
                yield from _readable(records, row.system, row.value)


def _readable(records: Records, resource_type: str, resource_id: str) -> Iterator[Stored]:
    try:
        yield records.read(resource_type, resource_id)
    except FhirError:
        # What the grant may not see is not included; the search itself stands.
        return


def _past(base: str, one: Stored) -> dict[str, Any]:
    method = "DELETE" if one.deleted else "POST" if one.version == 1 else "PUT"
    entry: dict[str, Any] = {
        "fullUrl": f"{base}/{one.type}/{one.id}",
        "request": {"method": method, "url": one.type if method == "POST" else f"{one.type}/{one.id}"},
        "response": {
            "status": {"DELETE": "204", "POST": "201", "PUT": "200"}[method],
            "etag": f'W/"{one.version}"',
            "lastModified": one.updated,
        },
    }
    return entry if one.deleted else entry | {"resource": one.resource}
