"""Signing asks again, by the pages: with a PIN, and with a fresh sign-in at the sandbox EHR (real HTTP)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import select

from app import second_step
from app.second_step import METHODS, NONE, PIN, REAUTHORIZE
from app.tables import AuditRow, Launch, SecondStepRow, SignatureRow
from tests.app.web.office import EHR, ORIGIN, STAFF, Desk, Forms, Office
from tests.app.web.test_writing_and_signing import WRITTEN, _begin, _cosign, _form
from tests.journeys.stage import Stage, staged

HERONS = "three quiet herons"
TOP = {"Sec-Fetch-Dest": "document"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(Path(tmp_path_factory.mktemp("again"))) as both:
        _ask_for(both.office, REAUTHORIZE)
        yield both


def _ask_for(office: Office, method: str) -> None:
    with office.kit.store.write() as session:
        second_step.decide(session, EHR, method, ("openid", "fhirUser"), "test", office.clock())


def _written(desk: Desk, office: Office, **changed: list[str]) -> str:
    contact = _begin(desk)
    day = (office.clock() - timedelta(days=1)).date().isoformat()
    form = _form(desk, f"/contacts/{contact}/edit") | WRITTEN | {"start_date": [day]} | changed
    saved = desk.post(f"/contacts/{contact}/edit", form)
    assert saved.status_code == 303, saved.text
    return contact


def _press_sign(desk: Desk, contact: str, **more: str) -> Any:
    form = _form(desk, f"/contacts/{contact}/sign") | {"confirm": "yes", **more}
    return desk.post(f"/contacts/{contact}/sign", form)


def _signatures(office: Office, contact: str) -> list[SignatureRow]:
    with office.kit.store.read() as session:
        return list(session.scalars(select(SignatureRow).where(SignatureRow.subject == contact)))


def _set_pin(desk: Desk) -> None:
    answer = desk.post("/signing-pin", {"new": HERONS, "again": HERONS})
    assert answer.status_code == 303, answer.text


# With a PIN.


@pytest.fixture
def pins(office: Office) -> Office:
    _ask_for(office, PIN)
    return office


def test_who_has_no_pin_is_led_to_set_one_and_signs_with_it(pins: Office) -> None:
    desk = pins.sit("rivera", "pat-moss")
    contact = _written(desk, pins)
    assert "Set your signing PIN" in desk.get(f"/contacts/{contact}/sign").text
    assert _press_sign(desk, contact).status_code == 422
    _set_pin(desk)
    assert _press_sign(desk, contact, pin=HERONS).status_code == 303
    assert "with a signing PIN at 10:00 AM" in desk.follow().text
    assert [row.second_step for row in _signatures(pins, contact)] == [PIN]


def test_a_wrong_pin_is_said_beside_its_field_and_signs_nothing(pins: Office) -> None:
    desk = pins.sit("rivera", "pat-moss")
    contact = _written(desk, pins)
    _set_pin(desk)
    for words in ("Type your signing PIN", "4 tries are left"):
        wrong = _press_sign(desk, contact, pin="" if "Type" in words else "three loud herons")
        assert wrong.status_code == 422
        assert words in wrong.text
        assert "loud herons" not in wrong.text
    for _ in range(3):
        _press_sign(desk, contact, pin="three loud herons")
    assert "locked now until 10:15 AM" in _press_sign(desk, contact, pin="three loud herons").text
    assert "It opens at 10:15 AM" in _press_sign(desk, contact, pin=HERONS).text
    assert _signatures(pins, contact) == []
    for _ in range(2):
        pins.clock.forward(minutes=8)
        desk.get("/")
    assert _press_sign(desk, contact, pin=HERONS).status_code == 303
    assert len(_signatures(pins, contact)) == 1


def test_a_cosigner_is_asked_and_a_note_is_sent_back_without(pins: Office) -> None:
    peer, chen = pins.sit("rivera", "pat-moss"), pins.sit("chen", "pat-moss")
    for desk in (peer, chen):
        _set_pin(desk)
    contact = _written(peer, pins)
    assert _press_sign(peer, contact, pin=HERONS).status_code == 303
    form = _form(chen, f"/contacts/{contact}/review") | {"confirm": "yes"}
    assert chen.post(f"/contacts/{contact}/cosign", form).status_code == 422
    assert chen.post(f"/contacts/{contact}/cosign", form | {"pin": HERONS}).status_code == 303
    assert [row.second_step for row in _signatures(pins, contact)] == [PIN, PIN]
    second = _written(peer, pins, **{"start_time": ["11:00"], "end_time": ["11:40"]})
    assert _press_sign(peer, second, pin=HERONS).status_code == 303
    assert chen.post(f"/contacts/{second}/send-back", {"comment": "More of the outcome."}).status_code == 303


def test_two_clicks_sign_once(pins: Office) -> None:
    desk = pins.sit("rivera", "pat-moss")
    contact = _written(desk, pins)
    _set_pin(desk)
    form = _form(desk, f"/contacts/{contact}/sign") | {"confirm": "yes", "pin": HERONS}
    assert desk.post(f"/contacts/{contact}/sign", form).status_code == 303
    assert desk.post(f"/contacts/{contact}/sign", form).status_code == 303
    assert len(_signatures(pins, contact)) == 1


def test_a_first_pin_needs_a_fresh_launch_and_a_change_needs_the_old_one(pins: Office) -> None:
    desk = pins.sit("rivera", "pat-moss")
    pins.clock.forward(minutes=6)
    assert "open Peerchart from your EHR again" in desk.get("/signing-pin").text
    assert desk.post("/signing-pin", {"new": HERONS, "again": HERONS}).status_code == 422
    fresh = pins.sit("rivera")
    _set_pin(fresh)
    other = {"new": "four quiet herons", "again": "four quiet herons"}
    assert "Type your PIN until now" in fresh.post("/signing-pin", other).text
    assert "4 tries are left" in fresh.post("/signing-pin", other | {"old": "not this one"}).text
    assert fresh.post("/signing-pin", other | {"old": HERONS}).status_code == 303


def test_an_administrator_chooses_and_takes_a_pin_back(office: Office) -> None:
    boss, peer = office.sit("whitfield"), office.sit("rivera", "pat-moss")
    assert boss.post("/signing-step", {"method": "wink"}).status_code == 422
    assert boss.post("/signing-step", {"method": PIN}).status_code == 303
    _set_pin(peer)
    assert "Take back the PIN of Pat Rivera" in boss.get("/signing-step").text
    npi = STAFF["rivera"][0]
    for _ in range(2):
        assert boss.post(f"/signing-step/pins/{npi}/reset").status_code == 303
    assert boss.post("/signing-step/pins/nobody/reset").status_code == 404
    assert "An administrator took your PIN back" in peer.get("/signing-pin").text
    with office.kit.store.read() as session:
        resets = session.scalars(select(AuditRow).where(AuditRow.action == "signing PIN reset")).all()
    assert [(row.actor, row.subject) for row in resets] == [(STAFF["whitfield"][0], npi)]


def test_a_pin_stands_in_no_log_and_no_page(pins: Office, capfd: pytest.CaptureFixture[str]) -> None:
    desk = pins.sit("rivera", "pat-moss")
    _set_pin(desk)
    contact = _written(desk, pins)
    pages = [_press_sign(desk, contact, pin=HERONS + " x").text, desk.get("/signing-pin").text]
    assert _press_sign(desk, contact, pin=HERONS).status_code == 303
    out = capfd.readouterr()
    assert not any("heron" in text for text in (*pages, out.out, out.err))


# With a fresh sign-in at the EHR.


class Again:
    """One person who signs and is sent to the EHR; the window of the EHR may be another browser."""

    def __init__(self, stage: Stage, who: str = "rivera", patient: str = "pat-moss") -> None:
        self.stage, self.office = stage, stage.office
        self.desk = self.office.sit(who, patient)
        self.window = self.desk.client
        self.contact = ""

    @property
    def place(self) -> str:
        """Where what is signed has its pages."""
        return f"/contacts/{self.contact}"

    def waits(self) -> str:
        """Write a note and press Sign; answers the step's id."""
        self.contact = _written(self.desk, self.office)
        return self.asked(_press_sign(self.desk, self.contact))

    def asked(self, answer: Any) -> str:
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"]).partition("?")[0].rpartition("/")[2]

    def in_another_browser(self) -> None:
        self.window = self.office.app.test_client()

    def to_ehr(self, step: str) -> str:
        answer = self.window.get(f"/again/{step}", base_url=ORIGIN)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["Location"])

    def sign_in(self, address: str, user: str = "rivera") -> str:
        """Sign in on the EHR's page; answers the way back."""
        page = requests.get(address, timeout=20, allow_redirects=False)
        assert page.status_code == 200, page.headers
        form = Forms(page.text).fields | {"user": user, "decision": "sign-in"}
        back = requests.post(f"{self.stage.ehr}/auth/authorize", data=form, timeout=20, allow_redirects=False)
        found = urlsplit(back.headers["Location"])
        return f"{found.path}?{found.query}"

    def back(self, path: str) -> Any:
        return self.window.get(path, base_url=ORIGIN)

    def sign_now(self, step: str) -> Any:
        form = Forms(self.desk.get(f"/again/{step}").text).fields
        return self.desk.post(f"{self.place}/sign", dict(form))

    def state(self, step: str) -> str:
        return str((self.desk.get(f"/again/{step}/state").json or {})["state"])


def _plan_fault(stage: Stage, *faults: Any) -> None:
    asked = {"client_id": "peerchart", "standalone": True, "faults": list(faults)}
    answer = requests.post(f"{stage.ehr}/launches", json=asked, timeout=20)
    assert answer.status_code == 201, answer.text


@pytest.fixture(autouse=True)
def _no_fault_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "stage" in request.fixturenames:
        _plan_fault(request.getfixturevalue("stage"))


def test_a_fresh_sign_in_in_the_same_window_leads_back_and_signs_what_was_shown(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    waiting = again.desk.get(f"/again/{step}", headers=TOP).text
    assert "Talk about what brought Alex here." in waiting
    assert "_blank" not in waiting
    asked = again.to_ehr(step)
    for part in ("prompt=login", "max_age=0", "scope=openid+fhirUser"):
        assert part in asked.replace("%20", "+")
    returned = again.back(again.sign_in(asked))
    assert returned.status_code == 303
    assert returned.headers["Location"].endswith(f"/again/{step}")
    assert again.state(step) == "done"
    assert again.sign_now(step).status_code == 303
    (signature,) = _signatures(again.office, again.contact)
    assert signature.second_step == REAUTHORIZE
    assert "after signing in to the EHR again at" in again.desk.get(f"/contacts/{again.contact}").text


def test_a_window_of_its_own_needs_no_cookie_of_the_launch(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    assert 'target="_blank"' in again.desk.get(f"/again/{step}").text
    again.in_another_browser()
    page = again.back(again.sign_in(again.to_ehr(step)))
    assert page.status_code == 200
    assert "You signed in again" in page.text
    assert "Moss" not in page.text
    assert again.sign_now(step).status_code == 303
    assert len(_signatures(again.office, again.contact)) == 1


def test_before_the_sign_in_is_done_nothing_is_signed(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    answer = again.sign_now(step)
    assert answer.headers["Location"].endswith(f"/again/{step}?said=not-yet")
    assert "has not told us that you signed in again" in again.desk.follow().text
    assert _signatures(again.office, again.contact) == []


def test_somebody_else_who_signs_in_does_not_sign(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    page = again.back(again.sign_in(again.to_ehr(step), "chen"))
    assert page.status_code == 403
    assert "Somebody else signed in" in page.text
    assert again.state(step) == "refused"
    assert "Somebody else signed in" in again.desk.get(f"/again/{step}").text
    again.sign_now(step)
    assert _signatures(again.office, again.contact) == []
    assert again.back(again.sign_in(again.to_ehr(step))).status_code == 303
    assert again.sign_now(step).status_code == 303
    assert len(_signatures(again.office, again.contact)) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("stale-sign-in", "took an older sign-in"),
        ("expired-id-token", "has expired"),
        ("wrong-nonce", "does not belong to this launch"),
        ("error-redirect", "Access was declined"),
    ],
)
def test_an_answer_that_does_not_hold_signs_nothing(stage: Stage, fault: str, words: str) -> None:
    again = Again(stage)
    step = again.waits()
    _plan_fault(stage, fault)
    page = again.back(again.sign_in(again.to_ehr(step)))
    assert page.status_code == 403
    assert words in page.text
    assert again.state(step) == "refused"
    assert _signatures(again.office, again.contact) == []


def test_the_way_back_is_good_once_in_the_browser_that_went_there(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    path = again.sign_in(again.to_ehr(step))
    stranger = again.office.app.test_client().get(path, base_url=ORIGIN)
    assert stranger.status_code == 409
    assert again.state(step) == "asked"
    assert again.back(path).status_code == 303
    assert again.back(path).status_code == 409


def test_only_the_last_way_to_the_ehr_counts(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    first, last = again.to_ehr(step), again.to_ehr(step)
    with again.office.kit.store.read() as session:
        before = len(session.scalars(select(Launch.id)).all())
    assert again.back(again.sign_in(first)).status_code == 400
    assert again.state(step) == "asked"
    with again.office.kit.store.read() as session:
        assert len(session.scalars(select(Launch.id)).all()) == before
    assert again.back(again.sign_in(last)).status_code == 303


def test_a_note_that_changed_meanwhile_is_shown_anew_and_asks_anew(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    held = Forms(again.desk.get(f"/again/{step}").text).fields
    assert again.back(again.sign_in(again.to_ehr(step))).status_code == 303
    form = _form(again.desk, f"/contacts/{again.contact}/edit") | {"note.purpose": ["Another purpose."]}
    assert again.desk.post(f"/contacts/{again.contact}/edit", form).status_code == 303
    assert again.desk.get(f"/again/{step}").status_code == 303
    stale = again.desk.post(f"/contacts/{again.contact}/sign", dict(held))
    assert stale.status_code == 409
    assert "Not signed: the text changed" in stale.text
    assert "/again/" in _press_sign(again.desk, again.contact).headers["Location"]
    assert _signatures(again.office, again.contact) == []


def test_two_tabs_share_the_step_and_sign_once(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    second = str(_press_sign(again.desk, again.contact).headers["Location"])
    assert second.endswith(f"/again/{step}")
    assert again.back(again.sign_in(again.to_ehr(step))).status_code == 303
    form = dict(Forms(again.desk.get(f"/again/{step}").text).fields)
    for _ in range(2):
        assert again.desk.post(f"/contacts/{again.contact}/sign", form).status_code == 303
    assert len(_signatures(again.office, again.contact)) == 1


def test_a_step_of_another_launch_or_person_is_not_there(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    for other in (Again(stage), Again(stage, "okafor"), Again(stage, "rivera", "pat-lindqvist")):
        assert other.desk.get(f"/again/{step}").status_code == 404
        assert other.desk.get(f"/again/{step}/state").status_code == 404


@pytest.mark.parametrize("step", ["unknown", "", "a" * 300])
def test_nobody_is_sent_anywhere_without_a_step(stage: Stage, step: str) -> None:
    answer = stage.office.app.test_client().get(f"/again/{step}", base_url=ORIGIN)
    assert answer.status_code in (404, 409)
    assert "Location" not in answer.headers


def test_after_sign_out_the_way_is_closed(stage: Stage) -> None:
    again = Again(stage)
    step = again.waits()
    path = again.sign_in(again.to_ehr(step))
    again.desk.post("/sign-out")
    assert again.back(path).status_code == 409
    assert again.window.get(f"/again/{step}", base_url=ORIGIN).status_code == 409
    with again.office.kit.store.read() as session:
        assert session.get_one(SecondStepRow, step).done_at is None


class Beside(Again):
    """The same of an addendum to a final note; `contact` is the addendum's id once it is written."""

    note = ""

    @property
    def place(self) -> str:
        return f"/addenda/{self.contact}"

    def waits(self) -> str:
        self.note = self.note or self._final()
        self.desk.post(f"/contacts/{self.note}/addendum", {"said": "Her mother called at night."})
        form = Forms(self.desk.follow().text).fields | {"confirm": ["yes"]}
        assert self.desk.page is not None
        self.contact = self.desk.page.request.path.rpartition("/")[2]
        return self.asked(self.desk.post(f"{self.place}/sign", dict(form)))

    def _final(self) -> str:
        _ask_for(self.office, NONE)
        contact = _written(self.desk, self.office)
        assert _press_sign(self.desk, contact).status_code == 303
        _cosign(self.office.sit("chen", "pat-moss"), contact)
        _ask_for(self.office, REAUTHORIZE)
        return contact


@pytest.fixture(scope="module")
def beside(stage: Stage) -> Beside:
    """Somebody with a final note, to which each test adds."""
    return Beside(stage)


def test_an_addendum_waits_for_the_sign_in_and_is_signed_once_after_it(beside: Beside) -> None:
    step = beside.waits()
    waiting = beside.desk.get(f"/again/{step}").text
    assert "Her mother called at night." in waiting
    early = beside.sign_now(step)
    assert early.headers["Location"].endswith(f"/again/{step}?said=not-yet")
    assert _signatures(beside.office, beside.contact) == []
    assert beside.back(beside.sign_in(beside.to_ehr(step))).status_code == 303
    form = dict(Forms(beside.desk.get(f"/again/{step}").text).fields)
    for _ in range(2):
        assert beside.desk.post(f"{beside.place}/sign", form).status_code == 303
    assert [row.second_step for row in _signatures(beside.office, beside.contact)] == [REAUTHORIZE]
    assert "Her mother called at night." in beside.desk.get(f"/contacts/{beside.note}").text


def test_somebody_else_who_signs_in_does_not_sign_an_addendum(beside: Beside) -> None:
    step = beside.waits()
    assert "Somebody else signed in" in beside.back(beside.sign_in(beside.to_ehr(step), "chen")).text
    beside.sign_now(step)
    assert _signatures(beside.office, beside.contact) == []
    beside.desk.post(f"{beside.place}/discard")


def test_an_addendum_that_changed_meanwhile_asks_anew(beside: Beside) -> None:
    step = beside.waits()
    held = Forms(beside.desk.get(f"/again/{step}").text).fields
    assert beside.back(beside.sign_in(beside.to_ehr(step))).status_code == 303
    beside.desk.post(f"/contacts/{beside.note}/addendum", {"said": "Something else."})
    assert beside.desk.get(f"/again/{step}").status_code == 303
    stale = beside.desk.post(f"{beside.place}/sign", dict(held))
    assert stale.status_code == 409
    assert "Not signed: something changed" in stale.text
    assert _signatures(beside.office, beside.contact) == []


def test_the_methods_are_those_of_the_page(stage: Stage) -> None:
    page = stage.office.sit("whitfield").get("/signing-step").text
    assert all(f'value="{method}"' in page for method in METHODS)
    assert f'value="{NONE}"' in page
