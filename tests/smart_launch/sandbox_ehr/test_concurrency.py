"""A condition and its create are one step, however threads interleave."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smart_launch.sandbox_ehr.config import NEW_YORK
from smart_launch.sandbox_ehr.database import Database
from smart_launch.sandbox_ehr.people import seed
from smart_launch.sandbox_ehr.records import Records
from smart_launch.sandbox_ehr.scopes import Grant, ResourceScope
from smart_launch.sandbox_ehr.store import Store
from smart_launch.sandbox_ehr.transaction import run_bundle
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock

EVERYTHING = Grant("backend", (ResourceScope("system", "*", frozenset("cruds")),))


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    database = Database(str(tmp_path / "ehr.sqlite3"))
    store = Store(database, "http://localhost:1/fhir", NEW_YORK, Clock())
    seed(store, TODAY, NEW_YORK)
    # Threads change places as often as they can, so that a gap between two steps is found.
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield Records(store, EVERYTHING)
    sys.setswitchinterval(before)
    database.close()


def encounter(value: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "identifier": [{"system": "urn:test", "value": value}],
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/pat-moss"},
    }


def test_one_condition_creates_one_resource(records: Records) -> None:
    gate = threading.Barrier(8)

    def create(number: int, value: str) -> bool:
        condition = f"identifier=urn:test|{value}"
        gate.wait(20)
        if number % 2:
            return records.create(encounter(value), condition=condition).created
        request = {"method": "POST", "url": "Encounter", "ifNoneExist": condition}
        entry = {"request": request, "resource": encounter(value)}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = run_bundle(records, bundle)
        return bool(answer["entry"][0]["response"]["status"] == "201")

    with ThreadPoolExecutor(8) as pool:
        for turn in range(25):
            created = list(pool.map(create, range(8), [str(turn)] * 8))
            assert created.count(True) == 1
            visits_of_the_people = 4
            assert records.store.count("Encounter", ()) == visits_of_the_people + turn + 1
