"""Pages of what waits for no signature: rights, wishes, a referral, meetings, and an engagement put right."""

from datetime import date, timedelta

import pytest

from app import engagement
from app.actor import Actor
from mappings.library import load
from tests.app.web.office import EHR, Office

MOSS = "pat-moss"


def text(response):
    return response.get_data(as_text=True)


def decline(office: Office, on):
    who = Actor(EHR, "1900000039", "Dana Chen", frozenset({"lpha"}), "setup", MOSS)
    with office.kit.store.write() as session:
        engagement.record(session, who, "declined", on, office.kit.library, office.clock())


def test_a_wish_is_on_the_first_page_of_the_person_as_soon_as_it_is_saved(office: Office) -> None:
    peer = office.sit("rivera", MOSS)
    peer.post("/beside/preference", {"preference-language": "Spanish", "preference-on": "2026-03-04"})
    assert "Saved." in text(peer.follow())
    assert "Wish for a peer: language Spanish" in text(office.sit("whitfield", MOSS).get("/"))


def test_what_cannot_be_saved_is_said_beside_its_field_and_kept(office: Office) -> None:
    peer = office.sit("rivera", MOSS)
    page = peer.post("/beside/rights", {"rights-on": "soon"})
    assert page.status_code == 422
    assert 'id="rights-on-error"' in text(page)
    assert 'value="soon"' in text(page)


def test_a_referral_to_offer_stands_on_the_first_pages_until_it_is_made(office: Office) -> None:
    decline(office, office.clock().date() - timedelta(days=1))
    supervisor = office.sit("whitfield")
    assert "A referral to offer" in text(supervisor.get("/"))
    assert "A referral to offer" not in text(office.sit("rivera").get("/"))
    chen = office.sit("chen", MOSS)
    chen.post(
        "/beside/referral",
        {"referral-outcome": "made", "referral-to": "Harbor CORE", "referral-on": "2026-03-04"},
    )
    assert "Referred to Harbor CORE" in text(chen.follow())
    assert "A referral to offer" not in text(supervisor.get("/"))


def test_a_meeting_is_noted_read_and_struck_on_its_page(office: Office) -> None:
    peer = office.sit("rivera", MOSS)
    said = {"on": "2026-03-03", "minutes": "45", "team": "Tuesday team", "came": ["1900000021"]}
    said |= {"about": [MOSS]}
    peer.post("/meetings", said)
    assert "Tuesday team" in text(peer.follow())
    bad = peer.post("/meetings", {**said, "minutes": "some"})
    assert bad.status_code == 422
    assert 'id="minutes-error"' in text(bad)
    peer.post("/meetings/1/strike", {"reason": "It was Monday"})
    assert "Does not count: It was Monday" in text(peer.follow())


def test_a_day_is_put_right_on_a_page_and_the_wrong_one_stays_to_be_read(office: Office) -> None:
    chen = office.sit("chen", MOSS)
    assert "Put the day right" in text(chen.get("/engagement"))
    refused = chen.post("/engagement/1", {"to": "2025-12-30", "why": ""})
    assert refused.status_code == 422
    assert 'id="why-error"' in text(refused)
    chen.post("/engagement/1", {"to": "2025-12-30", "why": "We met before the holidays"})
    page = text(chen.follow())
    assert "First written as Jan 2, 2026" in page
    assert "We met before the holidays" in page


def test_what_was_not_written_on_its_day_is_put_in_on_a_page(office: Office) -> None:
    chen = office.sit("chen", "pat-lindqvist")
    late = {"status": "declined", "on": "2026-01-03", "status_2": "undecided", "on_2": "2026-01-04"}
    refused = chen.post("/engagement/late", late)
    assert refused.status_code == 422
    assert 'id="reason-error"' in text(refused)
    chen.post("/engagement/late", {**late, "reason": "Told a week later"})
    assert "Late: Told a week later" in text(chen.follow())


PAGES = {
    "workflow": ("chen", MOSS, "/engagement"),
    "claim": ("moreno", None, "/claims"),
    "set-up": ("whitfield", None, "/staff/program"),
    "dashboard": ("whitfield", None, "/staff/program"),
}


def _informing() -> list[tuple[str, str]]:
    pack = load().on("us-ny", date(2026, 3, 4), "mhotrs")
    assert pack is not None
    return [(b.rule.id, b.rule.stage) for b in pack.by_id.values() if b.severity == "info"]


@pytest.mark.parametrize("stage", sorted(PAGES))
def test_every_rule_for_information_stands_on_the_page_of_those_who_need_it(office: Office, stage) -> None:
    who, patient, path = PAGES[stage]
    page = text(office.sit(who, patient).get(path))
    rules = [rule for rule, where in _informing() if where == stage]
    assert rules
    assert [rule for rule in rules if f"/rules/{rule}" not in page] == []


def test_a_rule_for_information_about_the_writing_stands_where_the_note_is_written(office: Office) -> None:
    peer = office.sit("rivera", MOSS)
    peer.post("/contacts/new")
    page = text(peer.follow())
    assert {where for _, where in _informing()} == {*PAGES, "signing"}
    pack = load().on("us-ny", office.clock().date(), "mhotrs")
    assert pack is not None
    about = [b.rule for b in pack.by_id.values() if b.severity == "info" and b.rule.stage == "signing"]
    assert [rule.id for rule in about if rule.about == "contact" and f"/rules/{rule.id}" not in page] == []
