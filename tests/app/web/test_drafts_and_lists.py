"""What a draft keeps that makes no record yet, who else was there, and the next step on the first page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.web.office import STAFF, Desk, Forms, Office


def _begin(desk: Desk) -> str:
    return str(desk.post("/contacts/new").headers["Location"].split("/")[-2])


def _form(desk: Desk, path: str) -> dict[str, Any]:
    return dict(Forms(desk.get(path).text).fields)


@pytest.fixture
def peer(office: Office) -> Desk:
    return office.sit("rivera", "pat-moss")


@pytest.mark.parametrize(
    "typed",
    [
        {"start_date": ["2026-03-02"]},
        {"start_date": ["2026-03-02"], "end_time": ["09:44"]},
        {"start_date": ["2026-03-02"], "end_next_day": ["yes"]},
        {"start_date": ["2026-03-02"], "start_time": ["09:00"], "end_time": ["quarter to ten"]},
        {"start_date": ["2026-03-02"], "excluded_minutes": ["a few"]},
    ],
)
def test_what_makes_no_record_yet_stands_in_the_form_when_it_is_opened_again(
    peer: Desk, typed: dict[str, list[str]]
) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | typed
    assert peer.post(f"/contacts/{contact}/autosave", form).status_code == 200
    again = _form(peer, f"/contacts/{contact}/edit")
    assert {name: again[name] for name in typed} == typed


def test_what_cannot_be_read_is_named_again_when_the_draft_is_opened_again(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | {"excluded_minutes": ["a few"]}
    assert peer.post(f"/contacts/{contact}/autosave", form).status_code == 200
    assert 'href="#excluded-minutes"' in peer.get(f"/contacts/{contact}/edit").text


def test_a_day_that_got_its_times_is_kept_by_the_record_alone(peer: Desk) -> None:
    contact = _begin(peer)
    first = _form(peer, f"/contacts/{contact}/edit") | {"start_date": ["2026-03-02"]}
    peer.post(f"/contacts/{contact}/autosave", first)
    times = {"start_date": ["2026-03-03"], "start_time": ["09:00"], "end_time": ["09:44"]}
    second = _form(peer, f"/contacts/{contact}/edit") | times
    assert peer.post(f"/contacts/{contact}/edit", second).status_code == 303
    again = _form(peer, f"/contacts/{contact}/edit")
    assert {name: again[name] for name in times} == times


def test_staff_who_were_there_and_meetings_stand_in_the_form_and_in_the_text_to_sign(peer: Desk) -> None:
    contact = _begin(peer)
    chen = STAFF["chen"][0]
    typed = {
        "start_date": ["2026-03-02"],
        "start_time": ["09:00"],
        "end_time": ["09:44"],
        "staff.0.id": [chen],
        "staff.0.role": ["Listened"],
        "collaboration.0.on": ["2026-03-01"],
        "collaboration.0.with": [chen],
        "collaboration.0.reference": ["Minutes 12"],
    }
    form = _form(peer, f"/contacts/{contact}/edit") | typed
    assert peer.post(f"/contacts/{contact}/edit", form).status_code == 303
    again = _form(peer, f"/contacts/{contact}/edit")
    assert {name: again[name] for name in typed} == typed
    assert again["staff.1.id"] == [""]
    text = peer.get(f"/contacts/{contact}/sign").text
    assert "Also present:     Dana Chen" in text
    assert "Minutes 12" in text


def test_a_member_of_staff_who_was_there_is_taken_out_again(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | {"staff.0.id": [STAFF["chen"][0]]}
    peer.post(f"/contacts/{contact}/edit", form)
    form = _form(peer, f"/contacts/{contact}/edit") | {"staff.0.id": [""]}
    peer.post(f"/contacts/{contact}/edit", form)
    assert _form(peer, f"/contacts/{contact}/edit")["staff.0.id"] == [""]


def test_the_first_page_of_a_chart_says_where_what_was_decided_is_recorded(office: Office) -> None:
    page = office.sit("rivera", "pat-farrell").get("/").text
    assert "Nothing is recorded yet of what Jonah decided" in page


def test_the_rule_about_the_engagement_points_to_its_page(office: Office) -> None:
    peer = office.sit("rivera", "pat-farrell")
    peer.post("/engagement", _form(peer, "/engagement") | {"status": ["declined"], "on": ["2026-03-01"]})
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | {"start_time": ["09:00"], "end_time": ["09:44"]}
    part = peer.post(f"/contacts/{contact}/findings", form, headers={"HX-Request": "true"})
    assert "Record what was decided under Engagement" in part.text


def test_a_draft_is_gone_on_with_from_the_first_page(peer: Desk) -> None:
    contact = _begin(peer)
    form = _form(peer, f"/contacts/{contact}/edit") | {"note.purpose": ["To begin"]}
    peer.post(f"/contacts/{contact}/autosave", form)
    assert "Go on writing" in peer.get("/").text
