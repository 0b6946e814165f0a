"""An office for the page tests: a registered EHR, a programme, its staff and a few people, in a real file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from app import engagement, individuals, registry, staff
from app.actor import Actor
from app.individuals import PersonLinks
from app.service import create_app
from app.settings import Settings
from app.store import Store
from app.web import launches
from app.web.access import cookie_name
from app.web.kit import Kit
from mappings.intake import record_from
from mappings.records import Individual, Program, Staff
from smart_launch.issuers import Issuer

ORIGIN = "http://127.0.0.1:8000"
EHR = "sandbox"
START = datetime(2026, 3, 4, 15, 0, tzinfo=UTC)  # 10 in the morning in New York

ADMIN = Actor(EHR, "setup", "Set up", frozenset({"administrator"}), "setup")
PEOPLE = {
    "pat-moss": ("MRN-70001", "Alex", "Moss", "1990-02-03"),
    "pat-lindqvist": ("MRN-70002", "Maja", "Lindqvist", "1984-06-01"),
    "pat-farrell": ("MRN-70003", "Jonah", "Farrell", "1971-10-08"),
}
STAFF: dict[str, tuple[str, str, str, tuple[str, ...], str]] = {
    "rivera": ("1900000021", "Pat", "Rivera", ("peer",), "nycps"),
    "okafor": ("1900000047", "Ngozi", "Okafor", ("peer",), "fpa-c"),
    "chen": ("1900000039", "Dana", "Chen", ("lpha", "clinician"), "lcsw"),
    "whitfield": ("1900000070", "Lee", "Whitfield", ("supervisor", "administrator"), "peer-supervisor"),
    "moreno": ("1900000088", "Iris", "Moreno", ("biller",), ""),
}
SCOPES = ("launch", "launch/patient", "openid", "fhirUser", "offline_access", "user/*.rs")
ISSUERS = {"nycps": "omh-approved", "fpa-c": "omh-approved", "lcsw": "nysed"}


@dataclass
class Clock:
    """A clock that a test moves."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Desk:
    """One browser at one launch."""

    client: FlaskClient
    launch_id: str
    page: TestResponse | None = field(default=None)

    def address(self, path: str) -> str:
        return f"/l/{self.launch_id}{path}"

    def get(self, path: str, **more: Any) -> TestResponse:
        self.page = self.client.get(self.address(path), base_url=ORIGIN, **more)
        return self.page

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        data = {"csrf": self.csrf(), **(data or {})}
        headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
        self.page = self.client.post(self.address(path), data=data, headers=headers, base_url=ORIGIN, **more)
        return self.page

    def csrf(self) -> str:
        from app.web.access import csrf_token

        cookie = self.client.get_cookie(cookie_name(self.launch_id), domain="127.0.0.1")
        if cookie is None:
            return ""
        kit: Kit = self.client.application.extensions["peerchart"]
        with kit.store.read() as session:
            found = launches.find(session, self.launch_id)
        return csrf_token(self.launch_id, cookie.value, found.patient if found else None)

    def follow(self) -> TestResponse:
        assert self.page is not None and self.page.status_code == 303, self.page
        self.page = self.client.get(self.page.headers["Location"], base_url=ORIGIN)
        return self.page


@dataclass
class Office:
    """The application with its people."""

    app: Flask
    clock: Any

    @property
    def kit(self) -> Kit:
        kit: Kit = self.app.extensions["peerchart"]
        return kit

    def sit(
        self,
        who: str,
        patient: str | None = None,
        client: FlaskClient | None = None,
        issuer: str = EHR,
    ) -> Desk:
        """Open a launch for a member of the staff (by the short name above, or by id), as a finished launch
        would."""
        client = client or self.app.test_client()
        launch_id, secret, now = launches.new_id(), launches.new_secret(), self.clock()
        with self.kit.store.write() as session:
            launches.open_launch(
                session,
                launch_id=launch_id,
                issuer=issuer,
                staff_id=STAFF[who][0] if who in STAFF else who,
                practitioner=f"Practitioner/prac-{who}",
                patient=patient,
                encounter=None,
                cookie_secret=secret,
                context={"banner": True},
                sealed=None,
                now=now,
                good_until=now + timedelta(hours=10),
            )
        client.set_cookie(cookie_name(launch_id), secret, domain="127.0.0.1", secure=True)
        return Desk(client, launch_id)


def open_office(
    folder: Path,
    *,
    clock: Callable[[], datetime] | None = None,
    base_url: str = ORIGIN,
    ehr: str = "http://localhost:9",
    store: Store | None = None,
    **settings: Any,
) -> Office:
    """The office in a fresh folder, registered with the EHR at this address; see `reopened`."""
    office = reopened(folder, clock=clock, base_url=base_url, store=store, **settings)
    clock = office.clock
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, _issuer(base_url, ehr), clock())
        staff.save_program(
            session, ADMIN, a_program(), clock(), organization="Organization/org-riverbend", location=None
        )
        for who in STAFF:
            staff.save(session, ADMIN, a_member(who), frozenset(STAFF[who][3]), True, clock())
            staff.link_practitioner(session, EHR, STAFF[who][0], f"Practitioner/prac-{who}", clock())
        for patient in PEOPLE:
            individuals.remember(session, EHR, patient, _person(patient), (), _links(patient), clock())
        _decide(office, session)
    return office


def reopened(
    folder: Path,
    *,
    clock: Callable[[], datetime] | None = None,
    base_url: str = ORIGIN,
    store: Store | None = None,
    **settings: Any,
) -> Office:
    """The application on what stands in the folder; `store` an open memory. A test may ask as often as it
    likes unless `settings` say otherwise."""
    clock = clock or Clock()
    often = {"person_limit": "1000000 per second", "address_limit": "1000000 per second"}
    said = Settings(data_dir=folder, base_url=base_url, **{**often, **settings})
    app = create_app(said, clock=clock, store=store)
    app.testing = False
    return Office(app, clock)


def in_haste(office: Office) -> None:
    """From now on no commit waits for the disk: nothing of this file is to outlive the tests."""
    engine = office.kit.store.engine
    event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA synchronous = OFF"))
    engine.dispose()


def _decide(office: Office, session: Any) -> None:
    for patient in ("pat-moss", "pat-lindqvist"):
        who = Actor(EHR, "1900000039", "Dana Chen", frozenset({"lpha"}), "setup", patient)
        engagement.record(session, who, "undecided", date(2026, 1, 2), office.kit.library, office.clock())
    admitted = Actor(EHR, "1900000039", "Dana Chen", frozenset({"lpha"}), "setup", "pat-lindqvist")
    engagement.record(session, admitted, "admitted", date(2026, 1, 5), office.kit.library, office.clock())


def _issuer(base_url: str, ehr: str) -> Issuer:
    return Issuer(
        id=EHR,
        iss=f"{ehr}/fhir",
        client_id="peerchart",
        auth_method="private_key_jwt",
        redirect_uri=f"{base_url}/cb/{EHR}",
        scopes=SCOPES,
        frame_origins=(ehr,),
        jurisdiction="us-ny",
    )


def a_program() -> Program:
    """The programme."""
    data = {
        "kind": "program",
        "id": "1900000013",
        "jurisdiction": "us-ny",
        "npi": "1900000013",
        "medicaid_id": "01234567",
        "name": "Riverbend MHOTRS",
        "program_kind": "mhotrs",
        "population": "all",
        "time_zone": "America/New_York",
        "part2": False,
        "licences": [{"code": "omh-599", "number": "X", "from": "2024-01-01", "to": None}],
        "enrolments": [{"payer": "NYMEDICAID", "service": "peer-support", "from": "2024-01-01", "to": None}],
        "policies": [{"kind": "peer-support", "on": "2025-12-01"}],
    }
    record = record_from(data)
    assert isinstance(record, Program)
    return record


def a_member(who: str) -> Staff:
    """One of the staff by the short name."""
    npi, given, family, _, credential = STAFF[who]
    credentials = [
        {
            "code": credential,
            "issuer": ISSUERS.get(credential),
            "number": "N-1",
            "from": "2025-02-01",
            "to": "2027-06-30",
        }
    ]
    data = {
        "kind": "staff",
        "id": npi,
        "jurisdiction": "us-ny",
        "npi": npi,
        "name": {"given": [given], "family": family},
        "birth_date": "1985-05-05",
        "hired": "2025-01-06",
        "employment": "employed",
        "credentials": credentials if credential else [],
        "attestations": [{"kind": "lived-experience", "on": "2025-01-20", "by": "1900000039"}],
        "supervisor": {"id": "1900000039", "category": "lcsw", "from": "2025-02-01", "to": None},
    }
    record = record_from(data)
    assert isinstance(record, Staff)
    return record


def _person(patient: str) -> Individual:
    mrn, given, family, born = PEOPLE[patient]
    return Individual.model_validate(
        {
            "id": mrn,
            "identifier_system": "urn:example:mrn",
            "name": {"given": [given], "family": family},
            "birth_date": born,
            "gender": "unknown",
            "coverages": [
                {
                    "payer": "NYMEDICAID",
                    "class": "medicaid",
                    "member_id": "AA00001A",
                    "order": 1,
                    "from": "2026-01-01",
                }
            ],
        }
    )


def _links(patient: str) -> PersonLinks:
    return PersonLinks(
        coverages={"NYMEDICAID": f"Coverage/cov-{patient}"}, payers={"NYMEDICAID": "Organization/payer"}
    )


class Forms(HTMLParser):
    """The fields of the forms of a page, as a browser would send them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self._area: str | None = None
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = dict(attrs)
        name = at.get("name") or ""
        if at.get("id"):
            self.ids.append(str(at["id"]))
        if tag == "input" and name:
            kind = at.get("type", "text")
            if kind not in ("checkbox", "radio") or "checked" in at:
                self.fields.setdefault(name, []).append(at.get("value") or "")
        elif tag == "textarea":
            self._area = name
            self.fields[name] = [""]
        elif tag == "select":
            self._select = name
            self.fields.setdefault(name, [""])
        elif tag == "option" and self._select and "selected" in at:
            self.fields[self._select] = [at.get("value") or ""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area][0] += data.removeprefix("\n") if not self.fields[self._area][0] else data
