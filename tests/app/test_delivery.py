"""Delivery to a real EHR with its faults: nothing lost, nothing doubled, and the server's words kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app import outbox
from app.delivery import Ehr
from app.delivery.plan import plan_delivery
from app.delivery.send import Several, look
from smart_launch.fhir_client import Wait
from tests.app.delivery_house import House, house, note_bundle
from tests.app.office import WHITFIELD, actor

WHOLE = {"Encounter": 1, "DocumentReference": 1, "Provenance": 2, "Task": 1, "EpisodeOfCare": 1}
ORACLE = {"Encounter": 1, "DocumentReference": 1, "Provenance": 2, "Task": 0, "EpisodeOfCare": 0}
EPIC = {"Encounter": 0, "DocumentReference": 1, "Provenance": 0, "Task": 0, "EpisodeOfCare": 0}
STANDS = {"full": WHOLE, "oracle": ORACLE, "epic": EPIC}


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


def states(made: House) -> list[str]:
    return [line.state for line in made.lines()]


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_a_note_arrives_once_and_the_ehr_s_ids_come_back(ehr: House, takes: str) -> None:
    ehr.takes = takes
    ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.IN_CHART
    assert ehr.counted() == STANDS[takes]
    [line] = ehr.lines()
    references = {one["reference"] for one in line.result["resources"]}
    assert f"DocumentReference/{ehr.all_of('DocumentReference')[0]['id']}" in references


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_a_note_arrives_in_the_form_of_the_us_core_that_the_ehr_holds(ehr: House, takes: str) -> None:
    ehr.takes, ehr.us_core = takes, "7.0.0"
    ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.IN_CHART
    (document,) = ehr.all_of("DocumentReference")
    wanted = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference|7.0.0"
    assert document["meta"]["profile"] == [wanted]


def test_what_an_ehr_does_not_take_is_listed_with_the_reason(ehr: House) -> None:
    ehr.takes = "epic"
    ehr.add_note()
    ehr.deliver()
    left = {one["type"]: one["reason"] for one in ehr.lines()[0].result["not_sent"]}
    assert set(left) == {"Encounter", "Provenance", "Task", "EpisodeOfCare", "Goal"}
    assert all(left.values())


def test_a_note_without_its_encounter_still_is_the_text_that_was_signed(ehr: House) -> None:
    ehr.takes = "epic"
    sent = next(
        e["resource"] for e in ehr.add_note()["entry"] if e["resource"]["resourceType"] == "DocumentReference"
    )
    ehr.deliver()
    [there] = ehr.all_of("DocumentReference")
    assert there["content"][0]["attachment"]["data"] == sent["content"][0]["attachment"]["data"]
    assert "encounter" not in there["context"]


FAULTS: dict[str, dict[str, Any]] = {
    "down": {"count": 2},
    "html": {"count": 2},
    "drop-after-commit": {"count": 1},
    "fail-after-commit": {"count": 1},
    "expired-token": {"count": 1},
}


@pytest.mark.parametrize("takes", ["full", "oracle"])
@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_everything_stands_once(ehr: House, fault: str, takes: str) -> None:
    ehr.takes = takes
    ehr.ehr()  # discovery and the first token are not what is tested here
    ehr.add_note()
    ehr.fault(fault, **FAULTS[fault])
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    ehr.fault(fault, count=0)
    assert ehr.counted() == STANDS[takes]


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_what_the_ehr_stores_after_we_stopped_listening_is_found_and_not_sent_again(
    ehr: House, takes: str
) -> None:
    ehr.takes = takes
    ehr.ehr()
    ehr.add_note()
    ehr.fault("slow", count=1, seconds=3)
    [report] = ehr.worker().drain()
    assert report.state == outbox.WAITING
    # A real worker's quarantine is longer than an EHR takes; here the machine's own clock is waited for.
    if takes == "full":
        until = time.monotonic() + 10
        while not ehr.all_of("DocumentReference") and time.monotonic() < until:
            time.sleep(0.02)
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted() == STANDS[takes]


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_every_write_that_loses_its_answer_is_found_again_and_never_doubled(ehr: House, takes: str) -> None:
    ehr.takes = takes
    ehr.ehr()
    for number in (1, 2, 3):
        ehr.add_note(number)
    ehr.fault("drop-after-commit", count=6)
    ehr.deliver(rounds=40)
    ehr.fault("drop-after-commit", count=0)
    assert states(ehr) == [outbox.IN_CHART] * 3
    # The three contacts are of three people of the generator, in one chart: one engagement each.
    assert {name: ehr.counted()[name] for name in ("Encounter", "DocumentReference", "Provenance")} == {
        "Encounter": 3, "DocumentReference": 3, "Provenance": 6,
    }  # fmt: skip


def test_a_refusal_keeps_the_server_s_own_words_and_can_be_sent_again(ehr: House) -> None:
    ehr.ehr()
    ehr.add_note()
    ehr.fault("refuse", count=1, text="The status of this note is not known here.")
    [report] = ehr.deliver()
    assert report.state == outbox.REFUSED
    assert "The status of this note is not known here." in str(ehr.lines()[0].reason)
    with ehr.store.write() as session:
        outbox.retry(session, actor(WHITFIELD), ehr.lines()[0].id, ehr.now)
    ehr.deliver()
    assert ehr.counted() == WHOLE


def test_a_refused_note_does_not_stop_those_of_other_people(ehr: House) -> None:
    ehr.ehr()
    ehr.add_note(1, patient="pat-moss")
    ehr.add_note(2, patient="pat-farrell")
    ehr.fault("refuse", count=1)
    ehr.deliver()
    assert states(ehr) == [outbox.REFUSED, outbox.IN_CHART]


def test_an_ehr_that_is_down_leaves_the_note_waiting_with_the_reason(ehr: House) -> None:
    ehr.ehr()
    ehr.add_note()
    ehr.fault("down", count=100)
    [report] = ehr.worker().drain()
    assert report.state == outbox.WAITING
    assert "503" in report.reason
    assert ehr.lines()[0].due_at > ehr.now
    assert ehr.worker().drain() == []


@dataclass(frozen=True)
class Killed:
    """EHRs whose first write arrives and whose process then dies before it can write anything down."""

    inner: Any

    def open(self, issuer_id: str, now: Any) -> Ehr:
        found: Ehr = self.inner.open(issuer_id, now)
        return replace(found, client=_Dying(found.client))  # type: ignore[arg-type]  # a client that dies


class _Dying:
    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transaction(self, *given: Any, **named: Any) -> Any:
        self._client.transaction(*given, **named)
        raise SystemExit

    def create(self, *given: Any, **named: Any) -> Any:
        self._client.create(*given, **named)
        raise SystemExit


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_a_worker_killed_after_the_ehr_stored_it_sends_nothing_twice(ehr: House, takes: str) -> None:
    ehr.takes = takes
    ehr.add_note()
    for _ in range(4):
        try:
            ehr.worker("doomed", Killed(ehr.ehrs)).drain()
        except SystemExit:
            ehr.later(minutes=4)  # the lease of the dead worker runs out
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted() == STANDS[takes]


def test_a_worker_that_lost_its_lease_sends_nothing_and_writes_nothing(ehr: House) -> None:
    ehr.add_note()
    zombie = ehr.worker("zombie")
    with ehr.store.write() as session:
        leased = outbox.lease(session, "zombie", ehr.now, 60)
    assert leased is not None
    ehr.later(minutes=4)
    assert [report.state for report in ehr.worker("second").drain()] == [outbox.IN_CHART]
    before = ehr.counted()
    with pytest.raises(outbox.LeaseLost):
        zombie._deliver(leased)
    assert ehr.counted() == before == WHOLE
    assert states(ehr) == [outbox.IN_CHART]


def test_steps_are_frozen_before_their_first_attempt(ehr: House) -> None:
    ehr.ehr()
    ehr.add_note()
    ehr.fault("down", count=100)
    ehr.worker().drain()
    from app.delivery.steps import frozen_steps

    with ehr.store.read() as session:
        [step] = frozen_steps(session, ehr.lines()[0].id)
    assert step.key == "transaction"
    assert json.loads(step.body) == note_bundle(1)
    assert step.attempts == 1
    assert not step.done


def test_two_resources_under_one_identifier_are_left_to_people(ehr: House) -> None:
    bundle = note_bundle(1)
    document = next(e for e in bundle["entry"] if e["resource"]["resourceType"] == "DocumentReference")
    alone = {k: v for k, v in document["resource"].items() if k not in {"context", "masterIdentifier"}}
    open_ehr = ehr.ehr()
    for _ in range(2):
        open_ehr.client.create("DocumentReference", json.dumps(alone).encode(), request_id="t")
    plan = plan_delivery("note", bundle, open_ehr.capability)
    with pytest.raises(Several, match="2 times"):
        look(open_ehr.client, plan.steps[0], json.dumps(bundle).encode(), "t")  # type: ignore[union-attr]
    ehr.takes = "oracle"
    ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.HELD
    assert "2 times" in report.reason


def test_an_episode_that_changes_is_updated_in_place(ehr: House) -> None:
    entries = note_bundle(1)["entry"]
    episode = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "EpisodeOfCare")
    for number, status in enumerate(("planned", "active", "finished")):
        ehr.add({**episode, "status": status}, outbox.EPISODE, f"episode/{number}", "pat-moss", "pat-moss")
    ehr.deliver()
    [there] = [one for one in ehr.all_of("EpisodeOfCare") if one.get("identifier")]
    assert there["status"] == "finished"
    assert there["meta"]["versionId"] == "3"


def test_an_episode_that_says_the_same_again_is_not_written_again_for_the_order_of_its_labels(
    ehr: House,
) -> None:
    episode = entries_of_type(1, "EpisodeOfCare")
    labels = [{"system": "urn:example:labels", "code": code} for code in ("b", "a")]
    for number, listed in enumerate((labels, labels[::-1])):
        told = {**episode, "meta": {"security": listed}}
        ehr.add(told, outbox.EPISODE, f"episode/{number}", "pat-moss", "pat-moss")
    ehr.deliver()
    assert states(ehr) == [outbox.IN_CHART] * 2
    [there] = [one for one in ehr.all_of("EpisodeOfCare") if one.get("identifier")]
    assert there["meta"]["versionId"] == "1"


def entries_of_type(number: int, resource_type: str) -> dict[str, Any]:
    resources = [entry["resource"] for entry in note_bundle(number)["entry"]]
    found: dict[str, Any] = next(one for one in resources if one["resourceType"] == resource_type)
    return found


def test_a_record_that_cannot_be_handled_is_held_in_the_end_and_stops_no_other(ehr: House) -> None:
    broken = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": {"resourceType": "DocumentReference"}}],
    }
    ehr.add(broken, outbox.NOTE, "note/broken/1", "pat-moss", "C-broken")
    ehr.add_note(2, patient="pat-farrell")
    ehr.deliver(rounds=8)
    assert states(ehr) == [outbox.HELD, outbox.IN_CHART]
    assert "could not handle" in str(ehr.lines()[0].reason)


@dataclass(frozen=True)
class Gateway:
    """EHRs behind a proxy that says 503 after the first write has been stored."""

    inner: Any
    said: list[str]

    def open(self, issuer_id: str, now: Any) -> Ehr:
        found: Ehr = self.inner.open(issuer_id, now)
        return replace(found, client=_Slow(found.client, self.said))  # type: ignore[arg-type]  # behind a proxy


class _Slow(_Dying):
    def __init__(self, client: Any, said: list[str]) -> None:
        super().__init__(client)
        self._said = said

    def transaction(self, *given: Any, **named: Any) -> Any:
        return self._late(self._client.transaction(*given, **named))

    def create(self, *given: Any, **named: Any) -> Any:
        return self._late(self._client.create(*given, **named))

    def _late(self, answer: Any) -> Any:
        if len(self._said) < 3:
            self._said.append("503")
            raise Wait("The EHR is busy or out of order (status 503).", status=503)
        return answer


@pytest.mark.parametrize("takes", ["full", "oracle"])
def test_what_was_stored_before_a_proxy_said_503_is_not_stored_again(ehr: House, takes: str) -> None:
    ehr.takes = takes
    ehr.add_note()
    said: list[str] = []
    for _ in range(8):
        ehr.worker("behind", Gateway(ehr.ehrs, said)).drain()
        ehr.later(minutes=16)
    assert said
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted() == STANDS[takes]


@pytest.mark.parametrize("kind", ["DocumentReference", "EpisodeOfCare"])
def test_another_person_s_resource_under_an_identifier_of_ours_is_never_taken_for_ours(
    ehr: House, kind: str
) -> None:
    entries = note_bundle(1)["entry"]
    mine = next(e["resource"] for e in entries if e["resource"]["resourceType"] == kind)
    whose = "patient" if kind == "EpisodeOfCare" else "subject"
    theirs = {k: v for k, v in mine.items() if k not in {"context", "masterIdentifier"}}
    theirs[whose] = {"reference": "Patient/pat-farrell"}
    ehr.ehr().client.create(kind, json.dumps(theirs).encode(), request_id="t")
    ehr.takes = "epic" if kind == "DocumentReference" else "full"
    if kind == "EpisodeOfCare":
        ehr.add({**mine, "status": "finished"}, outbox.EPISODE, "episode/1", "pat-moss", "pat-moss")
    else:
        ehr.add_note()
    [report] = ehr.deliver()
    assert report.state == outbox.HELD
    assert "another person's" in report.reason
    [there] = [one for one in ehr.all_of(kind) if one.get("identifier") == mine["identifier"]]
    assert there[whose] == {"reference": "Patient/pat-farrell"}
    assert there["meta"]["versionId"] == "1"


def amended_bundle() -> dict[str, Any]:
    """The second version of the first note: five minutes longer, in place of the first."""
    text = json.dumps(note_bundle(1)).replace("C-1/note/1", "C-1/note/2")
    bundle: dict[str, Any] = json.loads(text.replace("C-1%2Fnote%2F1", "C-1%2Fnote%2F2"))
    resources = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}
    series = {"system": "https://peerchart.example/id/note-series", "value": "C-1"}
    related = {"code": "replaces", "target": {"type": "DocumentReference", "identifier": series}}
    resources["DocumentReference"]["relatesTo"] = [related]
    resources["Encounter"]["length"]["value"] = 45
    return bundle


def test_an_amended_note_brings_its_own_times_to_the_encounter_that_stands(ehr: House) -> None:
    ehr.add_note()
    ehr.deliver()
    ehr.add(amended_bundle(), outbox.NOTE, "note/1/2", "pat-moss", "C-1")
    ehr.deliver()
    [there] = [one for one in ehr.all_of("Encounter") if one.get("length")]
    assert there["length"]["value"] == 45
    assert states(ehr) == [outbox.IN_CHART] * 2
    assert ehr.counted() == WHOLE | {"DocumentReference": 2, "Provenance": 4, "Task": 2}


def declared_without(made: House, *types: str, parameter: str = "identifier") -> None:
    made.fault("unsearched", types=list(types), parameter=parameter, count=None)
    made.ehrs.profiles.forget("sandbox")


@pytest.mark.parametrize("fault", ["", "drop-after-commit", "fail-after-commit", "down"])
def test_a_type_that_cannot_be_searched_by_identifier_is_looked_for_among_those_of_its_person(
    ehr: House, fault: str
) -> None:
    declared_without(ehr, "Goal", "Task")
    ehr.ehr()
    ehr.add_note()
    if fault:
        ehr.fault(fault, count=3)
    ehr.deliver(rounds=40)
    assert states(ehr) == [outbox.IN_CHART]
    assert ehr.counted() == WHOLE
    assert len(ehr.all_of("Goal")) == 1


def test_what_nobody_could_find_again_is_not_sent_and_the_reason_is_told(ehr: House) -> None:
    ehr.fault("unsearched", types=["Provenance"], parameter="target", count=None)
    ehr.ehr()
    ehr.add_note()
    ehr.deliver()
    [line] = ehr.lines()
    left = {one["type"]: one["reason"] for one in line.result["not_sent"]}
    assert "lists no search of Provenance by target" in left["Provenance"]
    assert ehr.counted() == {**WHOLE, "Provenance": 0}


def test_more_than_can_be_looked_through_is_left_to_people(
    ehr: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared_without(ehr, "DocumentReference")
    found = ehr.ehr()
    whole = found.client.search
    short = staticmethod(lambda *given, **named: replace(whole(*given, **named), complete=False))
    monkeypatch.setattr(type(found.client), "search", short)
    ehr.add_note()
    [report] = ehr.worker().drain()
    assert report.state == outbox.HELD
    assert "than can be looked through" in report.reason


def test_what_changes_is_brought_up_to_date_where_it_cannot_be_searched_by_identifier(ehr: House) -> None:
    declared_without(ehr, "EpisodeOfCare", "DocumentReference")
    ehr.ehr()
    episode = entries_of_type(1, "EpisodeOfCare")
    for number, status in enumerate(("planned", "active")):
        ehr.add({**episode, "status": status}, outbox.EPISODE, f"episode/{number}", "pat-moss", "pat-moss")
    ehr.add_note()
    ehr.add(amended_bundle(), outbox.NOTE, "note/1/2", "pat-moss", "C-1")
    ehr.fault("drop-after-commit", count=3)
    ehr.deliver(rounds=30)
    assert states(ehr) == [outbox.IN_CHART] * 4
    [there] = [one for one in ehr.all_of("EpisodeOfCare") if one.get("identifier")]
    assert there["status"] == "active"
    notes = [one["status"] for one in ehr.all_of("DocumentReference") if one.get("identifier")]
    assert sorted(notes) == ["current", "superseded"]
