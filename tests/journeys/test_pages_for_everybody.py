"""Every page at every width: nothing cut off, usable by everybody, nothing asked of another host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.journeys.stage import WIDTHS, Stage, Watched, watch

pytestmark = pytest.mark.browser

TOO_WIDE = """[...document.querySelectorAll('body *')]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(0, 5).map(each => each.outerHTML.slice(0, 120))"""
PAGES = (
    ("rivera", "pat-moss", "/"), ("rivera", "pat-moss", "/plan"), ("rivera", "pat-moss", "/engagement"),
    ("rivera", "pat-moss", "/deliveries"), ("rivera", "pat-moss", "/rules"),
    ("rivera", "pat-moss", "/rules/NY.PRE.COSIGN"), ("rivera", "pat-moss", "/no-such-page"),
    ("rivera", "pat-moss", "write"), ("rivera", "pat-lindqvist", "write"), ("rivera", None, "/"),
    ("chen", None, "/"), ("chen", None, "/queue"), ("chen", "pat-lindqvist", "/plan"),
    ("chen", "pat-lindqvist", "plan"), ("moreno", None, "/claims"), ("whitfield", None, "/staff"),
    ("whitfield", None, "/staff/1900000021"), ("whitfield", None, "/staff/new"),
    ("whitfield", None, "/staff/import"), ("whitfield", None, "/staff/program"),
    ("whitfield", None, "/deliveries"),
)  # fmt: skip


@pytest.fixture(scope="module")
def wide(chromium_browser: Browser) -> Iterator[Watched]:
    with chromium_browser.new_context() as context:
        context.set_default_timeout(15_000)
        yield watch(context)


@pytest.fixture(scope="module")
def desks() -> dict[tuple[str, str | None], str]:
    return {}


def _desk(
    stage: Stage, page: Page, desks: dict[tuple[str, str | None], str], user: str, patient: str | None
) -> str:
    if (user, patient) not in desks:
        asked = {"user": user, "client_id": "peerchart", **({"patient": patient} if patient else {})}
        page.goto(requests.post(f"{stage.ehr}/launches", json=asked, timeout=20).json()["launch_url"])
        page.wait_for_url("**/l/**")
        desks[user, patient] = page.url.rstrip("/")
    return desks[user, patient]


def _open(page: Page, desk: str, path: str) -> None:
    if path == "write":
        page.goto(f"{desk}/")
        page.get_by_role("button", name="Write a contact").click()
        page.get_by_label("Purpose: why you met").fill("A walk")
        page.locator(".missing").first.wait_for()
    elif path == "plan":
        page.goto(f"{desk}/plan")
        page.get_by_role("button", name="Add a planned service").click()
    else:
        page.goto(f"{desk}{path}")
    page.wait_for_load_state()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


@pytest.mark.parametrize(("user", "patient", "path"), PAGES)
def test_a_page_fits_every_width_and_everybody_can_use_it(
    stage: Stage,
    wide: Watched,
    desks: dict[tuple[str, str | None], str],
    user: str,
    patient: str | None,
    path: str,
) -> None:
    page = wide.page
    _open(page, _desk(stage, page, desks, user, patient), path)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{path} is {beyond} px too wide at {width}: {page.evaluate(TOO_WIDE)}"
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == [], [(each["id"], [node["target"] for node in each["nodes"]]) for each in serious]
    assert [each for each in wide.complaints if "Content Security" in each or "Uncaught" in each] == []
    assert wide.hosts <= {stage.app.partition("//")[2], stage.ehr.partition("//")[2]}


def test_every_page_names_its_language_its_title_and_its_main_part(
    stage: Stage, wide: Watched, desks: dict[tuple[str, str | None], str]
) -> None:
    page = wide.page
    desk = _desk(stage, page, desks, "rivera", "pat-moss")
    for path in ("/", "/plan", "/engagement", "/rules"):
        page.goto(desk + path)
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.title().endswith("Peerchart")
        assert page.locator("main h1").count() == 1
