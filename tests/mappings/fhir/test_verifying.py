"""Signatures are proven from a file alone, and whatever was changed in what they are over is found."""

from __future__ import annotations

import base64
import copy
import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings import seal
from mappings.fhir.bundle import plan_bundle
from mappings.fhir.seal_keys import COMPROMISED, RETIRED, SealKeys
from mappings.fhir.verifying import Located, Verified, verify_all
from mappings.note_copy import NoteCopy, Signatory
from mappings.note_xhtml import XHTML_TYPE, note_xhtml
from mappings.seal import text_digest
from tests.mappings.fhir import contacts as c
from tests.mappings.fhir.makers import EHR, KEY, PUBLIC, bundle_of, library

Json = dict[str, Any]
KEYS = SealKeys(PUBLIC)
COSIGNED = bundle_of(c.PRE_ADMISSION)
IN_EHR = bundle_of(c.PRE_ADMISSION, EHR)
NOTE, FIRST, SECOND = "DocumentReference", "Provenance", "Provenance 2"


def checked(bundle: Json, keys: SealKeys = KEYS, texts: tuple[str, ...] = ()) -> list[Verified]:
    given_ = [Located(f"entry {n}", e["resource"], e["fullUrl"]) for n, e in enumerate(bundle["entry"], 1)]
    return verify_all(given_, keys, texts)


def states(found: list[Verified]) -> list[str]:
    return [one.state for one in found]


def words(found: list[Verified]) -> str:
    return "\n".join(word for one in found for word in (*one.wrong, *one.untold))


@pytest.mark.parametrize("bundle", [COSIGNED, IN_EHR], ids=["store", "EHR"])
def test_both_signatures_hold_and_say_who_signed_what_for_whom_and_when(bundle: Json) -> None:
    author, checker = checked(bundle)
    assert states([author, checker]) == ["holds", "holds"]
    assert author.statement is not None
    assert checker.statement is not None
    assert (author.statement["signer"], author.statement["meaning"]) == ("1900000021", "author")
    assert author.statement["note"] == {"id": "ENC-2026-000451", "version": 1}
    assert checker.statement["at"] == "2026-03-05T09:00:00-05:00"
    assert checker.statement["earlier"] is not None
    assert author.kid == KEY["kid"]


def test_a_store_of_our_own_names_the_signer() -> None:
    assert checked(COSIGNED)[0].name == "Pat Rivera"
    assert checked(IN_EHR)[0].name is None


SIGNATURE = ("signature", 0)
PLACES: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "statement": (FIRST, (*SIGNATURE, "extension", 0, "valueBase64Binary")),
    "statement of the co-signature": (SECOND, (*SIGNATURE, "extension", 0, "valueBase64Binary")),
    "JWS": (FIRST, (*SIGNATURE, "data")),
    "JWS of the co-signature": (SECOND, (*SIGNATURE, "data")),
    "when": (FIRST, (*SIGNATURE, "when")),
    "recorded": (SECOND, ("recorded",)),
    "meaning": (FIRST, (*SIGNATURE, "type", 0, "code")),
    "role": (SECOND, ("agent", 0, "type", "coding", 0, "code")),
    "who": (FIRST, (*SIGNATURE, "who", "identifier", "value")),
    "system of who": (SECOND, (*SIGNATURE, "who", "identifier", "system")),
    "agent": (SECOND, ("agent", 0, "who", "identifier", "value")),
    "what it is on": (FIRST, ("target", 0, "reference")),
    "the signature before it": (SECOND, ("target", 1, "reference")),
    "text": (NOTE, ("content", 0, "attachment", "data")),
    "kind of text": (NOTE, ("content", 0, "attachment", "contentType")),
    "size of the text": (NOTE, ("content", 0, "attachment", "hash")),
    "note and version": (NOTE, ("identifier", 0, "value")),
    "unique id": (NOTE, ("masterIdentifier", "value")),
    "individual": (NOTE, ("subject", "identifier", "value")),
    "system of the individual": (NOTE, ("subject", "identifier", "system")),
    "author": (NOTE, ("author", 0, "identifier", "value")),
    "co-signer": (NOTE, ("authenticator", "identifier", "value")),
}


def place(bundle: Json, kind: str, path: tuple[str | int, ...]) -> tuple[Any, str | int]:
    """What holds the value at a path of one resource, and the value's name there."""
    which = 1 if kind == SECOND else 0
    found: Any = c.resources(bundle, kind.split(maxsplit=1)[0])[which]
    for step in path[:-1]:
        found = found[step]
    return found, path[-1]


@pytest.mark.parametrize("name", PLACES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_sign_changed_taken_out_or_added_is_found_wherever_it_stands(
    name: str, data: st.DataObject
) -> None:
    bundle = copy.deepcopy(COSIGNED)
    holder, last = place(bundle, *PLACES[name])
    value: str = holder[last]
    at = data.draw(st.integers(0, len(value) - 1), label="place")
    sign = data.draw(st.characters(min_codepoint=32, max_codepoint=0x2FF), label="sign")
    way = data.draw(st.sampled_from(["change", "take out", "add"]))
    tail = value[at:] if way == "add" else value[at + 1 :]
    holder[last] = value[:at] + ("" if way == "take out" else sign) + tail
    if holder[last] == value:
        return
    found = checked(bundle)
    assert {*states(found)} != {"holds"}, f"{name}: {value!r} became {holder[last]!r}"
    assert words(found)


@pytest.mark.parametrize("name", PLACES)
def test_a_part_that_is_gone_altogether_is_found(name: str) -> None:
    bundle = copy.deepcopy(COSIGNED)
    holder, last = place(bundle, *PLACES[name])
    del holder[last]
    if name == "size of the text":  # what a server may leave out; nothing is claimed then
        assert {*states(checked(bundle))} == {"holds"}
    else:
        assert {*states(checked(bundle))} != {"holds"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_byte_of_the_text_or_the_statement_changed_inside_its_base64_is_found(
    data: st.DataObject,
) -> None:
    bundle = copy.deepcopy(COSIGNED)
    holder, last = place(bundle, *PLACES[data.draw(st.sampled_from(["text", "statement", "JWS"]))])
    raw = bytearray(base64.b64decode(holder[last]))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    holder[last] = base64.b64encode(raw).decode()
    assert "broken" in states(checked(bundle))


def test_the_time_in_another_zone_is_the_same_time() -> None:
    bundle = copy.deepcopy(COSIGNED)
    holder, last = place(bundle, *PLACES["when"])
    holder[last] = "2026-03-04T16:05:00.000Z"
    assert {*states(checked(bundle))} == {"holds"}


@pytest.mark.parametrize(("gone", "said"), [(0, "signature before it"), (1, "no co-signature")])
def test_a_signature_that_was_taken_out_is_missed(gone: int, said: str) -> None:
    bundle = copy.deepcopy(COSIGNED)
    entries = [each for each in bundle["entry"] if each["resource"]["resourceType"] == "Provenance"]
    bundle["entry"].remove(entries[gone])
    found = checked(bundle)
    assert {*states(found)} != {"holds"}
    assert said in words(found)


def test_a_signature_on_a_note_of_another_person_is_broken() -> None:
    bundle, other = copy.deepcopy(COSIGNED), bundle_of(c.PLANNED)
    bundle["entry"] = [
        *(each for each in bundle["entry"] if each["resource"]["resourceType"] != NOTE),
        next(each for each in other["entry"] if each["resource"]["resourceType"] == NOTE),
    ]
    for provenance in c.resources(bundle, "Provenance"):
        provenance["target"][0]["reference"] = bundle["entry"][-1]["fullUrl"]
    found = checked(bundle)
    assert "broken" in states(found)
    assert "it was signed for MRN-70001, the individual here is MRN-70002" in words(found)
    assert "the text is not the text that was signed" in words(found)


def test_a_key_that_nobody_knows_is_said() -> None:
    found = checked(COSIGNED, SealKeys({"keys": []}))
    assert "is not among the published seal keys" in words(found)
    assert "broken" in states(found)


def with_life(**life: str) -> SealKeys:
    return SealKeys({"keys": [{**PUBLIC["keys"][0], **life}]})


def test_what_a_key_sealed_before_it_retired_holds_and_what_came_after_does_not() -> None:
    found = checked(COSIGNED, with_life(**{RETIRED: "2026-03-05T00:00:00+00:00"}))
    assert states(found) == ["holds", "broken"]
    assert "what it sealed before still holds" in found[0].told[0]


def test_a_key_in_other_hands_is_believed_no_more_and_what_is_older_has_to_be_compared() -> None:
    found = checked(COSIGNED, with_life(**{COMPROMISED: "2026-03-05T00:00:00+00:00"}))
    assert states(found) == ["in part", "broken"]
    assert "could write an earlier time" in found[0].untold[0]
    assert "may have been in other hands from 2026-03-05" in found[1].wrong[0]


def test_a_key_whose_life_cannot_be_read_proves_nothing() -> None:
    for time in ("yesterday", "2026-03-05T00:00:00"):
        assert "broken" in states(checked(COSIGNED, with_life(**{RETIRED: time})))


def test_a_provenance_without_a_note_is_told_in_part_until_the_text_is_given() -> None:
    bundle = {"entry": [each for each in COSIGNED["entry"] if each["resource"]["resourceType"] == FIRST]}
    assert {*states(checked(bundle))} == {"in part"}
    text = base64.b64decode(c.one(COSIGNED, NOTE)["content"][0]["attachment"]["data"]).decode()
    told = words(checked(bundle, texts=(text_digest(text),)))
    assert "the text" not in told
    assert "the file does not hold what this signature names" in told


def xhtml_note() -> tuple[Json, Json]:
    """The Bundle with its note as XHTML alone, and the attachment."""
    bundle = copy.deepcopy(COSIGNED)
    attachment = c.one(bundle, NOTE)["content"][0]["attachment"]
    said = [one.statement for one in checked(bundle) if one.statement]
    signed = tuple(
        Signatory(one["meaning"], one["signer"], "", datetime.fromisoformat(one["at"])) for one in said
    )
    made = note_xhtml(NoteCopy(base64.b64decode(attachment["data"]).decode(), signed))
    del attachment["size"], attachment["hash"]
    attachment |= {"contentType": XHTML_TYPE, "data": base64.b64encode(made).decode()}
    return bundle, attachment


def test_a_note_that_an_ehr_took_as_xhtml_alone_is_proven_by_the_text_it_carries() -> None:
    assert {*states(checked(xhtml_note()[0]))} == {"holds"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_changed_byte_of_the_xhtml_is_found(data: st.DataObject) -> None:
    bundle, attachment = xhtml_note()
    raw = bytearray(base64.b64decode(attachment["data"]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    attachment["data"] = base64.b64encode(raw).decode()
    assert "broken" in states(checked(bundle))


def test_a_copy_beside_the_text_is_said_to_be_under_no_seal() -> None:
    bundle = copy.deepcopy(COSIGNED)
    data = base64.b64encode(b"%PDF-1.7").decode()
    c.one(bundle, NOTE)["content"].append({"attachment": {"contentType": "application/pdf", "data": data}})
    found = checked(bundle)
    assert {*states(found)} == {"in part"}
    assert "application/pdf" in words(found)


def plan(text: str) -> Json:
    around = c.surroundings()
    entries = around.plan_of(c.entry(c.ENTRY))
    said = seal.statement(
        note_id=entries[0].id, version=entries[0].version, individual="|MRN-70002",
        program="1900000013", signer="1900000039", meaning="author", at=c.NOW, sha256=text_digest(text),
    )  # fmt: skip
    made = seal.Seal("author", "1900000039", c.NOW, said, seal.seal(said, KEY))
    return plan_bundle(entries, around, [made], EHR, library(), c.NOW)


def test_the_signature_on_a_plan_holds_once_its_text_is_at_hand() -> None:
    assert states(checked(plan("the plan"))) == ["in part"]
    assert states(checked(plan("the plan"), texts=(text_digest("the plan"),))) == ["holds"]
    moved = json.loads(json.dumps(plan("the plan")).replace("MRN-70002", "MRN-70001"))
    assert states(checked(moved, texts=(text_digest("the plan"),))) == ["broken"]


@pytest.mark.parametrize("bad", [None, [], {}, "x", [None], [{"data": 1}], [{"extension": "x"}]])
def test_a_provenance_of_any_shape_is_told_and_never_passes(bad: object) -> None:
    found = verify_all([Located("x", {"resourceType": "Provenance", "signature": bad})], KEYS)
    assert {*states(found)} <= {"in part", "broken"}
