"""Wording as a peer meets it: ordinary notes raise no alarm, quoted words are left alone, and what is offered
settles what it is offered for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.findings import Finding
from mappings.language import LISTS, Hit, WordLists, apart, reworded
from mappings.library import load
from mappings.library_files import read_library
from mappings.library_sheet import LibraryError
from mappings.phrases import entry
from mappings.plain import plain
from mappings.rules import judge
from tests.guidance.builder import NOW, records

GOOD = [line for line in (Path(__file__).parent / "texts/good_notes.txt").read_text().splitlines() if line]
# fmt: off
WORDS = st.sampled_from([
    "addict", "addicts", "an", "a", "the", "he", "she", "said", "was", "is", "refused", "to", "junkie",
    "schizophrenic", "lazy", "client", "flat", "affect", "non-compliant", "homeless", "people", "never",
    "committed", "suicide", "I", "told", "him", "café", "“", "”", '"', "'", "’", ".", ",", "\n", "and",
])
# fmt: on
TEXTS = st.lists(WORDS, max_size=25).map(" ".join)


@cache
def _lists() -> WordLists:
    day = load().on("us-ny", date(2026, 3, 4))
    assert day is not None
    return day.word_lists()


@cache
def _entries() -> Mapping[tuple[str, str], Any]:
    day = load().on("us-ny", date(2026, 3, 4))
    assert day is not None
    return {
        (name, phrase): instead
        for name, own in day.values.items()
        if name.startswith(LISTS) and isinstance(own.value, Mapping)
        for phrase, instead in own.value.items()
    }


def _hits(text: str, path: str = "note.response") -> list[Hit]:
    return [hit for own in _lists().hits([(path, text)]).values() for hit in own]


def _advice(text: str) -> list[Finding]:
    found = judge(records("planned", {"note.response": text}, None, None), load(), NOW)[-1]
    return [finding for finding in found.findings if finding.words]


@pytest.mark.parametrize("sentence", GOOD)
def test_ordinary_good_notes_raise_no_alarm(sentence: str) -> None:
    assert [finding.message for finding in _advice(sentence)] == []


def test_ordinary_good_notes_are_many() -> None:
    assert len(set(GOOD)) >= 200


@settings(deadline=None)
@given(TEXTS)
def test_spans_lie_in_the_text_hold_what_was_found_and_never_overlap(text: str) -> None:
    by_list = _lists().hits([("note.response", text)])
    for own in (*by_list.values(), apart(hit for hits in by_list.values() for hit in hits)):
        ends = 0
        for hit in own:
            assert ends <= hit.start < hit.end <= len(text)
            assert text[hit.start : hit.end] == hit.found
            ends = hit.end


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["“{}”", "«{}»", '"{}"', "„{}“"]), TEXTS)
def test_words_in_quotation_marks_are_never_advised_on(before: str, marks: str, quoted: str) -> None:
    clean = re.sub("[“”„«»\"'‘’]", "", before), re.sub("[“”„«»\"'‘’]", "", quoted)
    text = f"{clean[0]} {marks.format(clean[1])} end"
    start = len(clean[0]) + 1
    assert [hit for hit in _hits(text) if hit.end > start] == []


@pytest.mark.parametrize(("list_name", "phrase"), sorted(_entries()), ids=lambda each: str(each)[:40])
def test_every_wording_that_is_offered_settles_its_advice(list_name: str, phrase: str) -> None:
    _, wordings, _ = entry(_entries()[list_name, phrase])
    text = f"Then {_example(phrase)} here"
    for place in range(len(wordings)):
        hits = [hit for hit in _hits(text) if hit.wordings]
        assert hits, text
        hit = max(hits, key=lambda hit: hit.end - hit.start)
        changed = reworded(text, hit, hit.wordings[min(place, len(hit.wordings) - 1)])
        assert changed is not None
        assert [left.found for left in _hits(changed) if left.wordings] == [], changed


def _example(phrase: str) -> str:
    """Words that the phrase finds: the first of each choice."""
    words = []
    for token in phrase.removeprefix("~").split():
        if token[0] not in "!." and token not in ("$#", "#", "_", "@icd"):
            words.append(re.split(r"(?<!\\)/", token)[0].lstrip("=").rstrip("*").replace("\\/", "/"))
        else:
            words.append({"$#": "$40", "#": "3", "_": "so", "@icd": "F33.1"}.get(token, ""))
    return " ".join(word for word in words if word)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["an addict", "Addicts", "refused to", "homeless people", "committed suicide"]))
)
def test_taking_every_wording_leaves_no_advice(words: list[str]) -> None:
    text = ". ".join(f"There {word} then" for word in words)
    for _ in range(len(words) + 1):
        hits = [hit for hit in _hits(text) if hit.wordings]
        if hits:
            text = reworded(text, hits[0], hits[0].wordings[0]) or ""
    assert _hits(text) == []


def test_a_wording_is_not_put_over_words_that_changed_meanwhile() -> None:
    (hit,) = _hits("He is an addict.")
    assert reworded("He was an addict.", hit, hit.wordings[0]) is None


@pytest.mark.parametrize(
    "told",
    [
        "He said he was an addict and wants help",
        "She told me that she is a junkie",
        "He says he’s lazy",
        "She described herself as schizophrenic",
        "He identifies as an addict",
        "In her own words she is an addict",
        "They said their mother committed suicide",
    ],
)
def test_reported_speech_of_the_person_is_left_alone(told: str) -> None:
    assert _hits(told) == []


@pytest.mark.parametrize(
    "told",
    [
        "I felt he was manipulative",
        "I said he was lazy",
        "He said he would come, but he is an addict",
        "She told me that she is tired. She is an addict",
        "Peer told her she is an addict",
    ],
)
def test_words_of_the_peer_are_no_reported_speech(told: str) -> None:
    assert len(_hits(told)) == 1


@pytest.mark.parametrize(
    "text", ["She did not refuse", "He isn't lazy", "never manipulative", "He is not in denial"]
)
def test_behind_a_not_what_somebody_did_or_is_like_is_no_judgment(text: str) -> None:
    assert _hits(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ﬂat aﬀect", "ﬂat aﬀect"),
        ("non\u00adcompliant", "non\u00adcompliant"),
        ("non‑compliant", "non‑compliant"),
        ("ＡＤＤＩＣＴ", "ＡＤＤＩＣＴ"),
        ("José’s friend is lazy", "lazy"),
        ("Jose\u0301 is lazy", "lazy"),
        ("she doesn’t want to get better", "doesn’t want to get better"),
    ],
)
def test_letters_of_other_forms_are_found_at_their_place(text: str, found: str) -> None:
    (hit,) = _hits(text)
    assert (hit.found, text[hit.start : hit.end]) == (found, found)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_every_place_of_a_plain_text_is_a_place_of_the_written_one(written: str) -> None:
    read = plain(written)
    places = [read.span(at, at)[0] for at in range(len(read.text) + 1)]
    assert places == sorted(places) and all(0 <= place <= len(written) for place in places)


def test_an_article_and_a_capital_letter_go_along() -> None:
    (hit,) = _hits("Alcoholics come here.")
    assert hit.wordings[0] == "People with an alcohol use disorder"
    (hit,) = _hits("An addict came.")
    assert (hit.found, hit.wordings[0]) == ("An addict", "A person with an addiction")


def test_an_entry_may_have_a_source_of_its_own() -> None:
    (hit,) = _hits("an addict")
    assert load().sources[hit.source].publisher == "National Institute on Drug Abuse"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"=addict" = { write', '"=addict" = { wrote', "unknown key 'wrote'"),
        (
            '"=clean =and sober" = { write = ["in recovery"]',
            '"=clean =and sober" = { write = [3]',
            "neither a text nor a list",
        ),
        ('source = "nida-words-matter" }', 'source = "nobody" }', "unknown source `nobody`"),
    ],
)
def test_an_entry_that_cannot_be_read_stops_the_library(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    shipped = Path(load.__code__.co_filename).parent
    for folder in ("guidance", "tables"):
        for file in (shipped / folder).rglob("*.toml"):
            copy = tmp_path / file.relative_to(shipped)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(file.read_text())
    words = tmp_path / "guidance/federal/words.toml"
    assert old in words.read_text()
    words.write_text(words.read_text().replace(old, new, 1))
    with pytest.raises(LibraryError, match=re.escape(message)):
        read_library(tmp_path / "guidance", tmp_path / "tables")
