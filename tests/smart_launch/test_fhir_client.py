"""FHIR over real HTTP: every answer ends in what to do next (FHIR R4, RESTful API)."""

import json
import xml.sax.saxutils
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_launch.fhir_client import (
    FhirClient,
    FhirTrouble,
    ForeignReference,
    NotAllowed,
    OutcomeUnknown,
    Refused,
    Unreadable,
    Wait,
)
from tests.smart_launch.scripted_ehr import FHIR_JSON, Reply, ScriptedEhr, outcome, reply

ASKED: dict[str, Any] = {"request_id": "req-1"}
NOTE = json.dumps({"resourceType": "DocumentReference", "status": "current"}).encode()
STORED = {"resourceType": "DocumentReference", "id": "d-1", "meta": {"versionId": "1"}}
NOTES = "/fhir/DocumentReference"


@pytest.fixture
def client(ehr: ScriptedEhr, http: requests.Session) -> FhirClient:
    return FhirClient(http, ehr.fhir, lambda: "token-1", timeout=(2, 2))


def test_a_resource_is_read_with_token_request_id_and_version(client: FhirClient, ehr: ScriptedEhr) -> None:
    patient = {"resourceType": "Patient", "id": "p", "meta": {"versionId": "3"}}
    ehr.on("GET", "/fhir/Patient/p", reply(patient, ETag='W/"3"'))
    for reference in ("Patient/p", f"{ehr.fhir}/Patient/p", "Patient/p/_history/2"):
        answer = client.read(reference, **ASKED)
        assert (answer.body, answer.version_id, answer.etag) == (patient, "3", 'W/"3"')
        assert answer.request_id == "req-1"
    sent = ehr.requests[0].headers
    assert sent["authorization"] == "Bearer token-1"
    assert sent["x-request-id"] == "req-1"
    assert sent["accept"] == FHIR_JSON
    assert "content-type" not in sent


FOREIGN = [
    "https://evil.example/fhir/Patient/p",
    "{s}/fhir/Patient/p",
    "{o}/fhirx/Patient/p",
    "{o}/fhir/../Patient/p",
    "Patient/..",
    "Patient/../Task",
    "Patient/a/b",
    "Patient/a?x=1",
    "Patient/a#b",
    "#contained",
    "urn:uuid:0",
    "//evil.example/Patient/p",
    "Patient/%2e%2e",
    "patient/p",
    "",
]


@pytest.mark.parametrize("reference", FOREIGN)
def test_a_reference_to_anywhere_else_is_not_requested(
    client: FhirClient, ehr: ScriptedEhr, stranger: ScriptedEhr, reference: str
) -> None:
    with pytest.raises(ForeignReference):
        client.read(reference.format(s=stranger.origin, o=ehr.origin), **ASKED)
    with pytest.raises(ForeignReference):
        client.update(reference.format(s=stranger.origin, o=ehr.origin), NOTE, **ASKED)
    assert ehr.requests == stranger.requests == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40) | st.text(max_size=10).map("Patient/{}".format))
def test_any_reference_is_local_or_refused(client: FhirClient, reference: str) -> None:
    try:
        kind, _, tail = client.local(reference).partition("/")
    except ForeignReference:
        return
    assert kind.isalpha() and tail and not set(tail) & set("/?#%\\ \r\n:@")


@pytest.mark.parametrize("text", ["a\r\nX: y", "é", "", "x" * 2001])
def test_a_header_cannot_carry_a_second_one(client: FhirClient, ehr: ScriptedEhr, text: str) -> None:
    with pytest.raises(ValueError, match="header value"):
        client.create("DocumentReference", NOTE, request_id="req-1", if_none_exist=text)
    with pytest.raises(ValueError, match="header value"):
        client.read("Patient/p", request_id=text)
    with pytest.raises(ValueError, match="resource type"):
        client.create("../x", NOTE, request_id="req-1")
    assert ehr.requests == []


READ_ANSWERS: list[tuple[Reply, type[FhirTrouble]]] = [
    (outcome(400), Refused),
    (outcome(401), NotAllowed),
    (outcome(403), NotAllowed),
    (outcome(404), Refused),
    (outcome(408), Wait),
    (outcome(410), Refused),
    (outcome(422), Refused),
    (outcome(429), Wait),
    (outcome(500), Wait),
    (outcome(501), Refused),
    (outcome(502), Wait),
    (outcome(503), Wait),
    (outcome(504), Wait),
    (Reply(302, headers={"Location": "{s}/x"}), Unreadable),
    (Reply(307, headers={"Location": "{s}/x"}), Refused),
    (Reply(204), Unreadable),
    (Reply(fault="drop"), Wait),
    (Reply(fault="hang"), Wait),
    (Reply(200, b'{"resourceType": "Patient"}', {"Content-Type": FHIR_JSON}, "truncate"), Wait),
    (reply(b"<html>sign in</html>", content_type="text/html"), Unreadable),
    (reply(b"<html>sign in</html>"), Unreadable),
    (reply(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
           content_type="application/fhir+xml"), Unreadable),
    (reply({"resourceType": "Patient"}, content_type="text/plain"), Unreadable),
    (reply(b'{"resourceType": "Patient", "id": "a", "id": "b"}'), Unreadable),
    (reply(b'{"resourceType": "Patient", "x": NaN}'), Unreadable),
    (reply(b'{"resourceType": "Patient", "x": ' + b"[" * 70 + b"]" * 70 + b"}"), Unreadable),
    (reply(b'{"resourceType": "Patient"'), Unreadable),
    (reply({"resourceType": "Practitioner"}), Unreadable),
    (reply({"id": "p"}), Unreadable),
    (reply([]), Unreadable),
    (reply(b""), Unreadable),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind"), READ_ANSWERS)
def test_each_answer_to_a_read_has_one_meaning(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session, answer: Reply, kind: type[FhirTrouble]
) -> None:
    client = FhirClient(http, ehr.fhir, lambda: "token-1", timeout=(2, 0.2))
    ehr.on("GET", "/fhir/Patient/p", _moved(answer, stranger))
    with pytest.raises(FhirTrouble) as trouble:
        client.read("Patient/p", **ASKED)
    assert type(trouble.value) is kind
    assert trouble.value.request_id == "req-1"
    assert stranger.requests == []


WRITE_ANSWERS: list[tuple[Reply, type[FhirTrouble]]] = [
    (outcome(400), Refused),
    (outcome(401), NotAllowed),
    (outcome(403), NotAllowed),
    (outcome(404), Refused),
    (outcome(408), OutcomeUnknown),
    (outcome(409), Refused),
    (outcome(410), Refused),
    (outcome(412), Refused),
    (outcome(413), Refused),
    (outcome(415), Refused),
    (outcome(422), Refused),
    (outcome(425), Wait),
    (outcome(429), Wait),
    (outcome(500), OutcomeUnknown),
    (outcome(501), Refused),
    (outcome(502), OutcomeUnknown),
    (outcome(503), Wait),
    (outcome(504), OutcomeUnknown),
    (Reply(202), OutcomeUnknown),
    (Reply(303, headers={"Location": "{s}/x"}), OutcomeUnknown),
    (Reply(307, headers={"Location": "{s}/x"}), Refused),
    (Reply(308, headers={"Location": "{s}/x"}), Refused),
    (Reply(fault="drop"), OutcomeUnknown),
    (Reply(fault="hang"), OutcomeUnknown),
    (Reply(201, json.dumps(STORED).encode(), {"Content-Type": FHIR_JSON}, "truncate"), OutcomeUnknown),
    (reply(b"<html>welcome</html>", content_type="text/html"), OutcomeUnknown),
    (reply(b"<html>welcome</html>", 201), OutcomeUnknown),
    (reply(b"<!DOCTYPE a><DocumentReference/>", 201, content_type="application/fhir+xml"), OutcomeUnknown),
    (reply(STORED, 201, content_type="text/plain"), OutcomeUnknown),
    (reply(b'{"resourceType": "DocumentReference", "id": "a", "id": "b"}', 201), OutcomeUnknown),
    (reply({"resourceType": "Patient", "id": "p"}, 201), OutcomeUnknown),
    (reply({"id": "p"}, 201), OutcomeUnknown),
    (outcome(200), OutcomeUnknown),
    (Reply(201), OutcomeUnknown),
]


@pytest.mark.parametrize(("answer", "kind"), WRITE_ANSWERS)
def test_each_answer_to_a_write_has_one_meaning_and_no_write_is_repeated(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session, answer: Reply, kind: type[FhirTrouble]
) -> None:
    client = FhirClient(http, ehr.fhir, lambda: "token-1", timeout=(2, 0.2))
    ehr.on("POST", NOTES, _moved(answer, stranger))
    with pytest.raises(FhirTrouble) as trouble:
        client.create("DocumentReference", NOTE, **ASKED)
    assert type(trouble.value) is kind
    assert trouble.value.request_id == "req-1"
    assert len(ehr.requests) == 1 and stranger.requests == []


def _moved(answer: Reply, stranger: ScriptedEhr) -> Reply:
    headers = {name: value.replace("{s}", stranger.origin) for name, value in answer.headers.items()}
    return Reply(answer.status, answer.body, headers, answer.fault)


def test_where_nobody_listens_a_write_waits_because_nothing_was_sent(http: requests.Session) -> None:
    gone = ScriptedEhr()
    gone.close()
    with pytest.raises(Wait) as trouble:
        FhirClient(http, gone.fhir, lambda: "t").create("DocumentReference", NOTE, **ASKED)
    assert trouble.value.status is None


def test_trouble_carries_the_servers_words_and_when_to_come_back(
    client: FhirClient, ehr: ScriptedEhr
) -> None:
    ehr.on(
        "POST",
        NOTES,
        outcome(422, "invariant", "title is missing"),
        outcome(429, "throttled", "slow down", Retry_After="17"),
        outcome(401, "login", "expired"),
    )
    with pytest.raises(Refused) as refused:
        client.create("DocumentReference", NOTE, **ASKED)
    assert refused.value.words == "error invariant at Task.status: title is missing"
    assert (refused.value.status, refused.value.issues[0].code) == (422, "invariant")
    assert "title is missing" in str(refused.value)
    with pytest.raises(Wait) as wait:
        client.create("DocumentReference", NOTE, **ASKED)
    assert wait.value.retry_after == 17
    with pytest.raises(NotAllowed) as denied:
        client.create("DocumentReference", NOTE, **ASKED)
    assert denied.value.token_problem


def test_a_create_sends_the_very_bytes_and_says_where_it_stands(client: FhirClient, ehr: ScriptedEhr) -> None:
    place = "http://inner.host:8080/r4/DocumentReference/d-1/_history/1"
    ehr.on("POST", NOTES, reply(STORED, 201, Location=place, ETag='W/"1"'))
    answer = client.create("DocumentReference", NOTE, if_none_exist="identifier=urn%3Aa%7C1", **ASKED)
    assert (answer.status, answer.location, answer.version_id) == (201, "DocumentReference/d-1", "1")
    sent = ehr.requests[0]
    assert sent.body == NOTE
    assert sent.headers["if-none-exist"] == "identifier=urn%3Aa%7C1"
    assert sent.headers["content-type"] == FHIR_JSON


@pytest.mark.parametrize(
    "answer",
    [
        Reply(201, headers={"Location": "DocumentReference/d-1/_history/1"}),
        reply(STORED),
        reply(
            {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "x"}]},
            201,
            Location="/fhir/DocumentReference/d-1/_history/1",
        ),
    ],
)
def test_a_create_that_ends_well_is_understood_in_each_of_its_forms(
    client: FhirClient, ehr: ScriptedEhr, answer: Reply
) -> None:
    ehr.on("POST", NOTES, answer)
    stored = client.create("DocumentReference", NOTE, **ASKED)
    assert (stored.location, stored.version_id) == ("DocumentReference/d-1", "1")


def test_an_update_names_the_version_it_replaces(client: FhirClient, ehr: ScriptedEhr) -> None:
    ehr.on("PUT", f"{NOTES}/d-1", reply({**STORED, "meta": {"versionId": "2"}}), outcome(412, "conflict"))
    assert client.update("DocumentReference/d-1", NOTE, if_match="1", **ASKED).version_id == "2"
    assert ehr.requests[0].headers["if-match"] == 'W/"1"'
    with pytest.raises(Refused) as refused:
        client.update("DocumentReference/d-1", NOTE, if_match="1", **ASKED)
    assert refused.value.status == 412


def test_a_transaction_gives_the_answer_to_each_entry(client: FhirClient, ehr: ScriptedEhr) -> None:
    entries = [{"response": {"status": "201 Created", "location": "Task/t/_history/1"}}]
    ehr.on(
        "POST", "/fhir", reply({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
    )
    answer = client.transaction(b'{"resourceType": "Bundle"}', **ASKED)
    assert answer.body is not None and answer.body["entry"] == entries


@pytest.mark.parametrize(
    "answer",
    [reply({"resourceType": "Bundle", "type": "searchset"}), Reply(200), reply(STORED), outcome(200)],
)
def test_an_answer_that_is_no_answer_to_a_transaction_leaves_it_unknown(
    client: FhirClient, ehr: ScriptedEhr, answer: Reply
) -> None:
    ehr.on("POST", "/fhir", answer)
    with pytest.raises(OutcomeUnknown):
        client.transaction(b'{"resourceType": "Bundle"}', **ASKED)


def _page(*entries: dict[str, Any], following: str | None = None) -> Reply:
    links = [] if following is None else [{"relation": "next", "url": following}]
    return reply({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": list(entries)})


def _entry(kind: str, number: int, mode: str | None = None) -> dict[str, Any]:
    search = {} if mode is None else {"search": {"mode": mode}}
    return {"resource": {"resourceType": kind, "id": str(number)}, **search}


def test_a_search_reads_every_page_and_keeps_matches_from_what_comes_with_them(
    client: FhirClient, ehr: ScriptedEhr
) -> None:
    remark = {
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}]}
    }
    ehr.on(
        "GET",
        "/fhir/Encounter",
        _page(_entry("Encounter", 1, "match"), remark, following=f"{ehr.fhir}/Encounter?_page=2"),
        _page(_entry("Encounter", 2), {"fullUrl": "x"}, following="?_page=3"),
        _page(_entry("Patient", 3, "include")),
    )
    answer = client.search("Encounter", {"patient": "p&x=1", "status": "a b"}, **ASKED)
    assert [match["id"] for match in answer.matches] == ["1", "2"]
    assert [resource["id"] for resource in answer.included] == ["3"]
    assert [issue.severity for issue in answer.remarks] == ["warning"]
    assert (answer.pages, answer.complete) == (3, True)
    assert [request.query for request in ehr.requests] == [
        "patient=p%26x%3D1&status=a+b",
        "_page=2",
        "_page=3",
    ]


def test_a_search_stops_at_the_pages_allowed_and_says_that_it_is_not_complete(
    client: FhirClient, ehr: ScriptedEhr
) -> None:
    pages = [_page(_entry("Task", n), following=f"?_page={n + 1}") for n in range(5)]
    ehr.on("GET", "/fhir/Task", *pages)
    answer = client.search("Task", [("status", "requested")], max_pages=3, **ASKED)
    assert (len(answer.matches), answer.pages, answer.complete) == (3, 3, False)


@pytest.mark.parametrize(
    "following",
    [
        "{s}/fhir/Task?_page=2",
        "https://evil.example/fhir/Task",
        "//evil.example/fhir/Task",
        "{o}/other/Task",
        "{o}/fhirx/Task",
        "/auth/token",
        "../auth/token",
        "{o}/fhir/../auth/token",
        "{o}/fhir/%2e%2e/auth/token",
        "{o}/fhir/..%2fauth",
        "{u}/fhir/Task",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[",
        "{o}\\@evil.example/fhir/Task",
    ],
)
def test_a_next_link_that_leaves_the_ehr_is_not_followed(
    client: FhirClient, ehr: ScriptedEhr, stranger: ScriptedEhr, following: str
) -> None:
    user = ehr.origin.replace("http://", "http://user@")
    address = following.format(s=stranger.origin, o=ehr.origin, u=user)
    ehr.on("GET", "/fhir/Task", _page(following=address))
    with pytest.raises(Unreadable, match="was not followed"):
        client.search("Task", {}, **ASKED)
    assert len(ehr.requests) == 1 and stranger.requests == []


def test_a_next_link_with_a_bare_bar_in_its_search_is_followed(client: FhirClient, ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Task", _page(following=f"{ehr.fhir}/Task?identifier=urn:a|1&_page=2"), _page())
    assert client.search("Task", {}, **ASKED).pages == 2
    assert "_page=2" in ehr.requests[1].query


def test_pages_that_go_in_a_circle_are_seen(client: FhirClient, ehr: ScriptedEhr) -> None:
    ehr.on("GET", "/fhir/Task", _page(following="?_page=2"))
    with pytest.raises(Unreadable, match="circle"):
        client.search("Task", {}, **ASKED)
    assert len(ehr.requests) == 2


@pytest.mark.parametrize("answer", [reply(STORED), reply({"resourceType": "Bundle", "type": "history"})])
def test_what_is_no_answer_to_a_search_is_not_taken_for_one(
    client: FhirClient, ehr: ScriptedEhr, answer: Reply
) -> None:
    ehr.on("GET", "/fhir/Task", answer)
    with pytest.raises(Unreadable, match="not the answer to a search"):
        client.search("Task", {}, **ASKED)


def test_the_words_of_a_page_are_never_passed_on(client: FhirClient, ehr: ScriptedEhr) -> None:
    page = f"<html><body>{xml.sax.saxutils.escape('stack trace')}</body></html>".encode()
    ehr.on("POST", NOTES, reply(page, 500, "text/html"), reply(b"plain\nwords", 400, "text/plain"))
    with pytest.raises(OutcomeUnknown) as unknown:
        client.create("DocumentReference", NOTE, **ASKED)
    assert unknown.value.words == ""
    with pytest.raises(Refused) as refused:
        client.create("DocumentReference", NOTE, **ASKED)
    assert refused.value.words == "plain words"


def test_the_token_is_shown_by_nothing(client: FhirClient) -> None:
    assert "token" not in repr(client)
