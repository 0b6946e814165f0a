"""From a worklist into a chart: one person's sitting, whose launches end together."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from app import audit, staff
from mappings.records import Name
from tests.app.web.office import ADMIN, EHR, STAFF, Desk, Office
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


def _licensed(office: Office) -> Desk:
    """Somebody who is an LPHA here and has never had to do with anybody."""
    with office.kit.store.write() as session:
        record = staff.find(session, EHR, STAFF["chen"][0])
        assert record is not None
        fresh = record.record.model_copy(
            update={"id": "1900000062", "npi": "1900000062", "name": Name(given=("Omar",), family="Haddad")}
        )
        staff.save(session, ADMIN, fresh, frozenset({"lpha"}), True, office.clock())
    return office.sit("1900000062")


def _assign(office: Office, staff_id: str, patient: str) -> None:
    answer = office.sit("whitfield").post("/caseload", {"staff": staff_id, "patient": patient})
    assert answer.status_code == 303, answer.text


def test_who_is_not_assigned_does_not_read_in_the_queue_who_it_is_about(office: Office, contact: str) -> None:
    page = _licensed(office).get("/queue").text
    assert "Alex Moss" not in page
    assert "Somebody you are not assigned to" in page
    assert f"/queue/{contact}/without-assignment" in page
    assert "Alex Moss" in office.sit("chen").get("/queue").text


def test_who_is_not_assigned_does_not_open_an_item_of_the_queue(office: Office, contact: str) -> None:
    answer = _licensed(office).post(f"/queue/{contact}/open")
    assert answer.status_code == 403
    assert "not assigned" in answer.text


@pytest.mark.parametrize("whom", ["pat-moss", "all reviews"])
def test_who_was_given_the_person_or_all_co_signing_opens_it(office: Office, contact: str, whom: str) -> None:
    desk = _licensed(office)
    _assign(office, "1900000062", whom)
    assert desk.post(f"/queue/{contact}/open").status_code == 303
    assert "Alex Moss" in desk.follow().text


def test_an_assignment_that_ended_opens_nothing(office: Office, contact: str) -> None:
    desk = _licensed(office)
    _assign(office, "1900000062", "pat-moss")
    office.sit("whitfield").post("/caseload/1/end")
    assert desk.post(f"/queue/{contact}/open").status_code == 403
    assert desk.post("/caseload/1/open").status_code == 404


def test_a_person_given_to_somebody_opens_from_their_list_and_from_nobody_elses(office: Office) -> None:
    _assign(office, STAFF["okafor"][0], "pat-farrell")
    mine, other = office.sit("okafor"), office.sit("rivera")
    assert "Jonah Farrell" in mine.get("/").text
    assert "Jonah Farrell" not in other.get("/").text
    assert other.post("/caseload/1/open").status_code == 404
    assert mine.post("/caseload/1/open").status_code == 303
    assert "Jonah Farrell" in mine.follow().text


def test_who_opens_without_assignment_says_why_and_the_supervisor_sees_it(
    office: Office, contact: str
) -> None:
    desk, keeper = _licensed(office), office.sit("whitfield")
    address = f"/queue/{contact}/without-assignment"
    assert "Alex" not in desk.get(address).text
    assert desk.post(address, {"reason": " "}).status_code == 422
    assert "Nobody opened a record" in keeper.get("/caseload").text
    assert desk.post(address, {"reason": "Dana Chen is ill today"}).status_code == 303
    assert "without assignment" in desk.follow().text
    assert "Dana Chen is ill today" in keeper.get("/").text
    with office.kit.store.read() as session:
        lines = [each for each in audit.of_subject(session, EHR, contact) if "without" in each.action]
    assert [(each.actor, each.patient, dict(each.detail)) for each in lines] == [
        ("1900000062", "pat-moss", {"number": 1})
    ]


def test_an_opening_without_assignment_stays_and_is_looked_at_by_another(office: Office) -> None:
    keeper = office.sit("whitfield")
    found = {"record_number": "MRN-70003", "born": "1971-10-08", "reason": "He called in distress"}
    assert keeper.post("/without-assignment", found).status_code == 303
    assert "Jonah Farrell" in Desk(keeper.client, keeper.page.headers["Location"].split("/")[2]).get("/").text
    assert "another supervisor has to look" in keeper.get("/caseload").text
    assert keeper.post("/caseload/opened/1/seen").status_code == 403
    with office.kit.store.write() as session, pytest.raises(DatabaseError):
        session.execute(text("DELETE FROM broken_glass"))


@pytest.mark.parametrize(
    "who",
    [
        {"record_number": "MRN-70003", "born": "1971-10-09"},
        {"record_number": "MRN-7000", "born": "1971-10-08"},
        {"record_number": "", "born": ""},
        {"record_number": "MRN-70003", "born": "yesterday"},
    ],
)
def test_nobody_is_found_by_half_of_what_names_them(office: Office, who: dict[str, str]) -> None:
    answer = office.sit("okafor").post("/without-assignment", {**who, "reason": "He called"})
    assert answer.status_code == 422
    assert "Farrell" not in answer.text


def test_nobody_assigns_themselves(office: Office) -> None:
    refused = office.sit("whitfield").post(
        "/caseload", {"staff": STAFF["whitfield"][0], "patient": "pat-moss"}
    )
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        ("nobody", "pat-moss"),
        (STAFF["moreno"][0], "pat-moss"),
        (STAFF["okafor"][0], "all reviews"),
        (STAFF["okafor"][0], "pat-unknown"),
        (STAFF["okafor"][0], ""),
    ],
)
def test_only_who_cares_for_people_is_assigned_and_only_to_people_known_here(
    office: Office, who: str, whom: str
) -> None:
    keeper = office.sit("whitfield")
    assert keeper.post("/caseload", {"staff": who, "patient": whom}).status_code == 422
    assert "Nobody is named yet" in keeper.get("/caseload").text


def test_an_empty_form_is_told_of_every_field_it_wants_at_once(office: Office) -> None:
    page = office.sit("okafor").post("/without-assignment").text
    wanted = ("Write the record number", "Write the day of birth", "Say why you have to open it")
    assert [words for words in wanted if page.count(words) != 2] == []  # in the summary and beside the field
    page = office.sit("whitfield").post("/caseload").text
    assert page.index('id="mend"') < page.index('id="opened"')
    wanted = ("Choose who is to be assigned", "Choose a person, or the co-signing of the whole programme")
    assert [words for words in wanted if page.count(words) != 2] == []
