"""Scopes as SMART App Launch 2.2 writes them, and what each letter lets the app do at a strict EHR."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from app.ehr_uses import READ, STAFF_READ, WRITTEN, Use
from smart_launch import scopes
from smart_launch.fhir_client import FhirClient, NotAllowed
from smart_launch.launch import LaunchContext, begin, refresh
from smart_launch.registration import PLAIN_SCOPES, WrongRegistration, read_registration
from smart_launch.sandbox_ehr.config import Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.test_against_sandbox import Clock, House, _clients, _key
from tests.smart_launch.test_registration import GOOD

ASKED: dict[str, Any] = {"request_id": "req-1"}
# The grammar of the guide, written down from its words and not from our code.
PAIR = r"[^&=\s?]+=[^&\s]+"
GRAMMAR = re.compile(rf"(patient|user|system)/([A-Za-z]+|\*)\.(?=[cruds])c?r?u?d?s?(\?{PAIR}(&{PAIR})*)?")
LETTERS = st.sets(st.sampled_from("cruds"), min_size=1).map(
    lambda held: "".join(c for c in "cruds" if c in held)
)
PAIRS = st.lists(
    st.sampled_from(
        ["category=x", "category=http://a.example|b", "_tag=t", "status:not=done", "", "bare", "a=", "=b"]
    ),
    max_size=3,
).map("&".join)
WRITTEN_SO = st.builds(
    "{}/{}.{}{}".format,
    st.sampled_from(["patient", "user", "system", "launch", "User", ""]),
    st.sampled_from(["*", "Patient", "DocumentReference", "Pat ient", ""]),
    LETTERS | st.sampled_from(["read", "write", "*", "sr", "x", ""]),
    st.just("") | PAIRS.map(lambda pairs: f"?{pairs}"),
)


@given(WRITTEN_SO)
def test_whatever_may_be_registered_goes_out_in_the_grammar_of_the_guide(scope: str) -> None:
    field = "backend_scopes" if scope.startswith("system/") else "scopes"
    try:
        issuer = read_registration({**GOOD, field: [scope]})
    except WrongRegistration as wrong:
        assert field in wrong.errors
        assert not GRAMMAR.fullmatch(scope)
        return
    for said in scopes.render(getattr(issuer, field), v2=True):
        assert GRAMMAR.fullmatch(said), said


@pytest.mark.parametrize("level", ["patient", "user", "system"])
@pytest.mark.parametrize("kind", ["Patient", "*"])
@pytest.mark.parametrize("query", ["", "?category=x", "?category=http://a.example|b&status=final"])
def test_each_level_type_wildcard_and_query_is_said_as_it_was_registered(
    level: str, kind: str, query: str
) -> None:
    scope = f"{level}/{kind}.cruds{query}"
    assert GRAMMAR.fullmatch(scope)
    assert scopes.render([scope], v2=True) == (scope,)


@pytest.mark.parametrize(
    "scope",
    ["launch/Patient", "launch/", "launch/patient?", "Launch", "patient/Patient.rs?category",
     "user/Patient.rs user/*.cruds", "user/Patient.rs?a=b user/*.cruds", "user/Patient.rs?a=b&"],
)  # fmt: skip
def test_what_the_grammar_does_not_have_cannot_be_registered(scope: str) -> None:
    with pytest.raises(WrongRegistration):
        read_registration({**GOOD, "scopes": [scope]})


def test_the_scopes_of_context_are_those_of_the_guide_in_lower_case() -> None:
    contexts = [scope for scope in PLAIN_SCOPES if scope.startswith("launch")]
    assert contexts == ["launch", "launch/patient", "launch/encounter"]
    assert all(scope == scope.lower() for scope in contexts)


@pytest.mark.parametrize("use", [*READ, *WRITTEN, *STAFF_READ], ids=lambda use: use.scope)
def test_each_use_of_the_ehr_asks_for_its_letters_alone_and_no_wildcard(use: Use) -> None:
    assert GRAMMAR.fullmatch(use.scope)
    assert "*" not in use.scope and "d" not in use.letters
    assert use.level in ("patient", "user") or use.kind or use in STAFF_READ
    assert ("s" in use.letters) or not use.searches


# What a letter is good for.


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Clock]]:
    clock = Clock()
    file = str(Path(tmp_path_factory.mktemp("letters")) / "ehr.sqlite")
    peerchart, *others = _clients()
    lasting = peerchart.model_copy(update={"scope": f"{peerchart.scope} online_access"})
    config = Config("", file, (lasting, *others), lambda: clock.now, date(2026, 3, 2), faults=True)
    with running(config) as base:
        yield base, clock


@pytest.fixture
def house(standing: tuple[str, Clock], http: requests.Session) -> Iterator[House]:
    base, clock = standing
    yield House(base, clock, http)
    requests.delete(f"{base}/_faults", timeout=5)


TASK = {
    "resourceType": "Task", "status": "requested", "intent": "order",
    "for": {"reference": "Patient/pat-lindqvist"},
}  # fmt: skip


def _stored(house: House) -> tuple[str, str]:
    made = house.backend().create("Task", json.dumps(TASK).encode(), **ASKED)
    return str(made.location), str(made.version_id)


def _create(fhir: FhirClient, at: tuple[str, str]) -> object:
    return fhir.create("Task", json.dumps(TASK).encode(), **ASKED)


def _read(fhir: FhirClient, at: tuple[str, str]) -> object:
    return fhir.read(at[0], **ASKED)


def _read_version(fhir: FhirClient, at: tuple[str, str]) -> object:
    return fhir.read(f"{at[0]}/_history/{at[1]}", **ASKED)


def _update(fhir: FhirClient, at: tuple[str, str]) -> object:
    body = {**TASK, "id": at[0].split("/")[1], "status": "completed"}
    return fhir.update(at[0], json.dumps(body).encode(), if_match=at[1], **ASKED)


def _search(fhir: FhirClient, at: tuple[str, str]) -> object:
    return fhir.search("Task", {"patient": "pat-lindqvist"}, **ASKED)


DEEDS: dict[str, tuple[str, Callable[[FhirClient, tuple[str, str]], object]]] = {
    "create": ("c", _create),
    "read": ("r", _read),
    "read of a version": ("r", _read_version),
    "update": ("u", _update),
    "search": ("s", _search),
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("granted", ["c", "r", "u", "s", "rs", "crus"])
def test_what_the_granted_letters_allow_and_no_more_is_what_the_ehr_does(
    house: House, granted: str, deed: str
) -> None:
    at = _stored(house)
    house.fault("narrowed-scopes", scope=f"openid fhirUser launch user/Task.{granted}", count=1)
    context = house.launched(patient="pat-lindqvist")
    letter, do = DEEDS[deed]
    assert context.allows("user", "Task", letter) == (letter in granted)
    assert ("user/Task.crus" in context.missing_scopes(house.issuer().scopes)) == (granted != "crus")
    if letter in granted:
        do(house.fhir(context.access_token), at)
    else:
        with pytest.raises(NotAllowed) as denied:
            do(house.fhir(context.access_token), at)
        assert denied.value.status == 403


@pytest.mark.parametrize("lasting", ["online_access", "offline_access"])
def test_lasting_access_is_asked_for_by_its_scope_and_brings_a_token_that_renews(
    house: House, lasting: str
) -> None:
    issuer = house.issuer(scopes=("openid", "fhirUser", lasting, "user/Patient.rs"))
    pending, address = begin(
        issuer, house.profile(), house.opened(client_id="peerchart")["launch"], house.clock.now
    )
    assert lasting in dict(parse_qsl(urlsplit(address).query))["scope"].split()
    back = requests.get(address, timeout=5, allow_redirects=False)
    context: LaunchContext = house.finished(
        issuer, pending, dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    )
    again = refresh(house.http, issuer, house.profile(), _key(), context, house.clock.now)
    assert again.access_token != context.access_token


def test_without_lasting_access_no_token_that_renews_is_asked_for_or_kept(house: House) -> None:
    issuer = house.issuer(scopes=("openid", "fhirUser", "user/Patient.rs"))
    assert house.launched(issuer).refresh_token is None
