"""A note's text as the language help reads it: one form of each letter, quoted words blotted out."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, filterfalse

NOTHING = "\x01"
# Words are looked up by their beginnings: long ones are rare in a text, and stems still differ little.
KEY = 6
MOST_KEPT, LONGEST_KEPT = 16384, 40
MOST_LOOKED_FOR = 256
_KEYS = re.compile(rf"(\$|\w{{1,{KEY}}})\w*")
_ASCII_KEYS = re.compile(rf"\b\w{{1,{KEY}}}", re.ASCII)
_MARK = re.compile("[\"“”„«‹‘'»›]")
# An inch mark stands behind a number, an apostrophe inside a word: neither begins a quotation.
_QUOTED = re.compile(
    r'(?<!\w)"[^"]*"|[“„][^“”„]*[“”]|«[^«»]*»|»[^«»]*«|‹[^‹›]*›'
    r"|‘(?:[^‘’]|’(?=\w))*’(?!\w)|(?<![\w'])'(?:[^']|'(?=\w))*'(?!\w)"
)
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_SAYS = (
    r"says?|said|saying|states?|stated|stating|tells?|told|telling|reports?|reported|explains?|explained"
    r"|shares?|shared|mentions?|mentioned|admits?|admitted|thinks?|thought|feels?|felt|believes?|believed"
    r"|fears?|feared|wonders?|wondered|recalls?|recalled|remembers?|remembered"
)
_SELF = r"himself|herself|themself|themselves|himself/herself"
# What a peer says is not what the person said.
_NOT_MINE = r"(?<!\bI\ )(?<!\bwe\ )(?<!\bpeer\ )(?<!\bwriter\ )(?<!\bstaff\ )"
_REPORTED = re.compile(
    rf"""\b{_NOT_MINE}(?:
      (?:{_SAYS})(?:\ to)?(?:\ (?:me|us|(?:the|this)\ (?:peer|group|writer)))?(?:\ (?:that|how))?
        \ (?:he|she|they|it|his|her(?!\ (?:that\ )?(?:he|she|they)\b)|their|(?:he|she|they|it)['’]\w+)\b
      |(?:calls?|called|calling|describes?|described|refer(?:s|red)?\ to|sees?|saw|views?|viewed)
        \ (?:{_SELF})\b
      |(?:self-)?identif(?:y|ies|ied)\ as\b
      |in\ (?:his|her|their|the\ person['’]s|the\ individual['’]s)\ (?:own\ )?words\b
    )[^.;!?\n{NOTHING}]*?(?=[.;!?\n{NOTHING}]|,?\ but\b|,\ (?:and|so|yet|which|however|then|while)\b
      |\ and\ (?:I|we|peer)\b|$)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A text made ready: `text` to search in, and where each of its characters began in what was written
    (None where nothing moved)."""

    written: str
    text: str
    places: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """A span of `text` as the span of what was written."""
        return (start, end) if self.places is None else (self.places[start], self.places[end])

    def at(self, written: int) -> int:
        """The place in `text` of a place in what was written."""
        return written if self.places is None else bisect_left(self.places, written)

    def reported(self) -> list[tuple[int, int]]:
        """The spans of `text` in which the person's words are told without quotation marks."""
        return [match.span() for match in _REPORTED.finditer(self.text)]


def plain(written: str) -> Plain:
    """The text in one form of each letter (NFKC, nothing invisible), what stands in quotation marks blotted
    out."""
    if written.isascii():
        return Plain(written, unquoted(written), None)
    pieces = list(_folded(written))
    text = "".join(piece for piece, _ in pieces)
    places = tuple(place for piece, place in pieces for _ in piece)
    return Plain(written, unquoted(text), (*places, len(written)))


def unquoted(text: str) -> str:
    """The text, equally long, with all that stands in quotation marks of any kind blotted out."""
    if _MARK.search(text) is None:
        return text
    return _QUOTED.sub(lambda match: NOTHING * len(match[0]), text)


def pieces_of(text: str) -> list[str]:
    """What stands between the blanks of a text, in small letters where these are plain."""
    return (text.lower() if text.isascii() else text).split()


def keys_of(piece: str) -> tuple[str, ...]:
    """The beginnings of all words of a text or of a piece of it in small letters, and "$"."""
    if not piece.isascii():
        piece = "".join(letter for letter, _ in _folded(piece))
    elif piece.isalnum():
        return (piece[:KEY].lower(),)
    elif "$" not in piece:
        return tuple(_ASCII_KEYS.findall(piece.lower()))
    return tuple(_KEYS.findall(piece.lower()))


class Keys(dict[str, tuple[str, ...]]):
    """The keys of pieces (see `keys_of`): most pieces of one text stand in the next one too."""

    def __missing__(self, piece: str) -> tuple[str, ...]:
        keys = keys_of(piece)
        if len(piece) <= LONGEST_KEPT:
            if len(self) >= MOST_KEPT:
                self.clear()
            self[piece] = keys
        return keys


KEYS = Keys()


class InVain(dict[object, set[str | None]]):
    """Texts by what was looked for in them in vain, so that none is read twice for the same; what is blank is
    never read."""

    def __missing__(self, looked_for: object) -> set[str | None]:
        if len(self) >= MOST_LOOKED_FOR:
            self.clear()
        texts: set[str | None] = {None, ""}
        self[looked_for] = texts
        return texts


class Pieces(dict[str | None, list[str]]):
    """The pieces of texts (see `pieces_of`), each text cut once."""

    def __missing__(self, text: str | None) -> list[str]:
        pieces = self[text] = pieces_of(text or "")
        return pieces

    def of(self, texts: Sequence[str | None]) -> list[str]:
        """The pieces of several texts."""
        # Most notes say one thing that no other says.
        return self[texts[0]] if len(texts) == 1 else [*chain.from_iterable(map(self.__getitem__, texts))]


class Beginnings:
    """Beginnings of words that are looked for in many texts."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = frozenset(keys)
        self._without: set[str] = set()

    def among(self, pieces: Iterable[str]) -> Set[str]:
        """Those that stand in pieces of a text (see `pieces_of`)."""
        # Most pieces were seen before and hold none; to leave them out at once is most of the work.
        unseen = [*filterfalse(self._without.__contains__, pieces)]
        found = self._keys.intersection(chain.from_iterable(map(KEYS.__getitem__, unseen)))
        if found:
            unseen = [piece for piece in unseen if self._keys.isdisjoint(KEYS[piece])]
        if len(self._without) >= MOST_KEPT:
            self._without = set()
        self._without.update([piece for piece in unseen if len(piece) <= LONGEST_KEPT])
        return found


def _folded(text: str) -> Iterator[tuple[str, int]]:
    """Each letter with the marks that belong to it, in one form, and where it began."""
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        if text[start] not in _INVISIBLE:
            yield unicodedata.normalize("NFKC", text[start:end]), start
        start = end
