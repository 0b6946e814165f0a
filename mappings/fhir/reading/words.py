"""The words of a note found again in its text, as `note_text` wrote it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import pairwise

from mappings.fhir.scene import WORDS
from mappings.note_lines import WIDTH
from mappings.note_text import HEADINGS


def text_of_attachment(attachment: Mapping[str, object]) -> str | None:
    """The text of a plain-text attachment; None where it is none, or cannot be read."""
    data, kind = attachment.get("data"), attachment.get("contentType")
    if not isinstance(data, str) or not str(kind).startswith("text/plain"):
        return None
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def words_in(text: str) -> dict[str, str]:
    """The parts of a note (purpose, response ...) by field; the first of each heading counts."""
    names = {heading: name for name, heading in WORDS.items()}
    found: dict[str, str] = {}
    current: str | None = None
    lines: list[str] = []
    blank = True
    for line in [*text.split("\n"), "", "PURPOSE"]:
        if blank and line in HEADINGS:
            _keep(found, current, lines)
            current, lines = names.get(line), []
        else:
            lines.append(line)
        blank = not line
    return found


def _keep(found: dict[str, str], name: str | None, lines: list[str]) -> None:
    if name is not None and name not in found:
        words = _unwrapped("\n".join(lines).strip("\n").split("\n"))
        if words.strip():
            found[name] = words


def _unwrapped(lines: list[str]) -> str:
    """The words as they were before the lines were cut: a line was cut where the next word had no room."""
    words = lines[0]
    for before, line in pairwise(lines):
        first = line.split(" ", 1)[0]
        cut = bool(before) and bool(line) and len(before) + 1 + len(first) > WIDTH
        words += (" " if cut else "\n") + line
    return words


def stands_in(words: str, text: str) -> bool:
    """Whether words stand in a text, however its lines are cut."""
    return " ".join(words.split()) in " ".join(text.split())
