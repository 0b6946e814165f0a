"""The library's files are read from data that says what they say, whatever was changed since."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from mappings import library_parsed
from mappings.library_parsed import KEPT, as_kept, digest_of, parsed
from tests.library_data import shipped, written


def test_the_data_that_ships_is_that_of_the_files_as_they_are() -> None:
    assert KEPT.read_text(encoding="utf-8") == written(), "run `make library-data`"


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_read_is_what_the_file_says(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in shipped():
        text = file.read_bytes()
        here = {digest_of(text): as_kept(text)} if kept else {}
        monkeypatch.setattr(library_parsed, "_kept", lambda here=here: here)
        assert parsed(text) == tomli.loads(text.decode("utf-8"))


def test_a_changed_file_is_parsed_and_a_bad_one_refused() -> None:
    text = next(shipped()).read_bytes()
    assert parsed(text + b"\nadded = 2026-03-04\n") != parsed(text)
    with pytest.raises(tomli.TOMLDecodeError):
        parsed(text + b"\n= no key\n")


def test_what_was_read_once_is_not_what_is_read_again() -> None:
    text = next(shipped()).read_bytes()
    first = parsed(text)
    first.clear()
    assert parsed(text)


plain = st.dates() | st.booleans() | st.text("ab\"\\'é", max_size=5) | st.integers(-(2**63), 2**63 - 1)


@given(st.lists(plain, max_size=5), plain)
def test_any_days_texts_and_numbers_are_kept_as_they_are(items: list[object], one: object) -> None:
    text = f"one = {_toml(one)}\n[[deep.each]]\nitems = [{', '.join(map(_toml, items))}]\n".encode()
    library_parsed._kept.cache_clear()
    kept = {digest_of(text): as_kept(text)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library_parsed, "_kept", lambda: kept)
        assert parsed(text) == {"one": one, "deep": {"each": [{"items": items}]}}


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
