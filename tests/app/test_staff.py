"""The staff registry: kept by supervisors and administrators, never one's own entry, page and trail."""

import pytest

from app import audit, staff
from app.actor import ADMINISTRATOR, LPHA, PEER, SUPERVISOR
from app.problems import MendInput, NotAllowed, NotFound, Stale
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    HADDAD,
    ISSUER,
    MORENO,
    NOW,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    actor,
    member,
    program,
)

KEEPER = actor(WHITFIELD)
CREDENTIAL = {"code": "nycps", "issuer": "omh-approved", "number": "N-1", "from": "2025-02-01"}


def save(office, who, record, roles=frozenset({PEER}), active=True):
    with office.store.write() as session:
        return staff.save(session, who, record, roles, active, office.now)


def find(office, staff_id):
    with office.store.read() as session:
        return staff.find(session, ISSUER, staff_id)


def changed_program(**changes):
    return type(program()).model_validate(program().model_dump(mode="json", by_alias=True) | changes)


def test_a_supervisor_saves_a_member_and_everybody_finds_the_same(office):
    saved = save(office, KEEPER, member(RIVERA, hired="2024-01-01"), frozenset({PEER}), False)
    with office.store.read() as session:
        assert staff.find(session, ISSUER, RIVERA) == saved
        assert staff.by_npi(session, ISSUER, RIVERA) == saved
        assert staff.by_practitioner(session, ISSUER, f"Practitioner/{ISSUER}-{RIVERA}") == saved
        assert staff.find(session, ISSUER, "nobody") is None
    assert saved.record.hired.year == 2024
    assert not saved.active


@pytest.mark.parametrize("who", [RIVERA, CHEN, MORENO])
def test_only_keepers_of_the_registry_read_or_change_it(office, who):
    with pytest.raises(NotAllowed), office.store.read() as session:
        staff.listing(session, actor(who))
    with pytest.raises(NotAllowed):
        save(office, actor(who), member(HADDAD), frozenset({LPHA}))


def test_nobody_changes_their_own_entry(office):
    with pytest.raises(NotAllowed, match="own entry"):
        save(office, KEEPER, member(WHITFIELD), frozenset({SUPERVISOR, LPHA}))


def test_only_an_administrator_makes_or_unmakes_an_administrator(office):
    with pytest.raises(NotAllowed, match="administrator"):
        save(office, KEEPER, member(CHEN), frozenset({ADMINISTRATOR}))
    save(office, SETTING_UP, member(CHEN), frozenset({ADMINISTRATOR}))
    with pytest.raises(NotAllowed, match="administrator"):
        save(office, KEEPER, member(CHEN), frozenset({LPHA}))


def test_an_unknown_role_is_refused_with_the_right_ones(office):
    with pytest.raises(MendInput, match="biller") as caught:
        save(office, KEEPER, member(RIVERA), frozenset({"boss"}))
    assert "roles" in caught.value.errors


def test_one_npi_is_one_person(office):
    with pytest.raises(MendInput) as caught:
        save(office, KEEPER, member(RIVERA, npi=CHEN))
    assert "npi" in caught.value.errors


def test_one_login_of_the_ehr_is_one_member(office):
    with office.store.write() as session:
        with pytest.raises(NotAllowed, match="another member"):
            staff.link_practitioner(session, ISSUER, RIVERA, f"Practitioner/{ISSUER}-{CHEN}", NOW)
        with pytest.raises(NotFound):
            staff.link_practitioner(session, ISSUER, "nobody", "Practitioner/x", NOW)


def test_the_registries_of_two_ehrs_are_apart(office):
    save(office, KEEPER, member(RIVERA), frozenset({PEER}), False)
    with office.store.read() as session:
        assert staff.find(session, ELSEWHERE, RIVERA).active


def test_an_ehr_has_one_programme(office):
    other = program().model_copy(update={"id": "1999999999"})
    with pytest.raises(MendInput, match="1900000013"), office.store.write() as session:
        staff.save_program(session, SETTING_UP, other, NOW)


def test_the_references_of_the_programme_are_kept_when_the_chart_shows_only_one_of_them(office):
    with office.store.write() as session:
        staff.link_program(session, ISSUER, NOW, organization=None, location="Location/loc-riverbend")
        known = staff.program_member(session, ISSUER)
    assert (known.organization, known.location) == ("Organization/org-riverbend", "Location/loc-riverbend")


def lines_about(office, staff_id=RIVERA):
    with office.store.read() as session:
        return [line for line in audit.of_subject(session, ISSUER, staff_id) if line.action == "staff saved"]


def test_the_trail_names_the_fields_that_changed_and_none_of_their_values(office):
    before = find(office, RIVERA)
    credentials = [{**CREDENTIAL, "to": "2028-01-31"}]
    save(office, KEEPER, member(RIVERA, hired="2024-01-01", credentials=credentials))
    told = lines_about(office)[-1]
    assert "hired" in told.detail["changed"]
    assert any(path.startswith("credentials.0.") for path in told.detail["changed"])
    assert "birth_date" not in told.detail["changed"]
    assert told.actor == WHITFIELD
    assert "2024-01-01" not in str(told.detail)
    assert find(office, RIVERA).edit != before.edit


def test_saving_what_stands_so_already_writes_no_line(office):
    before = len(lines_about(office))
    save(office, KEEPER, member(RIVERA))
    assert len(lines_about(office)) == before


def test_the_history_of_a_member_is_the_latest_change_first_and_for_keepers_only(office):
    office.later(minutes=5)
    save(office, KEEPER, member(RIVERA, hired="2024-01-01"))
    with office.store.read() as session:
        changes = staff.changes_of(session, KEEPER, RIVERA)
        with pytest.raises(NotAllowed):
            staff.changes_of(session, actor(RIVERA), RIVERA)
    assert changes[0].fields == ("hired",)
    assert (changes[0].by, changes[0].at) == (WHITFIELD, office.now)
    assert changes[-1].by == SETTING_UP.staff_id


def test_of_two_keepers_at_once_the_second_is_told_and_nothing_of_the_first_is_lost(office):
    seen = find(office, RIVERA).edit
    with office.store.write() as session:
        first = member(RIVERA, hired="2024-01-01")
        staff.save(session, KEEPER, first, frozenset({PEER}), True, office.now, seen=seen)
    with pytest.raises(Stale), office.store.write() as session:
        second = member(RIVERA, employment="contracted")
        staff.save(session, SETTING_UP, second, frozenset({PEER}), True, office.now, seen=seen)
    assert str(find(office, RIVERA).record.hired) == "2024-01-01"


def test_who_adds_somebody_that_another_keeper_added_meanwhile_is_told(office):
    with pytest.raises(Stale), office.store.write() as session:
        staff.save(session, KEEPER, member(RIVERA), frozenset({PEER}), True, NOW, seen=staff.NOBODY_YET)


def test_of_two_who_change_the_programme_at_once_the_second_is_told(office):
    with office.store.read() as session:
        seen = staff.program_member(session, ISSUER).edit
    with office.store.write() as session:
        staff.save_program(session, KEEPER, changed_program(population="adult"), NOW, seen=seen)
    with pytest.raises(Stale), office.store.write() as session:
        staff.save_program(session, SETTING_UP, changed_program(population="all"), NOW, seen=seen)
    with office.store.read() as session:
        assert staff.program_of(session, ISSUER).population == "adult"
        assert staff.program_changes(session, KEEPER)[0].fields == ("population",)


def test_the_door_refuses_a_code_that_no_table_knows_with_the_right_ones(office):
    unknown = member(RIVERA, credentials=[{**CREDENTIAL, "code": "nycsp"}])
    with pytest.raises(MendInput, match="nycps-provisional") as caught, office.store.write() as session:
        staff.save(session, KEEPER, unknown, frozenset({PEER}), True, NOW, library=office.library)
    assert set(caught.value.errors) == {"credentials.0.code"}


def test_the_door_refuses_a_kind_of_policy_that_no_table_knows_with_the_right_ones(office):
    policies = [{"kind": "peer-suport", "on": "2025-12-01"}]
    with pytest.raises(MendInput, match="role-description") as caught, office.store.write() as session:
        staff.save_program(session, KEEPER, changed_program(policies=policies), NOW, library=office.library)
    assert set(caught.value.errors) == {"policies.0.kind"}
