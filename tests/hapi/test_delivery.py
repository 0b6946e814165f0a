"""Our delivery to HAPI FHIR over HTTP: what it promises holds at a server that nobody of us wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import outbox
from app.also_sent import AUDIT_EVENTS, CONSENTS
from app.delivery import PRESETS
from app.delivery.probing import probe
from mappings.fhir.audit_event import line_of
from smart_launch.fhir_client import Refused
from tests.app import test_also_sent as beside_records
from tests.app.delivery_house import House, note_bundle, note_text_in
from tests.app.test_delivery import STANDS, WHOLE, amended_bundle
from tests.hapi.fhir_server import FhirServer, Json
from tests.hapi.front import Front
from tests.hapi.house import beside

ROOT = Path(__file__).parents[2]
NOTES = 12


@pytest.fixture
def both(hapi: FhirServer, tmp_path: Path) -> Iterator[tuple[House, Front]]:
    with beside(hapi, tmp_path) as made:
        yield made


@pytest.fixture
def ehr(both: tuple[House, Front]) -> House:
    return both[0]


@pytest.fixture
def front(both: tuple[House, Front]) -> Front:
    return both[1]


def states(made: House) -> list[str]:
    return [line.state for line in made.lines()]


def of_type(bundle: Json, resource_type: str) -> Json:
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == resource_type)


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_a_note_arrives_once_with_its_text_and_the_server_s_ids_come_back(ehr: House, takes: str) -> None:
    ehr.takes = takes
    sent = of_type(ehr.add_note(), "DocumentReference")
    [report] = ehr.deliver()
    assert report.state == outbox.IN_CHART, report.reason
    assert ehr.counted() == STANDS[takes]
    [there] = ehr.all_of("DocumentReference")
    assert note_text_in(there) == note_text_in(sent)
    assert f"DocumentReference/{there['id']}" in {
        one["reference"] for one in ehr.lines()[0].result["resources"]
    }


def test_without_a_token_of_the_ehr_nothing_is_read_or_written(ehr: House, front: Front) -> None:
    ehr.ehr()
    front.tokens.clear()
    answer = ehr.http.get(f"{front.origin}/fhir/Patient/pat-moss", timeout=10)
    assert answer.status_code == 401
    # A token that the EHR no longer knows is asked for anew, once, and the note arrives.
    ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.IN_CHART


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_writes_whose_answer_is_lost_are_found_and_never_sent_twice(
    ehr: House, front: Front, takes: str
) -> None:
    ehr.takes = takes
    ehr.ehr()
    for number in (1, 2, 3):
        ehr.add_note(number)
    front.lose = 7
    ehr.deliver(rounds=40)
    assert front.lose == 0 or takes == "full"
    assert states(ehr) == [outbox.IN_CHART] * 3
    # The three contacts are of three people of the generator, in one chart.
    assert {name: ehr.counted()[name] for name in ("Encounter", "DocumentReference", "Provenance")} == {
        "Encounter": 3, "DocumentReference": 3, "Provenance": 6,
    }  # fmt: skip


def test_consents_their_revocation_and_lines_of_the_trail_stand_once_whatever_answer_is_lost(
    ehr: House, front: Front
) -> None:
    beside_records.set_up(ehr)
    beside_records.asks(ehr, CONSENTS, AUDIT_EVENTS)
    ehr.ehr()
    number = beside_records.given(ehr)
    beside_records.did(ehr, "note opened")
    ehr.later(minutes=20)
    front.lose = 3
    ehr.deliver(rounds=40)
    beside_records.revoked(ehr, number)
    beside_records.given(ehr)
    front.lose = 2
    ehr.deliver(rounds=40)
    assert front.lose == 0
    assert set(states(ehr)) == {outbox.IN_CHART}
    assert sorted(one["status"] for one in ehr.all_of("Consent")) == ["active", "inactive"]
    numbers = Counter(line_of(one) for one in ehr.all_of("AuditEvent"))
    assert set(numbers.values()) == {1}
    assert ("pat-moss", "note-opened") in beside_records.lines_there(ehr)


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_a_worker_killed_while_the_server_answers_leaves_nothing_double(
    ehr: House, front: Front, takes: str, tmp_path: Path
) -> None:
    ehr.add_note()
    front.hold = True
    command = [sys.executable, "-m", "tests.hapi.house", str(tmp_path / "data"), front.origin, takes]
    with subprocess.Popen(command, cwd=ROOT) as doomed:
        arrived = front.held.wait(60)
        doomed.kill()
    assert arrived
    front.hold = False
    front.released.set()
    ehr.takes = takes
    ehr.later(minutes=4)  # the lease of the dead worker runs out
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted() == STANDS[takes]


def test_two_workers_bring_each_note_once(ehr: House) -> None:
    for number in range(1, NOTES + 1):
        ehr.add_note(number, patient=f"person-{number}")
    reports: list[Any] = []
    workers = [
        threading.Thread(target=lambda name=name: reports.extend(ehr.worker(name).drain()))
        for name in ("one", "two")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    ehr.deliver()
    assert [(line.state, line.reason) for line in ehr.lines()] == [(outbox.IN_CHART, None)] * NOTES
    assert Counter(one["identifier"][0]["value"] for one in ehr.all_of("DocumentReference")) == {
        f"C-{number}/note/1": 1 for number in range(1, NOTES + 1)
    }
    assert ehr.counted()["Provenance"] == 2 * NOTES


def test_an_amended_note_brings_its_times_to_the_encounter_that_stands(ehr: House) -> None:
    ehr.add_note()
    ehr.deliver()
    ehr.add(amended_bundle(), outbox.NOTE, "note/1/2", "pat-moss", "C-1")
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART] * 2
    [there] = [one for one in ehr.all_of("Encounter") if one.get("length")]
    assert there["length"]["value"] == 45
    assert there["meta"]["versionId"] == "2"
    assert ehr.counted() == WHOLE | {"DocumentReference": 2, "Provenance": 4, "Task": 2}


def test_an_episode_that_changes_is_updated_in_place(ehr: House) -> None:
    episode = of_type(note_bundle(1), "EpisodeOfCare")
    for number, status in enumerate(("planned", "active", "finished")):
        ehr.add({**episode, "status": status}, outbox.EPISODE, f"episode/{number}", "pat-moss", "pat-moss")
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART] * 3
    [there] = [one for one in ehr.all_of("EpisodeOfCare") if one.get("identifier")]
    assert (there["status"], there["meta"]["versionId"]) == ("finished", "3")


def test_an_update_of_what_somebody_else_has_changed_is_refused_and_changes_nothing(ehr: House) -> None:
    ehr.add_note()
    ehr.deliver()
    client = ehr.ehr().client
    [there] = ehr.all_of("Task")
    place = f"Task/{there['id']}"
    client.update(place, json.dumps({**there, "status": "on-hold"}).encode(), request_id="t", if_match="1")
    with pytest.raises(Refused) as refused:
        client.update(place, json.dumps(there).encode(), request_id="t", if_match="1")
    assert refused.value.status in {409, 412}
    assert client.read(place, request_id="t").body["status"] == "on-hold"  # type: ignore[index]  # a Task


def test_a_refusal_carries_the_server_s_own_words(ehr: House) -> None:
    bundle = json.loads(json.dumps(note_bundle(1)).replace("Patient/pat-moss", "Patient/nobody"))
    ehr.add(bundle, outbox.NOTE, "note/1/1", "nobody", "C-1")
    [report] = ehr.deliver()
    assert report.state == outbox.REFUSED
    assert "Patient/nobody" in report.reason
    assert ehr.counted()["DocumentReference"] == 0


def test_the_probe_finds_that_everything_delivery_needs_works_here(ehr: House) -> None:
    report = probe(ehr.http, ehr._issuer("sandbox"), PRESETS["full"], ehr._key("sandbox"), ehr.now)
    said = {one.function: one.answer for one in report.lines}
    assert str(report.software).startswith("HAPI FHIR")
    for function in ("A token", "DocumentReference", "Notes", "Plan entries", "Claims"):
        assert said[function] == "works", function
