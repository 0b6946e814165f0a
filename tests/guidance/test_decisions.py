"""One table maps every decision and stage of the list of rules to severity and stage."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mappings.findings import SEVERITIES, STAGES
from mappings.library import load

HERE = Path(__file__).parent
TABLE = tomllib.loads((HERE / "decisions.toml").read_text("utf-8"))
LIST = {rule["id"]: rule for rule in json.loads((HERE / "decisions.json").read_text("utf-8"))}


def test_every_decision_and_stage_of_the_list_has_its_row() -> None:
    assert {rule["decision"] for rule in LIST.values()} == set(TABLE["severity"])
    assert {rule["stage"] for rule in LIST.values()} == set(TABLE["stage"])
    assert set(TABLE["severity"].values()) <= set(SEVERITIES)
    assert set(TABLE["stage"].values()) <= set(STAGES)


@pytest.mark.parametrize("id", sorted(set(load().rules_by_id) & set(LIST)))
def test_rule_has_number_severity_and_stage_of_the_list(id: str) -> None:
    rule, listed = load().rule(id), LIST[id]
    assert rule.no == listed["no"]
    assert rule.severity == TABLE["severity"][listed["decision"]]
    assert rule.stage == TABLE["stage"][listed["stage"]]


def test_rule_outside_the_list_is_derived_or_of_the_regulation() -> None:
    outside = [rule for rule in load().rules() if rule.id not in LIST]
    assert {rule.id for rule in outside if not rule.derived} == {"NY.SIG.ENROLLED", "NY.DIAG.ENROLLED"}
