"""The pages of the rules: each rule whole, with its cases, its places and when it was last compared."""

from __future__ import annotations

import html
from datetime import date

import pytest

from mappings.library import load
from tests.app.web.office import Desk, Office


def _text(desk: Desk, path: str) -> str:
    answer = desk.get(path)
    assert answer.status_code == 200, path
    return html.unescape(answer.text)


def test_every_rule_has_a_page_with_sentence_source_cases_and_places(office: Office) -> None:
    desk = office.sit("rivera")
    for rule in load().rules():
        page = _text(desk, f"/rules/{rule.id}")
        assert " ".join(rule.says.split()) in page, rule.id
        assert "Where it applies" in page
        assert page.count("Last compared with its source: ") == len(rule.versions)
        assert all(example in page for example in rule.examples), rule.id
        assert all(version.cite.at in page for version in rule.versions), rule.id


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("NY.UNIT.DAYCAP", "twelve units per day"),
        ("NY.UNIT.DAYCAP", "(us-ny), from Nov 23, 2022"),
        ("WA.REND.CPC", "(us-wa)"),
        ("WA.REND.CPC", "until Dec 31, 2026"),
        ("FED.REND.CEU", "(us-id)"),
        ("FED.REND.CEU", "Not in force today"),
    ],
)
def test_a_page_says_where_and_until_when_its_rule_counts(office: Office, rule: str, said: str) -> None:
    assert said in _text(office.sit("rivera"), f"/rules/{rule}")


def test_a_rule_is_found_by_its_number_and_an_unknown_one_is_not_found(office: Office) -> None:
    desk = office.sit("rivera")
    assert "NY.UNIT.DAYCAP" in _text(desk, "/rules/R065")
    assert desk.get("/rules/NY.NONE").status_code == 404


def test_each_rule_for_information_stands_on_the_page_of_those_who_need_it(office: Office) -> None:
    peer, clinician = office.sit("rivera", "pat-moss"), office.sit("chen", "pat-lindqvist")
    entry = clinician.post("/plan/new", {"basis": "planned"}).headers["Location"].split("/")[-2]
    pages = [
        _text(clinician, "/engagement"),
        _text(clinician, f"/plan/{entry}/edit"),
        _text(office.sit("whitfield"), "/staff/program"),
        _text(office.sit("moreno"), "/claims"),
    ]
    contact = peer.post("/contacts/new").headers["Location"].split("/")[-2]
    pages.append(_text(peer, f"/contacts/{contact}/edit"))
    pack = load().on("us-ny", date(2026, 3, 4), "mhotrs")
    assert pack is not None
    told = [bound.rule.id for bound in pack.by_id.values() if bound.severity == "info"]
    assert len(told) > 30
    assert [id for id in told if not any(f">Rule {id}<" in page for page in pages)] == []
