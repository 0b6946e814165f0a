"""A real sandbox EHR over HTTP, a real outbox, and notes to deliver; the tests move the clock."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests
from fhir.resources.R4B import get_fhir_model_class

from app import migrations, outbox
from app.delivery import PRESETS, BackendEhrs, Ehr, Pace, Report, Worker
from app.keyring import Keyring
from app.outbox import DeliveryLine
from app.registry import register, registered
from app.settings import Settings
from app.store import Store, open_store
from mappings.fhir.bundle import ChartLinks, contact_bundle
from mappings.intake import read_record
from mappings.library import Library, load
from mappings.note_text import note_text
from mappings.office import Surroundings
from mappings.records import Contact, Program, Staff
from mappings.rules import judge
from mappings.seal import Seal, new_seal_key, seal, statement_of
from smart_launch.fhir_client import http_session
from smart_launch.issuers import Issuer
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.intake_makers import as_line, office, pre_admission, seeded

NOW = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
PATIENT = "pat-moss"
TYPES = [
    "Encounter",
    "DocumentReference",
    "Provenance",
    "Task",
    "EpisodeOfCare",
    "Goal",
    "CarePlan",
    "ServiceRequest",
    "Claim",
    "Consent",
    "AuditEvent",
]
OWNED = ["Patient", "Coverage", "Condition", "Practitioner", "Organization", "Location"]
SCOPES = (*(f"system/{name}.crus" for name in TYPES), *(f"system/{name}.rs" for name in OWNED))
LINKS = ChartLinks(
    patient=f"Patient/{PATIENT}",
    practitioners={"1900000021": "Practitioner/prac-rivera", "1900000039": "Practitioner/prac-chen"},
    organization="Organization/org-riverbend",
    location="Location/loc-riverbend",
)


@cache
def library() -> Library:
    return load()


@dataclass
class Clock:
    """The time of both sides."""

    now: datetime = NOW


@dataclass
class House:
    """The EHR's address, our outbox and its worker, and a clock."""

    base: str
    store: Store
    keyring: Keyring
    http: requests.Session
    clock: Clock
    takes: str = "full"
    us_core: str = ""

    def __post_init__(self) -> None:
        self.ehrs = BackendEhrs(
            self.http,
            self._issuer,
            self._key,
            lambda _: replace(PRESETS[self.takes], us_core=self.us_core),
            # A machine with much to do answers late, and what is late is asked again.
            timeout=(2, 2),
        )

    @property
    def now(self) -> datetime:
        """The time."""
        return self.clock.now

    def _issuer(self, issuer_id: str) -> Issuer:
        with self.store.read() as session:
            return registered(session, self.keyring).by_id(issuer_id)

    def _key(self, issuer_id: str) -> Any:
        with self.store.read() as session:
            return self.keyring.client_key(session, issuer_id)

    def worker(self, name: str = "one", ehrs: Any = None) -> Worker:
        chance = random.Random(1)  # noqa: S311 - spreads waits
        return Worker(self.store, ehrs or self.ehrs, name, lambda: self.now, chance, Pace())

    def later(self, **span: int) -> None:
        self.clock.now += timedelta(**span)

    def deliver(self, rounds: int = 8) -> list[Report]:
        """Drain, and come back a quarter of an hour later, until nothing waits."""
        reports: list[Report] = []
        for _ in range(rounds):
            reports += self.worker().drain()
            if not any(line.state == outbox.WAITING for line in self.lines()):
                break
            self.later(minutes=16)
        return reports

    def add_note(self, number: int = 1, patient: str = PATIENT) -> dict[str, Any]:
        bundle = note_bundle(number)
        self.add(bundle, outbox.NOTE, f"note/{number}/1", patient, f"C-{number}")
        return bundle

    def add(self, payload: dict[str, Any], kind: str, key: str, patient: str, subject: str) -> None:
        with self.store.write() as session:
            raw = json.dumps(payload).encode()
            outbox.add(session, "sandbox", outbox.CHART, kind, key, patient, subject, raw, self.now)

    def lines(self) -> list[DeliveryLine]:
        with self.store.read() as session:
            return list(outbox.listing(session, None))[::-1]

    def fault(self, name: str, **more: Any) -> None:
        answer = self.http.post(f"{self.base}/_faults", json={"name": name, **more}, timeout=10)
        assert answer.status_code == 200, answer.text

    def ehr(self) -> Ehr:
        return self.ehrs.open("sandbox", self.now)

    def all_of(self, resource_type: str) -> list[dict[str, Any]]:
        return list(self.ehr().client.search(resource_type, {"_count": "100"}, request_id="test").matches)

    def counted(self) -> dict[str, int]:
        """How many of each type carry an identifier of ours, or are signatures."""
        return {name: len([one for one in self.all_of(name) if _ours(one)]) for name in TYPES[:5]}


@cache
def _models_read() -> None:
    """The EHR reads its models at the first request of a process, which takes longer than we wait."""
    for name in (*TYPES, "RelatedPerson"):
        get_fhir_model_class(name)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A running EHR with faults allowed, and an installation registered with it; both share one clock."""
    _models_read()
    settings = Settings(data_dir=folder / "data")
    clock = Clock()
    with open_store(settings) as store, http_session(tries=1) as http:
        migrations.upgrade(store)
        keyring = Keyring(store, settings)

        def config(base: str) -> Config:
            with store.write() as session:
                register(session, keyring, registration(base), NOW)
            return Config(
                base_url=base,
                database=str(folder / "ehr.sqlite3"),
                clients=(_client(keyring.public_client_keys()),),
                clock=lambda: clock.now,
                today=date(2026, 7, 1),
                faults=True,
            )

        with running(config) as base:
            yield House(base, store, keyring, http, clock)


def registration(base: str) -> Issuer:
    return Issuer(
        id="sandbox",
        iss=f"{base}/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri="http://127.0.0.1:9/cb/sandbox",
        scopes=("launch",),
        jurisdiction="us-ny",
        backend_client_id="peerchart-backend",
        backend_scopes=SCOPES,
    )


def _client(jwks: dict[str, Any]) -> Client:
    return Client(
        client_id="peerchart-backend",
        name="Backend",
        token_endpoint_auth_method="private_key_jwt",
        jwks=jwks,
        grant_types=("client_credentials",),
        scope=" ".join(SCOPES),
    )


@cache
def note_json(number: int) -> str:
    """The Bundle of a signed and co-signed note of its own contact, as text."""
    made = pre_admission(seeded(number), minutes=40)
    made["id"] = f"C-{number}"
    records = [read_record(as_line(one)) for one in [*office(), made]]
    contact = records[-1]
    assert isinstance(contact, Contact)
    [judgement] = judge(records, library(), NOW)
    staff = {one.id: one for one in records if isinstance(one, Staff)}
    program = next(one for one in records if isinstance(one, Program))
    around = Surroundings(staff, program, {})
    text = note_text(contact, judgement, around, library())
    seals = _seals(contact, text)
    return json.dumps(contact_bundle(contact, judgement, around, seals, LINKS, library(), NOW, text))


def note_bundle(number: int) -> dict[str, Any]:
    """The Bundle of a note as data."""
    bundle: dict[str, Any] = json.loads(note_json(number))
    return bundle


def _seals(contact: Contact, text: str) -> list[Seal]:
    key = new_seal_key()
    made: list[Seal] = []
    for one in contact.signatures:
        said = statement_of(contact, one, text, made[-1].jws if made else None)
        assert one.at is not None
        made.append(Seal(str(one.meaning), str(one.by), one.at, said, seal(said, key)))
    return made


def note_text_in(document: dict[str, Any]) -> str:
    """The text a DocumentReference carries."""
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def _ours(resource: dict[str, Any]) -> bool:
    if resource["resourceType"] == "Provenance":
        return "signature" in resource
    listed = resource.get("identifier") or []
    return any(str(one.get("system", "")).startswith("https://peerchart.example/id") for one in listed)
