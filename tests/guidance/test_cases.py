"""Every rule on both sides of its line: the cases stand as data in cases/*.toml."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mappings.findings import Judgement
from mappings.library import Library, load
from mappings.rules import judge
from tests.guidance.builder import BASES, NOW, records
from tests.guidance.office_cases import OFFICE_CASES
from tests.guidance.places import HELD_WITHOUT_A_TABLE

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = [
    {**case, "file": path.stem}
    for path in sorted((HERE / "cases").glob("*.toml"))
    for case in tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)["case"]
]
KEYS = {
    "rule", "says", "base", "set", "others", "expect", "names", "contains", "severity", "signing", "claim",
    "units", "billed", "file", "site", "now", "beside",
}  # fmt: skip
# A rate code, or a table of service encounters, is the site's to fill in.
HELD = ("telehealth", *HELD_WITHOUT_A_TABLE)
# A service without a code carries the pack's own code, which is never an assessment.
ABSENCE_IS_KNOWN = {"GEN.SCOPE.NO_ASSESS"}


def _name(case: dict[str, Any]) -> str:
    return f"{case['rule']}: {case['says']}"


def judged_case(case: dict[str, Any], library: Library) -> Judgement:
    """The judgement of a case's first record."""
    now = datetime.fromisoformat(case["now"]) if "now" in case else NOW
    everything = records(case["base"], case.get("set"), case.get("others"), case.get("beside"))
    return judge(everything, library, now)[0]


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_rule_decides_as_the_guidance_says(case: dict[str, Any]) -> None:
    judgement = judged_case(case, load(HERE / "sites" / case["site"]) if "site" in case else load())
    finding = judgement.finding(case["rule"])
    assert finding is not None
    assert (finding.result, finding.message) == (case["expect"], finding.message)
    assert case.get("names", "") in finding.message
    assert case.get("contains", "") in finding.message
    for key, value in (
        ("severity", finding.severity),
        ("signing", judgement.signing),
        ("claim", judgement.claim),
        ("units", judgement.units),
        ("billed", judgement.billed_units),
    ):
        assert case.get(key, value) == value, [f.message for f in judgement.shown]
    if finding.shown:
        assert finding.fix
        assert finding.message


@pytest.mark.parametrize("base", [name for name in BASES if name not in HELD])
def test_complete_good_record_is_held_by_nothing(base: str) -> None:
    judgement = judge(records(base), load(), NOW)[0]
    assert judgement.holding() == ()
    assert judgement.signing == "ready"
    assert judgement.claim == ("none" if base.endswith("entry") else "ready")


def test_every_case_uses_only_known_keys() -> None:
    assert {key for case in CASES for key in case} <= KEYS


def test_every_rule_has_at_least_three_cases() -> None:
    counted = Counter(case["rule"] for case in [*CASES, *OFFICE_CASES])
    assert {rule.id: counted[rule.id] for rule in load().rules() if counted[rule.id] < 3} == {}
    assert set(counted) <= set(load().rules_by_id)


def test_every_block_rule_without_its_datum_is_indeterminate_and_names_it() -> None:
    proven = {case["rule"] for case in CASES if case["expect"] == "indeterminate" and case.get("names")}
    block = {rule.id for rule in load().rules() if rule.severity == "block"}
    assert block - proven == ABSENCE_IS_KNOWN


def test_every_rule_that_can_hold_has_a_case_on_each_side() -> None:
    results: dict[str, set[str]] = {}
    for case in CASES:
        results.setdefault(case["rule"], set()).add(case["expect"])
    block = [rule.id for rule in load().rules() if rule.severity == "block"]
    one_sided = [id for id in block if not {"fail", "indeterminate"} & results[id]]
    assert one_sided == []
    assert [id for id in block if not {"pass", "advice", "not-applicable"} & results[id]] == []
