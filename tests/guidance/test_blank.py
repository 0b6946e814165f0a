"""A text of nothing but spaces is as little there as an absent one: it holds wherever that holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mappings.findings import Judgement
from mappings.intake import Refused, record_from
from mappings.library import load
from mappings.rules import judge
from tests.guidance.builder import NOW, contact_and_entry

Path = tuple[str | int, ...]


def _texts(data: Any, path: Path = ()) -> Iterator[Path]:
    """The way to every text of JSON data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in inner:
        yield from _texts(value, (*path, step))
    if isinstance(data, str):
        yield path


def _with(data: dict[str, Any], path: Path, value: str | None) -> dict[str, Any]:
    place: Any = (copied := copy.deepcopy(data))
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


def _judged(contact: dict[str, Any], entry: dict[str, Any]) -> Judgement | None:
    try:
        return judge([record_from(contact), record_from(entry)], load(), NOW)[0]
    except Refused:
        return None


@pytest.mark.parametrize("base", ["pre-admission", "group", "filed", "family", "payer", "us-id", "us-pa"])
def test_blank_text_holds_wherever_an_absent_one_holds(base: str) -> None:
    contact, entry = contact_and_entry(base)
    let_through = []
    for path in _texts(contact):
        absent = _judged(_with(contact, path, None), entry)
        if absent is None or (absent.signing, absent.claim) == ("ready", "ready"):
            continue
        for blank in ("", " \t"):
            judgement = _judged(_with(contact, path, blank), entry)
            if judgement is not None and (judgement.signing, judgement.claim) == ("ready", "ready"):
                let_through.append((path, blank))
    assert let_through == []
