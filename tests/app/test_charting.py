"""Charting: a draft is its author's, stays with its person, and survives a lost session."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import audit, billing, charting, individuals, signing
from app.problems import NotAllowed, NotFound, Stale
from app.words import AWAITING, DRAFT, FINAL, RECALLED
from mappings.records import Diagnosis, Individual, Relation, Signature, StaffFields
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
    final,
    signed,
    undecided,
    written,
)

ME = actor(RIVERA, MOSS)


def begin(office, who=ME):
    with office.store.write() as session:
        return charting.start(session, who, office.now)


def save(office, contact, edit, who=ME):
    with office.store.write() as session:
        return charting.save_draft(session, who, contact, edit, office.library, office.now)


def read(office, contact_id, who=ME):
    with office.store.read() as session:
        return charting.read(session, who, contact_id)


def lines(office, who=ME):
    with office.store.read() as session:
        return charting.of_person(session, who)


def test_a_new_contact_is_of_this_launchs_person_programme_and_peer(office):
    contact = begin(office).contact
    assert contact.individual.id == "MRN-70001"
    assert (contact.peer.id, contact.program.id) == (RIVERA, "1900000013")
    assert (contact.jurisdiction, contact.version) == ("us-ny", 1)


def test_beginning_twice_gives_the_same_empty_draft_and_a_saved_one_a_new(office):
    first = begin(office)
    assert begin(office).contact.id == first.contact.id
    save(office, written(first.contact, NOW - timedelta(hours=1)), 0)
    assert begin(office).contact.id != first.contact.id


def test_a_saved_draft_is_found_by_its_author_in_the_next_launch_for_that_person(office):
    draft = drafted(office)
    later = charting.Actor(**{**ME.__dict__, "launch_id": "another launch"})
    assert read(office, draft.contact.id, later).contact == draft.contact
    assert [(line.id, line.word, line.mine) for line in lines(office, later)] == [
        (draft.contact.id, "draft", True)
    ]


@pytest.mark.parametrize(
    "who",
    [
        actor(RIVERA, LINDQVIST),
        actor(OKAFOR, MOSS),
        actor(CHEN, MOSS),
        actor(WHITFIELD, MOSS),
        actor(RIVERA, MOSS, ELSEWHERE),
    ],
)
def test_a_draft_is_found_by_nobody_else_and_nowhere_else(office, who):
    draft = drafted(office)
    with pytest.raises(NotFound):
        read(office, draft.contact.id, who)
    with pytest.raises(NotFound), office.store.read() as session:
        signing.shown(session, who, draft.contact.id, office.library, office.now)
    assert lines(office, who) == []


@pytest.mark.parametrize("who", [actor(MORENO, MOSS), actor(RIVERA)])
def test_a_biller_and_a_launch_without_a_person_read_no_contacts(office, who):
    with pytest.raises(NotAllowed):
        lines(office, who)


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        (actor(OKAFOR, MOSS), NotFound),
        (actor(RIVERA, LINDQVIST), NotFound),
        (actor(RIVERA, MOSS, ELSEWHERE), NotFound),
        (actor(CHEN, MOSS), NotAllowed),
        (actor(RIVERA), NotAllowed),
    ],
)
def test_nobody_else_saves_amends_discards_or_judges_it(office, who, problem):
    draft = drafted(office)
    attempts = (
        lambda s: charting.save_draft(s, who, draft.contact, 1, office.library, office.now),
        lambda s: charting.amend(s, who, draft.contact.id, office.library, office.now),
        lambda s: charting.discard(s, who, draft.contact.id, office.library, office.now),
        lambda s: charting.judge(s, who, draft.contact, office.library, office.now),
    )
    for attempt in attempts:
        with pytest.raises(problem), office.store.write() as session:
            attempt(session)
    assert read(office, draft.contact.id).edit == 1


def test_what_is_not_the_authors_to_say_is_not_taken_from_the_input(office):
    begun = begin(office)
    forged = written(begun.contact, NOW - timedelta(hours=1)).model_copy(
        update={
            "version": 9,
            "jurisdiction": "us-id",
            "individual": Individual(id="MRN-70002"),
            "peer": StaffFields(id=OKAFOR),
            "program": None,
            "diagnoses": (Diagnosis(code="F99", by=RIVERA),),
            "signatures": (Signature(meaning="cosigner", by=CHEN, version=1),),
            "relates_to": Relation(id="C-other", how="replaces"),
            "engagement": None,
        }
    )
    kept = save(office, forged, 0).contact
    assert (kept.version, kept.jurisdiction, kept.individual.id) == (1, "us-ny", "MRN-70001")
    assert (kept.peer.id, kept.program.id) == (RIVERA, "1900000013")
    assert (kept.diagnoses, kept.signatures, kept.relates_to) == ((), (), None)
    assert read(office, begun.contact.id).contact == kept


def test_the_diagnoses_are_those_of_the_chart(office):
    who = actor(RIVERA, LINDQVIST)
    begun = begin(office, who)
    assert [each.code for each in begun.contact.diagnoses] == ["F33.1"]


def test_a_diagnosis_that_nobody_is_named_for_keeps_no_peer_from_signing(office):
    with office.store.write() as session:
        known = individuals.find(session, ISSUER, LINDQVIST)
        nameless = Diagnosis(code="F41.1", by=None)
        diagnoses = (*known.diagnoses, nameless)
        individuals.remember(session, ISSUER, LINDQVIST, known.record, diagnoses, known.links, office.now)
    begun = begin(office, actor(RIVERA, LINDQVIST))
    assert [each.code for each in begun.contact.diagnoses] == ["F33.1"]


def test_two_windows_cannot_overwrite_each_other(office):
    draft = drafted(office)
    first = draft.contact.model_copy(update={"excluded_minutes": 5})
    second = draft.contact.model_copy(update={"excluded_minutes": 10})
    assert save(office, first, draft.edit).edit == draft.edit + 1
    with pytest.raises(Stale, match="another window"):
        save(office, second, draft.edit)
    assert read(office, draft.contact.id).contact.excluded_minutes == 5


def test_saving_the_same_again_changes_nothing_and_leaves_no_line_in_the_trail(office):
    draft = drafted(office)
    with office.store.read() as session:
        before = len(audit.of_subject(session, ISSUER, draft.contact.id))
    office.later(minutes=5)
    assert save(office, draft.contact, draft.edit).edit == draft.edit
    with office.store.read() as session:
        assert len(audit.of_subject(session, ISSUER, draft.contact.id)) == before


def test_the_time_of_the_last_edit_is_set_here(office):
    draft = drafted(office)
    assert draft.contact.note.edited_at == office.now
    office.later(minutes=3)
    again = save(office, draft.contact.model_copy(update={"excluded_minutes": 5}), draft.edit)
    assert again.contact.note.edited_at == office.now


def test_a_saved_draft_comes_with_what_the_rules_say_and_the_units(office):
    undecided(office)
    judgement = drafted(office, minutes=50).judgement
    assert (judgement.units, judgement.signing) == (3, "ready")


def test_a_draft_that_the_rules_hold_is_saved_all_the_same(office):
    undecided(office)
    draft = drafted(office, note={"purpose": " "})
    assert draft.judgement.signing == "held"
    assert draft.edit == 1


def test_the_cap_of_a_day_counts_the_units_of_the_persons_other_contacts(office):
    undecided(office)
    for hour in (9, 6, 3):
        final(office, at=NOW - timedelta(hours=hour), minutes=120)
    with office.store.read() as session:
        views = billing.listing(session, actor(MORENO))
    assert sum(view.units for view in views) == 12


def test_a_discarded_draft_is_gone_from_the_list_and_cannot_be_written_any_more(office):
    draft = drafted(office)
    with office.store.write() as session:
        charting.discard(session, ME, draft.contact.id, office.library, office.now)
    assert lines(office) == []
    with pytest.raises(NotFound):
        save(office, draft.contact, draft.edit)


def test_a_signed_note_cannot_be_saved_over_nor_discarded(office):
    undecided(office)
    draft = drafted(office)
    signed(office, draft.contact.id)
    with pytest.raises(Stale, match="new version"):
        save(office, draft.contact.model_copy(update={"excluded_minutes": 5}), draft.edit)
    with pytest.raises(Stale), office.store.write() as session:
        charting.discard(session, ME, draft.contact.id, office.library, office.now)


def amend(office, contact_id):
    with office.store.write() as session:
        return charting.amend(session, ME, contact_id, office.library, office.now)


def test_an_amendment_is_a_new_version_without_signatures_and_the_old_one_keeps_its_own(office):
    undecided(office)
    contact = final(office)
    office.later(minutes=1)
    fresh = amend(office, contact)
    assert (fresh.contact.version, fresh.state, fresh.contact.signatures) == (2, DRAFT, ())
    assert fresh.contact.relates_to == Relation(id=contact, how="replaces")
    with office.store.read() as session:
        old = signing.shown(session, ME, contact, office.library, office.now, version=1)
    assert [each.meaning for each in old.signatures] == ["author", "cosigner"]
    assert old.state == FINAL


def test_an_amendment_of_a_waiting_note_takes_it_out_of_the_queue(office):
    undecided(office)
    draft = drafted(office)
    signed(office, draft.contact.id)
    with office.store.read() as session:
        assert len(signing.queue(session, actor(CHEN))) == 1
    fresh = amend(office, draft.contact.id)
    assert fresh.contact.relates_to is None
    with office.store.read() as session:
        assert signing.queue(session, actor(CHEN)) == []
        old = signing.shown(session, ME, draft.contact.id, office.library, office.now, version=1)
    assert (old.state, old.review.state) == (RECALLED, RECALLED)


def test_a_draft_needs_no_amendment(office):
    draft = drafted(office)
    with pytest.raises(Stale):
        amend(office, draft.contact.id)


def test_after_a_discarded_amendment_the_signed_version_counts_again(office):
    undecided(office)
    contact = final(office)
    amend(office, contact)
    with office.store.read() as session:
        assert [view.state for view in billing.listing(session, actor(MORENO))] == ["held"]
    with office.store.write() as session:
        charting.discard(session, ME, contact, office.library, office.now)
    assert [(line.version, line.state) for line in lines(office)] == [(1, FINAL)]
    with office.store.read() as session:
        assert [view.state for view in billing.listing(session, actor(MORENO))] == ["ready"]
    assert amend(office, contact).contact.version == 3


def test_the_list_says_where_each_note_stands(office):
    undecided(office)
    waiting = drafted(office, at=NOW - timedelta(hours=8)).contact.id
    signed(office, waiting)
    done = final(office, at=NOW - timedelta(hours=5))
    draft = drafted(office, at=NOW - timedelta(hours=2)).contact.id
    found = [(line.id, line.word) for line in lines(office)]
    assert found == [(draft, "draft"), (done, "waiting"), (waiting, "awaiting co-signature")]
    assert [line.state for line in lines(office, actor(CHEN, MOSS))] == [FINAL, AWAITING]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60), max_size=4)
)
def test_whatever_is_written_comes_back_letter_for_letter(office, texts):
    begun = begin(office)
    contact = begun.contact
    edit = begun.edit
    for each in texts:
        office.later(seconds=1)
        base = written(contact, NOW - timedelta(hours=1))
        note = base.note.model_copy(update={"purpose": each})
        edit = save(office, base.model_copy(update={"note": note}), edit).edit
        assert read(office, contact.id).contact.note.purpose == each
