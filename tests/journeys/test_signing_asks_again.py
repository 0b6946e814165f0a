"""A signature that waits for a fresh sign-in, in the frame of an EHR on another site, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Frame, Page, expect
from sqlalchemy import select

from app import second_step
from app.second_step import NONE, PIN, REAUTHORIZE
from app.tables import SignatureRow
from tests.app.web.office import EHR
from tests.journeys.stage import WIDTHS, Stage, Watched, watch

pytestmark = pytest.mark.browser
HERONS = "three quiet herons"


@pytest.fixture
def asks(stage: Stage) -> Iterator[Stage]:
    _ask_for(stage, REAUTHORIZE)
    yield stage
    _ask_for(stage, NONE)


def _ask_for(stage: Stage, method: str) -> None:
    with stage.office.kit.store.write() as session:
        second_step.decide(session, EHR, method, ("openid", "fhirUser"), "test", stage.office.clock())


def _to_signing(stage: Stage, frame: Frame, purpose: str, start: str, end: str) -> None:
    day = (stage.office.clock() - timedelta(days=2)).date().isoformat()
    frame.get_by_role("button", name="Write a contact").click()
    frame.get_by_label("Date", exact=True).fill(day)
    frame.get_by_label("Start", exact=True).fill(start)
    frame.get_by_label("End", exact=True).fill(end)
    frame.get_by_label("Place", exact=True).select_option("onsite")
    frame.get_by_label("How you met").select_option("in-person")
    frame.get_by_label("Kind of location").select_option("clinic")
    frame.get_by_text("Engagement, Bridging, and Transition Support").click()
    frame.get_by_label("Goal of the contacts").fill("Decide whether treatment here is right")
    frame.get_by_label("Purpose: why you met").fill(purpose)
    frame.get_by_label("Response: how the person took it").fill("Was open and asked many questions.")
    frame.get_by_label("Progress: what moved towards the goal").fill("Named two hopes.")
    frame.get_by_label("Outcome: what comes next").fill("We meet again on Thursday.")
    frame.get_by_role("group", name="The person took part").get_by_text("Yes").click()
    frame.get_by_role("button", name="Go to signing").click()
    expect(frame.get_by_label("The text of the note")).to_contain_text(purpose)


def _picture(page: Page, name: str) -> None:
    """Pictures for people who look at the pages; only where a folder for them is named."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    size = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
    if size is not None:
        page.set_viewport_size(size)


def _signed(stage: Stage) -> list[str | None]:
    with stage.office.kit.store.read() as session:
        return list(session.scalars(select(SignatureRow.second_step).order_by(SignatureRow.id)))


def test_the_signature_waits_in_the_frame_while_the_sign_in_opens_a_window_of_its_own(
    asks: Stage, window: Watched
) -> None:
    window.page.goto(asks.chart("pat-moss", "rivera"))
    frame = window.frame(asks.app)
    _to_signing(asks, frame, "A signature that waits.", "09:00", "09:44")
    frame.get_by_text("I have read this text").click()
    frame.get_by_role("button", name="Sign", exact=True).click()
    expect(frame.get_by_role("heading", name="Sign in to the EHR again")).to_be_visible()
    found = Axe().run(frame).response["violations"]
    assert [each["id"] for each in found] == []
    _picture(window.page, "wait")
    before = _signed(asks)
    with window.page.context.expect_page() as opened:
        frame.get_by_role("link", name="Sign in again").click()
    ehr = opened.value
    ehr.get_by_label("Signed in as").select_option("rivera")
    ehr.get_by_role("button", name="Sign in").click()
    expect(ehr.get_by_role("heading", name="You signed in again")).to_be_visible()
    assert "Moss" not in ehr.content()
    _picture(ehr, "back")
    expect(frame.get_by_text("Waiting for co-signature")).to_be_visible()
    expect(frame.get_by_text("after signing in to the EHR again at")).to_be_visible()
    _picture(window.page, "signed")
    assert _signed(asks) == [*before, REAUTHORIZE]
    assert not [each for each in window.complaints if "Content Security" in each or "Uncaught" in each]


def test_without_script_the_button_of_the_page_signs(asks: Stage, chromium_browser: Browser) -> None:
    with chromium_browser.new_context(java_script_enabled=False) as context:
        watched = watch(context)
        watched.page.goto(asks.chart("pat-moss", "rivera"))
        frame = watched.page.frame_locator("iframe")
        inner = watched.frame(asks.app)
        _to_signing(asks, inner, "Without any script.", "10:00", "10:44")
        frame.get_by_text("I have read this text").click()
        frame.get_by_role("button", name="Sign", exact=True).click()
        frame.get_by_role("button", name="I have signed in").click()
        expect(frame.get_by_text("has not told us that you signed in again")).to_be_visible()
        before = _signed(asks)
        with context.expect_page() as opened:
            frame.get_by_role("link", name="Sign in again").click()
        opened.value.get_by_label("Signed in as").select_option("rivera")
        opened.value.get_by_role("button", name="Sign in").click()
        expect(opened.value.get_by_role("heading", name="You signed in again")).to_be_visible()
        frame.get_by_role("button", name="I have signed in").click()
        expect(frame.get_by_text("Waiting for co-signature")).to_be_visible()
        assert _signed(asks) == [*before, REAUTHORIZE]


def test_a_pin_is_set_and_signs(asks: Stage, window: Watched) -> None:
    _ask_for(asks, PIN)
    window.page.goto(asks.chart("pat-moss", "rivera"))
    frame = window.frame(asks.app)
    _to_signing(asks, frame, "With a PIN.", "11:00", "11:44")
    _picture(window.page, "no-pin")
    signing = frame.url
    frame.get_by_role("link", name="Set your signing PIN").click()
    frame.get_by_label("New signing PIN").fill(HERONS)
    frame.get_by_label("The new PIN once more").fill(HERONS)
    assert [each["id"] for each in Axe().run(frame).response["violations"]] == []
    _picture(window.page, "set-pin")
    frame.get_by_role("button", name="Set my PIN").click()
    expect(frame.get_by_text("Your signing PIN is set.")).to_be_visible()
    frame.goto(signing)
    frame.get_by_text("I have read this text").click()
    frame.get_by_label("Your signing PIN").fill("three loud herons")
    frame.get_by_role("button", name="Sign", exact=True).click()
    expect(frame.get_by_text("4 tries are left").first).to_be_visible()
    assert [each["id"] for each in Axe().run(frame).response["violations"]] == []
    _picture(window.page, "wrong-pin")
    frame.get_by_text("I have read this text").click()
    frame.get_by_label("Your signing PIN").fill(HERONS)
    frame.get_by_role("button", name="Sign", exact=True).click()
    expect(frame.get_by_text("with a signing PIN at")).to_be_visible()


def test_an_administrator_chooses_what_signing_asks_for(asks: Stage, window: Watched) -> None:
    window.page.goto(asks.menu("whitfield"))
    frame = window.frame(asks.app)
    frame.get_by_role("link", name="Signing", exact=True).click()
    expect(frame.get_by_role("heading", name="What signing asks for")).to_be_visible()
    assert [each["id"] for each in Axe().run(frame).response["violations"]] == []
    _picture(window.page, "rule")
    frame.get_by_text("A signing PIN of one's own").click()
    frame.get_by_role("button", name="Keep").click()
    expect(frame.get_by_text("It counts from the next signature on.")).to_be_visible()
