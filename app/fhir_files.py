"""FHIR files that people give: JSON, NDJSON of a bulk export, or XML, read into the resources they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.problems import MendInput
from mappings.fhir.staff import Given, Left
from mappings.fhir.xml import NotReadable, from_xml
from smart_launch.strict_json import UnreadableJson, loads_object

MAX_BYTES = 16 * 1024 * 1024
MOST = 20_000
_BOM = b"\xef\xbb\xbf"
_BUNDLES = ("searchset", "collection", "transaction", "batch")
_EXPORT = "Export Practitioner and PractitionerRole as a FHIR R4 Bundle or NDJSON, and try again."


@dataclass(frozen=True)
class Reading:
    """The resources of one file or one search, and what of it could not be read."""

    given: tuple[Given, ...]
    left: tuple[Left, ...] = ()


def read_fhir(data: bytes, *, most_bytes: int = MAX_BYTES, most: int = MOST) -> Reading:
    """The resources of a FHIR file: a Bundle (searchset, collection, transaction, batch), one resource, or
    NDJSON with one a line; JSON or XML, told apart by content. Raises MendInput where nothing can be read."""
    if len(data) > most_bytes:
        raise MendInput(f"The file is larger than {most_bytes // 1024:,} KiB.", "Import it in parts.")
    text = data.removeprefix(_BOM).strip()
    if not text:
        raise MendInput("The file is empty.", _EXPORT)
    reading = _xml(text) if text.startswith(b"<") else _json(text)
    if len(reading.given) > most:
        raise MendInput(f"The file holds more than {most:,} resources.", "Import it in parts.")
    return reading


def _xml(text: bytes) -> Reading:
    try:
        return _unfold(from_xml(text), "the file")
    except NotReadable as error:
        raise MendInput(f"The file is no FHIR XML that can be read: {str(error)[:300]}.", _EXPORT) from None


def _json(text: bytes) -> Reading:
    try:
        whole = loads_object(text)
    except UnreadableJson as error:
        lines = _lines(text)
        if lines is None:
            raise MendInput(f"The file is no FHIR that can be read: {error}.", _EXPORT) from None
        return lines
    return _unfold(whole, "the file")


def _lines(text: bytes) -> Reading | None:
    """The text as NDJSON, None where no line of it is a resource."""
    given: list[Given] = []
    left: list[Left] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            reading = _unfold(loads_object(line), where)
            given += reading.given
            left += reading.left
        except UnreadableJson as error:
            left.append(Left(where, f"it is no resource: {error}"[:300], "Export that line again."))
        except MendInput as problem:
            left.append(Left(where, problem.message, problem.what_to_do))
    return Reading(tuple(given), tuple(left)) if given else None


def _unfold(resource: Mapping[str, Any], where: str) -> Reading:
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        raise MendInput("There is no resourceType, so this is no FHIR.", _EXPORT)
    if kind != "Bundle":
        return Reading((Given(where, dict(resource)),))
    if resource.get("type") not in list(_BUNDLES):
        wanted = ", ".join(_BUNDLES)
        raise MendInput(
            f"It is a Bundle of the type {str(resource.get('type'))[:40]!r}.", f"Use one of: {wanted}."
        )
    prefix = "" if where == "the file" else f"{where}, "
    found = list(_entries(resource, prefix))
    more = list(_more_pages(resource, where))
    given = tuple(one for one in found if isinstance(one, Given))
    return Reading(given, (*(one for one in found if isinstance(one, Left)), *more))


def _entries(bundle: Mapping[str, Any], prefix: str) -> Iterator[Given | Left]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        yield Left(f"{prefix}Bundle.entry", "it is no list", _EXPORT)
        return
    for number, entry in enumerate(entries, start=1):
        yield _entry(entry if isinstance(entry, dict) else {}, f"{prefix}entry {number}")


def _entry(entry: Mapping[str, Any], where: str) -> Given | Left:
    request, resource, address = entry.get("request"), entry.get("resource"), entry.get("fullUrl")
    if isinstance(request, dict) and request.get("method") not in [None, "POST", "PUT"]:
        return Left(where, "it asks for another thing than to keep a resource", "Nothing to do.")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return Left(where, "it holds no resource", "Export it again.")
    if resource["resourceType"] == "Bundle":
        return Left(where, "it holds a Bundle inside the Bundle", "Import that Bundle by itself.")
    return Given(where, resource, address if isinstance(address, str) else "")


def _more_pages(bundle: Mapping[str, Any], where: str) -> Iterator[Left]:
    links = bundle.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next":
            yield Left(where, "this is one page of a search; it names further ones", "Import those too.")
