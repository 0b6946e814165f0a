"""What is written of a person beside the notes counts at once: for people who look, and for the rules."""

import json
from datetime import date

import pytest
from sqlalchemy import select

from app import audit, beside, engagement, judging, outbox, referrals
from app.problems import MendInput, NotAllowed, NotFound, Stale
from app.tables import OutboxRow, VersionRow
from mappings.engagement import DECLINED, UNDECIDED
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    WHITFIELD,
    actor,
    drafted,
    final,
    undecided,
)

TODAY = date(2026, 3, 4)


def write(office, what, *said, by=RIVERA, patient=MOSS, on=TODAY):
    with office.store.write() as session:
        what(session, actor(by, patient), *said, on, office.now)


def of(office, by=CHEN, patient=MOSS):
    with office.store.read() as session:
        return beside.of_person(session, actor(by, patient))


def open_(office, by=CHEN, patient=None):
    with office.store.read() as session:
        return [
            one.patient for one in beside.open_referrals(session, actor(by, patient), office.library, NOW)
        ]


def decide(office, status, on, patient=MOSS):
    with office.store.write() as session:
        engagement.record(session, actor(CHEN, patient), status, on, office.library, office.now)


def test_what_one_wrote_everybody_who_works_with_the_person_reads_at_once(office):
    write(office, beside.note_rights, beside.EXPLAINED)
    line = of(office).last(beside.RIGHTS)
    assert (line.on, line.said["how"], line.name) == (TODAY, "explained", "Pat Rivera")
    assert of(office, patient=LINDQVIST).lines == ()


def test_a_biller_neither_reads_nor_writes_it(office):
    with pytest.raises(NotAllowed):
        of(office, by=MORENO)
    with pytest.raises(NotAllowed):
        write(office, beside.note_rights, beside.EXPLAINED, by=MORENO)


def test_the_last_line_counts_and_the_ones_before_stay(office):
    write(office, beside.note_preference, {"language": "Spanish"}, False)
    write(office, beside.note_preference, {}, True, by=CHEN)
    found = of(office)
    assert found.last(beside.PREFERENCE).said == {"none": True}
    assert [line.said for line in found.lines] == [{"none": True}, {"language": "Spanish"}]


@pytest.mark.parametrize(
    ("wishes", "none"), [({}, False), ({"gender": " "}, False), ({"gender": "a man"}, True)]
)
def test_a_preference_is_a_wish_or_none_and_never_both(office, wishes, none):
    with pytest.raises(MendInput) as refused:
        write(office, beside.note_preference, wishes, none)
    assert list(refused.value.errors) == ["none"]


@pytest.mark.parametrize("on", [None, date(2026, 3, 5)])
def test_a_line_has_a_day_that_is_not_to_come(office, on):
    with pytest.raises(MendInput) as refused:
        write(office, beside.note_rights, beside.EXPLAINED, on=on)
    assert list(refused.value.errors) == ["on"]


def test_rights_that_were_explained_are_what_the_rules_are_asked(office):
    with office.store.read() as session:
        before = judging.around(session, ISSUER, MOSS).consents
    write(office, beside.note_rights, beside.REFUSED)
    with office.store.read() as session:
        [after] = judging.around(session, ISSUER, MOSS).consents
    assert before == ()
    assert (after.scope, after.from_) == ("rights-declined", TODAY)


def test_a_person_who_declined_waits_for_a_referral_until_it_is_made_or_not_wanted(office):
    decide(office, DECLINED, date(2026, 3, 2))
    decide(office, DECLINED, date(2026, 3, 1), LINDQVIST)
    assert open_(office) == [LINDQVIST, MOSS]
    assert open_(office, by=WHITFIELD) == [LINDQVIST, MOSS]
    write(office, beside.note_referral, beside.MADE, "Harbor CORE")
    write(office, beside.note_referral, beside.NOT_WANTED, "", patient=LINDQVIST)
    assert open_(office) == []
    assert of(office).last(beside.REFERRAL).said == {"outcome": "made", "to": "Harbor CORE"}


def test_a_peer_sees_no_list_of_open_referrals_of_others(office):
    with pytest.raises(NotAllowed):
        open_(office, by=RIVERA)


def test_a_new_decline_asks_for_a_new_offer(office):
    decide(office, DECLINED, date(2026, 2, 1))
    write(office, beside.note_referral, beside.NOT_WANTED, "", on=date(2026, 2, 1))
    assert open_(office) == []
    decide(office, UNDECIDED, date(2026, 2, 10))
    decide(office, DECLINED, date(2026, 3, 2))
    assert open_(office, patient=MOSS) == [MOSS]


def test_a_referral_needs_a_decline_and_a_name(office):
    with pytest.raises(MendInput, match="No decline"):
        write(office, beside.note_referral, beside.NOT_WANTED, "")
    decide(office, DECLINED, date(2026, 3, 2))
    with pytest.raises(MendInput) as refused:
        write(office, beside.note_referral, beside.MADE, " ")
    assert list(refused.value.errors) == ["to"]


def test_a_line_written_in_error_is_struck_and_stays_to_be_read(office):
    write(office, beside.note_rights, beside.EXPLAINED)
    [line] = of(office).lines
    with office.store.write() as session:
        beside.strike(session, actor(RIVERA, MOSS), line.number, "Another person's", NOW)
    found = of(office)
    assert found.last(beside.RIGHTS) is None
    assert found.lines[0].struck == "Another person's"
    with office.store.read() as session:
        assert beside.consents(session, ISSUER, MOSS) == ()


def test_only_its_writer_or_a_supervisor_strikes_a_line_of_this_person_and_once(office):
    write(office, beside.note_rights, beside.EXPLAINED)
    [line] = of(office).lines

    def strike(by, patient=MOSS, reason="Wrong day"):
        with office.store.write() as session:
            beside.strike(session, actor(by, patient), line.number, reason, NOW)

    for refusal, how in ((NotAllowed, {"by": CHEN}), (NotFound, {"by": RIVERA, "patient": LINDQVIST})):
        with pytest.raises(refusal):
            strike(**how)
    with pytest.raises(MendInput):
        strike(RIVERA, reason=" ")
    strike(WHITFIELD)
    with pytest.raises(Stale):
        strike(RIVERA)


def test_the_trail_says_that_it_was_written_and_not_what(office):
    write(office, beside.note_preference, {"experience": "Has been homeless"}, False)
    with office.store.read() as session:
        last = audit.of_subject(session, ISSUER, MOSS)[-1]
    assert (last.action, last.actor) == ("preference noted", RIVERA)
    assert "homeless" not in str(last.detail)


def test_nothing_of_it_enters_the_text_or_the_record_of_a_signed_note(office):
    undecided(office)
    write(office, beside.note_rights, beside.EXPLAINED)
    contact = final(office)
    draft = drafted(office, MOSS)
    assert draft.contact.consents == ()
    with office.store.read() as session:
        version = session.get(VersionRow, (ISSUER, contact, 1))
        assert version.record.consents == ()


def test_a_referral_that_was_made_goes_to_the_ehr_and_one_that_was_not_wanted_does_not(office):
    decide(office, DECLINED, TODAY)
    who = actor(CHEN, MOSS)
    with office.store.write() as session:
        referrals.note(session, who, beside.NOT_WANTED, "", NOW.date(), NOW)
        referrals.note(session, who, beside.MADE, "Harbor CORE", NOW.date(), NOW)
        sent = [line for line in outbox.listing(session, None) if line.kind == outbox.REFERRAL]
        payload = session.scalars(select(OutboxRow.payload).where(OutboxRow.kind == outbox.REFERRAL)).one()
    assert len(sent) == 1
    request, task = (each["resource"] for each in json.loads(payload)["entry"])
    assert request["code"]["coding"][0]["code"] == "461481000124109"
    assert request["performer"] == [{"type": "Organization", "display": "Harbor CORE"}]
    assert task["focus"]["type"] == "ServiceRequest"
