"""One EHR with named faults and one office, in this process: what reaches the EHR is counted there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.service import utc_now
from app.tables import AuditRow, Launch
from smart_launch.sandbox_ehr import serving
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.server import create_app
from tests.app.web.office import ORIGIN, SCOPES, Office, open_office


@dataclass
class Scene:
    """The office, the EHR's address, and the requests that the office sent to it, in order."""

    office: Office
    ehr: str
    asked: list[str] = field(default_factory=list)

    def browser(self) -> FlaskClient:
        """A browser with cookies of its own."""
        return self.office.app.test_client()

    def launch(self, user: str = "rivera", patient: str = "pat-moss", **more: Any) -> str:
        """Begin in the EHR: the address, on our side, that it opens. `faults` are borne by this launch."""
        body = {"user": user, "patient": patient, "client_id": "peerchart", **more}
        answer = requests.post(f"{self.ehr}/launches", json=body, timeout=20)
        answer.raise_for_status()
        return self.path(answer.json()["launch_url"])

    def plan(self, fault: str, **options: Any) -> None:
        """Plan a fault for the whole EHR."""
        answer = requests.post(f"{self.ehr}/_faults", json={"name": fault, **options}, timeout=20)
        answer.raise_for_status()

    def go(self, browser: FlaskClient, path: str) -> TestResponse:
        """One request of this browser."""
        return browser.get(path, base_url=ORIGIN)

    def to_callback(self, browser: FlaskClient, path: str) -> str:
        """Through the EHR's sign-in to the way back, not yet visited."""
        sent = self.go(browser, path)
        assert sent.status_code == 302, sent.text
        back = requests.get(sent.headers["Location"], allow_redirects=False, timeout=20)
        return self.path(back.headers["Location"])

    def opened(self, browser: FlaskClient, callback: str) -> TestResponse:
        """The first page of a launch, by all its redirects."""
        answer = self.go(browser, callback)
        for _ in range(5):
            if answer.status_code not in {302, 303}:
                return answer
            answer = self.go(browser, answer.headers["Location"])
        raise AssertionError("more than five redirects")

    @staticmethod
    def path(address: str) -> str:
        """The path and query of an address of ours."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == ORIGIN, address
        return f"{parts.path}?{parts.query}"

    @staticmethod
    def query(address: str) -> dict[str, str]:
        """The parameters of an address."""
        return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))

    def launches(self) -> int:
        """How many launches were ever opened."""
        with self.office.kit.store.read() as session:
            return session.scalar(select(func.count()).select_from(Launch)) or 0

    def last_refusal(self) -> str:
        """The reason of the last launch that was refused, as the audit keeps it."""
        with self.office.kit.store.read() as session:
            refused = select(AuditRow).where(AuditRow.action == "launch refused")
            row = session.scalars(refused.order_by(AuditRow.seq.desc())).first()
        assert row is not None
        return str(row.detail["why"])

    def to_token(self) -> int:
        """How many requests went to the token address."""
        return sum(line.endswith("/auth/token") for line in self.asked)


@contextmanager
def scene(folder: Path, **ehr_settings: Any) -> Iterator[Scene]:
    """Both sides, up and known to each other; the clock is the machine's, since the EHR's is."""
    offices: list[Office] = []
    asked: list[str] = []
    guard = threading.Lock()

    def config(base: str) -> Config:
        offices.append(open_office(folder / "data", clock=utc_now, ehr=base))
        keys = offices[0].kit.keyring.public_client_keys()
        file = str(folder / "ehr.sqlite3")
        today = datetime.now(UTC).date()
        settings = {"faults": True, "clock": utc_now, "today": today, **ehr_settings}
        return Config(base_url=base, database=file, clients=(_client(keys),), **settings)

    def counted(made: Config) -> Flask:
        app = create_app(made)

        @app.before_request
        def _count() -> None:
            if request.headers.get("User-Agent", "").startswith("Peerchart/"):
                with guard:
                    asked.append(f"{request.method} {request.path}")

        return app

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "create_app", counted)
        with serving.running(config) as base:
            yield Scene(offices[0], base, asked)
    offices[0].kit.store.close()


def _client(keys: dict[str, Any]) -> Client:
    return Client(
        client_id="peerchart",
        name="Peerchart",
        token_endpoint_auth_method="private_key_jwt",
        jwks=keys,
        redirect_uris=(f"{ORIGIN}/cb/sandbox",),
        launch_uri=f"{ORIGIN}/launch",
        grant_types=("authorization_code", "refresh_token"),
        scope=" ".join(SCOPES),
    )
