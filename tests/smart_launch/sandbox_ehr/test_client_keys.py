"""The keys of a client are fetched from its address when they are needed, and again for an unknown kid."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.smart_launch.sandbox_ehr.office import TODAY, Clock, Keys, Office


@dataclass
class KeyHost:
    """An address with a key set that a test can change; counts how often it was asked."""

    address: str = ""
    body: bytes = b'{"keys": []}'
    status: int = 200
    cache_control: str | None = None
    asked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, *keys: ECKey) -> None:
        self.body = json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


@pytest.fixture
def host() -> Iterator[KeyHost]:
    found = KeyHost()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with found.lock:
                found.asked += 1
            self.send_response(found.status)
            self.send_header("Location", "/elsewhere")
            if found.cache_control:
                self.send_header("Cache-Control", found.cache_control)
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.address = f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield found
        server.shutdown()
        thread.join(10)


@pytest.fixture
def remote(host: KeyHost, keys: Keys, tmp_path: Path) -> Iterator[Office]:
    client = Client(
        client_id="backend",
        name="Backend",
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri=host.address,
        grant_types=("client_credentials",),
        scope="system/*.rs",
    )
    clock = Clock()
    with running(Config("", str(tmp_path / "ehr.sqlite3"), (client,), clock, TODAY)) as base:
        yield Office(base, clock, keys)


def test_keys_are_fetched_when_needed_and_kept(remote: Office, host: KeyHost) -> None:
    assert host.asked == 0
    host.publish(remote.keys.es384)
    assert [remote.backend().status_code for _ in range(3)] == [200] * 3
    assert host.asked == 1
    remote.clock.forward(seconds=301)
    assert remote.backend().status_code == 200
    assert host.asked == 2


@pytest.mark.parametrize(
    ("said", "seconds", "asked"),
    [
        ("max-age=60", 59, 1),
        ("max-age=60", 61, 2),
        ("public, max-age=3600", 3000, 1),
        ("max-age=3600, no-store", 2, 2),
        ("no-cache", 2, 2),
        ("public", 299, 1),
    ],
)
def test_keys_are_kept_as_long_as_their_cache_control_says(
    remote: Office, host: KeyHost, said: str, seconds: int, asked: int
) -> None:
    host.publish(remote.keys.es384)
    host.cache_control = said
    assert remote.backend().status_code == 200
    remote.clock.forward(seconds=seconds)
    assert remote.backend().status_code == 200
    assert host.asked == asked


def test_a_rotated_key_is_found_and_an_unknown_one_is_no_flood(remote: Office, host: KeyHost) -> None:
    host.publish(remote.keys.es384)
    assert remote.backend().status_code == 200
    fresh = ECKey.generate_key("P-384", {"kid": "fresh"})
    host.publish(remote.keys.es384, fresh)
    remote.clock.forward(seconds=2)
    assert remote.backend(assertion=remote.assertion(fresh)).status_code == 200
    asked = host.asked
    for _ in range(5):
        assert remote.backend(assertion=remote.assertion(fresh, kid="unknown")).status_code == 400
    assert host.asked <= asked + 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (302, b""), (200, b"nonsense"), (200, b'{"keys": 1}'), (200, b"[]"), (200, b"{}")],
)
def test_unreadable_keys_refuse_the_client(remote: Office, host: KeyHost, status: int, body: bytes) -> None:
    host.status, host.body = status, body
    answer = remote.backend()
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_an_address_that_does_not_answer_refuses_the_client(tmp_path: Path, keys: Keys) -> None:
    client = Client(
        client_id="backend",
        name="Backend",
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri="http://127.0.0.1:9/jwks.json",
        grant_types=("client_credentials",),
        scope="system/*.rs",
    )
    clock = Clock()
    with running(Config("", str(tmp_path / "ehr.sqlite3"), (client,), clock, TODAY)) as base:
        assert Office(base, clock, keys).backend().json()["error"] == "invalid_client"
