"""FHIR XML of our JSON and back, written and read with lxml in the order of the R4B models.

The models' own XML writer turns decimals into binary fractions, so element order and types are taken from the
models and the values are passed on as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from mappings.fhir.elements import XHTML, Json, NotFit
from mappings.fhir.model import Element, elements

FHIR = "http://hl7.org/fhir"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
_WHOLE = ("integer", "positiveInt", "unsignedInt", "integer64")
MAX_DEPTH = 64


class NotReadable(ValueError):
    """XML that is refused: a DOCTYPE, broken XML, another root, an element that FHIR R4 does not know."""


def to_xml(resource: Mapping[str, Any]) -> bytes:
    """The resource or Bundle as UTF-8 FHIR XML (R4 xml.html): elements in order, the narrative as XHTML.

    Raises NotFit when the resource holds an element that R4 does not know.
    """
    root = etree.fromstring(f'<{resource["resourceType"]} xmlns="{FHIR}"/>')
    _write(root, _content(resource), str(resource["resourceType"]))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def from_xml(data: bytes) -> Json:
    """The JSON form of FHIR XML, equal to what `to_xml` was given.

    Raises NotReadable on a DOCTYPE (so no entity is ever expanded), broken XML or an unknown element.
    """
    _refuse_doctype(data)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotReadable(f"the XML cannot be read: {error}") from None
    return _read_resource(root, 0)


def _refuse_doctype(data: bytes) -> None:
    # Before any parser sees it: libxml2 expands entities in attribute values whatever it is told.
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotReadable("the XML is not UTF-8, which FHIR asks for") from None
    if "\x00" in text:
        raise NotReadable("the XML is not UTF-8, which FHIR asks for")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotReadable("the XML holds a DOCTYPE; FHIR allows none, send it without")


def _name(local: str) -> str:
    return f"{{{FHIR}}}{local}"


def _content(resource: Mapping[str, Any]) -> Json:
    return {key: value for key, value in resource.items() if key != "resourceType"}


def _write(node: etree._Element, value: Json, kind: str) -> None:
    known = elements(kind)
    strange = [name for name in value if name.removeprefix("_") not in known]
    if strange:
        raise NotFit([(f"{kind}.{strange[0]}", f"is no element of {kind}")])
    for name, element in known.items():
        if _is_attribute(kind, name):
            if name in value:
                node.set(name, str(value[name]))
        elif name in value or "_" + name in value:
            _write_element(node, value.get(name), value.get("_" + name), element)


def _is_attribute(kind: str, name: str) -> bool:
    # Element ids and the url of an extension are XML attributes; the id of a resource is an element.
    resource = "resourceType" in elements(kind) or "implicitRules" in elements(kind)
    return (name == "id" and not resource) or (kind == "Extension" and name == "url")


def _write_element(node: etree._Element, value: Any, more: Any, element: Element) -> None:
    values = value if element.repeats else [value]
    mores = more if element.repeats else [more]
    for index in range(max(len(values or ()), len(mores or ()))):
        one = values[index] if values and index < len(values) else None
        extra = mores[index] if mores and index < len(mores) else None
        _write_one(node, one, extra, element)


def _write_one(node: etree._Element, value: Any, more: Any, element: Element) -> None:
    if element.primitive == "xhtml":
        node.append(etree.fromstring(value, _strict()))
        return
    child = etree.SubElement(node, _name(element.name))
    if element.primitive is not None:
        if value is not None:
            child.set("value", _plain(value))
        if more:
            _write(child, more, "Element")
    elif element.model == "Resource":
        inner = etree.SubElement(child, _name(value["resourceType"]))
        _write(inner, _content(value), value["resourceType"])
    else:
        _write(child, value, str(element.model))


def _strict() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _read_resource(node: etree._Element, depth: int) -> Json:
    kind = _local(node)
    return {"resourceType": kind, **_read(node, kind, depth)}


def _local(node: etree._Element) -> str:
    name = etree.QName(node)
    if name.namespace != FHIR:
        raise NotReadable(f"line {node.sourceline}: {name.localname} is not of {FHIR}")
    try:
        elements(name.localname)
    except (ValueError, AttributeError):
        if node.getparent() is None:
            raise NotReadable(f"{name.localname} is no resource of FHIR R4") from None
    return name.localname


def _read(node: etree._Element, kind: str, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise NotReadable(f"line {node.sourceline}: nested deeper than {MAX_DEPTH} levels")
    _refuse_stray(node, kind)
    known = elements(kind)
    found: dict[str, list[tuple[Any, Any]]] = {}
    for child in node:
        name = etree.QName(child).localname
        if name not in known or etree.QName(child).namespace != _namespace(known[name]):
            raise NotReadable(f"line {child.sourceline}: {name} is no element of {kind}")
        found.setdefault(name, []).append(_read_one(child, known[name], depth + 1))
    attributes = {key: node.get(key) for key in ("id", "url") if node.get(key) and _is_attribute(kind, key)}
    return {**attributes, **_gathered(found, known)}


def _namespace(element: Element) -> str:
    return XHTML if element.primitive == "xhtml" else FHIR


def _refuse_stray(node: etree._Element, kind: str) -> None:
    # An xsi:schemaLocation says nothing of the content; anything else beside id, url and value is not FHIR.
    known = {"value"} | {key for key in ("id", "url") if _is_attribute(kind, key)}
    strange = [key for key in node.attrib if key not in known and not str(key).startswith(_XSI)]
    if strange:
        raise NotReadable(f"line {node.sourceline}: the attribute {strange[0]!s} is no part of {kind}")
    if any((text or "").strip() for text in (node.text, *(child.tail for child in node))):
        raise NotReadable(f"line {node.sourceline}: text stands between the elements of {kind}")


def _gathered(found: Mapping[str, list[tuple[Any, Any]]], known: Mapping[str, Element]) -> Json:
    read: Json = {}
    for name, pairs in found.items():
        if not known[name].repeats and len(pairs) > 1:
            raise NotReadable(f"{name} stands {len(pairs)} times; one is allowed")
        values, mores = [value for value, _ in pairs], [more for _, more in pairs]
        if any(value is not None for value in values):
            read[name] = values if known[name].repeats else values[0]
        if any(mores):
            read["_" + name] = [more or None for more in mores] if known[name].repeats else mores[0]
    return read


def _read_one(node: etree._Element, element: Element, depth: int) -> tuple[Any, Any]:
    if element.primitive == "xhtml":
        return _div(node), None
    if element.primitive is not None:
        value = node.get("value")
        return (None if value is None else _typed(value, element.primitive, node)), _read(
            node, "Element", depth
        )
    if element.model == "Resource":
        if len(node) != 1:
            raise NotReadable(f"line {node.sourceline}: {element.name} holds one resource")
        return _read_resource(node[0], depth), None
    return _read(node, str(element.model), depth), None


def _div(node: etree._Element) -> str:
    if node.tag != f"{{{XHTML}}}div":
        raise NotReadable(f"line {node.sourceline}: the narrative is no XHTML div")
    node.tail = None
    etree.cleanup_namespaces(node)
    # A subtree keeps the prefixes of its surroundings; parsed anew it has its own alone.
    text = etree.tostring(node, encoding="unicode")
    fresh = etree.fromstring(f'<div xmlns="{XHTML}"/>')
    fresh.attrib.update(node.attrib)
    parsed = etree.fromstring(text, _strict())
    fresh.text = parsed.text
    fresh.extend(list(parsed))
    etree.cleanup_namespaces(fresh)
    return etree.tostring(fresh, encoding="unicode")


def _typed(value: str, kind: str, node: etree._Element) -> Any:
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[value]
        if kind in _WHOLE:
            return int(value)
        if kind == "decimal":
            return int(value) if value.lstrip("-").isdigit() else Decimal(value)
    except (KeyError, ValueError, InvalidOperation):
        raise NotReadable(f"line {node.sourceline}: {value!r} is no {kind}") from None
    return value
