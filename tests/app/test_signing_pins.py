"""Signing PINs: one's own, counted before they are looked at, locked after five wrong answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from app import signing_pins
from app.problems import MendInput, NotAllowed
from app.signing_pins import FRESH_LAUNCH, LOCKED_FOR, TRIES, Answer, PinLocked, PinNotSet
from app.tables import AuditRow, SigningPinRow
from tests.app.office import CHEN, ISSUER, RIVERA, Office, actor

ME, ADMIN = actor(RIVERA), actor("setting-up", None, ISSUER, "administrator")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RIGHT, WRONG = "three quiet herons", "three loud herons"
ONE_SIGN, TWO_SIGNS = "Zo\u00eb likes herons", "Zoe\u0308 likes herons"


def _set(office: Office, pin: str = RIGHT) -> None:
    with office.store.write() as session:
        signing_pins.set_first(session, ME, office.now, signing_pins.hashed(pin, pin, QUICK), office.now)


def _answer(office: Office, typed: str) -> Answer:
    with office.store.write() as session:
        kept = signing_pins.begin_answer(session, ME, office.now)
    right = signing_pins.is_right(kept, typed, QUICK)
    with office.store.write() as session:
        return signing_pins.end_answer(session, ME, kept, right, office.now)


def test_a_pin_is_kept_as_an_argon2id_hash_and_stands_nowhere_else(office: Office) -> None:
    kept = signing_pins.hashed(RIGHT, RIGHT)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert signing_pins.is_right(kept, RIGHT)
    assert not signing_pins.is_right(kept, WRONG)
    _set(office)
    _answer(office, WRONG)
    with office.store.read() as session:
        assert RIGHT not in str([vars(row) for row in session.scalars(select(SigningPinRow))])
        lines = [f"{row.action} {row.detail}" for row in session.scalars(select(AuditRow))]
    assert not any("heron" in line for line in lines)


@pytest.mark.parametrize(
    ("pin", "again", "field"),
    [
        ("", "", "new"),
        ("1234567", "1234567", "new"),
        ("x" * 129, "x" * 129, "new"),
        ("12345678", "12345679", "again"),
    ],
)
def test_a_pin_has_at_least_eight_characters_and_is_typed_twice(pin: str, again: str, field: str) -> None:
    with pytest.raises(MendInput) as refused:
        signing_pins.hashed(pin, again, QUICK)
    assert list(refused.value.errors) == [field]


def test_letters_that_look_the_same_are_the_same() -> None:
    assert signing_pins.is_right(signing_pins.hashed(ONE_SIGN, ONE_SIGN, QUICK), TWO_SIGNS)


def test_a_first_pin_is_set_right_after_the_launch_and_once(office: Office) -> None:
    kept, opened = signing_pins.hashed(RIGHT, RIGHT, QUICK), office.now
    with office.store.write() as session, pytest.raises(NotAllowed, match="right after"):
        signing_pins.set_first(session, ME, opened, kept, opened + FRESH_LAUNCH)
    _set(office)
    with office.store.write() as session, pytest.raises(NotAllowed, match="already"):
        signing_pins.set_first(session, ME, office.now, kept, office.now)


def test_five_wrong_answers_lock_it_for_a_while(office: Office) -> None:
    _set(office)
    lefts = [_answer(office, WRONG).left for _ in range(TRIES)]
    assert lefts == [4, 3, 2, 1, 0]
    with pytest.raises(PinLocked) as locked:
        _answer(office, RIGHT)
    assert locked.value.until == office.now + LOCKED_FOR
    office.now += LOCKED_FOR
    assert _answer(office, RIGHT) == Answer(True, TRIES, None)
    with office.store.read() as session:
        actions = list(session.scalars(select(AuditRow.action).where(AuditRow.action.like("signing PIN%"))))
    assert actions == ["signing PIN set", *["signing PIN wrong"] * 5, "signing PIN locked"]


def test_a_right_answer_starts_the_count_anew(office: Office) -> None:
    _set(office)
    for _ in range(3):
        assert [_answer(office, WRONG).left for _ in range(4)] == [4, 3, 2, 1]
        assert _answer(office, RIGHT).right


def test_of_many_answers_at_once_no_more_are_looked_at_than_of_answers_one_by_one(office: Office) -> None:
    _set(office)

    def guess(number: int) -> bool:
        try:
            _answer(office, f"guess number {number}")
        except PinLocked:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(24))) == TRIES


def test_a_pin_is_changed_with_the_old_one_only(office: Office) -> None:
    _set(office)
    fresh = signing_pins.hashed(WRONG, WRONG, QUICK)
    with office.store.write() as session:
        kept = signing_pins.kept_of(session, ME)
        with pytest.raises(NotAllowed, match="meanwhile"):
            signing_pins.change(session, ME, "another", fresh, office.now)
        signing_pins.change(session, ME, kept, fresh, office.now)
    assert _answer(office, WRONG).right
    assert not _answer(office, RIGHT).right


def test_an_administrator_takes_a_pin_back_and_nobody_sets_it_for_another(office: Office) -> None:
    _set(office)
    with office.store.write() as session, pytest.raises(NotAllowed):
        signing_pins.reset(session, actor(CHEN), RIVERA, office.now)
    with office.store.write() as session:
        signing_pins.reset(session, ADMIN, RIVERA, office.now)
    with pytest.raises(PinNotSet):
        _answer(office, RIGHT)
    with office.store.read() as session:
        state = signing_pins.state_of(session, ISSUER, RIVERA, office.now)
        line = session.scalars(select(AuditRow).where(AuditRow.action == "signing PIN reset")).one()
    assert (state.is_set, state.was_reset) == (False, True)
    assert (line.actor, line.subject) == ("setting-up", RIVERA)
    office.now += timedelta(minutes=1)
    _set(office, WRONG)
    assert _answer(office, WRONG).right


def test_an_answer_to_a_pin_that_was_taken_back_meanwhile_is_wrong(office: Office) -> None:
    _set(office)
    with office.store.write() as session:
        kept = signing_pins.begin_answer(session, ME, office.now)
        signing_pins.reset(session, ADMIN, RIVERA, office.now)
        assert not signing_pins.end_answer(session, ME, kept, True, office.now).right
