"""What the rules say of the staff and the programme: seen in time by their keepers, holding nothing."""

from datetime import UTC, date, datetime

import pytest

from app import office_findings, staff
from app.actor import PEER, SUPERVISOR
from app.problems import NotAllowed
from tests.app.office import (
    CHEN,
    ISSUER,
    LINDQVIST,
    MORENO,
    OKAFOR,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    actor,
    admitted,
    drafted,
    member,
    planned,
    program,
    signed,
)

KEEPER = actor(WHITFIELD)


def judged(office, who=KEEPER, now=None):
    with office.store.read() as session:
        return office_findings.of_staff(session, who, office.library, now or office.now)


def of_program(office, who=KEEPER):
    with office.store.read() as session:
        return office_findings.of_program(session, who, office.library, office.now)


def keep(office, record, active=True):
    with office.store.write() as session:
        staff.save(session, KEEPER, record, frozenset({PEER}), active, office.now)


def shown(judgement):
    return {finding.rule: finding for finding in judgement.shown}


@pytest.mark.parametrize("who", [RIVERA, CHEN, MORENO])
def test_only_keepers_of_the_registry_see_what_the_rules_say(office, who):
    with pytest.raises(NotAllowed):
        judged(office, actor(who))
    with pytest.raises(NotAllowed):
        of_program(office, actor(who))


def test_a_credential_that_ends_soon_is_seen_in_time_with_what_to_do_and_its_source(office):
    assert "DER.CREDENTIAL_ENDS" not in shown(judged(office)[RIVERA])
    ending = [{"code": "nycps", "issuer": "omh-approved", "number": "N-1", "from": "2025-02-01"}]
    keep(office, member(RIVERA, credentials=[ending[0] | {"to": "2026-03-20"}]))
    found = shown(judged(office)[RIVERA])["DER.CREDENTIAL_ENDS"]
    assert "2026-03-20" in found.message
    assert found.fix == "Renew the credential and enter the new period."
    assert found.severity == "warn"
    assert found.cite is not None
    assert "DER.CREDENTIAL_ENDS" not in shown(judged(office)[OKAFOR])


def test_a_peer_without_a_supervisor_and_without_an_attestation_is_pointed_out(office):
    keep(office, member(RIVERA, supervisor=None, attestations=[]))
    assert {"DER.SUPERVISOR_GAP", "GEN.REND.RECOVERY_YEAR"} <= set(shown(judged(office)[RIVERA]))


def test_of_a_licensed_practitioner_the_rules_about_peers_say_nothing(office):
    assert judged(office)[CHEN].shown == ()


def test_of_those_who_left_nothing_is_said(office):
    keep(office, member(RIVERA, supervisor=None), active=False)
    assert RIVERA not in judged(office)
    assert OKAFOR in judged(office)


def test_nothing_said_of_the_office_ever_holds(office):
    keep(office, member(RIVERA, supervisor=None, attestations=[], credentials=[], employment=None))
    everything = [f for each in judged(office).values() for f in each.findings]
    assert {finding.stage for finding in everything} == {"set-up", "dashboard"}
    assert not any(finding.blocks for finding in everything)
    assert not any(finding.blocks for finding in of_program(office).missing)


def test_today_is_the_day_where_the_programme_is(office):
    keep(office, member(RIVERA, supervisor={"id": CHEN, "category": "lcsw", "to": "2026-03-04"}))
    late_that_evening = datetime(2026, 3, 5, 3, 0, tzinfo=UTC)
    next_morning = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)
    assert "DER.SUPERVISOR_GAP" not in shown(judged(office, now=late_that_evening)[RIVERA])
    assert "DER.SUPERVISOR_GAP" in shown(judged(office, now=next_morning)[RIVERA])


def test_a_team_meeting_about_the_peers_person_is_counted_from_the_plan(office):
    admitted(office)
    planned(office, on=date(2026, 3, 1))
    draft = drafted(office, LINDQVIST)
    assert "NY.COLLAB.MEETINGS" not in shown(judged(office)[RIVERA])
    signed(office, draft.contact.id, patient=LINDQVIST)
    found = shown(judged(office)[RIVERA])["NY.COLLAB.MEETINGS"]
    assert found.message.startswith("0 of 1 team meetings attended")


def test_the_set_up_list_of_the_programme_says_what_is_missing_and_what_is_in_place(office):
    found = of_program(office)
    assert found.record == program()
    missing, in_place = {f.rule for f in found.missing}, {f.rule for f in found.in_place}
    assert {"NY.PROG.ROLES", "NY.PROG.TRAIN_STAFF", "GEN.ORG.MCO_READY"} <= missing
    assert "NY.PROG.POLICIES" in in_place
    assert not missing & in_place


def test_what_is_entered_moves_from_missing_to_in_place(office):
    data = program().model_dump(mode="json", by_alias=True)
    data["policies"] = [*data["policies"], {"kind": "role-description", "on": "2026-03-01"}]
    with office.store.write() as session:
        staff.save_program(session, SETTING_UP, type(program()).model_validate(data), office.now)
    found = of_program(office)
    assert "NY.PROG.ROLES" in {f.rule for f in found.in_place}
    assert "NY.PROG.ROLES" not in {f.rule for f in found.missing}


def test_before_the_programme_is_known_there_is_no_set_up_list(office):
    assert of_program(office, actor(WHITFIELD, None, "a-new-ehr", SUPERVISOR)) is None
    assert judged(office, actor(WHITFIELD, None, "a-new-ehr", SUPERVISOR)) == {}
    assert of_program(office, actor(WHITFIELD, None, ISSUER, SUPERVISOR)) is not None
