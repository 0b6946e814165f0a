"""The whole walk at the sandbox EHR by real HTTP: launch, refresh, backend token, reading and writing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests

from smart_launch.backend import BackendTokens
from smart_launch.discovery import discover
from smart_launch.fhir_client import FhirClient, NotAllowed, OutcomeUnknown, Refused, Unreadable, Wait
from smart_launch.issuers import Issuer, by_iss
from smart_launch.keys import ClientKey, new_client_key, public_set
from smart_launch.launch import LaunchContext, LaunchRefused, PendingLaunch, begin, finish, refresh
from smart_launch.profile import EhrProfile
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.people import NOW

CALLBACK = "http://127.0.0.1:5000/cb/sandbox"
RESOURCE_SCOPES = ("user/Patient.rs", "user/Practitioner.rs", "user/Encounter.rs", "user/Task.crus")
SCOPES = ("openid", "fhirUser", "launch", "offline_access", *RESOURCE_SCOPES)
BACKEND_SCOPES = ("system/Task.crus", "system/Encounter.crus", "system/Patient.rs")
ASKED: dict[str, Any] = {"request_id": "req-1"}


@cache
def _key() -> ClientKey:
    return new_client_key("ES384")


def _clients() -> tuple[Client, ...]:
    keys = public_set([_key()])
    common: dict[str, Any] = {"redirect_uris": (CALLBACK,), "launch_uri": "http://127.0.0.1:5000/launch"}
    grants = ("authorization_code", "refresh_token")
    scope = " ".join(SCOPES)
    return (
        Client(client_id="peerchart", name="Peerchart", token_endpoint_auth_method="private_key_jwt",
               jwks=keys, grant_types=grants, scope=scope, **common),
        Client(client_id="peerchart-public", name="Public", token_endpoint_auth_method="none",
               grant_types=grants, scope=scope, **common),
        Client(client_id="peerchart-secret", name="Secret", token_endpoint_auth_method="client_secret_basic",
               client_secret="a-secret.of~32_characters", grant_types=grants, scope=scope, **common),
        Client(client_id="peerchart-backend", name="Backend", token_endpoint_auth_method="private_key_jwt",
               jwks=keys, grant_types=("client_credentials",), scope=" ".join(BACKEND_SCOPES)),
    )  # fmt: skip


@dataclass
class Clock:
    now: datetime = NOW

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class House:
    """One sandbox EHR, our registration there, and the browser in between."""

    base: str
    clock: Clock
    http: requests.Session

    def issuer(self, **changes: Any) -> Issuer:
        facts: dict[str, Any] = {
            "id": "sandbox",
            "iss": f"{self.base}/fhir",
            "client_id": "peerchart",
            "auth_method": "private_key_jwt",
            "redirect_uri": CALLBACK,
            "scopes": SCOPES,
            "backend_client_id": "peerchart-backend",
            "backend_scopes": BACKEND_SCOPES,
        }
        return Issuer(**{**facts, **changes})

    def profile(self) -> EhrProfile:
        return discover(self.http, self.issuer(), self.clock.now)

    def opened(self, **asked: Any) -> dict[str, str]:
        """What the EHR hands to the app's launch address."""
        answer = requests.post(f"{self.base}/launches", json={"user": "rivera", **asked}, timeout=5)
        assert answer.status_code == 201, answer.text
        return dict(parse_qsl(urlsplit(answer.json()["launch_url"]).query))

    def walked(self, issuer: Issuer, **asked: Any) -> tuple[PendingLaunch, dict[str, str]]:
        """Through the EHR's sign-in and back to our redirect address."""
        opened = self.opened(client_id=issuer.client_id, **asked)
        assert by_iss([issuer], opened["iss"]) is issuer
        pending, address = begin(issuer, self.profile(), opened["launch"], self.clock.now)
        answer = requests.get(address, timeout=5, allow_redirects=False)
        assert answer.status_code in {302, 303}, answer.text
        assert answer.headers["Location"].startswith(CALLBACK + "?")
        return pending, dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    def finished(self, issuer: Issuer, pending: PendingLaunch, params: dict[str, str]) -> LaunchContext:
        return finish(self.http, issuer, self.profile(), _key(), pending, params, self.clock.now)

    def launched(self, issuer: Issuer | None = None, **asked: Any) -> LaunchContext:
        issuer = issuer or self.issuer()
        return self.finished(issuer, *self.walked(issuer, **asked))

    def fhir(self, token: str, tries: float = 5) -> FhirClient:
        return FhirClient(self.http, f"{self.base}/fhir", lambda: token, timeout=(2, tries))

    def backend(self) -> FhirClient:
        tokens = BackendTokens(self.http)
        token = tokens.get(self.issuer(), self.profile(), _key(), self.clock.now)
        return self.fhir(token.access_token)

    def fault(self, name: str, **details: Any) -> None:
        answer = requests.post(f"{self.base}/_faults", json={"name": name, **details}, timeout=5)
        assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def running_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Clock]]:
    clock = Clock()
    config = Config(
        base_url="",
        database=str(tmp_path_factory.mktemp("sandbox") / "ehr.sqlite"),
        clients=_clients(),
        clock=lambda: clock.now,
        today=date(2026, 3, 2),
        faults=True,
    )
    with running(config) as base:
        yield base, clock


@pytest.fixture
def house(running_house: tuple[str, Clock], http: requests.Session) -> House:
    base, clock = running_house
    return House(base, clock, http)


def _task(number: str) -> bytes:
    return json.dumps(
        {
            "resourceType": "Task",
            "identifier": [{"system": "https://peerchart.example/id/task", "value": number}],
            "status": "requested",
            "intent": "order",
            "for": {"reference": "Patient/pat-lindqvist"},
        }
    ).encode()


def _condition(number: str) -> str:
    return f"identifier=https%3A%2F%2Fpeerchart.example%2Fid%2Ftask%7C{number}"


@pytest.mark.parametrize(
    "registration",
    [
        {},
        {"client_id": "peerchart-public", "auth_method": "none"},
        {
            "client_id": "peerchart-secret",
            "auth_method": "client_secret_basic",
            "client_secret": "a-secret.of~32_characters",
        },
    ],
    ids=["key", "public", "secret"],
)
def test_a_launch_from_the_chart_ends_with_the_right_person_patient_and_visit(
    house: House, registration: dict[str, str]
) -> None:
    issuer = house.issuer(**registration)
    context = house.launched(issuer, patient="pat-lindqvist", encounter="enc-visit-70002", intent="sign")
    assert context.fhir_user == "Practitioner/prac-rivera"
    assert (context.patient, context.encounter, context.intent) == (
        "pat-lindqvist",
        "enc-visit-70002",
        "sign",
    )
    assert context.missing_scopes(issuer.scopes) == ()
    client = house.fhir(context.access_token)
    read = client.read(f"Patient/{context.patient}", **ASKED)
    assert read.body is not None and read.body["id"] == "pat-lindqvist"
    assert client.read(context.fhir_user or "", **ASKED).status == 200


def test_a_launch_from_the_menu_has_no_patient(house: House) -> None:
    context = house.launched(user="chen")
    assert (context.patient, context.fhir_user) == (None, "Practitioner/prac-chen")


def test_a_code_is_good_once(house: House) -> None:
    issuer = house.issuer()
    pending, params = house.walked(issuer)
    house.finished(issuer, pending, params)
    with pytest.raises(LaunchRefused) as refused:
        house.finished(issuer, pending, params)
    assert refused.value.reason_code == "code-refused"
    assert refused.value.ehr_words.startswith("invalid_grant")


def test_a_key_that_is_not_registered_is_refused(house: House) -> None:
    issuer = house.issuer()
    pending, params = house.walked(issuer)
    with pytest.raises(LaunchRefused) as refused:
        finish(house.http, issuer, house.profile(), new_client_key(), pending, params, house.clock.now)
    assert refused.value.reason_code == "client-refused"


def test_a_token_for_another_application_is_refused(house: House) -> None:
    house.fault("wrong-audience")
    with pytest.raises(LaunchRefused) as refused:
        house.launched()
    assert refused.value.reason_code == "wrong-audience"


def test_a_refresh_rotates_and_the_old_refresh_token_is_dead(house: House) -> None:
    issuer, context = house.issuer(), house.launched(patient="pat-lindqvist")
    renewed = refresh(house.http, issuer, house.profile(), _key(), context, house.clock.now)
    assert renewed.access_token != context.access_token
    assert renewed.refresh_token != context.refresh_token
    assert renewed.patient == "pat-lindqvist"
    assert house.fhir(renewed.access_token).read("Patient/pat-lindqvist", **ASKED).status == 200
    with pytest.raises(LaunchRefused) as refused:
        refresh(house.http, issuer, house.profile(), _key(), context, house.clock.now)
    assert refused.value.reason_code == "refresh-refused"


def test_an_ended_token_is_not_allowed_and_a_new_one_helps(house: House) -> None:
    issuer, context = house.issuer(), house.launched(patient="pat-lindqvist")
    house.clock.pass_by((context.expires_at - house.clock.now).total_seconds() + 1)
    assert context.expired(house.clock.now)
    with pytest.raises(NotAllowed) as denied:
        house.fhir(context.access_token).read("Patient/pat-lindqvist", **ASKED)
    assert denied.value.token_problem
    renewed = refresh(house.http, issuer, house.profile(), _key(), context, house.clock.now)
    assert house.fhir(renewed.access_token).read("Patient/pat-lindqvist", **ASKED).status == 200


def test_what_the_scopes_do_not_allow_is_a_matter_of_policy(house: House) -> None:
    context = house.launched(patient="pat-lindqvist")
    assert not context.allows("user", "Encounter", "c")
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": "Patient/pat-lindqvist"},
    }
    with pytest.raises(NotAllowed) as denied:
        house.fhir(context.access_token).create("Encounter", json.dumps(visit).encode(), **ASKED)
    assert denied.value.status == 403 and not denied.value.token_problem


def test_a_backend_token_that_is_refused_is_forgotten_and_the_next_one_serves(house: House) -> None:
    tokens, issuer, profile = BackendTokens(house.http), house.issuer(), house.profile()
    house.fault("expired-token")
    ended = tokens.get(issuer, profile, _key(), house.clock.now).access_token
    with pytest.raises(NotAllowed) as denied:
        house.fhir(ended).read("Patient/pat-lindqvist", **ASKED)
    assert denied.value.token_problem
    tokens.forget(issuer.id, ended)
    fresh = tokens.get(issuer, profile, _key(), house.clock.now).access_token
    assert house.fhir(fresh).read("Patient/pat-lindqvist", **ASKED).status == 200


def test_an_id_token_that_has_ended_is_refused(house: House) -> None:
    house.fault("expired-token")
    with pytest.raises(LaunchRefused) as refused:
        house.launched()
    assert refused.value.reason_code == "id-token-expired"


def test_the_profile_says_what_the_sandbox_can_do(house: House) -> None:
    facts = house.profile().fhir
    assert facts.transaction is True
    assert facts.declares("DocumentReference", "create") is True
    assert facts.declares("Patient", "create") is False


def test_a_task_is_created_once_under_its_condition_and_updated_under_its_version(house: House) -> None:
    client, number = house.backend(), str(uuid4())
    first = client.create("Task", _task(number), if_none_exist=_condition(number), **ASKED)
    again = client.create("Task", _task(number), if_none_exist=_condition(number), **ASKED)
    assert (first.status, again.status) == (201, 200)
    assert first.location == again.location and first.location
    changed = {**json.loads(_task(number)), "id": first.location.split("/")[1], "status": "completed"}
    body = json.dumps(changed).encode()
    updated = client.update(first.location, body, if_match=first.version_id, **ASKED)
    assert updated.version_id != first.version_id
    with pytest.raises(Refused) as refused:
        client.update(first.location, body, if_match=first.version_id, **ASKED)
    assert refused.value.status in {409, 412} and refused.value.words


def test_a_transaction_stands_as_a_whole(house: House) -> None:
    client, number = house.backend(), str(uuid4())
    entry = {
        "fullUrl": f"urn:uuid:{uuid4()}",
        "resource": json.loads(_task(number)),
        "request": {"method": "POST", "url": "Task", "ifNoneExist": _condition(number)},
    }
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
    answer = client.transaction(bundle, **ASKED)
    assert answer.body is not None
    (response,) = [entry["response"] for entry in answer.body["entry"]]
    assert response["status"].startswith("201")
    found = client.search("Task", {"identifier": f"https://peerchart.example/id/task|{number}"}, **ASKED)
    assert len(found.matches) == 1 and found.complete


def test_a_search_reads_all_pages(house: House) -> None:
    found = house.backend().search("Patient", {"_count": "5"}, **ASKED)
    assert len(found.matches) >= 12 and found.pages >= 3 and found.complete
    assert len({patient["id"] for patient in found.matches}) == len(found.matches)


@pytest.mark.parametrize(
    ("fault", "writing", "reading"),
    [
        ("down", Wait, Wait),
        ("html", OutcomeUnknown, Unreadable),
        ("refuse", Refused, None),
        ("drop-after-commit", OutcomeUnknown, None),
        ("fail-after-commit", OutcomeUnknown, None),
    ],
)
def test_each_fault_of_the_ehr_is_sorted_by_what_to_do_next(
    house: House, fault: str, writing: type[Exception], reading: type[Exception] | None
) -> None:
    client, number = house.backend(), str(uuid4())
    house.fault(fault)
    with pytest.raises(writing):
        client.create("Task", _task(number), if_none_exist=_condition(number), **ASKED)
    house.fault(fault, count=0)
    settled = client.create("Task", _task(number), if_none_exist=_condition(number), **ASKED)
    assert settled.status == (200 if fault.endswith("after-commit") else 201)
    if reading:
        house.fault(fault)
        with pytest.raises(reading):
            client.read("Patient/pat-lindqvist", **ASKED)
        house.fault(fault, count=0)
