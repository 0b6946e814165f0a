"""The table of what SMART App Launch 2.2 asks of a client is whole: each has tests, or a reason."""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).parent / "requirements.csv"
# The requirements themselves, where they stand beside the source.
BESIDE = ROOT.parent / "shared" / "data" / "smart" / "client-requirements-2.2.csv"
# The ids of SMART App Launch 2.2.0: SHALL and SHALL NOT, then SHOULD, SHOULD NOT and MAY.
MUST = """1-7 13 20-23 29 32-37 39-42 44-45 47 50-52 60-64 67-72 93 105-106 108 120-122 124-125 132 135 137
    141 143 146 150-153 155-156 161 166 191 196 201-202 211 215-216 218-220 225-227 229-230 232-238 264 270
    290-291 293-295 298 301-302 307-309 313-315 317-323 325 327-334 345 379 415-416"""
MAY = """8-12 43 46 65-66 90 97-98 107 117 131 133 147-148 157-158 162 193 195 239 242 263 267-268 292 299-300
    303-304 312 324 343 375 413-414 420 425-426 435"""
SKIPPING = ("skip", "skipif", "xfail", "importorskip")


def _ids(spans: str) -> list[int]:
    ends = [span.split("-") for span in spans.split()]
    return [number for each in ends for number in range(int(each[0]), int(each[-1]) + 1)]


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with TABLE.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def _tests() -> list[str]:
    return sorted({test for row in _rows() for test in row["test"].split()})


@cache
def _functions(file: str) -> frozenset[str]:
    """The functions of a file that no mark of their own or of the whole file skips."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    whole = [ast.unparse(one) for one in tree.body if not isinstance(one, ast.FunctionDef | ast.ClassDef)]
    if any(f".{word}" in line for line in whole for word in SKIPPING):
        return frozenset()
    kept = (one for one in tree.body if isinstance(one, ast.FunctionDef))
    return frozenset(one.name for one in kept if not any(word in _marks(one) for word in SKIPPING))


def _marks(function: ast.FunctionDef) -> list[str]:
    words = [ast.unparse(mark).partition("(")[0] for mark in function.decorator_list]
    calls = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [each.rpartition(".")[2] for each in (*words, *calls)]


def test_the_columns_are_id_test_and_reason() -> None:
    assert TABLE.read_text(encoding="utf-8").partition("\n")[0] == "id,test,reason"
    assert all(None not in row and None not in row.values() for row in _rows())


def test_every_requirement_stands_there_once_in_order() -> None:
    assert len(_ids(MUST)) == 121
    assert len(_ids(MAY)) == 43
    assert [int(row["id"]) for row in _rows()] == sorted(_ids(MUST) + _ids(MAY))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["id"])
def test_each_is_shown_by_tests_or_has_a_reason_in_a_sentence(row: dict[str, str]) -> None:
    assert bool(row["test"]) != bool(row["reason"]), "one of both"
    if row["reason"]:
        words = row["reason"].split()
        assert len(words) >= 8
        assert words[0][0] in '"' or words[0][0].isupper()
        assert row["reason"].endswith(".")
    for test in row["test"].split():
        file, _, function = test.partition("::")
        assert function in _functions(file), test


def test_a_test_that_a_reason_speaks_of_is_there() -> None:
    known = {name for file in {test.partition("::")[0] for test in _tests()} for name in _functions(file)}
    named = {
        word.strip(".,:;") for row in _rows() for word in row["reason"].split() if word.startswith("test_")
    }
    assert named and named <= known


def test_every_test_that_is_named_is_collected() -> None:
    asked = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *_tests()]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == set(_tests())


def test_the_ids_are_those_of_the_requirements_where_they_stand_beside_the_source() -> None:
    if BESIDE.is_file():
        with BESIDE.open(newline="", encoding="utf-8") as file:
            read = {int(row["ID"]): row["Conformance"] for row in csv.DictReader(file)}
        assert sorted(one for one, word in read.items() if word.startswith("SHALL")) == _ids(MUST)
        assert sorted(one for one, word in read.items() if not word.startswith("SHALL")) == _ids(MAY)
    else:
        assert len(_rows()) == 164
