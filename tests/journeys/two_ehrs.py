"""A second EHR on the stage, framed by a site of its own; the same people carry the same ids in both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import requests
from playwright.sync_api import BrowserContext, Playwright
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from app import registry, staff
from smart_launch.issuers import Issuer
from tests.app.web.office import ADMIN, SCOPES, STAFF, a_member, a_program
from tests.journeys.stage import ARGS, Stage, client, need_chromium, sandbox

OTHER = "lakeside"


@dataclass(frozen=True)
class OtherEhr:
    """The second EHR: `ehr` is its address, `site` that of the clinic's portal, in which it is opened."""

    ehr: str
    site: str

    def chart(self, patient: str, user: str) -> str:
        """The address of a chart with the app in its frame, in the portal."""
        return f"{self.site}/{patient}/{user}"


@contextmanager
def second_ehr(stage: Stage, folder: Path) -> Iterator[OtherEhr]:
    """Start the second EHR and register it with the same office."""
    clients = folder / "clients.json"
    clients.write_text(json.dumps([client(stage.app, OTHER)]))
    with sandbox(folder, clients) as ehr, elsewhere(lambda asked: _portal(ehr, asked)) as port:
        site = f"http://portal.lakeside.example:{port}"
        _register(stage, ehr, site)
        yield OtherEhr(ehr, site)


def _portal(ehr: str, asked: Request) -> Response:
    """A page of the portal: a chart with the app in its frame; every load is a new launch."""
    if asked.path.count("/") != 2:
        return Response(status=404)
    patient, user = asked.path.strip("/").split("/")
    body = {"user": user, "patient": patient, "client_id": "peerchart"}
    launch = requests.post(f"{ehr}/launches", json=body, timeout=20).json()["launch_url"]
    frame = f'<iframe src="{escape(launch)}" width="1000" height="800" title="Peerchart"></iframe>'
    return Response(frame, mimetype="text/html")


def _register(stage: Stage, ehr: str, site: str) -> None:
    office, now = stage.office, stage.office.clock()
    keeper = replace(ADMIN, issuer=OTHER)
    issuer = Issuer(
        id=OTHER,
        iss=f"{ehr}/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri=f"{stage.app}/cb/{OTHER}",
        scopes=SCOPES,
        frame_origins=(site,),
        jurisdiction="us-ny",
    )
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, issuer, now)
        staff.save_program(
            session, keeper, a_program(), now, organization="Organization/org-riverbend", location=None
        )
        for who in ("rivera", "okafor"):
            staff.save(session, keeper, a_member(who), frozenset(STAFF[who][3]), True, now)


@contextmanager
def elsewhere(site: Callable[[Request], Response]) -> Iterator[int]:
    """Another site on this machine, asked under any name of `*.example`; gives its port."""
    server = make_server("127.0.0.1", 0, Request.application(site), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def browser_of_a_person(
    playwright: Playwright, profile: Path, preferences: dict[str, object]
) -> Iterator[BrowserContext]:
    """A Chromium with a profile of its own, in which these preferences were chosen."""
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": preferences}))
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=need_chromium(), args=ARGS, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(20_000)
    try:
        yield context
    finally:
        context.close()
