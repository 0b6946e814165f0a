"""The door at a launcher written by others: nothing is set but its registration, as an administrator does."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from app import registry
from app.service import utc_now
from smart_launch.issuers import Issuer
from tests.app.web.office import EHR, ORIGIN, Office, open_office
from tests.smart_launch.foreign_launcher import App, Books, launcher, packed

BACK = f"{ORIGIN}/cb/{EHR}"
SECRET = "a-secret_of.32~letters"
MOSS = {
    "name": [{"use": "official", "family": "Moss", "given": ["Alex"]}],
    "birthDate": "1990-02-03",
    "identifier": [{"type": {"coding": [{"code": "MR"}]}, "system": "urn:mrn", "value": "MRN-70001"}],
}
RIVERA = {"name": [{"family": "Rivera", "given": ["Pat"]}]}
KINDS: dict[str, dict[str, Any]] = {
    "public": {"auth_method": "none"},
    "secret": {"auth_method": "client_secret_basic", "client_secret": SECRET},
    "key": {"auth_method": "private_key_jwt"},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str, Books]]:
    with launcher() as (origin, books):
        office = open_office(tmp_path_factory.mktemp("door"), clock=utc_now, ehr=f"{origin}/v/r4")
        keys = office.kit.keyring.public_client_keys(EHR)
        books.apps |= {
            "public": App("public", "none", BACK),
            "secret": App("secret", "client_secret_basic", BACK, SECRET),
            "key": App("key", "private_key_jwt", BACK, jwks=keys),
        }
        books.charts |= {"Patient/pat-moss": MOSS, "Practitioner/prac-rivera": RIVERA}
        yield office, origin, books
        office.kit.store.close()


def _register(office: Office, kind: str, **changes: Any) -> Issuer:
    with office.kit.store.write() as session:
        before = registry.registered(session, office.kit.keyring).by_id(EHR)
        facts = {"client_secret": None, **KINDS[kind], "client_id": kind, **changes}
        issuer = replace(before, **facts)
        registry.register(session, office.kit.keyring, issuer, utc_now())
    return issuer


def _opened(office: Office, address: str) -> TestResponse:
    browser = office.app.test_client()
    sent = browser.get(address, base_url=ORIGIN)
    assert sent.status_code == 302, sent.text
    back = requests.get(sent.headers["Location"], allow_redirects=False, timeout=10).headers["Location"]
    assert back.startswith(f"{BACK}?")
    answer = browser.get(back.removeprefix(ORIGIN), base_url=ORIGIN)
    for _ in range(4):
        if answer.status_code == 303:
            answer = browser.get(answer.headers["Location"], base_url=ORIGIN)
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_the_chart_opens_from_its_launch_for_each_kind_of_client(
    both: tuple[Office, str, Books], kind: str
) -> None:
    office, origin, _ = both
    iss = f"{origin}/v/r4/fhir"
    _register(office, kind, iss=iss)
    page = _opened(office, f"/launch?iss={iss}&launch={packed('pat-moss', 'prac-rivera')}")
    assert page.status_code == 200
    assert "Alex Moss" in html.unescape(page.text)
    assert "Pat Rivera" in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_the_chart_opens_standalone_at_the_address_that_carries_the_settings(
    both: tuple[Office, str, Books], kind: str
) -> None:
    office, origin, _ = both
    iss = f"{origin}/v/r4/sim/{packed('pat-moss', 'prac-rivera')}/fhir"
    _register(office, kind, iss=iss)
    page = _opened(office, f"/launch?iss={iss}")
    assert page.status_code == 200
    assert "Alex Moss" in html.unescape(page.text)
