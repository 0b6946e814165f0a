"""An addendum from the chart to its signature without a mouse, in the frame of an EHR on another site, where
signing asks for a fresh sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, expect
from sqlalchemy import select

from app import second_step
from app.second_step import NONE, PIN, REAUTHORIZE
from app.tables import AddendumRow, SignatureRow
from tests.app.web.office import EHR
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write
from tests.journeys.keyboard import to
from tests.journeys.stage import Stage, Watched

pytestmark = pytest.mark.browser
WORDS = "Her mother called at night: Friday suits them."
HERONS = "three quiet herons"


@pytest.fixture(scope="module")
def note(stage: Stage) -> str:
    """A note with both signatures, in the chart of Alex Moss."""
    peer = stage.office.sit("rivera", "pat-moss")
    day = [(stage.office.clock() - timedelta(days=3)).date().isoformat()]
    contact = _write(peer, start_date=day, start_time=["13:00"], end_time=["13:44"])
    _sign(peer, contact)
    _cosign(stage.office.sit("chen", "pat-moss"), contact)
    return contact


@pytest.fixture
def asks(stage: Stage, note: str) -> Iterator[Stage]:
    _ask_for(stage, REAUTHORIZE)
    yield stage
    _ask_for(stage, NONE)


def _ask_for(stage: Stage, method: str) -> None:
    with stage.office.kit.store.write() as session:
        second_step.decide(session, EHR, method, ("openid", "fhirUser"), "test", stage.office.clock())


def _press(window: Watched, frame: Frame, name: str, key: str = "Enter", *, exact: bool = True) -> None:
    to(window.page, frame, name, exact=exact)
    window.page.keyboard.press(key)


def _to_signing(window: Watched, frame: Frame, note: str, words: str) -> None:
    """From the list of contacts to the text that is to be signed."""
    heading = frame.locator(f'a[href*="{note}"]').first.inner_text()
    _press(window, frame, " ".join(heading.split()))
    expect(frame.get_by_role("heading", name="Signatures")).to_be_visible()
    _press(window, frame, "Add to it")
    expect(frame.get_by_role("heading", name="Add to the note")).to_be_visible()
    to(window.page, frame, "What you add")
    window.page.keyboard.press("Control+a")
    window.page.keyboard.type(words)
    _press(window, frame, "Read and sign")
    expect(frame.get_by_label("The text of the addendum")).to_contain_text(words)


def _kept(stage: Stage, words: str) -> tuple[str, str | None]:
    """The state of the addendum with these words, and the second step of its signature."""
    with stage.office.kit.store.read() as session:
        row = session.scalars(select(AddendumRow).where(AddendumRow.said == words)).one()
        step = session.scalars(select(SignatureRow.second_step).where(SignatureRow.subject == row.id))
        return row.state, step.one_or_none()


def test_an_addendum_is_written_and_signed_after_a_fresh_sign_in_by_keyboard_alone(
    asks: Stage, window: Watched, note: str
) -> None:
    window.page.goto(asks.chart("pat-moss", "rivera"))
    frame = window.frame(asks.app)
    _to_signing(window, frame, note, WORDS)
    # Without the tick nothing is signed: the summary has the keyboard, and its link leads to the box.
    _press(window, frame, "Sign")
    expect(frame.get_by_role("alert")).to_be_focused()
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    expect(frame.get_by_role("checkbox")).to_be_focused()
    window.page.keyboard.press("Space")
    expect(frame.get_by_role("checkbox")).to_be_checked()
    _press(window, frame, "Sign")
    expect(frame.get_by_role("heading", name="Sign in to the EHR again")).to_be_visible()
    assert [each["id"] for each in Axe().run(frame).response["violations"]] == []
    assert _kept(asks, WORDS) == ("draft", None)
    with window.page.context.expect_page() as opened:
        _press(window, frame, "Sign in again (opens a new window)")
    ehr = opened.value
    ehr.wait_for_load_state()
    to(ehr, ehr, "Signed in as")
    ehr.keyboard.type("Pat Rivera")
    to(ehr, ehr, "Sign in")
    ehr.keyboard.press("Enter")
    expect(ehr.get_by_role("heading", name="You signed in again")).to_be_visible()
    expect(frame.get_by_text("Signed. The addendum stands beside the note.")).to_be_visible()
    expect(frame.get_by_text(WORDS).first).to_be_visible()
    # Its author's signature is the only one that it needs.
    assert _kept(asks, WORDS) == ("signed", REAUTHORIZE)
    assert WORDS not in asks.office.sit("chen").get("/queue").text
    assert not [each for each in window.complaints if "Content Security" in each or "Uncaught" in each]


def test_an_lpha_adds_to_a_note_with_a_pin_typed_between_the_tick_and_the_signature(
    asks: Stage, window: Watched, note: str
) -> None:
    _ask_for(asks, PIN)
    desk = asks.office.sit("chen")
    assert desk.post("/signing-pin", {"new": HERONS, "again": HERONS}).status_code == 303
    window.page.goto(asks.chart("pat-moss", "chen"))
    frame = window.frame(asks.app)
    words = "She brought the letter."
    _to_signing(window, frame, note, words)
    _press(window, frame, "I have read this text.", "Space", exact=False)
    to(window.page, frame, "Your signing PIN")
    window.page.keyboard.type(HERONS)
    _press(window, frame, "Sign")
    expect(frame.get_by_text("Signed. The addendum stands beside the note.")).to_be_visible()
    assert _kept(asks, words) == ("signed", PIN)
