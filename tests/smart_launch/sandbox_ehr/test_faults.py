"""Planned faults strike as often as planned, and only where they were asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock, Office, shows


def of_note(office: Office, bearer: dict[str, str], encounter: dict[str, Any]) -> int:
    value = encounter["identifier"][0]["value"]
    return int(office.call("GET", f"/Encounter?identifier={value}", bearer).json()["total"])


@shows("refuse")
@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("down", 503, "application/fhir+json"),
        ("refuse", 422, "application/fhir+json"),
        ("html", 200, "text/html"),
    ],
)
def test_a_fault_before_the_commit_stores_nothing(
    office: Office, encounter: dict[str, Any], name: str, status: int, kind: str
) -> None:
    bearer = office.bearer()
    said = {"text": "Not in this department."} if name == "refuse" else {}
    office.plan(name, count=2, **said)
    for _ in range(2):
        answer = office.call("POST", "/Encounter", bearer, json=encounter)
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith(kind)
        assert name != "refuse" or "Not in this department." in answer.text
    assert of_note(office, bearer, encounter) == 0
    assert office.call("POST", "/Encounter", bearer, json=encounter).status_code == 201


@shows("drop-after-commit", "fail-after-commit")
def test_a_lost_answer_was_committed(office: Office, encounter: dict[str, Any]) -> None:
    bearer = office.bearer()
    office.plan("drop-after-commit")
    with pytest.raises(requests.ConnectionError):
        office.call("POST", "/Encounter", bearer, json=encounter)
    assert of_note(office, bearer, encounter) == 1
    office.plan("fail-after-commit")
    assert office.call("POST", "/Encounter", bearer, json=encounter).status_code == 500
    assert of_note(office, bearer, encounter) == 2


def test_a_slow_server_answers_late(office: Office) -> None:
    bearer = office.bearer()
    office.plan("slow", seconds=1)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{office.fhir}/Patient", headers=bearer, timeout=0.2)
    assert office.call("GET", "/Patient", bearer).status_code == 200


def test_the_next_tokens_are_expired_or_for_another(office: Office) -> None:
    keys = KeySet.import_key_set(office.get("/auth/jwks").json())

    def claims() -> tuple[dict[str, Any], dict[str, str]]:
        token = office.sign_in()
        read = jwt.decode(token["id_token"], keys, algorithms=["RS256"]).claims
        return dict(read), {"Authorization": f"Bearer {token['access_token']}"}

    office.plan("expired-token")
    expired, bearer = claims()
    assert expired["exp"] < office.clock.now.timestamp()
    assert office.call("GET", "/Patient", bearer).status_code == 401
    office.plan("wrong-audience")
    assert claims()[0]["aud"] == "another-client"
    right, bearer = claims()
    assert right["aud"] == "public"
    assert office.call("GET", "/Patient", bearer).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "unknown"},
        {},
        {"name": "down", "surprise": 1},
        {"name": "down", "count": -1},
        {"name": "down", "count": "x"},
        {"name": "slow", "seconds": 1000},
        [],
    ],
)
def test_an_unreadable_fault_is_refused(office: Office, asked: Any) -> None:
    answer = office.post("/_faults", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_without_the_flag_there_are_no_faults(clients: tuple[Client, ...], tmp_path: Path) -> None:
    config = Config("", str(tmp_path / "ehr.sqlite3"), clients, Clock(), TODAY)
    with running(replace(config, faults=False)) as base:
        answer = requests.post(f"{base}/_faults", json={"name": "down"}, timeout=10)
        assert answer.status_code == 404
        assert requests.get(f"{base}/fhir/metadata", timeout=10).status_code == 200
