"""Threats to the launch: whatever somebody brings to the door, nothing opens and nothing leaves."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from flask.testing import FlaskClient
from joserfc import jws
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import registry
from app.tables import AuditRow
from app.web.registry import issuer_of
from smart_launch.issuers import Issuer
from tests.app.web.office import EHR, ORIGIN
from tests.smart_launch.test_issuers import HOSTS, SHAPES, VARIANTS
from tests.threats.scene import Scene, scene


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(Path(tmp_path_factory.mktemp("threats"))) as both:
        yield both


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Scene]:
    """A scene whose EHR nobody has asked yet."""
    with scene(tmp_path) as both:
        yield both


@pytest.fixture
def nothing_opens(stage: Scene) -> Iterator[None]:
    before = stage.launches()
    yield
    assert stage.launches() == before


def _cookies(browser: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in (browser._cookies or {}).values()}


def _refused(answer: TestResponse) -> None:
    assert answer.status_code in {400, 502}, answer.status_code
    assert "Location" not in answer.headers
    assert "Max-Age=36000" not in " ".join(answer.headers.getlist("Set-Cookie"))


# T1


def test_two_hundred_hostile_addresses_of_an_ehr_at_the_door_connect_to_nobody_and_ask_no_resolver(
    stage: Scene, nothing_opens: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        hostile = [shape.format(h=host, p=port) for host in HOSTS for shape in SHAPES]
        hostile += [stage.ehr.replace("localhost", host) + "/fhir" for host in ("127.0.0.1", "LOCALHOST")]
        hostile += [
            f"{stage.ehr}/fhir{tail}" for tail in ("/..", "?", "#", "%2f", "\n", " ", "//", "/metadata")
        ]
        hostile += [one for one in VARIANTS if len(one) < 4000]
        assert len(set(hostile)) >= 200
        stage.asked.clear()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: resolved.append(args))
        browser = stage.browser()
        for iss in hostile:
            answer = stage.go(browser, f"/launch?iss={quote(iss, safe='')}&launch=x")
            assert answer.status_code == 400, iss
            assert "Set-Cookie" not in answer.headers
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert resolved == []
    assert stage.asked == []


def test_an_address_that_a_name_server_turns_inwards_is_never_asked_of_a_name_server(
    stage: Scene, nothing_opens: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inward = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    asked: list[Any] = []

    def turned(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return inward

    monkeypatch.setattr(socket, "getaddrinfo", turned)
    for host in ("rebind.ehr.example", "ehr.example.attacker.example", "169.254.169.254.nip.example"):
        _refused(stage.go(stage.browser(), f"/launch?iss=https://{host}/fhir&launch=x"))
    assert asked == []


# T2


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "authorization_endpoint",
                                      "introspection_endpoint", "revocation_endpoint"])  # fmt: skip
def test_an_address_of_the_ehrs_own_configuration_at_a_host_that_was_not_registered_is_never_used(
    fresh: Scene, endpoint: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        base = f"http://localhost:{elsewhere.getsockname()[1]}"
        address = fresh.launch(faults=[{"name": "foreign-endpoints", "base": base, "endpoints": [endpoint]}])
        answer = fresh.go(fresh.browser(), address)
        _refused(answer)
        assert fresh.last_refusal() == "endpoint-not-registered"
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert fresh.to_token() == 0


def test_a_token_address_that_leads_elsewhere_is_not_followed(stage: Scene, nothing_opens: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        to = f"http://localhost:{elsewhere.getsockname()[1]}/token"
        browser = stage.browser()
        address = stage.launch(faults=[{"name": "redirect", "at": "token", "to": to}])
        _refused(stage.go(browser, stage.to_callback(browser, address)))
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


# T3

ELSEWHERE = (
    "https://elsewhere.example/",
    "//elsewhere.example",
    "/\\elsewhere.example",
    "javascript:alert(1)",
    "%0d%0aX: y",
)
NAMES = ("next", "url", "redirect", "redirect_uri", "return", "continue", "target", "r", "iss", "to", "said")


@pytest.mark.parametrize("place", ELSEWHERE)
def test_every_address_a_browser_is_sent_to_is_ours_or_the_registered_sign_in(
    stage: Scene, place: str
) -> None:
    asked = "&".join(f"{name}={quote(place, safe='')}" for name in NAMES if name != "iss")
    browser = stage.browser()
    begun = stage.launch()
    sent = stage.go(browser, f"{begun}&{asked}")
    assert sent.headers["Location"].startswith(f"{stage.ehr}/auth/authorize?")
    callback = stage.to_callback(browser, begun)
    answer = stage.go(browser, f"{callback}&{asked}")
    while answer.status_code in {302, 303}:
        assert answer.headers["Location"].startswith("/"), answer.headers["Location"]
        assert not answer.headers["Location"].startswith(("//", "/\\"))
        assert "elsewhere" not in answer.headers["Location"]
        answer = stage.go(browser, f"{answer.headers['Location']}?{asked}")
    assert answer.status_code == 200
    for path in (
        "/",
        "/healthz",
        f"/cb/{quote(place, safe='')}",
        f"/{place}",
    ):
        told = stage.go(browser, f"{path}?{asked}")
        # Two slashes in a path become one, by a redirect on our own origin.
        assert urljoin(ORIGIN, told.headers.get("Location", "/")).startswith(f"{ORIGIN}/")


# T4


def test_an_answer_that_names_another_sender_is_refused_and_its_code_goes_nowhere(
    stage: Scene, nothing_opens: None
) -> None:
    browser = stage.browser()
    callback = stage.to_callback(browser, stage.launch(faults=["mixed-up-issuer"]))
    before = stage.to_token()
    _refused(stage.go(browser, callback))
    assert stage.last_refusal() == "wrong-issuer"
    assert stage.to_token() == before


def test_an_answer_at_the_way_back_of_another_ehr_opens_nothing_and_sends_neither_a_code(
    stage: Scene, tmp_path: Path, nothing_opens: None
) -> None:
    office = stage.office
    with office.app.app_context():
        own = issuer_of(EHR)
    with socket.create_server(("127.0.0.1", 0)) as second:
        second.setblocking(False)
        base = f"http://localhost:{second.getsockname()[1]}/fhir"
        other: Issuer = replace(
            own, id="second", iss=base, redirect_uri=own.redirect_uri.replace(EHR, "second")
        )
        with office.kit.store.write() as session:
            registry.register(session, office.kit.keyring, other, office.clock())
        browser = stage.browser()
        callback = stage.to_callback(browser, stage.launch())
        before = stage.to_token()
        _refused(stage.go(browser, callback.replace(f"/cb/{EHR}", "/cb/second")))
        with pytest.raises(BlockingIOError):
            second.accept()
    assert stage.to_token() == before
    assert stage.last_refusal() == "wrong-state"


# T5


def test_a_code_that_comes_a_second_time_opens_nothing_a_second_time(stage: Scene) -> None:
    browser = stage.browser()
    callback = stage.to_callback(browser, stage.launch())
    cookies = _cookies(browser)
    assert stage.go(browser, callback).status_code == 303
    opened, asked = stage.launches(), stage.to_token()
    again = stage.browser()
    for name, value in cookies.items():
        again.set_cookie(name, value, domain="127.0.0.1", secure=True)
    _refused(stage.go(again, callback))
    assert (stage.launches(), stage.to_token()) == (opened, asked)


def test_states_of_two_launches_that_were_swapped_open_neither(stage: Scene, nothing_opens: None) -> None:
    mine, theirs = stage.browser(), stage.browser()
    own = stage.to_callback(mine, stage.launch())
    other = stage.to_callback(theirs, stage.launch(user="chen"))
    before = stage.to_token()
    injected = stage.query(own) | {"state": stage.query(other)["state"]}
    answer = stage.go(mine, f"/cb/{EHR}?" + "&".join(f"{k}={quote(v)}" for k, v in injected.items()))
    assert "Max-Age=36000" not in " ".join(answer.headers.getlist("Set-Cookie"))
    assert stage.to_token() == before


def test_a_code_of_somebody_elses_sign_in_put_to_my_state_is_refused_by_its_proof_key(
    stage: Scene, nothing_opens: None
) -> None:
    mine, theirs = stage.browser(), stage.browser()
    own = stage.query(stage.to_callback(mine, stage.launch()))
    stolen = stage.query(stage.to_callback(theirs, stage.launch(user="chen")))
    _refused(stage.go(mine, f"/cb/{EHR}?code={quote(stolen['code'])}&state={quote(own['state'])}"))
    assert stage.last_refusal() == "code-refused"


@pytest.mark.parametrize(
    "fault", ["wrong-state", "missing-code", {"name": "error-redirect", "with_code": True}, "code-twice"],
    ids=str,
)  # fmt: skip
def test_a_way_back_that_is_not_whole_sends_no_code(stage: Scene, nothing_opens: None, fault: Any) -> None:
    browser = stage.browser()
    callback = stage.to_callback(browser, stage.launch(faults=[fault]))
    before = stage.to_token()
    answer = stage.go(browser, callback)
    assert answer.status_code in {200, 400}
    assert "Location" not in answer.headers
    assert stage.to_token() == before


def test_an_answer_without_a_state_or_in_a_browser_that_began_nothing_sends_no_code(
    stage: Scene, nothing_opens: None
) -> None:
    callback = stage.to_callback(stage.browser(), stage.launch())
    code = stage.query(callback)["code"]
    before = stage.to_token()
    _refused(stage.go(stage.browser(), f"/cb/{EHR}?code={quote(code)}"))
    stranger = stage.go(stage.browser(), callback)
    assert "Nobody is signed in here" in stranger.text
    assert stage.to_token() == before


# T6


def test_what_shows_who_we_are_is_made_for_one_token_address_and_is_good_nowhere_else(stage: Scene) -> None:
    sent: list[str] = []
    http: Any = stage.office.kit.http
    original = http.exchange

    def watch(method: str, address: str, headers: Any, body: bytes, timeout: Any) -> Any:
        if address.endswith("/auth/token"):
            sent.append(body.decode())
        return original(method, address, headers, body, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "exchange", watch)
        browser = stage.browser()
        assert stage.go(browser, stage.to_callback(browser, stage.launch())).status_code == 303
    assertion = stage.query(f"http://x/?{sent[0]}")["client_assertion"]
    token = jws.extract_compact(assertion.encode())
    claims = json.loads(token.payload)
    assert claims["aud"] == f"{stage.ehr}/auth/token"
    assert claims["iss"] == claims["sub"] == "peerchart"
    assert claims["exp"] - claims["iat"] <= 300
    keys = stage.office.kit.keyring.public_client_keys(EHR)["keys"]
    assert token.headers()["kid"] in {key["kid"] for key in keys}


# T19, over the whole way


@pytest.mark.parametrize(
    "fault",
    [
        "alg-none",
        {"name": "hs256-with-public-key", "form": "pem"},
        {"name": "hs256-with-public-key", "form": "jwk"},
        "bad-signature",
        "embedded-key",
        "unknown-kid",
        "wrong-audience",
        "extra-audience",
        "wrong-authorized-party",
        "wrong-nonce",
        "no-nonce",
        "wrong-issuer",
        "no-subject",
        "expired-id-token",
        "future-id-token",
        "no-id-token",
    ],
    ids=str,
)
def test_a_statement_of_who_signed_in_that_does_not_hold_opens_nothing(
    stage: Scene, nothing_opens: None, fault: Any
) -> None:
    browser = stage.browser()
    answer = stage.go(browser, stage.to_callback(browser, stage.launch(faults=[fault])))
    _refused(answer)
    assert "eyJ" not in answer.text


def test_invented_key_ids_in_fifty_launches_cost_the_ehr_one_more_look_at_its_keys(fresh: Scene) -> None:
    for _ in range(50):
        browser = fresh.browser()
        _refused(fresh.go(browser, fresh.to_callback(browser, fresh.launch(faults=["unknown-kid"]))))
    assert fresh.asked.count("GET /auth/jwks") <= 2


def test_a_flood_of_keys_ends_the_launch_in_words(fresh: Scene) -> None:
    browser = fresh.browser()
    callback = fresh.to_callback(browser, fresh.launch(faults=["key-set-flood"]))
    answer = fresh.go(browser, callback)
    _refused(answer)
    assert fresh.asked.count("GET /auth/jwks") == 1


# T28


def test_a_launch_context_that_points_elsewhere_is_kept_and_followed_nowhere(stage: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        base = f"http://localhost:{elsewhere.getsockname()[1]}"
        strange = [
            {"reference": f"{base}/fhir/Task/1", "role": "launch"},
            {"reference": f"{base}/fhir/Patient/another"},
            {"reference": "Patient/pat-lindqvist"},
            {"reference": "../../Task/1", "role": "launch"},
        ]
        browser = stage.browser()
        address = stage.launch(faults=[{"name": "fhir-context", "value": strange}])
        page = stage.opened(browser, stage.to_callback(browser, address))
        assert page.status_code == 200
        assert "Alex Moss" in page.text
        assert "Lindqvist" not in page.text
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_a_user_of_another_server_does_not_come_in(stage: Scene, nothing_opens: None) -> None:
    for form in ("other-host", "related-person", "patient", "nonsense"):
        browser = stage.browser()
        address = stage.launch(faults=[{"name": "fhir-user", "form": form}])
        _refused(stage.go(browser, stage.to_callback(browser, address)))


# Speed


def test_a_launch_from_the_chart_to_the_first_page_asks_the_ehr_four_times_at_most(stage: Scene) -> None:
    for user, patient in (("rivera", "pat-moss"), ("chen", "pat-lindqvist"), ("chen", "")):
        browser = stage.browser()
        stage.opened(
            browser, stage.to_callback(browser, stage.launch(user, patient))
        )  # what is kept, is kept
        stage.asked.clear()
        browser = stage.browser()
        page = stage.opened(browser, stage.to_callback(browser, stage.launch(user, patient)))
        assert page.status_code == 200
        assert 1 < len(stage.asked) <= 4, stage.asked
        assert not {"GET /fhir/metadata", "GET /auth/jwks"} & set(stage.asked)


def test_a_refusal_at_the_door_stands_in_the_audit_and_names_no_secret(stage: Scene) -> None:
    callback = stage.to_callback(stage.browser(), stage.launch())
    stage.go(stage.browser(), "/launch?iss=https://elsewhere.example/fhir&launch=x")
    stage.go(stage.browser(), f"/cb/{EHR}?code=canary-code&state=canary-state")
    stage.go(stage.browser(), callback)
    with stage.office.kit.store.read() as session:
        refused = select(AuditRow).where(AuditRow.action == "launch refused").order_by(AuditRow.seq.desc())
        lines = session.scalars(refused.limit(3)).all()
    assert [line.detail for line in lines] == [
        {"why": "wrong-state"},
        {"why": "wrong-state"},
        {"why": "unknown-issuer"},
    ]
