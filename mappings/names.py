"""Names of people in a text: whose name a word may be, and whether it is a name at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from mappings.once import by_identity
from mappings.plain import Beginnings, beginning_of
from mappings.records import Name

_WORD = re.compile(r"[^\W\d_]+(?:['’\-‐‑][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_ENDS = re.compile(r"[.!?:;\n•\-–—]\s*[\"“”'‘’(]*$")
# The point of an initial inside a sentence, not the one that ends it.
_INITIAL = re.compile(r"\.(?=[,;]|\s+[a-z])")
_BETWEEN = re.compile(r"\.?[ \u00a0]{1,2}")


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who is known: the id, and the first and the last names in plain small letters."""

    id: str
    firsts: frozenset[str]
    lasts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Words:
    """How names are told from other words: see the parameters `names.*`."""

    common: Set[str]
    always_capital: Set[str]
    places: Set[str]
    company: Set[str]
    titles: Set[str]
    nicknames: Mapping[str, Set[str]]

    def in_all_forms(self, known: Known) -> Known:
        """The same person with the nicknames of the first names."""
        more = (self.nicknames.get(name, frozenset()) for name in known.firsts)
        return replace(known, firsts=known.firsts.union(*more))


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its place, itself in plain small letters, and how it is written."""

    start: int
    end: int
    plain: str
    capital: bool
    opens: bool


class Acquaintances:
    """People by the beginnings of their names, so that most notes concern none of them."""

    def __init__(self, people: Iterable[tuple[str, Name | None]]) -> None:
        each = {id: name for id, name in people if name is not None}
        self.known = {known.id: known for known in names_of(each.items())}
        self._forms: Mapping[str, Set[str]] | None = None
        self._by_key: dict[str, set[str]] = {}
        self._beginnings = Beginnings(())

    def beginnings(self, nicknames: Mapping[str, Set[str]]) -> Beginnings:
        """The beginnings of their names in any form: an object of its own for each set of nicknames."""
        if self._forms is not nicknames:
            self._index(nicknames)
        return self._beginnings

    def named_by(self, beginnings: Set[str]) -> list[Known]:
        """Those one of whose names begins so."""
        ids = {id for key in beginnings for id in self._by_key[key]}
        return [self.known[id] for id in sorted(ids)]

    def _index(self, nicknames: Mapping[str, Set[str]]) -> None:
        self._forms, self._by_key = nicknames, {}
        for known in self.known.values():
            forms = (nicknames.get(first, frozenset()) for first in known.firsts)
            for name in (known.firsts | known.lasts).union(*forms):
                self._by_key.setdefault(beginning_of(name), set()).add(known.id)
        self._beginnings = Beginnings(self._by_key)


def names_of(people: Iterable[tuple[str, Name | None]]) -> list[Known]:
    """The known names of people, in the order given; whoever has none is left out."""
    found = []
    for id, name in people:
        if name is not None and (name.given or name.family):
            found.append(Known(id, *_firsts_and_lasts(tuple(name.given), name.family or "")))
    return found


@lru_cache(maxsize=4096)
def _firsts_and_lasts(given: tuple[str, ...], family: str) -> tuple[frozenset[str], frozenset[str]]:
    firsts = frozenset(part for each in given for part in folded(each).split())
    last = folded(family)
    return firsts, frozenset(part for part in (last, *re.split(r"[\s\-]+", last)) if len(part) > 1)


def folded(text: str) -> str:
    """The text in small letters without accents, apostrophes and hyphens of one kind."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‑", "-").replace("‐", "-"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()


@by_identity
def forms_of_names(lines: Sequence[str]) -> Mapping[str, Set[str]]:
    """By each name the other forms of it; a line holds the forms of one name."""
    forms: dict[str, set[str]] = {}
    for line in lines:
        names = folded(line).split()
        # The first is the name itself: Ted and Ned are both Edward, and no forms of each other.
        for other in names[1:]:
            forms.setdefault(names[0], set()).add(other)
            forms.setdefault(other, set()).add(names[0])
    return {name: frozenset(others) for name, others in forms.items()}


def named(
    text: str, others: Iterable[Known], spared: Iterable[Known], words: Words, alone: bool
) -> Iterator[tuple[int, int]]:
    """The spans of the text in which one of `others` is named. What may be a name of somebody `spared` is
    left alone. A first name by itself counts where `alone`, else only beside a word of company."""
    read = list(_words(text))
    theirs = [(each.firsts, each.lasts) for each in map(words.in_all_forms, others)]
    own = list(spared)
    last = -1
    for number in range(len(read)):
        span = _span(read, number, text, theirs, own, words, alone)
        if span is not None and span[0] >= last:
            last = span[1]
            yield span


_Theirs = Sequence[tuple[Set[str], Set[str]]]


def _span(
    read: Sequence[Word],
    number: int,
    text: str,
    theirs: _Theirs,
    own: Sequence[Known],
    words: Words,
    alone: bool,
) -> tuple[int, int] | None:
    word, after = read[number], _beside(read, number, number + 1, text)
    for firsts, lasts in theirs:
        if word.plain in firsts:
            if after is not None and after.plain in lasts and not _both(own, word.plain, after.plain):
                return word.start, after.end
            if (
                after is not None
                and word.capital
                and after.capital
                and {after.plain} <= {n[0] for n in lasts}
            ):
                point = _INITIAL.match(text, after.end) is not None
                return None if _spares(own, word.plain) else (word.start, after.end + point)
            if _first_alone(read, number, text, own, words, alone):
                return word.start, word.end
        if word.plain in lasts:
            found = _by_last(read, number, text, firsts, own, words)
            if found is not None:
                return found
    return None


def _by_last(
    read: Sequence[Word], number: int, text: str, firsts: Set[str], own: Sequence[Known], words: Words
) -> tuple[int, int] | None:
    word, before = read[number], _beside(read, number, number - 1, text)
    if not word.capital or _spares(own, word.plain):
        return None
    if before is not None and before.plain in words.titles:
        return before.start, word.end
    if before is not None and before.capital and len(before.plain) == 1 and before.plain != "i":
        return (before.start, word.end) if before.plain in {name[0] for name in firsts} else None
    if before is not None and before.capital and not before.opens:
        return None
    return (word.start, word.end) if _is_name(read, number, text, words) else None


def _first_alone(
    read: Sequence[Word], number: int, text: str, own: Sequence[Known], words: Words, alone: bool
) -> bool:
    word, after = read[number], _beside(read, number, number + 1, text)
    before = _beside(read, number, number - 1, text)
    if not word.capital or _spares(own, word.plain) or not _is_name(read, number, text, words):
        return False
    if after is not None and after.capital and after.plain not in words.always_capital:
        return False
    if before is not None and before.capital and not before.opens and before.plain not in words.titles:
        return False
    return alone or _in_company(read, number, words)


def _is_name(read: Sequence[Word], number: int, text: str, words: Words) -> bool:
    word, after = read[number], _beside(read, number, number + 1, text)
    if word.plain in words.always_capital or (word.opens and word.plain in words.common):
        return False
    if word.plain in words.common and text[word.start : word.end].isupper():
        return False
    return after is None or after.plain not in words.places


def _in_company(read: Sequence[Word], number: int, words: Words) -> bool:
    """Whether a word nearby in the same sentence speaks of others who are served here."""
    for step in (-1, 1):
        place = number
        for _ in range(4):
            if (step < 0 and read[place].opens) or not 0 <= place + step < len(read):
                break
            place += step
            if step > 0 and read[place].opens:
                break
            if read[place].plain in words.company:
                return True
    return False


def _words(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        found = _POSSESSIVE.sub("", match[0])
        start, end = match.start(), match.start() + len(found)
        opens = not text[:start].strip(" \"“‘'(") or _ENDS.search(text, max(0, start - 6), start) is not None
        # "Mr. Ortiz" is no new sentence, and neither is "M. Ortiz".
        if opens and re.search(
            r"(?<![\w])(?:[^\W\d_]|[MDmd][rsx]|[Mm]rs|[Ss]ra?)\.\s$", text[max(0, start - 6) : start]
        ):
            opens = False
        yield Word(start, end, folded(found), found[:1].isupper(), opens)


def _beside(read: Sequence[Word], number: int, other: int, text: str) -> Word | None:
    """The word right beside, with nothing but a blank or an initial's point between."""
    if not 0 <= other < len(read):
        return None
    first, second = (read[number], read[other]) if other > number else (read[other], read[number])
    between = text[first.end : second.start]
    if not _BETWEEN.fullmatch(between) or (between.startswith(".") and len(first.plain) > 3):
        return None
    return read[other]


def _spares(own: Sequence[Known], name: str) -> bool:
    return any(name in each.firsts or name in each.lasts for each in own)


def _both(own: Sequence[Known], first: str, last: str) -> bool:
    return any(first in each.firsts and last in each.lasts for each in own)
