"""The app and a sandbox EHR in one process, both by real HTTP on loopback, with one clock for both."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select
from werkzeug.serving import make_server

from app import registry
from app.tables import AuditRow, Launch
from smart_launch.keys import new_client_key, public_set
from smart_launch.sandbox_ehr.config import Client, Config
from smart_launch.sandbox_ehr.serving import running
from tests.app.web.office import EHR, SCOPES, Clock, Office, _issuer, open_office

AT = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)
STATE = "user/Basic.cus"
BACKEND_KEY = new_client_key("ES384")


class Browser(requests.Session):
    """Requests with the cookies of launches kept as a browser keeps Secure ones on this machine."""

    kept: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.kept = {}
        self.trust_env = False

    def go(self, address: str, data: dict[str, str] | None = None) -> requests.Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.kept.items())}
        headers |= {"Origin": "null", "Sec-Fetch-Site": "same-origin"} if data is not None else {}
        method = "GET" if data is None else "POST"
        answer = self.request(method, address, data=data, allow_redirects=False, timeout=30, headers=headers)
        for line in answer.raw.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name.startswith("__Host-pc-"):
                self.kept[name] = value
        return answer


@dataclass
class Visit:
    """One launch of one browser, once it is open."""

    house: House
    browser: Browser
    address: str
    landed: str
    page: requests.Response

    @property
    def id(self) -> str:
        return self.address.rpartition("/l/")[2].strip("/")

    def get(self, path: str) -> requests.Response:
        return self.browser.go(f"{self.address}{path}")

    def post(self, path: str, **data: str) -> requests.Response:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/").text)
        assert found, "no form on the page"
        return self.browser.go(f"{self.address}{path}", {"csrf": found[1], **data})

    def row(self) -> Launch:
        with self.house.office.kit.store.read() as session:
            found = session.get(Launch, self.id)
            assert found is not None
            return found


@dataclass
class House:
    """Both sides."""

    office: Office
    app: str
    ehr: str
    clock: Clock
    folder: Path
    faults: list[str] = field(default_factory=list)

    def started(self, **asked: Any) -> str:
        body = {"user": "rivera", "patient": "pat-moss", "client_id": "peerchart", **asked}
        body = {name: value for name, value in body.items() if value != ""}
        answer = requests.post(f"{self.ehr}/launches", json=body, timeout=20)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["launch_url"])

    def callback(self, browser: Browser, **asked: Any) -> requests.Response:
        """Through the EHR's sign-in and the way back, to what the app answered there."""
        begun = browser.go(self.started(**asked))
        assert begun.status_code == 302, begun.text
        back = requests.get(begun.headers["Location"], allow_redirects=False, timeout=20)
        return browser.go(back.headers["Location"])

    def open(self, **asked: Any) -> Visit:
        browser = Browser()
        opened = self.callback(browser, **asked)
        assert opened.status_code == 303, opened.text
        landed = opened.headers["Location"]
        launch_id = landed.split("/")[2]
        return Visit(self, browser, f"{self.app}/l/{launch_id}", landed, browser.go(self.app + landed))

    def fault(self, name: str, **details: Any) -> None:
        answer = requests.post(f"{self.ehr}/_faults", json={"name": name, **details}, timeout=5)
        assert answer.status_code == 200, answer.text

    def lines(self, action: str) -> list[AuditRow]:
        with self.office.kit.store.read() as session:
            return list(session.scalars(select(AuditRow).where(AuditRow.action == action)).all())

    def launches(self) -> int:
        with self.office.kit.store.read() as session:
            return len(session.scalars(select(Launch.id)).all())


def _clients(app: str) -> tuple[Client, ...]:
    own = Client(
        client_id="peerchart",
        name="Peerchart",
        token_endpoint_auth_method="private_key_jwt",
        jwks_uri=f"{app}/.well-known/jwks.json",
        redirect_uris=(f"{app}/cb/{EHR}",),
        launch_uri=f"{app}/launch",
        grant_types=("authorization_code", "refresh_token"),
        scope=" ".join((*SCOPES, STATE)),
    )
    writer = Client(
        client_id="writer",
        name="Writer",
        token_endpoint_auth_method="private_key_jwt",
        jwks=public_set([BACKEND_KEY]),
        grant_types=("client_credentials",),
        scope="system/Task.crus",
    )
    return own, writer


def register(house: House, scopes: tuple[str, ...]) -> None:
    """Register the EHR with other scopes."""
    kit = house.office.kit
    with kit.store.write() as session:
        issuer = replace(_issuer(house.app, house.ehr), scopes=scopes)
        registry.register(session, kit.keyring, issuer, house.clock())


def _later(_environ: Any, start: Any) -> list[bytes]:
    start("503 Service Unavailable", [])
    return [b""]


@contextmanager
def housed(folder: Path, **config: Any) -> Iterator[House]:
    """Both sides up and known to each other; tokens live 300 s."""
    clock = Clock(AT)
    server = make_server("127.0.0.1", 0, _later, threaded=True)
    app = f"http://127.0.0.1:{server.server_port}"
    facts: dict[str, Any] = {"faults": True, "app_state": True, "token_seconds": 300, **config}
    file = str(folder / "ehr.sqlite")
    with running(Config("", file, _clients(app), clock, date(2026, 3, 4), **facts)) as ehr:
        office = open_office(folder / "data", clock=clock, base_url=app, ehr=ehr)
        server.app = office.app
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        house = House(office, app, ehr, clock, folder / "data")
        register(house, (*SCOPES, STATE))
        try:
            yield house
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()
            office.kit.store.close()
