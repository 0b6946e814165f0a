"""The signed note as an XHTML document: headings, definition lists, nothing that runs; and read back."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape

from mappings.note_copy import LANGUAGE, NoteCopy, Part, sheet_of, unpacked

XHTML_TYPE = "application/xhtml+xml"
# Printing keeps a heading with its part and a signature on one page.
STYLE = (
    "body{font-family:sans-serif;line-height:1.4;max-width:45em;margin:1.5em auto;padding:0 1em;"
    "color:#1b1b1b;background:#fff}h1{font-size:1.5em;margin-bottom:0}h2{font-size:1.15em;"
    "border-bottom:1px solid #71767a;break-after:avoid}dl{display:grid;gap:.25em 1em;"
    "grid-template-columns:minmax(5em,9em) 1fr}dt{font-weight:bold}dd{margin:0;overflow-wrap:anywhere}"
    ".signature{break-inside:avoid;border-left:.25em solid #71767a;padding-left:.75em;margin:.75em 0}"
    "footer{font-size:.85em;overflow-wrap:anywhere}@page{margin:2cm}"
    "@media print{body{max-width:none;margin:0}}"
)
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_CARRIED = re.compile(rb'<meta name="signed-note" content="([A-Za-z0-9+/=]+)"/>')
# What XML 1.0 cannot hold; a text with such a character is refused long before it is signed.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XhtmlChanged(ValueError):
    """An XHTML note that is not, byte for byte, the rendering of the signed text that it carries."""


def note_xhtml(copy: NoteCopy) -> bytes:
    """The document as UTF-8: the same copy gives the same bytes. It carries the signed text in its head, so
    that the seals can be checked with this document alone. Raises ValueError for a character that XML cannot
    hold."""
    sheet = sheet_of(copy.text)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<html xmlns="http://www.w3.org/1999/xhtml" lang="{LANGUAGE}" xml:lang="{LANGUAGE}">',
        "<head>",
        f"<title>{_text(f'{sheet.title}: {sheet.key}')}</title>",
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f'<meta name="signed-note" content="{copy.packed()}"/>',
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{_text(sheet.title)}</h1>",
        f"<p>{_text(sheet.key)}</p>",
        *_rows(sheet.facts),
        *(line for part in sheet.parts for line in _part(part)),
        "<h2>Electronic signatures</h2>",
        *_signed(copy),
        *(line for each in copy.addenda for line in _addendum(each)),
        "</main>",
        f"<footer><p>{_text(copy.about)}</p></footer>",
        "</body>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def copy_in_xhtml(data: bytes) -> NoteCopy:
    """The signed text and the signatures that an XHTML note carries, once every byte of the document is the
    rendering of them. Raises XhtmlChanged."""
    found = _CARRIED.search(data)
    if found is None:
        raise XhtmlChanged("the XHTML carries no signed text; it can be read but not checked")
    try:
        copy = unpacked(found[1].decode("ascii"))
        again = note_xhtml(copy)
    except ValueError as error:
        raise XhtmlChanged(f"the signed text in the XHTML cannot be read: {error}") from None
    if again != data:
        raise XhtmlChanged("what the XHTML shows is not the signed text that it carries")
    return copy


def _signed(copy: NoteCopy) -> Iterable[str]:
    for one in copy.signatures:
        yield from ('<div class="signature">', *_rows(one.rows), "</div>")


def _addendum(copy: NoteCopy) -> Iterable[str]:
    sheet = sheet_of(copy.text)
    yield from (f"<h2>{_text(sheet.title)}</h2>", f"<p>{_text(sheet.key)}</p>", *_rows(sheet.facts))
    for part in sheet.parts:
        yield from _part(part, "h3")
    yield from ("<h3>Electronic signatures</h3>", *_signed(copy), f"<p>{_text(copy.about)}</p>")


def _part(part: Part, level: str = "h2") -> Iterable[str]:
    if part.heading:
        yield f"<{level}>{_text(part.heading)}</{level}>"
    for item, texts in part.runs:
        tag = "li" if item else "p"
        lines = [f'<{tag} dir="auto">{_text(text)}</{tag}>' for text in texts]
        yield from ["<ul>", *lines, "</ul>"] if item else lines


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    found = [f"<dt>{_text(label)}</dt><dd>{_text(value)}</dd>" for label, value in rows]
    return ["<dl>", *found, "</dl>"] if found else []


def _text(text: str) -> str:
    bad = _NOT_XML.search(text)
    if bad:
        raise ValueError(f"the text holds the character U+{ord(bad[0]):04X}, which XML cannot hold")
    return escape(text)
