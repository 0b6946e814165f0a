"""An addendum to a final note: signed by its writer, beside the note, billed by nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import addenda, audit, billing, charting, note_copies, outbox, second_step, signing, wrong_chart
from app.problems import MendInput, NotAllowed, NotFound, Stale
from app.second_step import StepNeeded
from app.tables import SecondStepRuleRow, SignatureRow
from mappings.fhir.addendum import Addendum, addendum_bundle
from mappings.fhir.seal_keys import SealKeys
from mappings.fhir.verifying import Located, verify_all
from mappings.fhir.withdrawal import withdrawal
from mappings.intake import read_record
from mappings.note_forms import FORMS
from mappings.note_text import addendum_text
from mappings.note_xhtml import copy_in_xhtml
from mappings.office import Surroundings
from mappings.records import Contact, Program, Signature, Staff
from mappings.seal import Seal, new_seal_key, seal, statement_of
from tests.app.delivery_house import LINKS, NOW, PATIENT, House, house
from tests.app.office import (
    CHEN,
    FARRELL,
    HADDAD,
    ISSUER,
    MORENO,
    MOSS,
    OKAFOR,
    RIVERA,
    WHITFIELD,
    Office,
    actor,
    cosigned,
    drafted,
    final,
    signed,
    undecided,
)
from tests.intake_makers import as_line, pre_admission, seeded
from tests.intake_makers import office as office_records

AUTHOR, COSIGNER = actor(RIVERA, MOSS), actor(CHEN, MOSS)
WORDS = "The mother called later and said that Friday suits her."


@pytest.fixture
def note(office: Office) -> str:
    undecided(office)
    return final(office)


def written(office: Office, note: str, who: Any = AUTHOR, said: str = WORDS) -> str:
    with office.store.write() as session:
        return addenda.write(session, who, note, said, office.now)


def sign(office: Office, addendum: str, who: Any = AUTHOR, digest: str = "") -> None:
    with office.store.write() as session:
        digest = digest or addenda.shown(session, who, addendum).digest
        addenda.sign(session, who, addendum, digest, office.keyring, office.now)


def added(office: Office, note: str, who: Any = AUTHOR, said: str = WORDS) -> str:
    office.later(minutes=5)
    addendum = written(office, note, who, said)
    sign(office, addendum, who)
    return addendum


def sent(office: Office, addendum: str) -> dict[str, Any]:
    with office.store.read() as session:
        [payload] = session.execute(
            text("SELECT payload FROM outbox WHERE key = :key"), {"key": f"note/{addendum}/1"}
        ).scalars()
    found: dict[str, Any] = json.loads(payload)
    return found


@pytest.mark.parametrize("who", [AUTHOR, COSIGNER], ids=["author", "co-signer"])
def test_its_author_and_who_co_signed_it_add_to_a_final_note_without_opening_it(
    office: Office, note: str, who: Any
) -> None:
    with office.store.read() as session:
        before = signing.shown(session, AUTHOR, note, office.library, office.now)
    addendum = added(office, note, who)
    with office.store.read() as session:
        after = signing.shown(session, AUTHOR, note, office.library, office.now)
        [one] = addenda.of_note(session, actor(WHITFIELD, MOSS), note)
        assert (after.text, after.state, after.versions) == (before.text, "final", before.versions)
        assert (one.id, one.contact, one.said, [each.by for each in one.signatures]) == (
            addendum,
            note,
            WORDS,
            [who.staff_id],
        )
        assert f"To the note:      {note}, version 1 of 2026-03-04" in one.text
        assert WORDS in one.text
        assert [line.action for line in audit.of_subject(session, ISSUER, addendum)][-1] == "addendum signed"
        assert audit.verify(session) == ()


def test_nobody_else_adds_to_it_and_nobody_to_what_is_not_final(office: Office, note: str) -> None:
    for who in (actor(OKAFOR, MOSS), actor(HADDAD, MOSS), actor(WHITFIELD, MOSS), actor(MORENO, MOSS)):
        with pytest.raises(NotAllowed):
            written(office, note, who)
    with pytest.raises(NotFound):
        written(office, note, actor(RIVERA, FARRELL))
    office.later(hours=2)
    other = drafted(office).contact.id
    with pytest.raises(Stale):
        written(office, other)
    signed(office, other)
    with pytest.raises(Stale):
        written(office, other)
    with pytest.raises(MendInput) as blank:
        written(office, note, said=" \n")
    assert list(blank.value.errors) == ["said"]


def test_a_draft_is_its_writers_alone_is_one_and_may_be_dropped(office: Office, note: str) -> None:
    addendum = written(office, note)
    assert written(office, note, said="Something else.") == addendum
    with office.store.read() as session:
        assert addenda.begun(session, AUTHOR, note) == "Something else."
        assert addenda.begun(session, COSIGNER, note) == ""
        assert addenda.of_note(session, AUTHOR, note) == ()
        for who in (COSIGNER, actor(RIVERA, FARRELL)):
            with pytest.raises(NotFound):
                addenda.shown(session, who, addendum)
    with office.store.write() as session:
        assert addenda.discard(session, AUTHOR, addendum, office.now) == note
    with office.store.read() as session, pytest.raises(NotFound):
        addenda.shown(session, AUTHOR, addendum)


def test_what_was_shown_is_what_is_signed_once_and_for_good(office: Office, note: str) -> None:
    addendum = written(office, note)
    with office.store.read() as session:
        digest = addenda.shown(session, AUTHOR, addendum).digest
    written(office, note, said="Changed in another window.")
    with pytest.raises(Stale):
        sign(office, addendum, digest=digest)
    sign(office, addendum)
    with pytest.raises(Stale):
        sign(office, addendum)
    with pytest.raises(Stale), office.store.write() as session:
        addenda.discard(session, AUTHOR, addendum, office.now)
    for statement in (
        "UPDATE addenda SET said = 'x'",
        "UPDATE addenda SET text = 'x'",
        "DELETE FROM addenda",
    ):
        with pytest.raises(IntegrityError), office.store.write() as session:
            session.execute(text(statement))


def test_a_note_that_was_amended_meanwhile_is_read_again_before_it_is_added_to(
    office: Office, note: str
) -> None:
    addendum = written(office, note)
    with office.store.write() as session:
        charting.amend(session, AUTHOR, note, office.library, office.now)
    office.later(minutes=5)
    signed(office, note)
    cosigned(office, note)
    with pytest.raises(Stale):
        sign(office, addendum)


def test_it_asks_for_the_second_step_that_the_programme_asks_for(office: Office, note: str) -> None:
    with office.store.write() as session:
        rule = SecondStepRuleRow(issuer=ISSUER, method="pin", changed_by="setting-up", changed_at=office.now)
        session.add(rule)
    addendum = written(office, note)
    with pytest.raises(StepNeeded) as needed:
        sign(office, addendum)
    assert (needed.value.act.kind, needed.value.act.subject) == ("addendum", addendum)
    with office.store.write() as session:
        second_step.proved(session, AUTHOR, needed.value, office.now)
    sign(office, addendum)
    with office.store.read() as session:
        [row] = session.scalars(select(SignatureRow).where(SignatureRow.subject == addendum))
        assert row.second_step == "pin"


def test_it_goes_to_the_chart_as_a_note_that_appends_and_its_signature_holds(
    office: Office, note: str
) -> None:
    addendum = added(office, note)
    bundle = sent(office, addendum)
    document = next(
        each["resource"]
        for each in bundle["entry"]
        if each["resource"]["resourceType"] == "DocumentReference"
    )
    [relation] = document["relatesTo"]
    assert (relation["code"], relation["target"]["identifier"]["value"]) == ("appends", note)
    assert WORDS in base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    assert document["identifier"][0]["value"] == f"{addendum}/note/1"
    assert {each["resource"]["resourceType"] for each in bundle["entry"]}.isdisjoint({"Encounter", "Claim"})
    keys = SealKeys(office.keyring.public_seal_keys())
    located = [
        Located(f"entry {number}", each["resource"], each["fullUrl"])
        for number, each in enumerate(bundle["entry"])
    ]
    [proof] = verify_all(located, keys)
    assert proof.wrong == ()
    assert proof.statement is not None
    assert proof.statement["note"] == {"id": addendum, "version": 1}


def test_nothing_of_it_is_billed_and_it_is_no_contact(office: Office, note: str) -> None:
    biller = actor(MORENO)
    with office.store.read() as session:
        before = billing.listing(session, biller), charting.of_person(session, AUTHOR)
    added(office, note)
    with office.store.write() as session:
        billing.redraft_all(session, biller, office.library, office.now)
        assert (billing.listing(session, biller), charting.of_person(session, AUTHOR)) == before


def test_it_stands_in_every_printable_copy_and_the_web_page_still_proves_itself(
    office: Office, note: str
) -> None:
    added(office, note)
    added(office, note, COSIGNER, "Read with the author.")
    with office.store.read() as session:
        copy = note_copies.copy_for(session, AUTHOR, note, None).copy
        alone = note_copies.copy_of(session, ISSUER, note, 1)
    assert (len(copy.addenda), alone.addenda) == (2, ())
    made = {form.ending: form.make(copy) for form in FORMS.values()}
    for ending in ("txt", "xhtml"):
        shown = made[ending].decode()
        assert WORDS in shown
        assert "Read with the author." in shown
    assert copy_in_xhtml(made["xhtml"]) == copy
    assert made["pdf"].startswith(b"%PDF")
    assert made["pdf"] != next(form.make(alone) for form in FORMS.values() if form.ending == "pdf")


def test_it_leaves_the_chart_with_a_note_that_stands_in_the_wrong_one(office: Office, note: str) -> None:
    addendum = added(office, note)
    with office.store.write() as session:
        while (leased := outbox.lease(session, "one", office.now, 60)) is not None:
            outbox.settle(session, leased, {}, office.now)
    with office.store.write() as session:
        wrong_chart.withdraw(session, AUTHOR, note, "Same name", office.library, office.now)
        with pytest.raises(NotFound):
            addenda.shown(session, AUTHOR, addendum)
        with pytest.raises(NotFound):
            addenda.write(session, AUTHOR, note, WORDS, office.now)
        [payload] = session.execute(text("SELECT payload FROM outbox WHERE kind = 'withdrawal'")).scalars()
    marked = [
        each["resource"]["identifier"][0]["value"]
        for each in json.loads(payload)["entry"]
        if each["resource"]["resourceType"] == "DocumentReference"
    ]
    assert sorted(marked) == sorted([note, f"{addendum}/note/1"])


def test_what_is_held_of_the_note_keeps_its_addendum_back(office: Office, note: str) -> None:
    added(office, note)
    with office.store.write() as session:
        wrong_chart.withdraw(session, AUTHOR, note, "Same name", office.library, office.now)
        found = [line for line in outbox.listing(session, None) if line.kind == outbox.NOTE]
    assert [line.state for line in found] == [outbox.HELD] * 2


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as made:
        yield made


@pytest.mark.parametrize("takes", ["full", "oracle", "epic"])
def test_an_ehr_takes_the_addendum_beside_the_note_and_a_withdrawal_marks_both(
    ehr: House, takes: str
) -> None:
    ehr.takes = takes
    sent_note = ehr.add_note()
    document = next(
        each["resource"]
        for each in sent_note["entry"]
        if each["resource"]["resourceType"] == "DocumentReference"
    )
    series = document["identifier"][1]["value"]
    bundle = _appended(series)
    ehr.add(bundle, outbox.NOTE, "note/A-1/1", PATIENT, series)
    ehr.deliver()
    assert [line.state for line in ehr.lines()] == [outbox.IN_CHART] * 2
    there = {each["identifier"][0]["value"]: each for each in ehr.all_of("DocumentReference")}
    assert there["A-1/note/1"]["relatesTo"][0]["code"] == "appends"
    assert {each["status"] for each in there.values()} == {"current"}
    gone = withdrawal(series, [sent_note, bundle])
    ehr.add(gone, outbox.WITHDRAWAL, f"withdrawal/{series}", PATIENT, f"withdrawal/{series}")
    ehr.deliver()
    assert {each["status"] for each in ehr.all_of("DocumentReference")} == {"entered-in-error"}


def _appended(series: str) -> dict[str, Any]:
    records = [read_record(as_line(one)) for one in [*office_records(), pre_admission(seeded(1), minutes=40)]]
    contact = records[-1]
    assert isinstance(contact, Contact)
    program = next(one for one in records if isinstance(one, Program))
    around = Surroundings({one.id: one for one in records if isinstance(one, Staff)}, program, {})
    contact = contact.model_copy(update={"id": series})
    said = addendum_text("A-1", contact, WORDS, RIVERA, around)
    signature = Signature(meaning="author", by=RIVERA, at=NOW, version=1)
    statement = statement_of(contact.model_copy(update={"id": "A-1", "version": 1}), signature, said)
    sealed = Seal("author", RIVERA, NOW, statement, seal(statement, new_seal_key()))
    return addendum_bundle(Addendum("A-1", contact, said, sealed), around, LINKS)
