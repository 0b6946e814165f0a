"""Our keys and the assertion (SMART App Launch 2.2, client-confidential-asymmetric)."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from smart_launch.keys import Algorithm, ClientKey, client_assertion, new_client_key, new_jti, public_set

KEYS = {alg: new_client_key(alg) for alg in ("ES384", "RS384")}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k"}
ENDPOINT = "https://ehr.example/token"


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
@settings(max_examples=15, deadline=None)
@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_assertion_says_who_we_are_for_four_minutes(alg: Algorithm, moment: datetime) -> None:
    text = client_assertion(KEYS[alg], "peerchart", ENDPOINT, moment, "jti-1")
    keys = KeySet.import_key_set(public_set(list(KEYS.values())))  # type: ignore[arg-type]
    token = jwt.decode(text, keys, algorithms=["ES384", "RS384"])
    assert token.header == {"alg": alg, "kid": KEYS[alg].kid, "typ": "JWT"}
    assert token.claims == {
        "iss": "peerchart",
        "sub": "peerchart",
        "aud": ENDPOINT,
        "jti": "jti-1",
        "iat": int(moment.timestamp()),
        "exp": int(moment.timestamp()) + 240,
    }


def test_the_public_set_holds_no_private_member_and_names_use_and_kid() -> None:
    published = public_set(list(KEYS.values()))["keys"]
    assert [key["alg"] for key in published] == ["ES384", "RS384"]
    for key in published:
        assert not PRIVATE & key.keys()
        assert key["use"] == "sig" and key["kid"] and key["key_ops"] == ["verify"]
    assert {"crv", "x", "y"} <= published[0].keys()
    assert {"n", "e"} <= published[1].keys()


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_a_stored_key_comes_back_as_it_was(alg: str) -> None:
    assert ClientKey.from_json(KEYS[alg].to_json()) == KEYS[alg]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"kid": "a", "alg": "none", "jwk": {}}',
        '{"kid": "a", "alg": "ES384", "jwk": {"kty": "EC"}}',
        json.dumps({"kid": "a", "alg": "ES384", "jwk": public_set([KEYS["ES384"]])["keys"][0]}),
    ],
)
def test_a_text_that_is_no_stored_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a stored client key"):
        ClientKey.from_json(text)


def test_a_key_shown_by_mistake_shows_nothing_private() -> None:
    key = KEYS["ES384"]
    assert json.loads(key.private_jwk)["d"] not in repr(key)


def test_no_two_keys_and_no_two_token_ids_are_the_same() -> None:
    assert len({new_client_key().kid for _ in range(5)} | {new_client_key(kid="mine").kid}) == 6
    assert len({new_jti() for _ in range(1000)}) == 1000
