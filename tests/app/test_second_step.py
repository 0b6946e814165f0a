"""The second step: asked when a signature could stand, good for that one signature, that text and a while."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule
from sqlalchemy import select

from app import planning, second_step, signing
from app.actor import Actor
from app.problems import MendInput, NotAllowed, Stale
from app.second_step import PIN, REAUTHORIZE, TO_DO, TO_USE, Act, StepNeeded
from app.tables import AuditRow, SecondStepRow, SignatureRow
from mappings.seal import verify
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MOSS,
    RIVERA,
    Office,
    actor,
    drafted,
    furnish,
    open_office,
    planned,
    undecided,
)

ADMIN = actor("setting-up", None, ISSUER, "administrator")
ME, TEXT = actor(RIVERA, MOSS), "a" * 64
ACT = Act("contact", "C-1", 1, "author", TEXT)


def _ask_for(office: Office, method: str) -> None:
    with office.store.write() as session:
        second_step.choose(session, ADMIN, method, ("openid", "fhirUser"), office.now)


def _needed(office: Office, who: Actor = ME, act: Act = ACT) -> StepNeeded:
    with pytest.raises(StepNeeded) as needed, office.store.write() as session:
        second_step.take(session, who, act, office.now)
    return needed.value


def _done(office: Office, who: Actor = ME, act: Act = ACT) -> str:
    needed = _needed(office, who, act)
    with office.store.write() as session:
        step = second_step.ask(session, who, needed, office.now)
        second_step.done(session, step.id, office.now)
    return step.id


def _takes(office: Office, who: Actor = ME, act: Act = ACT) -> bool:
    try:
        with office.store.write() as session:
            return second_step.take(session, who, act, office.now) is not None
    except StepNeeded:
        return False


def test_nothing_is_asked_for_until_an_administrator_says_so(office: Office) -> None:
    with office.store.write() as session:
        assert second_step.take(session, ME, ACT, office.now) is None
        with pytest.raises(NotAllowed):
            second_step.choose(session, ME, PIN, (), office.now)
        with pytest.raises(MendInput, match="openid"):
            second_step.choose(session, ADMIN, REAUTHORIZE, ("launch",), office.now)
        with pytest.raises(MendInput, match="not known"):
            second_step.choose(session, ADMIN, "wink", (), office.now)
    _ask_for(office, PIN)
    assert _needed(office).method == PIN
    with office.store.read() as session:
        line = session.scalars(select(AuditRow).where(AuditRow.action == "second step chosen")).one()
    assert (line.actor, line.detail) == ("setting-up", {"method": "pin"})


@pytest.mark.parametrize(
    ("who", "act"),
    [
        (ME, Act("contact", "C-1", 1, "author", "b" * 64)),
        (ME, Act("contact", "C-2", 1, "author", TEXT)),
        (ME, Act("contact", "C-1", 2, "author", TEXT)),
        (ME, Act("contact", "C-1", 1, "cosigner", TEXT)),
        (ME, Act("plan-entry", "C-1", 1, "author", TEXT)),
        (actor(CHEN, MOSS), ACT),
        (actor(RIVERA, LINDQVIST), ACT),
        (actor(RIVERA, MOSS, "elsewhere"), ACT),
    ],
    ids=["text", "note", "version", "meaning", "kind", "person", "chart", "issuer"],
)
def test_a_step_is_good_for_its_own_signature_alone(office: Office, who: Actor, act: Act) -> None:
    for issuer in {ME.issuer, who.issuer}:
        with office.store.write() as session:
            second_step.decide(session, issuer, REAUTHORIZE, ("openid", "fhirUser"), "test", office.now)
    _done(office)
    assert not _takes(office, who, act)
    assert _takes(office)


def test_a_step_is_good_for_two_minutes_and_for_one_signature(office: Office) -> None:
    _ask_for(office, REAUTHORIZE)
    _done(office)
    office.now += TO_USE
    assert not _takes(office)
    _done(office)
    office.now += TO_USE - timedelta(seconds=1)
    assert _takes(office)
    assert not _takes(office)


def test_a_step_that_waited_ten_minutes_is_over(office: Office) -> None:
    _ask_for(office, REAUTHORIZE)
    needed = _needed(office)
    with office.store.write() as session:
        first = second_step.ask(session, ME, needed, office.now)
        assert second_step.ask(session, ME, needed, office.now) == first
    office.now += TO_DO
    with office.store.write() as session:
        assert second_step.done(session, first.id, office.now).state == "expired"
        assert second_step.ask(session, ME, needed, office.now).id != first.id
    assert not _takes(office)


def test_a_step_of_another_method_does_not_count_after_the_rule_changed(office: Office) -> None:
    _ask_for(office, PIN)
    _done(office)
    _ask_for(office, REAUTHORIZE)
    assert not _takes(office)


def test_the_step_stands_on_the_signature_and_in_its_seal(office: Office) -> None:
    _ask_for(office, REAUTHORIZE)
    undecided(office)
    contact = drafted(office).contact.id
    with office.store.read() as session:
        shown = signing.shown(session, ME, contact, office.library, office.now)
    with pytest.raises(StepNeeded) as needed, office.store.write() as session:
        _sign(session, office, contact, shown.digest)
    with office.store.write() as session:
        second_step.proved(session, ME, needed.value, office.now)
    office.now += timedelta(seconds=20)
    with office.store.write() as session:
        _sign(session, office, contact, shown.digest)
    with office.store.read() as session:
        row = session.scalars(select(SignatureRow)).one()
        view = signing.shown(session, ME, contact, office.library, office.now).signatures[0]
    said = verify(row.jws, row.statement, office.keyring.public_seal_keys())
    at = office.now - timedelta(seconds=20)
    assert said["second_step"] == {"method": REAUTHORIZE, "at": at.isoformat()}
    assert (row.second_step, row.second_step_at) == (REAUTHORIZE, at)
    assert view.step is not None
    assert (view.step.method, view.step.at) == (REAUTHORIZE, at)


def test_who_signs_a_plan_entry_is_asked_too(office: Office) -> None:
    entry_id = planned(office)
    with office.store.read() as session:
        assert session.scalars(select(SignatureRow)).one().second_step is None
    _ask_for(office, PIN)
    who = actor(CHEN, LINDQVIST)
    with office.store.write() as session:
        planning.revise(session, who, entry_id, office.now)
    with office.store.read() as session:
        digest = planning.shown_entry(session, who, entry_id, office.library, office.now).digest
    with pytest.raises(StepNeeded) as needed, office.store.write() as session:
        _sign_entry(session, office, who, entry_id, digest)
    assert needed.value.act == Act("plan-entry", entry_id, 2, "author", digest)
    with office.store.write() as session:
        second_step.proved(session, who, needed.value, office.now)
        _sign_entry(session, office, who, entry_id, digest)
    with office.store.read() as session:
        row = session.scalars(select(SignatureRow).where(SignatureRow.version == 2)).one()
    assert row.second_step == PIN
    assert verify(row.jws, row.statement, office.keyring.public_seal_keys())["second_step"]["method"] == PIN


def _sign_entry(session: Any, office: Office, who: Actor, entry_id: str, digest: str) -> None:
    planning.sign_entry(session, who, entry_id, digest, office.library, office.keyring, office.now)


def test_without_a_step_the_statement_says_nothing_of_one(office: Office) -> None:
    undecided(office)
    contact = drafted(office).contact.id
    with office.store.write() as session:
        shown = signing.shown(session, ME, contact, office.library, office.now)
        _sign(session, office, contact, shown.digest)
    with office.store.read() as session:
        row = session.scalars(select(SignatureRow)).one()
    assert "second_step" not in json.loads(row.statement)
    assert row.second_step is None
    verify(row.jws, row.statement, office.keyring.public_seal_keys())


def test_a_changed_note_is_refused_before_any_step_is_asked_for(office: Office) -> None:
    _ask_for(office, PIN)
    undecided(office)
    contact = drafted(office).contact.id
    with pytest.raises(Stale), office.store.write() as session:
        _sign(session, office, contact, TEXT)
    with office.store.read() as session:
        assert session.scalars(select(SecondStepRow)).all() == []


def _sign(session: Any, office: Office, contact: str, digest: str) -> None:
    signing.sign(session, ME, contact, digest, office.library, office.keyring, office.now)


PEOPLE = (ME, actor(CHEN, MOSS), actor(RIVERA, LINDQVIST))
NOTES = ("C-1", "C-2")
TEXTS = ("a" * 64, "b" * 64)


class Steps(RuleBasedStateMachine):
    """Steps are asked for and done while texts change and time goes on; a signature is given only with a step
    of that person, for that text, done less than two minutes ago and not yet used."""

    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        furnish(self.folder)
        self.office = open_office(self.folder)
        self.waits: dict[str, tuple[Any, Any]] = {}
        self.ready: dict[str, tuple[Any, Any]] = {}
        self.text = dict.fromkeys(NOTES, TEXTS[0])

    @initialize()
    def ask_again_at_signing(self) -> None:
        _ask_for(self.office, REAUTHORIZE)

    def act(self, note: str) -> Act:
        return Act("contact", note, 1, "author", self.text[note])

    @rule(target=asked, who=st.sampled_from(PEOPLE), note=st.sampled_from(NOTES))
    def ask(self, who: Actor, note: str) -> str:
        act = self.act(note)
        with self.office.store.write() as session:
            step = second_step.ask(session, who, StepNeeded(REAUTHORIZE, act), self.office.now)
        if step.id not in self.ready:
            self.waits.setdefault(step.id, ((who, act), self.office.now))
        return step.id

    @rule(step=asked)
    def do(self, step: str) -> None:
        with self.office.store.write() as session:
            second_step.done(session, step, self.office.now)
        for_whom, since = self.waits.pop(step, (None, None))
        if for_whom is not None and self.office.now < since + TO_DO:
            self.ready[step] = (for_whom, self.office.now)

    @rule(seconds=st.sampled_from([1, 59, 60, 119, 120, 121, 540]))
    def wait(self, seconds: int) -> None:
        self.office.now += timedelta(seconds=seconds)

    @rule(note=st.sampled_from(NOTES), text=st.sampled_from(TEXTS))
    def change(self, note: str, text: str) -> None:
        self.text[note] = text

    @precondition(lambda self: self.waits or self.ready)
    @rule(who=st.sampled_from(PEOPLE), note=st.sampled_from(NOTES))
    def sign(self, who: Actor, note: str) -> None:
        fitting = [
            step
            for step, (for_whom, at) in self.ready.items()
            if for_whom == (who, self.act(note)) and self.office.now < at + TO_USE
        ]
        assert _takes(self.office, who, self.act(note)) == bool(fitting)
        if fitting:
            used = self._used()
            assert len(used & set(self.ready)) == 1
            for step in used:
                self.ready.pop(step, None)

    def _used(self) -> set[str]:
        with self.office.store.read() as session:
            rows = session.scalars(select(SecondStepRow).where(SecondStepRow.used_at.is_not(None)))
            return {row.id for row in rows}

    def teardown(self) -> None:
        self.office.close()
        shutil.rmtree(self.folder)


Steps.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestSteps = Steps.TestCase
