"""A signed note with its signatures, taken apart for a reader: the same words as the signed text, in parts.

The parts are read from the frozen text itself, never from the records again: a copy says what was signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mappings.note_lines import LABEL_WIDTH, WIDTH
from mappings.note_text import HEADINGS

LANGUAGE = "en-US"
EDITION = 1
MEANINGS = {
    "author": "Signed as the author",
    "cosigner": "Co-signed",
    "second-cosigner": "Co-signed a second time",
}
STEPS = {"reauthorize": "signed in again", "pin": "gave the signing PIN"}
_KEY = re.compile(r"(?P<id>.+), version (?P<version>\d+)")


@dataclass(frozen=True)
class Signatory:
    """One signature as readers are shown it: meaning, the signer's id and name, when (aware, in the zone that
    it is shown in) and the second step's method where there was one."""

    meaning: str
    by: str
    name: str
    at: datetime
    step: str | None = None

    @property
    def words(self) -> str:
        """What the signature means."""
        return MEANINGS.get(self.meaning, self.meaning)

    @property
    def who(self) -> str:
        """Name and id."""
        return f"{self.name} ({self.by})" if self.name and self.name != self.by else self.by

    @property
    def when(self) -> str:
        """Day, time and offset."""
        offset = f"{self.at:%z}"
        return f"{self.at:%Y-%m-%d %H:%M:%S} (UTC{offset[:3]}:{offset[3:5]})"

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The signature as labelled lines."""
        step = (("Second step", STEPS.get(self.step, self.step)),) if self.step else ()
        return (("Name", self.who), ("Meaning", self.words), ("Time", self.when), *step)


@dataclass(frozen=True)
class NoteCopy:
    """The frozen text of one version of a note and the signatures on it, and what was added to the note
    later: texts of their own, each with its signature."""

    text: str
    signatures: tuple[Signatory, ...]
    addenda: tuple[NoteCopy, ...] = ()

    @property
    def digest(self) -> str:
        """The SHA-256 that the seals are over, in hex."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    @property
    def about(self) -> str:
        """What such a copy is, for its last lines."""
        return (
            "This is a copy for reading, made from the text that was signed. The electronic signatures are "
            f"over that text, whose SHA-256 digest is {self.digest}."
        )

    def packed(self) -> str:
        """Text and signatures as base64, from which `unpacked` makes the same copy."""
        said: dict[str, object] = {"edition": EDITION, **_said(self)}
        if self.addenda:
            said["addenda"] = [_said(each) for each in self.addenda]
        return base64.b64encode(json.dumps(said, ensure_ascii=False).encode("utf-8")).decode("ascii")


def unpacked(value: str) -> NoteCopy:
    """The copy that was `packed`; raises ValueError for anything else."""
    try:
        said = json.loads(base64.b64decode(value, validate=True))
        if said["edition"] != EDITION:
            raise ValueError(f"it is of edition {said['edition']}, this is edition {EDITION}")
        added = tuple(_unsaid(each) for each in said.get("addenda", ()))
        return replace(_unsaid(said), addenda=added)
    except (KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"what it carries of the signed note cannot be read ({error})") from None


def _said(copy: NoteCopy) -> dict[str, object]:
    signed = [[s.meaning, s.by, s.name, s.at.isoformat(), s.step] for s in copy.signatures]
    return {"signatures": signed, "text": copy.text}


def _unsaid(said: dict[str, Any]) -> NoteCopy:
    signed = tuple(
        Signatory(str(m), str(by), str(name), datetime.fromisoformat(at), step)
        for m, by, name, at, step in said["signatures"]
    )
    return NoteCopy(str(said["text"]), signed)


@dataclass(frozen=True)
class Part:
    """A part of the note under its heading: paragraphs and list items in order, as (is item, text)."""

    heading: str
    lines: tuple[tuple[bool, str], ...]

    @property
    def runs(self) -> tuple[tuple[bool, tuple[str, ...]], ...]:
        """The lines with list items that follow each other together."""
        found: list[tuple[bool, tuple[str, ...]]] = []
        for item, text in self.lines:
            if item and found and found[-1][0]:
                found[-1] = (True, (*found[-1][1], text))
            else:
                found.append((item, (text,)))
        return tuple(found)


@dataclass(frozen=True)
class Sheet:
    """The note taken apart: title, id and version, the labelled facts, the parts."""

    title: str
    key: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


def sheet_of(text: str) -> Sheet:
    """The parts of a signed text. What stands nowhere else becomes a part without a heading."""
    lines = text.split("\n")
    title, key = [*lines, "", ""][:2]
    rest, facts = lines[2:], list[tuple[str, str]]()
    while rest and rest[0] not in HEADINGS:
        line = rest.pop(0)
        label = line[:LABEL_WIDTH].rstrip()
        if label.endswith(":") and not line.startswith(" "):
            facts.append((label[:-1], line[LABEL_WIDTH:].strip()))
        elif line.startswith(" " * LABEL_WIDTH) and facts:
            facts[-1] = (facts[-1][0], f"{facts[-1][1]} {line.strip()}")
        elif line.strip():
            rest.insert(0, line)
            break
    named = title.capitalize() if title.isupper() else title
    return Sheet(named, key, tuple(facts), tuple(_parts(rest)))


def plain_copy(copy: NoteCopy) -> str:
    """The signed text, letter for letter, and below it the signatures, then what was added to the note in the
    same way; it ends with a line break."""
    lines = ["-" * WIDTH, "ELECTRONIC SIGNATURES ON THE TEXT ABOVE THIS LINE"]
    for one in copy.signatures:
        lines += ["", *(f"{label + ':':<{LABEL_WIDTH}}{value}" for label, value in one.rows)]
    own = copy.text + "\n".join([*lines, "", f"SHA-256 of the text above: {copy.digest}", ""])
    return "\n".join([own, *(f"{'=' * WIDTH}\n{plain_copy(each)}" for each in copy.addenda)])


def right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction runs from right to left (UAX 9, rule P2)."""
    for sign in text:
        kind = unicodedata.bidirectional(sign)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    heading, mine = "", list[str]()
    before = ""
    for line in lines:
        if line in HEADINGS and not before.strip():
            yield from _part(heading, mine)
            heading, mine = HEADINGS[line], []
        else:
            mine.append(line)
        before = line
    yield from _part(heading, mine)


def _part(heading: str, lines: Iterable[str]) -> Iterator[Part]:
    found = tuple(_joined(lines))
    if found:
        yield Part(heading, found)


def _joined(lines: Iterable[str]) -> Iterator[tuple[bool, str]]:
    """Paragraphs and list items, each whole again where the text was broken for its width alone."""
    item, words, last = False, "", ""
    for line in lines:
        goes_on = bool(words) and line.strip() and not line.startswith("- ") and _broken(last, line)
        if goes_on:
            words = f"{words} {line.strip()}"
        else:
            if words:
                yield item, words
            item = line.startswith("- ")
            words = line[2:].strip() if item else line.strip()
        last = line
    if words:
        yield item, words


def _broken(line: str, following: str) -> bool:
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) > WIDTH
