"""One note through the frame of the EHR, as its people would do it, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from app.service import utc_now
from tests.journeys.stage import Stage, Watched, watch

pytestmark = pytest.mark.browser

NEW_YORK = ZoneInfo("America/New_York")


def write_contact(frame: Frame | Page, purpose: str) -> None:
    """Fill the form of a contact before admission, up to what signing asks for."""
    frame.get_by_role("button", name="Write a contact").click()
    # Of yesterday: before 09:44 in the morning a contact of today would lie in the future.
    yesterday = utc_now().astimezone(NEW_YORK).date() - timedelta(days=1)
    frame.get_by_label("Date", exact=True).fill(yesterday.isoformat())
    frame.get_by_label("Start", exact=True).fill("09:00")
    frame.get_by_label("End", exact=True).fill("09:44")
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


def _no_complaints(window: Watched, stage: Stage) -> None:
    ours = [
        each for each in window.complaints if "Content Security" in each or each.startswith("error: Uncaught")
    ]
    assert ours == []
    assert window.hosts <= {stage.app.partition("//")[2], stage.ehr.partition("//")[2]}


def test_a_note_before_admission_is_written_signed_and_cosigned_through_the_frame(
    stage: Stage, chromium_browser: Browser, window: Watched
) -> None:
    window.page.goto(stage.chart("pat-moss", "rivera"))
    frame = window.frame(stage.app)
    write_contact(frame, "Talk about what brought Alex here.")
    expect(frame.locator("#save-status")).to_contain_text("Saved at")
    expect(frame.locator("#units")).to_contain_text("44 minutes: 2 units")
    frame.get_by_role("button", name="Go to signing").click()
    expect(frame.get_by_label("The text of the note")).to_contain_text("Talk about what brought Alex here.")
    frame.get_by_text("I have read this text").click()
    frame.get_by_role("button", name="Sign", exact=True).click()
    expect(frame.get_by_text("Waiting for co-signature")).to_be_visible()
    _no_complaints(window, stage)

    with chromium_browser.new_context() as others:
        chen = watch(others)
        chen.page.goto(stage.menu("chen"))
        menu = chen.frame(stage.app)
        menu.get_by_role("link", name="To co-sign").click()
        menu.get_by_role("button", name="Read the note about Alex Moss").first.click()
        expect(menu.get_by_role("region", name="Whose chart this is")).to_contain_text("MRN-70001")
        menu.get_by_text("I have read this text").click()
        menu.get_by_role("button", name="Co-sign").click()
        expect(menu.get_by_text("Signed, waiting to be sent").first).to_be_visible()
        _no_complaints(chen, stage)


def test_findings_follow_the_typing_and_the_cursor_stays(stage: Stage, window: Watched) -> None:
    window.page.goto(stage.chart("pat-farrell", "rivera"))
    frame = window.frame(stage.app)
    frame.get_by_role("button", name="Write a contact").click()
    purpose = frame.get_by_label("Purpose: why you met")
    purpose.press_sequentially("A walk", delay=20)
    expect(frame.locator("#f-note-response")).to_contain_text("Needed before signing")
    expect(frame.locator("#save-status")).to_contain_text("Saved at")
    purpose.press_sequentially(" and a talk", delay=20)
    expect(purpose).to_be_focused()
    expect(purpose).to_have_value("A walk and a talk")
    frame.get_by_text("Youth", exact=True).click()
    expect(frame.get_by_text("Coaching", exact=True)).to_be_visible()
    frame.locator("#f-note-response summary").first.click()
    expect(frame.locator("#f-note-response a").first).to_contain_text("Rule NY.")
    _no_complaints(window, stage)


def test_a_quick_click_right_after_typing_loses_nothing(stage: Stage, window: Watched) -> None:
    window.page.goto(stage.chart("pat-farrell", "rivera"))
    frame = window.frame(stage.app)
    frame.get_by_role("button", name="Write a contact").click()
    outcome = frame.get_by_label("Outcome: what comes next")
    outcome.fill("First")
    expect(frame.locator("#save-status")).to_contain_text("Saved at")
    outcome.fill("Last words")
    frame.get_by_role("button", name="Save draft").click()
    expect(frame.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(frame.get_by_label("Outcome: what comes next")).to_have_value("Last words")


def test_the_last_words_before_a_window_is_closed_stand_in_the_draft(
    stage: Stage, context: BrowserContext
) -> None:
    first = watch(context)
    first.page.goto(stage.chart("pat-romero", "rivera"))
    frame = first.frame(stage.app)
    frame.get_by_role("button", name="Write a contact").click()
    frame.get_by_label("In the person's own words").fill("To be continued")
    expect(frame.locator("#save-status")).to_have_text("Not saved yet")
    first.page.close()
    second = watch(context)
    for _ in range(20):  # the closed window's request may still be on its way
        second.page.goto(stage.chart("pat-romero", "rivera"))
        home = second.frame(stage.app)
        if home.get_by_role("link", name="Go on writing").count():
            break
    home.get_by_role("link", name="Go on writing").click()
    expect(home.get_by_label("In the person's own words")).to_have_value("To be continued")


def test_two_charts_open_at_once_never_mix(stage: Stage, context: BrowserContext) -> None:
    moss, maja = watch(context), watch(context)
    moss.page.goto(stage.chart("pat-moss", "rivera"))
    maja.page.goto(stage.chart("pat-lindqvist", "rivera"))
    for window, name, other in ((moss, "Alex Moss", "Maja"), (maja, "Maja Lindqvist", "Alex")):
        window.page.bring_to_front()
        frame = window.frame(stage.app)
        with frame.expect_navigation():
            frame.evaluate("location.reload()")
        expect(frame.get_by_role("heading", level=1)).to_contain_text(name)
        assert other not in frame.inner_text("body")
    moss.page.bring_to_front()  # a window behind another does not take every click
    moss.frame(stage.app).get_by_role("button", name="Write a contact").click()
    expect(moss.frame(stage.app).get_by_text("For Alex Moss")).to_be_visible()
    expect(maja.frame(stage.app).get_by_role("heading", level=1)).to_contain_text("Maja Lindqvist")


def test_a_note_is_written_without_script(stage: Stage, chromium_browser: Browser) -> None:
    with chromium_browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(stage.chart("pat-moss", "rivera"))
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Write a contact").click()
        frame.get_by_label("Purpose: why you met").fill("Without script")
        frame.get_by_role("button", name="Save draft").click()
        expect(frame.get_by_text("Saved.", exact=True)).to_be_visible()
        expect(frame.get_by_label("Purpose: why you met")).to_have_value("Without script")


def test_the_form_is_filled_and_sent_by_keyboard_alone(stage: Stage, window: Watched) -> None:
    window.page.goto(stage.chart("pat-farrell", "rivera"))
    frame = window.frame(stage.app)
    button = frame.get_by_role("button", name="Write a contact")
    button.focus()
    window.page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="Write a contact")).to_be_visible()
    frame.get_by_label("In the person's own words").focus()
    window.page.keyboard.type("It gets easier.")
    frame.get_by_role("button", name="Save draft").focus()
    window.page.keyboard.press("Enter")
    expect(frame.get_by_label("In the person's own words")).to_have_value("It gets easier.")


def test_a_browser_that_refuses_the_cookie_is_shown_another_way(
    stage: Stage, chromium_browser: Browser
) -> None:
    with chromium_browser.new_context() as context:
        page = context.new_page()

        def without_cookies(route: object) -> None:
            answer = route.fetch(max_redirects=0)  # type: ignore[attr-defined]
            headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
            route.fulfill(response=answer, headers=headers)  # type: ignore[attr-defined]

        page.route(f"{stage.app}/launch**", without_cookies)
        page.goto(stage.chart("pat-moss", "rivera"))
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading", level=1)).to_contain_text("does not let Peerchart keep a session")
        link = frame.get_by_role("link", name="Open Peerchart in a new window")
        expect(link).to_have_attribute("target", "_blank")
