"""A new jurisdiction is a folder of data: an invented state in which nearly everything differs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import mappings
from mappings.codes import billing_of
from mappings.findings import NO_PACK, Judgement
from mappings.intake import record_from
from mappings.library import Library, load
from mappings.records import Contact
from mappings.rules import judge
from mappings.situation import pack_of
from tests.guidance.builder import AUTHOR, COSIGNER, changed, contact_and_entry

PACKS = Path(__file__).parent / "packs"
NOW = datetime.fromisoformat("2026-12-31T20:00:00-05:00")
SIGNED = {"at": "2026-01-10T09:00:00-05:00", "version": 1}
PLAN = [
    {"meaning": "author", "by": "1900000021", **SIGNED},
    {"meaning": "cosigner", "by": "MRN-70001", **SIGNED},
    {"meaning": "second-cosigner", "by": "1900000039", "category": "zz-healer", **SIGNED},
]
GOOD = {
    "jurisdiction": "us-zz",
    "program.program_kind": "recovery-house",
    "engagement.history": [{"status": "admitted", "at": "2026-01-05"}],
    "service.plan_entry": "PLAN-1",
    "service.basis": "planned",
    "peer.credentials": [{"code": "zz-peer", "issuer": "zz-board", "number": "Z", "from": "2026-01-01"}],
    "peer.supervisor.category": "zz-elder",
    "individual.coverages[0].class": "medicaid",
    "individual.coverages[0].checked_on": None,
    "signatures": [AUTHOR],
    "entry:signatures": PLAN,
    "entry:jurisdiction": "us-zz",
}


def _judged(
    change: Mapping[str, Any] | None = None,
    *others: Mapping[str, Any],
    library: Library | None = None,
) -> list[Judgement]:
    contact, entry = contact_and_entry("pre-admission", {**GOOD, **(change or {})})
    more = [changed(contact, {"id": f"ENC-{n}", **other}) for n, other in enumerate(others, start=2)]
    records = [record_from(data) for data in (contact, *more, entry)]
    return judge(records, library or load(packs=PACKS), NOW)[:-1]


def _at(day: str, start: str, minutes: int) -> dict[str, Any]:
    begin = datetime.fromisoformat(f"{day}T{start}:00-05:00")
    end = datetime.fromtimestamp(begin.timestamp() + minutes * 60, begin.tzinfo)
    late = f"{day}T23:50:00-05:00"
    signature = {**AUTHOR, "at": late}
    return {
        "start": begin.isoformat(),
        "end": end.isoformat(),
        "note.edited_at": late,
        "signatures": [signature],
    }


def _variant(tmp_path: Path, *changes: tuple[str, str]) -> Library:
    shutil.copytree(PACKS / "us-zz", tmp_path / "us-zz")
    file = tmp_path / "us-zz" / "parameters.toml"
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    return load(packs=tmp_path)


def test_good_record_of_the_new_place_is_ready_and_coded_by_its_pack() -> None:
    library = load(packs=PACKS)
    judged = _judged(library=library)[0]
    assert [f.message for f in judged.holding()] == []
    assert (judged.signing, judged.claim, judged.units) == ("ready", "ready", 3)
    contact, _ = contact_and_entry("pre-admission", GOOD)
    record = record_from(contact)
    assert isinstance(record, Contact)
    billing = billing_of(record, library)
    assert billing is not None
    assert billing.code == "Z1234"
    assert library.table("credentials").code("zz-peer") is not None
    assert "zz-peer" not in load().table("credentials").codes


@pytest.mark.parametrize(
    ("change", "rule", "result"),
    [
        ({"peer.credentials[0].issuer": "elsewhere"}, "ZZ.REND.CERT", "fail"),
        ({"peer.credentials[0].from": "2026-03-04"}, "ZZ.REND.CERT", "pass"),
        ({"peer.credentials[0].from": "2026-03-05"}, "ZZ.REND.CERT", "fail"),
        ({"peer.credentials[0].code": "nycps"}, "ZZ.REND.CERT", "fail"),
        ({"peer.birth_date": "2005-03-04"}, "ZZ.REND.AGE", "pass"),
        ({"peer.birth_date": "2005-03-05"}, "ZZ.REND.AGE", "fail"),
        ({"peer.birth_date": "1945-03-05"}, "ZZ.REND.AGE", "pass"),
        ({"peer.birth_date": "1945-03-04"}, "ZZ.REND.AGE", "fail"),
        ({"peer.birth_date": None}, "ZZ.REND.AGE", "indeterminate"),
        ({"peer.supervisor.category": "lcsw"}, "ZZ.REND.SUPERVISED", "fail"),
        ({"note.own_words": " "}, "ZZ.NOTE.FIELDS", "fail"),
        ({"note.own_words": None}, "ZZ.NOTE.FIELDS", "indeterminate"),
        ({"note.progress": None}, "ZZ.NOTE.FIELDS", "pass"),
        ({}, "ZZ.SIG.COSIGN", "not-applicable"),
        ({"peer.credentials[0].code": "zz-novice"}, "ZZ.SIG.COSIGN", "fail"),
        (
            {
                "peer.credentials[0].code": "zz-novice",
                "signatures": [AUTHOR, {**COSIGNER, "category": "zz-healer"}],
            },
            "ZZ.SIG.COSIGN",
            "pass",
        ),
        (
            {"peer.credentials[0].code": "zz-novice", "signatures": [AUTHOR, COSIGNER]},
            "ZZ.SIG.COSIGN",
            "fail",
        ),
        ({"entry:signatures": PLAN[:2]}, "ZZ.PLAN.SIGNED", "fail"),
        ({"entry:signatures": PLAN[1:]}, "ZZ.PLAN.SIGNED", "fail"),
        ({"entry:signatures": [PLAN[0], PLAN[2]]}, "ZZ.PLAN.SIGNED", "fail"),
        ({"entry:version": 2}, "ZZ.PLAN.SIGNED", "fail"),
        ({"entry:signatures": [{**PLAN[0], "at": None}]}, "ZZ.PLAN.SIGNED", "indeterminate"),
        ({"entry:signatures": [*PLAN[:2], {**PLAN[2], "by": " "}]}, "ZZ.PLAN.SIGNED", "indeterminate"),
        ({"service.code": "Z1235"}, "ZZ.AUTH.UNITS", "indeterminate"),
        ({"service.code": "H0038"}, "ZZ.CODE.Z", "fail"),
    ],
)
def test_each_thing_a_pack_says_is_held_to(change: dict[str, Any], rule: str, result: str) -> None:
    finding = _judged(change)[0].finding(rule)
    assert finding is not None
    assert finding.result == result, finding.message


@pytest.mark.parametrize(
    ("asked", "change", "result"),
    [
        ("all", {}, "fail"),
        ("enrolled", {}, "fail"),
        ("pre-admission", {}, "not-applicable"),
        (
            "pre-admission",
            {"engagement.history": [{"status": "undecided", "at": "2026-01-05"}]},
            "fail",
        ),
    ],
)
def test_pack_says_when_a_note_is_co_signed(
    tmp_path: Path, asked: str, change: dict[str, Any], result: str
) -> None:
    library = _variant(tmp_path, ('value = ["provisional-peer"]', f'value = ["{asked}"]'))
    finding = _judged(change, library=library)[0].finding("ZZ.SIG.COSIGN")
    assert finding is not None
    assert finding.result == result


ROUNDED = {
    "floor": {7: 0, 8: 0, 14: 0, 15: 1, 22: 1, 23: 1, 29: 1, 30: 2},
    "eight-minute": {7: 0, 8: 1, 14: 1, 15: 1, 22: 1, 23: 2, 29: 2, 30: 2},
    "ceiling": {0: 0, 1: 1, 15: 1, 16: 2, 30: 2, 31: 3},
}
POOLED = [
    ("floor", "per-contact", (10, 10), 0),
    ("floor", "per-day", (10, 10), 1),
    ("floor", "per-contact", (14, 16), 1),
    ("floor", "per-day", (14, 16), 2),
    ("floor", "per-day", (25, 25), 3),
    ("eight-minute", "per-day", (10, 10), 1),
    ("eight-minute", "per-day", (14, 14), 2),
    ("eight-minute", "per-day", (20, 20), 3),
    ("eight-minute", "per-day", (29, 29), 4),
    ("eight-minute", "per-day", (100, 80), 10),
    ("ceiling", "per-contact", (1, 1), 2),
    ("ceiling", "per-day", (1, 1), 1),
]


@pytest.mark.parametrize("rounding", ROUNDED)
def test_pack_says_how_minutes_become_units(tmp_path: Path, rounding: str) -> None:
    library = _variant(tmp_path, ('value = "eight-minute"', f'value = "{rounding}"'))
    made = {m: _judged(_at("2026-03-04", "10:00", m), library=library)[0].units for m in ROUNDED[rounding]}
    assert made == ROUNDED[rounding]


@pytest.mark.parametrize(("rounding", "pooling", "minutes", "billed"), POOLED)
def test_pack_says_whether_a_day_is_pooled(
    tmp_path: Path, rounding: str, pooling: str, minutes: tuple[int, int], billed: int
) -> None:
    library = _variant(
        tmp_path, ('value = "eight-minute"', f'value = "{rounding}"'), ('"per-day"\n', f'"{pooling}"\n')
    )
    first, second = _at("2026-03-04", "08:00", minutes[0]), _at("2026-03-04", "16:00", minutes[1])
    judged = _judged(first, second, library=library)
    assert sum(j.billed_units for j in judged) == billed
    assert [j.holding("signing") for j in judged] == [(), ()]


def test_minutes_of_a_held_contact_are_never_billed_with_those_of_another() -> None:
    held = {**_at("2026-03-04", "08:00", 10), "note.own_words": " "}
    judged = _judged(_at("2026-03-04", "16:00", 10), {**held})
    assert [j.billed_units for j in judged] == [1, 0]
    judged = _judged(_at("2026-03-04", "16:00", 5), {**held})
    assert [j.billed_units for j in judged] == [0, 0]


@pytest.mark.parametrize(
    ("days", "last", "claim", "words"),
    [
        # ten units a day, so that the week's 16, the month's 24 and the year's 40 are met one after another
        (["2026-03-02"], "2026-03-03", "ready", ""),
        (["2026-03-02"], "2026-03-08", "ready", ""),
        (["2026-03-02", "2026-03-03"], "2026-03-04", "held", "16 a week"),
        (["2026-03-02", "2026-03-03"], "2026-03-09", "ready", ""),
        (["2026-03-02", "2026-03-03", "2026-03-09", "2026-03-10"], "2026-03-16", "held", "24 a month"),
        (["2026-03-02", "2026-03-03", "2026-03-09", "2026-03-10"], "2026-04-01", "ready", ""),
        (
            [f"2026-{m}-{d}" for m in ("03", "04", "05") for d in ("09", "10")] + ["2026-06-01"],
            "2026-07-01",
            "held",
            "40 a year",
        ),
    ],
)
def test_limits_of_week_month_and_year_hold_what_would_pass_them(
    days: list[str], last: str, claim: str, words: str
) -> None:
    six = [_at(day, "09:00", 90) for day in days]
    judged = _judged(_at(last, "09:00", 90), *six)
    assert judged[0].units == 6
    finding = judged[0].finding("GEN.UNIT.PAYER_LIMIT")
    assert finding is not None
    assert (judged[0].claim, words in finding.message) == (claim, True), finding.message
    # What was asked before the limits were looked at, to pool the day, is no answer afterwards.
    assert (finding in judged[0].holding("claim")) == (claim == "held")


def test_day_of_the_pack_is_cut_at_its_own_cap() -> None:
    judged = _judged(_at("2026-03-04", "09:00", 180))[0]
    assert (judged.units, judged.billed_units) == (12, 10)


@pytest.mark.parametrize(
    ("day", "kind", "known"),
    [
        ("2025-12-31", "recovery-house", False),
        ("2026-01-01", "recovery-house", True),
        ("2026-12-31", "recovery-house", True),
        ("2027-01-01", "recovery-house", False),
        ("2026-03-04", "hospital", False),
        ("2026-03-04", None, True),
    ],
)
def test_pack_counts_for_its_days_and_programmes_alone(day: str, kind: str | None, known: bool) -> None:
    assert (load(packs=PACKS).on("us-zz", date.fromisoformat(day), kind) is not None) == known


def test_without_the_folder_there_is_no_pack_and_never_a_guess() -> None:
    judged = _judged(library=load())[0]
    assert [f.rule for f in judged.findings] == [NO_PACK]
    assert (judged.signing, judged.claim) == ("held", "held")


def test_authorization_of_the_new_place_counts_its_own_units_and_days() -> None:
    authorization = {
        "id": "A", "service": "Z1235", "member": "MRN-70001", "number": "1", "units": 20, "used": 18,
        "from": "2026-03-01", "to": None,
    }  # fmt: skip
    change = {"service.code": "Z1235", "authorization": authorization}
    for day, minutes, claim in (
        ("2026-03-10", 30, "ready"),
        ("2026-03-10", 45, "held"),
        ("2026-03-11", 30, "held"),
    ):
        assert _judged({**change, **_at(day, "09:00", minutes)})[0].claim == claim


def test_engine_knows_no_place_by_name() -> None:
    root = Path(mappings.__file__).parent
    files = [*root.glob("*.py"), *(root / "checks").glob("*.py")]
    named = re.compile(r"\bus-[a-z]{2}\b|\b(nycps|fpa-c|ypa-c|crpa|id-cpss|wa-cp[cs]|pa-cps|mhotrs)\b", re.I)
    found = [f"{file.name}: {m[0]}" for file in files for m in named.finditer(file.read_text("utf-8"))]
    assert found == []


def test_payer_of_the_day_chooses_the_payer_layer() -> None:
    library = load()
    contact, _ = contact_and_entry("payer")
    for change, cap in (
        ({}, 8),
        ({"individual.coverages[0].to": "2026-03-04"}, 8),
        ({"individual.coverages[0].to": "2026-03-03"}, 12),
        ({"individual.coverages[0].payer": "NYMEDICAID"}, 12),
    ):
        record = record_from(changed(contact, change))
        assert isinstance(record, Contact)
        pack = pack_of(record, library, "mhotrs", date(2026, 3, 4))
        assert pack is not None
        assert pack.value("cap.units_per_day") == cap
