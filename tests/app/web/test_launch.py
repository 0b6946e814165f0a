"""The launch against the sandbox EHR: it opens for the right person, and every refusal opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select

from app import staff
from app.tables import AuditRow, Launch, PendingLaunch
from tests.app.web.office import ADMIN, EHR, STAFF
from tests.journeys.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(Path(tmp_path_factory.mktemp("launch"))) as both:
        yield both


class Browser(requests.Session):
    """Requests with cookies kept as a browser keeps Secure ones on this machine."""

    def go(self, address: str) -> requests.Response:
        answer = self.get(address, allow_redirects=False, timeout=20, headers={"Cookie": self.line()})
        for name, value in self._given(answer):
            self.kept[name] = value
        return answer

    kept: dict[str, str]

    def __init__(self) -> None:
        super().__init__()
        self.kept = {}
        self.trust_env = False

    def line(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.kept.items())

    def _given(self, answer: requests.Response) -> list[tuple[str, str]]:
        lines = answer.raw.headers.getlist("Set-Cookie")
        pairs = [line.partition(";")[0].partition("=") for line in lines]
        return [(name, value) for name, _, value in pairs if name.startswith("__Host-pc-")]


def _launch(stage: Stage, **asked: str) -> str:
    body = {"user": "rivera", "patient": "pat-moss", "client_id": "peerchart", **asked}
    answer = requests.post(f"{stage.ehr}/launches", json={k: v for k, v in body.items() if v}, timeout=20)
    return str(answer.json()["launch_url"])


def _to_callback(browser: Browser, address: str) -> str:
    """Through the EHR's sign-in to the address of the way back, not yet visited."""
    authorize = browser.go(address)
    assert authorize.status_code == 302, authorize.text
    back = requests.get(authorize.headers["Location"], allow_redirects=False, timeout=20)
    return back.headers["Location"]


def _launches(stage: Stage) -> int:
    with stage.office.kit.store.read() as session:
        return len(session.scalars(select(Launch.id)).all())


def _last_refusal(stage: Stage) -> str:
    with stage.office.kit.store.read() as session:
        row = session.scalars(
            select(AuditRow).where(AuditRow.action == "launch refused").order_by(AuditRow.seq.desc())
        ).first()
        assert row is not None
        return str(row.detail["why"])


def test_a_launch_opens_the_persons_page_with_a_cookie_of_its_own(stage: Stage) -> None:
    browser = Browser()
    opened = browser.go(_to_callback(browser, _launch(stage)))
    assert opened.status_code == 303
    assert "code=" not in opened.headers["Location"]
    cookies = [line for line in opened.raw.headers.getlist("Set-Cookie") if "Max-Age=36000" in line]
    assert len(cookies) == 1
    for word in ("__Host-pc-", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"):
        assert word in cookies[0]
    assert "Domain" not in cookies[0]
    page = browser.go(stage.app + opened.headers["Location"])
    assert "Alex Moss" in page.text
    assert "Pat Rivera" in page.text


def test_a_launch_without_a_patient_opens_the_worklists(stage: Stage) -> None:
    browser = Browser()
    opened = browser.go(_to_callback(browser, _launch(stage, patient="", user="chen")))
    assert "To co-sign" in browser.go(stage.app + opened.headers["Location"]).text


def test_an_unknown_ehr_is_refused_in_plain_words_before_anything_is_asked(stage: Stage) -> None:
    before = _launches(stage)
    answer = Browser().go(f"{stage.app}/launch?iss=http://169.254.169.254/fhir&launch=x")
    assert answer.status_code == 400
    assert "not one of its registered EHRs" in answer.text
    assert "169.254" not in answer.text
    assert "Set-Cookie" not in answer.headers
    assert _last_refusal(stage) == "unknown-issuer"
    assert _launches(stage) == before


def test_a_callback_is_good_for_one_use(stage: Stage) -> None:
    browser = Browser()
    address = _to_callback(browser, _launch(stage))
    kept = dict(browser.kept)
    assert browser.go(address).status_code == 303
    before = _launches(stage)
    browser.kept = kept
    again = browser.go(address)
    assert again.status_code == 400
    assert "used already" in again.text
    assert _launches(stage) == before


def test_a_callback_in_another_browser_opens_nothing(stage: Stage) -> None:
    mine, other = Browser(), Browser()
    address = _to_callback(mine, _launch(stage))
    before = _launches(stage)
    refused = other.go(address)
    assert "does not let Peerchart keep a session" in refused.text
    assert 'target="_blank"' in refused.text
    assert _launches(stage) == before
    assert mine.go(address).status_code == 303


@pytest.mark.parametrize("state", ["", "x", "a" * 43])
def test_a_state_that_nobody_gave_out_is_refused(stage: Stage, state: str) -> None:
    before = _launches(stage)
    answer = Browser().go(f"{stage.app}/cb/{EHR}?code=abc-canary&state={state}")
    assert answer.status_code == 400
    assert "abc-canary" not in answer.text
    assert _last_refusal(stage) == "wrong-state"
    assert _launches(stage) == before


def test_a_callback_at_an_unknown_ehrs_address_is_refused(stage: Stage) -> None:
    assert Browser().go(f"{stage.app}/cb/nobody?code=x&state=y").status_code == 400


@pytest.mark.parametrize(
    ("fault", "why"), [("wrong-audience", "wrong-audience"), ("expired-token", "id-token-expired")]
)
def test_a_login_for_another_app_or_one_that_ran_out_opens_nothing(
    stage: Stage, fault: str, why: str
) -> None:
    browser = Browser()
    address = _to_callback(browser, _launch(stage))
    before = _launches(stage)
    requests.post(f"{stage.ehr}/_faults", json={"name": fault, "count": 1}, timeout=20).raise_for_status()
    answer = browser.go(address)
    assert answer.status_code == 400
    assert "eyJ" not in answer.text
    assert "from the chart again" in answer.text or "administrator" in answer.text
    assert _last_refusal(stage) == why
    assert _launches(stage) == before


def test_declining_in_the_ehr_is_said_plainly_and_opens_nothing(stage: Stage) -> None:
    browser = Browser()
    state = parse_qs(urlsplit(browser.go(_launch(stage)).headers["Location"]).query)["state"][0]
    before = _launches(stage)
    answer = browser.go(f"{stage.app}/cb/{EHR}?error=access_denied&error_description=<b>no</b>&state={state}")
    assert answer.status_code == 400
    assert "declined" in answer.text
    assert "<b>no" not in answer.text
    assert _launches(stage) == before


def test_a_login_that_took_too_long_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    address = _to_callback(browser, _launch(stage))
    with stage.office.kit.store.write() as session:
        rows = session.scalars(select(PendingLaunch).where(PendingLaunch.used_at.is_(None))).all()
        assert rows
    from datetime import timedelta

    from app.service import utc_now

    monkeypatch.setitem(
        stage.office.app.extensions, "peerchart", _later(stage, timedelta(minutes=11), utc_now)
    )
    answer = browser.go(address)
    assert answer.status_code == 400
    assert "ten minutes" in answer.text


def _later(stage: Stage, by: object, now: object) -> object:
    from dataclasses import replace

    return replace(stage.office.kit, clock=lambda: now() + by)  # type: ignore[operator]


def test_somebody_who_is_not_on_the_staff_list_is_told_whom_to_ask(stage: Stage) -> None:
    before = _launches(stage)
    browser = Browser()
    answer = browser.go(_to_callback(browser, _launch(stage, user="haddad")))
    assert "staff list" in answer.text
    assert _launches(stage) == before


def test_somebody_who_left_is_not_let_in(stage: Stage) -> None:
    def set_active(active: bool) -> None:
        with stage.office.kit.store.write() as session:
            member = staff.find(session, EHR, STAFF["moreno"][0])
            assert member is not None
            staff.save(session, ADMIN, member.record, member.roles, active, stage.office.clock())

    set_active(False)
    browser = Browser()
    answer = browser.go(_to_callback(browser, _launch(stage, user="moreno", patient="")))
    set_active(True)
    assert "staff list" in answer.text


def test_no_token_stands_in_a_page_a_cookie_or_readable_in_the_database(stage: Stage) -> None:
    browser = Browser()
    opened = browser.go(_to_callback(browser, _launch(stage)))
    launch_id = opened.headers["Location"].split("/")[2]
    kit = stage.office.kit
    with kit.store.read() as session:
        row = session.get(Launch, launch_id)
        assert row is not None
        assert row.secret is not None
        plain = kit.keyring.decrypt(row.secret, table="launches", row=launch_id, issuer=EHR).decode()
        assert "access_token" in plain
        assert b"access_token" not in row.secret
        assert "token" not in str(row.context)
    assert all(value not in plain for value in browser.kept.values() if value)


def test_the_public_keys_may_be_kept_and_hold_nothing_private(stage: Stage) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/seal-keys.json"):
        answer = requests.get(stage.app + path, timeout=20)
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        assert answer.json()["keys"]
        assert all("d" not in key and key["kid"] for key in answer.json()["keys"])


def test_the_service_says_that_it_stands(stage: Stage) -> None:
    assert requests.get(f"{stage.app}/healthz", timeout=20).json() == {"status": "ok"}


def _opened(stage: Stage, **asked: str) -> Launch:
    browser = Browser()
    opened = browser.go(_to_callback(browser, _launch(stage, **asked)))
    with stage.office.kit.store.read() as session:
        return session.get_one(Launch, opened.headers["Location"].split("/")[2])


def test_a_launch_during_a_visit_is_linked_to_that_visit(stage: Stage) -> None:
    visit = "enc-visit-70002"
    assert _opened(stage, patient="pat-lindqvist", encounter=visit).encounter == visit
    assert _opened(stage, patient="pat-lindqvist").encounter is None


def test_a_login_once_linked_to_an_entry_whose_npi_was_wrong_is_not_that_entry(stage: Stage) -> None:
    office = stage.office

    def set_npi(npi: str) -> None:
        with office.kit.store.write() as session:
            member = staff.find(session, EHR, STAFF["okafor"][0])
            assert member is not None
            record = member.record.model_copy(update={"npi": npi})
            staff.save(session, ADMIN, record, member.roles, True, office.clock())

    set_npi("1900000096")
    before = _launches(stage)
    browser = Browser()
    answer = browser.go(_to_callback(browser, _launch(stage, user="okafor")))
    set_npi(STAFF["okafor"][0])
    assert "staff list" in answer.text
    assert _launches(stage) == before
