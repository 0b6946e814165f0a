"""A probe says function by function what will work: at the sandbox, at its faults, at what vendors state."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app import audit
from app.cli import cli
from app.delivery import PRESETS
from app.delivery.capability import Override
from app.delivery.probed import Line, Report
from app.delivery.probing import probe
from app.registry import register
from smart_launch.fhir_client import http_session
from smart_launch.issuers import Issuer
from smart_launch.keys import new_client_key
from tests.app.delivery_house import NOW, House, house

LAUNCH = ("launch", "openid", "fhirUser", "patient/*.rs", "user/*.rs")
# What vendors' test systems say of themselves: <vendor>.metadata.json and .smart-configuration.json.
_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "ehr-capabilities"
CAPTURES = Path(os.environ.get("EHR_CAPABILITIES", _BESIDE))


@pytest.fixture
def at(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as opened:
        change(opened, scopes=LAUNCH)
        yield opened


def change(at: House, **changes: Any) -> None:
    with at.store.write() as session:
        register(session, at.keyring, replace(at._issuer("sandbox"), **changes), NOW)


def probed(at: House, takes: str = "full") -> Report:
    return probe(at.http, at._issuer("sandbox"), PRESETS[takes], at._key("sandbox"), at.now)


def said(report: Report, function: str, area: str = "") -> Line:
    [found] = [one for one in report.lines if one.function == function and area in one.area]
    return found


def test_at_an_ehr_that_does_all_of_it_nothing_needed_is_missing(at):
    report = probed(at)
    assert report.stands
    assert report.software == "Sandbox EHR"
    for function in ("Launch from the chart", "A token", "Plan entries", "Claims", "Who signs in"):
        assert said(report, function).answer == "works"
    assert said(report, "DocumentReference").why == "Taken, and once only (conditional create)."
    assert said(report, "Asking what a token is worth (introspection)").why.startswith("It was tried")
    assert said(report, "Ending a token at sign-out (revocation)").why.startswith("It was tried")


@pytest.mark.parametrize(
    ("takes", "taken", "held"),
    [
        ("epic", {"DocumentReference"}, {"Encounter", "Provenance", "CarePlan", "Claim"}),
        ("oracle", {"DocumentReference", "Encounter", "Provenance"}, {"Task", "CarePlan", "Claim"}),
    ],
)
def test_at_a_known_kind_of_ehr_it_says_which_parts_of_a_note_go_and_which_stay(at, takes, taken, held):
    report = probed(at, takes)
    assert {one for one in taken if said(report, one, "Writing").answer == "works"} == taken
    assert {one for one in held if said(report, one, "Writing").answer == "not"} == held
    assert said(report, "Notes").answer == "otherwise"
    assert said(report, "Claims").answer == "not"
    assert "looked for before it is sent again" in said(report, "DocumentReference").why
    assert report.stands


def test_an_ehr_that_takes_no_note_cannot_stand(at):
    nothing = Override(creates=frozenset(), updates=frozenset())
    report = probe(at.http, at._issuer("sandbox"), nothing, at._key("sandbox"), at.now)
    assert [one.function for one in report.amiss()] == ["Notes"]
    assert "export" in said(report, "Notes").next_step


def test_a_key_that_the_ehr_does_not_know_gets_no_token_and_the_next_step_says_why(at):
    stranger = new_client_key("ES384")
    report = probe(at.http, at._issuer("sandbox"), PRESETS["full"], stranger, at.now)
    assert said(report, "A token").answer == "not"
    assert "public keys" in said(report, "A token").next_step
    assert not report.stands


def test_a_scope_that_was_not_granted_to_the_backend_client_is_named(at):
    change(at, backend_scopes=(*at._issuer("sandbox").backend_scopes, "system/RelatedPerson.crus"))
    assert "system/RelatedPerson.crus" in said(probed(at), "Its scopes").why


def test_without_a_backend_client_no_token_is_asked_for(at):
    change(at, backend_client_id=None, backend_scopes=())
    report = probed(at)
    assert said(report, "Delivery with its own token").answer == "not"
    assert not any(one.function == "A token" for one in report.lines)


def test_what_no_scope_is_asked_for_is_not_read(at):
    change(at, scopes=("launch", "openid", "fhirUser", "patient/Patient.rs"))
    report = probed(at)
    assert said(report, "Patient").answer == "works"
    assert said(report, "Coverage").next_step.startswith("Add patient/Coverage.rs")
    change(at, scopes=("launch", "patient/Patient.rs"))
    assert "openid, fhirUser" in said(probed(at), "Who signs in").why


@pytest.mark.parametrize("fault", ["lying-metadata", "odd-configuration", "lying-capabilities"])
def test_whatever_the_ehr_says_of_itself_the_probe_ends_in_a_report(at, fault):
    at.fault(fault)
    report = probed(at)
    assert report.lines
    assert all(one.why for one in report.lines)


def test_at_an_ehr_that_cannot_be_searched_by_identifier_it_says_how_a_record_goes(at):
    at.fault("unsearched", types=["Goal"], count=None)
    report = probed(at)
    assert "among what the person has" in said(report, "Goal", "Writing").why
    whole = said(report, "A record in one piece (transaction)")
    assert whole.answer == "otherwise"
    assert "by identifier for Goal" in whole.why


def test_what_could_not_be_found_again_is_said_to_stay_here(at):
    at.fault("unsearched", types=["Provenance"], parameter="target", count=None)
    report = probed(at)
    assert said(report, "Provenance", "Writing").answer == "not"
    assert "nobody could tell" in said(report, "Provenance", "Writing").why
    assert "Provenance" in said(report, "Notes").why


def test_an_ehr_that_is_away_is_said_to_be_away():
    away = replace(_issuer("http://127.0.0.1:1/fhir"))
    with http_session(tries=1) as http:
        report = probe(http, away, Override(), new_client_key(), NOW)
    assert (report.reached, report.stands) == (False, False)
    assert "could not be reached" in report.lines[0].why


def test_an_address_of_another_host_is_asked_nothing_and_the_host_to_pin_is_named():
    configuration = {"token_endpoint": "https://elsewhere.example/token", "capabilities": ["launch-ehr"]}
    report = of_documents(configuration, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
    assert "elsewhere.example" in report.lines[0].why
    assert "registered hosts" in report.lines[0].next_step
    assert not report.stands


def test_an_algorithm_that_the_ehr_does_not_know_comes_with_the_command_that_mends_it():
    configuration = {
        "capabilities": ["launch-ehr", "client-confidential-asymmetric"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384"],
    }
    report = of_documents(configuration, {"resourceType": "CapabilityStatement"})
    assert "--alg RS384" in said(report, "Our key's algorithm (ES384)").next_step
    assert said(report, "Patient").answer == "unknown"


VENDORS = [
    (
        "epic",
        {"Notes": "otherwise", "Claims": "not", "Plan entries": "not"},
        {"DocumentReference", "ServiceRequest"},
    ),
    (
        "oracle-health",
        {"Notes": "otherwise", "Claims": "not"},
        {"DocumentReference", "Encounter", "Provenance", "RelatedPerson"},
    ),
    ("athenahealth", {"Notes": "not", "Claims": "not"}, set()),
    ("eclinicalworks", {"Notes": "not"}, set()),
    ("nextgen-enterprise", {"Notes": "not"}, set()),
]


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="set EHR_CAPABILITIES to the folder of captures")
@pytest.mark.parametrize(("vendor", "delivered", "taken"), VENDORS, ids=[one[0] for one in VENDORS])
def test_at_what_a_vendor_states_of_its_system(vendor, delivered, taken):
    """Captures of 2026, served from this machine: no vendor is asked."""
    configuration, statement = (
        json.loads((CAPTURES / f"{vendor}.{name}.json").read_text())
        for name in ("smart-configuration", "metadata")
    )
    report = of_documents(configuration, statement)
    assert said(report, "Launch from the chart").answer == "works"
    assert said(report, "Sign-in bound to one browser (PKCE)").answer == "works"
    assert said(report, "Scopes in SMART v2 form").answer == "works"
    assert {name: said(report, name).answer for name in delivered} == delivered
    took = {
        one.function for one in report.lines if one.area == "Writing" and one.answer in ("works", "otherwise")
    }
    assert took - {"A record in one piece (transaction)"} == taken
    assert said(report, "A record in one piece (transaction)").answer == "otherwise"


def of_documents(configuration: dict[str, Any], statement: dict[str, Any]) -> Report:
    with served(configuration, statement) as base, http_session(tries=1) as http:
        return probe(http, _issuer(f"{base}/fhir"), Override(), new_client_key(), NOW)


def _issuer(iss: str) -> Issuer:
    """An EHR without a backend client, so that no token is asked for; its scopes are those delivery needs."""
    return Issuer(
        id="captured",
        iss=iss,
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri="http://127.0.0.1:9/cb/captured",
        scopes=LAUNCH,
        backend_scopes=("system/*.crus",),
    )


@contextmanager
def served(configuration: dict[str, Any], statement: dict[str, Any]) -> Iterator[str]:
    """Two documents at a loopback address, every address in the first moved there."""

    class Two(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages = {"/fhir/metadata": statement, "/fhir/.well-known/smart-configuration": here}
            body = json.dumps(
                pages.get(self.path, {"issuer": here["issuer"], "jwks_uri": f"{base}/k"})
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Two)
    base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    kept = configuration.get("token_endpoint", "").startswith("https://elsewhere")
    moved = json.dumps({"issuer": base, "token_endpoint": f"{base}/token", **configuration})
    here = json.loads(moved if kept else re.sub(r"https://[^/\"]+", base, moved))
    thread.start()
    try:
        yield base
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def peerchart(at: House, folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--data", str(folder / "data")])


def test_the_command_prints_a_table_or_json_and_writes_down_that_it_asked(at, tmp_path):
    from datetime import UTC, datetime, timedelta

    # The command goes by the machine's clock, and the EHR takes no assertion of its future.
    at.clock.now = datetime.now(UTC) + timedelta(seconds=40)
    table = peerchart(at, tmp_path, "issuers", "probe", "sandbox", "--as", "epic")
    assert table.exit_code == 0, table.output
    assert "works otherwise Notes" in table.stdout
    done = peerchart(at, tmp_path, "issuers", "probe", "sandbox", "--as", "oracle", "--json")
    assert json.loads(done.stdout)["stands"] is True
    with at.store.read() as session:
        lines = audit.of_subject(session, "sandbox", "sandbox")
    assert [line.action for line in lines].count("EHR probed") == 2


def test_the_command_says_by_its_exit_code_what_is_amiss_and_asks_nobody_unregistered(at, tmp_path):
    assert peerchart(at, tmp_path, "issuers", "probe", "nobody").exit_code == 2
    change(at, backend_client_id=None, backend_scopes=())
    assert peerchart(at, tmp_path, "issuers", "probe", "sandbox").exit_code == 1
    change(at, iss="http://127.0.0.1:1/fhir")
    assert peerchart(at, tmp_path, "issuers", "probe", "sandbox").exit_code == 2
