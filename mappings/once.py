"""Attributes that are found when they are first asked for, and then kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Owner = TypeVar("Owner")
Answer = TypeVar("Answer")


class once(Generic[Owner, Answer]):  # noqa: N801 - reads as `property` and `cached_property` do
    """A property whose answer is kept in its object from the first time on.

    As functools.cached_property, which until Python 3.12 takes a lock at each first time: it costs more than
    most of what is kept here, and an object of one judgement is never shared between threads.
    """

    def __init__(self, find: Callable[[Owner], Answer]) -> None:
        self.find, self.name, self.__doc__ = find, find.__name__, find.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> once[Owner, Answer]: ...
    @overload
    def __get__(self, owner: Owner, kind: type[Any]) -> Answer: ...
    def __get__(self, owner: Owner | None, kind: type[Any]) -> once[Owner, Answer] | Answer:
        if owner is None:
            return self
        found = owner.__dict__[self.name] = self.find(owner)
        return found
