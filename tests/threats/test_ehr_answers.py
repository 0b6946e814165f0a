"""An EHR that answers anything at all: read, or refused in words; nothing else ever happens."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.chart import ChartFacts, ChartProblem, read_chart
from mappings.fhir.elements import NPI
from smart_launch.fhir_client import FhirClient, FhirTrouble, http_session
from tests.app.test_chart import context, person
from tests.smart_launch.scripted_ehr import Reply, Request, ScriptedEhr, reply

PROGRAM = "1900000013"
JUNK: tuple[Any, ...] = (
    None, 7, True, "", "x", "Patient/another", "\x00", [], {}, [[]], [None], [7], ["x"], {"x": 1},
    {"reference": 7}, {"reference": "http://elsewhere.example/fhir/Patient/p1"}, {"coding": 7},
    {"coding": [7]}, {"value": {}}, [{"url": 7}], 10**40, -1.5,
)  # fmt: skip


def _found(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"resource": one, "search": {"mode": "match" if number == 0 else "include"}}
        for number, one in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": "searchset", "link": [], "entry": entries}


def _whole() -> dict[str, Any]:
    """A good answer to each question, by its address."""
    number = [{"system": NPI, "value": PROGRAM}]
    payer = {"resourceType": "Organization", "id": "pay", "identifier": [{"system": "urn:p", "value": "NY"}]}
    cover = {"resourceType": "Coverage", "id": "c1", "status": "active", "subscriberId": "A1", "order": 1}
    cover |= {"payor": [{"reference": "Organization/pay"}], "beneficiary": {"reference": "Patient/p1"}}
    cover |= {
        "period": {"start": "2026-01-01"},
        "class": [{"type": {"coding": [{"code": "plan"}]}, "value": "1"}],
    }
    ill = {"resourceType": "Condition", "id": "d1", "subject": {"reference": "Patient/p1"}}
    ill |= {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"}]}}
    ill |= {"asserter": {"reference": "Practitioner/w1"}, "recordedDate": "2026-01-02"}
    episode = {
        "resourceType": "EpisodeOfCare",
        "id": "e1",
        "status": "active",
        "period": {"start": "2026-01-05"},
    }
    episode |= {
        "patient": {"reference": "Patient/p1"},
        "managingOrganization": {"reference": "Organization/o1"},
    }
    worker = {
        "resourceType": "Practitioner",
        "id": "w1",
        "identifier": [{"system": NPI, "value": "1900000021"}],
    }
    worker |= {"name": [{"family": "Rivera", "given": ["Pat"]}]}
    visit = {"resourceType": "Encounter", "id": "v1", "status": "in-progress", "class": {"code": "AMB"}}
    visit |= {"subject": {"reference": "Patient/p1"}}
    return {
        "Patient/p1": person(active=True, managingOrganization={"reference": "Organization/o1"}),
        "Coverage": _found(cover, payer),
        "Condition": _found(ill, worker),
        "EpisodeOfCare": _found(episode),
        "Encounter/v1": visit,
        "Practitioner/w1": worker,
        "Organization": _found({"resourceType": "Organization", "id": "o1", "identifier": number}),
        "Location": _found({"resourceType": "Location", "id": "l1"}),
    }


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*path, key))


def _put(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    return made


WHOLE = _whole()
PLACES = [(address, path) for address, answer in WHOLE.items() for path in _places(answer)]


@pytest.fixture(scope="module")
def ehr() -> Iterator[ScriptedEhr]:
    with closing(ScriptedEhr()) as server, closing(HTTP):
        yield server


HTTP = http_session(tries=1)


def _read(server: ScriptedEhr, *, batch: bool) -> ChartFacts | None:
    client = FhirClient(HTTP, server.fhir, lambda: "token", (2, 2))
    try:
        return read_chart(
            client, context("p1", encounter="v1"), program_npi=PROGRAM, batch=batch, request_id="r"
        )
    except (ChartProblem, FhirTrouble):
        return None


def _serve(server: ScriptedEhr, answers: dict[str, Any]) -> None:
    for address, answer in answers.items():
        server.on("GET", f"/fhir/{address}", reply(answer))


def _as_batch(answers: dict[str, Any], spoil: Any = lambda bundle: bundle) -> Any:
    def script(request: Request) -> Reply:
        asked = [entry["request"]["url"].split("?")[0] for entry in json.loads(request.body)["entry"]]
        entries = [{"response": {"status": "200"}, "resource": answers.get(one)} for one in asked]
        return reply(spoil({"resourceType": "Bundle", "type": "batch-response", "entry": entries}))

    return script


def test_a_whole_answer_is_read_in_either_way(ehr: ScriptedEhr) -> None:
    _serve(ehr, WHOLE)
    ehr.on("POST", "/fhir", _as_batch(WHOLE))
    for batch in (False, True):
        facts = _read(ehr, batch=batch)
        assert facts is not None
        assert facts.individual is not None
        assert facts.individual.coverages
        assert facts.diagnoses
        assert facts.episodes
        assert facts.practitioner is not None
        assert facts.visit is not None
        assert facts.location == "Location/l1"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), junk=st.sampled_from(JUNK), batch=st.booleans())
def test_anything_in_the_place_of_anything_is_read_or_refused_in_words(
    ehr: ScriptedEhr, place: tuple[str, tuple[Any, ...]], junk: Any, batch: bool
) -> None:
    address, path = place
    answers = {**WHOLE, address: _put(WHOLE[address], path, junk)}
    _serve(ehr, answers)
    ehr.on("POST", "/fhir", _as_batch(answers))
    facts = _read(ehr, batch=batch)
    assert facts is None or facts.patient in {None, "p1"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        [(), ("type",), ("entry",), ("entry", 0), ("entry", 1), ("entry", 0, "response"),
         ("entry", 1, "resource"), ("entry", 0, "response", "status")]
    ),
    junk=st.sampled_from(JUNK),
)  # fmt: skip
def test_a_batch_that_is_answered_by_anything_is_asked_again_singly_or_read(
    ehr: ScriptedEhr, path: tuple[Any, ...], junk: Any
) -> None:
    _serve(ehr, WHOLE)
    ehr.on("POST", "/fhir", _as_batch(WHOLE, lambda bundle: _put(bundle, path, junk)))
    _read(ehr, batch=True)


def test_pages_without_end_are_read_up_to_a_number_and_no_further(ehr: ScriptedEhr) -> None:
    ehr.requests.clear()

    def endless(request: Request) -> Reply:
        number = len(ehr.requests)
        page = {"resourceType": "Bundle", "type": "searchset", "entry": []}
        return reply({**page, "link": [{"relation": "next", "url": f"{ehr.fhir}/Coverage?page={number}"}]})

    _serve(ehr, WHOLE)
    ehr.on("GET", "/fhir/Coverage", endless)
    assert _read(ehr, batch=False) is not None
    assert len(ehr.asked("/fhir/Coverage")) <= 20
