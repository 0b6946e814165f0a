"""The stage of the journeys: the sandbox EHR, a process on localhost, and the app on 127.0.0.1."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright
from werkzeug.serving import make_server

from app.service import utc_now
from tests.app.web.office import SCOPES, Office, open_office

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of other sites, all of them on this machine.
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]
NO_CHROMIUM = "no Chromium here; get it with: apt-get install chromium"
WIDTHS = (320, 768, 1280)


@dataclass
class Stage:
    """Both servers."""

    office: Office
    ehr: str
    app: str
    log: list[str] = field(default_factory=list)

    def chart(self, patient: str, user: str, encounter: str = "") -> str:
        """The address of a chart with the app in its frame."""
        return f"{self.ehr}/charts/{patient}/app?user={user}&client_id=peerchart&encounter={encounter}"

    def menu(self, user: str) -> str:
        """The address that opens the app without a patient."""
        return f"{self.ehr}/menu/app?user={user}&client_id=peerchart"


@dataclass
class Watched:
    """A browser window whose console, requests and policy violations are kept."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def frame(self, app: str) -> Frame:
        """The app's frame in the page, once it stands."""
        for _ in range(200):
            found = next((each for each in self.page.frames if each.url.startswith(f"{app}/l/")), None)
            if found is not None:
                found.wait_for_load_state()
                return found
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the app did not open: {[each.url for each in self.page.frames]}")


def chromium() -> str | None:
    """Where a Chromium stands on this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def need_chromium() -> str:
    """The Chromium to use; without one the test is skipped, or fails when REQUIRE_BROWSER is 1."""
    found = chromium()
    if found is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM)
    return found


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Both servers, up and known to each other."""
    server = make_server("127.0.0.1", 0, _later, threaded=True)
    app = f"http://127.0.0.1:{server.server_port}"
    clients = folder / "clients.json"
    clients.write_text(json.dumps([client(app, "sandbox")]))
    with sandbox(folder, clients) as ehr:
        office = open_office(folder / "data", clock=utc_now, base_url=app, ehr=ehr)
        server.app = office.app
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Stage(office, ehr, app)
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()
            office.kit.store.close()


def open_browser(playwright: Playwright) -> Browser:
    """One Chromium for all journeys."""
    return playwright.chromium.launch(executable_path=need_chromium(), args=ARGS)


def watch(context: BrowserContext) -> Watched:
    """A new window that keeps what the pages complain of and whom they ask."""
    page = context.new_page()
    watched = Watched(page)
    page.on("console", lambda message: _heard(watched, message))
    page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
    page.on("request", lambda request: watched.hosts.add(_host(request.url)))
    return watched


def _heard(watched: Watched, message: Any) -> None:
    if message.type in ("error", "warning"):
        watched.complaints.append(f"{message.type}: {message.text}")


def _host(url: str) -> str:
    found = re.match(r"[a-z]+://([^/]+)", url)
    return found[1] if found else url[:20]


def _later(_environ: Any, start: Any) -> list[bytes]:
    start("503 Service Unavailable", [])
    return [b""]


def client(app: str, issuer: str) -> dict[str, Any]:
    """The app as a sandbox EHR registers it, under the id by which we know that EHR."""
    return {
        "client_id": "peerchart",
        "name": "Peerchart",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": f"{app}/.well-known/jwks.json",
        "redirect_uris": [f"{app}/cb/{issuer}"],
        "launch_uri": f"{app}/launch",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": " ".join(SCOPES),
    }


@contextmanager
def sandbox(folder: Path, clients: Path) -> Iterator[str]:
    """A sandbox EHR as a process of its own; gives its address."""
    command = [sys.executable, "-m", "smart_launch.sandbox_ehr", "--port", "0"]
    command += ["--db", str(folder / "ehr.sqlite3"), "--clients", str(clients), "--faults"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://localhost:\d+", line)
        assert found, f"the sandbox EHR did not start: {line}"
        yield found[0]
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
