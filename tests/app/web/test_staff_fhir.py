"""The pages of the FHIR import: a file is shown first, and only who is ticked is saved."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from app import staff
from mappings.fhir.xml import to_xml
from tests.app.web.office import EHR, ORIGIN, Desk, Forms, Office, open_office
from tests.app.web.test_forged_fields import FORGED
from tests.fhir_staff import as_bytes, bundle, practitioner, role

BASE = "http://localhost:9/fhir"
NEW = "1900000311"
FILE = as_bytes(bundle(practitioner(), role(), base=BASE))


def upload(desk: Desk, content: bytes, name: str = "staff.json"):
    return desk.client.post(
        desk.address("/staff/import/fhir"),
        data={"csrf": desk.csrf(), "file": (io.BytesIO(content), name)},
        headers={"Sec-Fetch-Site": "same-origin"},
        base_url=ORIGIN,
    )


def found(office: Office, staff_id: str = NEW):
    with office.kit.store.read() as session:
        return staff.find(session, EHR, staff_id)


def confirm(desk: Desk, page, **changes):
    return desk.post("/staff/import/fhir/save", {**Forms(page.text).fields, **changes})


@pytest.mark.parametrize("content", [FILE, to_xml(bundle(practitioner(), role(), base=BASE))])
def test_a_file_is_shown_first_and_saved_when_confirmed(office: Office, content: bytes) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, content)
    assert page.status_code == 200
    assert "1 new" in page.text
    assert 'aria-current="page">Staff' in page.text
    assert "LCSW-0311" in page.text
    assert found(office) is None
    done = confirm(desk, page)
    assert "1 saved" in done.text
    assert found(office).roles == frozenset()
    again = upload(desk, content)
    assert "1 as before" in again.text


def test_a_role_is_given_by_an_administrators_tick(office: Office) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, FILE)
    assert "Roles that the file suggests" in page.text
    confirm(desk, page, **{"roles.0": ["lpha"]})
    assert found(office).roles == {"lpha"}


def test_a_supervisor_sees_suggested_roles_and_cannot_give_them(tmp_path: Path) -> None:
    office = open_office(tmp_path)
    with office.kit.store.write() as session:
        from tests.app.web.office import ADMIN

        member = staff.find(session, EHR, "1900000070")
        staff.save(session, ADMIN, member.record, frozenset({"supervisor"}), True, office.clock())
    desk = office.sit("whitfield")
    page = upload(desk, FILE)
    assert "An administrator gives roles" in page.text
    assert confirm(desk, page, **{"roles.0": ["lpha"]}).status_code == 403
    assert found(office) is None
    assert "1 saved" in confirm(desk, page).text
    assert found(office).practitioner is None
    office.kit.store.close()


def test_nobody_ticked_and_a_role_without_its_person_are_said(office: Office) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, FILE)
    nobody = confirm(desk, page, take=[])
    assert (nobody.status_code, "Nobody is ticked" in nobody.text) == (422, True)
    alone = confirm(desk, page, take=[], **{"roles.0": ["lpha"]})
    assert (alone.status_code, "Tick both" in alone.text) == (422, True)
    assert found(office) is None


def test_what_changed_meanwhile_is_shown_again_and_not_saved(office: Office) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, FILE)
    confirm(desk, page)
    late = confirm(desk, page)
    assert (late.status_code, "Look at the list again" in late.text) == (409, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b'{"resourceType": "Practitioner", "id": "a", "id": "b"}',
        b"[" * 100_000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'{"resourceType": "Practitioner", "id": "' + b"x" * 300_000 + b'"}',
    ],
)
def test_a_hostile_or_empty_file_is_refused_in_words(office: Office, content: bytes) -> None:
    page = upload(office.sit("whitfield"), content)
    assert page.status_code == 422
    assert "Nothing was read" in page.text


def test_who_is_saved_is_who_stands_in_the_file_whatever_else_the_form_brings(office: Office) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, FILE)
    forged = {name: value for name, value in FORGED.items() if name not in ("data", "shown", "take")}
    done = confirm(desk, page, **forged, active="no", npi="1900000047", **{"roles.7": ["administrator"]})
    assert "1 saved" in done.text
    member = found(office)
    assert (member.record.npi, member.roles, member.active) == (NEW, frozenset(), True)
    assert found(office, "C-forged") is None


@pytest.mark.parametrize("data", ["", "%%%", "aGVsbG8="])
def test_a_file_that_did_not_come_back_whole_is_refused(office: Office, data: str) -> None:
    page = office.sit("whitfield").post("/staff/import/fhir/save", {"data": data, "take": "0"})
    assert page.status_code == 422


def test_a_file_of_the_greatest_size_comes_back_whole(office: Office) -> None:
    desk = office.sit("whitfield")
    page = upload(desk, FILE.ljust(256 * 1024))
    assert "1 saved" in confirm(desk, page).text
    assert upload(desk, FILE.ljust(256 * 1024 + 1)).status_code == 422


def test_what_a_file_says_is_shown_as_text(office: Office) -> None:
    sly = practitioner(name=[{"family": "<script>alert(1)</script>"}])
    assert "<script>alert" not in upload(office.sit("whitfield"), as_bytes(bundle(sly, base=BASE))).text


def test_peers_have_no_import_and_a_reload_begins_anew(office: Office) -> None:
    assert upload(office.sit("rivera"), FILE).status_code == 403
    desk = office.sit("whitfield")
    assert desk.get("/staff/import/fhir").status_code == 303
    assert "FHIR file" in desk.follow().text


def test_how_a_member_is_reached_stays_when_their_page_is_saved(office: Office) -> None:
    desk = office.sit("whitfield")
    confirm(desk, upload(desk, FILE))
    form = Forms(desk.get(f"/staff/{NEW}").text).fields
    assert desk.post(f"/staff/{NEW}", form).status_code == 303
    assert [one.value for one in found(office).record.telecom] == ["555-0142"]
