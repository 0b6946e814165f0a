"""Begin, finish and refresh a launch over real HTTP (SMART App Launch 2.2, app launch)."""

import logging
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch.discovery import discover
from smart_launch.issuers import Issuer
from smart_launch.keys import public_set
from smart_launch.launch import LaunchContext, LaunchRefused, PendingLaunch, begin, finish, refresh
from smart_launch.profile import EhrProfile
from tests.smart_launch.people import (
    NOW,
    SCOPES,
    claims,
    id_token,
    issuer_of,
    later,
    open_for_business,
    our_key,
    token_answer,
)
from tests.smart_launch.scripted_ehr import Reply, ScriptedEhr, outcome, reply

TOKEN = "/auth/token"


class Walk:
    """One launch at one EHR, up to the moment in which the browser comes back."""

    def __init__(self, ehr: ScriptedEhr, http: requests.Session, **changes: Any) -> None:
        self.ehr, self.http = ehr, http
        self.issuer: Issuer = issuer_of(ehr, **changes)
        self.profile: EhrProfile = discover(http, self.issuer, NOW)
        self.pending, self.address = begin(self.issuer, self.profile, "launch-1", NOW)

    def gives(self, claim_changes: dict[str, Any] | None = None, **changes: Any) -> None:
        token = id_token(claims(self.ehr, self.pending.nonce, **(claim_changes or {})))
        self.ehr.on("POST", TOKEN, reply(token_answer(**{"id_token": token, **changes})))

    def back(self, **params: str) -> LaunchContext:
        return self.back_at(0, **params)

    def back_at(self, seconds: float, **params: str) -> LaunchContext:
        stated = {"code": "code-1", "state": self.pending.state, **params}
        return finish(self.http, self.issuer, self.profile, our_key(), self.pending, stated, later(seconds))

    def refused(self, **params: str) -> LaunchRefused:
        with pytest.raises(LaunchRefused) as refused:
            self.back(**params)
        assert refused.value.message and refused.value.what_to_do
        return refused.value


@pytest.fixture
def walk(ehr: ScriptedEhr, http: requests.Session) -> Walk:
    open_for_business(ehr)
    walk = Walk(ehr, http)
    walk.gives()
    return walk


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_the_browser_is_sent_to_the_ehr_with_everything_the_guide_asks_for(walk: Walk) -> None:
    assert walk.address.startswith(walk.profile.authorization_endpoint or "-")
    asked = _query(walk.address)
    assert asked == {
        "response_type": "code",
        "client_id": "peerchart",
        "redirect_uri": walk.issuer.redirect_uri,
        "scope": "openid fhirUser launch offline_access user/Patient.rs user/DocumentReference.crus",
        "state": walk.pending.state,
        "aud": walk.issuer.iss,
        "nonce": walk.pending.nonce,
        "launch": "launch-1",
        "code_challenge": create_s256_code_challenge(walk.pending.code_verifier),
        "code_challenge_method": "S256",
    }
    assert walk.pending.code_verifier not in walk.address
    assert len({walk.pending.state, walk.pending.nonce, walk.pending.code_verifier}) == 3
    assert min(map(len, (walk.pending.state, walk.pending.nonce, walk.pending.code_verifier))) >= 43


def test_scopes_go_out_in_v1_form_to_a_server_that_states_only_that(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr, capabilities=["launch-ehr", "permission-v1"])
    asked = _query(Walk(ehr, http).address)["scope"].split()
    assert asked[-3:] == ["user/Patient.read", "user/DocumentReference.read", "user/DocumentReference.write"]


def test_a_standalone_launch_carries_no_launch(walk: Walk) -> None:
    _, address = begin(walk.issuer, walk.profile, None, NOW)
    assert "launch" not in _query(address)
    assert "launch" not in _query(address)["scope"].split()


def test_pkce_is_used_although_the_ehr_does_not_state_it(ehr: ScriptedEhr, http: requests.Session) -> None:
    open_for_business(ehr, code_challenge_methods_supported=None)
    assert _query(Walk(ehr, http).address)["code_challenge_method"] == "S256"


def test_a_weak_or_repeating_source_of_randomness_is_not_used(walk: Walk) -> None:
    for weak in (lambda: "short", lambda: "r" * 43):
        with pytest.raises(ValueError, match="43 characters"):
            begin(walk.issuer, walk.profile, None, NOW, weak)


def test_an_ehr_without_sign_in_page_is_refused(walk: Walk) -> None:
    with pytest.raises(LaunchRefused) as refused:
        begin(walk.issuer, replace(walk.profile, authorization_endpoint=None), None, NOW)
    assert refused.value.reason_code == "smart-not-offered"


def test_a_finished_launch_knows_who_for_whom_and_until_when(walk: Walk) -> None:
    walk.gives(
        fhirContext=[{"reference": "Task/t-1", "role": "task"}, {"reference": "Device/d"}, "x", 7],
        intent="sign",
        tenant="tenant-1",
        smart_style_url="https://ehr.example/style.json",
        need_patient_banner=False,
        appContext='{"a": 1}',
    )
    context = walk.back()
    assert context.issuer_id == "sandbox"
    assert (context.access_token, context.refresh_token) == ("at-1", "rt-1")
    assert context.expires_at == later(300)
    assert (context.patient, context.encounter) == ("pat-moss", "enc-1")
    assert (context.fhir_user, context.subject) == ("Practitioner/prac-rivera", "rivera")
    assert context.need_patient_banner is False
    assert [(item.reference, item.role) for item in context.fhir_context] == [
        ("Task/t-1", "task"),
        ("Device/d", "launch"),
    ]
    assert (context.intent, context.tenant, context.app_context) == ("sign", "tenant-1", '{"a": 1}')
    assert context.smart_style_url == "https://ehr.example/style.json"
    assert context.missing_scopes(SCOPES) == ()
    assert context.allows("user", "DocumentReference", "c")
    assert not context.allows("user", "Claim", "c")
    assert not context.expired(later(299)) and context.expired(later(300))
    assert LaunchContext.from_json(context.to_json()) == context


def test_the_code_is_exchanged_with_verifier_and_a_signed_assertion_and_no_client_id(walk: Walk) -> None:
    walk.back()
    (asked,) = walk.ehr.asked(TOKEN)
    form = dict(asked.form)
    assertion = jwt.decode(
        form.pop("client_assertion"),
        KeySet.import_key_set(public_set([our_key()])),  # type: ignore[arg-type]
        algorithms=["ES384"],
    )
    assert form == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": walk.issuer.redirect_uri,
        "code_verifier": walk.pending.code_verifier,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert assertion.claims["aud"] == walk.profile.token_endpoint
    assert "authorization" not in asked.headers
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_public_client_names_itself_and_shows_nothing_else(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    walk = Walk(ehr, http, auth_method="none")
    walk.gives()
    walk.back()
    (asked,) = ehr.asked(TOKEN)
    assert asked.form["client_id"] == "peerchart"
    assert "client_assertion" not in asked.form and "authorization" not in asked.headers


def test_a_client_with_a_secret_encodes_it_and_leaves_its_id_out_of_the_body(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    walk = Walk(ehr, http, auth_method="client_secret_basic", client_secret="a:b c/é")
    walk.gives()
    walk.back()
    (asked,) = ehr.asked(TOKEN)
    assert asked.headers["authorization"] == "Basic cGVlcmNoYXJ0OmElM0FiK2MlMkYlQzMlQTk="
    assert "client_id" not in asked.form
    assert "a:b c" not in repr(walk.issuer)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"state": "x" * 43}, "wrong-state"),
        ({"state": ""}, "wrong-state"),
        ({"state": "é"}, "wrong-state"),
        ({"state": "x" * 43, "error": "access_denied"}, "wrong-state"),
        ({"iss": "https://other.example"}, "wrong-issuer"),
        ({"iss": ""}, "wrong-issuer"),
        ({"code": ""}, "code-missing"),
        ({"code": "c" * 20_000}, "code-missing"),
        ({"error": "access_denied", "error_description": "<b>no</b>\r\nSet-Cookie: a"}, "ehr-error"),
        ({"error": "server_error"}, "ehr-error"),
    ],
)
def test_a_wrong_way_back_is_refused_and_no_code_is_sent(
    walk: Walk, params: dict[str, str], code: str
) -> None:
    refused = walk.refused(**params)
    assert refused.reason_code == code
    assert not walk.ehr.asked(TOKEN)
    assert "\n" not in refused.ehr_words and len(refused.ehr_words) <= 500
    if "error_description" in params:
        assert refused.ehr_words == "access_denied: <b>no</b> Set-Cookie: a"


@given(st.text(max_size=100))
def test_no_state_but_the_one_given_out_is_taken(state: str) -> None:
    issuer = Issuer("x", "https://e.example", "c", "none", "https://p.example/cb/x", ())
    profile = EhrProfile(
        "x", NOW, token_endpoint="https://e.example/t", authorization_endpoint="https://e.example/a"
    )
    pending, _ = begin(issuer, profile, None, NOW)
    with pytest.raises(LaunchRefused) as refused, requests.Session() as http:
        finish(http, issuer, profile, None, pending, {"state": state, "code": "c"}, NOW)
    assert refused.value.reason_code == "wrong-state"


def test_the_right_sender_is_taken(walk: Walk) -> None:
    assert walk.back(iss=walk.ehr.origin).patient == "pat-moss"


def test_a_code_of_another_ehr_is_not_sent_to_this_one(walk: Walk, stranger: ScriptedEhr) -> None:
    other = issuer_of(stranger, id="other")
    params = {"code": "code-1", "state": walk.pending.state}
    profile = replace(walk.profile, issuer_id="other", token_endpoint=f"{stranger.origin}/t")
    with pytest.raises(LaunchRefused) as refused:
        finish(walk.http, other, profile, our_key(), walk.pending, params, NOW)
    assert refused.value.reason_code == "wrong-state"
    with pytest.raises(LaunchRefused):
        finish(walk.http, walk.issuer, profile, our_key(), walk.pending, params, NOW)
    assert stranger.requests == [] and not walk.ehr.asked(TOKEN)


@pytest.mark.parametrize(("seconds", "good"), [(599, True), (600, False), (-1, False)])
def test_a_launch_waits_ten_minutes_for_the_sign_in(walk: Walk, seconds: int, good: bool) -> None:
    at = int(later(seconds).timestamp())
    walk.gives({"iat": at, "exp": at + 60})
    if good:
        assert walk.back_at(seconds).patient == "pat-moss"
    else:
        with pytest.raises(LaunchRefused) as refused:
            walk.back_at(seconds)
        assert refused.value.reason_code == "expired-pending"


def _oauth(error: str, status: int = 400, description: str = "why") -> Reply:
    return reply({"error": error, "error_description": description}, status, "application/json")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (_oauth("invalid_grant"), "code-refused", "invalid_grant: why"),
        (_oauth("invalid_client", 401), "client-refused", "invalid_client: why"),
        (_oauth("unauthorized_client"), "client-refused", "unauthorized_client: why"),
        (reply(b"<html>no</html>", 400, "text/html"), "code-refused", "status 400"),
        (_oauth("x" * 5000, description="y" * 5000), "code-refused", "x" * 100),
        (_oauth("server_error", 500), "ehr-unreachable", "server_error: why"),
        (outcome(429), "ehr-unreachable", "status 429"),
        (Reply(fault="drop"), "ehr-unreachable", ""),
        (Reply(200, b'{"access_token": "x"}', fault="truncate"), "ehr-unreachable", ""),
        (reply(b"<html>", content_type="text/html"), "ehr-answer-unreadable", ""),
        (reply(b"[]"), "ehr-answer-unreadable", ""),
        (reply(b'{"access_token": "a", "access_token": "b"}'), "ehr-answer-unreadable", ""),
        (reply(token_answer(access_token=None)), "ehr-answer-unreadable", ""),
        (reply(token_answer(access_token="a\nb")), "ehr-answer-unreadable", ""),
        (reply(token_answer(token_type="mac")), "ehr-answer-unreadable", ""),
        (reply(token_answer(token_type=None)), "ehr-answer-unreadable", ""),
        (reply(token_answer(expires_in=-1)), "ehr-answer-unreadable", ""),
        (reply(token_answer(expires_in=True)), "ehr-answer-unreadable", ""),
        (reply(token_answer(expires_in="soon")), "ehr-answer-unreadable", ""),
        (reply(token_answer()), "id-token-missing", ""),
        (reply(token_answer(id_token="a.b.c")), "id-token-invalid", ""),
        (Reply(307, headers={"Location": "/elsewhere"}), "code-refused", "status 307"),
    ],
)
def test_each_answer_of_the_token_address_has_its_reason(
    walk: Walk, answer: Reply, code: str, words: str
) -> None:
    walk.ehr.on("POST", TOKEN, answer)
    refused = walk.refused()
    assert refused.reason_code == code
    assert refused.ehr_words.startswith(words) and len(refused.ehr_words) <= 500
    assert len(walk.ehr.asked(TOKEN)) == 1
    assert not walk.ehr.asked("/elsewhere")


@pytest.mark.parametrize(
    "changes",
    [
        {"patient": "../Patient/x"},
        {"patient": 7},
        {"encounter": "a b"},
        {"patient": "x" * 65},
        {"scope": ["openid"]},
    ],
)
def test_a_context_that_is_no_fhir_id_is_refused(walk: Walk, changes: dict[str, Any]) -> None:
    walk.gives(**changes)
    assert walk.refused().reason_code == "ehr-answer-unreadable"


def test_what_is_absent_has_its_meaning(walk: Walk) -> None:
    walk.gives(
        patient=None,
        encounter=None,
        scope=None,
        expires_in=None,
        refresh_token=None,
        smart_style_url="http://e.x/s",
    )
    context = walk.back()
    assert (context.patient, context.encounter, context.smart_style_url) == (None, None, None)
    assert context.need_patient_banner is True
    assert context.scope == walk.pending.scopes
    assert context.expires_at == later(300)
    assert context.fhir_context == ()


@pytest.mark.parametrize("stated", ["120", 120])
def test_a_life_in_seconds_may_be_a_text(walk: Walk, stated: object) -> None:
    walk.gives(expires_in=stated)
    assert walk.back().expires_at == later(120)


@pytest.mark.parametrize(
    ("stated", "person"),
    [
        ("Practitioner/prac-rivera", "Practitioner/prac-rivera"),
        ("{fhir}/Practitioner/prac-rivera", "Practitioner/prac-rivera"),
        ("{fhir}/PractitionerRole/r", "PractitionerRole/r"),
        ("https://other.example/r4/Practitioner/a", "https://other.example/r4/Practitioner/a"),
    ],
)
def test_the_person_is_relative_on_this_ehr_and_absolute_elsewhere(
    walk: Walk, stated: str, person: str
) -> None:
    walk.gives({"fhirUser": stated.format(fhir=walk.ehr.fhir)})
    assert walk.back().fhir_user == person


@pytest.mark.parametrize(
    "stated",
    [None, "", 7, "Practitioner/", "Device/d", "Practitioner/a/../b", "javascript:alert(1)/Practitioner/a",
     "http://other.example/Practitioner/a", "Practitioner/a b"],
)  # fmt: skip
def test_without_a_person_the_launch_ends(walk: Walk, stated: object) -> None:
    walk.gives({"fhirUser": stated})
    assert walk.refused().reason_code == "no-fhir-user"


def test_the_older_name_of_the_person_is_understood(walk: Walk) -> None:
    walk.gives({"fhirUser": None, "profile": "Practitioner/prac-chen"})
    assert walk.back().fhir_user == "Practitioner/prac-chen"


def test_what_was_not_granted_is_named(walk: Walk) -> None:
    walk.gives(scope="openid fhirUser user/Patient.r", refresh_token=None)
    assert walk.back().missing_scopes(SCOPES) == (
        "offline_access",
        "user/Patient.rs",
        "user/DocumentReference.crus",
    )


def test_a_pending_launch_is_kept_as_text_and_shows_no_secret(walk: Walk) -> None:
    pending = walk.pending
    assert PendingLaunch.from_json(pending.to_json()) == pending
    for secret in (pending.state, pending.nonce, pending.code_verifier):
        assert secret not in repr(pending)


def test_no_secret_of_a_launch_is_logged_or_shown(
    walk: Walk, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        shown = repr(walk.back())
    everything = caplog.text + shown + "".join(capsys.readouterr())
    for secret in ("at-1", "rt-1", "code-1", walk.pending.code_verifier, walk.pending.state):
        assert secret not in everything
    assert logging.getLogger("authlib").getEffectiveLevel() >= logging.ERROR


def test_a_refresh_keeps_the_rotated_token_and_the_context(walk: Walk) -> None:
    context = walk.back()
    walk.ehr.on("POST", TOKEN, reply(token_answer(access_token="at-2", refresh_token="rt-2", expires_in=60)))
    renewed = refresh(walk.http, walk.issuer, walk.profile, our_key(), context, later(300))
    assert walk.ehr.asked(TOKEN)[-1].form["refresh_token"] == "rt-1"
    assert (renewed.access_token, renewed.refresh_token) == ("at-2", "rt-2")
    assert renewed.expires_at == later(360)
    assert (renewed.patient, renewed.fhir_user) == (context.patient, context.fhir_user)


def test_a_refresh_without_rotation_keeps_the_old_token_and_narrowed_scopes_are_seen(walk: Walk) -> None:
    context = walk.back()
    answer = token_answer(access_token="at-2", refresh_token=None, patient=None, scope="user/Patient.r")
    walk.ehr.on("POST", TOKEN, reply(answer))
    renewed = refresh(walk.http, walk.issuer, walk.profile, our_key(), context, later(300))
    assert renewed.refresh_token == "rt-1"
    assert renewed.scope == ("user/Patient.r",)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (_oauth("invalid_grant"), "refresh-refused"),
        (_oauth("invalid_client", 401), "client-refused"),
        (outcome(503), "ehr-unreachable"),
        (reply(b"<html>"), "ehr-answer-unreadable"),
        (reply(token_answer(patient="pat-other")), "patient-changed"),
        (reply(token_answer(patient=["x"])), "ehr-answer-unreadable"),
        (reply(token_answer(id_token="a.b.c")), "id-token-invalid"),
    ],
)
def test_a_refresh_that_fails_says_why(walk: Walk, answer: Reply, code: str) -> None:
    context = walk.back()
    walk.ehr.on("POST", TOKEN, answer)
    with pytest.raises(LaunchRefused) as refused:
        refresh(walk.http, walk.issuer, walk.profile, our_key(), context, later(300))
    assert refused.value.reason_code == code


def test_a_refresh_may_not_turn_into_another_person(walk: Walk) -> None:
    context = walk.back()
    walk.gives({"sub": "chen"}, refresh_token="rt-2")
    with pytest.raises(LaunchRefused, match="another person"):
        refresh(walk.http, walk.issuer, walk.profile, our_key(), context, later(10))


def test_a_context_of_another_ehr_or_without_refresh_token_is_not_refreshed(walk: Walk) -> None:
    context = walk.back()
    for unfit in (replace(context, issuer_id="other"), replace(context, refresh_token=None)):
        with pytest.raises(LaunchRefused) as refused:
            refresh(walk.http, walk.issuer, walk.profile, our_key(), unfit, later(300))
        assert refused.value.reason_code == "refresh-refused"
    assert len(walk.ehr.asked(TOKEN)) == 1


@pytest.mark.parametrize(
    ("method", "needs"), [("private_key_jwt", "a key"), ("client_secret_basic", "a secret")]
)
def test_a_registration_without_its_key_or_secret_is_named(
    ehr: ScriptedEhr, http: requests.Session, method: str, needs: str
) -> None:
    open_for_business(ehr)
    walk = Walk(ehr, http, auth_method=method)
    params = {"code": "c", "state": walk.pending.state}
    with pytest.raises(ValueError, match=needs):
        finish(http, walk.issuer, walk.profile, None, walk.pending, params, NOW)
