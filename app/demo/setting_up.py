"""The demo's installation: database, keys, staff, programme, and each side registered with the other."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from app import migrations, staff
from app.actor import ADMINISTRATOR, Actor
from app.delivery.capability import PRESETS
from app.delivery.overrides import keep_override
from app.keyring import Keyring
from app.registry import register
from app.settings import Settings
from app.store import open_store
from mappings.intake import read_record
from mappings.records import Program
from smart_launch.issuers import Issuer

ISSUER = "sandbox"
CLIENT, BACKEND = "peerchart", "peerchart-backend"
_READ = ("Patient", "Coverage", "Condition", "EpisodeOfCare", "Encounter")
_READ_ANYWHERE = ("Practitioner", "PractitionerRole", "Organization", "Location")
_WRITTEN = (
    "Encounter",
    "DocumentReference",
    "Provenance",
    "Task",
    "EpisodeOfCare",
    "Goal",
    "CarePlan",
    "ServiceRequest",
    "RelatedPerson",
    "Claim",
    "Consent",
)
LAUNCH_SCOPES = (
    "launch",
    "openid",
    "fhirUser",
    *(f"patient/{name}.rs" for name in _READ),
    *(f"user/{name}.rs" for name in _READ_ANYWHERE),
)
# What the check reads afterwards to prove that nobody was created or doubled.
OWNED_BY_EHR = ("Patient", "Practitioner", "Organization", "Coverage")
BACKEND_SCOPES = (
    *(f"system/{name}.crus" for name in _WRITTEN),
    "system/AuditEvent.crs",
    *(f"system/{name}.rs" for name in (*OWNED_BY_EHR, "PractitionerRole")),
)


def data_file(name: str) -> str:
    """The text of one of the demo's own files."""
    return (files("app.demo") / "data" / name).read_text(encoding="utf-8")


def people() -> list[dict[str, str]]:
    """Who may sign in at the sandbox EHR: login, name, and what they do."""
    return list(json.loads(data_file("people.json")))


def set_up(folder: Path, app_base: str, ehr_base: str, takes: str, now: datetime) -> Settings:
    """Make or mend the installation in `folder` for these two addresses; `takes` is a name of PRESETS."""
    settings = Settings(data_dir=folder, base_url=app_base, deliver_every_seconds=1)
    with open_store(settings) as store:
        migrations.upgrade(store)
        keyring = Keyring(store, settings)
        with store.write() as session:
            register(session, keyring, issuer_of(app_base, ehr_base), now)
        with store.write() as session:
            keeper = Actor(ISSUER, "demo", "Demo", frozenset({ADMINISTRATOR}), "demo")
            report = staff.import_csv(session, keeper, data_file("staff.csv"), now)
            if report.refused:
                raise ValueError(f"the demo's staff file is not in order: {report.refused}")
            staff.save_program(session, keeper, _program(), now)
    keep_override(folder, ISSUER, PRESETS[takes])
    (folder / "clients.json").write_text(json.dumps(clients(app_base), indent=1), encoding="utf-8")
    return settings


def issuer_of(app_base: str, ehr_base: str) -> Issuer:
    """The sandbox EHR as the app has it registered."""
    return Issuer(
        id=ISSUER,
        iss=f"{ehr_base}/fhir",
        client_id=CLIENT,
        auth_method="private_key_jwt",
        redirect_uri=f"{app_base}/cb/{ISSUER}",
        scopes=LAUNCH_SCOPES,
        frame_origins=(ehr_base,),
        jurisdiction="us-ny",
        backend_client_id=BACKEND,
        backend_scopes=BACKEND_SCOPES,
    )


def clients(app_base: str) -> list[dict[str, Any]]:
    """The app as the sandbox EHR has it registered."""
    keys = f"{app_base}/.well-known/jwks.json"
    return [
        {
            "client_id": CLIENT,
            "name": "Peerchart",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": keys,
            "redirect_uris": [f"{app_base}/cb/{ISSUER}"],
            "launch_uri": f"{app_base}/launch",
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": " ".join(LAUNCH_SCOPES),
        },
        {
            "client_id": BACKEND,
            "name": "Peerchart, for itself",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": keys,
            "grant_types": ["client_credentials"],
            "scope": " ".join(BACKEND_SCOPES),
        },
    ]


def _program() -> Program:
    record = read_record(data_file("program.json"))
    if not isinstance(record, Program):
        raise TypeError("program.json holds a record of kind program")
    return record
