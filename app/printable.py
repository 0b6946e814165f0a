"""What files and other systems say, as it may stand on a screen."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with control characters spelled out, so that a file's content cannot move the cursor."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
