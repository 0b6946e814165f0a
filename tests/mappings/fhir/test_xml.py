"""FHIR XML written from our JSON reads back as the same JSON, and hostile XML is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.fhir.elements import NotFit, narrative, to_bytes
from mappings.fhir.xml import NotReadable, from_xml, to_xml
from tests.mappings.fhir.contacts import KINDS
from tests.mappings.fhir.makers import bundle_of

# What XML can carry and FHIR allows in a string; a carriage return becomes a line feed in a narrative.
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), include_characters="\n\t"), min_size=1
).filter(str.strip)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_reads_back_from_xml_as_the_same_json(kind: str) -> None:
    bundle = bundle_of(KINDS[kind])
    assert from_xml(to_xml(bundle)) == bundle


@pytest.mark.parametrize("kind", KINDS)
def test_the_models_read_our_xml_as_they_read_our_json(kind: str) -> None:
    bundle = bundle_of(KINDS[kind])
    from_json = Bundle.model_validate(bundle)
    assert Bundle.model_validate_xml(to_xml(bundle)) == from_json


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_any_text_survives_xml(title: str, text: str) -> None:
    resource = {
        "resourceType": "Patient",
        "text": narrative(title, [("Name", text)]),
        "name": [{"text": text, "_given": [{"id": "a"}], "given": [title]}],
    }
    assert from_xml(to_xml(resource)) == resource


def test_decimals_keep_their_digits_in_both_forms() -> None:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "valueQuantity": {"value": Decimal("72.30")},
    }
    assert b"72.30" in to_xml(resource)
    assert b'"value":72.30}' in to_bytes(resource)
    assert from_xml(to_xml(resource)) == resource


def test_extensions_of_primitives_and_element_ids_survive() -> None:
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "p",
        "extension": [{"url": "urn:x", "valueBoolean": True}],
        "_birthDate": {"extension": [{"url": "urn:y", "valueCode": "unknown"}]},
        "name": [{"id": "n1", "family": "Moss"}],
        "multipleBirthInteger": 2,
    }
    assert from_xml(to_xml(resource)) == resource


DOCTYPES = [
    b'<!DOCTYPE Patient [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"><id value="&a;"/></Patient>',
    b'<?xml version="1.0"?>\n<!DOCTYPE Patient SYSTEM "file:///etc/passwd">'
    b'<Patient xmlns="http://hl7.org/fhir"/>',
    b'<?xml version="1.0"?><!--' + b"x" * 5000 + b'--><!DOCTYPE x><Patient xmlns="http://hl7.org/fhir"/>',
]


@pytest.mark.parametrize("data", DOCTYPES)
def test_a_doctype_is_refused_before_any_entity_is_expanded(data: bytes) -> None:
    with pytest.raises(NotReadable, match="DOCTYPE"):
        from_xml(data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1"])
def test_a_doctype_cannot_hide_in_another_encoding(encoding: str) -> None:
    text = '<!DOCTYPE é [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>'
    with pytest.raises(NotReadable, match="UTF-8"):
        from_xml(text.encode(encoding))


def test_a_declared_other_encoding_does_not_change_how_it_is_read() -> None:
    data = (
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE x+AD4-<Patient xmlns="http://hl7.org/fhir"/>'
    )
    with pytest.raises(NotReadable):
        from_xml(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"<Patient", "cannot be read"),
        (b"<Patient/>", "is not of"),
        (b'<Nobody xmlns="http://hl7.org/fhir"/>', "no resource"),
        (b'<Patient xmlns="http://hl7.org/fhir"><shoe value="1"/></Patient>', "no element of Patient"),
        (b'<Patient xmlns="http://hl7.org/fhir"><active value="yes"/></Patient>', "no boolean"),
        (b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/><id value="b"/></Patient>', "2 times"),
        (b'<Patient xmlns="http://hl7.org/fhir" id="a" cheese="b"/>', "attribute"),
    ],
)
def test_xml_that_is_no_fhir_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(NotReadable, match=words):
        from_xml(data)


def test_an_element_that_fhir_does_not_know_is_not_written() -> None:
    with pytest.raises(NotFit, match="no element of Patient"):
        to_xml({"resourceType": "Patient", "shoe": 1})
