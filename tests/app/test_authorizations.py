"""Authorizations from the request to the last unit: granted, used and left, and what holds a claim."""

import dataclasses
import shutil
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app import audit, authorizations, individuals, outbox
from app.problems import MendInput, NotAllowed, NotFound, Stale
from app.tables import AuthorizationRow
from mappings.records import Coverage
from tests.app import office as new_york
from tests.app.idaho import MARCH, authorized, claims, contact, open_idaho, release, shown
from tests.app.office import CHEN, ELSEWHERE, ISSUER, MORENO, MOSS, RIVERA, WHITFIELD, actor


def changed(office, view, by=MORENO, **changes):
    with office.store.write() as session:
        return authorizations.change(
            session,
            actor(by, view.patient),
            view.id,
            view.version,
            dataclasses.replace(view.details, **changes),
            office.library,
            office.now,
        )


def ended(office, view, on):
    with office.store.write() as session:
        return authorizations.end(
            session, actor(MORENO), view.id, view.version, on, office.library, office.now
        )


def refused(errors, call, *args, **more):
    with pytest.raises(MendInput) as caught:
        call(*args, **more)
    assert set(caught.value.errors) == set(errors)
    return caught.value.errors


def left(office, by=RIVERA, patient=MOSS):
    with office.store.read() as session:
        return authorizations.units_left(session, actor(by, patient), office.library, office.now)


def test_a_claim_is_held_until_the_payers_authorization_is_recorded(agency):
    contact(agency, 2)
    (held,) = claims(agency)
    assert (held.state, held.what_to_do) == ("held", "Request the authorization and record it.")
    authorized(agency)
    (ready,) = claims(agency)
    assert (ready.state, ready.units, ready.authorization_number) == ("ready", 2, "A123")


def test_a_request_that_waits_for_its_answer_grants_nothing(agency):
    contact(agency, 2)
    waiting = authorized(agency, answer="pending", answered_on=None, units=None, number=None)
    assert (waiting.state, waiting.granted, waiting.left) == ("asked", None, None)
    assert [each.state for each in claims(agency)] == ["held"]


@pytest.mark.parametrize("answer", ["denied", "returned", "withdrawn"])
def test_what_was_not_granted_grants_nothing(agency, answer):
    contact(agency, 2)
    assert authorized(agency, answer=answer).state == answer
    assert [each.state for each in claims(agency)] == ["held"]


def test_released_units_are_used_and_drafted_ones_are_not(agency):
    known = authorized(agency)
    contact(agency, 3)
    assert (shown(agency, known.id).used, shown(agency, known.id).drafted) == (0, 3)
    assert release(agency, claims(agency)[0]).released
    after = shown(agency, known.id)
    assert (after.granted, after.used, after.left, after.released, after.drafted) == (16, 3, 13, 3, 0)


@pytest.mark.parametrize(("units", "state"), [(2, "ready"), (3, "held")])
def test_the_claim_that_would_pass_the_limit_is_held_and_says_granted_used_and_left(agency, units, state):
    authorized(agency)
    contact(agency, 14)
    agency.later(days=1)
    contact(agency, units)
    first, second = claims(agency)
    assert release(agency, first).released
    assert second.state == state
    if state == "held":
        words = "3 units are asked of authorization A123, which grants 16: 14 are used and 2 of 16 are left"
        assert words in second.reason
        assert second.what_to_do.startswith("Request an extension")


@pytest.mark.parametrize(("elsewhere", "state"), [(14, "ready"), (15, "held")])
def test_units_used_elsewhere_before_count(agency, elsewhere, state):
    known = authorized(agency, elsewhere=elsewhere)
    assert (known.used, known.left) == (elsewhere, 16 - elsewhere)
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == [state]


@pytest.mark.parametrize(("day", "state"), [(1, "ready"), (30, "ready"), (31, "held")])
def test_a_first_authorization_counts_from_its_first_day_for_thirty_days(agency, day, state):
    known = authorized(agency)
    assert known.last == date(2024, 3, 30)
    agency.now = MARCH.replace(day=day)
    contact(agency, 2)
    (claim,) = claims(agency)
    assert claim.state == state
    assert claim.reason == ("" if state == "ready" else claim.reason)
    if state == "held":
        assert "The authorization ended on 2024-03-30; 16 of its 16 units were left" in claim.reason


def test_the_day_before_the_first_day_is_held(agency):
    authorized(agency, first_day=date(2024, 3, 5))
    contact(agency, 2)
    (claim,) = claims(agency)
    assert claim.reason == "The authorization begins on 2024-03-05."


def test_at_first_no_more_than_sixteen_count_whatever_the_payer_wrote(agency):
    known = authorized(agency, units=20)
    assert (known.details.units, known.granted, known.left) == (20, 16, 16)


def test_an_extension_is_taken_when_the_first_has_too_few_units_left(agency):
    first = authorized(agency, elsewhere=14)
    more = authorized(agency, extends=first.id, number="A124", units=40, first_day=date(2024, 3, 4))
    contact(agency, 3)
    agency.later(days=1)
    contact(agency, 2)
    assert [(each.state, each.authorization_number) for each in claims(agency)] == [
        ("ready", "A124"),
        ("ready", "A123"),
    ]
    for each in claims(agency):
        assert release(agency, each).released
    assert [shown(agency, id).left for id in (first.id, more.id)] == [0, 37]
    assert shown(agency, first.id).state == "used-up"


@pytest.mark.parametrize(("first_day", "state"), [(4, "ready"), (5, "held")])
def test_an_extension_counts_from_its_own_first_day(agency, first_day, state):
    first = authorized(agency, elsewhere=16)
    authorized(agency, extends=first.id, number="A124", first_day=date(2024, 3, first_day))
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == [state]


def test_an_extension_goes_on_after_the_first_is_over(agency):
    first = authorized(agency)
    authorized(agency, extends=first.id, number="A124", first_day=date(2024, 3, 20))
    agency.now = MARCH + timedelta(days=40)
    contact(agency, 2)
    assert [each.authorization_number for each in claims(agency)] == ["A124"]


def test_an_extension_that_waits_for_its_review_gives_no_units(agency):
    first = authorized(agency, elsewhere=16)
    authorized(agency, extends=first.id, number=None, answer="pending", answered_on=None, units=None)
    contact(agency, 2)
    (held,) = claims(agency)
    assert "0 of 16 are left" in held.reason


def test_units_of_another_service_are_not_taken(agency):
    authorized(agency, service="H2015")
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == ["held"]


def test_a_siblings_authorization_counts_for_the_sibling_alone(agency):
    authorized(agency, "pat-sibling", member="AA00099Z")
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == ["held"]
    with agency.store.read() as session:
        mine = authorizations.listing(session, actor(MORENO, MOSS), agency.library, agency.now)
    assert mine == []


def test_a_siblings_member_id_holds_the_claim_and_says_so(agency):
    known = authorized(agency, member="AA00099Z")
    assert "AA00099Z" in " ".join(each.message for each in known.findings)
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == ["held"]


def test_another_day_than_two_authorizations_can_share_is_refused(agency):
    authorized(agency, last_day=date(2024, 3, 30))
    refused(["first_day"], authorized, agency, number="B1", first_day=date(2024, 3, 30))
    assert authorized(agency, number="B1", first_day=date(2024, 3, 31)).state == "approved"
    assert authorized(agency, number="C1", service="H2015").state == "approved"


def test_one_that_was_ended_makes_room_for_the_next_from_the_day_after(agency):
    first = ended(agency, authorized(agency), date(2024, 3, 10))
    assert first.last == date(2024, 3, 10)
    refused(["first_day"], authorized, agency, number="B1", first_day=date(2024, 3, 10))
    assert authorized(agency, number="B1", first_day=date(2024, 3, 11)).granted == 16


def test_a_contact_of_the_day_after_the_end_takes_nothing(agency):
    known = ended(agency, authorized(agency), date(2024, 3, 4))
    contact(agency, 2)
    agency.later(days=1)
    contact(agency, 2)
    assert [each.state for each in claims(agency)] == ["ready", "held"]
    assert known.version == 2


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"service": ""}, {"service"}),
        ({"units": None}, {"units"}),
        ({"units": 0}, {"units"}),
        ({"first_day": None}, {"first_day"}),
        ({"last_day": date(2024, 2, 29)}, {"last_day"}),
        ({"elsewhere": 17}, {"units"}),
        ({"elsewhere": -1}, {"elsewhere"}),
        ({"answer": "perhaps"}, {"answer"}),
        ({"answered_on": date(2024, 3, 5)}, {"answered_on"}),
        ({"answered_on": date(2024, 2, 27)}, {"answered_on"}),
        ({"sent_on": date(2024, 2, 27)}, {"sent_on"}),
    ],
)
def test_what_is_missing_or_out_of_order_is_refused_beside_its_field(agency, changes, fields):
    refused(fields, authorized, agency, **changes)


def test_what_stands_on_the_edge_is_taken(agency):
    known = authorized(
        agency,
        elsewhere=16,
        last_day=date(2024, 3, 1),
        sent_on=date(2024, 2, 28),
        answered_on=date(2024, 3, 4),
    )
    assert (known.left, known.last) == (0, date(2024, 3, 1))


def test_nobody_writes_less_than_was_released(agency):
    known = authorized(agency)
    contact(agency, 10)
    assert release(agency, claims(agency)[0]).released
    refused(["units"], changed, agency, known, units=9)
    refused(["units"], changed, agency, known, elsewhere=7)
    refused(["answer"], changed, agency, known, answer="denied")
    refused(["service"], changed, agency, known, service="H2015")
    refused(["first_day"], changed, agency, known, first_day=date(2024, 3, 5))
    refused(["last_day"], changed, agency, known, last_day=date(2024, 3, 3))
    refused(["ended_on"], ended, agency, known, date(2024, 3, 3))
    after = changed(agency, known, units=10, first_day=date(2024, 3, 4), last_day=date(2024, 3, 4))
    assert (after.version, after.granted, after.left) == (2, 10, 0)


def test_each_change_is_a_version_and_the_earlier_ones_stay(agency):
    known = authorized(agency)
    agency.later(minutes=5)
    changed(agency, known, elsewhere=3)
    with agency.store.read() as session:
        said = authorizations.versions(session, actor(MORENO), known.id)
        trail = [line.action for line in audit.of_subject(session, ISSUER, known.id)]
    assert [(number, details.elsewhere, by) for number, details, by, _ in said] == [
        (2, 3, MORENO),
        (1, 0, MORENO),
    ]
    assert trail == ["authorization recorded", "authorization changed"]


def test_the_same_again_is_no_new_version(agency):
    known = authorized(agency)
    assert changed(agency, known).version == 1


def test_a_change_over_somebody_elses_is_stale(agency):
    known = authorized(agency)
    changed(agency, known, elsewhere=1)
    with pytest.raises(Stale):
        changed(agency, known, elsewhere=2)
    with pytest.raises(Stale):
        ended(agency, known, date(2024, 3, 10))


@pytest.mark.parametrize("statement", ["UPDATE authorizations SET units = 99", "DELETE FROM authorizations"])
def test_the_database_changes_no_version(agency, statement):
    authorized(agency)
    with pytest.raises(IntegrityError), agency.store.write() as session:
        session.execute(text(statement))


def test_the_database_keeps_the_authorization_of_billed_units(agency):
    authorized(agency)
    contact(agency, 2)
    with pytest.raises(IntegrityError), agency.store.write() as session:
        session.execute(text('UPDATE claim_units SET "authorization" = NULL'))


def test_only_one_extension_of_one_authorization_stands(agency):
    first = authorized(agency)
    more = {"extends": first.id, "first_day": date(2024, 3, 20)}
    denied = authorized(agency, number="A124", answer="denied", **more)
    second = authorized(agency, number="A125", **more)
    refused(["answer"], authorized, agency, number="A126", **more)
    refused(["service"], authorized, agency, number="A126", **{**more, "extends": second.id}, service="H2015")
    assert denied.state == "denied"
    assert authorized(agency, number="A126", **{**more, "extends": second.id}).extends == second.id


def test_an_extension_does_not_begin_before_what_it_extends(agency):
    first = authorized(agency)
    refused(["first_day"], authorized, agency, extends=first.id, first_day=date(2024, 2, 29))


def test_an_extension_begins_with_what_is_known(agency):
    first = authorized(agency)
    with agency.store.read() as session:
        begun = authorizations.extension_of(session, actor(CHEN, MOSS), first.id, agency.now)
    assert (begun.service, begun.member, begun.requested_on) == ("H0038", "AA00001A", date(2024, 3, 4))
    assert (begun.answer, begun.units, begun.number) == ("pending", None, None)


def test_a_new_request_begins_with_the_code_and_the_member_id(agency):
    with agency.store.read() as session:
        begun = authorizations.first_of(session, actor(CHEN, MOSS), agency.library, agency.now)
    assert (begun.service, begun.member) == ("H0038", "AA00001A")


@pytest.mark.parametrize("by", [MORENO, WHITFIELD, CHEN, "setting-up"])
def test_billers_administrators_supervisors_and_clinicians_keep_authorizations(agency, by):
    assert authorized(agency, by=by).left == 16


def test_a_peer_reads_the_units_left_and_writes_nothing(agency):
    known = authorized(agency, elsewhere=4)
    assert [(each.id, each.left) for each in left(agency)] == [(known.id, 12)]
    with pytest.raises(NotAllowed):
        authorized(agency, by=RIVERA, number="B1")
    with pytest.raises(NotAllowed):
        changed(agency, known, by=RIVERA, elsewhere=0)
    with agency.store.read() as session, pytest.raises(NotAllowed):
        authorizations.listing(session, actor(RIVERA, MOSS), agency.library, agency.now)


def test_another_persons_chart_and_another_ehr_show_nothing(agency):
    known = authorized(agency)
    with agency.store.read() as session:
        for who in (actor(MORENO, "pat-sibling"), actor(MORENO, None, ELSEWHERE)):
            with pytest.raises(NotFound):
                authorizations.view(session, who, known.id, agency.library, agency.now)
    assert left(agency, patient="pat-sibling") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"member": None}, "the member id is missing"),
        ({"member": None, "asked": None, "units": None}, "the member id and the units are missing"),
        ({"requested_by": None}, "who requests is missing"),
        ({"requester_role": None}, "the role of who requests is missing"),
        ({"first_day": None}, "the first day is missing"),
        ({"certificate": None}, "the peer's certificate number is missing"),
        ({"certificate": "ID-8"}, "certificate ID-8 is none of the peer's"),
        ({"member": None, "certificate": "X"}, "the member id is missing; certificate X is none of the peer"),
    ],
)
def test_the_request_form_says_what_is_missing_or_inaccurate(agency, changes, words):
    asked = authorized(agency, **{"answer": "pending", "units": None, "answered_on": None, **changes})
    found = [each.message for each in asked.findings if each.rule == "ID.AUTH.FORM"]
    assert found == ([f"The form would be returned: {words}."] if words and "X" not in words else found)
    assert words in " ".join(found)


@pytest.mark.parametrize(
    ("on", "wrong"), [(date(2022, 1, 31), True), (date(2022, 2, 1), False), (date(2025, 1, 31), False)]
)
def test_the_certificate_is_in_force_on_the_day_of_the_request(agency, on, wrong):
    agency.now = MARCH + timedelta(days=400)
    asked = authorized(
        agency, answer="pending", units=None, answered_on=None, requested_on=on, sent_on=on, first_day=on
    )
    found = [each.message for each in asked.findings if each.rule == "ID.AUTH.FORM"]
    # After 2024-06-30 there is no pack of Idaho that could say so.
    assert bool(found) == (wrong and on < date(2024, 7, 1))


@pytest.mark.parametrize(
    ("sent", "today", "expected", "late"),
    [
        (date(2024, 3, 7), 11, "2024-03-11", False),  # a Thursday, answered by Monday
        (date(2024, 3, 7), 12, "2024-03-11", True),
        (date(2024, 3, 8), 12, "2024-03-12", False),  # a Friday, answered by Tuesday
        (date(2024, 3, 8), 13, "2024-03-12", True),
    ],
)
def test_the_answer_is_expected_two_business_days_after_sending(agency, sent, today, expected, late):
    agency.now = MARCH.replace(day=today)
    asked = authorized(agency, answer="pending", units=None, answered_on=None, sent_on=sent)
    assert asked.overdue == late
    (told,) = [each for each in asked.findings if each.rule == "ID.AUTH.TURNAROUND"]
    assert expected in told.message
    answered = changed(agency, asked, answer="approved", units=16, answered_on=agency.now.date())
    assert not answered.overdue
    assert not [each for each in answered.findings if each.rule == "ID.AUTH.TURNAROUND"]


def test_a_request_that_is_not_sent_awaits_no_answer(agency):
    asked = authorized(agency, answer="pending", units=None, answered_on=None, sent_on=None)
    assert (asked.state, asked.awaited) == ("not-sent", ())


def test_transition_support_is_not_asked_for_by_the_provider(agency):
    own = authorized(agency, service="H2015")
    assert any(each.rule == "ID.CODE.H2015_INIT" and each.blocks for each in own.findings)
    theirs = changed(agency, own, requester_role="discharge-coordinator")
    assert not any(each.rule == "ID.CODE.H2015_INIT" for each in theirs.findings)


def test_the_office_sees_first_what_ends_soon_or_runs_out_or_waits_too_long(agency):
    calm = authorized(agency, service="H0031", number="calm", last_day=date(2024, 6, 1), units=30)
    ends = authorized(agency, service="H0032", number="ends", last_day=date(2024, 3, 18), units=30)
    few = authorized(agency, "pat-sibling", member="AA00099Z", number="few", elsewhere=12)
    late = authorized(
        agency, service="H2015", number=None, answer="pending", units=None, answered_on=None, last_day=None
    )
    with agency.store.read() as session:
        office = authorizations.listing(session, actor(MORENO), agency.library, agency.now)
        own = authorizations.listing(session, actor(MORENO), agency.library, agency.now, MOSS)
    assert office[-1].id == calm.id
    assert {each.id for each in office[:-1]} == {ends.id, few.id, late.id}
    assert {each.id for each in own} == {calm.id, ends.id, late.id}


@pytest.mark.parametrize(("last", "soon"), [(18, True), (19, False)])
def test_fourteen_days_before_its_last_day_it_ends_soon(agency, last, soon):
    assert authorized(agency, last_day=date(2024, 3, last)).ends_soon == soon


@pytest.mark.parametrize(("elsewhere", "few"), [(11, False), (12, True), (16, True)])
def test_four_units_or_less_are_few(agency, elsewhere, few):
    assert authorized(agency, elsewhere=elsewhere).few_left == few


def test_the_authorizations_of_idaho_count_until_the_end_of_june_2024(agency):
    for day, state in ((date(2024, 6, 30), "ready"), (date(2024, 7, 1), "held")):
        agency.now = MARCH.replace(month=day.month, day=day.day)
        if state == "ready":
            first = authorized(agency)
            authorized(agency, extends=first.id, number="A124", units=40)
            contact(agency, 1)
            assert [each.state for each in claims(agency)] == ["ready"]
    with agency.store.read() as session:
        assert agency.library.on("us-id", date(2024, 7, 1)) is None
        assert session.scalars(select(AuthorizationRow)).all()


def test_units_of_released_claims_count_however_old(agency):
    first = authorized(agency)
    more = authorized(agency, extends=first.id, number="A124", units=20, first_day=date(2024, 3, 2))
    contact(agency, 16)
    agency.later(days=1)
    contact(agency, 10)
    for each in claims(agency):
        assert release(agency, each).released
    agency.later(days=100)  # far outside the days in which contacts are looked at together
    contact(agency, 11)
    (held,) = claims(agency, "held")
    assert "which grants 20: 10 are used and 10 of 20 are left" in held.reason
    assert shown(agency, more.id).left == 10


def test_the_number_of_the_payer_goes_out_with_the_claim(agency):
    authorized(agency)
    contact(agency, 2)
    assert release(agency, claims(agency)[0]).released
    with agency.store.read() as session:
        sent = session.execute(
            text("SELECT payload FROM outbox WHERE destination = :d"), {"d": outbox.CLAIMS}
        ).scalar_one()
    assert b'"preAuthRef":["A123"]' in bytes(sent)


def test_a_number_that_changed_since_the_claim_was_shown_is_not_released_unseen(agency):
    known = authorized(agency)
    contact(agency, 2)
    (seen,) = claims(agency)
    changed(agency, known, number="A999")
    assert not release(agency, seen).released
    assert release(agency, claims(agency)[0]).released


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("contact"), st.integers(1, 9)),
            st.tuples(st.just("release"), st.integers(0, 3)),
            st.tuples(st.just("granted"), st.integers(1, 40)),
            st.tuples(st.just("elsewhere"), st.integers(0, 20)),
            st.tuples(st.just("extend"), st.integers(1, 20)),
        ),
        min_size=4,
        max_size=14,
    )
)
def test_no_sequence_of_releases_passes_a_limit_and_nothing_sinks_below_what_was_released(
    tmp_path_factory, furnished_agency, steps
):
    office = open_idaho(shutil.copytree(furnished_agency, tmp_path_factory.mktemp("sequence") / "agency"))
    try:
        last = authorized(office)
        for what, number in steps:
            last = _step(office, last, what, number)
            _nothing_is_passed(office)
    finally:
        office.close()


def _step(office, last, what, number):
    fresh = shown(office, last.id)
    if what == "contact":
        contact(office, number)
        office.later(hours=20)
    elif what == "release":
        for each in claims(office, "ready")[:number]:
            release(office, each)
    elif what == "extend":
        return authorized(office, extends=last.id, units=number, number=f"X{office.now:%d%H}")
    else:
        try:
            return changed(office, fresh, **{"units" if what == "granted" else what: number})
        except MendInput:
            assert shown(office, last.id) == fresh
    return last


def _nothing_is_passed(office):
    with office.store.read() as session:
        views = authorizations.listing(session, actor(MORENO), office.library, office.now)
    total = 0
    for each in views:
        assert each.details.units >= each.used >= each.released
        assert each.left == max(0, each.granted - each.used)
        assert each.released <= each.granted
        total += each.released
    assert total == sum(each.units for each in claims(office, "released"))


@pytest.fixture
def contract(office):
    """A person of New York whose managed care asks for an authorization."""
    covered = Coverage.model_validate(
        {
            "payer": "SAMPLE-MCO",
            "class": "medicaid-mco",
            "member_id": "AA00001A",
            "order": 1,
            "from": "2022-01-01",
            "checked_on": "2026-03-01",
        }
    )
    with office.store.write() as session:
        person = individuals.find(session, ISSUER, MOSS)
        record = person.record.model_copy(update={"coverages": (covered,)})
        links = individuals.PersonLinks(
            coverages={"SAMPLE-MCO": "Coverage/cov"}, payers={"SAMPLE-MCO": "Organization/mco"}
        )
        individuals.remember(session, ISSUER, MOSS, record, (), links, office.now)
    new_york.undecided(office, on=date(2026, 1, 2))
    return office


MCO = {
    "peer": None,
    "certificate": None,
    "requested_on": None,
    "sent_on": None,
    "answered_on": None,
    "number": "M9",
    "units": 5,
    "first_day": date(2026, 3, 1),
}


def test_a_contract_that_asks_for_an_authorization_holds_what_has_none(contract):
    new_york.final(contract, minutes=30, at=contract.now - timedelta(hours=3))
    (held,) = claims(contract)
    assert "SAMPLE-MCO asks for an authorization of H0038; none is recorded." in held.reason
    authorized(contract, **MCO)
    assert [(each.state, each.authorization_number) for each in claims(contract)] == [("ready", "M9")]


@pytest.mark.parametrize(("units", "state"), [(2, "ready"), (3, "held")])
def test_a_contract_holds_the_claim_that_would_pass_what_it_granted(contract, units, state):
    authorized(contract, **MCO, elsewhere=3)
    new_york.final(contract, minutes=15 * units, at=contract.now - timedelta(hours=3))
    (claim,) = claims(contract)
    assert claim.state == state
    if state == "held":
        assert "which grants 5: 3 are used and 2 of 5 are left" in claim.reason
        assert claim.what_to_do == "Ask the payer for an extension and record its answer."


@pytest.mark.parametrize(("last", "state"), [(4, "ready"), (3, "held")])
def test_a_contract_holds_what_lies_after_the_last_day(contract, last, state):
    authorized(contract, **MCO, last_day=date(2026, 3, last))
    new_york.final(contract, minutes=30, at=contract.now - timedelta(hours=3))
    (claim,) = claims(contract)
    assert claim.state == state
    assert claim.reason == ("" if state == "ready" else "The authorization ended on 2026-03-03.")


def test_where_no_rule_asks_for_one_an_authorization_is_not_taken_and_its_units_stay(office):
    new_york.undecided(office, on=date(2026, 1, 2))
    known = authorized(office, **MCO)
    new_york.final(office, minutes=120, at=office.now - timedelta(hours=3))
    (claim,) = claims(office)
    assert (claim.state, claim.units, claim.authorization) == ("ready", 8, "")
    assert shown(office, known.id).left == 5
