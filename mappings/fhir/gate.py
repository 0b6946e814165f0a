"""The last check before anything leaves: the R4B models for a new shape, our own layer for every record.

fhir.resources checks types, missing and unknown elements, but neither required codes, empty lists,
invariants, reference targets nor references inside a Bundle. It is also many times slower than the rest, so a
shape (which elements an object of a type has) goes through it once, most of them before they came here: those
that the tests prove stand in a data file. Each record then passes the checks here.
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from mappings.fhir import invariants
from mappings.fhir.compiled import Compiler, Met
from mappings.fhir.elements import XHTML, Json, NotFit
from mappings.fhir.model import Element, elements, proven_shapes

Problem = tuple[str, str]

# What US Core (6.1 to 9) asks of each profile beyond the base and what the base leaves optional.
_ALSO_REQUIRED = {
    "Encounter": ("type", "subject"),
    "DocumentReference": ("type", "category", "subject"),
    "CarePlan": ("text", "category"),
    "RelatedPerson": ("active",),
    "Coverage": ("relationship",),
    "Patient": ("identifier", "name", "gender"),
    "Practitioner": ("identifier", "name"),
    "Organization": ("active", "name"),
}
_NO_OWN_ADDRESS = ("Provenance", "AuditEvent", "Binary")
_DIV = f"{{{XHTML}}}div"
_TAGS = {
    *("div", "p", "b", "i", "em", "strong", "br", "span", "pre", "h2", "h3"),
    *(
        "h1",
        "h4",
        "h5",
        "h6",
        "a",
        "hr",
        "blockquote",
        "code",
        "small",
        "sub",
        "sup",
        "u",
        "q",
        "cite",
        "caption",
    ),
    *("ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"),
}
_DAY = r"\d{4}(-\d{2}(-\d{2})?)?"
_ZONED = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"
_FORMS = {
    "id": re.compile(r"[A-Za-z0-9\-.]{1,64}"),
    "code": re.compile(r"[^\s]+( [^\s]+)*"),
    "uri": re.compile(r"\S+"),
    "url": re.compile(r"\S+"),
    "canonical": re.compile(r"\S+"),
    "oid": re.compile(r"urn:oid:[0-2](\.(0|[1-9]\d*))+"),
    "uuid": re.compile(r"urn:uuid:[0-9a-f-]{36}"),
    "date": re.compile(_DAY),
    "dateTime": re.compile(f"{_DAY}|{_ZONED}"),
    "instant": re.compile(_ZONED),
    "time": re.compile(r"\d{2}:\d{2}:\d{2}(\.\d+)?"),
}
_SAID = {
    "id": "letters, digits, - and ., at most 64",
    "code": "no white space but single spaces inside",
    "uri": "no white space",
    "date": "a day such as 2026-03-04",
    "dateTime": "a day, or a time with its zone",
    "instant": "a time with seconds and its zone",
}
# A title and lines of text, as narratives are written here: nothing in it that a parser could still refuse.
_LINE = r"[^<>&\x00-\x08\x0b\x0c\x0e-\x1f]*(?:&(?:amp|lt|gt);[^<>&\x00-\x08\x0b\x0c\x0e-\x1f]*)*"
_PLAIN_NARRATIVE = re.compile(
    rf'<div xmlns="{XHTML}"><p><b>\w{_LINE}</b></p>(?:<ul>(?:<li>{_LINE}</li>)+</ul>)?</div>'
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MOST_LINES = 8_192
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FILLING = (b"", b"=", b"==")
_LEAST = {"positiveInt": 1, "unsignedInt": 0, "integer": -(2**31)}


def check(resource: Mapping[str, Any], *, full: bool = False) -> None:
    """Pass a resource or Bundle that may leave; raise NotFit with every problem (path, words) otherwise.

    With `full` the R4B model judges it even where its shape is known. R4 4.0.1 datatypes and invariants, the
    required elements of US Core 6.1 to 9, http.html#transaction for Bundles.
    """
    met = Met()
    if not full and known_good(resource, met) and not met.fresh:
        return
    found = findings(resource)
    if not found:
        # Building the models takes a second or two, and hardly any record has a shape that they must see.
        from mappings.fhir import from_models

        found += from_models.refused(resource)
    if found:
        raise NotFit(found)
    _COMPILER.learn(met.fresh)


def findings(resource: Mapping[str, Any]) -> list[Problem]:
    """Every problem (path, words) that the layer of our own finds, without the models."""
    found = list(_resource(dict(resource), str(resource.get("resourceType") or "resource")))
    if resource.get("resourceType") == "Bundle" and not found:
        found += _bundle(dict(resource))
    return found


def known_good(resource: Mapping[str, Any], met: Met) -> bool:
    """Whether the compiled checks tell that `findings` is empty; False also where they cannot. `met` takes
    the shapes that no model has passed yet."""
    if not _COMPILER.resource(resource, met):
        return False
    if resource["resourceType"] != "Bundle":
        return True
    if "entry" not in resource:
        return False
    entries = resource["entry"]
    asks = resource["type"] in ("transaction", "batch")
    kinds = {item["fullUrl"]: item["resource"]["resourceType"] for item in entries if _ordinary(item)}
    if len(kinds) < len(entries) or any(problem for each in entries for problem in _entry(each, asks, "")):
        return False
    for target, allowed in met.references:
        kind = kinds.get(target)
        if kind is None or (allowed and kind not in allowed):
            return False
    return True


def passes_entry(item: Json, met: Met) -> bool:
    """Whether nothing is wrong with one entry of a transaction by itself, for a Bundle put together of such;
    False also where only `check` can tell. `met` takes references and shapes, the entry's own among them."""
    check_entry = _COMPILER.function("BundleEntry", item)
    if check_entry is None or not check_entry(item, met):
        return False
    return _creates(item) or (_ordinary(item) and not any(True for _ in _entry(item, True, "")))


def passes_part(part: Json, kind: str, met: Met) -> bool:
    """Whether nothing is wrong with an object of a type by itself; False also where only `check` can tell."""
    check_part = _COMPILER.function(kind, part)
    return check_part is not None and check_part(part, met)


def _creates(item: Json) -> bool:
    """Whether an entry that is well made is of the kind that stands here most, and right."""
    if "fullUrl" not in item or "request" not in item or "resource" not in item:
        return False
    request, kind = item["request"], item["resource"]["resourceType"]
    if request["method"] != "POST" or request["url"] != kind or "/" in item["fullUrl"]:
        return False
    unless = request.get("ifNoneExist")
    if unless is None:
        return True
    ours = unless.startswith("identifier=") and "|" not in unless and "urn:uuid" not in unless
    return ours and kind not in _NO_OWN_ADDRESS


def _ordinary(item: Json) -> bool:
    return "fullUrl" in item and "resource" in item


def _resource(value: Any, path: str) -> Iterator[Problem]:
    kind = value.get("resourceType") if isinstance(value, dict) else None
    try:
        elements(str(kind))
    except (ValueError, AttributeError, KeyError):
        yield path, f"resourceType {kind!r} is no resource of R4"
        return
    content = {key: item for key, item in value.items() if key != "resourceType"}
    yield from _object(content, str(kind), path)
    for name in _ALSO_REQUIRED.get(str(kind), ()):
        if name not in content:
            yield f"{path}.{name}", "is missing (US Core)"


def _object(value: Json, kind: str, path: str) -> Iterator[Problem]:
    known = elements(kind)
    if not value:
        yield path, "is an empty object"
    for name, item in value.items():
        element = known.get(name.removeprefix("_"))
        if element is None or (name.startswith("_") and element.primitive is None):
            yield f"{path}.{name}", f"is no element of {kind}"
        elif not name.startswith("_"):
            yield from _element(item, element, f"{path}.{name}")
    yield from _required(value, kind, path)
    for words in _broken_invariants(kind, value):
        yield path, words


def _broken_invariants(kind: str, value: Json) -> list[str]:
    try:
        return list(invariants.problems(kind, value))
    except (AttributeError, TypeError):
        return []  # an element of another type than it should have is reported where it stands


def _required(value: Json, kind: str, path: str) -> Iterator[Problem]:
    required, choice_of = _demands(kind)
    for name in required:
        if name not in value and "_" + name not in value:
            yield f"{path}.{name}", "is missing"
    if choice_of:
        choices = Counter(choice_of[name] for name in value if name in choice_of)
        for choice, count in choices.items():
            if count > 1:
                yield path, f"has {count} kinds of {choice}[x]; one is allowed"


@lru_cache(maxsize=512)
def _demands(kind: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The elements a type must have, and of which choice its other elements are."""
    known = elements(kind).values()
    required = tuple(each.name for each in known if each.required)
    return required, {each.name: each.choice for each in known if each.choice}


def _element(value: Any, element: Element, path: str) -> Iterator[Problem]:
    if isinstance(value, list) != element.repeats:
        yield path, "is a list" if isinstance(value, list) else "needs a list"
        return
    if value == []:
        yield path, "is an empty list; leave the element out"
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        yield from _one(item, element, f"{path}[{index}]" if element.repeats else path)


def _one(value: Any, element: Element, path: str) -> Iterator[Problem]:
    if element.primitive is not None:
        words = _primitive(value, element)
        if words:
            yield path, words
    elif not isinstance(value, dict):
        yield path, f"needs an object ({element.model})"
    elif element.model == "Resource":
        yield from _resource(value, path)
    else:
        yield from _object(value, str(element.model), path)
        if element.targets and element.model == "Reference":
            yield from _target(value, element.targets, path)


def _target(value: Json, targets: frozenset[str], path: str) -> Iterator[Problem]:
    literal = _type_of(str(value.get("reference", "")))
    said = value.get("type")
    for kind in {literal, said if isinstance(said, str) else None} - {None}:
        if kind not in targets:
            yield path, f"refers to a {kind}; allowed: {', '.join(sorted(targets))}"


def _type_of(target: str) -> str | None:
    parts = target.partition("/_history/")[0].split("/")
    return parts[-2] if len(parts) >= 2 and not target.startswith(("urn:", "#")) else None


def _primitive(value: Any, element: Element) -> str | None:
    kind = str(element.primitive)
    if kind == "boolean":
        return None if isinstance(value, bool) else "needs true or false"
    if kind in _LEAST:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and _LEAST[kind] <= value < 2**31 else f"needs a whole number ({kind})"
    if kind == "decimal":
        return None if isinstance(value, int | Decimal) and not isinstance(value, bool) else "needs a decimal"
    if not isinstance(value, str):
        return f"needs a text ({kind})"
    if kind == "base64Binary":
        return None if value and _is_base64(value) else f"{value[:60]!r} is no base64"
    return _text(value, kind, element)


def _text(value: str, kind: str, element: Element) -> str | None:
    if not value.strip() or (not value.isprintable() and _CONTROL.search(value)):
        return "holds a control character" if value.strip() else "is blank"
    if kind == "xhtml":
        return _xhtml(value)
    form = _FORMS.get(kind)
    if form and not form.fullmatch(value):
        return f"{value[:60]!r} is no {kind}: {_SAID.get(kind, 'see the FHIR datatypes')}"
    if kind in ("date", "dateTime", "instant") and not _on_calendar(value):
        return f"{value!r} is on no calendar"
    if element.codes is not None and value not in element.codes:
        return f"{value!r} is none of its codes: {', '.join(sorted(element.codes))}"
    return None


def _good(element: Element) -> Callable[[str], bool]:
    """What passes just the texts of an element in which `_primitive` finds nothing wrong."""
    kind = str(element.primitive)
    form = _FORMS.get(kind)

    def any_text(value: str) -> bool:
        return _primitive(value, element) is None

    def in_form(value: str) -> bool:
        return matches(value) is not None and (value.isprintable() or not _CONTROL.search(value))

    def time(value: str) -> bool:
        return matches(value) is not None and _on_calendar(value)

    def narrative(value: str) -> bool:
        # Cut at its lines, most of a narrative stands in others that were found plain.
        first, *lines = value.split("<li>")
        ends = first, lines.pop() if lines else ""
        if ends in whole and known.issuperset(lines):
            return True
        plain = _PLAIN_NARRATIVE.fullmatch(value) is not None and value.isprintable()
        if plain:
            for kept in (known, whole):
                if len(kept) >= _MOST_LINES:
                    kept.clear()
            known.update(lines)
            whole.add(ends)
        return plain or any_text(value)

    known, whole = set[str](), set[tuple[str, str]]()

    if kind == "xhtml":
        return narrative
    if element.codes is not None or form is None:
        return any_text
    matches = form.fullmatch
    return time if kind in ("date", "dateTime", "instant") else in_form


def _is_base64(value: str) -> bool:
    # Nothing but its letters, and only the last two may fill up: a quarter of the time of the decoder.
    filling = value.encode("ascii", "replace").translate(None, _BASE64)
    if len(value) % 4 == 0 and filling in _FILLING and value.endswith(filling.decode()):
        return True
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return True


def _on_calendar(value: str) -> bool:
    try:
        _ = datetime.fromisoformat(value) if "T" in value else date.fromisoformat((value + "-01-01")[:10])
    except ValueError:
        return False
    return True


def _xhtml(value: str) -> str | None:
    if _PLAIN_NARRATIVE.fullmatch(value):
        return None
    # Before any parser sees it: entities of a DOCTYPE may grow without end.
    if "<!DOCTYPE" in value.upper():
        return "is no XHTML div"
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        div = etree.fromstring(value.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        return f"is no XHTML: {error}"
    if div.tag != _DIV:
        return "is no XHTML div"
    for node in div.iter():
        tag = etree.QName(node).localname if isinstance(node.tag, str) else "a comment or instruction"
        if tag not in _TAGS or any(str(key).lower().startswith("on") for key in node.attrib):
            return f"txt-1: {tag} has no place in a narrative"
    return None if "".join(cast(Iterator[str], div.itertext())).strip() else "txt-2: the narrative is empty"


def _bundle(bundle: Json) -> Iterator[Problem]:
    entries = bundle.get("entry", [])
    asks = bundle.get("type") in ("transaction", "batch")
    urls = Counter(item.get("fullUrl") for item in entries if item.get("fullUrl"))
    kinds = {item.get("fullUrl"): (item.get("resource") or {}).get("resourceType") for item in entries}
    if not entries:
        yield "Bundle.entry", "the Bundle is empty"
    for url, count in urls.items():
        if count > 1:
            yield "Bundle.entry", f"bdl-7: {url} stands {count} times"
    for index, item in enumerate(entries):
        yield from _entry(item, asks, f"Bundle.entry[{index}]")
        yield from _inside(item.get("resource"), kinds, f"Bundle.entry[{index}].resource")


def _entry(item: Json, asks: bool, path: str) -> Iterator[Problem]:
    request = item.get("request")
    if asks != (request is not None):
        yield path, "bdl-3: request is for transactions and batches, and must be there"
    if "/_history/" in item.get("fullUrl", ""):
        yield path, "bdl-8: a fullUrl names no version"
    kind = (item.get("resource") or {}).get("resourceType")
    if request and request.get("method") == "POST" and request.get("url") != kind:
        yield f"{path}.request.url", f"{request.get('url')!r} does not create a {kind}"
    unless = (request or {}).get("ifNoneExist", "")
    if unless.startswith("?") or "|" in unless or "urn:uuid" in unless:
        yield f"{path}.request.ifNoneExist", "is a query alone, with its | written as %7C and no placeholder"
    if unless and kind in _NO_OWN_ADDRESS:
        yield f"{path}.request.ifNoneExist", f"a {kind} has no identifier to be found by"


def _inside(resource: Any, kinds: Mapping[Any, Any], path: str) -> Iterator[Problem]:
    """Every urn:uuid is an entry of this Bundle, and of a type that the element may refer to."""
    if isinstance(resource, dict):
        kind = str(resource.get("resourceType"))
        content = {key: item for key, item in resource.items() if key != "resourceType"}
        yield from _references(content, kind, kinds, path)


def _references(value: Json, kind: str, kinds: Mapping[Any, Any], path: str) -> Iterator[Problem]:
    known = elements(kind)
    for name, item in value.items():
        element = known.get(name)
        if element is None or element.model is None or element.model == "Resource":
            continue
        for each in item if isinstance(item, list) else [item]:
            if element.model == "Reference":
                yield from _resolves(each, element, kinds, f"{path}.{name}")
            yield from _references(each, str(element.model), kinds, f"{path}.{name}")


def _resolves(value: Json, element: Element, kinds: Mapping[Any, Any], path: str) -> Iterator[Problem]:
    target = str(value.get("reference", ""))
    if not target.startswith("urn:"):
        return
    if target not in kinds:
        yield path, f"{target} is no entry of this Bundle"
    elif element.targets and kinds[target] not in element.targets:
        yield path, f"refers to a {kinds[target]}; allowed: {', '.join(sorted(element.targets))}"


_COMPILER = Compiler(_good, _demands, _ALSO_REQUIRED, _type_of, proven_shapes)


def known_shapes() -> int:
    """How many shapes the models have passed, those of the data file among them."""
    return len(_COMPILER.passed)


__all__ = ["NotFit", "check", "findings", "known_good", "known_shapes", "passes_entry", "passes_part"]
