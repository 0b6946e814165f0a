"""The registered EHRs: what was registered comes back, a secret stays one, and each has keys of its own."""

import dataclasses

import pytest

from app.problems import NotFound
from app.registry import jurisdiction_of, register, registered
from smart_launch.issuers import Issuer
from smart_launch.refusal import UnknownIssuer
from tests.app.office import ELSEWHERE, ISSUER, NOW

CLINIC = Issuer(
    id="clinic",
    iss="https://ehr.example/fhir",
    client_id="peerchart",
    auth_method="client_secret_basic",
    redirect_uri="https://app.example/cb/clinic",
    scopes=("launch", "openid", "patient/DocumentReference.c"),
    frame_origins=("https://ehr.example",),
    jurisdiction="us-id",
    backend_client_id="peerchart-backend",
    backend_scopes=("system/Claim.c",),
    client_secret="a secret between two",
    endpoint_hosts=("login.ehr.example",),
)


def test_what_was_registered_comes_back_whole(office):
    with office.store.write() as session:
        register(session, office.keyring, CLINIC, NOW)
    with office.store.read() as session:
        found = registered(session, office.keyring)
        assert jurisdiction_of(session, "clinic") == "us-id"
    assert found.by_id("clinic") == CLINIC
    assert found.by_iss("https://ehr.example/fhir") == CLINIC
    assert [issuer.id for issuer in found.issuers] == ["clinic", ELSEWHERE, ISSUER]


def test_the_client_secret_is_not_readable_in_the_database(office):
    with office.store.write() as session:
        register(session, office.keyring, CLINIC, NOW)
    folder = office.settings.data_dir
    everything = b"".join(file.read_bytes() for file in folder.iterdir() if "sqlite3" in file.name)
    assert b"a secret between two" not in everything
    assert b"login.ehr.example" in everything


def test_registering_again_changes_the_registration_and_keeps_the_keys(office):
    with office.store.write() as session:
        register(session, office.keyring, CLINIC, NOW)
        before = office.keyring.client_key(session, "clinic")
        changed = dataclasses.replace(CLINIC, client_secret=None, scopes=("launch",))
        register(session, office.keyring, changed, NOW)
        assert office.keyring.client_key(session, "clinic") == before
        assert registered(session, office.keyring).by_id("clinic") == changed


def test_an_ehr_that_is_not_registered_is_not_found(office):
    with office.store.read() as session:
        with pytest.raises(NotFound, match="not registered"):
            jurisdiction_of(session, "nowhere")
        with pytest.raises(UnknownIssuer):
            registered(session, office.keyring).by_id("nowhere")
