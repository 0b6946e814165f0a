"""Risk and service that was not voluntary on the first pages, from the autosave on and without the note."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.app.web.office import Desk, Forms, Office

SECRET = "She told me about the bridge"
NOBODY = "Nobody was told yet"
BUTTON = "Seen by me"


def _write(office: Office, patient: str = "pat-moss", **typed: str) -> tuple[Desk, str]:
    """A peer types and the page saves by itself; nothing is signed."""
    desk = office.sit("rivera", patient)
    contact = str(desk.post("/contacts/new").headers["Location"].split("/")[-2])
    _type(desk, contact, {"note.purpose": SECRET, **typed})
    return desk, contact


def _type(desk: Desk, contact: str, typed: dict[str, str]) -> None:
    form: dict[str, Any] = dict(Forms(desk.get(f"/contacts/{contact}/edit").text).fields)
    form |= {name: [value] for name, value in typed.items()}
    assert desk.post(f"/contacts/{contact}/autosave", form).status_code == 200


def _words(desk: Desk) -> str:
    page = desk.get("/").text
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def _number(desk: Desk) -> str:
    return str(Forms(desk.get("/").text).fields["number"][0])


@pytest.mark.parametrize("who", ["whitfield", "chen"])
@pytest.mark.parametrize("patient", [None, "pat-moss"])
def test_risk_in_a_draft_that_saved_itself_stands_on_the_first_page(
    office: Office, who: str, patient: str | None
) -> None:
    _write(office, **{"risk.seen": "yes"})
    desk = office.sit(who, patient)
    words, page = _words(desk), desk.get("/").text
    assert "Risk of harm was seen: Alex Moss, MRN-70001" in words
    assert "Reported by Pat Rivera, first saved" in words
    assert "When risk is seen a clinician is told at once." in words
    assert NOBODY in words
    assert desk.address("/rules/GEN.SCOPE.RISK") in page
    assert desk.get("/rules/GEN.SCOPE.RISK").status_code == 200
    assert SECRET not in page


def test_whom_the_peer_told_and_when_is_shown_by_name(office: Office) -> None:
    told = {"risk.notified": "1900000039", "risk_date": "2026-03-04", "risk_time": "09:30"}
    _write(office, **{"risk.seen": "yes", **told})
    words = _words(office.sit("whitfield"))
    assert "Told: Dana Chen" in words
    assert "9:30 AM" in words
    assert NOBODY not in words


def test_service_that_was_not_voluntary_stands_there_with_its_rule(office: Office) -> None:
    _write(office, **{"service.voluntary": "no"})
    desk = office.sit("whitfield")
    words = _words(desk)
    assert "Service was not voluntary: Alex Moss, MRN-70001" in words
    assert "Peer support is voluntary." in words
    assert desk.address("/rules/GEN.SCOPE.VOLUNTARY") in desk.get("/").text
    assert NOBODY not in words


def test_a_chart_shows_its_own_person_alone(office: Office) -> None:
    _write(office, **{"risk.seen": "yes"})
    words = _words(office.sit("chen", "pat-lindqvist"))
    assert "Risk of harm" not in words
    assert "Moss" not in words


@pytest.mark.parametrize("who", ["okafor", "moreno"])
@pytest.mark.parametrize("patient", [None, "pat-moss"])
def test_nobody_else_is_shown_the_reports(office: Office, who: str, patient: str | None) -> None:
    _write(office, **{"risk.seen": "yes"})
    assert "Risk of harm was seen" not in _words(office.sit(who, patient))


def test_where_nothing_is_reported_the_list_says_so(office: Office) -> None:
    assert "No risk and no service that was not voluntary waits" in _words(office.sit("whitfield"))


@pytest.mark.parametrize("patient", [None, "pat-moss"])
def test_seen_by_me_moves_it_below_with_who_and_when(office: Office, patient: str | None) -> None:
    _, contact = _write(office, **{"risk.seen": "yes"})
    chen = office.sit("chen", patient)
    answer = chen.post(f"/duties/{contact}/risk/seen", {"number": _number(chen)})
    assert answer.status_code == 303
    assert "Recorded that you have seen it." in chen.follow().text
    below = _words(chen).split("Seen in the last 30 days (1)" if patient is None else "Seen (1)")[1]
    assert "Seen by Dana Chen" in below
    assert BUTTON not in below
    assert BUTTON in _words(office.sit("whitfield", patient))


def test_without_the_token_of_the_form_nothing_is_recorded_as_seen(office: Office) -> None:
    _, contact = _write(office, **{"risk.seen": "yes"})
    chen = office.sit("chen")
    form = {"number": _number(chen), "csrf": "x"}
    assert chen.post(f"/duties/{contact}/risk/seen", form).status_code == 403
    assert "Seen by Dana Chen" not in _words(chen)


@pytest.mark.parametrize(("number", "status"), [("", 422), ("one", 422), ("9" * 40, 422), ("7", 409)])
def test_a_number_of_no_report_is_refused_in_plain_words(office: Office, number: str, status: int) -> None:
    _, contact = _write(office, **{"risk.seen": "yes"})
    chen = office.sit("chen")
    assert chen.post(f"/duties/{contact}/risk/seen", {"number": number}).status_code == status
    assert "Seen by Dana Chen" not in _words(chen)


def test_what_the_peer_takes_back_leaves_the_page(office: Office) -> None:
    peer, contact = _write(office, **{"risk.seen": "yes"})
    chen = office.sit("chen")
    number = _number(chen)
    _type(peer, contact, {"risk.seen": "no"})
    assert "Risk of harm was seen" not in _words(chen)
    assert chen.post(f"/duties/{contact}/risk/seen", {"number": number}).status_code == 409


def test_what_cannot_be_read_elsewhere_in_the_form_does_not_keep_a_risk_from_being_seen(
    office: Office,
) -> None:
    _write(office, **{"risk.seen": "yes", "excluded_minutes": "a few"})
    assert NOBODY in _words(office.sit("whitfield"))
