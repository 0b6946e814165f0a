"""A running sandbox EHR for each test module."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import CALLBACK, EVERYTHING, TODAY, Clock, Keys, Office


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def clients(keys: Keys) -> tuple[Client, ...]:
    shared: dict[str, Any] = {
        "redirect_uris": (CALLBACK,),
        "launch_uri": "http://127.0.0.1:9/launch",
        "grant_types": ("authorization_code", "refresh_token"),
        "scope": EVERYTHING,
    }
    return (
        Client(client_id="public", name="Public app", token_endpoint_auth_method="none", **shared),
        Client(
            client_id="confidential",
            name="Confidential app",
            token_endpoint_auth_method="private_key_jwt",
            jwks=keys.public(),
            **shared,
        ),
        Client(
            client_id="backend",
            name="Backend",
            token_endpoint_auth_method="private_key_jwt",
            jwks=keys.public(),
            grant_types=("client_credentials",),
            scope="system/*.cruds",
        ),
        Client(
            client_id="basic",
            name="Basic",
            token_endpoint_auth_method="client_secret_basic",
            client_secret="a-secret",
            grant_types=("client_credentials", "authorization_code"),
            redirect_uris=(CALLBACK,),
            scope="system/Encounter.rs openid",
        ),
    )


@pytest.fixture(scope="module")
def office(
    clients: tuple[Client, ...], keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    clock = Clock()
    file = tmp_path_factory.mktemp("ehr") / "ehr.sqlite3"
    config = Config(base_url="", database=str(file), clients=clients, clock=clock, today=TODAY, faults=True)
    with running(config) as base:
        yield Office(base, clock, keys)


@pytest.fixture
def encounter() -> dict[str, Any]:
    """An Encounter that the EHR accepts."""
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": "urn:test:encounter", "value": str(uuid.uuid4())}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": "Patient/pat-moss"},
        "period": {"start": "2026-11-20T10:00:00-05:00", "end": "2026-11-20T10:40:00-05:00"},
    }
