"""A fault strikes as often as planned, where it was planned, and in the launch that bears it."""

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock, Office, bearer_of, redirected


def test_a_fault_of_one_launch_does_not_touch_another(office: Office) -> None:
    spoiled = office.launched_with("token-type", "no-id-token")
    other = office.launched_with()
    assert office.sign_in(launch=other)["token_type"] == "Bearer"
    answer = office.sign_in(launch=spoiled)
    assert answer["token_type"] == "mac"
    assert "id_token" not in answer


def test_a_launch_keeps_its_faults_in_every_later_call(office: Office) -> None:
    answer = office.faulty({"name": "down", "count": 2}, "tenant")
    calls = [office.call("GET", "/Patient", bearer_of(answer)).status_code for _ in range(3)]
    assert calls == [503, 503, 200]
    assert office.refresh(answer).json()["tenant"] == "tenant-north"
    assert office.call("GET", "/Patient").status_code == 200


def test_a_fault_of_the_ehr_strikes_once_unless_it_says_more(office: Office) -> None:
    office.plan("tenant")
    office.plan("intent", count=2, value="record-contact")
    found = [office.sign_in() for _ in range(3)]
    assert ["tenant" in one for one in found] == [True, False, False]
    assert [one.get("intent") for one in found] == ["record-contact", "record-contact", None]


def test_planned_faults_are_listed_and_can_be_forgotten(office: Office) -> None:
    office.plan("style-url", count=None, value="http://169.254.169.254/")
    planned = office.get("/_faults").json()["planned"]
    assert planned == [{"name": "style-url", "count": None, "value": "http://169.254.169.254/"}]
    assert office.delete("/_faults").status_code == 204
    assert office.get("/_faults").json()["planned"] == []
    assert office.sign_in()["smart_style_url"] == f"{office.base}/style.json"


def test_the_documents_bear_the_faults_of_the_newest_launch(office: Office) -> None:
    path = "/fhir/.well-known/smart-configuration"
    office.launched_with("no-jwks-uri", "html")
    assert "jwks_uri" not in office.get(path).json()
    office.launched_with()
    assert "jwks_uri" in office.get(path).json()


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        ("slow", "list"),
        (["nonsense"], "nonsense"),
        ([7], "name"),
        ([{"name": "slow", "seconds": "long"}], "seconds"),
        ([{"name": "slow", "at": "nowhere"}], "nowhere"),
        ([{"name": "fhir-user", "form": "odd"}], "form"),
        ([{"name": "narrowed-scopes", "scope": 7}], "scope"),
        ([{"name": "tenant", "count": True}], "count"),
    ],
)
def test_a_launch_with_an_unreadable_fault_says_why(office: Office, faults: Any, text: str) -> None:
    answer = office.post("/launches", json={"user": "rivera", "faults": faults})
    assert answer.status_code == 400
    assert text in answer.text or text == "nowhere"


def test_an_ehr_without_faults_starts_no_faulty_launch(
    clients: tuple[Client, ...], tmp_path: Any, office: Office
) -> None:
    with running(Config("", str(tmp_path / "ehr.sqlite3"), clients, Clock(), TODAY)) as base:
        plain = Office(base, office.clock, office.keys)
        answer = plain.post("/launches", json={"user": "rivera", "faults": ["slow"]})
        assert answer.status_code == 400
        assert "without faults" in answer.json()["error"]
        assert plain.get("/_faults").status_code == 404


def standing_alone(office: Office, scope: str = "openid launch/patient patient/*.rs") -> dict[str, Any]:
    verifier = secrets.token_urlsafe(48)
    form = office.request(verifier, scope=scope) | {"decision": "sign-in", "user": "chen"}
    answer = office.post("/auth/authorize", data=form | {"patient": "pat-moss"}, allow_redirects=False)
    found: dict[str, Any] = office.exchange(redirected(answer)["code"], verifier).json()
    return found


def test_standalone_launches_of_one_client_bear_faults_until_told_otherwise(office: Office) -> None:
    asked = {"client_id": "public", "standalone": True}
    answer = office.post("/launches", json=asked | {"faults": ["tenant"]})
    assert parse_qs(urlsplit(answer.json()["launch_url"]).query) == {"iss": [office.fhir]}
    assert standing_alone(office)["tenant"] == "tenant-north"
    assert "tenant" not in office.faulty()
    assert office.post("/launches", json=asked | {"faults": []}).status_code == 201
    assert "tenant" not in standing_alone(office)
