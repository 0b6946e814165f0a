"""The EHR as a process of its own: it starts on a free port, keeps what it stored, and stops cleanly."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import requests

from smart_launch.sandbox_ehr.config import read_clients

CLIENTS = [
    {
        "client_id": "basic",
        "name": "Basic",
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret": "a-secret",
        "grant_types": ["client_credentials"],
        "scope": "system/*.cruds",
    }
]


def command(folder: Path, port: int = 0, *more: str) -> list[str]:
    clients = folder / "clients.json"
    clients.write_text(json.dumps(CLIENTS), encoding="utf-8")
    module = [sys.executable, "-m", "smart_launch.sandbox_ehr", "--port", str(port)]
    return [*module, "--db", str(folder / "ehr.sqlite3"), "--clients", str(clients), *more]


@contextmanager
def process(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        command(folder, 0, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started, said(started.stdout).split()[3]
        finally:
            if started.poll() is None:
                started.kill()


def said(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def bearer(base: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "scope": "system/*.cruds"}
    answer = requests.post(f"{base}/auth/token", data=form, auth=("basic", "a-secret"), timeout=10)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_keeps_what_it_stored(tmp_path: Path, how: signal.Signals) -> None:
    goal = {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "Go to the choir"},
        "subject": {"reference": "Patient/pat-moss"},
    }
    with process(tmp_path) as (first, base):
        made = requests.post(f"{base}/fhir/Goal", json=goal, headers=bearer(base), timeout=10)
        assert made.status_code == 201, made.text
        keys = requests.get(f"{base}/auth/jwks", timeout=10).json()
        first.send_signal(how)
        assert first.communicate(timeout=20) == ("", "")
        assert first.returncode == 0
    with process(tmp_path) as (second, base):
        place = f"{base}/fhir/Goal/{made.json()['id']}"
        assert requests.get(place, headers=bearer(base), timeout=10).json() == made.json()
        assert requests.get(f"{base}/auth/jwks", timeout=10).json() == keys
        patient = f"{base}/fhir/Patient/pat-moss/_history"
        assert requests.get(patient, headers=bearer(base), timeout=10).json()["total"] == 1
        second.send_signal(how)
        assert second.wait(20) == 0


def test_what_it_offers_is_chosen_at_the_start(tmp_path: Path) -> None:
    flags = ("--faults", "--scopes", "v2", "--id-token-alg", "ES384", "--app-state", "--no-style")
    with process(tmp_path, *flags) as (_, base):
        stated = requests.get(f"{base}/fhir/.well-known/smart-configuration", timeout=10).json()
        assert {"permission-v2", "smart-app-state"} <= set(stated["capabilities"])
        assert not {"permission-v1", "context-style"} & set(stated["capabilities"])
        assert requests.get(f"{base}/auth/jwks", timeout=10).json()["keys"][0]["crv"] == "P-384"
        assert requests.get(f"{base}/_faults", timeout=10).status_code == 200


def test_a_busy_port_gets_a_clear_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            command(tmp_path, port), capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 2
    assert "cannot start" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "clients",
    [
        {},
        [{"client_id": "x"}],
        [CLIENTS[0], CLIENTS[0]],
        [CLIENTS[0] | {"surprise": 1}],
        [CLIENTS[0] | {"client_secret": None}],
        [CLIENTS[0] | {"token_endpoint_auth_method": "private_key_jwt"}],
        [CLIENTS[0] | {"token_endpoint_auth_method": "none"}],
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_clients_file_is_refused(tmp_path: Path, clients: object) -> None:
    file = tmp_path / "clients.json"
    file.write_text(json.dumps(clients), encoding="utf-8")
    with pytest.raises(ValueError, match="clients"):
        read_clients(file)
