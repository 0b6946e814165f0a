"""One way out: nothing is followed, kept or trusted that was not asked for."""

import gzip
import logging
from pathlib import Path

import certifi
import pytest
import requests

from smart_launch.wire import Line, Lost, NotSent, ask, http_session
from tests.smart_launch.scripted_ehr import Reply, ScriptedEhr, outcome, reply

PATH = "/fhir/Patient/x"


def test_a_request_names_peerchart_and_nothing_of_the_environment(
    ehr: ScriptedEhr, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ehr.on("GET", PATH, reply({}))
    with http_session() as http:
        assert ask(http, "GET", f"{ehr.origin}{PATH}").status == 200
    assert ehr.requests[0].headers["user-agent"].startswith("Peerchart/")
    assert "authorization" not in ehr.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_is_followed(
    ehr: ScriptedEhr, stranger: ScriptedEhr, http: requests.Session, status: int, method: str
) -> None:
    ehr.on(method, PATH, Reply(status, headers={"Location": f"{stranger.origin}/x"}))
    assert ask(http, method, f"{ehr.origin}{PATH}", headers={"Authorization": "Bearer t"}).status == status
    assert http.request(method, f"{ehr.origin}{PATH}", timeout=5, allow_redirects=True).status_code == status
    assert stranger.requests == []


def test_a_cookie_of_one_persons_answer_is_not_sent_with_the_next(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    ehr.on("GET", PATH, Reply(200, b"{}", {"Set-Cookie": "session=a; Path=/"}))
    for _ in range(2):
        ask(http, "GET", f"{ehr.origin}{PATH}")
    assert "cookie" not in ehr.requests[1].headers


def test_a_lost_answer_is_asked_for_once_more_by_get_and_never_by_post(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    ehr.on("GET", PATH, Reply(fault="drop"), reply({"resourceType": "Patient"}))
    ehr.on("POST", PATH, Reply(fault="drop"))
    assert ask(http, "GET", f"{ehr.origin}{PATH}").status == 200
    with pytest.raises(Lost):
        ask(http, "POST", f"{ehr.origin}{PATH}", body=b"{}")
    assert [request.method for request in ehr.requests] == ["GET", "GET", "POST"]


def test_a_status_is_never_a_reason_to_ask_again(ehr: ScriptedEhr, http: requests.Session) -> None:
    ehr.on("GET", PATH, outcome(503, Retry_After="1"))
    assert ask(http, "GET", f"{ehr.origin}{PATH}").status == 503
    assert len(ehr.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_where_nobody_listens_nothing_was_sent(http: requests.Session, method: str) -> None:
    gone = ScriptedEhr()
    gone.close()
    with pytest.raises(NotSent, match="no connection could be made"):
        ask(http, method, f"{gone.origin}{PATH}")


@pytest.mark.parametrize("address", ["http://", "nothing", "http://localhost:99999/", "ftp://localhost/"])
def test_an_impossible_address_is_never_sent_to(http: requests.Session, address: str) -> None:
    with pytest.raises(NotSent):
        ask(http, "GET", address)


def test_a_slow_answer_is_lost(ehr: ScriptedEhr) -> None:
    ehr.on("POST", PATH, Reply(fault="hang"))
    with http_session(tries=1) as http, pytest.raises(Lost, match="no answer came in time"):
        ask(http, "POST", f"{ehr.origin}{PATH}", body=b"{}", timeout=(1, 0.2))


def test_an_answer_that_trickles_longer_than_a_minute_is_lost(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    ehr.on("GET", PATH, reply(b"x" * 200_000))
    ticks = iter([0.0, 30.0, 61.0])
    with pytest.raises(Lost, match="longer than 60 seconds"):
        ask(http, "GET", f"{ehr.origin}{PATH}", clock=lambda: next(ticks))


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_longer_than_allowed_is_lost_packed_or_not(
    ehr: ScriptedEhr, http: requests.Session, packed: bool
) -> None:
    raw = b" " * 5_000_000
    answer = reply(gzip.compress(raw), Content_Encoding="gzip") if packed else reply(raw)
    ehr.on("GET", PATH, answer)
    with pytest.raises(Lost, match="longer than 1000000 bytes"):
        ask(http, "GET", f"{ehr.origin}{PATH}", max_bytes=1_000_000)


def test_a_broken_packing_is_lost(ehr: ScriptedEhr, http: requests.Session) -> None:
    ehr.on("POST", PATH, reply(b"not gzip", Content_Encoding="gzip"))
    with pytest.raises(Lost):
        ask(http, "POST", f"{ehr.origin}{PATH}", body=b"{}")


@pytest.mark.parametrize(
    ("stated", "is_json"),
    [
        ("application/fhir+json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/json+fhir", True),
        ("text/html", False),
        ("application/fhir+xml", False),
        ("", False),
    ],
)
def test_json_is_what_says_that_it_is(
    ehr: ScriptedEhr, http: requests.Session, stated: str, is_json: bool
) -> None:
    ehr.on("GET", PATH, reply({}, content_type=stated))
    assert ask(http, "GET", f"{ehr.origin}{PATH}").is_json is is_json


def test_addresses_with_identifiers_reach_neither_log_nor_error(
    http: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    gone = ScriptedEhr()
    gone.close()
    with caplog.at_level(logging.DEBUG), pytest.raises(NotSent) as failed:
        ask(http, "GET", f"{gone.origin}/fhir/Patient?identifier=MRN-70001")
    assert "MRN-70001" not in caplog.text + str(failed.value) + str(failed.value.__cause__)


def test_every_secure_connection_asks_for_a_certificate_by_the_public_list_or_by_the_bundle_alone(
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "own.pem"
    bundle.write_text("")
    for given, trusted in ((None, certifi.where()), (str(bundle), str(bundle))):
        with http_session(given) as http:
            assert isinstance(http, Line)
            pool = http._way("https://localhost:1/fhir", "https://localhost:1").pool
            assert (pool.cert_reqs, pool.ca_certs, pool.ca_cert_dir) == ("CERT_REQUIRED", trusted, None)
            assert http._way("https://localhost:1/other", "https://localhost:1").pool is pool
        assert http._way("https://localhost:1/fhir", "https://localhost:1").pool is not pool
