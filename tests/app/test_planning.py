"""Planning: LPHAs and clinicians write and sign entries; what is delivered against them is counted."""

import json
from datetime import date, timedelta

import pytest

from app import judging, outbox, planning
from app.problems import Held, MendInput, NotAllowed, NotFound, Stale
from app.words import DRAFT, ENDED, SIGNED
from mappings.records import Individual, Signature
from mappings.seal import text_digest, verify
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    HADDAD,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    WHITFIELD,
    actor,
    admitted,
    entry_written,
    final,
    planned,
)

ME = actor(CHEN, LINDQVIST)
DAY = date(2026, 3, 1)


def begun(office, basis="planned", who=ME):
    with office.store.write() as session:
        return planning.start(session, who, basis, office.now)


def save(office, entry, edit, who=ME):
    with office.store.write() as session:
        return planning.save_entry(session, who, entry, edit, office.library, office.now)


def shown(office, entry_id, who=ME):
    with office.store.read() as session:
        return planning.shown_entry(session, who, entry_id, office.library, office.now)


def sign(office, entry_id, digest, who=ME):
    with office.store.write() as session:
        return planning.sign_entry(session, who, entry_id, digest, office.library, office.keyring, office.now)


def end(office, entry_id, on, who=ME):
    with office.store.write() as session:
        planning.end_entry(session, who, entry_id, on, office.library, office.now)


def lines(office, who=ME):
    with office.store.read() as session:
        return planning.of_person(session, who)


def test_a_draft_says_what_is_missing_and_is_saved_all_the_same(office):
    saved = save(office, begun(office).entry, 0)
    assert saved.judgement.signing == "held"
    assert (saved.state, saved.edit) == (DRAFT, 1)


def test_an_entry_that_the_rules_hold_is_not_signed(office):
    entry = begun(office).entry
    with pytest.raises(Held) as caught:
        sign(office, entry.id, shown(office, entry.id).digest)
    assert caught.value.findings


@pytest.mark.parametrize("basis", ["planned", "targeted"])
def test_a_signed_entry_is_frozen_sealed_and_on_its_way_to_the_chart(office, basis):
    entry_id = planned(office, basis=basis)
    after = shown(office, entry_id)
    assert (after.state, after.digest) == (SIGNED, text_digest(after.text))
    with office.store.read() as session:
        (seal,) = judging.seals_of(session, ISSUER, "plan-entry", entry_id, 1)
        (row,) = outbox.listing(session, ME)
    said = verify(seal.jws, seal.statement, office.keyring.public_seal_keys())
    assert (said["signer"], said["text"]["sha256"]) == (CHEN, after.digest)
    assert (row.kind, row.key) == ("plan", f"plan/{entry_id}/1")


def test_the_text_to_sign_says_all_of_the_entry(office):
    text = shown(office, planned(office, basis="targeted")).text
    for words in (
        "Alex Lindqvist",
        "choir",
        "Go twice",
        "Lost the flat",
        "Meet twice a week",
        "2 units, 1 time per week",
    ):
        assert words in text


def test_two_windows_cannot_overwrite_each_other(office):
    entry = begun(office).entry
    save(office, entry_written(entry, DAY), 0)
    with pytest.raises(Stale, match="another window"):
        save(office, entry, 0)


def test_a_change_between_reading_and_signing_is_seen(office):
    entry = entry_written(begun(office).entry, DAY)
    save(office, entry, 0)
    digest = shown(office, entry.id).digest
    save(office, entry.model_copy(update={"components": ()}), 1)
    with pytest.raises(Stale, match="not the one"):
        sign(office, entry.id, digest)


def test_a_signed_entry_is_not_saved_over(office):
    entry_id = planned(office)
    entry = shown(office, entry_id).entry
    with pytest.raises(Stale, match="Revise"):
        save(office, entry, 1)


@pytest.mark.parametrize("who", [RIVERA, MORENO, WHITFIELD])
def test_only_lphas_and_clinicians_write_the_plan(office, who):
    entry_id = planned(office)
    other = actor(who, LINDQVIST)
    attempts = (
        lambda s: planning.start(s, other, "planned", NOW),
        lambda s: planning.revise(s, other, entry_id, NOW),
        lambda s: planning.discard(s, other, entry_id, NOW),
        lambda s: planning.end_entry(s, other, entry_id, DAY, office.library, NOW),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed), office.store.write() as session:
            attempt(session)


def test_peers_read_the_plan_without_its_drafts(office):
    planned(office)
    draft = begun(office).entry
    peer = actor(RIVERA, LINDQVIST)
    assert [line.word for line in lines(office, peer)] == ["active"]
    with pytest.raises(NotFound):
        shown(office, draft.id, peer)
    assert {line.word for line in lines(office)} == {"active", "draft"}


@pytest.mark.parametrize("who", [actor(CHEN, MOSS), actor(HADDAD, LINDQVIST, ELSEWHERE)])
def test_an_entry_of_another_person_or_ehr_is_not_found(office, who):
    entry_id = planned(office)
    draft = begun(office).entry
    for attempt in (
        lambda: shown(office, entry_id, who),
        lambda: sign(office, draft.id, shown(office, draft.id).digest, who),
        lambda: end(office, entry_id, DAY, who),
    ):
        with pytest.raises(NotFound):
            attempt()
    if who.issuer == ISSUER:
        with pytest.raises(NotFound):
            save(office, draft, 0, who)


def test_the_id_of_a_dropped_draft_of_another_person_cannot_be_taken(office):
    draft = begun(office).entry
    with office.store.write() as session:
        planning.discard(session, ME, draft.id, NOW)
    for who in (actor(CHEN, MOSS), ME):
        with pytest.raises(NotFound):
            save(office, draft, 0, who)


def test_what_is_not_the_writers_to_say_is_not_taken_from_the_input(office):
    entry = entry_written(begun(office).entry, DAY)
    forged = entry.model_copy(
        update={
            "version": 9,
            "jurisdiction": "us-id",
            "individual": Individual(id="MRN-70001"),
            "signatures": (Signature(meaning="author", by=HADDAD, version=1),),
        }
    )
    kept = save(office, forged, 0).entry
    assert (kept.version, kept.jurisdiction, kept.individual.id, kept.signatures) == (
        1,
        "us-ny",
        "MRN-70002",
        (),
    )


def test_a_second_entry_joins_the_plan_in_force(office):
    first = shown(office, planned(office)).entry
    assert begun(office).entry.plan.id == first.plan.id


def test_a_revision_counts_from_its_signature_on_and_the_earlier_version_stays(office):
    entry_id = planned(office)
    with office.store.write() as session:
        fresh = planning.revise(session, ME, entry_id, NOW)
    assert fresh.entry.version == 2
    with office.store.read() as session:
        (counts,) = judging.plan_entries(session, ISSUER, LINDQVIST)
    assert counts.version == 1
    changed = fresh.entry.model_copy(update={"components": ("A-CRIS",)})
    save(office, changed, 0)
    sign(office, entry_id, shown(office, entry_id).digest)
    with office.store.read() as session:
        (counts,) = judging.plan_entries(session, ISSUER, LINDQVIST)
        keys = [row.key for row in outbox.listing(session, ME)]
    assert (counts.version, counts.components) == (2, ("A-CRIS",))
    assert keys == [f"plan/{entry_id}/2", f"plan/{entry_id}/1"]


def test_a_dropped_revision_leaves_the_signed_entry(office):
    entry_id = planned(office)
    with office.store.write() as session:
        planning.revise(session, ME, entry_id, NOW)
        planning.discard(session, ME, entry_id, NOW)
    assert [(line.version, line.state) for line in lines(office)] == [(1, SIGNED)]
    with office.store.write() as session:
        assert planning.revise(session, ME, entry_id, NOW).entry.version == 3


def test_an_ended_entry_is_over_after_its_last_day_and_goes_to_the_chart_again(office):
    entry_id = planned(office)
    end(office, entry_id, date(2026, 3, 3))
    with office.store.read() as session:
        (entry,) = judging.plan_entries(session, ISSUER, LINDQVIST)
        assert outbox.listing(session, ME)[0].key == f"plan/{entry_id}/1/ended"
    assert entry.plan.to == date(2026, 3, 3)
    assert lines(office)[0].state == ENDED
    with pytest.raises(Stale):
        end(office, entry_id, date(2026, 3, 3))


@pytest.mark.parametrize("on", [date(2026, 3, 5), date(2026, 2, 28)])
def test_the_last_day_lies_within_the_plan_so_far(office, on):
    entry_id = planned(office)
    with pytest.raises(MendInput):
        end(office, entry_id, on)


def test_what_final_notes_delivered_is_counted_against_the_entry(office):
    admitted(office)
    entry_id = planned(office)
    service = {
        "type": "adult",
        "format": "individual",
        "place": "onsite",
        "modality": "in-person",
        "components": ["A-CCNT"],
        "basis": "planned",
        "plan_entry": entry_id,
    }
    for hours in (30, 5):
        final(office, LINDQVIST, at=NOW - timedelta(hours=hours), service=service)
    delivered = lines(office)[0].delivered
    assert (delivered.contacts, delivered.units, delivered.last) == (2, 4, date(2026, 3, 4))


def test_the_bundle_holds_the_plan_with_all_its_signed_entries(office):
    planned(office)
    planned(office, basis="targeted")
    with office.store.write() as session:
        outbox.settle(session, outbox.lease(session, "w", NOW, 30), {}, NOW)
        second = outbox.lease(session, "w", NOW, 30)
    kinds = [entry["resource"]["resourceType"] for entry in json.loads(second.payload)["entry"]]
    assert kinds.count("CarePlan") == 1
    assert kinds.count("ServiceRequest") == 2
