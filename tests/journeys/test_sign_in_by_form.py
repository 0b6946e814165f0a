"""A sign-in by form in the frame of another site, where third-party cookies are blocked, or ours refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from app import registry
from tests.journeys.stage import Stage, watch
from tests.journeys.two_ehrs import OTHER, OtherEhr, browser_of_a_person, second_ehr

pytestmark = pytest.mark.browser

BLOCKED: dict[str, object] = {"cookie_controls_mode": 1, "block_third_party_cookies": True}
# Scopes so narrow that an address with all of them would be cut off on its way.
LONG = tuple(f"user/{kind}.rs?_tag={'t' * 700}" for kind in ("Patient", "Coverage", "Encounter"))


@pytest.fixture(scope="module")
def other(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherEhr]:
    with second_ehr(stage, Path(tmp_path_factory.mktemp("lakeside"))) as ehr:
        kit = stage.office.kit
        with kit.store.write() as session:
            known = registry.registered(session, kit.keyring).by_id(OTHER)
            asked = replace(known, scopes=(*known.scopes, *LONG))
            registry.register(session, kit.keyring, asked, kit.now())
        yield ehr


def _posts(page: Page, posted: list[str]) -> None:
    page.on("request", lambda asked: posted.append(asked.url) if asked.method == "POST" else None)


def test_the_form_goes_on_by_itself_and_the_chart_opens_in_the_frame(
    stage: Stage, other: OtherEhr, driver: Playwright, tmp_path: Path
) -> None:
    posted: list[str] = []
    with browser_of_a_person(driver, tmp_path / "profile", BLOCKED) as context:
        window = watch(context)
        _posts(window.page, posted)
        window.page.goto(other.chart("pat-moss", "rivera"))
        frame = window.frame(stage.app)
        expect(frame.get_by_role("region", name="Whose chart this is")).to_contain_text("Alex Moss")
        assert posted == [f"{other.ehr}/auth/authorize"]
        assert [each for each in window.complaints if "Security Policy" in each] == []


def test_in_a_browser_that_refuses_the_cookie_the_frame_says_so_and_opens_no_chart(
    stage: Stage, other: OtherEhr, driver: Playwright, tmp_path: Path
) -> None:
    refused: dict[str, object] = {
        "content_settings": {"exceptions": {"cookies": {f"{stage.app},{other.site}": {"setting": 2}}}}
    }
    posted: list[str] = []
    with browser_of_a_person(driver, tmp_path / "profile", refused) as context:
        page = context.new_page()
        _posts(page, posted)
        page.goto(other.chart("pat-moss", "rivera"))
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading", level=1)).to_contain_text("does not let Peerchart keep a session")
        assert posted == [f"{other.ehr}/auth/authorize"]
        assert "Moss" not in frame.locator("body").inner_text()
        with context.expect_page() as opened:
            frame.get_by_role("link", name="Open Peerchart in a new window").click()
        expect(opened.value.get_by_label("Signed in as")).to_be_visible()
