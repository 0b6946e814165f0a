"""The language help: forms of words, quotation marks, negation, and no false alarms on plain notes."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.intake import read_record
from mappings.language import LISTS, SIGNS, WordLists
from mappings.library import load
from mappings.phrases import compiled
from mappings.plain import unquoted
from mappings.rules import judge
from tests.generator import generate
from tests.intake_makers import NOW

DAY = load().on("us-ny", date(2026, 3, 4))
WORDING = ("GEN.LANG.", "GEN.SCOPE.", "NY.SCOPE.", "DER.PEER_HEALTH", "NY.LANG.")


def _found(phrase: str, text: str) -> list[str]:
    hits = WordLists({"list": {phrase: "better"}}).hits([("note.response", text)])
    return [hit.found for hit in hits.get("list", [])]


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("non-compliant", "noncompliant, Non-Compliant and non compliant", 3),
        ("refuse", "refuses, refused, refusing, Refuse", 4),
        ("refuse", "the refusenik", 0),
        ("manipulat*", "a manipulative, manipulating text", 2),
        ("=addict", "addicts and addiction", 0),
        ("alcoholic !anonymous", "Alcoholics Anonymous", 0),
        ("alcoholic !anonymous", "an alcoholic", 1),
        ("lend/=lent ..2 $#", "lent him $40, lent her about $ 1,200.50", 2),
        ("lend/=lent ..2 $#", "lent it to one of the others for $5", 0),
        ("@icd", "F33.1 or f20, not F1 nor XF33", 2),
        ("r\\/o", "r/o MDD; r o", 1),
        ("deny/denies ..1 suicid*", "Denies being suicidal", 1),
        ("doesn't _ care", "doesn’t really care", 1),
    ],
)
def test_phrase_is_found_in_its_forms_alone(phrase: str, text: str, found: int) -> None:
    assert len(_found(phrase, text)) == found


@pytest.mark.parametrize(
    "quoted",
    ['"I am lazy"', "“I’m lazy”", "‘I’m lazy’", "'I'm lazy'", "„lazy“", "«lazy»", 'said: "lazy."'],
)
def test_words_in_quotation_marks_are_left_alone(quoted: str) -> None:
    assert _found("=lazy", f"He said {quoted} and laughed") == []
    assert _found("=lazy", f"He said {quoted} and was lazy") == ["lazy"]


@given(st.text(alphabet="ab \"'“”‘’«»„", max_size=40))
def test_blotting_out_keeps_the_length(text: str) -> None:
    assert len(unquoted(text)) == len(text)


@given(st.text(max_size=30), st.text(max_size=60))
def test_no_phrase_and_no_text_raises(phrase: str, text: str) -> None:
    WordLists({"list": {phrase: "x"}}).hits([("note.response", text)])


def test_phrase_without_a_word_is_none() -> None:
    assert [compiled(phrase, "x") for phrase in ("", "/", "!only", "..3")] == [None] * 4


def test_every_phrase_of_the_shipped_lists_hangs_on_a_word() -> None:
    assert DAY is not None
    lists = {name: own.value for name, own in DAY.values.items() if name.startswith((LISTS, SIGNS))}
    phrases = [phrase for own in lists.values() if isinstance(own, dict) for phrase in own]
    made = [compiled(phrase, "") for phrase in phrases]
    assert len(phrases) > 100
    assert [p for p, one in zip(phrases, made, strict=True) if one is None or not one.needs] == []


def test_plain_notes_raise_no_alarm() -> None:
    records = [read_record(one.line) for one in generate(seed=7, records=200, bad=0)]
    judged = judge(records, load(), datetime.fromisoformat(NOW))
    alarms = [f.message for j in judged for f in j.shown if f.rule.startswith(WORDING)]
    assert alarms == []
