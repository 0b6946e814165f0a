"""Answers that are found when they are first asked for, and then kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, TypeVar, TypeVarTuple, overload

Owner = TypeVar("Owner")
Answer = TypeVar("Answer")
Asked = TypeVar("Asked")
Several = TypeVarTuple("Several")
MOST_KEPT = 256


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


def by_identity(find: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Keep what a function says of one and the same object, which must never change.

    As functools.lru_cache, which hashes and compares what it is asked with: of a long tuple of words that
    costs more than most of what is kept here.
    """
    kept: dict[int, tuple[Asked, Answer]] = {}

    @wraps(find)
    def answer(asked: Asked) -> Answer:
        # What is kept is held, so that no other object can come to have its identity.
        found = kept.get(id(asked))
        if found is None or found[0] is not asked:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = kept[id(asked)] = asked, find(asked)
        return found[1]

    return answer


def by_identities(most: int) -> Callable[[Callable[[*Several], Answer]], Callable[[*Several], Answer]]:
    """As `by_identity`, for a function of several things; the answers of the last so many are kept."""

    def keeping(find: Callable[[*Several], Answer]) -> Callable[[*Several], Answer]:
        kept: dict[tuple[int, ...], tuple[object, Answer]] = {}

        @wraps(find)
        def answer(*asked: *Several) -> Answer:
            key = tuple(map(id, asked))
            found = kept.get(key)
            if found is None:
                if len(kept) >= most:
                    kept.clear()
                # What is asked with is held, so that no other object can come to have its identity.
                found = kept[key] = asked, find(*asked)
            return found[1]

        return answer

    return keeping
