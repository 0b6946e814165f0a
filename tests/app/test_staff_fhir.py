"""The import of staff from FHIR: shown first, saved as chosen, nothing the office entered taken away."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given as anything
from hypothesis import settings
from hypothesis import strategies as st

from app import audit, staff
from app.actor import LPHA, PEER, SUPERVISOR
from app.chart.staff import read_staff_of_ehr
from app.cli import cli
from app.delivery.loop import worker_of
from app.fhir_files import Reading, read_fhir
from app.problems import NotAllowed, Stale
from app.registry import register
from app.staff_fhir import Source, preview, take
from app.staff_fhir_plan import Registry, plan
from mappings.fhir.staff import Given, read_staff
from mappings.library import load
from mappings.records import Credential, Staff
from smart_launch.fhir_client import FhirClient, http_session
from smart_launch.issuers import Issuer
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.app.office import CHEN, ISSUER, RIVERA, SETTING_UP, WHITFIELD, actor, member
from tests.fhir_staff import LCSW, as_bytes, bundle, practitioner, role

BASE = f"http://localhost:1/{ISSUER}/fhir"
KEEPER = actor(WHITFIELD)
NEW = "1900000311"


def source(*resources, from_ehr=False) -> Source:
    return Source(read_fhir(as_bytes(bundle(*resources, base=BASE))), BASE, from_ehr)


def shown(office, what, who=SETTING_UP):
    with office.store.read() as session:
        return preview(session, who, what, office.library, office.now.date())


def taken(office, what, roles=frozenset(), who=SETTING_UP, only=None):
    seen = shown(office, what, who)
    chosen = {one.key: roles for one in seen.entries if only is None or one.staff_id in only}
    with office.store.write() as session:
        return take(session, who, what, chosen, seen.digest, office.library, office.now.date(), office.now)


def found(office, staff_id):
    with office.store.read() as session:
        return staff.find(session, ISSUER, staff_id)


def chen(**changes):
    """The EHR's Dana Chen, who is on the list already."""
    names = {"name": [{"family": "Chen", "given": ["Dana"]}], "birthDate": "1985-05-05", "telecom": None}
    return practitioner("p-chen", CHEN, **{**names, "qualification": None, **changes})


def test_a_preview_changes_nothing_and_names_what_would_be_new(office):
    [entry] = shown(office, source(practitioner(), role())).entries
    assert (entry.standing, entry.staff_id, entry.name) == ("new", NEW, "Noor Amari")
    assert {"Name", "NPI", "Birth date", "Credential", "Login in the EHR"} <= {
        one.field for one in entry.differences
    }
    assert found(office, NEW) is None


def test_a_new_member_is_saved_and_audited_without_any_role(office):
    assert taken(office, source(practitioner(), role())).saved == (NEW,)
    kept = found(office, NEW)
    assert (kept.name, kept.roles, kept.active) == ("Noor Amari", frozenset(), True)
    assert (kept.practitioner, kept.record.credentials[0].code) == ("Practitioner/p1", "lcsw")
    with office.store.read() as session:
        said = [line.action for line in audit.of_subject(session, ISSUER, NEW)]
    assert said == ["staff saved", "practitioner linked"]


def test_a_second_import_changes_nothing(office):
    what = source(
        practitioner(qualification=[LCSW, {"code": {"text": "LCSW"}}, {"code": {"text": "RN"}}]), role()
    )
    taken(office, what)
    [entry] = shown(office, what).entries
    assert (entry.standing, entry.differences) == ("unchanged", ())
    before = found(office, NEW)
    assert taken(office, what).saved == ()
    assert found(office, NEW) == before


def test_suggested_roles_are_given_by_an_administrators_tick_alone(office):
    what = source(practitioner(), role())
    assert {hint.role for hint in shown(office, what).entries[0].offered} == {
        "lpha",
        "clinician",
        "supervisor",
    }
    with pytest.raises(NotAllowed, match="administrator"):
        taken(office, what, frozenset({LPHA}), KEEPER)
    taken(office, what, frozenset({LPHA, PEER}))
    assert found(office, NEW).roles == {LPHA}
    taken(office, what, frozenset({SUPERVISOR}))
    assert found(office, NEW).roles == {LPHA, SUPERVISOR}


def test_what_the_office_entered_stays(office):
    before = found(office, CHEN)
    what = source(chen(qualification=[{"code": {"text": "RN"}}]), role(of="Practitioner/p-chen"))
    assert taken(office, what).saved == (CHEN,)
    after = found(office, CHEN)
    assert (after.roles, after.active, after.practitioner) == (
        before.roles,
        before.active,
        before.practitioner,
    )
    assert [one.code for one in after.record.credentials] == ["lcsw", "rn"]
    assert after.record.credentials[0] == before.record.credentials[0]
    assert after.record.model_copy(update={"credentials": before.record.credentials}) == before.record


@pytest.mark.parametrize(
    ("end", "kept", "said"),
    [("2029-06-30", "2029-06-30", False), ("2026-12-31", "2027-01-31", True), (None, "2027-01-31", False)],
)
def test_a_credential_is_prolonged_and_never_shortened(office, end, kept, said):
    days = {"start": "2025-02-01"} | ({"end": end} if end else {})
    what = source(chen(qualification=[{"code": {"text": "LCSW"}, "period": days}]))
    [entry] = shown(office, what).entries
    taken(office, what)
    [credential] = found(office, CHEN).record.credentials
    assert str(credential.to) == kept
    assert any("ends on" in remark for remark in entry.remarks) is said


def test_another_number_is_another_credential(office):
    what = source(chen(qualification=[{"code": {"text": "LCSW"}, "identifier": [{"value": "N-2"}]}]))
    taken(office, what)
    assert [one.number for one in found(office, CHEN).record.credentials] == ["N-1", "N-2"]


def test_who_left_in_the_ehr_is_said_and_not_ended(office):
    what = source(chen(active=False))
    [entry] = shown(office, what).entries
    assert any("do not work here now" in remark for remark in entry.remarks)
    taken(office, what)
    assert found(office, CHEN).active


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ([practitioner(active=False)], "not work here"),
        ([practitioner(name=[])], "no name"),
        ([practitioner(name=[{"family": "A\x0bB\x07"}])], "character"),
        ([practitioner(npi="1900000311"), practitioner("p2", "1900000311")], "have the NPI"),
        ([practitioner(), practitioner()], "twice"),
        ([practitioner(f"{ISSUER}-{CHEN}", RIVERA)], "Two members of the staff match"),
        ([practitioner(f"{ISSUER}-{CHEN}", NEW)], "has the NPI 1900000039 here"),
        ([practitioner("p-chen", CHEN), practitioner(f"{ISSUER}-{CHEN}", None)], "Two practitioners"),
    ],
)
def test_who_cannot_be_taken_is_refused_with_the_reason_and_the_next_step(office, resources, reason):
    for entry in shown(office, source(*resources)).entries:
        assert entry.standing == "refused"
        assert reason in entry.reason
        assert entry.what_to_do
    assert taken(office, source(*resources)).saved == ()


def test_without_npi_and_id_nobody_can_be_told_apart(office):
    one = practitioner(npi=None)
    del one["id"]
    what = Source(Reading((Given("line 1", one),)), BASE)
    assert "neither an NPI nor an id" in shown(office, what).entries[0].reason


def test_a_member_without_npi_is_found_again_by_the_practitioner(office):
    what = source(practitioner(npi=None))
    assert taken(office, what, who=KEEPER).saved == ("fhir-p1",)
    assert shown(office, what, KEEPER).entries[0].standing == "unchanged"
    assert taken(office, source(practitioner(npi=None), from_ehr=True), who=KEEPER).saved == ("fhir-p1",)
    assert found(office, "fhir-p1").practitioner == "Practitioner/p1"


def test_a_login_is_tied_by_an_administrator_or_by_the_ehrs_own_word_alone(office):
    taken(office, source(practitioner()), who=KEEPER)
    assert found(office, NEW).practitioner is None
    taken(office, source(practitioner(), from_ehr=True), who=KEEPER)
    assert found(office, NEW).practitioner == "Practitioner/p1"


def test_ones_own_entry_is_refused(office):
    what = source(practitioner("p-w", WHITFIELD))
    assert "own entry" in shown(office, what, KEEPER).entries[0].reason


def test_peers_may_not_look(office):
    with pytest.raises(NotAllowed):
        shown(office, source(practitioner()), actor(RIVERA))


def test_what_changed_since_it_was_shown_is_shown_again(office):
    what = source(chen(birthDate="1976-02-11"))
    seen = shown(office, what)
    with office.store.write() as session:
        staff.save(
            session, SETTING_UP, member(CHEN, birth_date="1976-02-12"), frozenset({LPHA}), True, office.now
        )
    with pytest.raises(Stale), office.store.write() as session:
        chosen = {seen.entries[0].key: frozenset()}
        take(session, SETTING_UP, what, chosen, seen.digest, office.library, office.now.date(), office.now)


def test_how_a_member_is_reached_stays_when_the_list_goes_out_and_comes_back_as_csv(office):
    taken(office, source(practitioner()))
    before = found(office, NEW)
    with office.store.write() as session:
        text = staff.export_csv(session, SETTING_UP).replace("Amari", "Amari-Holt")
        staff.import_csv(session, SETTING_UP, text, office.now)
    after = found(office, NEW)
    assert after.record.name.family == "Amari-Holt"
    assert after.record.telecom == before.record.telecom != ()


def test_only_the_chosen_are_saved(office):
    what = source(practitioner(), practitioner("p2", "1900000312"))
    assert taken(office, what, only={"1900000312"}).saved == ("1900000312",)
    assert found(office, NEW) is None


DAYS = st.sampled_from(["2020-01-01", "2024-01-01", "2028-01-01"])
QUALIFICATION = st.fixed_dictionaries(
    {"code": st.sampled_from([{"text": "LCSW"}, {"text": "RN"}, {"text": "?"}])},
    optional={
        "identifier": st.sampled_from([[{"value": "1"}], [{"value": "2"}]]),
        "issuer": st.sampled_from([{"display": "nysed"}, {"display": "Board"}]),
        "period": st.fixed_dictionaries({}, optional={"start": DAYS, "end": DAYS}),
    },
)
CREDENTIAL = st.builds(
    Credential,
    code=st.sampled_from(["lcsw", "rn"]),
    number=st.sampled_from([None, "1", "2"]),
    issuer=st.sampled_from([None, "nysed"]),
    from_=st.none() | DAYS,
    to=st.none() | DAYS,
)


@settings(max_examples=300, deadline=None)
@anything(st.lists(QUALIFICATION, max_size=5), st.none() | st.lists(CREDENTIAL, max_size=3))
def test_after_an_import_the_same_import_finds_nothing_to_change_and_nothing_is_lost(qualifications, held):
    library, on = load(), date(2026, 7, 1)
    person = Given("line 1", practitioner(qualification=qualifications))
    sheet = read_staff([person], library, on, base=BASE)
    before = Staff(kind="staff", id=NEW, jurisdiction="us-ny", npi=NEW, credentials=tuple(held or ()))
    members = () if held is None else (staff.StaffMember(before, frozenset(), "Practitioner/p1", True),)
    registry = Registry(members, "us-ny", own="x", administrator=True, links=True)
    [entry] = plan(sheet, registry)
    after = staff.StaffMember(entry.record, entry.roles, "Practitioner/p1", True)
    [again] = plan(sheet, Registry((after,), "us-ny", own="x", administrator=True, links=True))
    assert (again.standing, again.record) == ("unchanged", entry.record)
    for own, now in zip(held or (), entry.record.credentials, strict=False):
        kept = {name: value for name, value in own.model_dump().items() if value is not None and name != "to"}
        assert kept.items() <= now.model_dump().items()
        assert own.to is None or now.to >= own.to


SCOPES = ("system/Practitioner.rs", "system/PractitionerRole.rs")


@contextmanager
def ehr_and_office(office, scopes=SCOPES):
    """A running sandbox EHR, and our registration there with backend services."""

    def config(base: str) -> Config:
        issuer = Issuer(
            id=ISSUER,
            iss=f"{base}/fhir",
            client_id="peerchart",
            auth_method="private_key_jwt",
            redirect_uri="http://127.0.0.1:9/cb/sandbox",
            scopes=("launch",),
            jurisdiction="us-ny",
            backend_client_id="peerchart-backend",
            backend_scopes=scopes,
        )
        with office.store.write() as session:
            register(session, office.keyring, issuer, office.now)
        client = Client(
            client_id="peerchart-backend",
            name="Backend",
            token_endpoint_auth_method="private_key_jwt",
            jwks=office.keyring.public_client_keys(),
            grant_types=("client_credentials",),
            scope=" ".join(scopes),
        )
        database = str(office.settings.data_dir / "ehr.sqlite3")
        return Config(
            base_url=base,
            database=database,
            clients=(client,),
            clock=lambda: datetime.now(UTC),
            today=date(2026, 7, 1),
        )

    with running(config) as base:
        yield base


def peerchart(office, *words):
    return CliRunner().invoke(
        cli, ["staff", "import-fhir", *words, "--data", str(office.settings.data_dir)], catch_exceptions=False
    )


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_staff_come_from_the_ehr_itself_and_a_second_time_nothing_changes(office):
    with ehr_and_office(office):
        dry = peerchart(office, "--from-ehr", ISSUER, "--dry-run", "--json")
        assert {one["standing"] for one in lines(dry.stdout)} >= {"new"}
        assert not any(one["saved"] for one in lines(dry.stdout))
        assert found(office, "1900000054") is None
        first = peerchart(office, "--from-ehr", ISSUER, "--json")
        assert "1900000054" in [one["id"] for one in lines(first.stdout) if one["saved"]]
        sam = found(office, "1900000054")
        assert (sam.name, sam.roles, sam.practitioner) == (
            "Sam Delgado",
            frozenset(),
            "Practitioner/prac-delgado",
        )
        assert sam.record.credentials[0].code == "ypa-c"
        second = peerchart(office, "--from-ehr", ISSUER, "--json")
        assert not any(one["saved"] for one in lines(second.stdout))
        assert {one["standing"] for one in lines(second.stdout)} == {"unchanged"}
        assert found(office, "1900000054") == sam
        with_roles = peerchart(office, "--from-ehr", ISSUER, "--with-roles")
        assert with_roles.exit_code == 0, with_roles.output
        assert found(office, "1900000054").roles == {PEER}


class WithoutInclude(FhirClient):
    """An EHR that takes the search and sends nothing along."""

    def search(self, *args, **more):
        return replace(super().search(*args, **more), included=())


def test_an_ehr_that_sends_no_practitioners_along_is_asked_for_each(office):
    with ehr_and_office(office), http_session() as http:
        moment = datetime.now(UTC)
        worker = worker_of(office.settings, office.store, office.keyring, http, lambda: moment)
        client = worker.ehrs.open(ISSUER, moment).client
        poor = WithoutInclude(http, client.base, client.token_provider)
        said, whole = (
            read_staff_of_ehr(one, organization="Organization/org-riverbend", request_id="test")
            for one in (poor, client)
        )
        nobody = read_staff_of_ehr(client, organization="Organization/org-lakeside", request_id="test")
    assert sorted(one.full_url for one in said.given) == sorted(one.full_url for one in whole.given)
    assert len([one for one in said.given if one.resource["resourceType"] == "Practitioner"]) == 7
    assert (said.left, nobody.given) == ((), ())


def test_an_ehr_that_does_not_let_us_read_staff_is_named_with_the_next_step(office):
    with ehr_and_office(office, ("system/Patient.rs",)):
        result = peerchart(office, "--from-ehr", ISSUER)
    assert result.exit_code == 2
    assert "system/PractitionerRole.rs" in result.output


def test_a_file_is_imported_by_the_command_and_what_was_refused_is_said(office, tmp_path: Path):
    file = tmp_path / "staff.ndjson"
    file.write_bytes(
        b"\n".join([as_bytes(practitioner()), as_bytes(role()), b"{", as_bytes(role("r2", "Practitioner/q"))])
    )
    result = peerchart(office, str(file), "--issuer", ISSUER)
    assert result.exit_code == 2
    assert "1 saved" in result.stdout
    assert "role suggested: lpha" in result.stdout
    assert "line 3" in result.stderr
    assert "Practitioner/q" in result.stderr
    assert found(office, NEW).practitioner == "Practitioner/p1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give either"),
        (["--from-ehr", "nowhere"], "no registered EHR"),
        (["--from-ehr", ISSUER], "no backend_client_id"),
        (["--from-ehr", ISSUER, "--issuer", "other"], "two EHRs"),
        (["FILE"], "--issuer is missing"),
        (["FILE", "--issuer", "nowhere"], "no registered EHR"),
        (["FILE", "--issuer", ISSUER], "no FHIR"),
    ],
)
def test_wrong_usage_is_said_in_words(office, tmp_path: Path, words, said):
    (tmp_path / "FILE").write_text("hello")
    words = [str(tmp_path / word) if word == "FILE" else word for word in words]
    result = peerchart(office, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_staff_go_out_by_the_command_and_nothing_changes_when_they_come_in_again(office, tmp_path: Path):
    taken(office, source(practitioner(), role()), roles=frozenset({SUPERVISOR}))
    out = tmp_path / "staff.json"
    words = ["staff", "export-fhir", "--issuer", ISSUER, "--out", str(out)]
    done = CliRunner().invoke(cli, [*words, "--data", str(office.settings.data_dir)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "no PractitionerRole was written" in done.stderr
    sent = json.loads(out.read_bytes())
    people = [one["resource"] for one in sent["entry"] if one["resource"]["resourceType"] == "Practitioner"]
    held = next(one for one in people if one["identifier"][0]["value"] == NEW)
    assert held["qualification"][0]["identifier"][0]["value"] == "LCSW-0311"
    assert out.stat().st_mode & 0o077 == 0
    again = peerchart(office, str(out), "--issuer", ISSUER, "--json", "--dry-run")
    assert {one["standing"] for one in lines(again.stdout)} == {"unchanged"}
    with office.store.read() as session:
        assert [one.action for one in audit.of_subject(session, ISSUER, ISSUER)].count("staff exported") == 1
