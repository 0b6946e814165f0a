"""The forms in which a signed note is read and sent: text, XHTML, PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mappings.note_copy import NoteCopy, plain_copy
from mappings.note_pdf import PDF_TYPE, note_pdf
from mappings.note_xhtml import XHTML_TYPE, note_xhtml
from mappings.seal import TEXT_TYPE

TEXT = "text"


@dataclass(frozen=True)
class Form:
    """One form: media type, the ending of its files, what people call it, and what makes it."""

    media_type: str
    ending: str
    words: str
    make: Callable[[NoteCopy], bytes]


FORMS = {
    TEXT: Form(TEXT_TYPE, "txt", "plain text", lambda copy: plain_copy(copy).encode("utf-8")),
    "xhtml": Form(XHTML_TYPE, "xhtml", "web page (XHTML)", note_xhtml),
    "pdf": Form(PDF_TYPE, "pdf", "PDF", note_pdf),
}
