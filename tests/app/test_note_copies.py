"""Copies of signed notes in the office, and the forms in which a delivery takes them along."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import outbox
from app.delivery.capability import PRESETS, Capability, Override
from app.delivery.forms import AnotherText, in_forms
from app.delivery.overrides import keep_override, override_of
from app.delivery.plan import Plan, plan_delivery
from app.note_copies import copy_of
from app.problems import NotFound
from app.signed_texts import kept_texts
from mappings.fhir.seal_keys import SealKeys
from mappings.fhir.verifying import Located, verify_all
from tests.app.office import ISSUER, Office, drafted, final, open_office, undecided

Json = dict[str, Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, furnished: Path) -> Iterator[Office]:
    opened = open_office(shutil.copytree(furnished, tmp_path_factory.mktemp("office") / "data"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def note(house: Office) -> str:
    undecided(house)
    return final(house)


def payload_of(house: Office, contact: str) -> Json:
    from sqlalchemy import select

    from app.tables import OutboxRow

    with house.store.read() as session:
        query = select(OutboxRow).where(OutboxRow.subject == contact, OutboxRow.kind == outbox.NOTE)
        row = session.scalars(query).one()
        return dict(json.loads(row.payload))


def document(bundle: Json) -> Json:
    found = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DocumentReference"]
    return dict(found[0])


def test_a_copy_names_both_signers_with_meaning_and_time_in_the_programmes_zone(
    house: Office, note: str
) -> None:
    with house.store.read() as session:
        copy = copy_of(session, ISSUER, note, 1)
    assert [(one.name, one.words) for one in copy.signatures] == [
        ("Pat Rivera", "Signed as the author"),
        ("Dana Chen", "Co-signed"),
    ]
    assert {f"{one.at:%Z}" for one in copy.signatures} <= {"EST", "EDT"}
    with house.store.read() as session:
        assert kept_texts(session, {copy.digest, "0" * 64}) == {copy.digest}


def test_what_nobody_signed_has_no_copy(house: Office) -> None:
    draft = drafted(house)
    name = draft if isinstance(draft, str) else draft.contact.id
    with house.store.read() as session, pytest.raises(NotFound):
        copy_of(session, ISSUER, name, 1)


@pytest.mark.parametrize("forms", [("text",), ("xhtml",), ("text", "xhtml"), ("pdf", "text")])
def test_a_delivery_takes_the_note_in_the_forms_of_its_ehr(
    house: Office, note: str, forms: tuple[str, ...]
) -> None:
    payload = payload_of(house, note)
    with house.store.read() as session:
        copy = copy_of(session, ISSUER, note, 1)
    made = in_forms(payload, forms, copy)
    assert made == in_forms(payload, forms, copy)
    attached = [each["attachment"] for each in document(made)["content"]]
    types = {"text": "text/plain; charset=utf-8", "xhtml": "application/xhtml+xml", "pdf": "application/pdf"}
    assert [each["contentType"] for each in attached] == [types[form] for form in forms]
    for each in attached:
        assert len(base64.b64decode(each["data"])) == each["size"]
    if "text" in forms:
        assert document(payload)["content"][0]["attachment"] in attached
    found = verify_all(
        [Located(e["fullUrl"], e["resource"], e["fullUrl"]) for e in made["entry"]],
        SealKeys(house.keyring.public_seal_keys()),
    )
    states = {one.state for one in found if one.statement}
    assert states == ({"in part"} if "pdf" in forms else {"holds"})
    assert isinstance(plan_delivery("note", made, Capability(granted=("system/*.cruds",))), Plan)


def test_a_record_with_another_text_is_not_dressed_up(house: Office, note: str) -> None:
    payload = payload_of(house, note)
    with house.store.read() as session:
        copy = copy_of(session, ISSUER, note, 1)
    document(payload)["content"][0]["attachment"]["data"] = base64.b64encode(b"other").decode()
    with pytest.raises(AnotherText):
        in_forms(payload, ("xhtml",), copy)


def test_the_forms_of_an_ehr_are_kept_beside_what_it_takes(tmp_path: Path) -> None:
    keep_override(tmp_path, "one", Override(note_forms=("xhtml", "pdf")))
    assert override_of(tmp_path, "one").note_forms == ("xhtml", "pdf")
    assert override_of(tmp_path, "two").note_forms == ()
    assert all(not each.note_forms for each in PRESETS.values())
