"""Staff and programmes on both sides of each line, and rules that a site switches on."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.intake import record_from
from mappings.library import load
from mappings.rules import judge, judge_office
from tests.guidance.builder import NOW, changed, records
from tests.guidance.office_cases import OFFICE, OFFICE_CASES, judged, library_with

KEYS = {"rule", "says", "base", "set", "others", "expect", "names", "contains", "severity", "claim", "values",
        "beside_contacts"}  # fmt: skip


def _name(case: dict[str, Any]) -> str:
    return f"{case['rule']}: {case['says']}"


@pytest.mark.parametrize("case", OFFICE_CASES, ids=_name)
def test_rule_decides_as_the_guidance_says(case: dict[str, Any]) -> None:
    judgement = judged(case, library_with(case.get("values", {})))
    finding = judgement.finding(case["rule"])
    assert finding is not None
    assert (finding.result, finding.message) == (case["expect"], finding.message)
    assert case.get("names", "") in finding.message
    assert case.get("contains", "") in finding.message
    assert case.get("severity", finding.severity) == finding.severity
    assert case.get("claim", judgement.claim) == judgement.claim
    assert not finding.shown or finding.fix


def test_every_case_uses_only_known_keys() -> None:
    assert {key for case in OFFICE_CASES for key in case} <= KEYS


def test_nothing_in_an_office_holds_anything() -> None:
    for data in OFFICE.values():
        [judgement] = judge_office([record_from(dict(data))], load(), NOW)
        assert (judgement.signing, judgement.claim, judgement.holding()) == ("ready", "none", ())


def test_staff_and_programmes_are_judged_in_the_order_of_the_input_and_contacts_are_not() -> None:
    data = [OFFICE["program"], OFFICE["staff"], changed(OFFICE["staff"], {"id": "1900000047"})]
    found = judge_office([record_from(dict(each)) for each in data], load(), NOW)
    assert [(j.id, j.kind) for j in found] == [
        ("1900000013", "program"),
        ("1900000021", "staff"),
        ("1900000047", "staff"),
    ]


def test_office_of_a_place_without_rules_says_so_and_holds_nothing() -> None:
    [judgement] = judge_office(
        [record_from(changed(OFFICE["staff"], {"jurisdiction": "us-xx"}))], load(), NOW
    )
    assert [(f.rule, f.severity, f.blocks) for f in judgement.findings] == [("NO_PACK", "info", False)]


def test_clinician_is_asked_for_nothing_of_a_peer() -> None:
    clinician = changed(OFFICE["staff"], {"credentials": [], "supervisor": None})
    [judgement] = judge_office([record_from(clinician)], load(), NOW)
    assert judgement.shown == ()


def test_bare_records_are_judged_without_an_error() -> None:
    bare = [{"kind": kind, "id": "X", "jurisdiction": "us-ny"} for kind in ("staff", "program")]
    assert [j.signing for j in judge_office([record_from(each) for each in bare], load(), NOW)] == [
        "ready"
    ] * 2


@pytest.mark.parametrize(
    ("changes", "role", "asked"),
    [
        ({"attestations": []}, None, False),
        ({}, None, True),
        ({"attestations": [{"kind": "recovery", "answer": False, "on": "2025-01-20"}]}, None, False),
        ({"attestations": [], "education": [{"on": "2026-01-15", "topic": "peer-support"}]}, None, True),
        ({}, False, False),
        ({"attestations": []}, True, True),
    ],
)
def test_a_supervisor_alone_makes_nobody_a_peer(
    changes: dict[str, Any], role: bool | None, asked: bool
) -> None:
    member = record_from(changed(OFFICE["staff"], {"credentials": [], **changes}))
    roles = None if role is None else {member.id: role}
    [judgement] = judge_office([member], load(), NOW, roles)
    finding = judgement.finding("FED.REND.ABILITY")
    assert finding is not None
    assert (finding.result != "not-applicable") is asked


def test_support_in_the_own_discipline_is_no_supervision() -> None:
    session = {"on": "2026-03-09", "kind": "in-discipline-support"}
    member = record_from(changed(OFFICE["staff"], {"supervision": [session]}))
    [judgement] = judge_office([member], load(), NOW)
    finding = judgement.finding("NY.SUP.REGULAR")
    assert finding is not None
    assert "No session is on file" in finding.message


def test_the_supervisor_of_the_day_of_service_counts_though_another_came_later() -> None:
    earlier = {"id": "1900000039", "category": "lcsw", "from": "2025-02-01", "to": "2026-03-09"}
    later = {"id": "1900000062", "category": "psychiatrist", "from": "2026-03-10"}
    for others, result in (([earlier], "pass"), ([], "fail")):
        history = {"peer.supervisor": later, "peer.earlier_supervisors": others}
        [judgement, *_] = judge(records("planned", history), load(), NOW)
        finding = judgement.finding("NY.REND.SUPERVISED")
        assert finding is not None
        assert finding.result == result
