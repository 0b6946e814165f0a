"""The phrases of a word list: what each looks like in a text, and which words a text with it must hold.

A phrase is a line of words; a space also stands for a hyphen. `a/b` is either word (a real stroke is
written `\\/`), `word*` any ending, `=word` that form alone, `_` any one word, `..3` at most three words,
`#` a number, `$#` an amount of money, `@icd` a diagnosis code, and `!word` says that it must not follow. A
word of four letters or more is found with its endings. `~` at the beginning leaves the phrase alone behind a
"not".

What to write instead is a text that says it in words, or a list of wordings that can stand in the place as
they are; a table gives both (`say`, `write`) and the id of the entry's own source (`source`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from mappings.plain import KEY

SHORT = 4
ENTRY = ("say", "write", "source")
_WORDS = re.compile(r"\w+|\$")
_GAP = r"[\s\-‐‑–/]+"
_SPOKEN = {"_": "…", "#": "a number", "$#": "an amount of money", "@icd": "a diagnosis code"}
_SPECIAL = {"_": r"[\w'’]+", "#": r"\d+", "$#": r"\$\s?\d[\d.,]*", "@icd": r"f\d\d(?:\.\d{1,4})?"}


class Phrase(NamedTuple):
    """A phrase made ready: its words, what to write instead in words, beginnings of words one of each of
    which must stand in a text with it (the rarest first), wordings that can stand there, the id of its own
    source, and whether a "not" before it spares it."""

    tokens: tuple[str, ...]
    instead: str
    needs: tuple[frozenset[str], ...]
    wordings: tuple[str, ...] = ()
    source: str = ""
    spared: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """What it looks like in a text."""
        return _compiled(self.tokens)


# A text concerns few of the phrases, and to compile them all takes longer than to load the library.
@lru_cache(maxsize=4096)
def _compiled(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(_pattern(tokens), re.I)


def compiled(phrase: str, instead: object) -> Phrase | None:
    """A phrase made ready to be found; None for one without any word."""
    spared, phrase = phrase.startswith("~"), phrase.removeprefix("~")
    tokens = [
        token for token in phrase.split() if token in _SPECIAL or token.startswith("..") or _either(token)
    ]
    if all(token.startswith(("!", "..")) for token in tokens):
        return None
    needs = tuple(sorted(_sure(tokens), key=_worth, reverse=True))
    words, wordings, source = entry(instead)
    return Phrase(tuple(tokens), words, needs, wordings, source, spared)


def entry(instead: object) -> tuple[str, tuple[str, ...], str]:
    """What an entry says in words, its wordings and its source; raises TypeError for another form."""
    if isinstance(instead, str):
        return instead, (), ""
    if isinstance(instead, Mapping):
        if set(instead) - set(ENTRY):
            raise TypeError(f"unknown key {sorted(set(instead) - set(ENTRY))[0]!r}")
        said, _, _ = entry(instead.get("say", ""))
        return said, entry(instead.get("write", ()))[1], str(instead.get("source", ""))
    if isinstance(instead, Sequence) and all(isinstance(each, str) and each for each in instead):
        return "", tuple(instead), ""
    raise TypeError("neither a text nor a list of texts")


def in_words(name: str, value: object) -> object:
    """The value of a parameter for people: a word list without the signs of its phrases, and what to write
    instead in words; any other value as it is."""
    if not isinstance(value, Mapping) or not name.startswith(("lint.", "signs.")):
        return value
    told: dict[str, str] = {}
    for phrase, instead in value.items():
        words, wordings, source = entry(instead)
        text = "; ".join(filter(None, [words, " or ".join(wordings)])) + (f" ({source})" if source else "")
        key = _spoken(str(phrase))
        told[key] = text if told.get(key, text) == text else f"{told[key]}; {text}"
    return told


def _spoken(phrase: str) -> str:
    tokens = phrase.removeprefix("~").replace("=", "").replace("*", "…").split()
    behind = [token[1:] for token in tokens if token.startswith("!")]
    words = [_SPOKEN.get(token, "…" if token.startswith("..") else token) for token in tokens]
    text = " ".join(word for word in words if not word.startswith("!"))
    return text + (f" (not before {', '.join(behind)})" if behind else "")


def _pattern(tokens: Sequence[str]) -> str:
    words = [token for token in tokens if not token.startswith("!")]
    pattern = "".join(_joined(left, right) for left, right in pairwise(["", *words]))
    behind = "".join(rf"(?!{_GAP}{_one(token[1:])}(?!\w))" for token in tokens if token.startswith("!"))
    # An amount of money begins with no word, so that no word can run into it.
    return rf"(?<!\w){pattern}(?!\w){behind}"


def _joined(left: str, right: str) -> str:
    if right.startswith(".."):
        return rf"(?:{_GAP}[\w'’]+){{0,{right[2:] or 3}}}?"
    return (_GAP if left else "") + _one(right)


def _one(token: str) -> str:
    if token in _SPECIAL:
        return _SPECIAL[token]
    parts = [_SPECIAL.get(part) or _alternatives(part) for part in _either(token)]
    return "(?:" + "|".join(parts) + ")"


def _alternatives(word: str) -> str:
    if word.endswith("*"):
        return _flexible(word[:-1]) + r"[\w'’]*"
    return "|".join(_flexible(form) for form in sorted(_forms(word), key=len, reverse=True))


def _flexible(word: str) -> str:
    return re.escape(word).replace(r"\-", r"[\s\-‐‑–]?").replace("'", "['’]")


def _either(token: str) -> list[str]:
    return [part.replace("\\/", "/") for part in re.split(r"(?<!\\)/", token) if part]


def _forms(word: str) -> set[str]:
    """The regular forms of a word (prescribe, prescribes, prescribed, prescribing)."""
    if word.startswith("="):
        return {word[1:]}
    if len(word) < SHORT or not word.replace("-", "").isalpha() or word.endswith(("ed", "ing")):
        return {word}
    if word.endswith("e"):
        return {word, word + "s", word + "d", word[:-1] + "ing"}
    if word.endswith("y") and word[-2] not in "aeiou":
        return {word, word[:-1] + "ies", word[:-1] + "ied", word + "ing"}
    return {
        word,
        word + "s",
        word + "es",
        word + "ed",
        word + "ing",
        word + word[-1] + "ed",
        word + word[-1] + "ing",
    }


def _sure(tokens: Sequence[str]) -> Iterator[frozenset[str]]:
    """For each word of a phrase the beginnings one of which must stand in a text with the phrase."""
    for token in tokens:
        if token == "@icd":  # noqa: S105 - a token of a phrase
            yield frozenset(f"f{number:02}" for number in range(100))
        elif token[0] not in "!_#$" and not token.startswith(".."):
            parts = _either(token)
            begins = [first.lower() for part in parts for first in _beginnings(part)]
            if all(begins):
                yield frozenset(begins)


def _beginnings(part: str) -> Iterator[str]:
    if part in _SPECIAL:
        yield "$" if part == "$#" else ""
    elif part.endswith("*"):
        stem = re.split(r"\W", part[:-1].lstrip("="))[0]
        yield stem[:KEY] if len(stem) >= KEY or "-" in part else ""
    else:
        for form in _forms(part):
            first = _WORDS.findall(form)
            yield first[0][:KEY] if first else ""
            # "non-compliant" may be written as one word.
            if "-" in form:
                yield form.replace("-", "")[:KEY]


def _worth(keys: frozenset[str]) -> tuple[int, int]:
    # Long beginnings are rare in a text, and few of them are rarer still.
    return min(len(key) for key in keys), -len(keys)
