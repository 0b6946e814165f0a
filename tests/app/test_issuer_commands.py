"""The commands that keep registrations: refused with the right form, kept with what changed, shown whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import audit
from app.cli import cli
from app.delivery.overrides import override_of
from app.keyring import Keyring
from app.registration_sheet import CONTACTS, open_points, sheet
from app.registry import registered
from app.settings import Settings
from app.store import open_store
from smart_launch.issuers import Issuer
from smart_launch.registration import read_registration
from tests.smart_launch.test_registration import GOOD

SECRET = "a secret between two"
BASIC = {**GOOD, "auth_method": "client_secret_basic", "client_secret": SECRET}


def peerchart(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--data", str(folder / "data")])


def add(folder: Path, registration: dict[str, object]) -> Result:
    (folder / "ehr.json").write_text(json.dumps(registration))
    return peerchart(folder, "issuers", "add", str(folder / "ehr.json"))


def kept(folder: Path) -> tuple[Issuer, ...]:
    settings = Settings(data_dir=folder / "data")
    with open_store(settings) as store, store.read() as session:
        return registered(session, Keyring(store, settings)).issuers


def trail(folder: Path) -> list[audit.AuditLine]:
    with open_store(Settings(data_dir=folder / "data")) as store, store.read() as session:
        return list(audit.of_subject(session, "riverbend", "riverbend"))


def test_every_field_that_is_not_right_is_named_and_nothing_is_kept(tmp_path):
    result = add(tmp_path, {**GOOD, "iss": "ehr.example", "jurisdiction": "New York"})
    assert result.exit_code == 2
    assert "iss: it must be a whole address, such as https://ehr.example/fhir" in result.stderr
    assert "jurisdiction: it must be a country and a state, such as us-ny" in result.stderr
    assert kept(tmp_path) == ()


def test_what_changed_is_written_down_and_a_secret_never_is(tmp_path):
    assert add(tmp_path, dict(BASIC)).exit_code == 0
    assert add(tmp_path, {**BASIC, "client_secret": "another", "client_id": "peerchart-2"}).exit_code == 0
    first, second = trail(tmp_path)
    assert (first.action, second.action) == ("EHR registered", "EHR registration changed")
    assert second.detail["changed"] == {
        "client_id": ["peerchart", "peerchart-2"],
        "client_secret": "changed",
    }
    assert SECRET not in json.dumps([dict(first.detail), dict(second.detail)])


def test_a_secret_that_the_file_leaves_out_stays(tmp_path):
    add(tmp_path, dict(BASIC))
    without = {name: value for name, value in BASIC.items() if name != "client_secret"}
    assert "stands as it did" in add(tmp_path, without).stdout
    assert kept(tmp_path)[0].client_secret == SECRET
    assert len(trail(tmp_path)) == 1


@pytest.mark.parametrize("shared", ["iss", "redirect_uri"])
def test_two_ehrs_never_share_an_address(tmp_path, shared):
    add(tmp_path, dict(GOOD))
    other = {**GOOD, "id": "hillside", "iss": "https://hill.example/fhir"}
    other = {**other, "redirect_uri": "https://peerchart.example/cb/hillside", shared: GOOD[shared]}
    result = add(tmp_path, other)
    assert result.exit_code == 2
    assert f"{shared}: riverbend" in result.stderr
    assert len(kept(tmp_path)) == 1


def test_what_show_prints_can_be_added_again_and_holds_no_secret(tmp_path):
    add(tmp_path, dict(BASIC))
    shown = peerchart(tmp_path, "issuers", "show", "riverbend").stdout
    assert SECRET not in shown
    assert add(tmp_path, json.loads(shown)).exit_code == 0
    assert peerchart(tmp_path, "issuers", "show", "nobody").exit_code == 2


def test_the_sheet_holds_both_forms_of_every_scope_with_its_reason(tmp_path):
    add(tmp_path, dict(GOOD))
    said = json.loads(peerchart(tmp_path, "issuers", "sheet", "riverbend", "--json").stdout)
    [written] = said["backend_scopes"]
    assert (written["v2"], written["v1"]) == (
        "system/DocumentReference.crus",
        "system/DocumentReference.read system/DocumentReference.write",
    )
    assert all(one["why"] for one in said["scopes"])
    assert {one["resource"] for one in said["resources"]} == {"Patient", "DocumentReference"}
    assert "DocumentReference" in peerchart(tmp_path, "issuers", "sheet", "riverbend").stdout


def test_once_all_is_settled_the_sheet_names_nothing_that_is_open(tmp_path):
    issuer = read_registration(GOOD)
    contacts = dict.fromkeys(CONTACTS, "x")
    settings = Settings(data_dir=tmp_path, base_url="https://peerchart.example", **contacts)
    assert open_points(issuer, settings) == ()
    assert sheet(issuer, settings)["addresses"]["redirect"] == "https://peerchart.example/cb/riverbend"
    assert len(open_points(issuer, Settings(data_dir=tmp_path))) == len(contacts) + 1


def test_the_us_core_that_an_ehr_holds_is_kept_written_down_and_taken_back(tmp_path):
    add(tmp_path, GOOD)
    assert peerchart(tmp_path, "issuers", "us-core", "riverbend", "7.0.0").exit_code == 0
    assert override_of(tmp_path / "data", "riverbend").us_core == "7.0.0"
    assert trail(tmp_path)[-1].detail["versions"] == ["any", "7.0.0"]
    refused = peerchart(tmp_path, "issuers", "us-core", "riverbend", "5.0.1")
    assert refused.exit_code == 2
    assert "6.1.0, 7.0.0, 8.0.0, 9.0.0; or say any" in refused.stderr
    assert override_of(tmp_path / "data", "riverbend").us_core == "7.0.0"
    assert peerchart(tmp_path, "issuers", "us-core", "riverbend", "any").exit_code == 0
    assert override_of(tmp_path / "data", "riverbend").us_core == ""


def test_what_an_ehr_gets_beside_the_records_is_switched_written_down_and_lacking_scopes_named(tmp_path):
    add(tmp_path, GOOD)
    done = peerchart(tmp_path, "issuers", "also", "riverbend", "consents", "audit-events")
    assert done.exit_code == 0
    assert "Beside the records riverbend gets: consents, audit-events." in done.stdout
    assert "does not ask for system/Consent.crus" in done.stderr
    assert trail(tmp_path)[-1].detail["changed"] == [[], ["consents", "audit-events"]]
    assert peerchart(tmp_path, "issuers", "also", "riverbend", "none", "consents").exit_code == 2
    assert "gets: nothing" in peerchart(tmp_path, "issuers", "also", "riverbend", "none").stdout
    assert peerchart(tmp_path, "issuers", "also", "elsewhere", "none").exit_code == 2
