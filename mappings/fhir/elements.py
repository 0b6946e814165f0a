"""The small parts every resource is made of: identifiers, codings, references, times, narratives, entries."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache, wraps
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import orjson
from pydantic_core import TzInfo

from mappings.fhir import local_codes
from mappings.moments import written

if TYPE_CHECKING:
    from mappings.library import Library

Json = dict[str, Any]
# How long a time is whose offset is of hours and minutes, without and with a part of a second.
_WITH_MINUTES = (len("2026-03-04T10:00:00-05:00"), len("2026-03-04T10:00:00.000000-05:00"))
# Time zones that were met, of one offset each that is of whole minutes.
_WHOLE_MINUTES: set[tzinfo | None] = {UTC}
_MOST_ZONES = 256
_zone_of = attrgetter("tzinfo")
_SIZED = (str, list, dict, tuple)
_UNDERSCORED = frozenset({"class_", "for_"})

BASE = "https://peerchart.example"
IDENTIFIERS = f"{BASE}/id"
CODE_SYSTEMS = f"{BASE}/CodeSystem"
EXTENSIONS = f"{BASE}/StructureDefinition"
XHTML = "http://www.w3.org/1999/xhtml"

NPI = "http://hl7.org/fhir/sid/us-npi"
PAYERS = "urn:example:payer"
# US Core 9, THO and PAS have the http form; https is its listed alias (US Core 6 to 8).
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
NUCC = "http://nucc.org/provider-taxonomy"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
THO = "http://terminology.hl7.org/CodeSystem"

PEER_TAXONOMY = ("175T00000X", "Peer Specialist")

# A fullUrl is never a business id: some servers replace its text wherever it stands.
_FULL_URLS = uuid.uuid5(uuid.NAMESPACE_URL, f"{BASE}/bundle-entry")
_MASTER_IDS = uuid.uuid5(uuid.NAMESPACE_URL, f"{BASE}/master-identifier")
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_uuid_parts = itemgetter(slice(8), slice(8, 12), slice(13, 16), 16, slice(17, 20), slice(20, 32))
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~/-]*")
_PERCENT = str.maketrans({sign: quote(sign, safe="") for sign in map(chr, range(128))})
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# Parts that never change, by their identity: shared by many records, and checked once. They are held here, so
# that no other object can come to have the identity of one.
LASTING: dict[int, Json] = {}
_MOST_LASTING = 2_048
Asked = ParamSpec("Asked")
Made = TypeVar("Made")


class NotFit(ValueError):
    """What may not leave: every problem as (path, words)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {words}" for path, words in problems))
        self.problems = tuple(problems)


def present(**elements: Any) -> Json:
    """A JSON object of the elements that have a value; None, empty texts, lists and objects are left out.

    `class_` and `for_` become `class` and `for`, which are words of Python.
    """
    # Most have all of their elements, under their own names.
    for name in [name for name, value in elements.items() if not value and _empty(value)]:
        del elements[name]
    if _UNDERSCORED.isdisjoint(elements):
        return elements
    return {name.rstrip("_"): value for name, value in elements.items()}


def _empty(value: object) -> bool:
    return value is None or type(value) in _SIZED


def lasting(part: Json) -> Json:
    """The part, which must never be changed from now on: it stands in many records, and is checked once."""
    LASTING[id(part)] = part
    return part


def made_once(make: Callable[Asked, Json]) -> Callable[Asked, Json]:
    """Keep the parts that a function makes of texts, the same one for the same texts; they must not be
    changed. What comes after the first thousands is made anew."""
    kept: dict[Any, Json] = {}

    @wraps(make)
    def made(*asked: Asked.args, **named: Asked.kwargs) -> Json:
        key = (asked, *named.items()) if named else asked
        found = kept.get(key)
        if found is None:
            found = make(*asked, **named)
            if len(kept) < _MOST_LASTING:
                kept[key] = lasting(found)
        return found

    return made


def made_of_library(
    make: Callable[Concatenate[Library, Asked], Made],
) -> Callable[Concatenate[Library, Asked], Made]:
    """Keep what a function makes of the tables of a library and of texts; it must not be changed."""
    kept: dict[Any, tuple[Library, Made]] = {}

    @wraps(make)
    def made(library: Library, /, *asked: Asked.args, **named: Asked.kwargs) -> Made:
        if named:
            return make(library, *asked, **named)
        found = kept.get((id(library), asked))
        if found is None:
            if len(kept) >= _MOST_LASTING:
                kept.clear()
            # The library is held, so that no other can come to have its identity.
            found = kept[id(library), asked] = library, make(library, *asked, **named)
        return found[1]

    return made


def filled(text: str | None) -> str | None:
    """The text without outer white space, or None when nothing is left of it."""
    return (text or "").strip() or None


def identifier(kind: str, value: str) -> Json:
    """Our own business identifier of a kind such as note, task or claim."""
    return {"system": f"{IDENTIFIERS}/{kind}", "value": value}


def coding(system: str, code: str, display: str | None = None) -> Json:
    """A Coding."""
    if system and code and display:
        return {"system": system, "code": code, "display": display}
    return present(system=system, code=code, display=display)


def local_coding(system: str, code: str, display: str | None = None) -> Json:
    """A Coding of one of our own code systems, named by its last part; only an open one takes a display."""
    return coding(f"{CODE_SYSTEMS}/{system}", code, display or local_codes.display(system, code))


def concept(*codings: Json, text: str | None = None) -> Json:
    """A CodeableConcept of the codings and a text."""
    if not codings:
        words = filled(text)
        return {"text": words} if words else {}
    return present(coding=list(codings), text=filled(text))


@made_once
def term_concept(system: str, code: str, display: str | None = None, text: str | None = None) -> Json:
    """A CodeableConcept of one coding that stands in many records, shared by them: it must not be changed."""
    return concept(coding(system, code, display), text=text)


@made_once
def local_concept(system: str, code: str) -> Json:
    """A CodeableConcept of one coding of our own, shared by many records: it must not be changed."""
    return concept(local_coding(system, code))


def reference(
    target: str, *, to: str | None = None, identifier: Json | None = None, display: Any = None
) -> Json:
    """A literal Reference to "Type/id" or "urn:uuid:..."; `to` is the type, where it does not show."""
    if target and to and identifier and display is None:
        return {"reference": target, "type": to, "identifier": identifier}
    if target and to and identifier is None and display is None:
        return {"reference": target, "type": to}
    return present(reference=target, type=to, identifier=identifier, display=filled(display))


def logical(to: str, identifier: Json, display: str | None = None) -> Json:
    """A Reference by business identifier alone, for a record whose id is not known here (R4 references)."""
    if to and identifier and display is None:
        return {"type": to, "identifier": identifier}
    return present(type=to, identifier=identifier, display=filled(display))


def period(start: date | datetime | None, end: date | datetime | None = None) -> Json:
    """A Period of days or times; open ends are left out."""
    if start is not None and end is not None:
        return {"start": stamp(start), "end": stamp(end)}
    return present(start=stamp(start), end=stamp(end))


def stamp(at: date | datetime | None) -> str | None:
    """A day as YYYY-MM-DD, an aware time as ISO 8601 with its own offset; one without offset is refused."""
    if at is None:
        return None
    if not isinstance(at, datetime):
        return at.isoformat()
    text = written(at)
    if len(text) in _WITH_MINUTES:
        return text
    if at.tzinfo is None:
        raise NotFit([("", f"the time {at} has no offset")])
    # FHIR knows offsets of hours and minutes only.
    return at.astimezone(UTC).isoformat()


def stamps(times: Sequence[datetime]) -> list[str]:
    """Aware times as `stamp` writes them: to write several at once costs less than half of that."""
    if not times or not _WHOLE_MINUTES.issuperset(map(_zone_of, times)):
        _WHOLE_MINUTES.update([zone for zone in map(_zone_of, times) if _of_whole_minutes(zone)])
        return [str(stamp(each)) for each in times]
    return orjson.dumps(times)[2:-2].decode().split('","')


def _of_whole_minutes(zone: tzinfo | None) -> bool:
    """Whether a time zone has one offset alone, and one that every program writes alike."""
    if len(_WHOLE_MINUTES) >= _MOST_ZONES or not isinstance(zone, (timezone, TzInfo)):
        return False
    offset = zone.utcoffset(None)
    return offset is not None and not offset % timedelta(minutes=1)


def quantity(value: int | Decimal, unit: str, code: str) -> Json:
    """A UCUM quantity."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def units_of_15(units: int) -> Json:
    """Units of 15 minutes as a UCUM quantity."""
    return quantity(units, "15 min", "{15min}")


def narrative(title: str, rows: Iterable[tuple[str, str | None]] = ()) -> Json:
    """A generated Narrative: a title and labelled lines as XHTML; empty lines are left out.

    Raises NotFit when a text holds a character that XML cannot carry.
    """
    return narrated(title, narrative_lines(rows))


def narrative_lines(rows: Iterable[tuple[str, str | None]]) -> str:
    """Labelled lines of a Narrative, as `narrated` takes them; raises NotFit as `narrative` does."""
    return "".join([_line(label, value) for label, value in rows if value])


def narrated(title: str, lines: str | None) -> Json:
    """A generated Narrative of a title and of lines that are XHTML already."""
    items = f"<ul>{lines}</ul>" if lines else ""
    return {
        "status": "generated",
        "div": f'<div xmlns="{XHTML}"><p><b>{_xml_text(title)}</b></p>{items}</div>',
    }


# Most lines of a narrative stand in many: a service, a status, a day.
@lru_cache(maxsize=4096)
def _line(label: str, value: str) -> str:
    words = value.strip()
    return f"<li>{_xml_text(f'{label}: {words}')}</li>" if words else ""


@lru_cache(maxsize=4096)
def _xml_text(text: str) -> str:
    if not text.isprintable():
        bad = _NOT_IN_XML.search(text)
        if bad:
            raise NotFit(
                [("text", f"holds the control character U+{ord(bad[0]):04X}; take it out of {text[:40]!r}")]
            )
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return xml_escaped(text)


def xml_escaped(text: str) -> str:
    """The text as it stands between the tags of XML; that of xml.sax.saxutils takes a web client along."""
    return text.replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")


def xml_can_hold(text: str) -> bool:
    """Whether XML can carry every character of a text, as FHIR asks of whatever is text."""
    return text.isprintable() or _NOT_IN_XML.search(text) is None


def full_url(kind: str, key: str) -> str:
    """The fullUrl of one of our entries: the same for the same kind and key, always."""
    return _urn(f"{kind}|{key}")


def _named_in(namespace: uuid.UUID) -> Callable[[Iterable[str]], list[str]]:
    """What makes name-based UUIDs (RFC 9562, version 5) as URNs; uuid.uuid5 takes several times as long."""
    begun = hashlib.sha1(namespace.bytes, usedforsecurity=False).copy

    def named(names: Iterable[str]) -> list[str]:
        found = []
        for name in names:
            hashed = begun()
            hashed.update(name.encode())
            low, middle, high, variant, clock, node = _uuid_parts(hashed.hexdigest())
            found.append(f"urn:uuid:{low}-{middle}-5{high}-{_VARIANT[variant]}{clock}-{node}")
        return found

    return named


# The fullUrls of kinds and keys, each "kind|key", that are asked for once: nothing is kept.
own_urls = _named_in(_FULL_URLS)
_master_names = _named_in(_MASTER_IDS)


# A bundle names each of its entries several times.
@lru_cache(maxsize=4096)
def _urn(name: str) -> str:
    return own_urls((name,))[0]


def master_name(key: str) -> str:
    """The value of a document's `master_identifier`."""
    return _master_names((key,))[0]


def master_identifier(key: str) -> Json:
    """A globally unique document id, different from any fullUrl."""
    return {"system": "urn:ietf:rfc:3986", "value": master_name(key)}


def if_none_exist(identifier: Mapping[str, str]) -> str:
    """The query of a conditional create by identifier, percent-encoded: `identifier=system%7Cvalue`."""
    return f"identifier={_quoted(identifier['system'])}%7C{quoted(identifier['value'])}"


def quoted(value: str) -> str:
    """The value of an identifier as it stands in a query."""
    if _UNQUOTED.fullmatch(value):
        return value.replace("/", "%2F")
    return value.translate(_PERCENT) if value.isascii() else quote(value, safe="")


@lru_cache(maxsize=1024)
def _quoted(system: str) -> str:
    return quote(system, safe="")


def entry(url: str, resource: Json, unless: Mapping[str, str] | None, query: str | None = None) -> Json:
    """A transaction entry that creates the resource, unless one with the identifier exists already; `query`
    is its value as `quoted` gives it, where that is known."""
    request = {"method": "POST", "url": resource["resourceType"]}
    if unless is not None:
        ours = query if query is not None else quoted(unless["value"])
        request["ifNoneExist"] = f"identifier={_quoted(unless['system'])}%7C{ours}"
    return {"fullUrl": url, "resource": resource, "request": request}


def transaction(entries: Iterable[Json]) -> Json:
    """A transaction Bundle of the entries, each fullUrl once, the first one counts."""
    once: dict[str, Json] = {}
    for each in entries:
        once.setdefault(each["fullUrl"], each)
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(once.values())}


def to_bytes(resource: Mapping[str, Any], *, indent: bool = False) -> bytes:
    """The JSON of a resource, the same bytes for the same resource; decimals keep their digits (72.30)."""
    option = orjson.OPT_INDENT_2 if indent else None
    return orjson.dumps(resource, default=as_digits, option=option)


def as_digits(value: object) -> object:
    """A decimal as JSON, with its digits; raises TypeError for anything else."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"a {type(value).__name__} has no place in FHIR JSON")
