"""The id_token is believed only after every check (OpenID Connect Core 3.1.3.7; RFC 8725)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from smart_launch.id_token import Expected, KeySets, verified_claims
from smart_launch.refusal import LaunchRefused
from tests.smart_launch.people import NOW, claims, ehr_ec_key, ehr_key, id_token, later, open_for_business
from tests.smart_launch.scripted_ehr import Reply, ScriptedEhr, outcome, reply

NONCE = "n" * 43
JWKS = "/auth/jwks"


def _expected(ehr: ScriptedEhr, **changes: Any) -> Expected:
    return Expected(**{"issuer": ehr.origin, "client_id": "peerchart", "nonce": NONCE, **changes})


def _verify(ehr: ScriptedEhr, http: requests.Session, token: str, **changes: Any) -> dict[str, Any]:
    uri = f"{ehr.origin}{JWKS}"
    return dict(verified_claims(http, token, uri, _expected(ehr, **changes), NOW, KeySets()))


def _b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed_by_hand(header: dict[str, Any], stated: dict[str, Any]) -> str:
    text = f"{_b64({'alg': 'RS256', **header})}.{_b64(stated)}"
    private = ehr_key().private_key
    assert private is not None
    signature = private.sign(text.encode(), PKCS1v15(), SHA256())
    return f"{text}.{_b64(signature)}"


def _signed(header: dict[str, Any], payload: bytes) -> str:
    return jws.serialize_compact({"alg": "RS256", **header}, payload, ehr_key(), algorithms=["RS256"])


def _unsigned(ehr: ScriptedEhr) -> str:
    return f"{_b64({'alg': 'none'})}.{_b64(claims(ehr, NONCE))}."


def _hmac_with_public_key(ehr: ScriptedEhr) -> str:
    text = f"{_b64({'alg': 'HS256', 'kid': 'ehr-1'})}.{_b64(claims(ehr, NONCE))}"
    mac = hmac.new(ehr_key().as_pem(private=False), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_b64(mac)}"


def _own_key_in_header(ehr: ScriptedEhr) -> str:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims(ehr, NONCE), key, algorithms=["RS256"])


def _key_address_in_header(ehr: ScriptedEhr) -> str:
    key = RSAKey.generate_key(2048, {"kid": "evil"})
    header = {"alg": "RS256", "kid": "evil", "jku": f"{ehr.origin}/evil"}
    return jwt.encode(header, claims(ehr, NONCE), key, algorithms=["RS256"])


def _payload_swapped(ehr: ScriptedEhr) -> str:
    head, _, signature = id_token(claims(ehr, NONCE)).split(".")
    return f"{head}.{_b64(claims(ehr, NONCE, sub='chen'))}.{signature}"


def _with(**changes: Any) -> Callable[[ScriptedEhr], str]:
    return lambda ehr: id_token(claims(ehr, NONCE, **changes))


def _said(text: str) -> Callable[[ScriptedEhr], str]:
    return lambda _: text


AT = int(NOW.timestamp())
CORPUS: dict[str, tuple[Callable[[ScriptedEhr], str], str]] = {
    "no signature": (_unsigned, "id-token-invalid"),
    "HMAC with the public key as secret": (_hmac_with_public_key, "id-token-invalid"),
    "its own key in the header": (_own_key_in_header, "id-token-invalid"),
    "an address of keys in the header": (_key_address_in_header, "id-token-invalid"),
    "content swapped": (_payload_swapped, "id-token-invalid"),
    "an algorithm that is not accepted": (
        lambda ehr: jwt.encode(
            {"alg": "PS256", "kid": "ehr-1"}, claims(ehr, NONCE), ehr_key(), algorithms=["PS256"]
        ),
        "id-token-invalid",
    ),
    "a key id that is not published": (
        lambda ehr: id_token(claims(ehr, NONCE), kid="other"),
        "id-token-invalid",
    ),
    "an EC algorithm with the id of an RSA key": (
        lambda ehr: id_token(claims(ehr, NONCE), alg="ES384", kid="ehr-1"),
        "id-token-invalid",
    ),
    "an unknown critical header": (
        lambda ehr: _signed_by_hand({"kid": "ehr-1", "crit": ["x"], "x": 1}, claims(ehr, NONCE)),
        "id-token-invalid",
    ),
    "wrong audience": (_with(aud="other"), "wrong-audience"),
    "no audience": (_with(aud=None), "wrong-audience"),
    "audience ours but azp another": (_with(azp="other"), "wrong-audience"),
    "audience another but azp ours": (_with(aud="other", azp="peerchart"), "wrong-audience"),
    "two audiences without azp": (_with(aud=["peerchart", "other"]), "wrong-audience"),
    "an audience that only begins as ours": (_with(aud="peerchart2"), "wrong-audience"),
    "wrong issuer": (_with(iss="https://evil.example"), "id-token-invalid"),
    "issuer with a slash more": (lambda ehr: _with(iss=ehr.origin + "/")(ehr), "id-token-invalid"),
    "no issuer": (_with(iss=None), "id-token-invalid"),
    "expired 31 s ago": (_with(exp=AT - 31), "id-token-expired"),
    "no end": (_with(exp=None), "id-token-invalid"),
    "an end in words": (_with(exp="tomorrow"), "id-token-invalid"),
    "an end that is true": (_with(exp=True), "id-token-invalid"),
    "no time of issue": (_with(iat=None), "id-token-invalid"),
    "issued 31 s from now": (_with(iat=AT + 31), "id-token-invalid"),
    "not before 31 s from now": (_with(nbf=AT + 31), "id-token-invalid"),
    "wrong nonce": (_with(nonce="x" * 43), "id-token-invalid"),
    "no nonce": (_with(nonce=None), "id-token-invalid"),
    "a nonce that is a list": (_with(nonce=[NONCE]), "id-token-invalid"),
    "no subject": (_with(sub=None), "id-token-invalid"),
    "an empty subject": (_with(sub=""), "id-token-invalid"),
    "a subject of 256 letters": (_with(sub="s" * 256), "id-token-invalid"),
    "a duplicate claim": (
        lambda _: _signed({"kid": "ehr-1"}, b'{"aud": "peerchart", "aud": "peerchart"}'),
        "id-token-invalid",
    ),
    "content that is no object": (lambda _: _signed({"kid": "ehr-1"}, b"[]"), "id-token-invalid"),
    "empty": (_said(""), "id-token-invalid"),
    "one part": (_said("abc"), "id-token-invalid"),
    "five parts, encrypted": (_said("a.b.c.d.e"), "id-token-invalid"),
    "letters that are not ASCII": (_said("é.é.é"), "id-token-invalid"),
    "endless": (_said("a." + "b" * 100_000 + ".c"), "id-token-invalid"),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_token_that_does_not_hold_is_refused_with_its_reason(
    ehr: ScriptedEhr, http: requests.Session, name: str
) -> None:
    make, code = CORPUS[name]
    open_for_business(ehr)
    with pytest.raises(LaunchRefused) as refused:
        _verify(ehr, http, make(ehr))
    assert refused.value.reason_code == code
    assert not ehr.asked("/evil")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["peerchart"]},
        {"aud": ["peerchart", "other"], "azp": "peerchart"},
        {"exp": AT - 29},
        {"iat": AT + 29},
        {"nbf": AT + 29},
        {"exp": AT + 0.5},
    ],
)
def test_a_token_that_holds_gives_its_claims(
    ehr: ScriptedEhr, http: requests.Session, changes: dict[str, Any]
) -> None:
    open_for_business(ehr)
    assert _verify(ehr, http, id_token(claims(ehr, NONCE, **changes)))["sub"] == "rivera"


@pytest.mark.parametrize(
    ("alg", "kid"), [("RS256", "ehr-1"), ("RS384", "ehr-1"), ("ES384", "ehr-ec"), ("RS256", None)]
)
def test_the_four_algorithms_are_accepted_with_or_without_key_id(
    ehr: ScriptedEhr, http: requests.Session, alg: str, kid: str | None
) -> None:
    open_for_business(ehr)
    assert _verify(ehr, http, id_token(claims(ehr, NONCE), alg, kid))["sub"] == "rivera"


def test_a_token_signed_by_hand_holds_unless_it_names_something_critical(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    assert _verify(ehr, http, _signed_by_hand({"kid": "ehr-1"}, claims(ehr, NONCE)))["sub"] == "rivera"


def test_a_refreshed_token_must_be_about_the_same_person(ehr: ScriptedEhr, http: requests.Session) -> None:
    open_for_business(ehr)
    token = id_token(claims(ehr, NONCE))
    assert _verify(ehr, http, token, nonce=None, subject="rivera")
    with pytest.raises(LaunchRefused, match="another person"):
        _verify(ehr, http, token, nonce=None, subject="chen")


def test_a_refreshed_token_may_leave_out_its_audience_and_nothing_else(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    renewal: dict[str, Any] = {"nonce": None, "subject": "rivera", "renewal": True}
    assert _verify(ehr, http, id_token(claims(ehr, NONCE, aud=None, nonce=None)), **renewal)
    for wrong in ({"aud": "other"}, {"aud": None, "azp": "other"}, {"aud": None, "iss": None}):
        with pytest.raises(LaunchRefused):
            _verify(ehr, http, id_token(claims(ehr, NONCE, **wrong)), **renewal)
    with pytest.raises(LaunchRefused, match="another person"):
        _verify(ehr, http, id_token(claims(ehr, NONCE, aud=None, sub="chen")), **renewal)
    with pytest.raises(LaunchRefused, match="another application"):
        _verify(ehr, http, id_token(claims(ehr, NONCE, aud=None)), **{**renewal, "subject": None})


def test_without_an_address_of_keys_no_token_is_believed(ehr: ScriptedEhr, http: requests.Session) -> None:
    with pytest.raises(LaunchRefused, match="where the keys are"):
        verified_claims(http, id_token(claims(ehr, NONCE)), None, _expected(ehr), NOW, KeySets())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (outcome(500), "ehr-unreachable"),
        (outcome(404), "ehr-unreachable"),
        (Reply(fault="drop"), "ehr-unreachable"),
        (reply(b"<html>"), "id-token-invalid"),
        (reply({"keys": {}}), "id-token-invalid"),
        (reply({"keys": [{"kty": "RSA", "kid": str(n)} for n in range(101)]}), "id-token-invalid"),
        (reply({"keys": [1, None, {"kty": "RSA", "kid": "ehr-1", "n": "!", "e": 3}]}), "id-token-invalid"),
        (reply({"keys": [{**ehr_key().as_dict(private=False), "use": "enc"}]}), "id-token-invalid"),
        (reply({"keys": [{**ehr_key().as_dict(private=False), "alg": "RS384"}]}), "id-token-invalid"),
    ],
)
def test_keys_that_cannot_be_used_end_the_launch(
    ehr: ScriptedEhr, http: requests.Session, answer: Reply, code: str
) -> None:
    ehr.on("GET", JWKS, answer)
    with pytest.raises(LaunchRefused) as refused:
        _verify(ehr, http, id_token(claims(ehr, NONCE)))
    assert refused.value.reason_code == code


def test_one_broken_key_does_not_spoil_the_others(ehr: ScriptedEhr, http: requests.Session) -> None:
    broken = {"kty": "RSA", "kid": "ehr-1", "n": "AQ", "e": "AQAB"}
    strange = {"kty": "AKP", "kid": "ehr-1"}
    ehr.on("GET", JWKS, reply({"keys": [broken, strange, ehr_key().as_dict(private=False)]}))
    assert _verify(ehr, http, id_token(claims(ehr, NONCE)))["sub"] == "rivera"


def test_a_thousand_invented_key_ids_cost_the_ehr_one_more_request_in_five_minutes(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    open_for_business(ehr)
    sets, uri = KeySets(), f"{ehr.origin}{JWKS}"
    for number in range(1000):
        assert sets.candidates(http, uri, {"alg": "RS256", "kid": f"x{number}"}, later(number * 0.59)) == []
    assert len(ehr.asked(JWKS)) == 2


def test_a_new_key_of_the_ehr_is_found_and_an_old_set_is_read_again_after_an_hour(
    ehr: ScriptedEhr, http: requests.Session
) -> None:
    sets, uri = KeySets(), f"{ehr.origin}{JWKS}"
    ec = ehr_ec_key().as_dict(private=False)
    ehr.on("GET", JWKS, reply({"keys": [ehr_key().as_dict(private=False)]}), reply({"keys": [ec]}))
    assert len(sets.candidates(http, uri, {"alg": "RS256", "kid": "ehr-1"}, NOW)) == 1
    assert sets.candidates(http, uri, {"alg": "ES384", "kid": "ehr-ec"}, later(299)) == []
    assert len(sets.candidates(http, uri, {"alg": "ES384", "kid": "ehr-ec"}, later(300))) == 1
    assert sets.candidates(http, uri, {"alg": "RS256", "kid": "ehr-1"}, later(3900)) == []
    assert len(ehr.asked(JWKS)) == 3
