"""The pages of authorizations: the list, the form, the extension, the printed request, and who sees what."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app import authorizations
from tests.app import idaho
from tests.app import office as use_cases
from tests.app.idaho import authorized, contact
from tests.app.web.idaho import open_agency
from tests.app.web.office import Desk, Forms, Office

APPROVED = {
    "service": "h0038",
    "member": "AA00001A",
    "peer": use_cases.RIVERA,
    "certificate": "ID-7",
    "asked": "16",
    "requested_by": "Dana Chen",
    "requester_role": "provider",
    "requested_on": "2/28/2024",
    "sent_on": "2024-02-28",
    "answer": "approved",
    "answered_on": "2024-03-01",
    "number": "A123",
    "units": "16",
    "elsewhere": "",
    "first_day": "2024-03-01",
    "last_day": "",
    "member_approved": "yes",
    "note": "",
}


@pytest.fixture
def both(tmp_path: Path, furnished_agency: Path) -> Iterator[tuple[Office, use_cases.Office]]:
    opened = open_agency(shutil.copytree(furnished_agency, tmp_path / "agency"))
    yield opened
    opened[0].kit.store.close()


@pytest.fixture
def pages(both: tuple[Office, use_cases.Office]) -> Office:
    return both[0]


@pytest.fixture
def behind(both: tuple[Office, use_cases.Office]) -> use_cases.Office:
    return both[1]


def recorded(desk: Desk, **changes: str) -> str:
    """Record one over the form; the address below the launch where it then stands."""
    answer = desk.post("/authorizations/new", {**APPROVED, **changes})
    assert answer.status_code == 303, re.findall(r'usa-error-message"[^>]*>([^<]*)', answer.text)
    return answer.headers["Location"].split(desk.launch_id)[1].partition("?")[0]


def sent(page: str) -> dict[str, Any]:
    """The fields of the page as a browser sends them back."""
    return {name: values for name, values in Forms(page).fields.items() if name != "csrf"}


def test_without_any_the_page_says_what_follows(pages: Office) -> None:
    text = pages.sit("moreno", "pat-moss").get("/authorizations").text
    assert "No authorization is recorded for Alex Moss yet." in text
    assert "Record or request one" in text


def test_a_new_one_begins_with_code_and_member_id_and_is_listed_with_its_units(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    form = Forms(desk.get("/authorizations/new").text).fields
    assert (form["service"], form["member"]) == (["H0038"], ["AA00001A"])
    at = recorded(desk, elsewhere="3")
    assert "13 of 16 units left" in desk.get("/authorizations").text
    page = desk.get(at).text
    assert "3: 0 in released claims, 3 elsewhere before" in page
    assert "Mar 30, 2024" in page


def test_what_cannot_be_taken_stands_beside_its_field_with_what_was_typed(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    answer = desk.post("/authorizations/new", {**APPROVED, "units": "many", "service": "H9"})
    assert answer.status_code == 422
    assert 'id="units-error">Units granted: write a whole number' in answer.text
    assert Forms(answer.text).fields["units"] == ["many"]
    assert Forms(answer.text).fields["service"] == ["H9"]
    answer = desk.post("/authorizations/new", {**APPROVED, "units": "", "first_day": ""})
    assert answer.status_code == 422
    assert 'id="units-error">Units granted: Write how many units' in answer.text
    assert 'id="first-day-error">First day: Write the first day' in answer.text


def test_what_the_form_shows_saves_as_it_is(pages: Office) -> None:
    desk = pages.sit("chen", "pat-moss")
    at = recorded(desk, note="Asked by telephone first.")
    assert desk.post(at, sent(desk.get(at).text)).status_code == 303
    assert "Versions" not in desk.get(at).text
    assert desk.post(at, {**sent(desk.get(at).text), "elsewhere": "2"}).status_code == 303
    page = desk.follow().text
    assert "14" in page
    assert "Version 2 by Dana Chen" in page


def test_a_change_over_somebody_elses_is_not_saved(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    at = recorded(desk)
    seen = sent(desk.get(at).text)
    assert desk.post(at, {**seen, "elsewhere": "1"}).status_code == 303
    answer = desk.post(at, {**seen, "elsewhere": "2"})
    assert answer.status_code == 409
    assert "changed in another window" in answer.text


def test_it_is_ended_and_a_day_before_it_begins_is_refused(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    at = recorded(desk)
    answer = desk.post(f"{at}/end", {"seen": "1", "ended_on": "2/29/2024"})
    assert answer.status_code == 422
    assert 'id="ended-on-error"' in answer.text
    assert desk.post(f"{at}/end", {"seen": "1", "ended_on": "3/10/2024"}).status_code == 303
    assert "Mar 10, 2024" in desk.follow().text


def test_an_extension_is_asked_for_from_the_one_before(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    at = recorded(desk, elsewhere="14")
    assert f"{at}/extension" in desk.get("/authorizations").text
    form = sent(desk.get(f"{at}/extension").text)
    assert (form["service"], form["answer"]) == (["H0038"], ["pending"])
    answer = desk.post(f"{at}/extension", {**form, "asked": "24", "first_day": "2024-03-20"})
    assert answer.status_code == 303
    page = desk.follow().text
    assert "It extends" in page
    assert "Request not sent yet" in page
    assert desk.get("/authorizations").text.count('class="card"') == 2


def test_a_wrong_extension_says_so_beside_the_field(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    at = recorded(desk)
    answer = desk.post(f"{at}/extension", {**APPROVED, "first_day": "2024-02-01"})
    assert answer.status_code == 422
    assert 'id="first-day-error">First day: What it extends begins later' in answer.text


def test_the_request_form_says_what_would_come_back_and_who_requests(pages: Office) -> None:
    desk = pages.sit("chen", "pat-moss")
    at = recorded(
        desk, answer="pending", units="", answered_on="", number="", member="", certificate="ID-8", sent_on=""
    )
    page = desk.get(f"{at}/request").text
    assert "The form would be returned: the member id is missing" in page
    assert "certificate ID-8 is none of the peer&#39;s" in page
    assert "<dt>Member id</dt><dd><strong>missing</strong></dd>" in page
    assert "Dana Chen" in page
    assert "Rule ID.AUTH.FORM" in page
    fixed = {**sent(desk.get(at).text), "member": "AA00001A", "certificate": "ID-7", "first_day": "3/5/2024"}
    assert desk.post(at, fixed).status_code == 303
    assert "The rules find nothing missing on this form." in desk.get(f"{at}/request").text


def test_a_late_answer_is_a_warning_of_the_rule(pages: Office) -> None:
    desk = pages.sit("moreno", "pat-moss")
    asked = {"answer": "pending", "units": "", "answered_on": "", "number": "", "sent_on": "2024-03-04"}
    at = recorded(desk, **asked, requested_on="2024-03-04")
    assert "An answer is expected by 2024-03-06." in desk.get(at).text
    pages.clock.forward(days=3)
    page = pages.sit("moreno", "pat-moss").get(at.replace(desk.launch_id, "")).text
    assert "An answer was expected by 2024-03-06 and none is recorded." in page
    assert "The answer is late" in page


def test_the_office_list_stands_in_a_launch_without_a_person(pages: Office, behind: use_cases.Office) -> None:
    authorized(behind, service="H0031", number="CALM", units=30, last_day=date(2024, 6, 1))
    authorized(behind, "pat-sibling", member="AA00099Z", number="FEW", elsewhere=13)
    desk = pages.sit("whitfield")
    text = desk.get("/authorizations").text
    assert text.index("FEW") < text.index("CALM")
    assert "Few units left" in text
    assert f"{desk.launch_id}/authorizations/begin" in text
    assert f"{desk.launch_id}/authorizations/new" not in text
    own = desk.get("/authorizations?person=pat-moss").text
    assert "CALM" in own
    assert "FEW" not in own
    assert desk.get("/authorizations/new").status_code == 403


def test_a_held_claim_leads_to_the_authorizations(pages: Office, behind: use_cases.Office) -> None:
    known = authorized(behind, elsewhere=15)
    contact(behind, 2)
    desk = pages.sit("moreno")
    text = desk.get("/claims").text
    assert "which grants 16: 15 are used and 1 of 16 are left" in text
    assert "/authorizations?person=pat-moss" in text
    page = pages.sit("moreno", "pat-moss").get("/claims").text
    assert "ask for an extension" in page
    with behind.store.write() as session:
        details = idaho.shown(behind, known.id).details
        authorizations.change(
            session,
            use_cases.actor(use_cases.MORENO),
            known.id,
            1,
            type(details)(**{**vars(details), "elsewhere": 0}),
            behind.library,
            behind.now,
        )
    (claim,) = idaho.claims(behind)
    page = desk.get(f"/claims/{claim.reference}").text
    assert f"/authorizations/{known.id}" in page
    assert "ask for an extension" not in page


def test_a_peer_sees_the_units_left_where_the_contact_is_written(
    pages: Office, behind: use_cases.Office
) -> None:
    known = authorized(behind, elsewhere=4)
    desk = pages.sit("rivera", "pat-moss")
    desk.post("/contacts/new")
    assert "12 of 16 units left" in desk.follow().text
    assert "12 of 16 units left" in desk.get("/").text
    page = desk.get("/authorizations").text
    assert "12 of 16 units left" in page
    assert known.id not in page
    assert desk.get(f"/authorizations/{known.id}").status_code == 403
    assert desk.post(f"/authorizations/{known.id}", APPROVED).status_code == 403


def test_who_writes_contacts_without_an_authorization_is_shown_nothing_of_units_left(pages: Office) -> None:
    desk = pages.sit("rivera", "pat-moss")
    assert "units left" not in desk.get("/").text
    assert "No payer has granted units for Alex Moss." in desk.get("/authorizations").text


def test_another_persons_authorization_is_not_here(pages: Office, behind: use_cases.Office) -> None:
    known = authorized(behind)
    desk = pages.sit("moreno", "pat-sibling")
    for path in (f"/authorizations/{known.id}", f"/authorizations/{known.id}/request"):
        assert desk.get(path).status_code == 404
    assert desk.post(f"/authorizations/{known.id}", {**APPROVED, "seen": "1"}).status_code == 404
    assert desk.get("/authorizations/AUTH-none").status_code == 404


def test_from_the_offices_list_one_is_begun_for_a_person(pages: Office) -> None:
    desk = pages.sit("moreno")
    assert "Record or request one" in desk.get("/authorizations").text
    chooser = desk.get("/authorizations/begin").text
    assert '<option value="pat-moss">Alex Moss, ' in chooser
    page = desk.get("/authorizations/begin?person=pat-moss").text
    assert "New authorization for Alex Moss" in page
    form = sent(page)
    assert (form["service"], form["member"]) == (["H0038"], ["AA00001A"])
    bad = desk.post("/authorizations/begin?person=pat-moss", {**APPROVED, "units": "many"})
    assert bad.status_code == 422 and "New authorization for Alex Moss" in bad.text
    done = desk.post("/authorizations/begin?person=pat-moss", {**APPROVED})
    assert done.status_code == 303
    assert "Alex Moss: H0038" in desk.get("/authorizations").text


def test_nobody_is_begun_for_who_was_not_chosen(pages: Office) -> None:
    desk = pages.sit("moreno")
    assert "Choose a person of the list." in desk.get("/authorizations/begin?person=pat-none").text
    assert desk.post("/authorizations/begin?person=pat-none", {**APPROVED}).status_code == 303
    assert "Choose a person of the list." in desk.follow().text
    assert "No authorization is recorded yet." in desk.get("/authorizations").text


def test_a_clinician_begins_one_only_for_whom_they_are_assigned_to(pages: Office) -> None:
    chen = pages.sit("chen")
    chooser = chen.get("/authorizations/begin").text
    assert "There is nobody for whom you may begin one." in chooser
    assert "Alex Moss" not in chooser
    assert "Choose a person" not in chen.get("/authorizations/begin").text
    assert "Alex Moss" not in chen.get("/authorizations/begin?person=pat-moss").text
