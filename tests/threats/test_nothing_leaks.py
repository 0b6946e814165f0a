"""What is secret, and who the people are, stands nowhere it has no business to stand (T7, T21).

Secrets are the tokens of the EHR, the code and the proof of its exchange, our assertions, the client's
secret, a cookie's secret and a signing PIN: they stand in no page, address, log, error or file. Names, dates
of birth, record numbers and what is written of a person stand on the pages of that person's launch and in the
tables of the record, which are named here, and nowhere else.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
import structlog
from flask.testing import FlaskClient
from sqlalchemy import inspect, select, text
from structlog.typing import EventDict
from urllib3 import HTTPResponse
from werkzeug.test import TestResponse

from app import registry, second_step, signing_pins
from app.actor import Actor
from app.delivery.loop import token_ends_of
from app.tables import EndingToken, Launch, SignatureRow
from app.web.access import guard_of
from smart_launch.issuers import Issuer
from tests.app.web.office import EHR, ORIGIN, STAFF, Desk, Forms
from tests.app.web.test_writing_and_signing import WRITTEN
from tests.threats.scene import Scene, scene

PIN = "canary pin of five words"
CLIENT_SECRET = "canary-client-secret-5b1d"
NOTE = "Canary words of a note"
PEOPLE_WORDS = ("Alex", "Moss", "1990-02-03", "MRN-70001", NOTE)
# The tables that are the record: of people, what was signed of them, and what is on its way to their chart.
RECORD = {"individuals", "contacts", "contact_versions", "signatures", "outbox", "outbox_steps", "decisions"}
PASSED_ON = ("access_token", "refresh_token", "id_token", "client_assertion", "code", "code_verifier")


@dataclass
class Seen:
    """Everything that left the product during the walk, and the secrets that were about."""

    scene: Scene
    secrets: dict[str, str] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def keep(self, answer: TestResponse) -> TestResponse:
        self.pages.append(answer.get_data(as_text=True))
        self.addresses += [answer.request.url, answer.headers.get("Location", "")]
        return answer


class _Everything(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        # The test server of the EHR logs its own requests; it is no part of the product.
        if record.name != "werkzeug":
            self.lines.append(self.format(record))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    root, lines = logging.getLogger(), list[str]()
    handler, level = _Everything(lines), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(processors=[lambda *args: _note(lines, args[2])])
    try:
        with scene(Path(tmp_path_factory.mktemp("leaks"))) as stage:
            found = Seen(stage, logs=lines)
            _listen(found, stage.office.kit.http)
            _walk(found)
            yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        structlog.reset_defaults()


def _note(lines: list[str], event: EventDict) -> str:
    lines.append(json.dumps(event, default=str))
    raise structlog.DropEvent


def _listen(found: Seen, http: Any) -> None:
    original = http.exchange

    def exchange(method: str, address: str, headers: Any, body: bytes | None, timeout: Any) -> HTTPResponse:
        answer: HTTPResponse = original(method, address, headers, body, timeout)
        return _hear(found, address, body or b"", answer)

    http.exchange = exchange


def _hear(found: Seen, address: str, body: bytes, answer: HTTPResponse) -> HTTPResponse:
    """Keep the secrets of one exchange with the EHR, and the address that was asked."""
    found.addresses.append(address)
    told: dict[str, Any] = {name: value[0] for name, value in parse_qs(body.decode(errors="replace")).items()}
    if "/auth/token" in address:
        whole, kind = answer.read(decode_content=True), {"Content-Type": answer.headers["Content-Type"]}
        answer = HTTPResponse(BytesIO(whole), headers=kind, status=answer.status, preload_content=False)
        told |= json.loads(whole)
    for name in PASSED_ON:
        if isinstance(told.get(name), str):
            found.secrets[f"{name} {len(found.secrets)}"] = told[name]
    return answer


def _walk(found: Seen) -> None:
    """A client secret and a PIN are kept, a note is written, signed with the PIN, and a page breaks."""
    office = found.scene.office
    _keep_secrets(found)
    browser = office.app.test_client()
    callback = found.scene.to_callback(browser, found.scene.launch())
    arrived = browser.get(callback, base_url=ORIGIN)
    found.pages.append(arrived.text)
    assert arrived.status_code == 303, arrived.text
    found.addresses.append(arrived.headers["Location"])
    launch_id = arrived.headers["Location"].split("/")[2].partition("?")[0]
    desk = Desk(browser, launch_id)
    found.secrets["cookie"] = _cookie(browser)
    _write_and_sign(found, desk)
    _break(found, desk)
    found.keep(desk.post("/sign-out"))
    found.keep(desk.get("/"))
    # The way back carries the code, used by now: its page is looked at, its address is the EHR's making.
    found.pages.append(browser.get(callback, base_url=ORIGIN).text)


def _cookie(browser: FlaskClient) -> str:
    kept = (browser._cookies or {}).values()
    return max((each.value for each in kept if each.key.startswith("__Host-pc-")), key=len)


def _keep_secrets(found: Seen) -> None:
    office, now = found.scene.office, found.scene.office.clock()
    who = Actor(EHR, STAFF["rivera"][0], "Pat Rivera", frozenset({"peer"}), "setup", None)
    other = Issuer(
        id="basic", iss="http://localhost:9/other", client_id="x", auth_method="client_secret_basic",
        redirect_uri=f"{ORIGIN}/cb/basic", scopes=("openid",), client_secret=CLIENT_SECRET,
    )  # fmt: skip
    with office.kit.store.write() as session:
        registry.register(session, office.kit.keyring, other, now)
        signing_pins.set_first(session, who, now, signing_pins.hashed(PIN, PIN), now)
        second_step.decide(session, EHR, "pin", (), "setup", now)
    found.secrets |= {"pin": PIN, "client secret": CLIENT_SECRET}


def _write_and_sign(found: Seen, desk: Desk) -> None:
    found.keep(desk.get("/"))
    contact = found.keep(desk.post("/contacts/new")).headers["Location"].split("/")[-2]
    form = Forms(desk.get(f"/contacts/{contact}/edit").text).fields
    form |= WRITTEN | {"note.purpose": [NOTE], "start_date": ["2026-03-04"], "end_time": ["a quarter"]}
    found.keep(desk.post(f"/contacts/{contact}/edit", form))
    form |= {"end_time": ["09:44"], "edit": Forms(desk.get(f"/contacts/{contact}/edit").text).fields["edit"]}
    found.keep(desk.post(f"/contacts/{contact}/edit", form))
    page = found.keep(desk.get(f"/contacts/{contact}/sign"))
    for pin in ("canary wrong pin", PIN):
        signed = Forms(page.text).fields | {"confirm": "yes", "pin": pin}
        found.keep(desk.post(f"/contacts/{contact}/sign", signed))
    found.keep(desk.get(f"/contacts/{contact}"))
    found.keep(desk.get(f"/contacts/{contact}/no-such"))
    found.secrets["wrong pin"] = "canary wrong pin"


def _break(found: Seen, desk: Desk) -> None:
    """A page fails in the middle of a person's words."""
    app, endpoint = found.scene.office.app, "deliveries.listing"
    good = app.view_functions[endpoint]

    def broken(**_: object) -> str:
        raise RuntimeError(f"{NOTE} of Alex Moss, {PIN}, {found.secrets['cookie']}")

    vars(broken)["guard"] = guard_of(app, endpoint)
    app.view_functions[endpoint] = broken
    try:
        answer = found.keep(desk.get("/deliveries"))
    finally:
        app.view_functions[endpoint] = good
    assert answer.status_code == 500
    assert not [word for word in ("Traceback", "RuntimeError", NOTE, "canary") if word in answer.text]


def _forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        b64encode(raw).decode().rstrip("="),
        urlsafe_b64encode(raw).decode(),
    ]


def _hits(seen: Seen, texts: list[str]) -> list[str]:
    return [
        name
        for name, secret in seen.secrets.items()
        for text_ in texts
        for one in _forms(secret)
        if one in text_
    ]


def test_the_walk_met_every_kind_of_secret(seen: Seen) -> None:
    kinds = {name.rpartition(" ")[0] or name for name in seen.secrets}
    assert kinds >= {*PASSED_ON, "cookie", "client", "pin", "wrong"}, kinds
    assert all(len(secret) >= 16 for secret in seen.secrets.values())
    assert any(NOTE in page for page in seen.pages)
    assert any("page failed" in line for line in seen.logs)


def test_no_secret_stands_in_a_page(seen: Seen) -> None:
    assert _hits(seen, seen.pages) == []


def test_no_secret_stands_in_an_address_asked_of_us_or_by_us(seen: Seen) -> None:
    assert _hits(seen, seen.addresses) == []


def test_no_name_stands_in_an_address(seen: Seen) -> None:
    assert [each for each in seen.addresses for word in ("Alex", "Moss,", "MRN-", NOTE) if word in each] == []


def test_neither_secrets_nor_names_stand_in_a_log_at_its_most_talkative(seen: Seen) -> None:
    assert _hits(seen, seen.logs) == []
    assert [line for line in seen.logs for word in PEOPLE_WORDS if word in line] == []


def test_no_secret_stands_in_a_file_of_the_database_or_beside_it(seen: Seen) -> None:
    folder = seen.scene.office.kit.settings.data_dir
    files = {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    assert {"peerchart.sqlite3", "peerchart.sqlite3-wal"} <= set(files)
    for name, raw in files.items():
        found = [
            secret for secret, value in seen.secrets.items() for one in _forms(value)
            if one.encode() in raw or one.encode("utf-16-le") in raw
        ]  # fmt: skip
        assert found == [], name
    assert NOTE.encode() in b"".join(files.values()), "the search finds what is there"


def test_an_ended_launch_waits_for_its_ehr_and_no_token_of_it_can_be_read_there(seen: Seen) -> None:
    kit = seen.scene.office.kit
    with kit.store.read() as session:
        waiting = session.scalars(select(EndingToken)).all()
        assert [
            name for each in waiting for name, it in seen.secrets.items() if it.encode() in each.secret
        ] == []
        (launch,) = [session.get_one(Launch, each.launch) for each in waiting]
        assert (launch.closed_why, launch.secret) == ("signed-out", None)
    told = len(seen.scene.asked)
    assert token_ends_of(kit.settings, kit.store, kit.keyring, kit.http, kit.clock).round() == 1
    assert [each for each in seen.scene.asked[told:] if each.endswith("/auth/revoke")]
    with kit.store.read() as session:
        assert session.scalars(select(EndingToken)).all() == []


def test_names_and_words_of_people_stand_in_the_tables_of_the_record_alone(seen: Seen) -> None:
    engine = seen.scene.office.kit.store.engine
    found: dict[str, set[str]] = {}
    with engine.connect() as line:
        for table in inspect(engine).get_table_names():
            for row in line.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608 - names of our own tables
                cells = " ".join(_cell(value) for value in row)
                words = {word for word in PEOPLE_WORDS if word in cells}
                if words:
                    found.setdefault(table, set()).update(words)
    assert set(found) <= RECORD, found
    assert {"individuals", "contact_versions"} <= set(found)
    with seen.scene.office.kit.store.read() as session:
        steps = session.scalars(select(SignatureRow.second_step)).all()
    assert steps == ["pin"], "the note was signed with the PIN"


def _cell(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def test_what_goes_wrong_in_the_master_key_or_the_settings_names_no_secret(seen: Seen) -> None:
    keyring = seen.scene.office.kit.keyring
    sealed = keyring.encrypt(b"canary-sealed", table="launches", row="a", issuer=EHR)
    assert b"canary" not in sealed
    with pytest.raises(Exception) as refused:
        keyring.decrypt(sealed, table="launches", row="b", issuer=EHR)
    assert "canary" not in repr(refused.value)
    shown = repr(keyring) + repr(seen.scene.office.kit) + repr(seen.scene.office.kit.settings)
    assert _hits(seen, [shown]) == []
