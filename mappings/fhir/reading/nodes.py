"""A resource while it is read: what is asked of it is noted, so that what nobody asked for can be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]


class Node:
    """One object of a resource; objects of the same resource share what was read of it."""

    __slots__ = ("data", "path", "used")

    def __init__(self, data: Mapping[str, Any], used: set[Path] | None = None, path: Path = ()) -> None:
        self.data, self.path = data, path
        self.used: set[Path] = set() if used is None else used

    def __bool__(self) -> bool:
        return bool(self.data)

    def take(self, *names: str) -> None:
        """Note elements as read, with all that is inside them."""
        self.used.update((*self.path, name) for name in names)

    def done(self) -> None:
        """Note this object as read, with all that is inside it."""
        self.used.add(self.path)

    def value(self, name: str) -> Any:
        """An element as it stands, read whole; None where there is none."""
        self.take(name)
        return self.data.get(name)

    def text(self, name: str) -> str | None:
        """An element that is a text, as it is written; None for anything else, which stays unread."""
        value = self.data.get(name)
        if not isinstance(value, str) or not value.strip():
            return None
        self.take(name)
        return value

    def node(self, name: str) -> Node:
        """An element that is an object; an empty one where it is none."""
        value = self.data.get(name)
        return Node(value if isinstance(value, dict) else {}, self.used, (*self.path, name))

    def nodes(self, name: str) -> list[Node]:
        """The objects of an element that is a list."""
        value = self.data.get(name)
        found = enumerate(value) if isinstance(value, list) else ()
        return [Node(each, self.used, (*self.path, name, at)) for at, each in found if isinstance(each, dict)]

    def texts(self, name: str) -> list[str]:
        """The texts of an element that is a list of them."""
        value = self.value(name)
        found = value if isinstance(value, list) else []
        return [each for each in found if isinstance(each, str) and each.strip()]

    def unread(self) -> Iterator[str]:
        """The paths of all that nobody asked for, such as "name[0].suffix": an element of which nothing was
        read stands there once, by itself."""
        begun = {path[:length] for path in self.used for length in range(len(path))}
        yield from (_written(path) for path in _left(self.data, self.path, self.used, begun))


def _left(value: Any, path: Path, used: set[Path], begun: set[Path]) -> Iterator[Path]:
    if path in used:
        return
    inside: list[tuple[str | int, Any]] = []
    if path in begun and isinstance(value, dict):
        inside = list(value.items())
    elif path in begun and isinstance(value, list):
        inside = list(enumerate(value))
    if not inside:
        yield path
    for name, each in inside:
        yield from _left(each, (*path, name), used, begun)


def _written(path: Path) -> str:
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return text.removeprefix(".")
