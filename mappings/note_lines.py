"""Lays the text of a note out in lines: rows with a label, parts under their headings, words wrapped."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache

WIDTH = 100
LABEL_WIDTH = 18

Row = tuple[str, str | None]


def below(lines: Sequence[str]) -> str:
    """Lines to stand below others."""
    return "".join([f"\n{line}" for line in lines])


def laid_out(rows: Iterable[Row]) -> list[str]:
    """The lines of rows; those without a value are left out."""
    return [line for label, value in rows if value for line in row(label, value)]


# Most rows stand in many notes: the programme, the peer, the service, the place.
@lru_cache(maxsize=4096)
def row(label: str, value: str | None) -> tuple[str, ...]:
    """The lines of one row, its label before them; none where it has no value."""
    if not value or not value.strip():
        return ()
    first = f"{label + ':':<{LABEL_WIDTH}}"
    return tuple(wrapped(" ".join(value.split()), first, " " * LABEL_WIDTH))


def stands_alone(words: str) -> bool:
    """Whether words are sure to stand under their heading as they are, in one line of their own."""
    return len(words) <= WIDTH and "\n" not in words and "\r" not in words and not words.isspace()


def section(heading: str, text: str | None) -> str:
    """A text under its heading in capitals; nothing where it says nothing."""
    return under(f"{heading.upper()}\n", text) if text else ""


def under(heading: str, text: str) -> str:
    """A text under the line that is its heading; nothing where it says nothing."""
    if not text.strip():
        return ""
    if "\n" in text or "\r" in text:
        return heading + "\n".join(map(in_lines, lines_of(text)))
    return heading + (text if len(text) <= WIDTH else in_lines(text))


def in_lines(text: str) -> str:
    """One line of a text in lines of at most WIDTH characters where words allow it."""
    hanging = _hanging(text)
    # With one blank between all words, lines are cut at a blank: several times quicker, and the same.
    if hanging or " ".join(text.split()) != text:
        return "\n".join(wrapped(text, "", hanging))
    found, start, enough = "", 0, len(text) - WIDTH
    while start < enough:
        end = text.rfind(" ", start, start + WIDTH + 1)
        # A longer word has a line of its own.
        if end < 0 and (end := text.find(" ", start)) < 0:
            break
        found += text[start:end] + "\n"
        start = end + 1
    return found + text[start:]


def lines_of(text: str) -> list[str]:
    """The lines of a text however it breaks them, without empty ones at its ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")


def _hanging(line: str) -> str:
    return "  " if line.startswith("- ") else ""


def wrapped(text: str, first: str, rest: str) -> list[str]:
    """A text in lines of at most WIDTH characters where words allow it; `first` stands before the first line,
    `rest` before the others."""
    if len(first) + len(text) <= WIDTH:
        return [first + text]
    # With one blank between all words, lines are cut at a blank: several times quicker, and the same.
    if " ".join(text.split()) == text:
        return _cut(text, first, rest)
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return lines or [""]


def _cut(text: str, first: str, rest: str) -> list[str]:
    lines, indent, start = [], first, 0
    while len(text) - start > (room := WIDTH - len(indent)):
        end = text.rfind(" ", start, start + room + 1)
        # A longer word has a line of its own.
        end = end if end >= 0 else text.find(" ", start)
        if end < 0:
            break
        lines.append(indent + text[start:end])
        start, indent = end + 1, rest
    return [*lines, indent + text[start:]]


def bullets(items: Sequence[str]) -> str:
    """Items as a list; those that say nothing are left out."""
    if not items:
        return ""
    return "\n".join(f"- {' '.join(item.split())}" for item in items if item.strip())
