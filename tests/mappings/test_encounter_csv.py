"""A table of service encounters from CSV: what is refused, and rows that end when newer ones begin."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.encounter_csv import BadTable, as_toml, followed_by, read_csv, rows_of
from mappings.library import load

HEAD = "code,modifiers,format,credentials,unit_minutes,rounding,description\n"
GOOD = HEAD + 'H0038,,individual,,15,floor,Peer services\nH0038,HQ U1,group,a b,15,,"Group, with peers"\n'
FIRST, NEXT = date(2026, 1, 1), date(2027, 1, 1)


def test_rows_are_read_with_their_modifiers_credentials_and_units() -> None:
    alone, group = read_csv("\ufeff" + GOOD, FIRST)
    assert (alone.procedure, alone.modifiers, alone.format, alone.unit_minutes) == (
        "H0038",
        (),
        "individual",
        15,
    )
    assert (group.modifiers, group.credentials, group.rounding) == (("HQ", "U1"), ("a", "b"), "floor")
    assert read_csv("code,unit_minutes\nh0038,15\n", FIRST)[0].display == "H0038"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the column `code` is missing"),
        ("code,unit_minutes,colour\n", "line 1: unknown column `colour`; the columns are code"),
        ("code,modifiers\nH0038,\n", "line 1: the column `unit_minutes` is missing"),
        (HEAD, "there is no row below the head"),
        ("code,unit_minutes\nH38,15\n", "line 2: `code` is 'H38'; a procedure code such as H0038"),
        ("code,unit_minutes\nH0038,\n", "line 2: `unit_minutes` is ''; whole minutes such as 15"),
        ("code,unit_minutes\nH0038,0\n", "line 2: `unit_minutes` is '0'"),
        ("code,unit_minutes\nH0038,1441\n", "line 2: `unit_minutes` is '1441'"),
        ("code,unit_minutes\nH0038,7.5\n", "line 2: `unit_minutes` is '7.5'"),
        ("code,unit_minutes\nH0038,15,9\n", "line 2: it has more or fewer cells"),
        ("code,unit_minutes\nH0038\n", "line 2: it has more or fewer cells"),
        ("code,modifiers,unit_minutes\nH0038,HQQ,15\n", "line 2: modifier 'HQQ'; two letters or digits"),
        ("code,format,unit_minutes\nH0038,crowd,15\n", "line 2: `format` is 'crowd'; individual, group"),
        ("code,unit_minutes,rounding\nH0038,15,up\n", "line 2: `rounding` is 'up'; one of floor"),
        ("code,unit_minutes\nH0038,15\nH0038,30\n", "line 3: H0038 stands twice"),
        ('code,unit_minutes\n"H0038,15\n', "not CSV"),
    ],
)
def test_unsound_table_names_its_line_and_the_right_form(text: str, problem: str) -> None:
    with pytest.raises(BadTable) as refused:
        read_csv(text, FIRST)
    assert problem in str(refused.value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(BadTable) as refused:
        read_csv("code,unit_minutes\nH38,x\nH0038,15\nT10,0\n", FIRST)
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["line 2"] * 2 + ["line 4"] * 2


def test_older_rows_end_on_the_day_before_and_stay_for_their_days() -> None:
    old, new = read_csv(GOOD, FIRST), read_csv(GOOD, NEXT)
    both = followed_by(old, new, NEXT)
    assert {(row.from_, row.until) for row in both} == {(FIRST, date(2026, 12, 31)), (NEXT, None)}
    assert followed_by(both, new, NEXT) == both
    with pytest.raises(BadTable, match="loaded in order of its days"):
        followed_by(new, old, FIRST)


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=20), display=st.text(min_size=1, max_size=20))
def test_written_table_is_toml_whatever_the_names(name: str, display: str) -> None:
    [row] = read_csv("code,modifiers,unit_minutes\nH0038,HQ,15\n", FIRST)
    given_row = replace(row, display=display)
    text = as_toml("t", "us-xx", [given_row], name=name, content=b"", start=FIRST, on=FIRST)
    [code] = tomllib.loads(text)["code"]
    assert (code["code"], code["modifiers"], code["from"]) == (row.key, ["HQ"], FIRST)


def test_written_table_is_read_back_by_the_library(tmp_path: Path) -> None:
    rows = followed_by(read_csv(GOOD, FIRST), read_csv(GOOD, NEXT), NEXT)
    table = "us-wa-service-encounters"
    text = as_toml(table, "us-wa", rows, name='a "b".csv', content=b"x", start=NEXT, on=NEXT)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.toml").write_text(text, "utf-8")
    assert rows_of(load(tmp_path).table(table)) == rows
