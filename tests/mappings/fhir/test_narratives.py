"""Every resource that is written reads by itself: a generated, sanitised XHTML narrative."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mappings.fhir.elements import XHTML, narrative

GOLDEN = Path(__file__).parent.parent.parent / "golden"
# A withdrawal holds no resources, but the statuses that the EHR's own get.
BUNDLES = sorted(file for file in GOLDEN.glob("*.json") if file.stem not in ("seal-keys", "withdrawal"))
PLAIN = {"div", "p", "b", "ul", "li"}


def read(div: str) -> Any:
    return etree.fromstring(div, etree.XMLParser(resolve_entities=False, no_network=True))


def elements(root: Any) -> set[str]:
    return {str(each.tag) for each in root.iter()}


@pytest.mark.parametrize("file", BUNDLES, ids=lambda file: file.stem)
def test_every_resource_of_every_golden_bundle_has_a_narrative_of_plain_elements(file: Path) -> None:
    kept = json.loads(file.read_text(encoding="utf-8"))
    entries = kept.get("entry", [{"resource": kept, "fullUrl": file.stem}])
    assert entries
    for entry in entries:
        text = entry["resource"]["text"]
        assert text["status"] == "generated", entry["fullUrl"]
        root = read(text["div"])
        assert elements(root) <= {f"{{{XHTML}}}{name}" for name in PLAIN}
        assert not [each for each in root.iter() if each.attrib]
        assert "".join(root.itertext()).strip()


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), max_size=60) | st.sampled_from(
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)/>", "]]>", "<!-- ", "&lt;b&gt;", "</div><div>"]
)


@given(WORDS, WORDS)
def test_whatever_a_record_holds_is_text_in_the_narrative(title: str, value: str) -> None:
    root = read(narrative(title, [("Said", value)])["div"])
    assert elements(root) <= {f"{{{XHTML}}}{name}" for name in PLAIN}
    assert "".join(root.find("{*}p").itertext()) == title
