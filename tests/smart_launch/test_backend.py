"""The installation's own token (SMART App Launch 2.2, backend services)."""

import threading
from datetime import timedelta

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch.backend import BackendToken, BackendTokens, backend_token
from smart_launch.issuers import Issuer
from smart_launch.keys import public_set
from smart_launch.profile import EhrProfile
from smart_launch.trouble import NotAllowed, Wait
from tests.smart_launch.people import NOW, issuer_of, later, our_key
from tests.smart_launch.scripted_ehr import Reply, Request, ScriptedEhr, outcome, reply

TOKEN = "/auth/token"


@pytest.fixture
def profile(ehr: ScriptedEhr) -> EhrProfile:
    return EhrProfile("sandbox", NOW, token_endpoint=f"{ehr.origin}{TOKEN}")


@pytest.fixture
def issuer(ehr: ScriptedEhr) -> Issuer:
    return issuer_of(ehr, auth_method="none")  # the backend proves itself by key, whatever the launch does


def _numbered(ehr: ScriptedEhr, life: int = 300) -> None:
    def next_token(_: Request) -> Reply:
        number = len(ehr.asked(TOKEN))
        return reply({"access_token": f"bt-{number}", "token_type": "bearer", "expires_in": life})

    ehr.on("POST", TOKEN, next_token)


def test_the_token_is_asked_for_with_a_signed_assertion_of_the_backend_client(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile
) -> None:
    answer = {"access_token": "bt", "token_type": "bearer", "expires_in": 300, "scope": "system/Encounter.c"}
    ehr.on("POST", TOKEN, reply(answer))
    token = backend_token(http, issuer, profile, our_key(), NOW, lambda: "jti-7")
    assert token == BackendToken("bt", later(300), ("system/Encounter.c",))
    assert "bt'" not in repr(token)
    form = dict(ehr.asked(TOKEN)[0].form)
    assertion = jwt.decode(
        form.pop("client_assertion"),
        KeySet.import_key_set(public_set([our_key()])),  # type: ignore[arg-type]
        algorithms=["ES384"],
    )
    assert assertion.claims["sub"] == assertion.claims["iss"] == "peerchart-backend"
    assert (assertion.claims["aud"], assertion.claims["jti"]) == (profile.token_endpoint, "jti-7")
    assert form == {
        "grant_type": "client_credentials",
        "scope": "system/Encounter.crus",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }


@pytest.mark.parametrize(
    ("answer", "kind", "seconds"),
    [
        (outcome(503, Retry_After="30"), Wait, 30),
        (outcome(500), Wait, None),
        (outcome(429, Retry_After="2"), Wait, 2),
        (Reply(fault="drop"), Wait, None),
        (reply(b"<html>", content_type="text/html"), Wait, None),
        (reply({"error": "invalid_client"}, 401), NotAllowed, None),
        (reply({"error": "invalid_scope"}, 400), NotAllowed, None),
        (Reply(302, headers={"Location": "/x"}), NotAllowed, None),
    ],
)
def test_without_a_token_it_is_clear_what_to_do(
    ehr: ScriptedEhr,
    http: requests.Session,
    issuer: Issuer,
    profile: EhrProfile,
    answer: Reply,
    kind: type[Wait | NotAllowed],
    seconds: int | None,
) -> None:
    ehr.on("POST", TOKEN, answer)
    with pytest.raises(kind) as trouble:
        backend_token(http, issuer, profile, our_key(), NOW)
    assert getattr(trouble.value, "retry_after", None) == seconds
    assert len(ehr.asked(TOKEN)) == 1


def test_an_ehr_without_backend_client_is_not_asked(
    ehr: ScriptedEhr, http: requests.Session, profile: EhrProfile
) -> None:
    with pytest.raises(NotAllowed, match="no backend client"):
        backend_token(http, issuer_of(ehr, backend_client_id=None), profile, our_key(), NOW)
    assert ehr.requests == []


def test_a_token_is_kept_until_a_minute_before_its_end_and_no_jti_comes_twice(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile
) -> None:
    _numbered(ehr)
    tokens = BackendTokens(http)
    seconds = (0, 100, 239, 240, 479, 480)
    seen = [tokens.get(issuer, profile, our_key(), later(s)).access_token for s in seconds]
    assert seen == ["bt-1", "bt-1", "bt-1", "bt-2", "bt-2", "bt-3"]
    assert len({request.form["client_assertion"] for request in ehr.asked(TOKEN)}) == 3


def test_a_token_that_lives_shortly_is_kept_for_half_its_life(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile
) -> None:
    _numbered(ehr, life=20)
    tokens = BackendTokens(http)
    seen = [tokens.get(issuer, profile, our_key(), later(s)).access_token for s in (0, 9, 10)]
    assert seen == ["bt-1", "bt-1", "bt-2"]


def test_a_refused_token_is_forgotten_but_not_the_one_that_came_after_it(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile
) -> None:
    _numbered(ehr)
    tokens = BackendTokens(http)
    first = tokens.get(issuer, profile, our_key(), NOW)
    tokens.forget(issuer.id, first.access_token)
    second = tokens.get(issuer, profile, our_key(), NOW)
    tokens.forget(issuer.id, first.access_token)
    assert tokens.get(issuer, profile, our_key(), NOW) is second
    tokens.forget(issuer.id)
    assert tokens.get(issuer, profile, our_key(), NOW).access_token == "bt-3"


def test_twenty_workers_at_once_ask_for_one_token(
    ehr: ScriptedEhr, http: requests.Session, issuer: Issuer, profile: EhrProfile
) -> None:
    _numbered(ehr)
    tokens, seen = BackendTokens(http), list[str]()

    def work() -> None:
        seen.append(tokens.get(issuer, profile, our_key(), NOW + timedelta(seconds=1)).access_token)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == ["bt-1"] * 20
    assert len(ehr.asked(TOKEN)) == 1
