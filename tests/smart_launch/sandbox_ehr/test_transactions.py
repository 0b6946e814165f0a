"""A transaction is stored whole or not at all; a batch entry answers for itself."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office

NOTE, VISIT, SIGNATURE = "urn:uuid:" + "1" * 8, "urn:uuid:" + "2" * 8, "urn:uuid:" + "3" * 8
NPI = "http://hl7.org/fhir/sid/us-npi"
Bundle = dict[str, Any]


@pytest.fixture(scope="module")
def bearer(office: Office) -> dict[str, str]:
    return office.bearer()


def note(value: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "identifier": [{"system": "urn:test:note", "value": value}],
        # A business identifier that looks like a fullUrl is none, and stays what it is.
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": VISIT},
        "status": "current",
        "subject": {"reference": "Patient?identifier=urn:example:mrn|MRN-70001"},
        "author": [{"reference": f"Practitioner?identifier={NPI}|1900000021"}],
        "content": [{"attachment": {"contentType": "text/plain", "data": "aGVsbG8="}}],
        "context": {"encounter": [{"reference": VISIT}]},
    }


def signature() -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": NOTE}],
        "recorded": "2026-11-20T10:50:00-05:00",
        "agent": [{"who": {"reference": "Practitioner/prac-rivera"}}],
    }


def entry(method: str, url: str, resource: Any = None, full_url: str | None = None, **request: str) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    return made | ({"fullUrl": full_url} if full_url else {})


def transaction(*entries: Any, kind: str = "transaction") -> Bundle:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def whole(encounter: dict[str, Any], value: str) -> Bundle:
    """Return the Bundle of one note, what refers standing before what is referred to."""
    return transaction(
        entry("POST", "Provenance", signature(), SIGNATURE),
        entry(
            "POST", "DocumentReference", note(value), NOTE, ifNoneExist=f"identifier=urn:test:note|{value}"
        ),
        entry("POST", "Encounter", encounter, VISIT),
        entry("GET", f"DocumentReference?identifier=urn:test:note|{value}"),
    )


def counts(office: Office, bearer: dict[str, str]) -> dict[str, int]:
    types = ("Encounter", "DocumentReference", "Provenance", "Task")
    return {name: office.call("GET", f"/{name}?_count=0", bearer).json()["total"] for name in types}


def place(answer: Any, index: int) -> str:
    return str(answer["entry"][index]["response"]["location"].split("/fhir/")[1].split("/_history")[0])


def test_a_note_and_what_belongs_to_it_are_stored_together(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    answer = office.call("POST", "", bearer, json=whole(encounter, str(uuid.uuid4())))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["type"] == "transaction-response"
    assert [one["response"]["status"] for one in body["entry"]] == ["201", "201", "201", "200"]
    stored = office.call("GET", f"/{place(body, 1)}", bearer).json()
    assert stored["context"]["encounter"][0]["reference"] == place(body, 2)
    assert stored["subject"]["reference"] == "Patient/pat-moss"
    assert stored["author"][0]["reference"] == "Practitioner/prac-rivera"
    assert stored["masterIdentifier"]["value"] == VISIT
    provenance = office.call("GET", f"/{place(body, 0)}", bearer).json()
    assert provenance["target"][0]["reference"] == place(body, 1)
    assert body["entry"][3]["resource"]["total"] == 1
    of_patient = office.call("GET", "/Provenance?patient=pat-moss&_count=200", bearer).json()
    assert provenance["id"] in [one["resource"]["id"] for one in of_patient["entry"]]


def test_references_resolve_to_what_a_conditional_create_found(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    value = str(uuid.uuid4())
    first = office.call("POST", "", bearer, json=whole(encounter, value)).json()
    again = office.call("POST", "", bearer, json=whole(encounter, value)).json()
    assert [one["response"]["status"] for one in again["entry"]] == ["201", "200", "201", "200"]
    assert place(again, 1) == place(first, 1)
    provenance = office.call("GET", f"/{place(again, 0)}", bearer).json()
    assert provenance["target"][0]["reference"] == place(first, 1)


def test_the_order_is_delete_post_put_get(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    kept = office.call("POST", "/Encounter", bearer, json=encounter).json()
    old = office.call("POST", "/Encounter", bearer, json=encounter).json()
    condition = f"identifier=urn:test:encounter|{encounter['identifier'][0]['value']}"
    changed = kept | {"status": "cancelled", "identifier": [{"system": "urn:test:other", "value": "x"}]}
    answer = office.call(
        "POST",
        "",
        bearer,
        json=transaction(
            entry("GET", f"Encounter/{kept['id']}"),
            entry("PUT", f"Encounter/{kept['id']}", changed, ifMatch='W/"1"'),
            entry("DELETE", f"Encounter/{old['id']}"),
        ),
    )
    assert answer.status_code == 200, answer.text
    read, updated, deleted = answer.json()["entry"]
    assert read["resource"]["status"] == "cancelled"
    assert (updated["response"]["etag"], deleted["response"]["status"]) == ('W/"2"', "204")
    assert office.call("GET", f"/Encounter?{condition}", bearer).json()["total"] == 0


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (entry("POST", "Encounter", {"resourceType": "Encounter"}), 422),
        (entry("POST", "Encounter", {"resourceType": "Task"}), 400),
        (entry("POST", "Encounter"), 400),
        (entry("POST", "Nonsense", {"resourceType": "Nonsense"}), 400),
        (entry("POST", "Patient", {"resourceType": "Patient"}), 405),
        (entry("POST", "Provenance", signature() | {"target": [{"reference": "urn:uuid:none"}]}), 400),
        (entry("POST", "Provenance", signature() | {"target": [{"reference": "Task/none"}]}), 422),
        (
            entry(
                "POST",
                "Provenance",
                signature() | {"target": [{"reference": "Task?identifier=urn:test|none"}]},
            ),
            412,
        ),
        (
            entry("POST", "Provenance", signature() | {"target": [{"reference": "Patient?family=a,l,m"}]}),
            412,
        ),
        (entry("PUT", "Encounter/never-was", {"resourceType": "Encounter", "id": "never-was"}), 422),
        (entry("DELETE", "Encounter/never-was"), 404),
        (entry("DELETE", "Encounter?status=finished"), 400),
        (entry("GET", "Encounter/never-was"), 404),
        (entry("GET", "Encounter?shoe-size=42"), 400),
        (entry("PATCH", "Encounter/enc-visit-70002"), 400),
        (entry("POST", "Provenance", signature(), SIGNATURE), 400),
        (entry("POST", "Provenance", signature(), "http://x/Provenance/1/_history/1"), 400),
        (entry("POST", "http://elsewhere.example/Encounter", {"resourceType": "Encounter"}), 400),
        ({"resource": {"resourceType": "Encounter"}}, 400),
        ("nonsense", 400),
    ],
    ids=lambda value: str(value)[:70],
)
def test_one_refused_entry_refuses_everything(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any], spoil: Any, status: int
) -> None:
    before = counts(office, bearer)
    bundle = whole(encounter, str(uuid.uuid4()))
    bundle["entry"].append(spoil)
    answer = office.call("POST", "", bearer, json=bundle)
    assert answer.status_code == status, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["expression"][0].startswith("Bundle.entry[4]")
    assert counts(office, bearer) == before


def test_one_identity_comes_once(office: Office, bearer: dict[str, str], encounter: dict[str, Any]) -> None:
    made = office.call("POST", "/Encounter", bearer, json=encounter).json()
    put = entry("PUT", f"Encounter/{made['id']}", made, ifMatch='W/"1"')
    value = str(uuid.uuid4())
    new = encounter | {"identifier": [{"system": "urn:test:encounter", "value": value}]}
    condition = f"identifier=urn:test:encounter|{encounter['identifier'][0]['value']}"
    create = entry("POST", "Encounter", new, ifNoneExist=f"identifier=urn:test:encounter|{value}")
    refused = [
        (put, put),
        (put, entry("DELETE", f"Encounter/{made['id']}")),
        (put, entry("POST", "Encounter", encounter, ifNoneExist=condition)),
        (create, create),
    ]
    for pair in refused:
        answer = office.call("POST", "", bearer, json=transaction(*pair))
        assert answer.status_code == 400, answer.text
        assert answer.json()["issue"][0]["code"] == "duplicate"
    assert office.call("GET", f"/Encounter/{made['id']}", bearer).headers["ETag"] == 'W/"1"'


def test_if_match_holds_inside_a_transaction(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    made = office.call("POST", "/Encounter", bearer, json=encounter).json()
    for how, status in (({"ifMatch": 'W/"7"'}, 412), ({}, 428)):
        put = entry("PUT", f"Encounter/{made['id']}", made, **how)
        bundle = transaction(entry("POST", "Encounter", encounter), put)
        before = counts(office, bearer)
        assert office.call("POST", "", bearer, json=bundle).status_code == status
        assert counts(office, bearer) == before


def test_in_a_batch_each_entry_answers_for_itself(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    bundle = transaction(
        entry("POST", "Encounter", encounter),
        entry("POST", "Encounter", {"resourceType": "Encounter"}),
        entry("POST", "Provenance", signature()),
        entry("GET", "Patient/pat-moss"),
        entry("GET", "Patient/pat-nobody"),
        kind="batch",
    )
    answer = office.call("POST", "", bearer, json=bundle)
    assert answer.status_code == 200
    entries = answer.json()["entry"]
    assert [one["response"]["status"] for one in entries] == ["201", "422", "400", "200", "404"]
    assert entries[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Encounter"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{}] * 501},
        [],
    ],
    ids=lambda body: str(body)[:50],
)
def test_what_is_no_batch_or_transaction_is_refused(
    office: Office, bearer: dict[str, str], body: Any
) -> None:
    assert office.call("POST", "", bearer, json=body).status_code == 400


def test_return_representation_shows_what_was_stored(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    bundle = transaction(entry("POST", "Encounter", encounter))
    answer = office.call("POST", "", bearer, json=bundle, headers={"Prefer": "return=representation"})
    assert answer.json()["entry"][0]["resource"]["status"] == "finished"


def test_equal_transactions_at_once_store_one_note(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    value = str(uuid.uuid4())
    bundle = whole(encounter, value)
    bundle["entry"][2]["request"]["ifNoneExist"] = (
        f"identifier=urn:test:encounter|{encounter['identifier'][0]['value']}"
    )

    def send(_: int) -> int:
        return office.call("POST", "", bearer, json=bundle).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(8))) == {200}
    found = office.call("GET", f"/DocumentReference?identifier=urn:test:note|{value}", bearer).json()
    assert found["total"] == 1
    visit = encounter["identifier"][0]["value"]
    assert office.call("GET", f"/Encounter?identifier={visit}", bearer).json()["total"] == 1


def test_an_empty_transaction_is_answered_empty(office: Office, bearer: dict[str, str]) -> None:
    answer = office.call("POST", "", bearer, json=transaction())
    assert (answer.status_code, answer.json()["type"]) == (200, "transaction-response")
