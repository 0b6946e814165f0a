"""FHIR files that people give: Bundles, single resources, NDJSON, JSON or XML; hostile ones are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as anything
from hypothesis import settings
from hypothesis import strategies as st

from app.fhir_files import read_fhir
from app.problems import MendInput
from mappings.fhir.xml import to_xml
from tests.fhir_staff import BASE, as_bytes, bundle, practitioner, role


@pytest.mark.parametrize("kind", ["searchset", "collection", "transaction", "batch"])
def test_the_resources_of_a_bundle_are_read_with_their_addresses(kind):
    reading = read_fhir(as_bytes(bundle(practitioner(), role(), kind=kind)))
    assert [one.where for one in reading.given] == ["entry 1", "entry 2"]
    assert reading.given[0].full_url == f"{BASE}/Practitioner/p1"
    assert reading.left == ()


def test_xml_says_the_same_as_json():
    whole = bundle(practitioner(), role())
    assert read_fhir(to_xml(whole)) == read_fhir(as_bytes(whole))


def test_one_resource_is_read_in_either_form():
    for text in (
        as_bytes(practitioner()),
        to_xml(practitioner()),
        b"\xef\xbb\xbf" + as_bytes(practitioner()),
    ):
        assert [one.resource for one in read_fhir(text).given] == [practitioner()]


def test_each_line_of_a_bulk_export_is_a_resource_and_a_wrong_one_is_named():
    reading = read_fhir(b"\n".join([as_bytes(practitioner()), b'{"cut": ', b"", as_bytes(role())]))
    assert [one.where for one in reading.given] == ["line 1", "line 4"]
    assert [left.where for left in reading.left] == ["line 2"]


def test_entries_that_hold_nothing_to_keep_are_named():
    whole = bundle(practitioner(), kind="transaction")
    whole["entry"] += [
        {"request": {"method": "DELETE", "url": "Practitioner/x"}},
        {"resource": 7},
        7,
        {"resource": bundle()},
    ]
    reading = read_fhir(as_bytes(whole))
    assert [left.where for left in reading.left] == ["entry 2", "entry 3", "entry 4", "entry 5"]


def test_a_page_of_a_search_that_goes_on_is_said():
    page = bundle(practitioner(), kind="searchset") | {"link": [{"relation": "next", "url": "x"}]}
    assert "one page" in read_fhir(as_bytes(page)).left[0].reason


HOSTILE_XML = b"""<!DOCTYPE Practitioner [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<Practitioner xmlns="http://hl7.org/fhir"><id value="&x;"/></Practitioner>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"hello", "no FHIR"),
        (b"[]", "no FHIR"),
        (b"{}", "resourceType"),
        (b'{"resourceType": 7}', "resourceType"),
        (b'{"resourceType": "Practitioner", "id": "a", "id": "b"}', "twice"),
        (b'{"resourceType": "Practitioner", "id": NaN}', "NaN"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'{"resourceType": "Bundle", "type": "history"}', "history"),
        (b'{"resourceType": "Bundle", "type": ["collection"]}', "Bundle"),
        (HOSTILE_XML, "DOCTYPE"),
        (b"<Practitioner>", "XML"),
        (b"<html><body/></html>", "XML"),
        (b'<Practitioner xmlns="http://hl7.org/fhir"><wizard value="1"/></Practitioner>', "wizard"),
        (b"<a>" * 3000, "XML"),
        (as_bytes(practitioner(text={"div": "x" * 5000})), "larger than 4 KiB"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_in_words(text, said):
    with pytest.raises(MendInput, match=said) as caught:
        read_fhir(text, most_bytes=4 * 1024 if b"xxx" in text else 1024 * 1024)
    assert caught.value.what_to_do


@settings(max_examples=150, deadline=None)
@anything(st.binary(max_size=80), st.integers(0, 1 << 16), st.sampled_from(["json", "xml", "ndjson"]))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(damage, at, form):
    whole = bundle(practitioner(), role())
    ndjson = b"\n".join([as_bytes(practitioner()), as_bytes(role())])
    text = {"json": as_bytes(whole), "xml": to_xml(whole), "ndjson": ndjson}[form]
    place = at % len(text)
    try:
        reading = read_fhir(text[:place] + damage + text[place + len(damage) :])
    except MendInput as problem:
        assert problem.what_to_do
    else:
        assert all(isinstance(one.resource, dict) for one in reading.given)


@settings(max_examples=100, deadline=None)
@anything(
    st.recursive(st.none() | st.booleans() | st.text(max_size=8), lambda one: st.lists(one, max_size=3))
)
def test_whatever_json_stands_in_a_bundle_it_is_read_or_refused(some):
    for text in (some, {"resourceType": "Bundle", "type": "batch", "entry": some, "link": some}):
        try:
            read_fhir(json.dumps(text).encode())
        except MendInput as problem:
            assert problem.what_to_do
