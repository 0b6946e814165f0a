"""The table of threats is whole: each stands there once and names tests that are there."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = tomllib.loads((TESTS / "threats" / "threats.toml").read_text())


@cache
def _functions(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text())
    skipped = {"skip", "skipif", "xfail"}
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not any(
            word in ast.unparse(mark).split("(")[0] for mark in node.decorator_list for word in skipped
        )
    )


def test_thirty_threats_stand_in_the_table() -> None:
    assert list(TABLE) == [f"T{number}" for number in range(1, 31)]


@pytest.mark.parametrize("name", TABLE)
def test_each_threat_is_said_in_words_and_shown_by_tests_that_are_there(name: str) -> None:
    row = TABLE[name]
    assert set(row) == {"threat", "tests"}
    assert len(row["threat"].split()) > 1
    assert row["tests"]
    for test in row["tests"]:
        file, _, function = test.partition("::")
        assert function.startswith("test_")
        assert function in _functions(TESTS / file), test


def test_no_test_of_a_threat_is_left_out_of_the_table() -> None:
    named = {test for row in TABLE.values() for test in row["tests"]}
    files = {test.partition("::")[0] for test in named}
    assert {f"threats/{path.name}" for path in (TESTS / "threats").glob("test_*.py")} - files == {
        "threats/test_table.py"
    }
