"""The chart at launch: little is asked, what is missing is said, nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app import individuals
from app.chart import ChartFacts, ChartProblem, read_chart, remember
from app.engagement import of
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import FhirClient, http_session
from tests.app.delivery_house import House, house
from tests.app.office import Office
from tests.smart_launch.scripted_ehr import Reply, Request, ScriptedEhr, outcome, reply

NOW = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
NPI = "1900000013"
PAYER = "urn:example:payer"


def context(
    patient: str | None = "p1", encounter: str | None = None, user: str | None = "Practitioner/w1"
) -> LaunchContext:
    return LaunchContext("sandbox", "token", "Bearer", NOW, None, ("user/*.rs",), patient, encounter, user)


def person(**changes: Any) -> dict[str, Any]:
    record_number = {"type": {"coding": [{"code": "MR"}]}, "system": "urn:mrn", "value": "M-1"}
    name = {"use": "official", "family": "Moss", "given": ["Alex"]}
    made = {"resourceType": "Patient", "id": "p1", "identifier": [record_number], "name": [name]}
    return {**made, "birthDate": "1990-02-03", "gender": "unknown", **changes}


def found(*resources: dict[str, Any], **more: Any) -> Reply:
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return reply({"resourceType": "Bundle", "type": "searchset", "entry": entries, **more})


@pytest.fixture
def ehr() -> Iterator[ScriptedEhr]:
    with closing(ScriptedEhr()) as server:
        server.on("GET", "/fhir/Patient/p1", reply(person()))
        for name in ("Coverage", "Condition", "EpisodeOfCare", "Organization"):
            server.on("GET", f"/fhir/{name}", found())
        worker = {
            "resourceType": "Practitioner",
            "id": "w1",
            "name": [{"family": "Rivera", "given": ["Pat"]}],
        }
        npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1900000021"}
        server.on("GET", "/fhir/Practitioner/w1", reply({**worker, "identifier": [npi]}))
        yield server


def read(
    server: ScriptedEhr,
    launch: LaunchContext | None = None,
    *,
    batch: bool = False,
    organization: str | None = None,
) -> ChartFacts:
    with http_session(tries=1) as http:
        client = FhirClient(http, server.fhir, lambda: "token", (2, 2))
        given = launch or context()
        return read_chart(
            client, given, program_npi=NPI, organization=organization, batch=batch, request_id="r"
        )


def test_a_person_is_read_with_record_number_name_birth_date_and_gender(ehr: ScriptedEhr) -> None:
    individual = read(ehr).individual
    assert individual is not None
    assert (individual.id, individual.identifier_system) == ("M-1", "urn:mrn")
    assert individual.name is not None
    assert individual.name.full == "Alex Moss"
    assert (individual.birth_date, individual.gender) == (date(1990, 2, 3), "unknown")


def test_a_person_without_a_record_number_is_refused_in_words(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Patient/p1", reply(person(identifier=[{"system": "urn:ssn", "value": "1"}])))
    with pytest.raises(ChartProblem, match="no medical record number"):
        read(ehr)


def test_a_person_with_two_record_numbers_is_refused_and_both_are_named(ehr: ScriptedEhr) -> None:
    first = person()["identifier"][0]
    ehr.on("GET", "/fhir/Patient/p1", reply(person(identifier=[first, {**first, "value": "M-2"}])))
    with pytest.raises(ChartProblem, match="M-1, M-2"):
        read(ehr)


def test_an_old_record_number_does_not_count(ehr: ScriptedEhr) -> None:
    first = person()["identifier"][0]
    ehr.on(
        "GET", "/fhir/Patient/p1", reply(person(identifier=[first, {**first, "value": "M-0", "use": "old"}]))
    )
    individual = read(ehr).individual
    assert individual is not None
    assert individual.id == "M-1"


def test_a_person_who_may_not_be_read_is_no_chart(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Patient/p1", outcome(403))
    with pytest.raises(ChartProblem, match="did not show whose it is"):
        read(ehr)


def test_what_may_not_be_read_is_listed_and_the_rest_is_read(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Coverage", outcome(403))
    ehr.on("GET", "/fhir/EpisodeOfCare", outcome(404))
    facts = read(ehr)
    assert facts.individual is not None
    assert [line.split(" could")[0] for line in facts.not_known][:2] == [
        "The coverage",
        "The episode of care",
    ]


def test_a_payer_nobody_names_stays_unknown(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Coverage", found({"resourceType": "Coverage", "id": "c1", "status": "active"}))
    facts = read(ehr)
    assert facts.individual is not None
    assert facts.individual.coverages[0].payer is None
    assert "The payer of Coverage/c1 is not known." in facts.not_known


@pytest.mark.parametrize(
    "change",
    [
        {"verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
        {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}},
        {"code": {"text": "depression"}},
    ],
)
def test_a_condition_that_is_no_active_icd_10_diagnosis_is_none(
    ehr: ScriptedEhr, change: dict[str, Any]
) -> None:
    ehr.on("GET", "/fhir/Condition", found({**condition("F33.1"), **change}))
    assert read(ehr).diagnoses == ()


def condition(code: str, **more: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
    return {"resourceType": "Condition", "id": code.replace(".", "-"), "code": coded, **more}


def test_only_a_single_diagnosis_is_surely_the_first(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Condition", found(condition("F33.1")))
    assert [(one.code, one.rank) for one in read(ehr).diagnoses] == [("F33.1", 1)]
    ehr.on("GET", "/fhir/Condition", found(condition("F33.1"), condition("F41.1")))
    assert [(one.code, one.rank) for one in read(ehr).diagnoses] == [("F33.1", None), ("F41.1", None)]


def test_a_diagnosis_that_nobody_is_named_for_is_said_to_count_for_no_claim(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Condition", found(condition("F33.1")))
    assert (
        "Who recorded the diagnosis F33.1 is not known; it does not count for a claim." in read(ehr).not_known
    )
    ehr.on("GET", "/fhir/Condition", found(condition("F33.1", recorder={"reference": "Practitioner/gone"})))
    facts = read(ehr)
    assert [one.by for one in facts.diagnoses] == ["Practitioner/gone"]
    assert not any("F33.1" in each for each in facts.not_known)


def test_an_episode_of_another_organization_is_no_admission_here(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Organization", found({"resourceType": "Organization", "id": "ours"}))
    ehr.on("GET", "/fhir/Location", found())
    elsewhere: dict[str, Any] = {"resourceType": "EpisodeOfCare", "id": "e1", "status": "active"}
    elsewhere |= {"managingOrganization": {"reference": "Organization/theirs"}}
    ehr.on("GET", "/fhir/EpisodeOfCare", found(elsewhere))
    assert read(ehr).episodes == ()


def test_a_visit_of_somebody_else_is_not_taken(ehr: ScriptedEhr) -> None:
    theirs = {"resourceType": "Encounter", "id": "v1", "subject": {"reference": "Patient/p2"}}
    ehr.on("GET", "/fhir/Encounter/v1", reply(theirs))
    facts = read(ehr, context(encounter="v1"))
    assert (facts.visit, facts.encounter) == (None, None)
    assert any("no note is put to it" in line for line in facts.remarks)


def test_a_launch_without_a_person_reads_who_is_signed_in_alone(ehr: ScriptedEhr) -> None:
    facts = read(ehr, context(patient=None))
    assert facts.individual is None
    assert facts.npi == "1900000021"
    assert {request.path.split("/")[2] for request in ehr.requests} == {"Practitioner", "Organization"}


def test_a_role_leads_to_its_practitioner(ehr: ScriptedEhr) -> None:
    role = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/w1"}}
    ehr.on("GET", "/fhir/PractitionerRole/r1", reply(role))
    facts = read(ehr, context(user="PractitionerRole/r1"))
    assert facts.practitioner is not None
    assert facts.practitioner.reference == "Practitioner/w1"


def test_an_ehr_that_refuses_a_batch_is_asked_singly(ehr: ScriptedEhr) -> None:
    ehr.on("POST", "/fhir", outcome(404))
    assert read(ehr, batch=True).individual is not None


def test_a_batch_needs_at_most_four_requests(ehr: ScriptedEhr) -> None:
    ehr.on("POST", "/fhir", _as_batch(ehr))
    facts = read(ehr, batch=True)
    assert facts.individual is not None
    assert facts.npi == "1900000021"
    assert len(ehr.requests) <= 4


@pytest.mark.parametrize(
    ("before", "batches", "asked"),
    [("Organization/ours", 1, ["ours"]), ("Organization/old", 2, ["old", "ours"]), (None, 2, ["ours"])],
)
def test_the_place_of_the_programme_is_asked_at_once_where_it_was_found_before_and_anew_where_it_moved(
    ehr: ScriptedEhr, before: str | None, batches: int, asked: list[str]
) -> None:
    ehr.on("GET", "/fhir/Organization", found({"resourceType": "Organization", "id": "ours"}))
    ehr.on("GET", "/fhir/Location", found({"resourceType": "Location", "id": "main"}))
    ehr.on("POST", "/fhir", _as_batch(ehr))
    facts = read(ehr, batch=True, organization=before)
    assert (facts.organization, facts.location) == ("Organization/ours", "Location/main")
    words = " ".join(request.path + request.body.decode() + request.query for request in ehr.requests)
    assert [
        one.partition("%2F")[2] for one in re.findall(r"organization=(Organization%2F\w+)", words)
    ] == asked
    assert len(ehr.requests) == batches


def _as_batch(server: ScriptedEhr) -> Any:
    def answer(request: Request) -> Reply:
        entries = []
        for entry in json.loads(request.body)["entry"]:
            path = f"/fhir/{entry['request']['url'].split('?')[0]}"
            scripted = server.scripts["GET", path][0]
            assert isinstance(scripted, Reply)
            entries.append({"response": {"status": "200"}, "resource": json.loads(scripted.body)})
        return reply({"resourceType": "Bundle", "type": "batch-response", "entry": entries})

    return answer


def test_what_the_chart_said_is_remembered_and_an_earlier_admission_is_taken_over(
    office: Office, ehr: ScriptedEhr
) -> None:
    ehr.on("GET", "/fhir/Organization", found({"resourceType": "Organization", "id": "ours"}))
    ehr.on("GET", "/fhir/Location", found({"resourceType": "Location", "id": "main"}))
    ours = {
        "resourceType": "EpisodeOfCare",
        "id": "e1",
        "status": "active",
        "period": {"start": "2026-01-05"},
    }
    ours |= {"managingOrganization": {"reference": "Organization/ours"}}
    ehr.on("GET", "/fhir/EpisodeOfCare", found(ours))
    facts = read(ehr)
    for _ in range(2):
        with office.store.write() as session:
            remember(session, "sandbox", facts, office.now)
    with office.store.read() as session:
        links = individuals.chart_links(session, "sandbox", "p1", None)
        history = of(session, "sandbox", "p1").history
    assert (links.organization, links.location) == ("Organization/ours", "Location/main")
    assert links.practitioners["1900000021"] == "Practitioner/w1"
    assert [(entry.status, entry.at) for entry in history] == [("admitted", date(2026, 1, 5))]


def test_the_sandbox_s_charts_are_read_whole(tmp_path: Path) -> None:
    with house(tmp_path) as made:
        facts = _of_sandbox(made, "pat-lindqvist", "enc-visit-70002")
    assert facts.individual is not None
    assert facts.individual.coverages[0].payer == "NYMEDICAID"
    assert [(one.code, one.by) for one in facts.diagnoses] == [("F33.1", "1900000039")]
    assert facts.episodes[0].start == date(2026, 1, 5)
    assert facts.visit is not None
    assert facts.organization == "Organization/org-riverbend"
    assert facts.not_known == ()


def _of_sandbox(made: House, patient: str, visit: str) -> ChartFacts:
    launch = replace(context(patient, visit), fhir_user="Practitioner/prac-rivera")
    return read_chart(made.ehr().client, launch, program_npi=NPI, batch=True)


def test_another_persons_chart_in_the_answer_opens_nothing(ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Patient/p1", reply(person(id="p2")))
    with pytest.raises(ChartProblem, match="another person's"):
        read(ehr)


OF_OTHERS = [
    ("Coverage", {"status": "active", "subscriberId": "ZZ9", "beneficiary": {"reference": "Patient/p2"}}),
    (
        "Condition",
        {
            "subject": {"reference": "http://ehr.example/fhir/Patient/p2"},
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"}]},
        },
    ),
    (
        "EpisodeOfCare",
        {
            "status": "active",
            "patient": {"reference": "Patient/p2"},
            "managingOrganization": {"reference": "Organization/o1"},
            "period": {"start": "2026-01-05"},
        },
    ),
]


@pytest.mark.parametrize(("kind", "content"), OF_OTHERS, ids=[kind for kind, _ in OF_OTHERS])
@pytest.mark.parametrize("batch", [False, True])
def test_what_an_ehr_sends_of_another_person_is_left_out_and_said(
    ehr: ScriptedEhr, kind: str, content: dict[str, Any], batch: bool
) -> None:
    ehr.on("GET", "/fhir/Organization", found({"resourceType": "Organization", "id": "o1"}))
    ehr.on("GET", "/fhir/Location", found())
    ehr.on("GET", f"/fhir/{kind}", found({"resourceType": kind, "id": "x1", **content}))
    facts = read(ehr, batch=batch)
    assert facts.individual is not None
    assert (facts.individual.coverages, facts.diagnoses, facts.episodes) == ((), (), ())
    assert any("another person" in line for line in facts.remarks)


@pytest.mark.parametrize("kind", ["Coverage", "Condition"])
def test_what_could_not_be_read_this_time_stays_as_it_was_read_before(
    ehr: ScriptedEhr, office: Office, kind: str
) -> None:
    payer = {"resourceType": "Organization", "id": "pay", "identifier": [{"system": PAYER, "value": "NY"}]}
    cover: dict[str, Any] = {"resourceType": "Coverage", "id": "c1", "subscriberId": "AA1"}
    cover |= {"payor": [{"reference": "Organization/pay"}], "beneficiary": {"reference": "Patient/p1"}}
    ill: dict[str, Any] = {"resourceType": "Condition", "id": "d1", "subject": {"reference": "Patient/p1"}}
    ill |= {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"}]}}
    ehr.on("GET", "/fhir/Organization/pay", reply(payer))
    ehr.on("GET", "/fhir/Coverage", found(cover))
    ehr.on("GET", "/fhir/Condition", found(ill))
    with office.store.write() as session:
        remember(session, "sandbox", read(ehr), NOW)
        before = individuals.find(session, "sandbox", "p1")
    ehr.on("GET", f"/fhir/{kind}", outcome(503))
    with office.store.write() as session:
        remember(session, "sandbox", read(ehr), NOW)
        after = individuals.find(session, "sandbox", "p1")
    assert before.record.coverages[0].member_id == "AA1"
    assert (after.record, after.diagnoses, after.links) == (before.record, before.diagnoses, before.links)


def test_of_two_coverages_by_one_payer_the_later_one_is_referred_to(ehr: ScriptedEhr) -> None:
    payer = {"resourceType": "Organization", "id": "pay", "identifier": [{"system": PAYER, "value": "NY"}]}
    cover = {"resourceType": "Coverage", "status": "active", "payor": [{"reference": "Organization/pay"}]}
    ended = {**cover, "id": "c1", "period": {"start": "2024-01-01", "end": "2025-12-31"}}
    renewed = {**cover, "id": "c2", "period": {"start": "2026-01-01"}}
    ehr.on("GET", "/fhir/Organization/pay", reply(payer))
    ehr.on("GET", "/fhir/Coverage", found(ended, renewed))
    assert dict(read(ehr).links.coverages) == {"NY": "Coverage/c2"}


def test_characters_that_no_record_may_hold_do_not_come_in_with_a_name(ehr: ScriptedEhr) -> None:
    named = [{"family": "Mo\u0000ss", "given": ["Al\u0001ex", "\u001b"]}]
    ehr.on("GET", "/fhir/Patient/p1", reply(person(name=named)))
    individual = read(ehr).individual
    assert individual is not None
    assert individual.name is not None
    assert (individual.name.given, individual.name.family) == (("Alex",), "Moss")
