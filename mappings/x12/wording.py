"""Text and codes in the form that X12 takes; what cannot be said in it is named, never bent or cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

ELEMENT, COMPONENT, REPEAT, END = "*", ":", "^", "~"
DELIMITERS = ELEMENT + COMPONENT + REPEAT + END
# The basic character set of X12.6 without the delimiters, and what e-mail addresses need of the extended one.
_SIGNS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !\"&'()+,-./;?=@_#")
_PLAIN = {
    **dict.fromkeys("\u2018\u2019\u02bc\u02bb\u2032", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u00a0\u202f", " "),
    **{"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ẞ": "SS"},
    **{"Ħ": "H", "Ŧ": "T", "Ŋ": "N"},
}


class Delimiter(str):
    """A delimiter that tells itself, as ISA does: the only place where one stands as data."""


Element = str | tuple[str, ...]
Segment = tuple[Element, ...]
Doubt = tuple[str, str]


class Unfit(Exception):
    """Something cannot be written as X12: `doubts` name each datum and say what is wrong with it."""

    def __init__(self, doubts: Sequence[Doubt]) -> None:
        super().__init__("; ".join(f"{datum} {words}" for datum, words in doubts))
        self.doubts = tuple(doubts)


@dataclass
class Checked:
    """Collects every doubt about one claim's data, so that a biller reads them all at once."""

    doubts: list[Doubt] = field(default_factory=list)

    def doubt(self, datum: str, words: str) -> str:
        """Note what is wrong with a datum; answers blank text in its place."""
        if (datum, words) not in self.doubts:
            self.doubts.append((datum, words))
        return ""

    def text(self, datum: str, value: str | None, longest: int, shortest: int = 1) -> str:
        """The text in capitals of X12's character set, of `shortest` to `longest` signs."""
        if value is None or not value.strip():
            return self.doubt(datum, "is missing")
        said = plain(value)
        for sign in dict.fromkeys(said):
            if sign in DELIMITERS:
                return self.doubt(datum, f"has the sign {sign!r}, which separates data in X12")
            if sign not in _SIGNS:
                return self.doubt(datum, f"has the sign {sign!r}, which X12 cannot carry")
        if not shortest <= len(said) <= longest:
            return self.doubt(datum, f"has {len(said)} signs, and X12 takes {shortest} to {longest}")
        return said

    def maybe(self, datum: str, value: str | None, longest: int) -> str:
        """The same for a datum that may be missing, which is blank then."""
        return self.text(datum, value, longest) if value and value.strip() else ""

    def code(self, datum: str, value: str | None, form: str, meant: str) -> str:
        """A code that has to match the pattern `form`, which `meant` says in words."""
        said = (value or "").strip()
        if not said:
            return self.doubt(datum, "is missing")
        if re.fullmatch(form, said, re.ASCII) is None:
            return self.doubt(datum, f"is {said!r}, and {meant} is expected")
        return said

    def npi(self, datum: str, value: str | None) -> str:
        """A National Provider Identifier: ten digits of which the last checks the others."""
        said = self.code(datum, value, r"\d{10}", "an NPI of ten digits")
        if said and not good_npi(said):
            return self.doubt(datum, f"is {said!r}, whose last digit does not check the others")
        return said

    def settle(self) -> None:
        """Raises Unfit when there is a doubt."""
        if self.doubts:
            raise Unfit(self.doubts)


def plain(value: str) -> str:
    """Capitals without accents, one space between words, typographic signs as those of a keyboard."""
    capitals = "".join(_PLAIN.get(sign, sign) for sign in unicodedata.normalize("NFKD", value).upper())
    bare = "".join(sign for sign in capitals if not unicodedata.combining(sign))
    return " ".join(bare.split())


def good_npi(number: str) -> bool:
    """Whether the last digit checks the others: Luhn over 80840 and the number (45 CFR 162.406)."""
    total = 24  # what the prefix 80840 adds
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def amount(value: Decimal) -> str:
    """An amount or quantity as X12 writes it: no zeros at the end after the point."""
    said = f"{value:f}"
    return said.rstrip("0").rstrip(".") if "." in said else said


def day8(day: date) -> str:
    """CCYYMMDD."""
    return f"{day:%Y%m%d}".rjust(8, "0")


def line(segment: Segment) -> str:
    """One segment with its end, without blank elements and components at the end. Raises ValueError for data
    that hold a delimiter or a sign that is none, which every datum was asked for before."""
    said = [_element(each) for each in segment]
    while said and not said[-1]:
        said.pop()
    return ELEMENT.join(said) + END


def _element(element: Element) -> str:
    if isinstance(element, Delimiter):
        return element
    parts = (element,) if isinstance(element, str) else element
    for part in parts:
        if any(sign in DELIMITERS or not sign.isascii() or not sign.isprintable() for sign in part):
            raise ValueError(f"{part!r} cannot stand in a segment")
    return COMPONENT.join(parts).rstrip(COMPONENT)
