"""The gate lets our Bundles through and stops each kind of broken resource, naming place and problem."""

from __future__ import annotations

import copy
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.fhir import gate
from mappings.fhir.elements import NotFit, present
from mappings.fhir.model import elements
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import bundle_of

Json = dict[str, Any]
WHOLE = bundle_of(c.PRE_ADMISSION)
PLANNED = bundle_of(c.PLANNED)
FAMILY = bundle_of(c.FAMILY)


def _put(path: str, value: Any) -> Callable[[Json], None]:
    *outer, last = [int(part) if part.isdigit() else part for part in path.split(".")]

    def change(resource: Json) -> None:
        place: Any = resource
        for part in outer:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


BROKEN = [
    # what must be there
    ("Encounter", "status", ..., "Encounter.status: is missing"),
    ("Encounter", "class", ..., "Encounter.class: is missing"),
    ("Encounter", "subject", ..., r"Encounter.subject: is missing \(US Core\)"),
    ("Encounter", "type", ..., "US Core"),
    ("Provenance", "target", ..., "Provenance.target: is missing"),
    ("Provenance", "agent.0.who", ..., "who: is missing"),
    ("Provenance", "signature.0.type", ..., "type: is missing"),
    ("Provenance", "recorded", ..., "recorded: is missing"),
    ("DocumentReference", "content", ..., "content: is missing"),
    ("DocumentReference", "category", ..., "category: is missing"),
    ("Task", "intent", ..., "intent: is missing"),
    ("Patient", "gender", ..., "gender: is missing"),
    # types and cardinality
    ("Encounter", "class", [{"system": "urn:x", "code": "AMB"}], "class: is a list"),
    ("Encounter", "type", {"text": "x"}, "type: needs a list"),
    ("Encounter", "actualPeriod", {"start": "2026-01-01"}, "no element of Encounter"),
    ("Encounter", "subject", "Patient/1", "needs an object"),
    ("Encounter", "subject", {}, "empty object"),
    ("Encounter", "length.value", "40", "needs a decimal"),
    ("Encounter", "length.value", True, "needs a decimal"),
    ("Patient", "active", "true", "needs true or false"),
    ("DocumentReference", "content.0.attachment.size", -1, "whole number"),
    ("DocumentReference", "content.0.attachment.size", 1.5, "whole number"),
    ("Task", "description", 5, "needs a text"),
    # empty and blank
    ("Encounter", "reasonCode", [], "empty list"),
    ("Provenance", "target", [], "empty list"),
    ("Task", "description", "", "is blank"),
    ("Task", "description", " \n", "is blank"),
    ("Task", "description", "bell \x07", "control character"),
    # primitive forms
    ("Task", "id", "has space", "is no id"),
    ("Encounter", "class.code", " AMB", "is no code"),
    ("Encounter", "class.code", "A\tB", "is no code"),
    ("Encounter", "class.system", "urn: x", "is no uri"),
    ("Provenance", "recorded", "2026-03-04T11:05:00", "is no instant"),
    ("Provenance", "recorded", "2026-03-04", "is no instant"),
    ("Provenance", "recorded", "2026-02-30T11:05:00Z", "no calendar"),
    ("Encounter", "period.start", "2026-03-04T10:00", "is no dateTime"),
    ("Encounter", "period.start", "yesterday", "is no dateTime"),
    ("Patient", "birthDate", "1990-2-3", "is no date"),
    ("Patient", "birthDate", "1990-02-31", "no calendar"),
    ("DocumentReference", "content.0.attachment.data", "not base64!", "base64"),
    # required codes
    ("Encounter", "status", "completed", "none of its codes"),
    ("Encounter", "status", "bogus", "none of its codes"),
    ("DocumentReference", "docStatus", "signed", "none of its codes"),
    ("Task", "status", "done", "none of its codes"),
    ("Task", "intent", "wish", "none of its codes"),
    ("EpisodeOfCare", "status", "open", "none of its codes"),
    ("Goal", "lifecycleStatus", "done", "none of its codes"),
    ("Patient", "gender", "F", "none of its codes"),
    ("Encounter", "text.status", "made", "none of its codes"),
    # invariants
    ("Encounter", "period.end", "2026-03-04T09:00:00-05:00", "per-1"),
    ("Encounter", "length.system", ..., "qty-3"),
    ("Encounter", "class.system", ..., "a code needs its system"),
    ("Task", "lastModified", "2026-03-01T09:00:00-05:00", "inv-1"),
    ("Provenance", "agent.0.onBehalfOf", ..., "provenance-1"),
    ("DocumentReference", "content.0.attachment.data", ..., "us-core-6"),
    ("DocumentReference", "content.0.attachment.contentType", ..., "att-1"),
    ("Provenance", "signature.0.extension.0.extension", [{"url": "urn:x", "valueCode": "a"}], "ext-1"),
    ("Patient", "name", [{"use": "official"}], "us-core-8"),
    ("Encounter", "text.div", "<div>no namespace</div>", "no XHTML div"),
    ("Encounter", "text.div", "<div", "no XHTML"),
    (
        "Encounter",
        "text.div",
        '<div xmlns="http://www.w3.org/1999/xhtml"><script>1</script></div>',
        "txt-1",
    ),
    (
        "Encounter",
        "text.div",
        '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x()">a</p></div>',
        "txt-1",
    ),
    ("Encounter", "text.div", '<div xmlns="http://www.w3.org/1999/xhtml"> </div>', "txt-2"),
    # reference targets
    ("Encounter", "subject.reference", "Organization/1", "refers to a Organization"),
    ("Encounter", "subject.type", "Organization", "refers to a Organization"),
    ("Task", "output.0", {"type": {"text": "a"}}, "value"),
]


@pytest.mark.parametrize(("kind", "path", "value", "words"), BROKEN)
def test_a_broken_resource_is_stopped(kind: str, path: str, value: Any, words: str) -> None:
    resource = copy.deepcopy(c.resources(WHOLE, kind)[0])
    gate.check(resource)
    _put(path, value)(resource)
    with pytest.raises(NotFit, match=words):
        gate.check(resource)


BROKEN_BUNDLES = [
    ("entry.0.request", ..., "bdl-3"),
    ("entry.0.fullUrl", "urn:uuid:x/_history/1", "bdl-8"),
    ("type", "parcel", "none of its codes"),
    ("entry", [], "empty list"),
    ("entry.0.request.method", "MOVE", "none of its codes"),
    ("entry.0.request.url", "Patient", "does not create a Encounter"),
    ("entry.0.request.ifNoneExist", "?identifier=a", "query alone"),
    ("entry.0.request.ifNoneExist", "identifier=a|b", "query alone"),
    ("entry.2.request.ifNoneExist", "identifier=a", "no identifier to be found by"),
    ("entry.0.resource.subject.reference", "urn:uuid:00000000-0000-0000-0000-000000000000", "no entry"),
    ("entry.0.resource.resourceType", "Shoe", "no resource of R4"),
    ("entry.0.resource.participant.0.individual.reference", "self", "refers to a Encounter"),
]


@pytest.mark.parametrize(("path", "value", "words"), BROKEN_BUNDLES)
def test_a_broken_bundle_is_stopped(path: str, value: Any, words: str) -> None:
    bundle = copy.deepcopy(WHOLE)
    _put(path, bundle["entry"][0]["fullUrl"] if value == "self" else value)(bundle)
    with pytest.raises(NotFit, match=words):
        gate.check(bundle)


def test_two_entries_of_one_fullurl_are_stopped() -> None:
    bundle = copy.deepcopy(WHOLE)
    bundle["entry"].append(copy.deepcopy(bundle["entry"][0]))
    with pytest.raises(NotFit, match="bdl-7"):
        gate.check(bundle)


def test_a_plan_activity_has_a_reference_or_a_detail() -> None:
    plan = copy.deepcopy(c.one(PLANNED, "CarePlan"))
    plan["activity"][0]["detail"] = {"status": "in-progress"}
    with pytest.raises(NotFit, match="cpl-3"):
        gate.check(plan)


def test_a_goal_target_with_a_detail_has_a_measure() -> None:
    goal = copy.deepcopy(c.resources(PLANNED, "Goal")[0])
    del goal["target"][0]["measure"]
    with pytest.raises(NotFit, match="gol-1"):
        gate.check(goal)


def test_a_timing_has_units_for_its_numbers() -> None:
    service = copy.deepcopy(c.resources(PLANNED, "ServiceRequest")[0])
    del service["occurrenceTiming"]["repeat"]["durationUnit"]
    with pytest.raises(NotFit, match="tim-1"):
        gate.check(service)


def test_two_kinds_of_one_choice_are_stopped() -> None:
    service = copy.deepcopy(c.resources(PLANNED, "ServiceRequest")[0])
    service["occurrencePeriod"] = {"start": "2026-01-01"}
    with pytest.raises(NotFit, match=r"2 kinds of occurrence\[x\]"):
        gate.check(service)


def test_a_related_person_needs_a_name_or_a_relationship() -> None:
    related = copy.deepcopy(c.one(FAMILY, "RelatedPerson"))
    del related["name"], related["relationship"]
    with pytest.raises(NotFit, match="us-core-14"):
        gate.check(related)


def test_all_problems_are_named_at_once_with_their_paths() -> None:
    encounter = copy.deepcopy(c.one(WHOLE, "Encounter"))
    encounter.update(status="bogus", reasonCode=[])
    with pytest.raises(NotFit) as caught:
        gate.check(encounter)
    assert {path for path, _ in caught.value.problems} == {"Encounter.status", "Encounter.reasonCode"}


def test_a_shape_goes_through_the_models_once() -> None:
    one = copy.deepcopy(WHOLE)
    gate.check(one)
    known = gate.known_shapes()
    one["entry"][0]["resource"]["reasonCode"][0]["text"] = "Another purpose"
    gate.check(one)
    assert gate.known_shapes() == known
    one["entry"][0]["resource"]["meta"] = present(versionId="1")
    gate.check(one)
    assert gate.known_shapes() == known + 1


def test_what_the_models_alone_refuse_is_refused_as_well() -> None:
    task = copy.deepcopy(c.one(WHOLE, "Task"))
    task["output"][0]["valueCode"] = "a"
    task["output"][0]["valueReference"] = task["output"][0]["valueReference"]
    with pytest.raises(NotFit):
        gate.check(task)


@pytest.mark.parametrize(
    "value", [{}, {"resourceType": None}, {"resourceType": "Address"}, {"resourceType": "x"}]
)
def test_what_is_no_resource_is_stopped(value: Json) -> None:
    with pytest.raises(NotFit):
        gate.check(value)


_HEAD, _FOOT = '<div xmlns="http://www.w3.org/1999/xhtml"><p><b>Note</b></p><ul>', "</ul></div>"
_DIV = elements("Narrative")["div"]


def test_lines_that_were_plain_make_a_plain_narrative_only_in_their_places() -> None:
    good, lines = gate._good(_DIV), ("<li>Day: one</li>", "<li>Day: two</li>")
    for _ in range(2):
        assert good(f"{_HEAD}{''.join(lines)}{_FOOT}")
        assert good(f"{_HEAD}{lines[0]}{_FOOT}")
        for spoilt in (
            f"{_HEAD}<li>{_HEAD}{lines[0]}{_FOOT}",
            f"{_HEAD}{lines[0]}{_FOOT}{lines[1]}{_FOOT}",
            f"{lines[0]}{lines[1]}{_FOOT}",
            f"{_HEAD}{lines[0]}{lines[1]}",
            f"{_HEAD}<li>Day: one{_FOOT}",
            "<li>",
            "",
        ):
            assert not good(spoilt), spoilt


@given(
    st.text("AZaz09+/= \n-é", max_size=12) | st.binary(max_size=9).map(lambda raw: b64encode(raw).decode())
)
def test_base64_is_what_the_strict_decoder_takes(text: str) -> None:
    try:
        taken = bool(text) and a2b_base64(text, strict_mode=True) is not None
    except ValueError:
        taken = False
    assert gate._good(elements("Attachment")["data"])(text) == taken
