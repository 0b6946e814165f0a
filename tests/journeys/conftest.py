from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from tests.journeys.stage import Stage, Watched, need_chromium, open_browser, staged, watch


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    need_chromium()
    with staged(Path(tmp_path_factory.mktemp("stage"))) as both:
        yield both


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    need_chromium()
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium_browser(driver: Playwright) -> Iterator[Browser]:
    browser = open_browser(driver)
    yield browser
    browser.close()


@pytest.fixture
def context(chromium_browser: Browser) -> Iterator[BrowserContext]:
    opened = chromium_browser.new_context(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(20_000)
    yield opened
    opened.close()


@pytest.fixture
def window(context: BrowserContext) -> Watched:
    return watch(context)
