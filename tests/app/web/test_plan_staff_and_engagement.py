"""The plan, the staff list, the engagement: their forms, refusals and empty states."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from tests.app.web.office import ORIGIN, Desk, Forms, Office

ENTRY = {
    "service_type": ["adult"],
    "components": ["A-CCNT"],
    "goal.text": ["Go to the choir by myself"],
    "goal.objective": ["Attend twice"],
    "frequency.units": ["2"],
    "frequency.times": ["1"],
    "frequency.per": ["week"],
    "plan.from": ["2026-03-01"],
    "plan.to": ["2026-08-31"],
}


@pytest.fixture
def clinician(office: Office) -> Desk:
    return office.sit("chen", "pat-lindqvist")


def _begin(desk: Desk, basis: str = "planned") -> str:
    return str(desk.post("/plan/new", {"basis": basis}).headers["Location"].split("/")[-2])


def _form(desk: Desk, path: str) -> dict[str, Any]:
    return dict(Forms(desk.get(path).text).fields)


def _signed(desk: Desk) -> str:
    entry = _begin(desk)
    form = _form(desk, f"/plan/{entry}/edit") | ENTRY
    assert desk.post(f"/plan/{entry}/edit", form).status_code == 303
    form = _form(desk, f"/plan/{entry}/sign") | {"confirm": "yes"}
    answer = desk.post(f"/plan/{entry}/sign", form)
    assert answer.status_code == 303, answer.text
    assert desk.post(f"/plan/{entry}/sign", form).status_code == 303
    return entry


def test_a_clinician_writes_and_signs_a_plan_entry_and_a_peer_may_choose_it(
    office: Office, clinician: Desk
) -> None:
    _signed(clinician)
    peer = office.sit("rivera", "pat-lindqvist")
    assert "Go to the choir by myself" in peer.get("/plan").text
    assert "nothing yet" in peer.get("/plan").text
    peer.post("/contacts/new")
    page = peer.follow().text
    assert "Planned: Go to the choir by myself" in page
    assert 'name="service.basis"' in page


def test_a_double_click_begins_one_entry(clinician: Desk) -> None:
    assert _begin(clinician) == _begin(clinician)
    assert _begin(clinician) != _begin(clinician, "targeted")


def test_a_targeted_entry_asks_for_its_event_and_response(clinician: Desk) -> None:
    form = _form(clinician, f"/plan/{_begin(clinician, 'targeted')}/edit")
    assert {"event.text", "event.on", "response"} <= set(form)


def test_an_entry_is_revised_and_ended(clinician: Desk) -> None:
    entry = _signed(clinician)
    assert clinician.post(f"/plan/{entry}/end", {"on": "soon"}).status_code == 422
    assert clinician.post(f"/plan/{entry}/end", {"on": "2027-01-01"}).status_code == 422
    assert clinician.post(f"/plan/{entry}/revise").status_code == 303
    assert clinician.post(f"/plan/{entry}/discard").status_code == 303
    assert clinician.post(f"/plan/{entry}/end", {"on": "2026-03-04"}).status_code == 303
    assert "Ended Mar 4, 2026" in clinician.follow().text


def test_a_plan_entry_of_another_person_is_not_there(office: Office, clinician: Desk) -> None:
    entry = _signed(clinician)
    other = office.sit("chen", "pat-moss")
    assert other.get(f"/plan/{entry}").status_code == 404
    assert other.post(f"/plan/{entry}/end", {"on": "2026-03-04"}).status_code == 404


def test_an_admission_changes_what_the_contact_form_asks_for(office: Office) -> None:
    peer, lpha = office.sit("rivera", "pat-moss"), office.sit("chen", "pat-moss")
    peer.post("/contacts/new")
    assert 'name="engagement.goal"' in peer.follow().text
    decided = lpha.post("/engagement", {"status": "admitted", "on": "2026-03-04", "at_time": "9:00 am"})
    assert decided.status_code == 303
    assert "Admitted" in lpha.follow().text
    peer.post("/contacts/new")
    page = peer.follow().text
    assert 'name="engagement.goal"' not in page
    assert 'name="service.basis"' in page


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"status": "", "on": "2026-03-04"}, "choose one"),
        ({"status": "admitted", "on": ""}, "write the day"),
        ({"status": "admitted", "on": "tomorrow"}, "3/4/2026"),
        ({"status": "admitted", "on": "2026-03-05"}, ""),
        ({"status": "discharged", "on": "2026-03-04"}, ""),
    ],
)
def test_a_decision_that_cannot_be_is_refused_beside_its_field(
    office: Office, typed: dict[str, str], says: str
) -> None:
    desk = office.sit("chen", "pat-moss")
    page = desk.post("/engagement", typed)
    assert page.status_code == 422
    assert "Please mend" in page.text
    assert says in page.text
    assert "Admitted" not in desk.get("/engagement").text.split("What was decided so far")[1]


def test_a_supervisor_adds_somebody_and_what_is_wrong_is_named(office: Office) -> None:
    desk = office.sit("whitfield")
    form = _form(desk, "/staff/new")
    typed = form | {"name.given": "Sam", "name.family": "Delgado", "npi": "1900000054", "birth_date": "once"}
    page = desk.post("/staff/S-9", typed | {"roles": ["peer"], "active": "yes"})
    assert page.status_code == 422
    assert 'href="#birth-date"' in page.text
    assert (
        desk.post(
            "/staff/S-9", typed | {"birth_date": "2001-09-14", "roles": ["peer"], "active": "yes"}
        ).status_code
        == 303
    )
    assert "Sam Delgado" in desk.follow().text
    assert desk.post("/staff/S-8", typed | {"birth_date": "", "roles": ["peer"]}).status_code == 422


def test_nobody_changes_their_own_entry(office: Office) -> None:
    desk = office.sit("whitfield")
    form = _form(desk, "/staff/1900000070")
    assert desk.post("/staff/1900000070", form).status_code == 403


def test_the_staff_list_goes_out_as_csv_and_comes_back(office: Office) -> None:
    desk = office.sit("whitfield")
    exported = desk.get("/staff/export.csv")
    assert exported.headers["Content-Type"].startswith("text/csv")
    lines = exported.text.splitlines()
    peers = "\r\n".join([lines[0], *(line for line in lines if "Rivera" in line), "S-77,,Nobody,Known,never"])
    page = desk.client.post(
        desk.address("/staff/import"),
        data={"csrf": desk.csrf(), "file": (io.BytesIO(peers.encode()), "staff.csv")},
        headers={"Sec-Fetch-Site": "same-origin"},
        base_url=ORIGIN,
    )
    assert "1 saved" in page.text
    assert "Line 3" in page.text


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\r\n1,2\r\n"])
def test_a_file_that_is_no_staff_list_is_refused_in_words(office: Office, content: bytes) -> None:
    desk = office.sit("whitfield")
    page = desk.client.post(
        desk.address("/staff/import"),
        data={"csrf": desk.csrf(), "file": (io.BytesIO(content), "staff.csv")},
        headers={"Sec-Fetch-Site": "same-origin"},
        base_url=ORIGIN,
    )
    assert page.status_code == 422
    assert "Nothing was read" in page.text


def test_a_rule_is_found_by_a_word_and_shown_with_its_source(office: Office) -> None:
    desk = office.sit("rivera", "pat-moss")
    assert "NY.PRE.COSIGN" in desk.get("/rules?q=cosign").text
    assert "No rule has" in desk.get("/rules?q=zzzzz").text
    page = desk.get("/rules/NY.PRE.COSIGN").text
    assert "Licensed Practitioner of the Healing Arts" in page
    assert desk.get("/rules/NO.SUCH").status_code == 404
    assert "never uses another state" in desk.get("/rules/NO_PACK").text


def test_deliveries_show_where_each_record_stands(office: Office) -> None:
    desk = office.sit("chen", "pat-lindqvist")
    page = desk.get("/deliveries").text
    assert "Engagement" in page
    assert "waiting to be sent" in page
    assert "Nothing stands in this state" in desk.get("/deliveries?state=refused").text
    assert desk.post("/deliveries/99999/retry").status_code == 404


def test_a_state_that_never_was_is_withdrawn_on_its_page_and_stays_to_be_read(office: Office) -> None:
    desk = office.sit("chen", "pat-moss")
    desk.post("/engagement", {"status": "admitted", "on": "2026-03-01", "at_time": ""})
    at = re.search(r"/engagement/(\d+)", desk.get("/engagement").text)
    assert at is not None
    blank = desk.post(f"/engagement/{at[1]}/withdraw", {"gone": ""})
    assert blank.status_code == 422 and "Say why it never was" in blank.text
    done = desk.post(f"/engagement/{at[1]}/withdraw", {"gone": "It was another person."})
    assert done.status_code == 303
    page = desk.follow().text
    assert "Withdrawn. It counts nowhere any more" in page
    assert "Admitted, never was" in page.partition("Withdrawn (1)")[2]
    assert "It was another person." in page.partition("Withdrawn (1)")[2]
