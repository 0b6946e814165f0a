"""Small helpers about words that several checks share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date


def says_something(text: str, empty_words: Iterable[str]) -> bool:
    """Whether a text says anything: not blank, and not a word such as "n/a" that stands for nothing."""
    plain = " ".join(text.split()).casefold()
    return bool(plain) and plain not in empty_words


def listed(words: Iterable[str], last: str = "and") -> str:
    """Words as people list them: a, b and c."""
    all_ = list(words)
    return all_[0] if len(all_) == 1 else f"{', '.join(all_[:-1])} {last} {all_[-1]}" if all_ else ""


def on_day(day: date) -> str:
    """A day as it is written in messages."""
    return day.isoformat()
