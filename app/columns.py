"""The kinds of columns: aware times, days, JSON and records of the office, all kept as text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator
from typing_extensions import override

from mappings.records import Part

_DECODER = json.JSONDecoder(parse_float=Decimal)


class Utc(TypeDecorator[datetime]):
    """An aware time, kept as UTC in ISO text of one width, so that order of text is order of time."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Refuses a naive time with ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """An aware time in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class IsoDay(TypeDecorator[date]):
    """A calendar day as ISO text."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """ISO text."""
        return None if value is None else value.isoformat()

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """The day."""
        return None if value is None else date.fromisoformat(value)


class Json(TypeDecorator[Any]):
    """Plain JSON data as text with sorted keys; numbers with a point come back as Decimal."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Compact text."""
        return None if value is None else compact(value)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The data."""
        return None if value is None else _DECODER.decode(value)


class AsPart(TypeDecorator[Part]):
    """A record of the office, or a piece of one, in its intake form."""

    impl = Text
    cache_ok = True

    def __init__(self, model: type[Part]) -> None:
        super().__init__()
        self.model = model

    @override
    def process_bind_param(self, value: Part | None, dialect: Dialect) -> str | None:
        """Compact text."""
        return None if value is None else compact(value.model_dump(mode="json", by_alias=True))

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> Part | None:
        """The record."""
        return None if value is None else _record(self.model, value)


@lru_cache(maxsize=1024)
def _record(model: type[Part], text: str) -> Part:
    # Records are frozen: equal texts may share one.
    return model.model_validate(_DECODER.decode(text))


def compact(data: Any) -> str:
    """JSON data as text with sorted keys and no spaces: equal data gives equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_number)


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is no JSON data")
