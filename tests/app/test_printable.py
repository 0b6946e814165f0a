"""Lines of files as they may stand on a screen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.printable import printable, printable_lines

WORDS = st.text("ab ~\n\r\t\x00\x1b\x7fé\u202e\ud800", max_size=8)


@given(st.lists(WORDS, max_size=4))
def test_lines_that_are_written_together_are_written_as_each_of_them_is(lines: list[str]) -> None:
    assert printable_lines(lines) == "".join([f"{printable(each)}\n" for each in lines]).encode()
