"""What files and other systems say, as it may stand on a screen."""

from __future__ import annotations

from collections.abc import Sequence

# Every sign of ASCII that shows.
_SHOWN = bytes(range(ord(" "), ord("~") + 1))


def printable(text: str) -> str:
    """The text with control characters spelled out, so that a file's content cannot move the cursor."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def printable_lines(lines: Sequence[str]) -> bytes:
    """Lines as bytes, each as `printable` has it and with a line break behind."""
    whole = "\n".join([*lines, ""])
    if whole.isascii():
        written = whole.encode()
        # Many times quicker than to look at each sign: nothing is left but the line breaks.
        if len(written.translate(None, _SHOWN)) == len(lines):
            return written
    return "\n".join([*map(printable, lines), ""]).encode()
