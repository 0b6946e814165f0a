"""Every rule of the list is there, cited, explained, and each that holds is pinned by a case."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mappings import checks
from mappings.checks.registry import Outcome
from mappings.explaining import explain
from mappings.findings import Judgement
from mappings.library import Library, load
from tests.guidance.office_cases import OFFICE_CASES
from tests.guidance.test_cases import CASES, judged_case

HERE = Path(__file__).parent
LIST: list[dict[str, str]] = json.loads((HERE / "decisions.json").read_text("utf-8"))
REGULATION = {"R129": "NY.SIG.ENROLLED", "R130": "NY.DIAG.ENROLLED"}
DERIVED = [f"D-{number}" for number in range(1, 9)]
BLOCKS = [rule for rule in load().rules() if rule.severity == "block"]
BY_RULE: dict[str, list[dict[str, Any]]] = {}
for each in CASES:
    BY_RULE.setdefault(each["rule"], []).append(each)
# It says itself that a payer may ask for an authorization: then the ask of the payer holds.
HOLDS_FOR_A_PAYER = {"NY.CODE.NO_PA"}
INFO = [rule for rule in load().rules() if rule.severity == "info" and rule.id not in HOLDS_FOR_A_PAYER]
FLIPPED = {"pass": "fail", "fail": "pass"}


def test_list_has_128_rules_and_each_is_in_a_pack_under_its_id() -> None:
    known = load().rules_by_id
    assert len(LIST) == 128
    assert [rule["id"] for rule in LIST if rule["id"] not in known] == []


def test_rules_of_the_regulation_are_there_under_their_numbers() -> None:
    assert {no: load().rule(no).id for no in REGULATION} == REGULATION


def test_eight_derived_rules_are_there_and_labelled_so() -> None:
    assert [load().rule(no).derived for no in DERIVED] == [True] * 8


@pytest.mark.parametrize("no", [*[rule["no"] for rule in LIST], *REGULATION, *DERIVED])
def test_rule_is_explained_with_its_sentence_source_and_cases(no: str) -> None:
    whole = explain(load(), no, date(2026, 3, 4))
    assert whole["says"]
    assert whole["fix"]
    assert len(whole["examples"]) >= 3
    for version in whole["versions"]:
        assert version["cite"]["title"]
        assert version["cite"]["at"]
        assert version["source"]["checked"]
    quoted = any(version["cite"]["quote"] for version in whole["versions"])
    assert quoted or whole["derived"] or no in REGULATION


def test_cases_that_a_rule_shows_are_cases_that_run() -> None:
    run = {(case["rule"], f"{case['expect']}: {case['says']}") for case in [*CASES, *OFFICE_CASES]}
    shown = {(rule.id, example) for rule in load().rules() for example in rule.examples}
    assert shown - run == set()


@pytest.mark.parametrize("rule", INFO, ids=lambda rule: rule.id)
def test_rule_that_only_informs_never_holds(rule: Any) -> None:
    for case in [one for one in BY_RULE.get(rule.id, []) if "site" not in one]:
        finding = judged_case(case, load()).finding(rule.id)
        assert finding is not None
        assert not finding.blocks


def _turned(check: Callable[..., Outcome]) -> Callable[..., Outcome]:
    def turned(s: Any, b: Any) -> Outcome:
        outcome = check(s, b)
        return outcome._replace(result=FLIPPED.get(outcome.result, outcome.result))  # type: ignore[arg-type]

    return turned


def _library(case: dict[str, Any]) -> Library:
    return replace(load(HERE / "sites" / case["site"]) if "site" in case else load(), _days={})


def _decision(judgement: Judgement, rule: str) -> object:
    finding = judgement.finding(rule)
    return None if finding is None else finding.result


@pytest.mark.parametrize("rule", BLOCKS, ids=lambda rule: rule.id)
def test_check_turned_round_breaks_a_case(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {version.check for version in rule.versions}:
        monkeypatch.setitem(checks.CHECKS, name, _turned(checks.CHECKS[name]))
    cases = BY_RULE[rule.id]
    assert any(_decision(judged_case(case, _library(case)), rule.id) != case["expect"] for case in cases)


def test_every_file_of_words_is_cited() -> None:
    words = tomllib.loads(
        (Path(checks.__file__).parents[1] / "guidance/federal/words.toml").read_text("utf-8")
    )
    assert all(value["cite"]["at"] for own in words["parameter"] for value in own["value"])
