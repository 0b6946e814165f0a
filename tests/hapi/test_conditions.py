"""What a server makes of conditions and searches as the product uses them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from app.ehr_uses import READ
from tests.app.delivery_house import note_bundle
from tests.hapi.fhir_server import FhirServer, Json
from tests.hapi.sent_and_stored import with_what_it_refers_to

AT_ONCE = 8
ROUNDS = 4
NPI = "http://hl7.org/fhir/sid/us-npi"


def entries_of(number: int) -> dict[str, Json]:
    return {entry["resource"]["resourceType"]: entry for entry in note_bundle(number)["entry"]}


def test_conditional_creates_at_the_same_time_leave_one(hapi: FhirServer) -> None:
    """Servers are known to make several here; this one makes one and refuses or tells the others."""
    with_what_it_refers_to(hapi, note_bundle(1))
    said: Counter[int] = Counter()
    episode = entries_of(1)["EpisodeOfCare"]["resource"]
    for number in range(ROUNDS):
        wanted = {**episode, "identifier": [{"system": "urn:example:race", "value": str(number)}]}
        condition = f"identifier=urn:example:race%7C{number}"

        def create(_: int, wanted: Json = wanted, condition: str = condition) -> int:
            with FhirServer.at(hapi.base) as other:
                return other.raw("POST", "/EpisodeOfCare", wanted, If_None_Exist=condition).status_code

        said.update(_at_once(create))
        assert hapi.total("EpisodeOfCare", condition) == 1
    assert said[201] == ROUNDS
    assert set(said) <= {200, 201, 409, 412}, said


def test_the_same_transaction_at_the_same_time_is_stored_once(hapi: FhirServer) -> None:
    bundle = note_bundle(1)
    with_what_it_refers_to(hapi, bundle)

    def send(_: int) -> int:
        with FhirServer.at(hapi.base) as other:
            return other.raw("POST", "", bundle).status_code

    said = Counter(_at_once(send))
    assert set(said) <= {200, 409, 412}, said
    for entry in bundle["entry"]:
        condition = entry["request"].get("ifNoneExist")
        if condition:
            assert hapi.total(entry["resource"]["resourceType"], condition) == 1


def _at_once(ask: Callable[[int], int]) -> Sequence[int]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(AT_ONCE)))


def test_a_second_resource_under_one_identifier_is_refused_by_the_condition(hapi: FhirServer) -> None:
    with_what_it_refers_to(hapi, note_bundle(1))
    entry = entries_of(1)["EpisodeOfCare"]
    for _ in range(2):
        hapi.ask("POST", "/EpisodeOfCare", entry["resource"], 201)
    condition = entry["request"]["ifNoneExist"]
    hapi.ask("POST", "/EpisodeOfCare", entry["resource"], 412, If_None_Exist=condition)


def test_what_stands_is_never_changed_by_a_conditional_create(hapi: FhirServer) -> None:
    with_what_it_refers_to(hapi, note_bundle(1))
    entry = entries_of(1)["EpisodeOfCare"]
    condition = entry["request"]["ifNoneExist"]
    first = hapi.ask("POST", "/EpisodeOfCare", entry["resource"], 201, If_None_Exist=condition)
    changed = {**entry["resource"], "status": "cancelled"}
    hapi.ask("POST", "/EpisodeOfCare", changed, 200, If_None_Exist=condition)
    assert hapi.read(f"EpisodeOfCare/{first['id']}")["status"] == entry["resource"]["status"] != "cancelled"


def _put_a_chart(server: FhirServer) -> None:
    payer, person = {"reference": "Organization/payer"}, {"reference": "Patient/p"}
    server.put("Organization/payer", name="Payer")
    server.put("Organization/org", name="Riverbend", identifier=[{"system": NPI, "value": "1900000013"}])
    server.put("Practitioner/chen", identifier=[{"system": NPI, "value": "1900000039"}])
    server.put("Patient/p", name=[{"family": "Moss"}])
    server.put("Patient/q", name=[{"family": "Farrell"}])
    server.put("Location/loc", managingOrganization={"reference": "Organization/org"})
    server.put("Coverage/cov", status="active", beneficiary=person, payor=[payer])
    server.put("Condition/con", subject=person, asserter={"reference": "Practitioner/chen"})
    server.put("EpisodeOfCare/epi", status="active", patient=person)
    server.put(
        "PractitionerRole/role",
        practitioner={"reference": "Practitioner/chen"},
        organization={"reference": "Organization/org"},
    )


# As app/chart asks: what is found, and what comes with it.
CHART: list[tuple[str, dict[str, str], list[str]]] = [
    ("Coverage", {"patient": "p", "_include": "Coverage:payor"}, ["Coverage/cov", "Organization/payer"]),
    ("Condition", {"patient": "p", "_include": "Condition:asserter"}, ["Condition/con", "Practitioner/chen"]),
    ("EpisodeOfCare", {"patient": "p"}, ["EpisodeOfCare/epi"]),
    ("EpisodeOfCare", {"patient": "q"}, []),
    ("Organization", {"identifier": f"{NPI}|1900000013"}, ["Organization/org"]),
    ("Location", {"organization": "Organization/org"}, ["Location/loc"]),
    (
        "PractitionerRole",
        {"organization": "Organization/org", "_include": "PractitionerRole:practitioner", "_count": "100"},
        ["PractitionerRole/role", "Practitioner/chen"],
    ),
]


def test_every_search_of_the_chart_finds_what_it_asks_for(hapi: FhirServer) -> None:
    _put_a_chart(hapi)
    for resource_type, params, wanted in CHART:
        found = hapi.search(resource_type, **params)
        assert sorted(f"{one['resourceType']}/{one['id']}" for one in found) == sorted(wanted), resource_type
    asked = {resource_type for resource_type, _, _ in CHART}
    assert {use.resource for use in READ if use.searches} <= asked


def test_every_search_of_delivery_finds_what_it_asks_for(hapi: FhirServer) -> None:
    bundle = note_bundle(1)
    with_what_it_refers_to(hapi, bundle)
    hapi.send(bundle)
    for entry in bundle["entry"]:
        condition = entry["request"].get("ifNoneExist")
        if condition:
            assert hapi.total(entry["resource"]["resourceType"], condition) == 1
    [note] = hapi.search("DocumentReference")
    signatures = hapi.search("Provenance", target=f"DocumentReference/{note['id']}")
    sent = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Provenance"]
    assert sorted(_signature(one) for one in signatures) == sorted(_signature(one) for one in sent)


def _signature(provenance: Json) -> str:
    return json.dumps(provenance["signature"][0]["data"])
