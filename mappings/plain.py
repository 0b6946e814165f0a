"""A note's text as the language help reads it: one form of each letter, quoted words blotted out."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import chain, filterfalse
from typing import NamedTuple, Protocol

from mappings.once import once

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
    """The beginnings of all words of a text or of a piece of it in small letters, and "$"; of words with
    accents those without them too: names are compared so."""
    if not piece.isascii():
        text = "".join(letter for letter, _ in _folded(piece))
        keys, bare = _KEYS.findall(text.lower()), _bare(text)
        return tuple(keys) if bare == text else (*keys, *_KEYS.findall(bare.lower()))
    if piece.isalnum():
        return (piece[:KEY].lower(),)
    if "$" not in piece:
        return tuple(_ASCII_KEYS.findall(piece.lower()))
    return tuple(_KEYS.findall(piece.lower()))


def beginning_of(name: str) -> str:
    """Of the beginnings of a name's words one that stands wherever the name does: the longest."""
    return max(keys_of(name), key=len, default="")


def keys_of_all(pieces: Collection[str]) -> set[str]:
    """The keys of many pieces together."""
    # One look at all that is plain; the rest is folded letter by letter.
    keys = {*keys_of(" ".join(filter(str.isascii, pieces)))}
    return keys.union(*map(keys_of, filterfalse(str.isascii, pieces)))


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


class Sought(Protocol):
    """What is looked for in many texts."""

    def telling(self, texts: Texts) -> Set[str]:
        """Those pieces of the texts of which one at least stands in each text that may hold any of it."""

    def near(self, pieces: Collection[str]) -> Collection[object]:
        """What of it may stand in a text of these pieces."""


class _Read(NamedTuple):
    """The pieces that tell of what is looked for, and the texts that were seen to hold none of it."""

    telling: Set[str]
    lacking: set[str | None]


class Texts:
    """The texts of notes that are judged together. Most hold nothing of what is looked for, and that is seen
    of all of them at once; a text that is none of them is read when it is asked about."""

    def __init__(self, texts: Iterable[str | None]) -> None:
        self._cut: dict[str | None, list[str]] = {text: pieces_of(text) for text in {*texts} if text}
        self._cut_or_blank: set[str | None] = {None, "", *self._cut}
        self._read: dict[Sought, _Read] = {}
        self._longer: dict[int, set[str | None]] = {}
        self.pieces = set(chain.from_iterable(self._cut.values()))

    @once
    def keys(self) -> Set[str]:
        """The beginnings of all words of these texts."""
        return keys_of_all(self.pieces)

    def pieces_of(self, text: str | None) -> list[str]:
        """The pieces of a text, cut once where it is one of these."""
        return self._cut.get(text) or pieces_of(text or "")

    def longer(self, words: int) -> set[str | None]:
        """Those of the texts that have more words than so many."""
        if words not in self._longer:
            self._longer[words] = {text for text, pieces in self._cut.items() if len(pieces) > words}
        return self._longer[words]

    def near(self, sought: Sought, texts: Iterable[str | None]) -> list[str | None]:
        """Those of some texts in which something of what is looked for may stand."""
        read = self._read.get(sought) or self._first(sought)
        # Many notes say much the same, and none of it is read twice.
        fresh = [*filterfalse(read.lacking.__contains__, texts)]
        return self._in_which(fresh, sought, read) if fresh else fresh

    def _first(self, sought: Sought) -> _Read:
        if len(self._read) >= MOST_LOOKED_FOR:
            self._read.clear()
        telling = sought.telling(self)
        read = self._read[sought] = _Read(telling, {None, ""} if telling else self._cut_or_blank)
        return read

    def _in_which(self, texts: Iterable[str | None], sought: Sought, read: _Read) -> list[str | None]:
        if read.lacking is self._cut_or_blank:
            read = self._read[sought] = read._replace(lacking={*read.lacking})
        near = []
        for text in texts:
            pieces = self._cut.get(text)
            # All pieces were looked at together; few texts have one that tells anything.
            if pieces is not None and read.telling.isdisjoint(pieces):
                read.lacking.add(text)
            elif sought.near(self.pieces_of(text)):
                near.append(text)
            else:
                read.lacking.add(text)
        return near


class Beginnings:
    """Beginnings of words that are looked for in many texts."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = frozenset(keys)
        self._without: set[str] = set()

    def telling(self, texts: Texts) -> Set[str]:
        """The pieces of the texts that hold one of them."""
        # Most of them stand in none.
        if self._keys.isdisjoint(texts.keys):
            return frozenset()
        return {piece for piece in texts.pieces if not self._keys.isdisjoint(KEYS[piece])}

    def near(self, pieces: Iterable[str]) -> Set[str]:
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


def _bare(text: str) -> str:
    """A text without accents and without the i that has no dot, which patterns take for any other i."""
    apart = unicodedata.normalize("NFKD", text).replace("ı", "i")
    return "".join([letter for letter in apart if not unicodedata.combining(letter)])


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
