"""Texts that people or other systems give: what cannot be kept, shown and sent is refused or left out."""

from __future__ import annotations

import re

from app.problems import MendInput

# Characters that XML cannot carry would make the record unsendable after it was signed.
UNSENDABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LONGEST = 20_000


def sendable(text: str, field: str) -> str:
    """The text without white space around it; raises MendInput, naming `field`, where it holds a character
    that no record may hold or is longer than 20,000 characters."""
    plain = text.replace("\r\n", "\n").strip()
    if UNSENDABLE.search(plain):
        words = "it holds a character that cannot be stored"
        raise MendInput(f"The text cannot be kept: {words}.", "Type that part again.", {field: words})
    if len(plain) > LONGEST:
        words = f"at most {LONGEST:,} characters, please; here are {len(plain):,}"
        raise MendInput(f"The text is too long: {words}.", "Shorten it.", {field: words})
    return plain


def cleaned(text: str) -> str:
    """The text without the characters that no record may hold."""
    return UNSENDABLE.sub("", text)
