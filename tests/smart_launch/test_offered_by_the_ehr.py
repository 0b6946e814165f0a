"""What an EHR may offer besides the launch itself, by real HTTP to the sandbox EHR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from smart_launch import app_state, style, token_care
from smart_launch.app_state import Shelf
from smart_launch.authorization import as_form
from smart_launch.backend import backend_token
from smart_launch.fhir_client import FhirClient, NotAllowed
from smart_launch.issuers import Issuer
from smart_launch.keys import Algorithm, ClientKey, algorithm_for, new_client_key, public_set
from smart_launch.launch import LaunchRefused, begin, finish, refresh
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.test_against_sandbox import CALLBACK, Clock, House

READ = ("user/Patient.rs", "user/Coverage.rs")
STATE = "user/Basic.cus?code=http://127.0.0.1:5000|liked"
SCOPES = (
    "openid",
    "fhirUser",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    *READ,
    STATE,
)
SECRET = "a-secret.of~32_characters"
ASKED: dict[str, Any] = {"request_id": "req-1"}


@cache
def _key(alg: Algorithm) -> ClientKey:
    return new_client_key(alg)


def _client(client_id: str, **facts: Any) -> Client:
    common: dict[str, Any] = {
        "name": client_id,
        "redirect_uris": (CALLBACK,),
        "launch_uri": "http://127.0.0.1:5000/launch",
        "grant_types": ("authorization_code", "refresh_token"),
        "scope": " ".join(SCOPES),
        "token_endpoint_auth_method": "private_key_jwt",
    }
    return Client(client_id=client_id, **{**common, **facts})


def _clients() -> tuple[Client, ...]:
    both = public_set([_key("ES384"), _key("RS384")])
    backend = {"grant_types": ("client_credentials",), "scope": "system/Task.crus", "launch_uri": None}
    return (
        _client("peerchart", jwks=both),
        _client("public", token_endpoint_auth_method="none"),
        _client("secret", token_endpoint_auth_method="client_secret_basic", client_secret=SECRET),
        _client("backend", jwks=both, **backend),
    )


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Clock]]:
    clock = Clock()
    file = str(Path(tmp_path_factory.mktemp("offers")) / "ehr.sqlite")
    config = Config("", file, _clients(), lambda: clock.now, date(2026, 3, 2), faults=True, app_state=True)
    with running(config) as base:
        yield base, clock


@pytest.fixture
def house(standing: tuple[str, Clock], http: requests.Session) -> Iterator[House]:
    base, clock = standing
    yield House(base, clock, http)
    requests.delete(f"{base}/_faults", timeout=5)


def _issuer(house: House, **changes: Any) -> Issuer:
    return house.issuer(**{"scopes": SCOPES, "backend_client_id": "backend", **changes})


def _launched(house: House, issuer: Issuer, key: ClientKey | None, **asked: Any) -> Any:
    pending, params = house.walked(issuer, **asked)
    return finish(house.http, issuer, house.profile(), key, pending, params, house.clock.now)


WAYS: dict[str, tuple[dict[str, Any], ClientKey | None]] = {
    "ES384": ({}, _key("ES384")),
    "RS384": ({}, _key("RS384")),
    "public": ({"client_id": "public", "auth_method": "none"}, None),
    "secret": (
        {"client_id": "secret", "auth_method": "client_secret_basic", "client_secret": SECRET},
        None,
    ),
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_each_kind_of_client_launches_and_renews_and_ends_its_tokens(house: House, way: str) -> None:
    registration, key = WAYS[way]
    issuer, profile = _issuer(house, **registration), house.profile()
    context = _launched(house, issuer, key, patient="pat-lindqvist")
    again = refresh(house.http, issuer, profile, key, context, house.clock.now)
    assert again.refresh_token not in (None, context.refresh_token)
    assert house.fhir(again.access_token).read("Patient/pat-lindqvist", **ASKED).status == 200
    ended = token_care.revoke(
        house.http, issuer, profile, key, str(again.refresh_token), "refresh_token", house.clock.now
    )
    assert ended is True
    with pytest.raises(NotAllowed):
        house.fhir(again.access_token).read("Patient/pat-lindqvist", **ASKED)


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_the_installation_gets_a_token_of_its_own_with_either_algorithm(house: House, alg: Algorithm) -> None:
    issuer = _issuer(house, backend_scopes=("system/Task.crus",))
    token = backend_token(house.http, issuer, house.profile(), _key(alg), house.clock.now)
    assert token.scope == ("system/Task.crus",)


@pytest.mark.parametrize(
    ("registered", "stated", "taken"),
    [
        ("RS384", {"ES384"}, "RS384"),
        ("ES384", None, "ES384"),
        (None, None, "ES384"),
        (None, {"RS384", "ES384"}, "ES384"),
        (None, {"RS384"}, "RS384"),
        (None, {"RS256"}, "ES384"),
        (None, set(), "ES384"),
    ],
)
def test_the_algorithm_is_the_registered_one_else_one_that_the_server_states(
    registered: Algorithm | None, stated: set[str] | None, taken: Algorithm
) -> None:
    assert algorithm_for(registered, None if stated is None else frozenset(stated)) == taken


def test_a_key_of_an_algorithm_that_the_server_does_not_state_is_named_when_it_is_refused(
    house: House,
) -> None:
    issuer, other = _issuer(house), new_client_key("ES384")
    pending, params = house.walked(issuer, patient="pat-lindqvist")
    profile = replace(house.profile(), assertion_algorithms=frozenset({"RS384"}))
    with pytest.raises(LaunchRefused) as refused:
        finish(house.http, issuer, profile, other, pending, params, house.clock.now)
    assert refused.value.reason_code == "client-refused"
    assert "keys rotate --alg RS384" in refused.value.what_to_do


def test_the_sandbox_states_the_algorithms_of_assertions(house: House) -> None:
    assert house.profile().assertion_algorithms == frozenset({"RS384", "ES384"})


@pytest.mark.parametrize("wanted", ["launch/patient", "launch/encounter"])
def test_a_standalone_launch_lets_the_ehr_ask_for_person_or_visit(house: House, wanted: str) -> None:
    issuer = _issuer(house, scopes=("openid", "fhirUser", wanted, *READ))
    pending, address = begin(issuer, house.profile(), None, house.clock.now)
    chosen = {"user": "rivera", "decision": "sign-in"}
    chosen |= {"patient": "pat-lindqvist"} if wanted == "launch/patient" else {"encounter": "enc-visit-70002"}
    fields = dict(parse_qsl(urlsplit(address).query))
    answer = requests.post(
        address.partition("?")[0], data={**fields, **chosen}, timeout=5, allow_redirects=False
    )
    params = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    key = _key("ES384")
    context = finish(house.http, issuer, house.profile(), key, pending, params, house.clock.now)
    assert context.patient == "pat-lindqvist"
    assert (context.encounter is not None) == (wanted == "launch/encounter")
    assert "launch" not in fields
    assert context.missing_scopes(pending.scopes) == ()


def _long(house: House) -> tuple[Issuer, str]:
    kinds = ("Patient", "Coverage", "Condition", "Encounter", "Practitioner", "Organization", "Location")
    many = tuple(f"user/{kind}.rs?_tag=https://ehr.example/tags|{'t' * 240}" for kind in kinds)
    issuer = _issuer(house, scopes=(*SCOPES, *many))
    _, address = begin(issuer, house.profile(), None, house.clock.now)
    return issuer, address


def test_a_request_too_long_for_an_address_goes_as_a_form_and_is_understood(house: House) -> None:
    issuer, address = _long(house)
    assert len(address) > 2000
    form = as_form(house.profile(), address)
    assert form is not None
    assert "?" not in form.action
    assert dict(form.fields)["code_challenge_method"] == "S256"
    answer = requests.post(form.action, data=dict(form.fields), timeout=5, allow_redirects=False)
    assert answer.status_code == 200
    assert "sign" in answer.text.lower()
    assert issuer.client_id in dict(form.fields).values()


def test_a_form_is_used_only_where_the_ehr_states_it_and_the_address_is_too_long(house: House) -> None:
    profile = house.profile()
    _, long_address = _long(house)
    _, short = begin(_issuer(house), profile, None, house.clock.now)
    assert as_form(profile, short) is None
    assert as_form(replace(profile, capabilities=frozenset({"launch-ehr"})), long_address) is None
    assert as_form(replace(profile, capabilities=None), long_address) is None


def test_what_the_endpoint_carries_in_its_own_address_stays_there(house: House) -> None:
    endpoint = f"{house.base}/auth/authorize?tenant=north&mode="
    profile = replace(house.profile(), authorization_endpoint=endpoint)
    issuer = _issuer(house, scopes=(*SCOPES, f"user/Patient.rs?_tag={'t' * 2000}"))
    _, address = begin(issuer, profile, None, house.clock.now)
    form = as_form(profile, address)
    assert form is not None
    assert form.action == endpoint
    assert not {"tenant", "mode"} & set(dict(form.fields))


def test_introspection_says_what_a_token_is_worth_until_it_is_ended(house: House) -> None:
    issuer, profile, key = _issuer(house), house.profile(), _key("ES384")
    context = _launched(house, issuer, key, patient="pat-lindqvist")
    asked = (house.http, issuer, profile, key, context.access_token)
    said = token_care.introspect(*asked, house.clock.now)
    assert said is not None and said.active
    assert (said.patient, said.subject) == ("pat-lindqvist", "rivera")
    assert "user/Patient.rs" in said.scope
    assert token_care.revoke(*asked, "access_token", house.clock.now) is True
    assert token_care.introspect(*asked, house.clock.now) == token_care.Introspection(active=False)


@pytest.mark.parametrize("fault", ["down", "html", "no-answer", "truncated-json", "list-instead-of-object"])
def test_introspection_that_fails_says_nothing(house: House, fault: str) -> None:
    issuer, profile, key = _issuer(house), house.profile(), _key("ES384")
    context = _launched(house, issuer, key, patient="pat-lindqvist")
    house.fault(fault, at="introspection", count=1)
    asked = (house.http, issuer, profile, key, context.access_token)
    assert token_care.introspect(*asked, house.clock.now) is None


@pytest.mark.parametrize("fault", ["down", "no-answer"])
def test_revocation_that_fails_says_so_and_raises_nothing(house: House, fault: str) -> None:
    issuer, profile, key = _issuer(house), house.profile(), _key("ES384")
    context = _launched(house, issuer, key, patient="pat-lindqvist")
    house.fault(fault, at="revocation", count=1)
    asked = (house.http, issuer, profile, key, context.access_token)
    assert token_care.revoke(*asked, "access_token", house.clock.now) is False


def test_an_ehr_that_offers_neither_is_not_asked(house: House) -> None:
    bare = replace(house.profile(), introspection_endpoint=None, revocation_endpoint=None)
    asked = (house.http, _issuer(house), bare, _key("ES384"), "token")
    assert token_care.introspect(*asked, house.clock.now) is None
    assert token_care.revoke(*asked, "access_token", house.clock.now) is None


def _state(house: House, user: str = "rivera") -> tuple[FhirClient, Shelf]:
    context = _launched(house, _issuer(house), _key("ES384"), user=user)
    base = house.profile().app_state_base
    assert base == f"{house.base}/appstate"
    subject = f"{house.base}/fhir/{context.fhir_user}"
    shelf = Shelf("http://127.0.0.1:5000", "liked", subject)
    return FhirClient(house.http, base, lambda: context.access_token), shelf


def test_a_text_is_kept_for_one_person_and_replaced_by_the_next(house: House) -> None:
    client, shelf = _state(house)
    app_state.save(client, shelf, '{"list": "held"}', **ASKED)
    app_state.save(client, shelf, '{"list": "sent"}', **ASKED)
    later, same = _state(house)
    kept = app_state.load(later, same, **ASKED)
    assert kept is not None and kept.text == '{"list": "sent"}'
    other, others = _state(house, "chen")
    assert app_state.load(other, others, **ASKED) is None


def test_the_state_of_somebody_else_is_out_of_reach(house: House) -> None:
    client, _ = _state(house)
    _, others = _state(house, "chen")
    with pytest.raises(NotAllowed):
        app_state.load(client, others, **ASKED)
    with pytest.raises(ValueError, match="at most"):
        app_state.save(client, others, "x" * 20_000, **ASKED)


@pytest.mark.parametrize("listed", [None, "x", [7], [{"url": 5, "capabilities": ["smart-app-state"]}],
    [{"url": "https://elsewhere.example/state", "capabilities": ["smart-app-state"]}]])  # fmt: skip
def test_an_address_of_app_state_that_is_not_registered_counts_as_none(house: House, listed: Any) -> None:
    house.fault("odd-configuration", member="associated_endpoints", value=listed, count=1)
    assert house.profile().app_state_base in (None, f"{house.base}/fhir")
    house.fault("odd-configuration", member="associated_endpoints", value=listed, count=1)
    assert "elsewhere" not in str(house.profile().app_state_base)


def test_the_style_of_the_ehr_is_read_as_plain_values(house: House) -> None:
    read = style.fetch(house.http, _issuer(house), f"{house.base}/style.json")
    assert read is not None
    assert read["color_highlight"] == "#0b6e5f"
    assert read["font_family_body"] == '"Georgia", "Times", "Times New Roman", serif'
    assert "color_modal_backdrop" not in read


def test_of_a_hostile_style_nothing_is_left_but_what_is_plain(house: House) -> None:
    house.fault("style-document", count=1)
    read = style.fetch(house.http, _issuer(house), f"{house.base}/style.json")
    assert read == {"color_text": "#ffffff"}


@pytest.mark.parametrize("fault", ["down", "html", "huge-body", "truncated-json", "deep-json"])
def test_a_style_that_cannot_be_had_is_none(house: House, fault: str) -> None:
    house.fault(fault, at="style", count=1)
    assert style.fetch(house.http, _issuer(house), f"{house.base}/style.json") is None


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/style.json", "https://elsewhere.example/s", "javascript:alert(1)", ""]
)
def test_no_style_is_asked_for_at_a_host_that_is_not_registered(house: House, address: str) -> None:
    assert not style.allowed(_issuer(house), address)
    assert style.fetch(house.http, _issuer(house), address) is None


def test_a_lost_answer_to_a_refresh_is_told_apart_from_one_that_never_left(house: House) -> None:
    issuer, key = _issuer(house), _key("ES384")
    context = _launched(house, issuer, key, patient="pat-lindqvist")
    house.fault("no-answer", at="token", count=1)
    with pytest.raises(LaunchRefused) as lost:
        refresh(house.http, issuer, house.profile(), key, context, house.clock.now)
    assert (lost.value.reason_code, lost.value.passing) == ("refresh-lost", False)
    nowhere = replace(house.profile(), token_endpoint="http://127.0.0.1:9/token")
    with pytest.raises(LaunchRefused) as unsent:
        refresh(house.http, issuer, nowhere, key, context, house.clock.now)
    assert unsent.value.passing


def test_scopes_of_version_1_in_the_answer_are_understood(house: House) -> None:
    house.fault("narrowed-scopes", scope="openid fhirUser launch user/Patient.read", count=1)
    context = _launched(house, _issuer(house), _key("ES384"), patient="pat-lindqvist")
    assert context.allows("user", "Patient", "r")
    assert not context.allows("user", "Coverage", "s")
