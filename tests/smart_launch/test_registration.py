"""A registration is taken whole or refused field by field, each with the right form."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.registration import WrongRegistration, read_registration

GOOD = {
    "id": "riverbend",
    "iss": "https://ehr.example/fhir",
    "client_id": "peerchart",
    "auth_method": "private_key_jwt",
    "redirect_uri": "https://peerchart.example/cb/riverbend",
    "scopes": ["launch", "openid", "fhirUser", "patient/Patient.rs", "user/Observation.rs?category=x"],
    "frame_origins": ["https://ehr.example", "http://localhost:8080"],
    "endpoint_hosts": ["login.ehr.example", "ehr.example:8443"],
    "jurisdiction": "us-ny",
    "backend_client_id": "peerchart-backend",
    "backend_scopes": ["system/DocumentReference.crus"],
    "key_alg": "RS384",
}


def test_a_whole_registration_is_taken():
    issuer = read_registration(GOOD)
    assert json.loads(json.dumps(asdict(issuer)))["scopes"] == GOOD["scopes"]
    assert issuer.endpoint_hosts == ("login.ehr.example", "ehr.example:8443")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", "a/b", "such as riverbend"),
        ("id", "", "missing"),
        ("iss", "http://ehr.example/fhir", "https"),
        ("iss", "ehr.example/fhir", "whole address"),
        ("iss", "https://user:word@ehr.example/fhir", "whole address"),
        ("iss", "https://ehr.example/fhir?x=1", "without ?"),
        ("iss", "https://ehr.example/fhir/metadata", "FHIR base alone"),
        ("iss", "file:///etc/passwd", "whole address"),
        ("client_id", " peerchart", "one line"),
        ("client_id", "a\nb", "one line"),
        ("client_id", 7, "quotation marks"),
        ("auth_method", "client_secret_post", "private_key_jwt"),
        ("redirect_uri", "https://peerchart.example/cb#x", "whole address"),
        ("redirect_uri", "javascript:alert(1)", "whole address"),
        ("scopes", "launch openid", "list of texts"),
        ("scopes", ["launch", "patient/Coverage.sr"], "no SMART scope"),
        ("scopes", ["launch", "launch"], "twice"),
        ("scopes", ["system/Encounter.crus"], "backend_scopes"),
        ("frame_origins", ["https://ehr.example/"], "scheme and host alone"),
        ("frame_origins", ["https://*.ehr.example"], "plain letters"),
        ("frame_origins", ["*"], "whole address"),
        ("frame_origins", ["http://ehr.example"], "https"),
        ("frame_origins", ["https://ehr.example;script-src"], "plain letters"),
        ("endpoint_hosts", ["https://login.ehr.example"], "without https://"),
        ("endpoint_hosts", ["login.ehr.example/token"], "host:port"),
        ("endpoint_hosts", ["login.ehr.example:99999"], "host:port"),
        ("backend_scopes", ["patient/Encounter.rs"], "system/ alone"),
        ("backend_scopes", [], "missing"),
        ("backend_client_id", None, "missing"),
        ("jurisdiction", "New York", "us-ny"),
        ("key_alg", "HS256", "ES384"),
        ("client_secret", "x", "leave it out"),
        ("colour", "green", "no such field"),
    ],
)
def test_a_field_that_is_not_right_is_named_with_its_right_form(field, value, said):
    with pytest.raises(WrongRegistration) as refused:
        read_registration({**GOOD, field: value})
    assert said in refused.value.errors[field]


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(WrongRegistration) as refused:
        read_registration({**GOOD, "iss": "x", "jurisdiction": "x", "scopes": "x"})
    assert set(refused.value.errors) == {"iss", "jurisdiction", "scopes"}


def test_a_secret_is_asked_for_where_the_method_needs_one():
    with pytest.raises(WrongRegistration, match="client_secret"):
        read_registration({**GOOD, "auth_method": "client_secret_basic"})
    assert read_registration({**GOOD, "auth_method": "client_secret_basic", "client_secret": "x y"})


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "client_secret", "key_id", "colour"]),
        st.none() | st.text(max_size=20) | st.integers() | st.lists(st.text(max_size=9), max_size=2),
    )
)
def test_whatever_is_written_is_taken_or_refused_with_words(changes):
    try:
        read_registration({**GOOD, **changes})
    except WrongRegistration as refused:
        assert refused.errors
        assert all(words for words in refused.errors.values())
