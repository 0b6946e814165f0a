"""What people type is kept as it is, but for signs that no record may hold or that make it read otherwise."""

from __future__ import annotations

import pytest

from app.problems import MendInput
from app.typed_text import cleaned, sendable, unsendable_words


@pytest.mark.parametrize("code", [0x202A, 0x202B, 0x202D, 0x202E, 0x2066, 0x2067, 0x2069, 0x2028, 0xE0041])
def test_an_invisible_sign_that_makes_a_text_read_otherwise_is_refused_by_its_number(code: int) -> None:
    text = f"Alex agreed {chr(code)}to stay"
    with pytest.raises(MendInput, match=f"U\\+{code:04X}.*makes a text read otherwise") as refused:
        sendable(text, "note")
    assert "note" in refused.value.errors
    assert cleaned(text) == "Alex agreed to stay"


@pytest.mark.parametrize(
    "text", ["שרה כהן said: yes", "محمد أحمد 12", "می\u200cخواهم", "👩\u200d👧", "a\u200fb\nc\td"]
)
def test_every_script_is_written_as_it_is(text: str) -> None:
    assert unsendable_words(text) is None
    assert sendable(text, "note") == text == cleaned(text)


def test_what_cannot_be_stored_is_said_as_before() -> None:
    assert unsendable_words("bell \x07") == "it holds a character that cannot be stored"
