"""Several people, or one with several windows, at the same moment: one wins, and nothing is done twice."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from app import billing, charting, outbox, signing
from app.problems import Problem, Stale
from app.words import AWAITING, FINAL
from tests.app.office import (
    CHEN,
    HADDAD,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    Office,
    actor,
    drafted,
    final,
    signed,
    undecided,
)

ME = actor(RIVERA, MOSS)


def together(*attempts: Callable[[], object]) -> list[object]:
    """What each attempt answered, or the Problem it ended in, all begun at once."""
    gate, answers = threading.Barrier(len(attempts)), []

    def run(attempt: Callable[[], object]) -> None:
        gate.wait(10)
        try:
            answers.append(attempt())
        except Problem as problem:
            answers.append(problem)

    threads = [threading.Thread(target=run, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == len(attempts)
    return answers


def won(answers: list[object]) -> list[object]:
    return [each for each in answers if not isinstance(each, Problem)]


def count(office: Office, query: str) -> int:
    with office.store.read() as session:
        return session.execute(text(query)).scalar()


@pytest.fixture
def draft(office: Office) -> str:
    undecided(office)
    return drafted(office).contact.id


@pytest.fixture
def waiting(office: Office, draft: str) -> str:
    signed(office, draft)
    office.later(minutes=1)
    return draft


def digest(office: Office, contact: str) -> str:
    with office.store.read() as session:
        return signing.shown(session, ME, contact, office.library, office.now).digest


def test_of_many_windows_that_sign_at_once_one_signs(office, draft):
    stands = digest(office, draft)

    def sign() -> object:
        with office.store.write() as session:
            return signing.sign(session, ME, draft, stands, office.library, office.keyring, office.now)

    answers = together(*[sign] * 8)
    assert [each.state for each in won(answers)] == [AWAITING]
    assert all(isinstance(each, Stale) for each in answers if each not in won(answers))
    assert count(office, "SELECT count(*) FROM signatures") == 1


def test_of_a_save_and_a_signature_at_once_the_signed_text_is_the_one_that_was_shown(office, draft):
    stands = digest(office, draft)

    def sign() -> object:
        with office.store.write() as session:
            return signing.sign(session, ME, draft, stands, office.library, office.keyring, office.now)

    def save() -> object:
        with office.store.write() as session:
            contact = charting.read(session, ME, draft).contact
            changed = contact.model_copy(update={"excluded_minutes": 10})
            return charting.save_draft(session, ME, changed, 1, office.library, office.now)

    answers = together(sign, save)
    assert len(won(answers)) == 1
    if isinstance(won(answers)[0], signing.Signed):
        assert digest(office, draft) == stands
    else:
        assert count(office, "SELECT count(*) FROM signatures") == 0


def test_of_many_lphas_that_cosign_at_once_one_cosigns_and_one_note_leaves(office, waiting):
    stands = digest(office, waiting)

    def cosign(who: str) -> Callable[[], object]:
        def attempt() -> object:
            with office.store.write() as session:
                lpha = actor(who, MOSS)
                return signing.cosign(
                    session, lpha, waiting, stands, office.library, office.keyring, office.now
                )

        return attempt

    answers = together(*[cosign(CHEN), cosign(HADDAD)] * 4)
    assert [each.state for each in won(answers)] == [FINAL]
    assert count(office, "SELECT count(*) FROM signatures") == 2
    assert count(office, "SELECT count(*) FROM outbox WHERE kind = 'note'") == 1


def test_of_cosigning_sending_back_recalling_and_amending_at_once_one_happens(office, waiting):
    stands = digest(office, waiting)
    lpha = actor(CHEN, MOSS)

    def cosign() -> object:
        with office.store.write() as session:
            done = signing.cosign(session, lpha, waiting, stands, office.library, office.keyring, office.now)
            return done.state

    def send_back() -> object:
        with office.store.write() as session:
            signing.send_back(session, lpha, waiting, "Say more.", office.now)
            return "sent back"

    def recall() -> object:
        with office.store.write() as session:
            signing.recall(session, ME, waiting, office.now)
            return "recalled"

    answers = together(cosign, send_back, recall)
    assert len(won(answers)) == 1
    assert count(office, "SELECT count(*) FROM reviews WHERE state <> 'open'") == 1
    sent = count(office, "SELECT count(*) FROM outbox WHERE kind = 'note'")
    assert sent == (1 if won(answers) == [FINAL] else 0)


def test_of_many_windows_that_amend_at_once_one_opens_the_new_version(office, waiting):
    def amend() -> object:
        with office.store.write() as session:
            return charting.amend(session, ME, waiting, office.library, office.now).contact.version

    assert won(together(*[amend] * 6)) == [2]


def test_of_many_billers_that_release_at_once_one_releases(office):
    undecided(office)
    final(office)
    biller = actor(MORENO)
    with office.store.read() as session:
        number = billing.listing(session, biller)[0].control_number

    def release() -> object:
        with office.store.write() as session:
            return billing.release(session, biller, number, office.library, office.now).released

    assert won(together(*[release] * 8)) == [True]
    assert count(office, "SELECT count(*) FROM outbox WHERE kind = 'claim'") == 1


def test_of_a_release_and_an_amendment_at_once_no_unit_is_billed_that_is_not_signed(office):
    undecided(office)
    contact = final(office)
    biller = actor(MORENO)
    with office.store.read() as session:
        number = billing.listing(session, biller)[0].control_number

    def release() -> object:
        with office.store.write() as session:
            return billing.release(session, biller, number, office.library, office.now).released

    def amend() -> object:
        with office.store.write() as session:
            return charting.amend(session, ME, contact, office.library, office.now).state

    together(release, amend)
    released = count(office, "SELECT count(*) FROM claims WHERE state = 'released'")
    assert count(office, "SELECT coalesce(sum(units), 0) FROM claim_units WHERE live = 1") == 2 * released


def test_final_notes_made_at_once_on_one_day_keep_the_cap_together(office):
    undecided(office)
    notes = [drafted(office, at=NOW - timedelta(hours=hours), minutes=110).contact.id for hours in (9, 6, 3)]
    for note in notes:
        signed(office, note)
    office.later(minutes=1)

    def cosign(note: str) -> Callable[[], object]:
        stands = digest(office, note)

        def attempt() -> object:
            with office.store.write() as session:
                return signing.cosign(
                    session, actor(CHEN, MOSS), note, stands, office.library, office.keyring, office.now
                ).state

        return attempt

    assert won(together(*[cosign(note) for note in notes])) == [FINAL] * 3
    assert count(office, "SELECT sum(units) FROM claim_units WHERE live = 1") == 12
    with office.store.read() as session:
        assert len([row for row in outbox.listing(session, ME) if row.kind == "note"]) == 3
