"""From a worklist into a chart: one person's sitting, whose launches end together."""

from __future__ import annotations

import pytest

from tests.app.web.office import Desk, Office
from tests.app.web.test_writing_and_signing import _sign, _write


@pytest.fixture
def contact(office: Office) -> str:
    peer = office.sit("rivera", "pat-moss")
    made = _write(peer)
    _sign(peer, made)
    return made


def _opened(menu: Desk, contact: str) -> Desk:
    return Desk(menu.client, menu.post(f"/queue/{contact}/open").headers["Location"].split("/")[2])


def test_who_signs_out_of_the_worklist_has_signed_out_of_what_was_opened_from_it(
    office: Office, contact: str
) -> None:
    menu = office.sit("chen")
    first, second = _opened(menu, contact), _opened(menu, contact)
    menu.post("/sign-out")
    assert [desk.get(f"/contacts/{contact}/review").status_code for desk in (first, second)] == [401, 401]


def test_who_signs_out_of_a_chart_opened_from_the_worklist_has_signed_out_of_the_worklist(
    office: Office, contact: str
) -> None:
    menu = office.sit("chen")
    first, second = _opened(menu, contact), _opened(menu, contact)
    first.post("/sign-out")
    assert (menu.get("/").status_code, second.get("/").status_code) == (401, 401)


def test_other_launches_of_the_same_person_stay_open(office: Office, contact: str) -> None:
    menu, chart = office.sit("chen"), office.sit("chen", "pat-moss")
    _opened(menu, contact).post("/sign-out")
    assert chart.get("/").status_code == 200
