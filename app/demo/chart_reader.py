"""Reading the sandbox EHR afterwards, by backend services, as an auditor would: all of a type, whole."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app import outbox
from app.delivery.ehr import Ehr
from app.delivery.loop import worker_of
from app.demo.processes import Demo
from app.demo.setting_up import ISSUER, OWNED_BY_EHR
from app.keyring import Keyring
from app.outbox import DeliveryLine
from app.settings import Settings
from app.store import Store, open_store
from smart_launch.fhir_client import FhirClient, http_session

Json = dict[str, Any]
IDENTIFIERS = "https://peerchart.example/id"
SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class ChartReader:
    """The EHR as it stands, and the app's outbox."""

    client: FhirClient
    store: Store
    _read: dict[str, list[Json]] = field(default_factory=dict, repr=False)

    def all_of(self, resource_type: str) -> list[Json]:
        """Every resource of a type, read once."""
        if resource_type not in self._read:
            found = self.client.search(resource_type, {"_count": "100"}, request_id="demo-check")
            self._read[resource_type] = list(found.matches)
        return self._read[resource_type]

    def of_person(self, resource_type: str, patient: str) -> list[Json]:
        """The resources of a type that are ours (by our identifiers) and this person's."""
        return [
            one
            for one in self.all_of(resource_type)
            if _whose(one) == f"Patient/{patient}" and any(_ours(one))
        ]

    def signatures_on(self, reference: str) -> list[Json]:
        """The Provenances whose target is this resource, in order of time."""
        found = [one for one in self.all_of("Provenance") if reference in _targets(one)]
        return sorted(found, key=lambda one: str(one.get("recorded")))

    def counts(self) -> dict[str, int]:
        """How many there are of what the EHR owns."""
        return {
            name: len(self.client.search(name, {}, request_id="demo-check").matches) for name in OWNED_BY_EHR
        }

    def deliveries(self) -> tuple[DeliveryLine, ...]:
        """The outbox of the app once nothing is under way any more, oldest first; raises TimeoutError."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            with self.store.read() as session:
                lines = outbox.listing(session, None)
            oldest_first = lines[::-1]
            if not any(_under_way(line, oldest_first) for line in lines):
                return oldest_first
            time.sleep(0.1)
        raise TimeoutError("deliveries are still under way")


@contextmanager
def reading(demo: Demo) -> Iterator[ChartReader]:
    """A reader with the installation's own token, while the block runs."""
    settings = Settings(data_dir=demo.folder, base_url=demo.app_base)
    with open_store(settings) as store, http_session() as http:
        worker = worker_of(settings, store, Keyring(store, settings), http, lambda: datetime.now(UTC))
        ehr: Ehr = worker.ehrs.open(ISSUER, datetime.now(UTC))
        yield ChartReader(ehr.client, store)


def note_text(document: Mapping[str, Any]) -> str:
    """The text that a DocumentReference carries."""
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode("utf-8")


def named(resources: list[Json], kind: str, value: str) -> list[Json]:
    """Those with this identifier of ours."""
    wanted = (f"{IDENTIFIERS}/{kind}", value)
    return [one for one in resources if wanted in _ours(one)]


def _under_way(line: DeliveryLine, lines: Sequence[DeliveryLine]) -> bool:
    # A row behind a held one of the same record waits for people, not for the worker.
    stuck = {outbox.HELD, outbox.REFUSED}
    behind = any(
        one.id < line.id and one.state in stuck and (one.patient, one.subject) == (line.patient, line.subject)
        for one in lines
    )
    return line.state == outbox.SENDING or (line.state == outbox.WAITING and not behind)


def _ours(resource: Json) -> list[tuple[str, str]]:
    listed = resource.get("identifier") or []
    pairs = [(str(one.get("system")), str(one.get("value"))) for one in listed]
    return [pair for pair in pairs if pair[0].startswith(IDENTIFIERS)]


def _whose(resource: Json) -> str:
    for name in ("subject", "patient", "for"):
        if isinstance(resource.get(name), dict):
            return str(resource[name].get("reference"))
    return ""


def _targets(provenance: Json) -> list[str]:
    return [str(one.get("reference")).split("/_history/")[0] for one in provenance.get("target", ())]
