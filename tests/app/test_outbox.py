"""The outbox: frozen bytes, one row a key, one worker a row, a person's rows in their order."""

import threading
from datetime import timedelta

import pytest

from app import audit, outbox
from app.outbox import CHART, CLAIMS, NOTE
from app.problems import NotAllowed, NotFound, Stale
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    OKAFOR,
    RIVERA,
    WHITFIELD,
    actor,
    drafted,
    signed,
    undecided,
)

SECOND = timedelta(seconds=1)


def put(
    office, key: str, patient: str = MOSS, *, to: str = CHART, subject: str = "", payload: bytes = b"{}"
) -> int:
    with office.store.write() as session:
        return outbox.add(session, ISSUER, to, NOTE, key, patient, subject or key, payload, office.now)


def take(office, worker: str = "w1", seconds: int = 30) -> outbox.Leased | None:
    with office.store.write() as session:
        return outbox.lease(session, worker, office.now, seconds)


def state(office, row_id: int) -> str:
    with office.store.read() as session:
        return next(line.state for line in outbox.listing(session, None) if line.id == row_id)


def test_the_same_key_with_the_same_bytes_is_the_same_row(office):
    assert put(office, "note/1/1") == put(office, "note/1/1")


def test_the_same_key_with_other_bytes_is_an_error(office):
    put(office, "note/1/1")
    with pytest.raises(outbox.KeyReused, match="new version"):
        put(office, "note/1/1", payload=b"[]")


def test_nothing_is_put_out_for_a_destination_that_nobody_sends_to(office):
    with pytest.raises(ValueError, match="nothing is ever sent to 'elsewhere'"):
        put(office, "note/1/1", to="elsewhere")


def test_keys_belong_to_one_destination_of_one_issuer(office):
    with office.store.write() as session:
        rows = {
            outbox.add(session, issuer, destination, NOTE, "k", MOSS, "s", b"{}", NOW)
            for issuer in (ISSUER, ELSEWHERE)
            for destination in (CHART, CLAIMS)
        }
    assert len(rows) == 4


def test_a_leased_row_carries_the_frozen_bytes_and_is_nobody_elses(office):
    put(office, "note/1/1", payload=b"frozen")
    leased = take(office)
    assert leased is not None
    assert (leased.payload, leased.attempts, leased.fence) == (b"frozen", 1, 1)
    assert take(office, "w2") is None


def test_a_lease_that_ran_out_goes_to_another_worker_and_the_first_can_write_no_more(office):
    row = put(office, "note/1/1")
    first = take(office, "w1", 30)
    office.later(seconds=31)
    second = take(office, "w2", 30)
    assert second is not None
    assert second.fence == first.fence + 1
    for write in (
        lambda s: outbox.settle(s, first, {"id": "1"}, office.now),
        lambda s: outbox.wait(s, first, office.now, "slow", office.now),
        lambda s: outbox.refuse(s, first, "no", office.now),
        lambda s: outbox.hold(s, first, "no", office.now),
        lambda s: outbox.renew(s, first, office.now, 30),
    ):
        with pytest.raises(outbox.LeaseLost), office.store.write() as session:
            write(session)
    with office.store.write() as session:
        outbox.settle(session, second, {"DocumentReference": "7"}, office.now)
    assert state(office, row) == outbox.IN_CHART


def test_a_worker_that_took_the_row_again_under_its_own_name_cannot_use_the_old_lease(office):
    put(office, "note/1/1")
    first = take(office, "w1", 1)
    office.later(seconds=2)
    again = take(office, "w1", 30)
    with pytest.raises(outbox.LeaseLost), office.store.write() as session:
        outbox.settle(session, first, {}, office.now)
    with office.store.write() as session:
        outbox.settle(session, again, {}, office.now)


def test_a_renewed_lease_is_not_taken_over(office):
    put(office, "note/1/1")
    leased = take(office, "w1", 10)
    office.later(seconds=9)
    with office.store.write() as session:
        outbox.renew(session, leased, office.now, 10)
    office.later(seconds=9)
    assert take(office, "w2") is None


def test_rows_of_one_person_go_in_the_order_in_which_they_were_made(office):
    first, second = put(office, "a"), put(office, "b")
    other = put(office, "c", LINDQVIST)
    taken = take(office)
    assert taken.id == first
    assert take(office).id == other
    assert take(office) is None
    with office.store.write() as session:
        outbox.settle(session, taken, {}, office.now)
    assert take(office).id == second


def test_a_row_that_waits_is_not_overtaken_and_comes_when_it_is_due(office):
    first = put(office, "a")
    put(office, "b")
    with office.store.write() as session:
        leased = outbox.lease(session, "w", office.now, 30)
        outbox.wait(session, leased, office.now + 60 * SECOND, "the EHR is down", office.now)
    office.later(seconds=59)
    assert take(office) is None
    office.later(seconds=1)
    assert take(office).id == first


@pytest.mark.parametrize("end", [outbox.refuse, outbox.hold])
def test_a_refused_or_held_row_keeps_back_its_own_subject_only(office, end):
    put(office, "note/1/1", subject="C-1")
    correction = put(office, "note/1/2", subject="C-1")
    other = put(office, "note/2/1", subject="C-2")
    with office.store.write() as session:
        leased = outbox.lease(session, "w", office.now, 30)
        end(session, leased, "422 Unprocessable: note too long", office.now)
    assert take(office).id == other
    assert take(office) is None
    assert state(office, correction) == outbox.WAITING


def test_claims_do_not_wait_for_the_chart(office):
    put(office, "note/1/1")
    claim = put(office, "claim/1", to=CLAIMS)
    assert take(office) is not None
    assert take(office).id == claim


def test_a_refused_row_can_be_sent_again_by_whoever_looks_after_it(office):
    row = put(office, "note/1/1")
    with office.store.write() as session:
        outbox.refuse(session, outbox.lease(session, "w", NOW, 30), "422", NOW)
    with office.store.write() as session:
        outbox.retry(session, actor(RIVERA, MOSS), row, office.now)
    leased = take(office)
    assert (leased.id, leased.attempts) == (row, 2)
    with pytest.raises(Stale, match="sending"), office.store.write() as session:
        outbox.retry(session, actor(RIVERA, MOSS), row, office.now)


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        (actor(RIVERA, LINDQVIST), NotFound),
        (actor(RIVERA, MOSS, ELSEWHERE), NotFound),
        (actor(RIVERA, MOSS, ISSUER, "clinician"), NotAllowed),
    ],
)
def test_nobody_sends_again_what_is_not_theirs_to_see(office, who, problem):
    row = put(office, "note/1/1")
    with pytest.raises(problem), office.store.write() as session:
        outbox.retry(session, who, row, office.now)


def test_the_list_shows_ones_own_person_or_issuer_only(office):
    put(office, "a")
    put(office, "b", LINDQVIST)
    with office.store.read() as session:
        assert [line.key for line in outbox.listing(session, actor(RIVERA, MOSS))] == ["a"]
        assert [line.key for line in outbox.listing(session, actor(WHITFIELD))] == ["b", "a"]
        assert outbox.listing(session, actor(CHEN, None, ELSEWHERE)) == ()


def test_a_row_says_where_it_stands_in_plain_words_and_keeps_the_servers_own(office):
    row = put(office, "a")
    with office.store.write() as session:
        outbox.refuse(session, outbox.lease(session, "w", NOW, 30), "422: no such patient", NOW)
    with office.store.read() as session:
        line = outbox.of_key(session, ISSUER, CHART, "a")
        assert outbox.states(session, ISSUER, CHART, MOSS) == {"a": outbox.REFUSED}
    assert (line.id, line.word, line.reason) == (row, "refused", "422: no such patient")


def test_every_end_of_an_attempt_is_in_the_trail(office):
    put(office, "a")
    with office.store.write() as session:
        outbox.wait(session, outbox.lease(session, "w", NOW, 30), NOW, "slow", NOW)
        outbox.hold(session, outbox.lease(session, "w", NOW, 30), "needs the author", NOW)
    with office.store.read() as session:
        assert [line.action for line in audit.of_subject(session, ISSUER, "a")] == [
            "delivery waits",
            "delivery held",
        ]


def test_many_workers_never_hold_one_row_together(office):
    for number in range(30):
        put(office, f"k{number}", f"pat-{number % 10}")
    taken: list[int] = []

    def work(name: str) -> None:
        while (leased := take(office, name)) is not None:
            taken.append(leased.id)
            with office.store.write() as session:
                outbox.settle(session, leased, {}, office.now)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    while (leased := take(office, "last")) is not None:
        taken.append(leased.id)
        with office.store.write() as session:
            outbox.settle(session, leased, {}, office.now)
    assert len(taken) == len(set(taken)) == 30


def test_outside_a_chart_a_biller_sees_claims_and_everybody_what_they_signed(office):
    undecided(office)
    note = drafted(office).contact.id
    signed(office, note)
    claim = put(office, "claim/1", to=CLAIMS)
    mine, other = put(office, f"note/{note}/1"), put(office, f"note/{note}0/1")
    with office.store.read() as session:
        seen = {
            who: {line.id for line in outbox.listing(session, actor(who))}
            for who in (RIVERA, OKAFOR, CHEN, MORENO, WHITFIELD)
        }
    assert (seen[RIVERA], seen[OKAFOR], seen[CHEN]) == ({mine}, set(), set())
    assert seen[MORENO] == {claim}
    assert seen[WHITFIELD] >= {mine, other, claim}


def test_a_delivery_that_is_not_shown_to_a_person_cannot_be_sent_again_by_them(office):
    row = put(office, "note/of-another/1")
    with office.store.write() as session, pytest.raises(NotFound):
        outbox.retry(session, actor(OKAFOR), row, office.now)
