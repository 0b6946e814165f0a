"""Create, update, delete and their conditions; every refusal is an OperationOutcome."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.smart_launch.sandbox_ehr.office import Office

FHIR_JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def bearer(office: Office) -> dict[str, str]:
    return office.bearer()


@pytest.fixture
def made(office: Office, bearer: dict[str, str], encounter: dict[str, Any]) -> dict[str, Any]:
    answer = office.call("POST", "/Encounter", bearer, json=encounter)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_created_resource_is_answered_with_its_place_and_version(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    answer = office.call("POST", "/Encounter", bearer, json=encounter | {"id": "mine"})
    assert answer.status_code == 201
    body = answer.json()
    assert body["id"] != "mine"
    assert answer.headers["Location"] == f"{office.fhir}/Encounter/{body['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert body["meta"]["versionId"] == "1"
    read = office.call("GET", f"/Encounter/{body['id']}", bearer)
    assert read.content == answer.content
    assert (
        office.call("GET", f"/Encounter/{body['id']}", bearer, headers={"If-None-Match": 'W/"1"'}).status_code
        == 304
    )


def test_what_is_stored_is_what_was_sent(office: Office, bearer: dict[str, str]) -> None:
    body = (
        b'{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},'
        b'"subject":{"reference":"Patient/pat-moss"},'
        b'"length":{"value":40.00,"unit":"min"},"text":{"status":"additional",'
        b'"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">\\u00e9 \\u2028</div>"}}'
    )
    answer = office.call("POST", "/Encounter", bearer, data=body, headers=FHIR_JSON)
    assert answer.status_code == 201, answer.text
    assert b'"value":40.00' in answer.content
    assert answer.json()["text"]["div"] == '<div xmlns="http://www.w3.org/1999/xhtml">\u00e9 \u2028</div>'
    assert answer.json()["length"]["value"] == Decimal(40)


def test_return_minimal_answers_without_a_body(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    headers = {"Prefer": "return=minimal"}
    answer = office.call("POST", "/Encounter", bearer, json=encounter, headers=headers)
    assert (answer.status_code, answer.content) == (201, b"")


def test_a_conditional_create_creates_finds_or_refuses(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    value = encounter["identifier"][0]["value"]
    headers = {"If-None-Exist": f"identifier=urn:test:encounter|{value}"}
    first = office.call("POST", "/Encounter", bearer, json=encounter, headers=headers)
    second = office.call("POST", "/Encounter", bearer, json=encounter, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert office.call("POST", "/Encounter", bearer, json=encounter).status_code == 201
    third = office.call("POST", "/Encounter", bearer, json=encounter, headers=headers)
    assert third.status_code == 412
    assert third.json()["issue"][0]["code"] == "multiple-matches"


@pytest.mark.parametrize("condition", ["", "shoe-size=42", "identifier=", "_count=1"])
def test_a_condition_that_says_nothing_is_refused(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any], condition: str
) -> None:
    headers = {"If-None-Exist": condition}
    answer = office.call("POST", "/Encounter", bearer, json=encounter, headers=headers)
    assert answer.status_code == 400


def test_of_eight_conditional_creates_at_once_exactly_one_creates(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    value = encounter["identifier"][0]["value"]
    condition = f"identifier=urn:test:encounter|{value}"

    def create(number: int) -> int:
        if number % 2:
            return office.call(
                "POST", "/Encounter", bearer, json=encounter, headers={"If-None-Exist": condition}
            ).status_code
        entry = {
            "request": {"method": "POST", "url": "Encounter", "ifNoneExist": condition},
            "resource": encounter,
        }
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = office.call("POST", "", bearer, json=bundle)
        return int(answer.json()["entry"][0]["response"]["status"])

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(create, range(8)))
    assert statuses == [200] * 7 + [201]
    assert office.call("GET", f"/Encounter?{condition}", bearer).json()["total"] == 1


def test_an_update_needs_the_version_it_was_made_from(
    office: Office, bearer: dict[str, str], made: dict[str, Any]
) -> None:
    path = f"/Encounter/{made['id']}"
    changed = made | {"status": "entered-in-error"}
    assert office.call("PUT", path, bearer, json=changed).status_code == 428
    for stale in ('W/"2"', "1", "*", 'W/"0"'):
        answer = office.call("PUT", path, bearer, json=changed, headers={"If-Match": stale})
        assert answer.status_code == 412
    answer = office.call("PUT", path, bearer, json=changed, headers={"If-Match": 'W/"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert office.call("GET", path, bearer).json()["status"] == "entered-in-error"
    assert office.call("GET", f"{path}/_history/1", bearer).json()["status"] == "finished"
    assert office.call("GET", f"{path}/_history/3", bearer).status_code == 404


def test_of_eight_updates_at_once_exactly_one_wins(
    office: Office, bearer: dict[str, str], made: dict[str, Any]
) -> None:
    path = f"/Encounter/{made['id']}"

    def update(_: int) -> int:
        return office.call("PUT", path, bearer, json=made, headers={"If-Match": 'W/"1"'}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(update, range(8)))
    assert statuses == [200] + [412] * 7


def test_a_deleted_resource_is_gone_and_its_history_stays(
    office: Office, bearer: dict[str, str], made: dict[str, Any]
) -> None:
    path = f"/Encounter/{made['id']}"
    assert office.call("DELETE", path, bearer, headers={"If-Match": 'W/"9"'}).status_code == 412
    assert office.call("DELETE", path, bearer).status_code == 204
    assert office.call("DELETE", path, bearer).status_code == 204
    assert office.call("GET", path, bearer).status_code == 410
    assert office.call("GET", f"/Encounter?_id={made['id']}", bearer).json()["total"] == 0
    headers = {"If-Match": 'W/"2"'}
    assert office.call("PUT", path, bearer, json=made, headers=headers).status_code == 410
    history = office.call("GET", f"{path}/_history", bearer).json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "POST"]
    assert office.call("GET", f"{path}/_history/1", bearer).status_code == 200
    assert office.call("GET", f"{path}/_history/2", bearer).status_code == 410
    assert office.call("DELETE", "/Encounter/never-was", bearer).status_code == 404


_OWNED = ["Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Coverage"]


@pytest.mark.parametrize("resource_type", _OWNED)
def test_what_the_ehr_keeps_itself_is_written_by_no_app(
    office: Office, bearer: dict[str, str], resource_type: str
) -> None:
    existing = office.call("GET", f"/{resource_type}?_count=1", bearer).json()["entry"][0]["resource"]
    answer = office.call("POST", f"/{resource_type}", bearer, json=existing)
    assert answer.status_code == 405
    assert "kept by this EHR itself" in answer.json()["issue"][0]["diagnostics"]
    path = f"/{resource_type}/{existing['id']}"
    assert office.call("PUT", path, bearer, json=existing).status_code == 405
    assert office.call("DELETE", path, bearer).status_code == 405
    entry = {"request": {"method": "POST", "url": resource_type}, "resource": existing}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert office.call("POST", "", bearer, json=bundle).status_code == 405
    assert office.call("GET", f"{path}/_history", bearer).json()["total"] == 1


def deep(levels: int) -> bytes:
    return b'{"resourceType":"Encounter","extension":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b"{}",
        b'{"resourceType":1}',
        b'{"resourceType":"Encounter","resourceType":"Encounter"}',
        b'{"resourceType":"Encounter","length":{"value":NaN}}',
        b'{"resourceType":"Encounter","length":{"value":Infinity}}',
        b'{"resourceType":"Encounter","length":{"value":' + b"9" * 5000 + b"}}",
        b'{"resourceType":"Encounter","id":"\\ud800"}',
        b'{"resourceType":"Encounter","id":"\xff"}',
        deep(64),
        deep(100_000),
        b'{"resourceType":"Patient"}',
    ],
    ids=lambda body: repr(body[:60]),
)
def test_a_body_that_is_no_clean_json_of_that_type_is_refused(
    office: Office, bearer: dict[str, str], body: bytes
) -> None:
    answer = office.call("POST", "/Encounter", bearer, data=body, headers=FHIR_JSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("changes", "expression"),
    [
        ({"status": None}, "Encounter.status"),
        ({"status": "completed"}, "Encounter.status"),
        ({"class": None}, "Encounter.class"),
        ({"surprise": 1}, "Encounter.surprise"),
        ({"type": []}, "Encounter.type"),
        ({"type": [{}]}, "Encounter.type[0]"),
        ({"period": {"start": "yesterday"}}, "Encounter.period.start"),
        ({"subject": {"reference": "Patient/pat-nobody"}}, "Encounter.subject.reference"),
        ({"subject": {"reference": "Practitioner/prac-chen"}}, "Encounter.subject.reference"),
        ({"subject": {"reference": "urn:uuid:x"}}, "Encounter.subject.reference"),
        ({"subject": {"reference": "Patient?identifier=MRN-70001"}}, "Encounter.subject.reference"),
        ({"subject": {"reference": "Patient/pat-moss/_history/9"}}, "Encounter.subject.reference"),
        (
            {"basedOn": [{"reference": "ServiceRequest/none"}]},
            "Encounter.basedOn[0].reference",
        ),
    ],
)
def test_a_resource_that_is_not_right_is_refused_with_its_place(
    office: Office,
    bearer: dict[str, str],
    encounter: dict[str, Any],
    changes: dict[str, Any],
    expression: str,
) -> None:
    body = {name: value for name, value in (encounter | changes).items() if value is not None}
    answer = office.call("POST", "/Encounter", bearer, json=body)
    assert answer.status_code == 422, answer.text
    issues = answer.json()["issue"]
    assert expression in [place for one in issues for place in one["expression"]]
    assert all(one["diagnostics"] for one in issues)


def test_references_to_other_servers_and_into_the_resource_are_let_be(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    fine = encounter | {
        "contained": [{"resourceType": "Location", "id": "here", "name": "Here"}],
        "location": [{"location": {"reference": "#here"}}],
        "serviceProvider": {"reference": "https://elsewhere.example/fhir/Organization/1"},
        "subject": {"reference": f"{office.fhir}/Patient/pat-moss"},
    }
    answer = office.call("POST", "/Encounter", bearer, json=fine)
    assert answer.status_code == 201, answer.text
    found = office.call("GET", f"/Encounter?patient=pat-moss&_id={answer.json()['id']}", bearer).json()
    assert found["total"] == 1


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/Encounter/never-was", {}, 404),
        ("GET", "/Nonsense", {}, 404),
        ("GET", "/Nonsense/1", {}, 404),
        ("GET", "/Medication/1", {}, 404),
        ("GET", "/a/b/c/d/e", {}, 404),
        ("GET", "/Encounter/never-was/_history", {}, 404),
        ("PUT", "/Encounter", {}, 405),
        ("DELETE", "/Encounter", {}, 405),
        ("PATCH", "/Encounter/1", {}, 405),
        ("GET", "", {}, 405),
        ("GET", "/Patient", {"Accept": "application/fhir+xml"}, 406),
        ("GET", "/metadata", {"Accept": "text/xml"}, 406),
        ("GET", "/Patient?_format=xml", {}, 406),
        ("POST", "/Encounter", {"Content-Type": "application/fhir+xml"}, 415),
        ("POST", "/Encounter", {"Content-Type": "text/plain"}, 415),
        ("POST", "", {"Content-Type": "text/plain"}, 415),
        ("GET", "/Patient/pat-moss/_history?_count=1", {}, 400),
    ],
)
def test_a_wrong_call_gets_its_status_and_an_outcome(
    office: Office, bearer: dict[str, str], method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = office.call(method, path, bearer, headers=headers)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["Content-Type"].startswith("application/fhir+json")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/fhir+json;q=0.9, text/html;q=0.1", "application/*"]
)
def test_json_in_any_of_its_names_is_answered(office: Office, bearer: dict[str, str], accept: str) -> None:
    assert office.call("GET", "/Patient/pat-moss", bearer, headers={"Accept": accept}).status_code == 200
    assert office.call("GET", "/Patient?_format=application/fhir+json", bearer).status_code == 200


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="fhir"'),
        ({"Authorization": "Basic YTpi"}, 'Bearer realm="fhir"'),
        ({"Authorization": "Bearer unknown"}, 'Bearer realm="fhir", error="invalid_token"'),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/Patient"), ("POST", "/Encounter"), ("POST", "")])
def test_without_a_valid_token_nothing_is_answered(
    office: Office, headers: dict[str, str], challenge: str, method: str, path: str
) -> None:
    answer = office.call(method, path, {}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_refresh_token_opens_no_record(office: Office) -> None:
    refresh = office.sign_in()["refresh_token"]
    assert office.call("GET", "/Patient", {"Authorization": f"Bearer {refresh}"}).status_code == 401


def test_more_than_five_mebibytes_are_refused(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    padding = "x" * (5 * 1024 * 1024)
    answer = office.call("POST", "/Encounter", bearer, json=encounter | {"language": padding})
    assert answer.status_code == 413
    assert answer.json()["issue"][0]["code"] == "too-long"


def test_the_capability_statement_says_what_is_true(office: Office) -> None:
    rest = office.get("/fhir/metadata").json()["rest"][0]
    for resource in rest["resource"]:
        codes = {one["code"] for one in resource["interaction"]}
        assert ("create" in codes) == (resource["type"] not in _OWNED)
        assert resource["conditionalCreate"] == (resource["type"] not in _OWNED)
        assert resource["updateCreate"] is False


def test_update_makes_no_new_resource(
    office: Office, bearer: dict[str, str], encounter: dict[str, Any]
) -> None:
    answer = office.call("PUT", "/Encounter/chosen", bearer, json=encounter | {"id": "chosen"})
    assert answer.status_code == 404
    made = office.call("POST", "/Encounter", bearer, json=encounter).json()
    other = office.call("PUT", "/Encounter/enc-visit-70002", bearer, json=made)
    assert other.status_code == 400


EVENT = {
    "resourceType": "AuditEvent",
    "type": {"code": "rest"},
    "recorded": "2026-11-20T15:00:00.250Z",
    "agent": [{"requestor": True, "who": {"display": "Somebody"}}],
    "source": {"observer": {"display": "A system"}},
    "entity": [{"what": {"reference": "Patient/pat-moss"}}],
}


def test_what_was_written_of_who_did_what_is_only_ever_added_to(
    office: Office, bearer: dict[str, str]
) -> None:
    made = office.call("POST", "/AuditEvent", bearer, json=EVENT)
    assert made.status_code == 201, made.text
    place, body = f"/AuditEvent/{made.json()['id']}", made.json()
    match = {"If-Match": 'W/"1"'}
    assert office.call("PUT", place, bearer, json=body, headers=match).status_code == 405
    assert office.call("DELETE", place, bearer).status_code == 405
    found = office.call(
        "GET", "/AuditEvent?patient=pat-moss&date=ge2026-11-20T15:00:00Z&date=lt2026-11-20T15:00:01Z", bearer
    )
    assert [one["resource"]["id"] for one in found.json()["entry"]] == [body["id"]]
    other = office.call("GET", "/AuditEvent?patient=pat-farrell", bearer).json()
    assert "entry" not in other


def test_a_consent_needs_its_category_and_is_found_by_its_identifier(
    office: Office, bearer: dict[str, str]
) -> None:
    consent = {
        "resourceType": "Consent",
        "identifier": [{"system": "https://a.example/consent", "value": "7"}],
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "IDSCL"}]}],
        "patient": {"reference": "Patient/pat-moss"},
        "policy": [{"uri": "https://a.example/policy"}],
    }
    without = {name: value for name, value in consent.items() if name != "category"}
    assert office.call("POST", "/Consent", bearer, json=without).status_code == 422
    headers = {"If-None-Exist": "identifier=https%3A%2F%2Fa.example%2Fconsent%7C7"}
    statuses = [
        office.call("POST", "/Consent", bearer, json=consent, headers=headers).status_code for _ in range(2)
    ]
    assert statuses == [201, 200]
