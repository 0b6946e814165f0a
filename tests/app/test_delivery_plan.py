"""What delivery decides before and after it speaks: each answer of an EHR has exactly one consequence."""

from __future__ import annotations

import json
import random
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.delivery import PRESETS, Capability, Hold, Override, Plan, decide, plan_delivery, wait_before
from app.delivery.decide import LONGEST_WAIT
from app.delivery.plan import body_of, references_in, without
from mappings.fhir import gate
from smart_launch.fhir_client import FhirClient, FhirTrouble, ForeignReference, http_session
from smart_launch.profile import FhirFacts, ResourceFacts
from smart_launch.refusal import LaunchRefused, UnknownIssuer
from tests.app.delivery_house import note_bundle
from tests.smart_launch.scripted_ehr import Reply, ScriptedEhr, outcome, reply

TYPES = ("Encounter", "DocumentReference", "Provenance", "Task", "EpisodeOfCare", "Goal")
GRANTED = ("system/*.crus",)

# Status of the answer to a create -> what comes next.
AFTER_A_CREATE = {
    400: "refuse", 401: "token", 403: "hold", 404: "refuse", 405: "refuse", 406: "refuse", 408: "look",
    409: "look", 410: "refuse", 412: "refuse", 413: "refuse", 415: "refuse", 422: "refuse", 425: "retry",
    429: "retry", 500: "look", 501: "refuse", 502: "look", 503: "retry", 504: "look", 505: "refuse",
    301: "look", 302: "look", 307: "refuse", 308: "refuse", 204: "look", 202: "look",
}  # fmt: skip
LOST_ANSWERS = {
    "HTML with 200": reply(b"<html>login</html>", 200, "text/html"),
    "half a JSON": reply(b'{"resourceType": "Task", ', 201),
    "another resource": reply({"resourceType": "Patient", "id": "1"}, 201, Location="Patient/1"),
    "no place": reply({"resourceType": "Task"}, 201),
    "a cut body": Reply(201, b'{"resourceType": "Task"}', {"Content-Type": "application/json"}, "truncate"),
    "a dropped line": Reply(fault="drop"),
}


def trouble_of(script: Reply) -> FhirTrouble:
    with closing(ScriptedEhr()) as server, http_session(tries=1) as http:
        server.on("POST", "/fhir/Task", script)
        client = FhirClient(http, server.fhir, lambda: "token", (2, 2))
        with pytest.raises(FhirTrouble) as caught:
            client.create("Task", b"{}", request_id="r")
    return caught.value


@pytest.mark.parametrize(("status", "following"), AFTER_A_CREATE.items())
def test_each_status_has_exactly_one_consequence(status: int, following: str) -> None:
    assert decide(trouble_of(outcome(status))).next == following


@pytest.mark.parametrize("name", LOST_ANSWERS)
def test_an_answer_that_says_nothing_clear_is_looked_after(name: str) -> None:
    assert decide(trouble_of(LOST_ANSWERS[name])).next == "look"


def test_an_ehr_that_cannot_be_reached_is_tried_again() -> None:
    with http_session(tries=1) as http:
        client = FhirClient(http, "http://127.0.0.1:9/fhir", lambda: "token", (1, 1))
        with pytest.raises(FhirTrouble) as caught:
            client.create("Task", b"{}", request_id="r")
    assert decide(caught.value).next == "retry"


def test_a_second_401_is_held_and_not_asked_for_ever() -> None:
    assert decide(trouble_of(outcome(401)), token_was_new=True).next == "hold"


def test_a_conflict_of_an_update_is_read_again() -> None:
    assert decide(trouble_of(outcome(412)), updating=True).next == "look"


def test_retry_after_is_honoured_and_its_words_are_kept() -> None:
    said = decide(trouble_of(outcome(429, diagnostics="Come back later", Retry_After="90")))
    assert said.after == timedelta(seconds=90)
    assert "Come back later" in said.words


@pytest.mark.parametrize(
    ("trouble", "following"),
    [
        (UnknownIssuer(), "hold"),
        (LaunchRefused("ehr-unreachable", "m", "w"), "retry"),
        (LaunchRefused("endpoint-not-registered", "m", "w"), "hold"),
        (ForeignReference("elsewhere"), "hold"),
    ],
)
def test_trouble_before_sending_waits_or_is_held(trouble: Exception, following: str) -> None:
    assert decide(trouble).next == following


@given(st.integers(1, 200), st.none() | st.integers(0, 86_400), st.integers())
def test_a_wait_never_is_shorter_than_asked_nor_endless(attempts: int, asked: int | None, seed: int) -> None:
    after = None if asked is None else timedelta(seconds=asked)
    pause = wait_before(attempts, after, random.Random(seed))  # noqa: S311 - spreads waits
    assert pause >= (after or timedelta(seconds=2))
    assert pause <= max(LONGEST_WAIT, (after or timedelta()) * 1.1)


def capability(*creates: str, transaction: bool = False, conditional: bool = True) -> Capability:
    facts = tuple(ResourceFacts(name, frozenset({"create", "update"}), conditional) for name in creates)
    return Capability(FhirFacts(transaction=transaction, resources=facts), GRANTED)


def test_an_ehr_with_transactions_gets_the_bundle_as_it_was_frozen() -> None:
    bundle = note_bundle(1)
    plan = plan_delivery("note", bundle, capability(*TYPES, transaction=True))
    assert isinstance(plan, Plan)
    [step] = plan.steps
    assert step.key == "transaction"
    assert json.loads(body_of(step, {})) == bundle


def test_a_transaction_that_would_be_refused_in_part_is_not_tried() -> None:
    plan = plan_delivery(
        "note", note_bundle(1), capability("DocumentReference", "Encounter", transaction=True)
    )
    assert isinstance(plan, Plan)
    assert "transaction" not in [step.way for step in plan.steps]


def test_without_its_anchor_a_delivery_is_held_in_words() -> None:
    held = plan_delivery("note", note_bundle(1), capability("Encounter", "Provenance"))
    assert isinstance(held, Hold)
    assert "takes no notes" in held.reason
    assert "DocumentReference" in held.reason


def test_an_empty_bundle_is_held() -> None:
    empty = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    assert isinstance(plan_delivery("note", empty, capability(*TYPES)), Hold)


@given(st.sets(st.sampled_from(TYPES)), st.booleans())
def test_whatever_an_ehr_takes_nothing_is_dropped_unsaid_and_what_goes_is_fit(
    taken: set[str], conditional: bool
) -> None:
    bundle = note_bundle(1)
    plan = plan_delivery("note", bundle, capability(*taken, conditional=conditional))
    if isinstance(plan, Hold):
        assert "DocumentReference" not in taken
        return
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert sorted([*(s.full_url for s in plan.steps), *(n.full_url for n in plan.not_sent)]) == sorted(urls)
    ids: dict[str, str] = {}
    for step in plan.steps:
        resource = json.loads(body_of(step, ids))
        gate.check(resource)
        assert not [one for one in references_in(resource) if one.startswith("urn:")]
        assert step.conditional == (conditional and step.way == "create")
        ids[step.full_url] = f"{step.resource_type}/{len(ids)}"


def test_what_changes_over_time_is_updated_and_never_left_as_it_was() -> None:
    plan = plan_delivery("episode", _alone("EpisodeOfCare"), capability(*TYPES, transaction=True))
    assert isinstance(plan, Plan)
    assert [step.way for step in plan.steps] == ["upsert"]


def _alone(resource_type: str) -> dict[str, object]:
    bundle = note_bundle(1)
    kept = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == resource_type]
    return {**bundle, "entry": kept}


def test_the_operator_can_only_take_away() -> None:
    said = capability(*TYPES, transaction=True)
    assert replace(said, override=PRESETS["epic"]).transaction is False
    assert replace(said, override=PRESETS["epic"]).why_not("Encounter") is not None
    nothing = Capability(FhirFacts(transaction=False, resources=()), GRANTED, Override(transaction=True))
    assert nothing.transaction is False
    assert nothing.why_not("Encounter") is not None


def test_what_is_unknown_may_be_tried_but_not_without_a_scope() -> None:
    assert Capability(FhirFacts(), GRANTED).why_not("Claim") is None
    assert "scope" in str(Capability(FhirFacts(), ("system/Task.crus",)).why_not("Claim"))
    assert Capability(FhirFacts(), GRANTED).transaction is False


@pytest.mark.parametrize("name", PRESETS)
def test_an_override_is_read_back_as_it_was_kept(name: str) -> None:
    assert Override.from_json(json.loads(json.dumps(PRESETS[name].to_json()))) == PRESETS[name]


def test_a_reference_that_stays_behind_takes_what_is_empty_with_it() -> None:
    value = {
        "a": [{"reference": "urn:x"}],
        "extension": [{"url": "u", "valueReference": {"reference": "urn:x"}}],
        "reference": {"reference": "urn:y"},
    }
    assert without(value, frozenset({"urn:x"})) == {"reference": {"reference": "urn:y"}}
