"""Reads FHIR JSON of unknown make: whatever stands in a place is taken for what it is, or for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

Json = Mapping[str, Any]

LONGEST = 200
_DATE = re.compile(r"\d{4}(-\d{2}){0,2}(?:T.*)?", re.DOTALL)
_REFERENCE = re.compile(
    r"(?:^|/)([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?$"
)


def object_of(value: object) -> Json:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> tuple[Json, ...]:
    """The objects of a list, else nothing."""
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def text_of(value: object) -> str | None:
    """The text on one line without outer white space, None for no text, a blank one or one of more than 200
    characters."""
    plain = " ".join(value.split()) if isinstance(value, str) else ""
    return plain if 0 < len(plain) <= LONGEST else None


def day_of(value: object) -> date | None:
    """The day of a FHIR date or dateTime as written, None for a mere year or month or anything else; only
    days from 1900 to 2199 can be in a record."""
    if not isinstance(value, str) or len(value) < 10 or not _DATE.fullmatch(value):
        return None
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2199 else None


def reference_of(value: object) -> str | None:
    """The literal reference of a Reference element as it is written."""
    return text_of(object_of(value).get("reference"))


def local(reference: str | None) -> str | None:
    """`Type/id` at the end of a reference or address, without a version; None where it has no such end."""
    found = _REFERENCE.search(reference) if reference else None
    return found[1] if found else None


def words_of(concept: object) -> str:
    """What a CodeableConcept says, for people: its text, else a display, else a code with its system."""
    known = object_of(concept)
    codings = objects_of(known.get("coding"))
    said = [text_of(known.get("text")), *(text_of(one.get("display")) for one in codings)]
    coded = (f"{text_of(one.get('system')) or 'no system'}|{text_of(one.get('code'))}" for one in codings)
    return next(filter(None, said), None) or next(coded, "nothing that can be read")


def codings_of(concept: object) -> Iterator[tuple[str, str, str]]:
    """(system, code, display) of every coding; what is missing is empty."""
    for one in objects_of(object_of(concept).get("coding")):
        yield tuple(text_of(one.get(name)) or "" for name in ("system", "code", "display"))  # type: ignore[misc]
