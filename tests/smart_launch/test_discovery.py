"""Discovery: facts, unknown is not no, and only registered hosts (SMART App Launch 2.2, conformance)."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from smart_launch.discovery import ProfileCache, discover
from smart_launch.issuers import Issuer
from smart_launch.profile import FhirFacts, fhir_facts
from smart_launch.refusal import InsecureIssuer, LaunchRefused
from tests.smart_launch.people import NOW, STATEMENT, issuer_of, later, open_for_business, smart_configuration
from tests.smart_launch.scripted_ehr import Reply, ScriptedEhr, outcome, reply

SMART = "/fhir/.well-known/smart-configuration"
OPENID = "/.well-known/openid-configuration"


def test_a_healthy_ehr_is_known_with_its_endpoints_and_its_fhir_facts(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    profile = discover(http, issuer_of(ehr), NOW)
    assert profile.token_endpoint == f"{ehr.origin}/auth/token"
    assert profile.authorization_endpoint == f"{ehr.origin}/auth/authorize"
    assert profile.jwks_uri == f"{ehr.origin}/auth/jwks"
    assert profile.oidc_issuer == ehr.origin
    assert profile.auth_methods == frozenset({"private_key_jwt"})
    assert profile.code_challenge_methods == frozenset({"S256"})
    assert profile.states("permission-v2") is True
    assert profile.states("permission-offline") is False
    assert profile.introspection_endpoint is None
    fhir = profile.fhir
    assert (fhir.fhir_version, fhir.transaction, fhir.batch) == ("4.0.1", True, False)
    assert fhir.formats == frozenset({"json", "application/fhir+json"})
    note = fhir.resource("DocumentReference")
    assert note is not None
    assert (note.conditional_create, note.versioning) == (True, "versioned-update")
    assert note.search_params == frozenset({"identifier"})
    assert fhir.declares("DocumentReference", "create") is True
    assert fhir.declares("DocumentReference", "update") is False
    assert fhir.declares("Claim", "create") is None
    assert fhir.declares("Goal", "create") is False
    assert [request.path for request in ehr.requests] == ["/fhir/metadata", SMART]
    assert all("authorization" not in request.headers for request in ehr.requests)


SILENT: list[dict[str, Any]] = [
    {},
    {"rest": None},
    {"rest": [{"mode": "client", "interaction": [{"code": "transaction"}]}]},
    {"rest": [{"mode": "server"}]},
    {"rest": ["x", {"mode": "server", "interaction": "transaction", "resource": {"type": "Claim"}}]},
    {"fhirVersion": 4, "format": "json", "software": [], "rest": [{"mode": "server", "resource": None}]},
]


@pytest.mark.parametrize("statement", SILENT)
def test_what_a_statement_does_not_say_is_unknown(statement: dict[str, Any]) -> None:
    assert fhir_facts(statement) == FhirFacts()
    assert fhir_facts(statement).declares("Claim", "create") is None


@pytest.mark.parametrize(
    "metadata",
    [
        outcome(503),
        outcome(401),
        reply(b"<html>", content_type="text/html"),
        reply(b'{"resourceType": "CapabilityStatement", "a": 1, "a": 2}'),
        reply({"resourceType": "OperationOutcome"}),
        Reply(fault="drop"),
    ],
)
def test_an_unreadable_metadata_leaves_fhir_unknown_and_the_launch_possible(
    ehr: ScriptedEhr, http: requests.Session, metadata: Reply
) -> None:
    open_for_business(ehr)
    ehr.on("GET", "/fhir/metadata", metadata)
    profile = discover(http, issuer_of(ehr), NOW)
    assert profile.fhir == FhirFacts()
    assert not profile.metadata_read
    assert profile.token_endpoint


def _points(name: str, to: str) -> Callable[[ScriptedEhr, ScriptedEhr], dict[str, Any]]:
    return lambda ehr, stranger: smart_configuration(ehr, **{name: to.format(s=stranger.origin)})


@pytest.mark.parametrize(
    "name",
    ["authorization_endpoint", "token_endpoint", "jwks_uri", "introspection_endpoint", "revocation_endpoint"],
)
@pytest.mark.parametrize(
    "to", ["{s}/token", "https://evil.example/token", "javascript:alert(1)", "//evil.example/x"]
)
def test_an_endpoint_at_a_host_that_is_not_registered_is_refused(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session, name: str, to: str
) -> None:
    open_for_business(ehr)
    ehr.on("GET", SMART, reply(_points(name, to)(ehr, stranger)))
    with pytest.raises(LaunchRefused) as refused:
        discover(http, issuer_of(ehr), NOW)
    assert refused.value.reason_code == "endpoint-not-registered"
    assert stranger.requests == []


def test_an_endpoint_at_a_registered_host_is_taken(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr, token_endpoint=f"{stranger.origin}/token")
    issuer = issuer_of(ehr, endpoint_hosts=(stranger.origin.removeprefix("http://"),))
    assert discover(http, issuer, NOW).token_endpoint == f"{stranger.origin}/token"


def test_a_relative_endpoint_is_resolved(ehr: ScriptedEhr, http: requests.Session) -> None:
    open_for_business(ehr, token_endpoint="/auth/token", authorization_endpoint="../../auth/go")
    profile = discover(http, issuer_of(ehr), NOW)
    assert profile.token_endpoint == f"{ehr.origin}/auth/token"
    assert profile.authorization_endpoint == f"{ehr.origin}/auth/go"


def test_a_missing_key_address_is_looked_up_at_the_openid_issuer(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr, jwks_uri=None)
    ehr.on("GET", OPENID, reply({"issuer": ehr.origin, "jwks_uri": f"{ehr.origin}/auth/jwks"}))
    assert discover(http, issuer_of(ehr), NOW).jwks_uri == f"{ehr.origin}/auth/jwks"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"issuer": "http://localhost:1", "jwks_uri": "{o}/k"}, "wrong-issuer"),
        ({"jwks_uri": "{o}/k"}, "wrong-issuer"),
        ({"issuer": "{o}", "jwks_uri": "https://evil.example/k"}, "endpoint-not-registered"),
    ],
)
def test_an_openid_configuration_of_somebody_else_is_refused(
    ehr: ScriptedEhr, http: requests.Session, document: dict[str, str], code: str
) -> None:
    open_for_business(ehr, jwks_uri=None)
    ehr.on("GET", OPENID, reply({name: value.format(o=ehr.origin) for name, value in document.items()}))
    with pytest.raises(LaunchRefused) as refused:
        discover(http, issuer_of(ehr), NOW)
    assert refused.value.reason_code == code


def test_without_an_openid_configuration_the_keys_stay_unknown(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr, jwks_uri=None)
    assert discover(http, issuer_of(ehr), NOW).jwks_uri is None


def test_an_older_ehr_is_found_by_the_addresses_in_its_metadata(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    uris = [
        {"url": "authorize", "valueUri": f"{ehr.origin}/a"},
        {"url": "token", "valueUri": f"{ehr.origin}/t"},
        {"url": "register", "valueUri": "https://evil.example"},
    ]
    url = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    rest = {"mode": "server", "security": {"extension": [{"url": url, "extension": uris}]}}
    ehr.on("GET", "/fhir/metadata", reply({**STATEMENT, "rest": [rest]}))
    profile = discover(http, issuer_of(ehr), NOW)
    assert (profile.authorization_endpoint, profile.token_endpoint) == (f"{ehr.origin}/a", f"{ehr.origin}/t")
    assert profile.capabilities is None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (outcome(404), "smart-not-offered"),
        (reply({}), "smart-not-offered"),
        (reply({"token_endpoint": 7}), "smart-not-offered"),
        (outcome(500), "ehr-unreachable"),
        (outcome(429), "ehr-unreachable"),
        (Reply(fault="drop"), "ehr-unreachable"),
        (Reply(302, headers={"Location": "{s}/x"}), "ehr-answer-unreadable"),
        (outcome(403), "ehr-answer-unreadable"),
        (reply(b"<html>", content_type="text/html"), "ehr-answer-unreadable"),
        (reply(b'{"token_endpoint": "/a", "token_endpoint": "/b"}'), "ehr-answer-unreadable"),
        (Reply(200, b'{"token_endpoint": "/a"}', fault="truncate"), "ehr-unreachable"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_so(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session, answer: Reply, code: str
) -> None:
    moved = {name: value.format(s=stranger.origin) for name, value in answer.headers.items()}
    ehr.on("GET", SMART, replace(answer, headers=moved))
    with pytest.raises(LaunchRefused) as refused:
        discover(http, issuer_of(ehr), NOW)
    assert refused.value.reason_code == code
    assert refused.value.message and refused.value.what_to_do
    assert stranger.requests == []


def test_an_ehr_that_is_down_is_named_unreachable_and_worth_another_try(http: requests.Session) -> None:
    gone = ScriptedEhr()
    issuer = issuer_of(gone)
    gone.close()
    with pytest.raises(LaunchRefused) as refused:
        discover(http, issuer, NOW)
    assert refused.value.reason_code == "ehr-unreachable"
    assert refused.value.passing


def test_plain_http_off_this_machine_is_refused_before_anything_is_sent(http: requests.Session) -> None:
    issuer = Issuer("x", "http://ehr.example/r4", "c", "none", "http://127.0.0.1/cb/x", ())
    with pytest.raises(InsecureIssuer):
        discover(http, issuer, NOW)


def test_a_profile_is_asked_once_an_hour_for_each_issuer(ehr: ScriptedEhr, http: requests.Session) -> None:
    open_for_business(ehr)
    cache, issuer = ProfileCache(), issuer_of(ehr)
    first = cache.get(http, issuer, NOW)
    assert cache.get(http, issuer, later(3599)) is first
    assert cache.get(http, issuer, later(3600)) is not first
    assert len(ehr.asked(SMART)) == 2
    cache.get(http, issuer_of(ehr, endpoint_hosts=("new.example",)), later(3601))
    assert len(ehr.asked(SMART)) == 3
    cache.forget(issuer.id)
    cache.get(http, issuer, later(3602))
    assert len(ehr.asked(SMART)) == 4


def test_a_profile_without_its_metadata_is_kept_for_six_minutes(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    ehr.on("GET", "/fhir/metadata", outcome(503), reply(STATEMENT))
    cache, issuer = ProfileCache(), issuer_of(ehr)
    assert not cache.get(http, issuer, NOW).metadata_read
    assert not cache.get(http, issuer, later(359)).metadata_read
    assert cache.get(http, issuer, later(360)).metadata_read


def test_twenty_launches_at_once_ask_the_ehr_once(ehr: ScriptedEhr, http: requests.Session) -> None:
    open_for_business(ehr)
    cache, issuer = ProfileCache(), issuer_of(ehr)
    threads = [threading.Thread(target=cache.get, args=(http, issuer, NOW)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(ehr.asked(SMART)) == 1
