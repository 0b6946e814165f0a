"""The pages of staff and programme: every fact is seen and edited, what ends is counted, changes are told."""

from __future__ import annotations

import html
import io
from typing import Any

import pytest

from app import audit, staff
from mappings.records import Staff
from tests.app.web.office import ADMIN, EHR, ORIGIN, Desk, Forms, Office

RIVERA, MORENO = "1900000021", "1900000088"


@pytest.fixture
def keeper(office: Office) -> Desk:
    return office.sit("whitfield")


def text(desk: Desk, path: str) -> str:
    answer = desk.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def form(desk: Desk, path: str) -> dict[str, Any]:
    return dict(Forms(desk.get(path).text).fields)


def member_form(desk: Desk, who: str = RIVERA) -> dict[str, Any]:
    return form(desk, f"/staff/{who}") | {"roles": ["peer"], "active": ["yes"]}


def record(office: Office, who: str = RIVERA) -> Staff:
    with office.kit.store.read() as session:
        found = staff.find(session, EHR, who)
    assert found is not None
    return found.record


def change(office: Office, who: str = RIVERA, **changes: object) -> None:
    data = record(office, who).model_dump(mode="json", by_alias=True) | changes
    with office.kit.store.write() as session:
        known = staff.find(session, EHR, who)
        assert known is not None
        staff.save(session, ADMIN, Staff.model_validate(data), known.roles, True, office.clock())


def test_saving_a_member_as_shown_changes_nothing(office: Office, keeper: Desk) -> None:
    change(office, education=[{"on": "2026-01-15", "hours": 2, "topic": "Ethics"}])
    before = record(office)
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper)).status_code == 303
    assert record(office) == before


def test_a_second_credential_with_its_training_is_entered(office: Office, keeper: Desk) -> None:
    typed = {
        "credentials.1.code": ["crpa"], "credentials.1.issuer": ["oasas"], "credentials.1.number": ["C-7"],
        "credentials.1.from": ["2025-01-01"], "credentials.1.to": ["2026-12-31"],
        "credentials.1.hours": ["40.5"], "credentials.1.test_passed": ["2024-12-20"],
    }  # fmt: skip
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper) | typed).status_code == 303
    second = record(office).credentials[1]
    assert (second.code, str(second.hours), str(second.test_passed)) == ("crpa", "40.5", "2024-12-20")


def test_a_new_supervisor_leaves_the_earlier_one_on_file_and_the_gap_is_shown(
    office: Office, keeper: Desk
) -> None:
    typed = {
        "assignments.0.to": ["2026-02-01"], "assignments.1.id": ["1900000070"],
        "assignments.1.category": ["rn"], "assignments.1.from": ["2026-02-03"],
        "assignments.1.ops": ["2025-01-01"],
    }  # fmt: skip
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper) | typed).status_code == 303
    kept = record(office)
    assert kept.supervisor is not None
    assert (kept.supervisor.id, str(kept.supervisor.ops)) == ("1900000070", "2025-01-01")
    assert [each.id for each in kept.earlier_supervisors] == ["1900000039"]
    page = text(keeper, f"/staff/{RIVERA}")
    assert "Nobody supervised</span> from Feb 2, 2026 until Feb 2, 2026" in page


def test_a_no_is_an_answer_too_and_a_new_entry_needs_one(office: Office, keeper: Desk) -> None:
    typed = {"attestations.1.kind": ["recovery"], "attestations.1.on": ["2026-03-01"]}
    refused = keeper.post(f"/staff/{RIVERA}", member_form(keeper) | typed)
    assert refused.status_code == 422
    assert "say yes or no" in refused.text
    said = typed | {"attestations.1.answer": ["no"]}
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper) | said).status_code == 303
    assert [each.affirmed for each in record(office).attestations] == [True, False]


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("credentials.0.code", "nycsp", "nycps-provisional"),
        ("attestations.0.kind", "bipolar", "lived-experience"),
        ("assignments.0.category", "boss", "lcsw"),
        ("credentials.0.hours", "many", "such as 2 or 1.5"),
        ("assignments.0.ops", "once", "such as 3/4/2026"),
    ],
)
def test_what_cannot_be_taken_is_refused_beside_its_field(
    office: Office, keeper: Desk, field: str, typed: str, says: str
) -> None:
    before = record(office)
    answer = keeper.post(f"/staff/{RIVERA}", member_form(keeper) | {field: [typed]})
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert f'href="#{field.replace(".", "-").replace("_", "-")}"' in answer.text
    assert record(office) == before


def test_of_two_keepers_the_second_is_told_and_the_first_is_not_lost(office: Office, keeper: Desk) -> None:
    mine, theirs = member_form(keeper), member_form(keeper)
    assert keeper.post(f"/staff/{RIVERA}", mine | {"contract": ["Peer Agency"]}).status_code == 303
    second = keeper.post(f"/staff/{RIVERA}", theirs | {"employment": ["contracted"]})
    assert second.status_code == 409
    assert "Somebody else changed this entry" in second.text
    assert (record(office).contract, record(office).employment) == ("Peer Agency", "employed")


def test_a_form_that_does_not_say_what_was_shown_changes_nothing(office: Office, keeper: Desk) -> None:
    blind = {name: value for name, value in member_form(keeper).items() if name != "seen"}
    assert keeper.post(f"/staff/{RIVERA}", blind | {"contract": ["x"]}).status_code == 409
    assert record(office).contract is None


def test_the_page_shows_who_changed_which_field_and_no_earlier_value(office: Office, keeper: Desk) -> None:
    keeper.post(f"/staff/{RIVERA}", member_form(keeper) | {"birth_date": ["1984-04-04"]})
    page = text(keeper, f"/staff/{RIVERA}").split("Who changed this entry")[1]
    assert "Lee Whitfield" in page
    assert "Changed: Birth date</p>" in page
    with office.kit.store.read() as session:
        last = audit.of_subject(session, EHR, RIVERA)[-1]
    assert "1985" not in str(last.detail)
    assert "1984" not in str(last.detail)


def test_the_grace_of_another_credential_counts_down_on_the_page_and_on_the_list(
    office: Office, keeper: Desk
) -> None:
    crpa = [{"code": "crpa", "issuer": "oasas", "from": "2024-01-01"}]
    change(office, hired="2025-04-01", credentials=crpa)
    for path in (f"/staff/{RIVERA}", "/staff"):
        page = text(keeper, path)
        assert "until Apr 1, 2026" in page
        assert "28 days left" in page
    change(office, hired="2025-03-01", credentials=crpa)
    assert "over since 3 days" in text(keeper, "/staff")


def test_a_biller_with_a_supervisor_is_told_nothing_about_peers(office: Office, keeper: Desk) -> None:
    assert record(office, MORENO).supervisor is not None
    assert "Nothing to look at today." in text(keeper, f"/staff/{MORENO}")


def test_hours_of_education_are_added_summed_changed_and_taken_away(office: Office, keeper: Desk) -> None:
    at = f"/staff/{RIVERA}/ledger/education"
    typed = {
        "on": ["2026-02-01"],
        "hours": ["2.5"],
        "other_topic": ["Ethics of support"],
        "specific": ["yes"],
    }
    assert "No hours are on file yet" in text(keeper, at)
    assert keeper.post(at, form(keeper, at) | typed).status_code == 303
    page = text(keeper, at)
    assert "<strong>2.5 hours</strong>, 2.5 specific to peer support" in page
    assert "Ethics of support, specific to peer support" in page
    changed = form(keeper, f"{at}/0") | {"specific": ["no"], "hours": ["3"]}
    assert keeper.post(f"{at}/0", changed).status_code == 303
    assert "<strong>3 hours</strong>, 0 specific to peer support" in text(keeper, at)
    assert keeper.post(f"{at}/0", form(keeper, f"{at}/0") | {"away": "yes"}).status_code == 303
    assert record(office).education == ()
    assert keeper.get(f"{at}/0").status_code == 404


def test_a_session_of_support_in_the_own_discipline_is_kept_beside_supervision(
    office: Office, keeper: Desk
) -> None:
    at = f"/staff/{RIVERA}/ledger/supervision"
    typed = {"on": ["2026-03-01"], "minutes": ["50"], "by": ["1900000047"], "kind": ["in-discipline-support"]}
    assert keeper.post(at, form(keeper, at) | typed).status_code == 303
    assert "50 minutes, with Ngozi Okafor" in text(keeper, at)
    assert "No session is on file" in text(keeper, f"/staff/{RIVERA}")


@pytest.mark.parametrize(
    ("ledger", "typed", "says"),
    [
        ("education", {"hours": ["2"]}, "write the day"),
        ("education", {"on": ["2026-02-01"]}, "how many hours"),
        ("education", {"on": ["2026-02-01"], "hours": ["-1"]}, "such as 2 or 1.5"),
        ("supervision", {"on": ["then"]}, "such as 3/4/2026"),
        ("supervision", {"on": ["2026-02-01"], "minutes": ["an hour"]}, "whole number"),
        ("supervision", {"on": ["2026-02-01"], "kind": ["tea"]}, "in-discipline-support"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_refused_with_the_right_form(
    office: Office, keeper: Desk, ledger: str, typed: dict[str, list[str]], says: str
) -> None:
    at = f"/staff/{RIVERA}/ledger/{ledger}"
    answer = keeper.post(at, form(keeper, at) | typed)
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert getattr(record(office), ledger) == ()


def test_a_double_click_adds_one_entry(office: Office, keeper: Desk) -> None:
    at = f"/staff/{RIVERA}/ledger/education"
    typed = form(keeper, at) | {"on": ["2026-02-01"], "hours": ["2"]}
    assert keeper.post(at, typed).status_code == 303
    assert keeper.post(at, typed).status_code == 409
    assert len(record(office).education) == 1


def test_there_is_no_other_ledger(keeper: Desk) -> None:
    assert keeper.get(f"/staff/{RIVERA}/ledger/credentials").status_code == 404
    assert keeper.get("/staff/nobody/ledger/education").status_code == 404


def program_form(desk: Desk) -> dict[str, Any]:
    return form(desk, "/staff/program/edit")


def test_a_policy_entered_on_the_page_is_missing_no_longer(keeper: Desk) -> None:
    role = "The description of the peers' role is not on file"
    assert role in text(keeper, "/staff/program")
    typed = {"policies.1.kind": ["role-description"], "policies.1.on": ["2026-03-01"]}
    assert keeper.post("/staff/program/edit", program_form(keeper) | typed).status_code == 303
    page = text(keeper, "/staff/program")
    assert role not in page
    assert "Description of the peers' role, and the action plan, Mar 1, 2026" in page
    assert "Changed: Policy 2" in page.split("Who changed the programme")[1]


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("policies.0.kind", "peer-suport", "expected one of peer-support"),
        ("policies.0.on", "soon", "such as 3/4/2026"),
        ("enrolments.0.to", "never", "such as 3/4/2026"),
        ("time_zone", "Riverbend", "America/New_York"),
    ],
)
def test_what_a_programme_cannot_be_is_refused_beside_its_field(
    keeper: Desk, field: str, typed: str, says: str
) -> None:
    answer = keeper.post("/staff/program/edit", program_form(keeper) | {field: [typed]})
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)


def test_of_two_who_change_the_programme_the_second_is_told(keeper: Desk) -> None:
    mine, theirs = program_form(keeper), program_form(keeper)
    assert keeper.post("/staff/program/edit", mine | {"name": ["Riverbend East"]}).status_code == 303
    assert keeper.post("/staff/program/edit", theirs | {"population": ["adult"]}).status_code == 409
    assert "Riverbend East" in text(keeper, "/staff/program")


def test_a_programme_is_set_up_on_the_page(office: Office, keeper: Desk) -> None:
    with office.kit.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM programs")
    assert keeper.post("/staff/program/edit", program_form(keeper)).status_code == 422
    typed = program_form(keeper) | {"id": ["P-1"], "name": ["Riverbend"], "time_zone": ["America/New_York"]}
    assert keeper.post("/staff/program/edit", typed).status_code == 303
    assert "Riverbend" in text(keeper, "/staff/program")


def test_an_import_tells_what_it_took_away_and_each_refused_line(office: Office, keeper: Desk) -> None:
    lines = keeper.get("/staff/export.csv").text.splitlines()
    own = [line for line in lines if line.startswith(RIVERA) and ",supervisor," not in line[:25]]
    wrong = lines[1].replace("clinician lpha", "boss")
    answer = keeper.client.post(
        keeper.address("/staff/import"),
        data={
            "csrf": keeper.csrf(),
            "file": (io.BytesIO("\r\n".join([lines[0], *own, wrong]).encode()), "staff.csv"),
        },
        headers={"Sec-Fetch-Site": "same-origin"},
        base_url=ORIGIN,
    )
    page = html.unescape(answer.text)
    assert f"{RIVERA}: 1 supervisor" in page
    assert f"Line {len(own) + 2}:" in page
    assert record(office).supervisor is None


@pytest.mark.parametrize("who", ["rivera", "chen", "moreno"])
def test_nobody_but_keepers_opens_a_ledger_or_the_form_of_the_programme(office: Office, who: str) -> None:
    desk = office.sit(who)
    for path in (f"/staff/{RIVERA}/ledger/education", "/staff/program/edit"):
        assert desk.get(path).status_code == 403
        assert desk.post(path, {"on": "2026-01-01"}).status_code == 403


def test_phone_and_mail_at_work_are_seen_entered_and_taken_away(office: Office, keeper: Desk) -> None:
    typed = {"telecom.0.system": ["phone"], "telecom.0.value": ["555-0142"]}
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper) | typed).status_code == 303
    assert [(each.system, each.value) for each in record(office).telecom] == [("phone", "555-0142")]
    page = text(keeper, f"/staff/{RIVERA}")
    assert 'value="555-0142"' in page
    assert "Changed: Way to reach them 1" in page
    away = {"telecom.0.system": [""], "telecom.0.value": [""]}
    assert keeper.post(f"/staff/{RIVERA}", member_form(keeper) | away).status_code == 303
    assert record(office).telecom == ()


def test_a_peer_reads_the_own_entry_with_what_is_due(office: Office) -> None:
    change(
        office,
        credentials=[{"code": "nycps", "issuer": "omh-approved", "number": "C-7", "from": "2025-03-20",
                      "to": "2026-03-20"}],
        education=[{"on": "2026-01-15", "hours": 2, "topic": "Ethics"}, {"topic": "No day yet"}],
        supervision=[{"on": "2026-02-20", "by": "1900000070", "minutes": 45}],
        telecom=[{"system": "phone", "value": "555-0142"}],
    )  # fmt: skip
    for patient in (None, "pat-moss"):
        page = text(office.sit("rivera", patient), "/my-record")
        due = page[page.index("What is due") : page.index("Certificates and licences")]
        assert "ends Mar 20, 2026" in due and "16 days left" in due
        for words in ("number C-7", "2 hours, Ethics", "45 minutes, with Lee Whitfield", "Phone: 555-0142"):
            assert words in page


def test_an_entry_with_nothing_on_file_says_so(office: Office) -> None:
    change(office, credentials=[], education=[], supervision=[], supervisor=None, earlier_supervisors=[])
    page = text(office.sit("rivera"), "/my-record")
    for words in ("None is on file.", "No hours are on file yet.", "No supervisor is on file."):
        assert words in page


def test_the_own_entry_is_nobody_elses_and_is_read_only(office: Office) -> None:
    page = text(office.sit("rivera"), "/my-record")
    assert "Pat Rivera" in page and "Ngozi Okafor" not in page
    assert "<form" not in page.partition('id="main"')[2]
    assert office.sit("moreno").get("/my-record").status_code == 403
