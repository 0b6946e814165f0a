"""A signed note for reading: every form says the same, names both signers, and is always the same bytes."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from mappings.note_copy import NoteCopy, Signatory, plain_copy, right_to_left, sheet_of, unpacked
from mappings.note_forms import FORMS
from mappings.note_pdf import note_pdf, spell
from mappings.note_text import HEADINGS
from mappings.note_xhtml import XhtmlChanged, copy_in_xhtml, note_xhtml

GOLDEN = Path(__file__).parent.parent / "golden"
NOTES = sorted(GOLDEN.glob("note-*.txt"))
EST = timezone(timedelta(hours=-5))
SIGNED = (
    Signatory("author", "1900000021", "Pat Rivera", datetime(2026, 3, 4, 11, 5, 7, tzinfo=EST), "pin"),
    Signatory("cosigner", "1900000039", "Dana Chen", datetime(2026, 3, 5, 14, 0, tzinfo=UTC)),
)
SHOWN = (
    "Pat Rivera (1900000021)", "Signed as the author", "2026-03-04 11:05:07 (UTC-05:00)",
    "gave the signing PIN",
    "Dana Chen (1900000039)", "Co-signed", "2026-03-05 14:00:00 (UTC+00:00)",
)  # fmt: skip
PLAIN = {
    "html",
    "head",
    "title",
    "meta",
    "style",
    "body",
    "main",
    "h1",
    "h2",
    "p",
    "ul",
    "li",
    "div",
    "footer",
}
PLAIN |= {"dl", "dt", "dd"}


def copy_of(text: str) -> NoteCopy:
    return NoteCopy(text, SIGNED)


def read_xhtml(data: bytes) -> Any:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def pdf_text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def flat(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("file", NOTES, ids=lambda file: file.stem)
def test_each_form_shows_every_word_of_the_text_and_name_meaning_and_time_of_both_signatures(
    file: Path,
) -> None:
    copy = copy_of(file.read_text(encoding="utf-8"))
    root = read_xhtml(note_xhtml(copy))
    shown = {
        "txt": FORMS["text"].make(copy).decode(),
        "xhtml": "".join(root.find("{*}body").itertext()),
        "pdf": pdf_text(note_pdf(copy)),
    }
    sheet = sheet_of(copy.text)
    words = [value for _, value in sheet.facts] + [text for part in sheet.parts for _, text in part.lines]
    assert len(words) > 10
    for form, text in shown.items():
        for word in (*words, *SHOWN, copy.digest):
            assert flat(word) in flat(text), (form, word)


@pytest.mark.parametrize("file", NOTES, ids=lambda file: file.stem)
def test_taking_a_text_apart_loses_no_word(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    sheet = sheet_of(text)
    again = [sheet.title, sheet.key, *(f"{label}: {value}" for label, value in sheet.facts)]
    for part in sheet.parts:
        again += [part.heading, *(f"- {line}" if item else line for item, line in part.lines)]
    assert " ".join(" ".join(again).casefold().split()) == " ".join(text.casefold().split())
    assert {part.heading for part in sheet.parts} <= {*HEADINGS.values()}


def test_the_plain_copy_begins_with_the_signed_text_letter_for_letter() -> None:
    text = NOTES[0].read_text(encoding="utf-8")
    assert plain_copy(copy_of(text)).startswith(text)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), max_size=300))
def test_the_xhtml_of_any_text_is_well_formed_carries_the_text_and_runs_nothing(words: str) -> None:
    words = "".join(sign for sign in words if sign not in "\ufffe\uffff")
    copy = copy_of(f"PEER SUPPORT NOTE\nC-1, version 1\n\nPURPOSE\n{words}\n")
    data = note_xhtml(copy)
    root = read_xhtml(data)
    assert copy_in_xhtml(data) == copy
    tags = {etree.QName(each).localname for each in root.iter() if isinstance(each.tag, str)}
    assert tags <= PLAIN
    names = {name for each in root.iter() for name in each.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("href", "src")]


def test_the_xhtml_has_a_language_a_title_and_headings_in_order() -> None:
    root = read_xhtml(note_xhtml(copy_of(NOTES[0].read_text(encoding="utf-8"))))
    assert root.get("lang") == root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en-US"
    assert root.findtext("{*}head/{*}title")
    heads = [etree.QName(each).localname for each in root.iter("{*}h1", "{*}h2", "{*}h3")]
    assert heads[0] == "h1"
    assert {*heads[1:]} == {"h2"}
    assert not list(root.iter("{*}table"))


def test_an_xhtml_that_shows_another_word_than_it_carries_is_told() -> None:
    data = note_xhtml(copy_of(NOTES[0].read_text(encoding="utf-8")))
    with pytest.raises(XhtmlChanged, match="not the signed text"):
        copy_in_xhtml(data.replace(b"Pat Rivera (", b"Pat Revira (", 1))
    with pytest.raises(XhtmlChanged, match="carries no signed text"):
        copy_in_xhtml(b"<html/>")


@pytest.mark.parametrize("value", ["", "e30=", "W10=", "!", "eyJlZGl0aW9uIjogOTl9"])
def test_what_is_no_carried_copy_is_refused(value: str) -> None:
    with pytest.raises(ValueError):
        unpacked(value)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_note_is_the_same_bytes(form: str) -> None:
    text = NOTES[0].read_text(encoding="utf-8")
    assert FORMS[form].make(copy_of(text)) == FORMS[form].make(copy_of(text))


def test_the_pdf_is_tagged_and_says_its_title_its_language_and_that_it_is_pdf_ua() -> None:
    reader = PdfReader(io.BytesIO(note_pdf(copy_of(NOTES[0].read_text(encoding="utf-8")))))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"].startswith("en")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert str(reader.metadata.title).startswith("Peer support note: ")
    assert reader.metadata.creation_date is None
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()
    tags = _tags(root["/StructTreeRoot"].get_object())
    assert tags[:2] == ["Document", "H1"]
    assert tags.count("H1") == 1
    assert tags.count("H2") >= 5
    assert "L" in tags


def _tags(node: Any) -> list[str]:
    kids = node.get("/K", [])
    kids = kids if isinstance(kids, list) else [kids]
    own = [str(node["/S"])[1:]] if "/S" in node else []
    inner = [kid.get_object() for kid in kids if hasattr(kid, "get_object")]
    return own + [tag for kid in inner if hasattr(kid, "get") for tag in _tags(kid)]


def test_names_from_right_to_left_and_in_other_letters_are_drawn_and_others_spelled() -> None:
    text = (
        NOTES[0]
        .read_text(encoding="utf-8")
        .replace("PURPOSE\n", "PURPOSE\nשרה כהן\nمحمد أحمد\nОлена\n王\n", 1)
    )
    data = note_pdf(copy_of(text))
    shown = pdf_text(data)
    assert "Олена" in shown
    assert {*"שרהכהן"} <= {*shown}
    assert "[U+738B]" in shown
    assert "no font for" in " ".join(shown.split())
    assert "王" in note_xhtml(copy_of(text)).decode()
    assert spell("Zoë שרה") == "Zoë שרה"


@pytest.mark.parametrize(
    ("text", "so"), [("שלום", True), ("12 مرحبا", True), ("Ana שלום", False), ("12", False), ("", False)]
)
def test_the_first_letter_with_a_direction_gives_it(text: str, so: bool) -> None:
    assert right_to_left(text) is so


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=80))
def test_any_text_can_be_set_as_pdf(words: str) -> None:
    assert note_pdf(copy_of(f"PEER SUPPORT NOTE\nC-1, version 1\n\nPURPOSE\n{words}\n")).startswith(b"%PDF-")
