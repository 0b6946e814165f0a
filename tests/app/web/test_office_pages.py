"""The pages that show keepers of the staff registry what the rules say of their staff and programme."""

from __future__ import annotations

import html

import pytest

from app import staff
from mappings.records import Staff
from tests.app.web.office import ADMIN, EHR, Desk, Office

RIVERA, CHEN = "1900000021", "1900000039"


@pytest.fixture
def keeper(office: Office) -> Desk:
    return office.sit("whitfield")


def _text(desk: Desk, path: str) -> str:
    answer = desk.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def _change(office: Office, active: bool = True, **changes: object) -> None:
    with office.kit.store.write() as session:
        known = staff.find(session, EHR, RIVERA)
        assert known is not None
        data = {**known.record.model_dump(mode="json", by_alias=True), **changes}
        staff.save(session, ADMIN, Staff.model_validate(data), known.roles, active, office.clock())


def _card(page: str, name: str) -> str:
    return next(part for part in page.split('<li class="card">') if name in part).split("</li>")[0]


def test_the_page_of_a_member_lists_what_the_rules_say_today(office: Office, keeper: Desk) -> None:
    _change(office, supervisor=None)
    page = _text(keeper, f"/staff/{RIVERA}")
    assert "What the rules say today" in page
    assert "No supervisor is assigned" in page
    assert "What to do: Assign a supervisor from today on." in page
    assert f'href="{keeper.address("/rules/DER.SUPERVISOR_GAP")}"' in page
    assert 'class="finding finding--warn"' in page
    assert page.index("DER.SUPERVISOR_GAP") < page.index("FED.REND.CEU")
    assert "Cannot be billed" not in page
    assert "before signing" not in page


def test_the_link_of_a_finding_opens_its_rule(keeper: Desk) -> None:
    assert "Continuing education goes on." in _text(keeper, "/rules/FED.REND.CEU")


def test_the_page_of_somebody_of_whom_no_rule_speaks_says_so(keeper: Desk) -> None:
    assert "Nothing to look at today." in _text(keeper, f"/staff/{CHEN}")


def test_the_page_of_a_new_member_or_of_one_who_left_shows_no_findings(office: Office, keeper: Desk) -> None:
    assert "What the rules say today" not in _text(keeper, "/staff/new")
    _change(office, active=False)
    assert "What the rules say today" not in _text(keeper, f"/staff/{RIVERA}")


def test_a_form_that_is_refused_still_shows_what_the_rules_say(keeper: Desk) -> None:
    answer = keeper.post(f"/staff/{RIVERA}", {"birth_date": "once"})
    assert answer.status_code == 422
    assert "What the rules say today" in answer.text


def test_the_staff_list_counts_what_there_is_to_look_at(office: Office, keeper: Desk) -> None:
    before = _card(_text(keeper, "/staff"), "Pat Rivera")
    assert "to look at" not in before
    assert "3 good to know" in before
    _change(office, supervisor=None)
    assert "1 thing to look at" in _card(_text(keeper, "/staff"), "Pat Rivera")
    assert "to look at" not in _card(_text(keeper, "/staff"), "Ngozi Okafor")
    _change(office, active=False)
    assert "to look at" not in _card(_text(keeper, "/staff"), "Pat Rivera")


def test_the_staff_list_leads_to_the_programme(keeper: Desk) -> None:
    assert f'href="{keeper.address("/staff/program")}"' in _text(keeper, "/staff")


def test_the_programme_page_shows_its_facts_and_its_set_up_list(keeper: Desk) -> None:
    page = _text(keeper, "/staff/program")
    assert "Riverbend MHOTRS" in page
    assert "01234567" in page
    missing, rest = page.split("What is in place")
    in_place, facts = rest.split("What is on file")
    assert "The description of the peers' role is not on file" in missing
    assert "What to do: Write it, hand it out and enter the day." in missing
    assert f'href="{keeper.address("/rules/NY.PROG.ROLES")}"' in missing
    assert "NY.PROG.POLICIES" in in_place
    assert "NYMEDICAID" in facts
    assert "from Jan 1, 2024" in facts


@pytest.mark.parametrize("who", ["rivera", "chen", "moreno"])
def test_nobody_else_opens_the_programme_page(office: Office, who: str) -> None:
    assert office.sit(who).get("/staff/program").status_code == 403


def test_before_a_programme_is_set_up_the_page_says_who_enters_it(office: Office, keeper: Desk) -> None:
    with office.kit.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM programs")
    page = _text(keeper, "/staff/program")
    assert "No programme is set up yet" in page
