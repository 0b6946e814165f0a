"""Billing: claims are drafted from final notes, held with the reason, released once, and never twice."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import billing, charting, claim_status, individuals, outbox, staff
from app.actor import PEER
from app.problems import MendInput, NotAllowed, NotFound, Stale
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    ISSUER,
    LINDQVIST,
    MORENO,
    MOSS,
    NOW,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    actor,
    cosigned,
    final,
    member,
    signed,
    undecided,
)

BILLER = actor(MORENO)


@pytest.fixture
def billed(office):
    undecided(office)
    return final(office)


def claims(office, state=None, who=BILLER):
    with office.store.read() as session:
        return billing.listing(session, who, state)


def release(office, number, who=BILLER):
    with office.store.write() as session:
        return billing.release(session, who, number, office.library, office.now)


def hold(office, number, reason="Coverage is being asked for.", who=BILLER):
    with office.store.write() as session:
        return billing.hold(session, who, number, reason, office.now)


def live_units(office):
    with office.store.read() as session:
        return session.execute(
            text("SELECT contact, version, units FROM claim_units WHERE live = 1 ORDER BY contact")
        ).all()


def amended(office, contact, sign=True, **changes):
    who = actor(RIVERA, MOSS)
    office.later(minutes=1)
    with office.store.write() as session:
        fresh = charting.amend(session, who, contact, office.library, office.now)
        changed = fresh.contact.model_copy(update=changes)
        charting.save_draft(session, who, changed, fresh.edit, office.library, office.now)
    if sign:
        office.later(minutes=1)
        done = signed(office, contact)
        office.later(minutes=1)
        if not done.final:
            cosigned(office, contact)


def test_a_final_note_makes_a_claim_that_is_ready(office, billed):
    (claim,) = claims(office)
    assert (claim.state, claim.units, claim.rate_code) == ("ready", 2, "1474")
    assert [(part.contact, part.version, part.units) for part in claim.contacts] == [(billed, 1, 2)]
    assert claim.diagnoses == ("R69",)


def test_notes_of_one_day_and_rate_code_go_in_one_claim(office, billed):
    final(office, at=NOW - timedelta(hours=4), minutes=30)
    (claim,) = claims(office)
    assert (claim.units, len(claim.contacts)) == (4, 2)


def test_days_have_claims_of_their_own_latest_first(office, billed):
    final(office, at=NOW - timedelta(days=1))
    assert [view.day.isoformat() for view in claims(office)] == ["2026-03-04", "2026-03-03"]


def test_a_note_without_a_full_unit_makes_no_claim_and_is_not_held(office):
    undecided(office)
    final(office, minutes=10)
    assert claims(office) == []


def test_a_held_note_is_listed_with_the_findings_that_hold_it(office):
    undecided(office)
    with office.store.write() as session:
        gone = member(RIVERA, supervisor=None)
        staff.save(session, SETTING_UP, gone, frozenset({PEER}), True, office.now)
    contact = final(office)
    (held,) = claims(office, "held")
    assert (held.control_number, held.reference, held.individual) == ("", contact, "Alex Moss")
    assert held.reason
    assert held.what_to_do
    assert {finding.severity for finding in held.findings} == {"block"}
    assert live_units(office) == []


def test_what_held_it_being_mended_the_claim_is_ready(office):
    undecided(office)
    with office.store.write() as session:
        gone = member(RIVERA, supervisor=None)
        staff.save(session, SETTING_UP, gone, frozenset({PEER}), True, office.now)
    final(office)
    with office.store.write() as session:
        staff.save(session, SETTING_UP, member(RIVERA), frozenset({PEER}), True, office.now)
        billing.redraft_all(session, BILLER, office.library, office.now)
    assert [view.state for view in claims(office)] == ["ready"]


def test_a_released_claim_leaves_by_the_outbox_once(office, billed):
    number = claims(office)[0].control_number
    done = release(office, number)
    assert done.released
    assert (done.claim.state, done.claim.released_by, done.claim.delivery) == ("released", MORENO, "waiting")
    with pytest.raises(Stale, match="already"):
        release(office, number)
    with office.store.read() as session:
        rows = [row for row in outbox.listing(session, BILLER) if row.destination == outbox.CLAIMS]
    assert [row.key for row in rows] == [f"claim/{number}"]


def test_the_claim_bundle_says_what_was_drafted(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    with office.store.read() as session:
        payload = session.execute(text("SELECT payload FROM outbox WHERE destination = 'claims'")).scalar()
    resources = [entry["resource"] for entry in json.loads(payload)["entry"]]
    (claim,) = [each for each in resources if each["resourceType"] == "Claim"]
    assert claim["item"][0]["quantity"]["value"] == 2
    assert claim["patient"]["reference"] == f"Patient/{MOSS}"
    assert claim["insurance"][0]["coverage"]["reference"] == f"Coverage/cov-{MOSS}"


@pytest.mark.parametrize("who", [RIVERA, CHEN, WHITFIELD])
def test_only_a_biller_releases_or_holds(office, billed, who):
    number = claims(office)[0].control_number
    for attempt in (release, hold):
        with pytest.raises(NotAllowed):
            attempt(office, number, who=actor(who))
    if who != WHITFIELD:
        with pytest.raises(NotAllowed):
            claims(office, who=actor(who))


@pytest.mark.parametrize("who", [actor(MORENO, None, ELSEWHERE), actor(MORENO, LINDQVIST)])
def test_a_claim_of_another_ehr_or_another_persons_launch_is_not_found(office, billed, who):
    number = claims(office)[0].control_number
    assert claims(office, who=who) == []
    with pytest.raises(NotFound):
        release(office, number, who)
    with pytest.raises(NotFound), office.store.read() as session:
        billing.view(session, who, number)


def test_a_claim_that_a_biller_holds_stays_held_until_somebody_lifts_it(office, billed):
    number = claims(office)[0].control_number
    hold(office, number)
    office.later(minutes=1)
    final(office, at=NOW - timedelta(hours=5))
    (held,) = claims(office)
    assert (held.state, held.reason, held.units) == ("held", "Coverage is being asked for.", 4)
    assert not release(office, number).released
    with office.store.write() as session:
        billing.unhold(session, BILLER, number, office.now)
    assert release(office, number).released


def test_a_hold_outlives_the_amendment_of_the_only_note_in_the_claim(office, billed):
    number = claims(office)[0].control_number
    hold(office, number)
    amended(office, billed, excluded_minutes=10)
    assert [(view.state, view.reason) for view in claims(office)] == [
        ("held", "Coverage is being asked for.")
    ]


def test_a_hold_needs_a_reason(office, billed):
    with pytest.raises(MendInput):
        hold(office, claims(office)[0].control_number, " ")


def test_a_note_under_amendment_is_in_no_claim_and_the_biller_is_told(office, billed):
    amended(office, billed, sign=False)
    (held,) = claims(office)
    assert (held.control_number, held.reference, held.state) == ("", billed, "held")
    assert "being changed" in held.reason
    assert live_units(office) == []


def test_an_amended_note_is_claimed_in_its_new_version_only(office, billed):
    amended(office, billed, excluded_minutes=20)
    (claim,) = claims(office)
    assert [(part.contact, part.version, part.units) for part in claim.contacts] == [(billed, 2, 1)]
    assert live_units(office) == [(billed, 2, 1)]


def test_a_note_that_is_amended_to_another_day_leaves_the_claim_of_the_first(office, billed):
    moved = {"start": NOW - timedelta(days=1, hours=1), "end": NOW - timedelta(days=1)}
    amended(office, billed, **moved)
    (claim,) = claims(office)
    assert claim.day.isoformat() == "2026-03-03"
    assert live_units(office) == [(billed, 2, 4)]


def test_an_amended_note_of_a_released_claim_drafts_its_correction_and_bills_once(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    amended(office, billed, excluded_minutes=20)
    (fresh,) = claims(office, "ready")
    assert (fresh.frequency, fresh.prior, fresh.units) == ("7", number, 1)
    assert fresh.control_number == number[:-1] + "B"
    assert live_units(office) == [(billed, 1, 2)]
    assert release(office, fresh.control_number).released
    assert live_units(office) == [(billed, 2, 1)]
    assert {view.control_number: view.state for view in claims(office)} == {
        number: "corrected",
        fresh.control_number: "released",
    }


def test_a_released_note_that_moves_to_another_day_is_voided_before_it_is_billed_there(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    moved = {"start": NOW - timedelta(days=1, hours=1), "end": NOW - timedelta(days=1)}
    amended(office, billed, **moved)
    assert live_units(office) == [(billed, 1, 2)]
    (void,) = claims(office, "ready")
    assert (void.frequency, void.prior) == ("8", number)
    (waits,) = claims(office, "held")
    assert void.control_number in waits.what_to_do
    release(office, void.control_number)
    assert live_units(office) == [(billed, 2, 4)]
    (there,) = claims(office, "ready")
    assert (there.day.isoformat(), there.frequency, there.units) == ("2026-03-03", "1", 4)


def test_a_later_note_of_a_released_day_goes_into_the_correction_of_its_claim(office, billed):
    release(office, claims(office)[0].control_number)
    late = final(office, at=NOW - timedelta(hours=5))
    (fresh,) = claims(office, "ready")
    assert (fresh.frequency, fresh.units) == ("7", 4)
    assert live_units(office) == [(billed, 1, 2)]
    release(office, fresh.control_number)
    assert sorted(live_units(office)) == sorted([(billed, 1, 2), (late, 1, 2)])


def test_a_released_note_that_was_entered_in_error_is_voided(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    amended(office, billed, status="entered-in-error")
    (void,) = claims(office)[:1]
    assert (void.frequency, void.prior, void.state) == ("8", number, "ready")
    release(office, void.control_number)
    assert live_units(office) == []


def test_the_correction_names_the_claim_by_the_payers_number_and_takes_back_the_first(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    with office.store.write() as session:
        claim_status.answered(session, ISSUER, number, "accepted", office.now, payer_number="ICN-9")
    amended(office, billed, excluded_minutes=20)
    release(office, claims(office, "ready")[0].control_number)
    with office.store.read() as session:
        sent = session.execute(
            text("SELECT key, payload FROM outbox WHERE destination = 'claims' ORDER BY id")
        ).all()
    assert [key for key, _ in sent] == [
        f"claim/{number}",
        f"claim/{number[:-1]}B",
        f"claim/{number}/cancelled",
    ]
    (claim,) = [e["resource"] for e in json.loads(sent[1][1])["entry"] if "related" in e["resource"]]
    (related,) = claim["related"]
    assert related["claim"]["identifier"]["value"] == number
    assert related["reference"]["value"] == "ICN-9"
    assert claim["supportingInfo"][-1]["valueString"] == "7"
    assert json.loads(sent[2][1])["entry"][0]["resource"]["status"] == "cancelled"


def test_a_correction_waits_while_the_rules_hold_its_contact(office, billed):
    release(office, claims(office)[0].control_number)
    amended(office, billed, recipients=())
    assert [view.state for view in claims(office)] in (["held", "released"], ["released", "held"])
    assert live_units(office) == [(billed, 1, 2)]


def test_a_biller_voids_a_released_claim_and_nothing_of_it_is_billed_until_the_hold_is_lifted(office, billed):
    number = claims(office)[0].control_number
    release(office, number)
    with pytest.raises(MendInput), office.store.write() as session:
        billing.ask(session, BILLER, number, "void", " ", office.library, office.now)
    with office.store.write() as session:
        void = billing.ask(session, BILLER, number, "void", "Other payer", office.library, office.now)
    assert (void.frequency, void.state) == ("8", "ready")
    release(office, void.control_number)
    with office.store.write() as session:
        billing.redraft_all(session, BILLER, office.library, office.now)
    (again,) = claims(office, "held")
    assert (again.control_number, again.units) == (number[:-1] + "C", 2)
    assert "Other payer" in again.reason
    with pytest.raises(Stale), office.store.write() as session:
        billing.ask(session, BILLER, number, "void", "Twice", office.library, office.now)
    with office.store.write() as session:
        billing.unhold(session, BILLER, again.control_number, office.now)
    assert release(office, again.control_number).released
    assert live_units(office) == [(billed, 1, 2)]


def test_the_database_itself_keeps_released_units_until_a_released_claim_replaces_theirs(office, billed):
    release(office, claims(office)[0].control_number)
    with pytest.raises(IntegrityError, match="stay billed"), office.store.write() as session:
        session.execute(text("UPDATE claim_units SET live = 0"))
    with pytest.raises(IntegrityError, match="stays released"), office.store.write() as session:
        session.execute(text("UPDATE claims SET state = 'ready'"))


def test_the_cap_of_a_day_counts_released_units_first(office):
    undecided(office)
    final(office, at=NOW - timedelta(hours=9), minutes=160)
    (first,) = claims(office)
    release(office, first.control_number)
    service = {
        "type": "adult",
        "format": "individual",
        "place": "offsite",
        "modality": "in-person",
        "location": {"kind": "community", "name": "Library"},
        "components": ["A-EBT"],
        "voluntary": True,
    }
    final(office, at=NOW - timedelta(hours=4), minutes=120, service=service)
    assert {view.state: view.units for view in claims(office)} == {"released": 10, "ready": 2}


def test_a_claim_that_changed_since_it_was_shown_is_not_released_but_shown_again(office, billed):
    number = claims(office)[0].control_number
    with office.store.write() as session:
        session.execute(text("UPDATE claims SET units = 7"))
    first = release(office, number)
    assert (first.released, first.claim.units) == (False, 2)
    assert "changed" in first.reason
    assert release(office, number).released


def test_a_claim_that_the_rules_hold_since_it_was_shown_is_not_released(office, billed):
    number = claims(office)[0].control_number
    with office.store.write() as session:
        person = individuals.find(session, ISSUER, MOSS)
        bare = person.record.model_copy(update={"coverages": ()})
        individuals.remember(session, ISSUER, MOSS, bare, (), person.links, office.now)
    done = release(office, number)
    assert not done.released
    assert [view.state for view in claims(office)] == ["held"]
    with office.store.read() as session:
        assert outbox.of_key(session, ISSUER, outbox.CLAIMS, f"claim/{number}") is None


def test_two_charts_with_one_record_number_do_not_share_a_claim(office, billed):
    with office.store.write() as session:
        person = individuals.find(session, ISSUER, MOSS)
        individuals.remember(session, ISSUER, "pat-twin", person.record, (), person.links, office.now)
    undecided(office, "pat-twin")
    twin = final(office, "pat-twin", at=NOW - timedelta(hours=5))
    (held,) = claims(office, "held")
    assert held.reference == twin
    assert "same record number" in held.reason


def test_the_state_filter_gives_that_state_only(office, billed):
    final(office, at=NOW - timedelta(days=1))
    number = claims(office)[0].control_number
    release(office, number)
    assert [view.control_number for view in claims(office, "released")] == [number]
    assert len(claims(office, "ready")) == 1
