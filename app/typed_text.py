"""Texts that people or other systems give: what cannot be kept, shown and sent is refused or left out."""

from __future__ import annotations

import re

from app.problems import MendInput

# Invisible signs that turn the direction of what follows (UAX 9: embeddings, overrides, isolates) show a text
# in another order than it is signed in ("Trojan Source"); line and paragraph separators and invisible tags
# break or hide it. Letters of every script run in their own direction without them.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u2028\u2029\U000e0000-\U000e007f]")
# Characters that XML cannot carry would make the record unsendable after it was signed.
UNSENDABLE = re.compile(f"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|{TURNING.pattern}")
LONGEST = 20_000


def sendable(text: str, field: str) -> str:
    """The text without white space around it; raises MendInput, naming `field`, where it holds a character
    that no record may hold or is longer than 20,000 characters."""
    plain = text.replace("\r\n", "\n").strip()
    words = unsendable_words(plain)
    if words:
        raise MendInput(f"The text cannot be kept: {words}.", "Type that part again.", {field: words})
    if len(plain) > LONGEST:
        words = f"at most {LONGEST:,} characters, please; here are {len(plain):,}"
        raise MendInput(f"The text is too long: {words}.", "Shorten it.", {field: words})
    return plain


def unsendable_words(text: str) -> str | None:
    """Why the text cannot be kept, in words for the one who typed it; None where it can."""
    bad = UNSENDABLE.search(text)
    if bad is None:
        return None
    if TURNING.match(bad[0]):
        return f"it holds an invisible sign (U+{ord(bad[0]):04X}) that makes a text read otherwise than it is"
    return "it holds a character that cannot be stored"


def cleaned(text: str) -> str:
    """The text without the characters that no record may hold."""
    # What can be printed in ASCII, as nearly all of an EHR's short texts can, holds none of them.
    return text if text.isascii() and text.isprintable() else UNSENDABLE.sub("", text)
