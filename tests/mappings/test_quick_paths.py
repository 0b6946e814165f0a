"""What is done quickly is what would be done plainly: short ways through a text change no answer."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.checks.authorization import BENEFITS_CHECK
from mappings.checks.names import no_names_of_others
from mappings.checks.registry import BY_CODES, Outcome
from mappings.coding import Coding
from mappings.in_force import Bound
from mappings.intake import Alike, Refused, read_record
from mappings.language import WordLists
from mappings.library import load
from mappings.names import folded
from mappings.once import MOST_KEPT, by_identity
from mappings.phrases import Phrase
from mappings.plain import KEY, Beginnings, Texts, beginning_of, keys_of, keys_of_all, pieces_of, plain
from mappings.records import Contact, Record
from mappings.repeats import LEAST, keys
from mappings.rules import find, judge
from mappings.sharing import AUTHORIZATION_CHECK, CAP_CHECK, LIMIT_CHECK
from mappings.situation import Situation
from mappings.surroundings import Surrounding
from tests.generator import generate
from tests.intake_makers import NOW, Json, as_line, contact, seeded

DAY = load().on("us-ny", date(2026, 3, 4))
LISTS: WordLists = DAY.word_lists() if DAY is not None else WordLists({})
PHRASES: list[tuple[str, Phrase]] = LISTS._phrases
_SIGNS = str.maketrans(dict.fromkeys("*=~!_#@", " "))
SPOKEN = [" ".join(token.translate(_SIGNS) for token in each.tokens) for _, each in PHRASES]

words = st.sampled_from(
    [*SPOKEN, "addict's", "F20.1", "$25", "n/a", "“so”", "the", "non-", "He said that he", "café", "ﬁne", "İ"]
)
notes = st.lists(st.one_of(words, st.text(max_size=12)), max_size=12).map(" ".join)


@given(notes)
def test_the_beginnings_of_all_words_are_found_in_plain_letters_as_in_any_others(text: str) -> None:
    # A letter beyond ASCII sends the whole text the general way; it adds its own beginnings alone.
    ascii_text = text.encode("ascii", "ignore").decode()
    assert {*keys_of(ascii_text), "é", "e"} == {*keys_of(ascii_text + "\né")}
    assert all(len(key) <= KEY for key in keys_of(text))


@pytest.mark.parametrize("name", ["García", "O’Brien", "Mary-Ann", "İbrahim", "Yıldız", "Андрей", "Ng", "ﬁn"])
def test_a_name_is_found_by_its_beginning_wherever_it_stands(name: str) -> None:
    assert beginning_of(folded(name)) in keys_of(f"Talked with {name}'s friend")


def test_wording_is_found_in_letters_that_a_pattern_takes_for_its_own() -> None:
    near = WordLists({"list": {"refusing": "better"}}).near(pieces_of("was refusİng"))
    assert [name for name, _ in near] == ["list"]


@given(notes)
def test_the_words_of_a_text_are_those_of_its_pieces(text: str) -> None:
    pieces = pieces_of(text)
    assert {key for piece in pieces for key in keys_of(piece)} == {*keys_of(text)} == keys_of_all(pieces)


@given(st.lists(notes, max_size=4), st.sets(st.sampled_from(["the", "said", "$", "addict", "café", "f20"])))
def test_beginnings_are_found_in_every_text_that_has_them_whatever_was_read_before(
    texts: list[str], wanted: set[str]
) -> None:
    looked_for = Beginnings(wanted)
    for text in [*texts, *texts]:
        assert looked_for.near(pieces_of(text)) == wanted & {*keys_of(text)}


@given(
    st.lists(notes, max_size=4),
    st.sets(st.sampled_from(["the", "said", "$", "addict", "café", "f20"])),
    notes,
)
def test_beginnings_are_looked_for_in_all_texts_at_once_and_found_in_those_that_have_them(
    told: list[str], wanted: set[str], later: str
) -> None:
    texts, looked_for = Texts([*told, None]), Beginnings(wanted)
    assert bool(looked_for.telling(texts)) == (not wanted.isdisjoint(keys_of("\n".join(told))))
    for asked in ([None, *told], [later], [*told, later]):
        has = [text for text in asked if text and not wanted.isdisjoint(keys_of(text))]
        assert texts.near(looked_for, asked) == has == texts.near(looked_for, asked)


# The first of all texts compiles every phrase.
@settings(deadline=None)
@given(notes)
def test_every_phrase_that_stands_in_a_text_is_among_those_that_are_tried(text: str) -> None:
    near = {id(phrase) for _, phrase in LISTS.near(pieces_of(text))}
    read = plain(text).text
    for _, phrase in PHRASES:
        if id(phrase) not in near:
            assert phrase.pattern.search(read) is None, phrase.tokens


@given(st.text(" \t\n\u00a0\u2028\u200b\x1cab,"), st.integers(0, 4))
def test_texts_of_more_words_than_so_many_are_those_that_are_cut_into_more(text: str, most: int) -> None:
    assert Texts([None, text]).longer(most) == ({text} if len(text.split()) > most else set())


@settings(deadline=None)
@given(st.lists(notes, max_size=4), notes)
def test_a_text_that_may_hold_a_phrase_is_seen_among_others_as_by_itself(told: list[str], later: str) -> None:
    texts, asked = Texts(told), [*told, later, None]
    near = [text for text in asked if text and LISTS.near(pieces_of(text))]
    assert texts.near(LISTS, asked) == near == texts.near(LISTS, asked)


def test_each_phrase_of_the_lists_is_tried_on_the_very_words_it_asks_for() -> None:
    for (_, phrase), spoken in zip(PHRASES, SPOKEN, strict=True):
        if phrase.pattern.search(spoken) is not None:
            assert any(phrase is each for _, each in LISTS.near(pieces_of(spoken)))


@given(st.text(st.sampled_from("aäß bİ.!?\n-K"), max_size=200))
def test_the_sentences_of_a_text_are_cut_at_every_stop_and_the_short_ones_left_out(text: str) -> None:
    parts = (part.strip() for part in re.split(r"[.!?\n]+", text.casefold()))
    assert keys(text) == [part for part in parts if len(part) >= LEAST]


@given(st.lists(st.lists(st.integers(0, 3), max_size=3).map(tuple), max_size=8))
def test_what_is_kept_of_an_object_is_what_is_said_of_it(asked: list[tuple[int, ...]]) -> None:
    kept = by_identity(sum)
    assert [kept(each) for each in asked * 2] == [sum(each) for each in asked * 2]


def test_more_objects_than_are_kept_are_answered_all_the_same() -> None:
    kept = by_identity(len)
    many = [[0] * number for number in range(MOST_KEPT + 40)]
    assert [kept(each) for each in many + many] == [len(each) for each in many + many]


_CODED = (
    "service.type", "service.place", "service.modality", "service.basis", "service.format",
    "service.location.kind", "individual.gender", "individual.coverages.0.class", "staff.0.category",
    "signatures.0.meaning", "signatures.0.category", "peer.credentials.0.code", "relates_to.how",
    "recipients.0.role", "engagement.history.0.status", "program.time_zone",
)  # fmt: skip


@pytest.mark.parametrize("path", _CODED)
def test_an_unknown_code_is_seen_in_each_place_also_after_a_like_contact_without_it(path: str) -> None:
    made = contact(seeded(3))
    made["program"] |= {"time_zone": "America/New_York", "program_kind": "mhotrs"}
    made["peer"] |= {"credentials": [{"code": "nycps", "issuer": "omh-approved", "from": "2025-02-01"}]}
    made["staff"] = [{"id": "1900000039", "category": "lcsw"}]
    made["signatures"][0]["category"] = "lcsw"
    made["relates_to"] = {"id": "ENC-1", "how": "replaces"}
    assert _codes_known(made) == "pass"
    *steps, last = path.split(".")
    holder: Any = made
    for step in steps:
        holder = holder[int(step)] if step.isdigit() else holder[step]
    holder[last] = "no-such-word"
    assert _codes_known(made) == "fail", path


def _codes_known(made: Json) -> str:
    (judged,) = judge([read_record(as_line(made))], load(), datetime.fromisoformat(NOW))
    found = judged.finding("DER.CODES_KNOWN")
    return found.result if found is not None else ""


_PARTS = ("Talked about the bus.", "Was non-compliant.", "Had Chidi Okoro beside her.", "")


@pytest.mark.parametrize("together", [False, True])
def test_what_was_looked_for_in_a_text_once_is_found_in_each_note_that_says_it(together: bool) -> None:
    others = [_says("MRN-2", "Chidi", ("", "", "")), _says("MRN-3", "Grace", ("", "", ""))]
    records = [*others, *[_says("MRN-1", "Ada", parts) for parts in product(_PARTS, repeat=3)]]
    around, now, found = Surrounding(records, load()), datetime.fromisoformat(NOW), Counter[str]()
    around.place([Situation(each, around, now) for each in (records if together else others)])
    for record in records * 2:
        quick, kept = _of_texts(Situation(record, around, now)), vars(around).pop("texts")
        assert _of_texts(Situation(record, around, now)) == quick
        vars(around)["texts"] = kept
        found.update({"wording"} if quick[0] else {}, names=quick[1].result == "advice")
    # The person's own words are left alone, but name nobody else.
    assert found == {"wording": 2 * 4 * (4**2 - 3**2), "names": 2 * (4**3 - 3**3)}


def _of_texts(s: Situation) -> tuple[Any, Outcome]:
    (bound,) = [each for each in s.pack.contact if each.check is no_names_of_others] if s.pack else []
    return s.wording, no_names_of_others(s, bound)


def _says(person: str, given: str, parts: tuple[str, ...]) -> Contact:
    made = contact(seeded(3))
    made["id"] = f"ENC-{person}-{parts}"
    made["individual"] |= {"id": person, "name": {"given": [given], "family": "Okoro"}}
    made["note"] |= dict(zip(("purpose", "response", "own_words"), parts, strict=True))
    made["service"] |= {"rationale": None}
    record = read_record(as_line(made))
    assert isinstance(record, Contact)
    return record


@pytest.mark.parametrize("seed", [3, 11])
def test_contacts_coded_alike_are_told_what_each_of_them_would_be_told_alone(seed: int) -> None:
    records = [one for made in generate(seed=seed, records=160, bad=60) for one in _readable(made.line)]
    around, now = Surrounding(records, load()), datetime.fromisoformat(NOW)
    judgements = {each.id: each for each in judge(records, load(), now) if each.counts}
    asked = 0
    for record in _contacts_of_one_version(records):
        s, judged = Situation(record, around, now), judgements[record.id]
        if s.pack is not None and len(judged.findings) == len(s.pack.contact):
            for place, bound in s.pack.for_contact(s.codes.kind).of_codes:
                assert judged.findings[place] == find(bound, s), (record.id, bound.rule.id)
                asked += 1
            for _, bound, _ in s.pack.for_contact(s.codes.kind).of_contact:
                quick = BY_CODES.get(bound.version.check, _unknown)(s.codes, bound)
                if quick is not None:
                    assert bound.finding(quick) == find(bound, s), (record.id, bound.rule.id)
                    asked += 1
    assert asked > 1_000


@pytest.mark.parametrize("seed", [3, 5, 11])
def test_what_is_asked_together_or_of_the_time_alone_is_what_each_check_says_by_itself(seed: int) -> None:
    records = [one for made in generate(seed=seed, records=160, bad=100) for one in _readable(made.line)]
    now, ways = datetime.fromisoformat(NOW), Counter[str]()
    around, judgements = _placed(records, now), {each.id: each for each in judge(records, load(), now)}
    for record in _contacts_of_one_version(records):
        s, judged = Situation(record, around, now), judgements[record.id]
        if s.pack is None or not s.happened or len(judged.findings) != len(s.pack.contact):
            continue
        for place, bound in _asked(s):
            assert judged.findings[place] == find(bound, s), (record.id, bound.rule.id)
            ways["alone"] += 1
        alike = s.pack.alike(s.codes)
        for passes, _ in alike.together if alike is not None else ():
            ways[f"together: {passes(s)}"] += 1
    assert min(ways["alone"], ways["together: True"], ways["together: False"]) > 3, ways


_LATE, _OTHER = "2026-03-20T12:00:00-05:00", {"meaning": "cosigner", "by": "1900000039", "version": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signatures.0.version", 2),
        ("signatures.0.by", " "),
        ("signatures.0.by", "1900000099"),
        ("signatures.0.at", None),
        ("signatures.0.at", "2030-01-01T12:00:00-05:00"),
        ("signatures.0.at", "2020-01-01T12:00:00-05:00"),
        ("signatures.0.at", _LATE),
        ("signatures.0.meaning", "cosigner"),
        ("signatures", []),
        ("signatures", [_OTHER | {"meaning": "author", "at": _LATE}]),
        ("note.edited_at", None),
        ("note.edited_at", _LATE),
        ("start", None),
        ("start", "2030-01-01T12:00:00-05:00"),
        ("end", None),
        ("end", "2030-01-01T12:00:00-05:00"),
        ("peer", None),
        ("version", 2),
        ("service.type", None),
        ("service.type", "n/a"),
        ("service.rationale", "n/a"),
        ("note.purpose", None),
        ("note.response", "n/a"),
        ("note.own_words", " "),
        ("note.outcome", "I believe she has a depression."),
        ("diagnoses", []),
        ("diagnoses.0.by", " "),
        ("diagnoses.0.by", "1900000021"),
        ("diagnoses.0.code", None),
        ("diagnoses.0.code", "no code"),
        ("diagnoses.0.code", "I10"),
        ("individual.coverages", []),
        ("individual.coverages.0.class", "commercial"),
        ("individual.coverages.0.member_id", " "),
        ("individual.coverages.0.payer", None),
        ("individual.coverages.0.checked_on", None),
        ("individual.coverages.0.checked_on", "2025-01-01"),
        ("individual.coverages.0.from", "2026-12-01"),
    ],
)
def test_a_contact_that_is_wrong_in_one_thing_is_told_so_beside_one_that_is_right(
    field: str, value: object
) -> None:
    made = contact(seeded(3)) | {"diagnoses": [{"code": "F33.1", "rank": 1, "by": "1900000039"}]}
    made["service"] |= {"basis": "ad-hoc", "rationale": "A letter about the flat came today."}
    alike, now = Alike(), datetime.fromisoformat(NOW)
    good = read_record(as_line(made), alike)
    part: Any = made
    *parts, last = [int(each) if each.isdigit() else each for each in field.split(".")]
    for each in parts:
        part = part[each]
    part[last] = value
    spoiled = read_record(as_line(made | {"id": "ENC-SPOILED"}), alike)
    around, judgements = _placed([good, spoiled], now), judge([good, spoiled], load(), now)
    seen = []
    for record, judged in zip((good, spoiled), judgements, strict=True):
        assert isinstance(record, Contact)
        s = Situation(record, around, now)
        assert s.pack is not None
        told = [(judged.findings[place], find(bound, s)) for place, bound in _asked(s)]
        assert all(quick == plain for quick, plain in told)
        seen.append([quick.result for quick, _ in told])
    assert seen[0] != seen[1]


# What a cap, a limit or the units of an authorization leave is told after the contacts were asked.
_TOLD_ANEW = {CAP_CHECK, LIMIT_CHECK, AUTHORIZATION_CHECK, BENEFITS_CHECK}


# The first of all contacts waits for the library.
@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(-12, 14)), min_size=1, max_size=12))
def test_ad_hoc_contacts_of_a_window_are_counted_whatever_zones_they_took_place_in(
    begun: list[tuple[int, int]],
) -> None:
    made = contact(seeded(3)) | {"program": None}
    made["service"] |= {"basis": "ad-hoc"}
    midnight, now = datetime.fromisoformat("2026-03-04T00:00:00+00:00"), datetime.fromisoformat(NOW)
    starts = [
        (midnight + timedelta(hours=hour)).astimezone(timezone(timedelta(hours=away))) for hour, away in begun
    ]
    records = [
        read_record(as_line(made | {"id": f"ENC-{n}", "start": start.isoformat(), "end": None}))
        for n, start in enumerate(starts)
    ]
    around = _placed(records, now)
    for start, first in product(starts, [each.date() for each in starts]):
        plain = [other for other in starts if other.date() >= first and other <= start]
        assert around.ad_hoc_since(made["individual"]["id"], first, start.astimezone(UTC)) == len(plain)


def _asked(s: Situation) -> list[tuple[int, Bound]]:
    if s.pack is None:
        return []
    asked = s.pack.for_contact(s.codes.kind)
    found = [*[(place, bound) for place, bound, _ in asked.of_contact], *asked.of_times]
    return [each for each in found if each[1].version.check not in _TOLD_ANEW]


def _placed(records: list[Record], now: datetime) -> Surrounding:
    around = Surrounding(records, load())
    own = [(n, one) for n, one in enumerate(records) if isinstance(one, Contact) and n in around.counting]
    around.place([Situation(one, around, now, n in around.doubled) for n, one in own])
    return around


def _readable(line: bytes) -> list[Record]:
    try:
        return [read_record(line)]
    except Refused:
        return []


def _unknown(codes: Coding, bound: Bound) -> Outcome | None:
    return None


def _contacts_of_one_version(records: list[Record]) -> list[Contact]:
    ids = Counter(each.id for each in records)
    return [each for each in records if isinstance(each, Contact) and ids[each.id] == 1]
