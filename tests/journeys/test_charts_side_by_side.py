"""Several charts, users and EHRs in one Chromium, cookies refused, pages of other sites: nothing mixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, Playwright, expect
from sqlalchemy import func, select
from werkzeug.wrappers import Request, Response

from app.tables import ContactRow, VersionRow
from app.web.access import set_secret
from tests.journeys.stage import Stage, Watched, watch
from tests.journeys.test_one_note_in_the_frame import write_contact
from tests.journeys.two_ehrs import OTHER, OtherEhr, browser_of_a_person, elsewhere, second_ehr

pytestmark = pytest.mark.browser

BLOCKED: dict[str, object] = {"cookie_controls_mode": 1, "block_third_party_cookies": True}
EVIL = """<!doctype html><iframe src="{launch}/"></iframe>
<form method="post" action="{launch}/contacts/new"><button>Win</button></form><p id="done"></p>
<script>fetch("{launch}/contacts/new", {{method: "POST", mode: "no-cors", credentials: "include"}})
.catch(() => 0).then(() => document.getElementById("done").textContent = "done")</script>"""


@dataclass(frozen=True)
class Chart:
    """One chart in one window: who writes there, for whom, and the word that is written only there."""

    window: Watched
    issuer: str
    user: str
    person: str
    word: str


@pytest.fixture(scope="module")
def other(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherEhr]:
    with second_ehr(stage, Path(tmp_path_factory.mktemp("lakeside"))) as ehr:
        yield ehr


def _open(context: BrowserContext, stage: Stage, address: str) -> Watched:
    window = watch(context)
    window.page.goto(address)
    window.frame(stage.app)
    return window


def _contacts(stage: Stage) -> int:
    with stage.office.kit.store.read() as session:
        return session.scalar(select(func.count()).select_from(ContactRow)) or 0


def _reload(frame: Frame) -> None:
    with frame.expect_navigation():
        frame.evaluate("location.reload()")


def _of(stage: Stage, chart: Chart) -> Frame:
    chart.window.page.bring_to_front()  # a window behind another does not take every click
    return chart.window.frame(stage.app)


def _write_in(stage: Stage, chart: Chart) -> None:
    frame = _of(stage, chart)
    frame.get_by_role("button", name="Write a contact").click()
    frame.get_by_label("Purpose: why you met").fill(chart.word)
    expect(frame.locator("#save-status")).to_contain_text("Saved at")


def _shows_only_its_own(stage: Stage, chart: Chart, all_of_them: list[Chart]) -> None:
    frame = _of(stage, chart)
    body = frame.inner_text("body") + " ".join(area.input_value() for area in frame.locator("textarea").all())
    assert chart.person in body
    assert chart.user in body
    foreign = {each.word for each in all_of_them} - {chart.word}
    assert not [word for word in foreign if word in body]
    people = {each.person for each in all_of_them} - {chart.person}
    assert not [person for person in people if person in body]


def test_two_users_two_people_and_two_ehrs_in_one_browser_never_mix(
    stage: Stage, other: OtherEhr, context: BrowserContext
) -> None:
    asked = (
        ("sandbox", "Pat Rivera", "Alex Moss", stage.chart("pat-moss", "rivera")),
        ("sandbox", "Ngozi Okafor", "Maja Lindqvist", stage.chart("pat-lindqvist", "okafor")),
        (OTHER, "Pat Rivera", "Alex Moss", other.chart("pat-moss", "rivera")),
        (OTHER, "Ngozi Okafor", "Jonah Farrell", other.chart("pat-farrell", "okafor")),
    )
    charts = [
        Chart(_open(context, stage, address), issuer, user, person, f"Word {number} of {person}")
        for number, (issuer, user, person, address) in enumerate(asked)
    ]
    for chart in charts:
        _write_in(stage, chart)
    for chart in charts:
        _reload(_of(stage, chart))
        expect(_of(stage, chart).get_by_label("Purpose: why you met")).to_have_value(chart.word)
        _shows_only_its_own(stage, chart, charts)
    for chart in reversed(charts):
        with _of(stage, chart).expect_navigation():
            _of(stage, chart).evaluate("history.back()")
        _shows_only_its_own(stage, chart, charts)
    _filed_where_they_were_written(stage, charts)


def _filed_where_they_were_written(stage: Stage, charts: list[Chart]) -> None:
    with stage.office.kit.store.read() as session:
        rows = session.scalars(select(VersionRow)).all()
        filed = {
            (row.issuer, row.record.individual.name.family, row.record.note.purpose)
            for row in rows
            if row.record.note and row.record.individual.name
        }
    for chart in charts:
        found = {(issuer, family) for issuer, family, word in filed if word == chart.word}
        assert found == {(chart.issuer, chart.person.split()[-1])}


def test_a_second_tab_of_one_chart_is_a_launch_of_its_own_and_outlives_the_first(
    stage: Stage, context: BrowserContext
) -> None:
    first = _open(context, stage, stage.chart("pat-moss", "rivera"))
    second = _open(context, stage, stage.chart("pat-moss", "rivera"))
    assert first.frame(stage.app).url != second.frame(stage.app).url
    first.page.bring_to_front()
    frame = first.frame(stage.app)
    frame.get_by_role("button", name="Sign out").click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("signed out")
    second.page.bring_to_front()
    _reload(second.frame(stage.app))
    expect(second.frame(stage.app).get_by_role("heading", level=1)).to_contain_text("Alex Moss")


def test_after_sign_out_the_back_button_shows_nothing_of_the_person(
    stage: Stage, context: BrowserContext
) -> None:
    window = _open(context, stage, stage.chart("pat-moss", "rivera"))
    frame = window.frame(stage.app)
    frame.get_by_role("link", name="Plan", exact=True).click()
    frame.wait_for_url("**/plan")
    frame.get_by_role("button", name="Sign out").click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("signed out")
    with frame.expect_navigation():
        frame.evaluate("history.back()")
    expect(frame.get_by_text("You signed out here")).to_be_visible()
    assert "Moss" not in frame.inner_text("body")


@pytest.mark.parametrize("site", ["sandbox", OTHER])
def test_the_frame_of_another_site_works_while_third_party_cookies_are_blocked(
    stage: Stage, other: OtherEhr, driver: Playwright, tmp_path: Path, site: str
) -> None:
    address = stage.chart("pat-moss", "rivera") if site == "sandbox" else other.chart("pat-moss", "rivera")
    with browser_of_a_person(driver, tmp_path / "profile", BLOCKED) as context:
        frame = _open(context, stage, address).frame(stage.app)
        frame.get_by_role("button", name="Write a contact").click()
        frame.get_by_label("Purpose: why you met").fill("Through a partitioned cookie")
        expect(frame.locator("#save-status")).to_contain_text("Saved at")
        _reload(frame)
        expect(frame.get_by_label("Purpose: why you met")).to_have_value("Through a partitioned cookie")


def test_a_cookie_without_a_partition_is_lost_there(driver: Playwright, tmp_path: Path) -> None:
    def site(request: Request) -> Response:
        if request.path == "/frame":
            return Response(f"<iframe src='http://127.0.0.1:{port}/'></iframe>", mimetype="text/html")
        response = Response(f"<p>{request.headers.get('Cookie')}</p><a href='/'>on</a>", mimetype="text/html")
        response.set_cookie("plain", "1", secure=True, httponly=True, samesite="None")
        set_secret(response, "__Host-part", "1", timedelta(hours=1))
        return response

    with elsewhere(site) as port, browser_of_a_person(driver, tmp_path / "profile", BLOCKED) as context:
        page = context.new_page()
        page.goto(f"http://ehr.example:{port}/frame")
        frame = page.frame_locator("iframe")
        frame.get_by_role("link").click()
        expect(frame.locator("p")).to_have_text("__Host-part=1")


def test_in_a_browser_that_refuses_the_cookie_a_new_window_works_to_the_end(
    stage: Stage, driver: Playwright, tmp_path: Path
) -> None:
    app, ehr = stage.app, stage.ehr
    refused: dict[str, object] = {
        "content_settings": {"exceptions": {"cookies": {f"{app},{ehr}": {"setting": 2}}}}
    }
    with browser_of_a_person(driver, tmp_path / "profile", refused) as context:
        page = context.new_page()
        page.goto(stage.chart("pat-moss", "rivera"))
        frame = page.frame_locator("iframe")
        expect(frame.get_by_role("heading", level=1)).to_contain_text("does not let Peerchart keep a session")
        expect(frame.get_by_text("Nobody is signed in here")).to_be_visible()
        with context.expect_page() as opened:
            frame.get_by_role("link", name="Open Peerchart in a new window").click()
        _to_the_end(opened.value)


def _to_the_end(page: Page) -> None:
    page.get_by_label("Signed in as").select_option("rivera")
    page.get_by_label("Patient").select_option("pat-moss")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("region", name="Whose chart this is")).to_contain_text("Alex Moss")
    write_contact(page, "Talk in a window of its own.")
    expect(page.locator("#save-status")).to_contain_text("Saved at")
    page.get_by_role("button", name="Go to signing").click()
    page.get_by_text("I have read this text").click()
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("Waiting for co-signature")).to_be_visible()


def test_a_page_of_another_site_can_neither_frame_a_chart_nor_send_its_forms(
    stage: Stage, context: BrowserContext
) -> None:
    window = _open(context, stage, stage.chart("pat-moss", "rivera"))
    launch, before = window.frame(stage.app).url.rstrip("/"), _contacts(stage)
    evil = watch(context)
    with elsewhere(lambda _: Response(EVIL.format(launch=launch), mimetype="text/html")) as port:
        evil.page.goto(f"http://evil.example:{port}/")
        expect(evil.page.locator("#done")).to_have_text("done")
        assert any("frame-ancestors" in each for each in evil.complaints), evil.complaints
        assert "Moss" not in "".join(each.content() for each in evil.page.frames)
        evil.page.get_by_role("button", name="Win").click()
        expect(evil.page.get_by_role("heading", level=1)).to_contain_text("You cannot do that here")
    assert _contacts(stage) == before
