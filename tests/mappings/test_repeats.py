"""Passages of notes are taken apart once: whichever way that is done, the same sentences stand there."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappings.repeats import LEAST, Passage, Passages, keys, sentences, words_of

texts = st.text(st.sampled_from("aäß bİ.!?\n\t\u00a0-K"), max_size=120)
said = st.sampled_from(["We went to the library card by card", "Each of us read one page aloud", "Yes", " "])
written = st.lists(st.one_of(said, st.sampled_from([".", "?! ", " . ", "\n", "\t."])), max_size=9)


@given(st.one_of(texts, written.map("".join)))
@example("So it was.  " + "b" * LEAST + " .")
def test_the_sentences_of_a_passage_stand_where_they_are_said_to_stand(text: str) -> None:
    passage = Passage(text)
    assert passage.sentences == sentences(text)
    assert passage.keys == [key for _, _, _, key in passage.sentences] == keys(text)
    for start, end, found, key in passage.sentences:
        assert text[start:end] == found == found.strip()
        assert re.split("[.!?]", found)[0].strip().casefold() == key


@given(st.lists(texts, max_size=3))
def test_the_words_of_a_note_are_those_of_its_passages_with_one_blank_between_them(parts: list[str]) -> None:
    passages = Passages()
    assert words_of([passages[each] for each in parts]) == " ".join(" ".join(parts).casefold().split())


@pytest.mark.parametrize("stop", [".", "!", "?!", "...", " .", "\t."])
def test_a_sentence_is_the_same_whatever_ends_it(stop: str) -> None:
    said = "Called the office about the letter"
    (found,) = sentences(f"Yes. {said}{stop} No.")
    assert found == (5, 5 + len(said + stop), said + stop, said.casefold())
