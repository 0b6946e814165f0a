"""The page of the registered EHR: an administrator sees and changes their own, and no other one's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app import audit, registry, staff
from smart_launch.issuers import Issuer
from tests.app.web.office import ADMIN, EHR, STAFF, Desk, Office

PATHS = ("/issuers", "/issuers/probe", "/issuers/sheet", "/issuers/sheet.json")
OTHER = Issuer(
    id="other-clinic",
    iss="https://other.example/fhir",
    client_id="client-at-the-other-clinic",
    auth_method="client_secret_basic",
    redirect_uri="http://127.0.0.1:8000/cb/other-clinic",
    scopes=("launch", "openid"),
    jurisdiction="us-ny",
    client_secret="a secret between two",
)


def registered(office: Office) -> Issuer:
    with office.kit.store.read() as session:
        return registry.registered(session, office.kit.keyring).by_id(EHR)


def form(office: Office, desk: Desk, **changes: str) -> dict[str, str]:
    """What the page's own form would post, with changes."""
    seen = re.search(r'name="seen" value="([^"]+)"', desk.get("/issuers").text)
    assert seen is not None
    return {"seen": seen[1], "scopes": "\n".join(registered(office).scopes), **changes}


def test_an_administrator_sees_how_their_own_ehr_is_registered_and_nothing_of_another(office):
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, OTHER, office.clock())
    desk = office.sit("whitfield")
    for path in PATHS:
        page = desk.get(path).text
        assert "other-clinic" not in page
        assert "other.example" not in page
        assert "a secret between two" not in page
    assert "http://localhost:9/fhir" in desk.get("/issuers").text


@pytest.mark.parametrize("who", ["rivera", "chen", "moreno"])
def test_whoever_is_no_administrator_is_turned_away(office, who):
    desk = office.sit(who)
    for path in PATHS:
        assert desk.get(path).status_code == 403
    for path in ("/issuers", "/issuers/rotate", "/issuers/probe"):
        assert desk.post(path).status_code == 403


def test_an_engineer_looks_and_probes_and_changes_nothing(office):
    with office.kit.store.write() as session:
        member = next(one for one in staff.listing(session, ADMIN) if one.record.id == STAFF["moreno"][0])
        staff.save(session, ADMIN, member.record, frozenset({"engineer"}), True, office.clock())
    desk = office.sit("moreno")
    assert [desk.get(path).status_code for path in PATHS] == [200] * 4
    assert "Make the next key" not in desk.get("/issuers").text
    assert desk.post("/issuers").status_code == 403
    assert desk.post("/issuers/rotate").status_code == 403


def test_scopes_are_changed_from_inside_and_the_change_is_written_down(office):
    desk = office.sit("whitfield")
    with_coverage = "launch\nopenid\nfhirUser\npatient/Patient.rs\npatient/Coverage.rs"
    assert desk.post("/issuers", form(office, desk, scopes=with_coverage)).status_code == 303
    assert registered(office).scopes == tuple(with_coverage.split())
    with office.kit.store.read() as session:
        [line] = [one for one in audit.of_subject(session, EHR, EHR) if one.action.endswith("changed")]
    assert (line.actor, list(line.detail["changed"])) == (STAFF["whitfield"][0], ["scopes"])
    assert "EHR registration changed" in desk.get("/issuers").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("launch patient/Coverage.rz", "patient/Coverage.rs"),
        ("launch system/Encounter.crus", "belongs to backend_scopes"),
        ("launch patient/Immunization.rs", "has no use for patient/Immunization.rs"),
        ("", "missing"),
    ],
)
def test_a_scope_that_is_none_is_said_beside_the_field_and_nothing_is_changed(office, typed, said):
    desk, before = office.sit("whitfield"), registered(office)
    page = desk.post("/issuers", form(office, desk, scopes=typed))
    assert page.status_code == 422
    assert said in page.text
    assert 'aria-invalid="true"' in page.text
    assert registered(office) == before


@pytest.mark.parametrize(
    "posted",
    [
        {"iss": "https://attacker.example/fhir"},
        {"endpoint_hosts": "attacker.example"},
        {"redirect_uri": "https://attacker.example/cb"},
        {"frame_origins": "https://attacker.example"},
        {"client_id": "x", "auth_method": "none", "client_secret": "x", "key_alg": "RS384"},
        {"jurisdiction": "us-id", "id": "other"},
    ],
)
def test_what_is_changed_by_command_alone_cannot_be_posted(office, posted):
    desk, before = office.sit("whitfield"), registered(office)
    desk.post("/issuers", form(office, desk, **posted))
    assert registered(office) == before


def test_two_who_change_it_at_once_do_not_undo_each_other(office):
    desk = office.sit("whitfield")
    first = form(office, desk, scopes="launch openid fhirUser")
    office.clock.forward(minutes=1)
    assert desk.post("/issuers", first).status_code == 303
    late = desk.post("/issuers", {**first, "scopes": "launch openid"})
    assert late.status_code == 409
    assert registered(office).scopes == ("launch", "openid", "fhirUser")


def test_the_next_key_is_made_and_the_old_one_stays_published(office):
    desk, jwks = office.sit("whitfield"), f"/.well-known/jwks/{EHR}.json"
    client = office.app.test_client()

    def kids() -> set[str]:
        answer = client.get(jwks, base_url="http://127.0.0.1:8000")
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        return {key["kid"] for key in json.loads(answer.text)["keys"]}

    before = kids()
    assert desk.post("/issuers/rotate").status_code == 303
    assert len(kids()) == 2
    assert "signs from" in desk.get("/issuers").text
    office.clock.at += timedelta(days=8)
    assert before.isdisjoint(kids())


def test_the_keys_of_one_ehr_are_not_in_the_set_of_another(office):
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, replace(OTHER, client_secret=None), office.clock())
    client = office.app.test_client()
    sets = [
        {key["kid"] for key in client.get(path, base_url="http://127.0.0.1:8000").json["keys"]}
        for path in (f"/.well-known/jwks/{EHR}.json", "/.well-known/jwks/other-clinic.json")
    ]
    assert sets[0].isdisjoint(sets[1])
    assert client.get("/.well-known/jwks/nobody.json", base_url="http://127.0.0.1:8000").status_code == 404


def test_a_probe_of_an_ehr_that_is_away_says_so(office):
    page = office.sit("whitfield").post("/issuers/probe")
    assert page.status_code == 200
    assert "could not be reached" in page.text


def test_the_sheet_gives_a_reason_for_every_scope_and_names_what_is_still_open(office):
    desk = office.sit("whitfield")
    assert "PEERCHART_CONTACT_EMAIL" in desk.get("/issuers/sheet").text
    said = desk.get("/issuers/sheet.json").json
    assert said["addresses"]["jwks"].endswith(f"/.well-known/jwks/{EHR}.json")
    assert [one["v2"] for one in said["scopes"]] == list(registered(office).scopes)
    assert all(one["why"] for one in said["scopes"])


def test_an_administrator_chooses_what_goes_beside_the_records_and_reads_what_is_still_lacking(office):
    desk = office.sit("whitfield")
    assert desk.post("/issuers/also", {"also": "audit-events"}).status_code == 303
    page = desk.get("/issuers").text
    assert re.search(r'value="audit-events" checked', page)
    assert "the backend client needs system/AuditEvent.crs" in page
    assert "what goes beside records changed" in page
    answer = desk.post("/issuers/also", {"also": "notes"})
    assert answer.status_code == 422
    assert "Choose of: consents, audit-events" in answer.text
    assert desk.post("/issuers/also", {}).status_code == 303
    assert "the backend client needs" not in desk.get("/issuers").text
