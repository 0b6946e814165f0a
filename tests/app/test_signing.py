"""Signing: exactly what was shown, each once, never one's own, and licensed on the day."""

import json
from datetime import date, datetime, timedelta

import pytest

from app import billing, charting, engagement, judging, outbox, signing, staff
from app.actor import ADMINISTRATOR, LPHA, PEER, SUPERVISOR, Actor
from app.keyring import SEAL
from app.problems import Held, MendInput, NotAllowed, NotFound, Stale
from app.words import AWAITING, FINAL, RECALLED, RETURNED, SUPERSEDED
from mappings.fhir.signature import verify_signature
from mappings.seal import NotVerified, jws_digest, text_digest, verify
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    HADDAD,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    OKAFOR,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    Office,
    actor,
    admitted,
    cosigned,
    drafted,
    final,
    member,
    planned,
    signed,
    undecided,
    written,
)

ME, LPHA_HERE = actor(RIVERA, MOSS), actor(CHEN, MOSS)


def shown(office: Office, contact: str, who: Actor = ME, version: int | None = None) -> signing.Shown:
    with office.store.read() as session:
        return signing.shown(session, who, contact, office.library, office.now, version)


def sign(office: Office, contact: str, digest: str, who: Actor = ME) -> signing.Signed:
    with office.store.write() as session:
        return signing.sign(session, who, contact, digest, office.library, office.keyring, office.now)


def cosign(office: Office, contact: str, digest: str, who: Actor = LPHA_HERE) -> signing.Signed:
    with office.store.write() as session:
        return signing.cosign(session, who, contact, digest, office.library, office.keyring, office.now)


def send_back(office: Office, contact: str, comment: str = "Say more.", who: Actor = LPHA_HERE) -> None:
    with office.store.write() as session:
        signing.send_back(session, who, contact, comment, office.now)


def recall(office: Office, contact: str, who: Actor = ME) -> None:
    with office.store.write() as session:
        signing.recall(session, who, contact, office.now)


def amend(office: Office, contact: str) -> charting.Draft:
    with office.store.write() as session:
        return charting.amend(session, ME, contact, office.library, office.now)


@pytest.fixture
def draft(office: Office) -> str:
    undecided(office)
    return drafted(office).contact.id


@pytest.fixture
def waiting(office: Office, draft: str) -> str:
    assert signed(office, draft).state == AWAITING
    return draft


def test_before_admission_the_peers_signature_alone_is_not_the_last(office, waiting):
    assert shown(office, waiting).review.state == "open"
    with office.store.read() as session:
        assert outbox.of_key(session, ISSUER, outbox.CHART, f"note/{waiting}/1") is None


def test_with_the_cosignature_the_note_is_final_and_on_its_way_to_the_chart(office, waiting):
    office.later(minutes=5)
    assert cosigned(office, waiting).final
    with office.store.read() as session:
        row = outbox.of_key(session, ISSUER, outbox.CHART, f"note/{waiting}/1")
    assert (row.state, row.patient, row.subject) == ("waiting", MOSS, waiting)


def test_an_enrolled_note_is_final_with_the_peers_signature(office):
    admitted(office)
    entry = planned(office)
    who = {"patient": LINDQVIST}
    service = written(drafted(office, **who).contact, NOW).service.model_dump(mode="json", by_alias=True)
    contact = drafted(office, **who, service={**service, "basis": "planned", "plan_entry": entry}).contact.id
    assert signed(office, contact, patient=LINDQVIST).final


def test_what_was_signed_is_frozen_letter_for_letter(office, draft):
    before = shown(office, draft)
    office.later(minutes=1)
    sign(office, draft, before.digest)
    after = shown(office, draft, LPHA_HERE)
    assert (after.text, after.digest) == (before.text, before.digest)
    assert after.digest == text_digest(after.text)


def test_the_frozen_text_stays_when_names_and_engagement_change_afterwards(office, waiting):
    before = shown(office, waiting)
    with office.store.write() as session:
        renamed = member(RIVERA, name={"given": ["Patrick"], "family": "Rivera"})
        staff.save(session, SETTING_UP, renamed, frozenset({PEER}), True, office.now)
        engagement.set_goal(session, ME, "Another goal", office.now)
    assert shown(office, waiting).text == before.text
    assert cosigned(office, waiting).final


def test_a_change_in_another_window_between_reading_and_signing_is_seen(office, draft):
    digest = shown(office, draft).digest
    with office.store.write() as session:
        contact = charting.read(session, ME, draft).contact
        changed = contact.model_copy(update={"excluded_minutes": 10})
        charting.save_draft(session, ME, changed, 1, office.library, office.now)
    with pytest.raises(Stale, match="not the one you were shown"):
        sign(office, draft, digest)
    assert shown(office, draft).state == "draft"


def test_a_note_with_a_blocking_finding_is_held_and_says_which(office):
    undecided(office)
    contact = drafted(office, note={"purpose": None, "response": "x"}).contact.id
    with pytest.raises(Held) as caught:
        sign(office, contact, shown(office, contact).digest)
    assert any("note.purpose" in finding.fields for finding in caught.value.findings)
    assert all(finding.stage == "signing" for finding in caught.value.findings)


def test_a_signature_before_the_end_of_the_contact_would_not_stand_and_is_refused(office):
    undecided(office)
    contact = drafted(office, at=office.now - timedelta(minutes=10)).contact.id
    with pytest.raises(Held):
        sign(office, contact, shown(office, contact).digest)


def test_nothing_is_signed_twice(office, waiting):
    with pytest.raises(Stale):
        sign(office, waiting, shown(office, waiting).digest)
    cosigned(office, waiting)
    with pytest.raises(Stale):
        cosign(office, waiting, shown(office, waiting).digest, actor(HADDAD, MOSS))


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        (actor(OKAFOR, MOSS), NotFound),
        (actor(RIVERA, LINDQVIST), NotFound),
        (actor(RIVERA, MOSS, ELSEWHERE), NotFound),
        (actor(RIVERA), NotAllowed),
        (actor(CHEN, MOSS), NotAllowed),
        (actor(MORENO, MOSS), NotAllowed),
    ],
)
def test_nobody_signs_for_the_author(office, draft, who, problem):
    with pytest.raises(problem):
        sign(office, draft, shown(office, draft).digest, who)


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        (actor(CHEN, LINDQVIST), NotFound),
        (actor(CHEN, MOSS, ELSEWHERE), NotFound),
        (actor(CHEN), NotAllowed),
        (actor(OKAFOR, MOSS), NotAllowed),
        (actor(WHITFIELD, MOSS), NotAllowed),
        (actor(MORENO, MOSS), NotAllowed),
        (actor(WHITFIELD, MOSS, ISSUER, LPHA), NotAllowed),
        (actor(RIVERA, MOSS, ISSUER, PEER, LPHA), NotAllowed),
    ],
)
def test_only_an_lpha_of_the_registry_in_this_persons_chart_cosigns(office, waiting, who, problem):
    with pytest.raises(problem):
        cosign(office, waiting, shown(office, waiting).digest, who)
    with pytest.raises((NotFound, NotAllowed)):
        send_back(office, waiting, who=who)
    assert shown(office, waiting).state == AWAITING


def licensed(office: Office, staff_id: str, **credential: object) -> None:
    data = {"code": "lcsw", "issuer": "nysed", "number": "1", "from": "2020-07-01", "to": "2027-06-30"}
    with office.store.write() as session:
        record = member(staff_id, credentials=[{**data, **credential}])
        staff.save(session, SETTING_UP, record, frozenset({LPHA, PEER}), True, office.now)


@pytest.mark.parametrize(
    ("credential", "allowed"),
    [
        ({"to": "2026-03-04"}, True),
        ({"to": "2026-03-03"}, False),
        ({"from": "2026-03-05"}, False),
        ({"from": "2026-03-04"}, True),
        ({"code": "peer-supervisor"}, False),
        ({"code": "nycps"}, False),
    ],
)
def test_the_licence_counts_on_the_day_of_signing(office, waiting, credential, allowed):
    licensed(office, CHEN, **credential)
    if allowed:
        assert cosigned(office, waiting).final
    else:
        with pytest.raises(NotAllowed, match=r"licence|registry"):
            cosigned(office, waiting)


def test_the_day_of_a_licence_is_that_of_the_programme_not_of_greenwich(office, waiting):
    licensed(office, CHEN, to="2026-03-04")
    office.now = datetime.fromisoformat("2026-03-05T04:30:00+00:00")
    assert cosigned(office, waiting).final


def test_a_member_who_left_cosigns_nothing(office, waiting):
    with office.store.write() as session:
        staff.save(session, SETTING_UP, member(CHEN), frozenset({LPHA}), False, office.now)
    with pytest.raises(NotAllowed):
        cosigned(office, waiting)


def test_somebody_who_is_peer_and_lpha_never_cosigns_their_own_note(office):
    undecided(office)
    licensed(office, CHEN)
    both = actor(CHEN, MOSS, ISSUER, PEER, LPHA)
    with office.store.write() as session:
        begun = charting.start(session, both, office.now)
        contact = written(begun.contact, office.now - timedelta(hours=1))
        charting.save_draft(session, both, contact, 0, office.library, office.now)
        digest = signing.shown(session, both, contact.id, office.library, office.now).digest
    sign(office, contact.id, digest, both)
    with pytest.raises(NotAllowed, match="own"):
        cosign(office, contact.id, digest, both)
    with office.store.read() as session:
        assert signing.queue(session, both) == []
        assert len(signing.queue(session, actor(HADDAD))) == 1


def test_the_cosigner_signs_the_text_that_was_shown_and_no_other(office, waiting):
    with pytest.raises(Stale):
        cosign(office, waiting, text_digest("another text"))


def test_the_seals_verify_and_the_second_names_the_first(office, waiting):
    office.later(minutes=5)
    cosigned(office, waiting)
    with office.store.read() as session:
        first, second = judging.seals_of(session, ISSUER, "contact", waiting, 1)
    keys = office.keyring.public_seal_keys()
    author, cosigner = (verify(each.jws, each.statement, keys) for each in (first, second))
    assert (author["meaning"], author["signer"], author["earlier"]) == ("author", RIVERA, None)
    assert (cosigner["meaning"], cosigner["signer"]) == ("cosigner", CHEN)
    assert cosigner["earlier"] == jws_digest(first.jws)
    text = shown(office, waiting).text
    assert author["text"]["sha256"] == cosigner["text"]["sha256"] == text_digest(text)
    assert author["note"] == {"id": waiting, "version": 1}
    assert author["individual"] == "urn:example:mrn|MRN-70001"
    with pytest.raises(NotVerified):
        verify(first.jws, second.statement, keys)


def test_a_seal_still_verifies_after_the_key_was_rotated_and_the_next_uses_the_new_key(office, waiting):
    with office.store.write() as session:
        office.keyring.rotate(session, ISSUER, SEAL, office.now)
    cosigned(office, waiting)
    with office.store.read() as session:
        seals = judging.seals_of(session, ISSUER, "contact", waiting, 1)
    for each in seals:
        verify(each.jws, each.statement, office.keyring.public_seal_keys())


def test_every_form_of_a_signature_shows_name_meaning_time_and_category(office, waiting):
    office.later(minutes=5)
    cosigned(office, waiting)
    author, cosigner = shown(office, waiting).signatures
    assert (author.name, author.meaning, author.category) == ("Pat Rivera", "author", None)
    assert (cosigner.name, cosigner.meaning, cosigner.category) == ("Dana Chen", "cosigner", "lcsw")
    assert cosigner.at == office.now


def test_the_bundle_holds_the_frozen_text_and_both_seals(office, waiting):
    office.later(minutes=5)
    cosigned(office, waiting)
    with office.store.write() as session:
        office.later(minutes=1)
        leased = outbox.lease(session, "w", office.now, 30)
        outbox.settle(session, leased, {}, office.now)
        note = outbox.lease(session, "w", office.now, 30)
    bundle = json.loads(note.payload)
    resources = [entry["resource"] for entry in bundle["entry"]]
    document = next(each for each in resources if each["resourceType"] == "DocumentReference")
    provenances = [each for each in resources if each["resourceType"] == "Provenance"]
    assert len(provenances) == 2
    for provenance in provenances:
        verify_signature(provenance, document, office.keyring.public_seal_keys())
    assert document["subject"]["reference"] == f"Patient/{MOSS}"


def test_what_the_rules_said_is_kept_with_the_version_and_the_digest_of_the_library(office, waiting):
    decided = shown(office, waiting).decided
    assert decided
    assert {each.library for each in decided} == {office.library.digest}
    assert all(each.version_from for each in decided)


def test_a_note_that_was_sent_back_comes_to_its_author_with_the_comment(office, waiting):
    send_back(office, waiting, " Say what was agreed. ")
    with office.store.read() as session:
        line = charting.of_person(session, ME)[0]
        assert signing.queue(session, actor(HADDAD)) == []
    assert (line.state, line.comment) == (RETURNED, "Say what was agreed.")
    assert amend(office, waiting).comment == "Say what was agreed."


def test_a_version_that_was_sent_back_is_never_cosigned(office, waiting):
    send_back(office, waiting)
    with pytest.raises(Stale):
        cosigned(office, waiting, HADDAD)


def test_sending_back_needs_a_comment(office, waiting):
    with pytest.raises(MendInput) as caught:
        send_back(office, waiting, "  ")
    assert "comment" in caught.value.errors


def test_the_author_takes_a_note_back_before_the_cosignature_only(office, waiting):
    recall(office, waiting)
    assert shown(office, waiting).state == RECALLED
    with pytest.raises(Stale):
        cosigned(office, waiting)
    with pytest.raises(Stale):
        recall(office, waiting)


def test_a_final_note_is_not_taken_back_nor_sent_back(office, waiting):
    cosigned(office, waiting)
    with pytest.raises(Stale):
        recall(office, waiting)
    with pytest.raises(Stale):
        send_back(office, waiting)


def test_the_queue_is_the_oldest_first_and_for_lphas_without_opening_a_chart(office):
    undecided(office)
    undecided(office, LINDQVIST)
    notes = []
    for patient, hours in ((MOSS, 5), (LINDQVIST, 3), (MOSS, 1)):
        notes.append(drafted(office, patient, at=NOW - timedelta(hours=hours)).contact.id)
        office.later(minutes=1)
        signed(office, notes[-1], patient=patient)
    with office.store.read() as session:
        queue = signing.queue(session, actor(CHEN))
        assert signing.queue(session, actor(CHEN, None, ELSEWHERE)) == []
        for who in (actor(RIVERA), actor(MORENO), actor(WHITFIELD)):
            with pytest.raises(NotAllowed):
                signing.queue(session, who)
    assert [item.contact for item in queue] == notes
    assert queue[0].age(office.now) == timedelta(minutes=2)
    assert (queue[0].individual, queue[0].author_name) == ("Alex Moss", "Pat Rivera")


def test_opening_a_record_from_the_queue_is_in_the_trail_and_only_for_what_waits(office, waiting):
    with office.store.write() as session:
        item = signing.open_from_queue(session, actor(CHEN), waiting, office.now)
        with pytest.raises(NotFound):
            signing.open_from_queue(session, actor(CHEN), "C-other", office.now)
    assert item.patient == MOSS


def test_an_amended_note_replaces_the_final_one_when_it_is_final_itself(office):
    undecided(office)
    contact = final(office)
    office.later(minutes=1)
    amend(office, contact)
    assert shown(office, contact, version=1).state == FINAL
    office.later(minutes=1)
    signed(office, contact)
    assert shown(office, contact, version=1).state == FINAL
    office.later(minutes=1)
    cosigned(office, contact)
    assert shown(office, contact, version=1).state == SUPERSEDED
    assert shown(office, contact).state == FINAL
    assert shown(office, contact).versions == (1, 2)
    with office.store.read() as session:
        keys = [row.key for row in outbox.listing(session, ME) if row.kind == "note"]
    assert keys == [f"note/{contact}/2", f"note/{contact}/1"]


def test_an_old_version_keeps_its_text_and_its_signatures(office):
    undecided(office)
    contact = final(office)
    before = shown(office, contact)
    office.later(minutes=1)
    fresh = amend(office, contact)
    with office.store.write() as session:
        note = fresh.contact.note.model_copy(update={"purpose": "Something else altogether."})
        changed = fresh.contact.model_copy(update={"note": note})
        charting.save_draft(session, ME, changed, fresh.edit, office.library, office.now)
    office.later(minutes=1)
    signed(office, contact)
    after = shown(office, contact, version=1)
    assert (after.text, after.signatures) == (before.text, before.signatures)
    assert "Something else" in shown(office, contact).text
    assert "Something else" not in after.text


def test_while_a_note_is_amended_others_read_its_signed_version_and_not_the_draft(office):
    undecided(office)
    contact = final(office)
    amend(office, contact)
    seen = shown(office, contact, LPHA_HERE)
    assert (seen.contact.version, seen.state) == (1, FINAL)
    assert shown(office, contact).contact.version == 2
    for version in (2, 7):
        with pytest.raises(NotFound):
            shown(office, contact, LPHA_HERE, version)


def test_a_note_under_amendment_is_cosigned_in_no_version(office, waiting):
    amend(office, waiting)
    for version in (1, None):
        digest = shown(office, waiting, LPHA_HERE, version).digest
        with pytest.raises(Stale):
            cosign(office, waiting, digest)


def test_nothing_is_signed_where_no_rules_are(office):
    undecided(office)
    contact = drafted(office, at=datetime.fromisoformat("2001-01-02T10:00:00-05:00")).contact.id
    with pytest.raises(Held) as caught:
        sign(office, contact, shown(office, contact).digest)
    assert caught.value.findings[0].rule == "NO_PACK"


def test_the_supervisor_reads_signed_notes_and_the_biller_does_not(office, waiting):
    assert shown(office, waiting, actor(WHITFIELD, MOSS)).state == AWAITING
    for who in (actor(MORENO, MOSS), actor("somebody", MOSS, ISSUER, ADMINISTRATOR)):
        with pytest.raises(NotAllowed):
            shown(office, waiting, who)
    assert actor(WHITFIELD, MOSS).is_any(SUPERVISOR)


def test_a_decline_on_record_before_the_cosignature_holds_the_claim_and_not_the_note(office, waiting):
    with office.store.write() as session:
        who = actor(CHEN, MOSS)
        engagement.record(session, who, "declined", date(2026, 3, 2), office.library, office.now)
    assert cosigned(office, waiting).final
    with office.store.read() as session:
        (held,) = billing.listing(session, actor(MORENO))
    assert (held.state, held.reference) == ("held", waiting)
    assert held.findings[0].stage == "claim"


def test_a_comment_that_cannot_be_kept_or_shown_is_refused(office, waiting):
    with pytest.raises(MendInput) as caught:
        send_back(office, waiting, "Say\x00more")
    assert "comment" in caught.value.errors


def test_the_first_signed_contact_records_that_the_person_is_undecided_from_its_day(office):
    with office.store.write() as session:
        engagement.set_goal(session, actor(RIVERA, MOSS), "Decide whether to start treatment", office.now)
    first = drafted(office)
    decided = first.judgement.finding("NY.PRE.DECLINE")
    assert decided.result == "pass"
    signed(office, first.contact.id)
    with office.store.read() as session:
        known = engagement.of(session, ISSUER, MOSS)
    assert [(each.status, each.at) for each in known.history] == [("undecided", first.contact.start.date())]


def test_what_was_recorded_of_a_person_is_left_as_it_is_by_a_signature(office):
    undecided(office)
    signed(office, drafted(office).contact.id)
    with office.store.read() as session:
        assert len(engagement.of(session, ISSUER, MOSS).history) == 1
