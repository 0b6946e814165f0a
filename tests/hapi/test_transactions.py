"""A FHIR server that knows nothing of us takes our transactions, keeps what was sent, and takes it once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from app.delivery.plan import references_in
from tests.hapi.fhir_server import FhirServer, Json
from tests.hapi.sent_and_stored import golden, place_of, stored, with_what_it_refers_to, without_meta

NO_IDENTIFIER = {"Provenance", "AuditEvent"}


@pytest.mark.parametrize("file", golden("Bundle"), ids=lambda file: file.stem)
def test_what_was_sent_comes_back(hapi: FhirServer, file: Path) -> None:
    bundle = json.loads(file.read_bytes())
    with_what_it_refers_to(hapi, bundle)
    answers = hapi.send(bundle)
    came = list(stored(hapi, bundle, answers))
    assert len(came) == len(bundle["entry"])
    for one in came:
        assert without_meta(one.back) == without_meta(one.sent)
    _sent_again_nothing_is_doubled(hapi, bundle, answers)


def test_generated_transactions_are_taken_resolve_and_come_back(
    hapi: FhirServer, generated: list[Json]
) -> None:
    answers = [hapi.send(bundle) for bundle in generated]
    made = 0
    for bundle, answer in zip(generated, answers, strict=True):
        for one in stored(hapi, bundle, answer):
            assert without_meta(one.back) == without_meta(one.sent)
            made += 1
    assert made > 4 * len(generated)
    _every_reference_resolves(hapi, {place_of(one) for answer in answers for one in answer})
    for bundle, answer in zip(generated, answers, strict=True):
        _sent_again_nothing_is_doubled(hapi, bundle, answer)


def _sent_again_nothing_is_doubled(server: FhirServer, bundle: Json, first: list[Json]) -> None:
    """Provenance has no identifier in R4: whoever sends a Bundle again leaves it out, as delivery does."""
    kept = [
        number
        for number, entry in enumerate(bundle["entry"])
        if entry["resource"]["resourceType"] not in NO_IDENTIFIER
    ]
    urls = {bundle["entry"][number]["fullUrl"]: place_of(first[number]) for number in range(len(first))}
    entries = [_pointing(bundle["entry"][number], urls) for number in kept]
    again = server.send({**bundle, "entry": entries})
    assert [place_of(one) for one in again] == [place_of(first[number]) for number in kept]
    assert not [one["status"] for one in again if not one["status"].startswith("200")]
    for entry in entries:
        condition = entry["request"].get("ifNoneExist")
        if condition:
            assert server.total(entry["resource"]["resourceType"], condition) == 1


def _pointing(entry: Json, urls: dict[str, str]) -> Json:
    """The entry with references to what is left out pointing to where that stands."""
    text = json.dumps(entry["resource"])
    for url, place in urls.items():
        if place.split("/")[0] in NO_IDENTIFIER:
            text = text.replace(f'"{url}"', f'"{place}"')
    return {**entry, "resource": json.loads(text)}


def _every_reference_resolves(server: FhirServer, places: Iterable[str]) -> None:
    known: set[str] = set()
    for place in places:
        resource = server.read(place)
        known.add(place)
        for reference in set(references_in(resource)) - known:
            assert server.read(reference)["resourceType"] == reference.split("/")[0]
            known.add(reference)


def test_two_people_of_one_member_number_keep_a_coverage_each(hapi: FhirServer) -> None:
    """Seen here first: the second person's claim was joined to the first one's coverage."""
    claims = [_read(file) for file in golden("Bundle") if file.stem.startswith("claim-")]
    for claim in claims:
        hapi.send(claim)
    coverages = hapi.search("Coverage")
    people = {one["beneficiary"]["reference"] for one in coverages}
    assert len({one["subscriberId"] for one in coverages}) < len(people) == len(coverages)
    for claim in hapi.search("Claim"):
        for each in claim["insurance"]:
            coverage = hapi.read(each["coverage"]["reference"])
            assert coverage["beneficiary"]["reference"] == claim["patient"]["reference"]


def _read(file: Path) -> Json:
    found: Json = json.loads(file.read_bytes())
    return found


def test_a_transaction_with_one_entry_that_is_refused_leaves_nothing_behind(hapi: FhirServer) -> None:
    bundle: dict[str, Any] = json.loads(golden("Bundle")[0].read_bytes())
    with_what_it_refers_to(hapi, bundle)
    before = hapi.total("Patient")
    broken = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "for": {"reference": "Patient/no"},
    }
    entry = {"fullUrl": "urn:uuid:9a7c2d5e-0000-4000-8000-000000000001", "resource": broken}
    request = {"method": "POST", "url": "Task"}
    answer = hapi.raw("POST", "", {**bundle, "entry": [*bundle["entry"], {**entry, "request": request}]})
    assert answer.status_code == 400
    assert hapi.total("Patient") == before
