"""The staff registry: kept by supervisors and administrators, never one's own entry, as page and as CSV."""

import pytest

from app import staff
from app.actor import ADMINISTRATOR, LPHA, PEER, SUPERVISOR
from app.problems import MendInput, NotAllowed, NotFound
from app.staff_csv import COLUMNS
from tests.app.office import (
    CHEN,
    ELSEWHERE,
    HADDAD,
    ISSUER,
    MORENO,
    NAMES,
    NOW,
    RIVERA,
    SETTING_UP,
    WHITFIELD,
    actor,
    member,
    program,
)

KEEPER = actor(WHITFIELD)


def save(office, who, record, roles=frozenset({PEER}), active=True):
    with office.store.write() as session:
        return staff.save(session, who, record, roles, active, office.now)


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


def test_the_export_reads_back_as_the_same_registry(office):
    with office.store.write() as session:
        text = staff.export_csv(session, KEEPER)
        before = staff.listing(session, KEEPER)
        report = staff.import_csv(session, KEEPER, text, NOW)
        assert staff.listing(session, KEEPER) == before
    assert (len(report.saved), report.refused) == (len(NAMES), ())


def row(**cells: str) -> str:
    return ",".join(cells.get(name, "") for name in COLUMNS)


def rows(*lines: str) -> str:
    return "\n".join([",".join(COLUMNS), *lines]) + "\n"


DELGADO = {
    "id": "1900000054",
    "npi": "1900000054",
    "given": "Sam",
    "family": "Delgado",
    "roles": "peer",
    "birth_date": "2001-09-14",
    "credential_code": "ypa-c",
    "credential_from": "2025-01-01",
    "attestation_on": "2025-01-02",
    "supervisor_id": CHEN,
    "supervisor_category": "lcsw",
}


def imported(office, text):
    with office.store.write() as session:
        return staff.import_csv(session, KEEPER, text, NOW)


def test_rows_of_one_id_are_one_member_with_a_credential_each(office):
    second = {"id": DELGADO["id"], "roles": "peer", "credential_code": "nycps-provisional"}
    report = imported(office, rows(row(**DELGADO), row(**{**DELGADO, **second})))
    assert report.saved == (DELGADO["id"],)
    with office.store.read() as session:
        found = staff.find(session, ISSUER, DELGADO["id"])
    assert [each.code for each in found.record.credentials] == ["ypa-c", "nycps-provisional"]
    assert found.record.supervisor.id == CHEN
    assert found.record.attestations[0].kind == "lived-experience"
    assert (found.name, found.roles) == ("Sam Delgado", {PEER})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"birth_date": "14.9.2001"}, "birth_date"),
        ({"credential_from": "soon"}, r"credentials\[0\].from"),
        ({"roles": "boss"}, "Unknown role boss"),
        ({"id": ""}, "id is missing"),
        ({"npi": CHEN}, "NPI"),
        ({"id": WHITFIELD, "npi": WHITFIELD}, "own entry"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_reason_and_the_others_are_saved(office, changed, reason):
    good = {"id": "1900000099", "roles": "peer", "given": "Kim", "family": "Ode"}
    report = imported(office, rows(row(**{**DELGADO, **changed}), row(**good)))
    assert report.saved == ("1900000099",)
    assert [line.line for line in report.refused] == [2]
    assert __import__("re").search(reason, report.refused[0].reason)


def test_lines_of_one_member_that_stand_apart_are_refused(office):
    other = {"id": "1900000099", "roles": "peer"}
    report = imported(office, rows(row(**DELGADO), row(**other), row(**DELGADO)))
    assert report.saved == ("1900000099",)
    assert [line.line for line in report.refused] == [2, 4]


def test_a_line_with_too_many_cells_is_refused(office):
    report = imported(office, rows(row(**DELGADO) + ",surplus"))
    assert "too many cells" in report.refused[0].reason


def test_a_line_that_was_cut_off_takes_no_role_and_no_credential_away(office):
    with office.store.read() as session:
        before = staff.find(session, ISSUER, RIVERA)
    report = imported(office, rows(f"{RIVERA},{RIVERA},Pat"))
    assert "too few cells" in report.refused[0].reason
    with office.store.read() as session:
        assert staff.find(session, ISSUER, RIVERA) == before


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\ufffe"])
def test_a_cell_with_a_character_that_no_record_may_hold_is_refused(office, character):
    report = imported(office, rows(row(**{**DELGADO, "given": f"S{character}am"})))
    assert report.saved == ()
    assert "cannot be stored" in report.refused[0].reason


@pytest.mark.parametrize("text", ["", "name,npi\nx,y\n", 'id,"npi\n'])
def test_a_file_that_is_no_staff_file_is_refused_whole(office, text):
    with pytest.raises(MendInput):
        imported(office, text)


def test_an_import_keeps_what_the_columns_do_not_hold(office):
    taught = member(RIVERA, education=[{"on": "2026-01-15", "hours": 2, "topic": "peer-support"}])
    save(office, KEEPER, taught)
    with office.store.write() as session:
        text = staff.export_csv(session, KEEPER).replace("employed", "contracted")
        staff.import_csv(session, KEEPER, text, NOW)
        found = staff.find(session, ISSUER, RIVERA).record
    assert found.education == taught.education
    assert found.employment == "contracted"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_exported_cell_starts_a_formula_and_it_reads_back_as_it_was(office, start):
    save(office, KEEPER, member(RIVERA, contract=f"{start}1+1"))
    with office.store.write() as session:
        text = staff.export_csv(session, KEEPER)
        assert f",'{start}1+1," in text
        assert staff.import_csv(session, KEEPER, text, NOW).refused == ()
        assert staff.find(session, ISSUER, RIVERA).record.contract == f"{start}1+1"
