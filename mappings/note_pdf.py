"""The signed note as a tagged PDF (PDF/UA-1, which the typesetter checks as it writes)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from struct import unpack_from
from typing import Any

from mappings.note_copy import LANGUAGE, NoteCopy, Part, right_to_left, sheet_of

PDF_TYPE = "application/pdf"
FONTS = Path(__file__).parent / "fonts"
_FONT = "DejaVuSans.ttf"
_TEMPLATE = Path(__file__).parent / "note.typ"
_SPELLED = (
    "Letters that this document has no font for are written as their Unicode numbers; the text and the web "
    "page of the note hold the letters themselves."
)


class PdfNotMade(ValueError):
    """A note that the typesetter could not set, with its words."""


def note_pdf(copy: NoteCopy) -> bytes:
    """The document, US letter: title, language, headings, lists and reading order are tagged. The same copy
    gives the same bytes; no clock is asked. Raises PdfNotMade."""
    import typst

    try:
        made = typst.compile(
            _TEMPLATE,
            root=_TEMPLATE.parent,
            font_paths=[FONTS],
            ignore_system_fonts=True,
            sys_inputs={"note": json.dumps(_content(copy))},
            format="pdf",
            pdf_standards="ua-1",
        )
    except (typst.TypstError, RuntimeError) as error:
        raise PdfNotMade(f"The note could not be set as PDF: {error}") from error
    if not isinstance(made, bytes):
        raise PdfNotMade("The typesetter gave no document.")
    return made


def _content(copy: NoteCopy) -> dict[str, Any]:
    """What the template sets, each text with its direction; never markup of the typesetter's."""
    spelled = any(_spelled(each) for each in (copy, *copy.addenda))
    return {
        "language": LANGUAGE.partition("-")[0],
        "region": LANGUAGE.partition("-")[2],
        **_signed_text(copy),
        "addenda": [{**_signed_text(each), "about": _run(each.about)} for each in copy.addenda],
        "about": [_run(copy.about), *([_run(_SPELLED)] if spelled else [])],
    }


def _signed_text(copy: NoteCopy) -> dict[str, Any]:
    sheet = sheet_of(copy.text)
    return {
        "title": _run(sheet.title),
        "key": _run(sheet.key),
        "facts": _rows(sheet.facts),
        "parts": [_part(part) for part in sheet.parts],
        "signatures": [_rows(one.rows) for one in copy.signatures],
    }


def _spelled(copy: NoteCopy) -> bool:
    return spell(copy.text) != copy.text or any(spell(one.who) != one.who for one in copy.signatures)


def spell(text: str) -> str:
    """The text with each letter that the font lacks spelled as [U+...]."""
    known = covered()
    return "".join(sign if ord(sign) in known or sign == "\n" else f"[U+{ord(sign):04X}]" for sign in text)


@lru_cache(maxsize=1)
def covered() -> frozenset[int]:
    """The code points that the font of the document can draw (OpenType cmap, format 12)."""
    data = (FONTS / _FONT).read_bytes()
    tables = {data[at : at + 4]: unpack_from(">I", data, at + 8)[0] for at in _steps(data, 12, 4, 16)}
    start = tables[b"cmap"]
    subtables = (start + unpack_from(">I", data, at + 4)[0] for at in _steps(data, start + 4, start + 2, 8))
    full = next(at for at in subtables if unpack_from(">H", data, at)[0] == 12)
    groups = range(full + 16, full + 16 + 12 * unpack_from(">I", data, full + 12)[0], 12)
    spans = (unpack_from(">II", data, at) for at in groups)
    return frozenset(code for first, last in spans for code in range(first, last + 1))


def _steps(data: bytes, first: int, count_at: int, size: int) -> range:
    return range(first, first + size * unpack_from(">H", data, count_at)[0], size)


def _run(text: str) -> dict[str, Any]:
    return {"text": spell(text), "rtl": right_to_left(text)}


def _rows(rows: Sequence[tuple[str, str]]) -> list[list[Any]]:
    return [[label, spell(value)] for label, value in rows]


def _part(part: Part) -> dict[str, Any]:
    return {"heading": part.heading, "runs": [[item, [_run(t) for t in texts]] for item, texts in part.runs]}
