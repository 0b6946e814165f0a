"""Reading one table of a library file, with refusals that name file, place and right form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NoReturn

DATE_FORM = "a date without quotation marks such as 2022-11-23"
TEXT_FORM = 'a text such as "..." that is not blank'
TEXTS_FORM = 'a list of texts such as ["...", "..."]'


class LibraryError(ValueError):
    """A library that cannot be used: which file, which rule or table, what is wrong, the right form."""

    def __init__(self, file: str, where: str, problem: str, form: str) -> None:
        super().__init__(f"{file}: {where}: {problem}; the right form is {form}")
        self.file, self.where, self.problem, self.form = file, where, problem, form


class Sheet:
    """One TOML table while it is read; every key taken is remembered, so that the rest is refused.

    `kept` marks the text of a library that was in use once: it is read to explain and never judged again by
    what this version of the program knows or asks for.
    """

    def __init__(self, file: str, where: str, data: Mapping[str, Any], kept: bool = False) -> None:
        self.file, self.where, self.kept = file, where, kept
        self._data, self._taken = data, set[str]()

    def inner(self, where: str, data: Mapping[str, Any]) -> Sheet:
        """A table within this one, named `where`."""
        return Sheet(self.file, where, data, self.kept)

    def refuse(self, problem: str, form: str) -> NoReturn:
        """Stop the library here; raises LibraryError."""
        raise LibraryError(self.file, self.where, problem, form)

    def doubt(self, problem: str, form: str) -> None:
        """Stop as `refuse` does, but for a kept text: there this version of the program may know less."""
        if not self.kept:
            self.refuse(problem, form)

    def has(self, key: str) -> bool:
        """Whether the key stands in the table."""
        return key in self._data

    def raw(self, key: str) -> Any:
        """The value as TOML gave it, or None; the key counts as known."""
        self._taken.add(key)
        return self._data.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank; raises LibraryError."""
        value = self.raw(key)
        if value is None and (default is not None or self.kept):
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.refuse(f"`{key}` {_found(value)}", f"{key} = {TEXT_FORM}")
        return " ".join(value.split())

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty when the key is absent; raises LibraryError."""
        value = self.raw(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(f"`{key}` {_found(value)}", f"{key} = {TEXTS_FORM}")
        return tuple(value)

    def one_of(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of the words given; raises LibraryError."""
        value = self.text(key, default)
        if value not in choices:
            self.doubt(f"`{key}` is {value!r}", f"{key} = one of " + ", ".join(choices))
        return value

    def flag(self, key: str) -> bool:
        """true or false, false when absent; raises LibraryError."""
        value = self.raw(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.refuse(f"`{key}` {_found(value)}", f"{key} = true or {key} = false")
        return value

    def day(self, key: str) -> date:
        """A date; raises LibraryError."""
        return self.maybe_day(key) or self.refuse(f"`{key}` is missing", f"{key} = {DATE_FORM}")

    def maybe_day(self, key: str) -> date | None:
        """A date, or None when absent; raises LibraryError."""
        value = self.raw(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.refuse(f"`{key}` {_found(value)}", f"{key} = {DATE_FORM}")
        return value

    def table(self, key: str) -> Mapping[str, Any]:
        """A table, empty when absent; raises LibraryError."""
        value = self.raw(key)
        if value is not None and not isinstance(value, dict):
            self.refuse(f"`{key}` {_found(value)}", f"{key} = {{ name = value }}")
        return value or {}

    def sheets(self, key: str, name: str) -> list[Sheet]:
        """The tables of an array such as [[rule]], each named by its id; raises LibraryError."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.refuse(f"`{key}` {_found(value)}", f"tables headed [[{name}]]")
        return [
            self.inner(_where(self.where, key, number, item), item)
            for number, item in enumerate(value, start=1)
        ]

    def done(self) -> None:
        """Refuse what nobody asked for; raises LibraryError."""
        unknown = sorted(set(self._data) - self._taken)
        if unknown:
            known = ", ".join(sorted(self._taken))
            self.doubt(f"unknown key `{unknown[0]}`", f"one of the keys {known}")


def _where(outer: str, key: str, number: int, item: Mapping[str, Any]) -> str:
    name = item.get("id") or item.get("code")
    if name is None and "from" in item:
        name = f"from {item['from']}"
    own = f"{key} {name if name is not None else number}"
    return own if not outer else f"{outer}, {own}"


def _found(value: object) -> str:
    return "is missing" if value is None else f"is {value!r}"
