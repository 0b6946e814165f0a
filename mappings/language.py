"""Language help: which words of the lists stand in a note, leaving alone what stands in quotation marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mappings.phrases import KEY, WORDS, Phrase, compiled

LISTS = "lint."
_SHOWN_AROUND = 24
_MARK = re.compile("[\"“„«‘']")
_QUOTED = re.compile(
    r'"[^"]*"|“[^“”]*”|„[^„“”]*[“”]|«[^»]*»|‘(?:[^‘’]|’(?=\w))*’(?!\w)'
    r"|(?<![\w'])'(?:[^']|'(?=\w))*'(?!\w)"
)
_DENIED = re.compile(r"(?:\b(?:not|never|nor|no|without|cannot)|n['’]t)\s+(?:[\w'’]+\s+){0,2}$", re.I)
_NOTHING = "\x01"


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: the part of the note, the words found, what to write instead, the words around them,
    and whether a "not" goes before them."""

    path: str
    found: str
    instead: str
    around: str
    denied: bool


class WordLists:
    """All word lists of one day's rules, compiled together, so that most texts are left at once."""

    def __init__(self, lists: Mapping[str, Mapping[str, str]]) -> None:
        self._phrases: list[tuple[str, Phrase]] = []
        self._by_key: dict[str, list[int]] = {}
        self._always: list[int] = []
        for name, words in lists.items():
            for phrase, instead in words.items():
                self._add(name, compiled(str(phrase), str(instead)))
        self._keys = frozenset(self._by_key)

    def _add(self, name: str, phrase: Phrase | None) -> None:
        if phrase is None:
            return
        for key in phrase.needs[0] if phrase.needs else ():
            self._by_key.setdefault(key, []).append(len(self._phrases))
        if not phrase.needs:
            self._always.append(len(self._phrases))
        self._phrases.append((name, phrase))

    def hits(self, texts: Iterable[tuple[str, str | None]]) -> Mapping[str, list[Hit]]:
        """The phrases found in the texts (intake path and text) by the name of their list, in order."""
        read = [(path, *_read(text)) for path, text in texts if text]
        words: frozenset[str] = frozenset().union(*[own for *_, own in read])
        near = words & self._keys
        if not near and not self._always:
            return {}
        found: dict[str, dict[tuple[int, int], Hit]] = {}
        for place in sorted({*self._always, *[place for key in near for place in self._by_key[key]]}):
            name, phrase = self._phrases[place]
            if not any(words.isdisjoint(needed) for needed in phrase.needs):
                for number, (path, plain, _) in enumerate(read):
                    _seek(phrase, number, path, plain, found.setdefault(name, {}))
        return {name: [own[at] for at in sorted(own)] for name, own in found.items() if own}


def _seek(phrase: Phrase, number: int, path: str, text: str, into: dict[tuple[int, int], Hit]) -> None:
    for match in phrase.pattern.finditer(text):
        at, other = (number, match.start()), into.get((number, match.start()))
        if other is None or len(other.found) < len(match[0]):
            denied = _DENIED.search(text, 0, match.start()) is not None
            into[at] = Hit(path, match[0], phrase.instead, _around(text, *match.span()), denied)


# While a note is written its parts are read again and again, and all but one of them unchanged.
@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[str, frozenset[str]]:
    plain = unquoted(text)
    return plain, frozenset([word[:KEY] for word in WORDS.findall(plain.lower())])


def unquoted(text: str) -> str:
    """The text, equally long, with all that stands in quotation marks of any kind blotted out."""
    if _MARK.search(text) is None:
        return text
    return _QUOTED.sub(lambda match: _NOTHING * len(match[0]), text)


def _around(text: str, start: int, end: int) -> str:
    left = text[max(0, start - _SHOWN_AROUND) : start].rpartition(_NOTHING)[2]
    right = text[end : end + _SHOWN_AROUND].partition(_NOTHING)[0]
    if start > _SHOWN_AROUND and " " in left:
        left = left.partition(" ")[2]
    if len(text) - end > _SHOWN_AROUND and " " in right:
        right = right.rpartition(" ")[0]
    more = ("…" if start - len(left) > 0 else ""), ("…" if end + len(right) < len(text) else "")
    return f"{more[0]}{' '.join((left + text[start:end] + right).split())}{more[1]}"
