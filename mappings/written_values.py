"""How the values of a record are written: days, times with their offset, numbers and texts.

A value that is absent is null, or what the field says of absence; one of another form is refused in words.
"""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
)

DAY_FORM = 'a day such as "2026-03-04"'
MOMENT_FORM = 'a time with its offset such as "2026-03-04T10:00:00-05:00"'
DAY_OR_MOMENT_FORM = f"{DAY_FORM} or {MOMENT_FORM}"
NUMBER_FORM = "a number such as 2 or 1.5"
# Beyond these years a shift of time zone overflows, and no record of care can lie there.
_FIRST, _LAST = 1900, 2199


# The days of one input are few.
@lru_cache(maxsize=4096)
def _written_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _day(value: object) -> object:
    if value is None:
        return value
    if isinstance(value, str) and len(value) == 10:
        value = _written_day(value)
    if isinstance(value, date) and not isinstance(value, datetime) and _FIRST <= value.year <= _LAST:
        return value
    raise ValueError(f"expected {DAY_FORM}")


def _moment(value: object) -> object:
    if value is None:
        return value
    if isinstance(value, str) and value[10:11] == "T":
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"expected {MOMENT_FORM}") from None
    if isinstance(value, datetime) and value.tzinfo is not None and _FIRST <= value.year <= _LAST:
        return value
    raise ValueError(f"expected {MOMENT_FORM}")


def _day_or_moment(value: object) -> object:
    try:
        return _moment(value) if isinstance(value, datetime) or len(str(value)) > 10 else _day(value)
    except ValueError:
        raise ValueError(f"expected {DAY_OR_MOMENT_FORM}") from None


def _number(value: object) -> object:
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueError(f"expected {NUMBER_FORM}")


def _as_json_number(value: Decimal | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _none_is_empty(value: object) -> object:
    return () if value is None else value


def _none_is_one(value: object) -> object:
    return 1 if value is None else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("expected a text that is not blank")
    return value


def _none_is_zero(value: object) -> object:
    return 0 if value is None else value


Text = StrictStr | None
Flag = StrictBool | None
Whole = StrictInt | None
Day = Annotated[date | None, BeforeValidator(_day)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
DayOrMoment = Annotated[datetime | date | None, BeforeValidator(_day_or_moment)]
Number = Annotated[
    Decimal | None, BeforeValidator(_number), PlainSerializer(_as_json_number, when_used="json")
]
# Of several, where null says that there are none.
OR_NONE = BeforeValidator(_none_is_empty)
Texts = Annotated[tuple[StrictStr, ...], OR_NONE]
Id = Annotated[StrictStr, AfterValidator(_not_blank)]
Version = Annotated[StrictInt, Field(ge=1), BeforeValidator(_none_is_one)]
Minutes = Annotated[StrictInt, BeforeValidator(_none_is_zero)]
