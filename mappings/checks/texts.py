"""Small helpers about words that several checks share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from mappings.once import by_identity


def says_something(text: str, empty_words: tuple[str, ...]) -> bool:
    """Whether a text says anything: not blank, and not a word such as "n/a" that stands for nothing."""
    # Most texts say something, and are told from a few words by their length in words alone.
    most = most_words(empty_words)
    words = text.split(None, most)
    if len(words) > most:
        return True
    plain = " ".join(words).casefold()
    return bool(plain) and plain not in empty_words


@by_identity
def most_words(empty_words: tuple[str, ...]) -> int:
    """How many words a text may have at most that says nothing; one with more says something."""
    return max((word.count(" ") + 1 for word in empty_words), default=0)


def blank(text: str | None) -> bool:
    """Whether an id or a code is not there: absent, empty or nothing but spaces."""
    return not text or text.isspace()


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as people list them: a, b and c."""
    all_ = list(words)
    return all_[0] if len(all_) == 1 else f"{', '.join(all_[:-1])} {last} {all_[-1]}" if all_ else ""


# Many contacts took place on one day.
@lru_cache(maxsize=1024)
def on_day(day: date) -> str:
    """A day as it is written in messages."""
    return day.isoformat()
