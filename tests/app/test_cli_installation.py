"""The commands that keep an installation: database, issuers, keys, staff, deliveries, and the server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from app.cli import cli
from app.demo.setting_up import data_file
from app.serving import Busy, listening

EHR = {
    "id": "riverbend", "iss": "https://ehr.example/fhir", "client_id": "peerchart",
    "auth_method": "private_key_jwt", "redirect_uri": "https://peerchart.example/cb/riverbend",
    "scopes": ["launch", "openid"], "jurisdiction": "us-ny", "backend_client_id": "peerchart-backend",
    "backend_scopes": ["system/DocumentReference.crus"],
}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "ehr.json").write_text(json.dumps(EHR))
    assert peerchart(tmp_path, "issuers", "add", str(tmp_path / "ehr.json")).exit_code == 0
    return tmp_path


def peerchart(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--data", str(data / "data")])


def test_the_database_is_made_and_a_second_upgrade_changes_nothing(tmp_path: Path) -> None:
    assert "before: empty" in peerchart(tmp_path, "db", "upgrade").stdout
    assert "already" in peerchart(tmp_path, "db", "upgrade").stdout


def test_a_registered_ehr_is_listed_with_its_addresses(data: Path) -> None:
    said = json.loads(peerchart(data, "issuers", "list", "--json").stdout)
    assert (said["id"], said["iss"]) == ("riverbend", "https://ehr.example/fhir")
    assert "riverbend" in peerchart(data, "issuers", "list").stdout


def test_a_registration_that_is_none_is_wrong_usage(data: Path) -> None:
    for text in ("{", "[]", '{"id": "x"}', '{"colour": "green"}'):
        (data / "wrong.json").write_text(text)
        result = peerchart(data, "issuers", "add", str(data / "wrong.json"))
        assert result.exit_code == 2, text
        assert "no registration" in result.stderr


def test_an_ehr_without_records_can_be_removed_and_an_unknown_one_not(data: Path) -> None:
    assert peerchart(data, "issuers", "remove", "riverbend").exit_code == 0
    assert peerchart(data, "issuers", "list").stdout == ""
    assert peerchart(data, "issuers", "remove", "riverbend").exit_code == 2


def test_a_rotated_key_is_retired_and_stays_published(data: Path) -> None:
    [before] = json.loads(peerchart(data, "keys", "public", "--purpose", "client").stdout)["keys"]
    assert peerchart(data, "keys", "rotate", "riverbend", "--purpose", "client").exit_code == 0
    after = json.loads(peerchart(data, "keys", "public", "--purpose", "client").stdout)["keys"]
    assert len(after) == 2
    assert before in after
    assert all("d" not in key for key in after)
    listed = [json.loads(line) for line in peerchart(data, "keys", "list", "--json").stdout.splitlines()]
    assert [key["kid"] for key in listed if key["retired_at"]] == [before["kid"]]


def test_keys_of_an_unknown_ehr_cannot_be_rotated(data: Path) -> None:
    result = peerchart(data, "keys", "rotate", "nowhere", "--purpose", "seal")
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


def test_staff_and_programme_are_imported_and_a_wrong_line_is_named(data: Path) -> None:
    good = data_file("staff.csv")
    wrong = good.replace("2024-03-04", "04.03.2024")
    (data / "staff.csv").write_text(wrong)
    result = peerchart(data, "staff", "import", str(data / "staff.csv"), "--issuer", "riverbend")
    assert result.exit_code == 2
    assert "staff.csv:6:" in result.stderr
    assert "6 saved" in result.stdout
    (data / "program.json").write_text(data_file("program.json"))
    done = peerchart(data, "staff", "program", str(data / "program.json"), "--issuer", "riverbend")
    assert (done.exit_code, "Riverbend MHOTRS" in done.stdout) == (0, True)


def test_with_nothing_due_deliver_says_so(data: Path) -> None:
    result = peerchart(data, "deliver")
    assert (result.exit_code, result.stdout) == (0, "Nothing is due.\n")


def test_a_data_folder_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    result = peerchart(tmp_path, "db", "upgrade")
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert not isinstance(result.exception, FileExistsError | NotADirectoryError)


def test_a_busy_port_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Busy, match="--port"):
        listening("127.0.0.1", taken.getsockname()[1])


@contextmanager
def _served(data: Path, **settings: str) -> Iterator[str]:
    """A server with two processes, that has answered; it ends without a trace of trouble."""
    words = ["serve", "--port", "0", "--processes", "2", "--data", str(data / "data")]
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
    )
    try:
        assert process.stdout is not None
        base = process.stdout.readline().decode().split()[-1]
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                assert requests.get(f"{base}/healthz", timeout=40).status_code == 200
                break
            except requests.ConnectionError:
                time.sleep(0.05)
        yield base
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=40)
    assert b"Traceback" not in errors
    assert process.returncode == 0


def test_the_server_answers_and_ends_without_a_trace_of_trouble(data: Path) -> None:
    with _served(data) as base:
        keys = requests.get(f"{base}/.well-known/jwks.json", timeout=40).json()["keys"]
        assert len(keys) == 1


def test_the_server_writes_nowhere_but_into_its_folder(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home-of-the-user"
    home.mkdir()
    with _served(data, HOME=str(home), XDG_RUNTIME_DIR=str(home)) as base:
        assert requests.get(f"{base}/healthz", timeout=40).status_code == 200
        assert list(home.iterdir()) == []


def test_two_processes_let_through_the_whole_limit_and_no_more(data: Path) -> None:
    with _served(data, PEERCHART_ADDRESS_LIMIT="20 per hour") as base, requests.Session() as one:
        kept = [one.get(f"{base}/healthz", timeout=40).status_code for _ in range(18)]
        fresh = [requests.get(f"{base}/healthz", timeout=40).status_code for _ in range(8)]
    assert kept == [200] * 18
    assert fresh == [200] + [429] * 7


BY_ID_ALONE = {
    "kind": "contact", "id": "ENC-1", "jurisdiction": "us-ny", "status": "finished",
    "individual": {"id": "MRN-70001"}, "program": {"id": "1900000013"}, "peer": {"id": "1900000021"},
    "service": {"type": "adult"},
    "start": "2026-03-04T10:00:00-05:00", "end": "2026-03-04T10:40:00-05:00",
}  # fmt: skip


def test_a_peer_and_programme_named_by_id_alone_are_found_in_the_database(data: Path) -> None:
    for command, name in (("program", "program.json"), ("import", "staff.csv")):
        (data / name).write_text(data_file(name))
        done = peerchart(data, "staff", command, str(data / name), "--issuer", "riverbend")
        assert done.exit_code == 0, done.output
    (data / "contact.ndjson").write_text(json.dumps(BY_ID_ALONE))
    check = ("check", str(data / "contact.ndjson"), "--all", "--now", "2026-03-05T12:00:00-05:00")
    alone = CliRunner().invoke(cli, list(check))
    known = peerchart(data, *check)
    assert _result_of(alone, "NY.REND.NYCPS.CRED") == "indeterminate"
    assert _result_of(known, "NY.REND.NYCPS.CRED") != "indeterminate"
    assert len(known.stdout.splitlines()) == 1


def test_a_folder_without_a_database_is_wrong_usage_for_check(tmp_path: Path) -> None:
    result = peerchart(tmp_path, "check", "-")
    assert result.exit_code == 2
    assert "there is no database" in result.stderr


def _result_of(result: Result, rule: str) -> str:
    found = json.loads(result.stdout)["findings"]
    return str(next(each["result"] for each in found if each["rule"] == rule))
