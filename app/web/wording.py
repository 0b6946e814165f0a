"""Advice on wording beside a field: one click takes a wording, undoes it, or leaves the words as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from app.web.formkit import Values, first
from mappings.findings import Finding
from mappings.language import Hit
from mappings.left_wording import LONGEST, key_of

LEFT, REWORD, LEAVE, ASK_AGAIN = "left", "reword", "leave", "ask_again"
MOST_LEFT = 200


@dataclass(frozen=True)
class Advice:
    """One place in a field: what the rule says of it, and the words there."""

    finding: Finding
    hit: Hit

    @property
    def key(self) -> str:
        """By what "leave it as it is" is remembered: the rule, the field and the words."""
        return key_of(self.finding.rule, self.hit)

    def button(self, wording: str) -> str:
        """The value of the button that puts a wording there."""
        return Change(self.hit.path, self.hit.start, self.hit.found, wording).value

    @property
    def parts(self) -> tuple[str, str, str]:
        """The words around, cut into those before, those found and those behind."""
        found = " ".join(self.hit.found.split())
        before, middle, behind = self.hit.around.partition(found)
        return (before, middle, behind) if middle else ("", self.hit.found, "")


@dataclass(frozen=True)
class Change:
    """Words of a field and what is put in their place."""

    field: str
    start: int
    old: str
    new: str

    @property
    def value(self) -> str:
        """The change as the value of a button."""
        return json.dumps([self.field, self.start, self.old, self.new], ensure_ascii=False)

    @property
    def back(self) -> Change:
        """The change that undoes it."""
        return Change(self.field, self.start, self.new, self.old)


def asked(values: Values, names: Iterable[str]) -> Change | None:
    """The change that a button asked for; None where none did, or for a field that the form does not have."""
    try:
        field, start, old, new = json.loads(first(values, REWORD))
    except (ValueError, TypeError):
        return None
    fits = isinstance(start, int) and start >= 0 and isinstance(old, str) and isinstance(new, str)
    return Change(field, start, old, new) if fits and field in set(names) else None


def changed(values: Values, change: Change) -> Values | None:
    """The form with the change made, None where the words no longer stand there. Places are counted in the
    text without white space before it."""
    typed = (values.get(change.field) or [""])[0]
    start = change.start + len(typed) - len(typed.lstrip())
    if typed[start : start + len(change.old)] != change.old:
        return None
    text = typed[:start] + change.new + typed[start + len(change.old) :]
    return {**values, change.field: [text]}


def left(values: Values) -> list[str]:
    """What the author leaves as it is, by its keys, with what the buttons just said."""
    keys = [*values.get(LEFT, []), *values.get(LEAVE, [])]
    again = set(values.get(ASK_AGAIN, []))
    kept = [key for key in dict.fromkeys(keys) if key and key not in again and len(key) <= LONGEST]
    return kept[-MOST_LEFT:]
