"""The pages of the office without a mouse: each control has its stop, in order and in sight."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from app import disclosures
from tests.app.web.matrix_office import MOSS, World, open_world
from tests.app.web.office import EHR
from tests.app.web.sole_biller import made, numbers, open_sole
from tests.journeys.desks import seat, served
from tests.journeys.keyboard import to, walk
from tests.journeys.stage import WIDTHS
from tests.journeys.test_pages_for_everybody import TOO_WIDE
from tests.mappings.x12.replies import claim_ack
from tests.mappings.x12.samples import maps_read_once

pytestmark = pytest.mark.browser
LINDQVIST = "pat-lindqvist"
NOTE, DRAFT, ADDENDUM = "final note", "draft", "addendum"


@dataclass(frozen=True)
class Place:
    """A page: whose it is, where, and the button to press on it before it is looked at."""

    role: str
    patient: str | None
    path: str
    press: str = ""
    office: str = "world"


PLACES = {
    "consents": Place("peer", MOSS, "/consents"),
    "consents of nobody yet": Place("peer", LINDQVIST, "/consents"),
    "a consent that is not whole": Place("peer", MOSS, "/consents", "Record the consent"),
    "disclosures": Place("supervisor", MOSS, "/consents"),
    "wrong chart": Place("peer", MOSS, "/contacts/{final note}/wrong-chart"),
    "wrong chart, not said why": Place(
        "peer", MOSS, "/contacts/{final note}/wrong-chart", "Take it out of this chart"
    ),
    "my record": Place("peer", None, "/my-record"),
    "an authorization for whom": Place("biller", None, "/authorizations/begin"),
    "an authorization": Place("biller", None, f"/authorizations/begin?person={MOSS}"),
    "an addendum": Place("peer", MOSS, "/contacts/{final note}/addendum"),
    "an addendum to sign": Place("peer", MOSS, "/addenda/{addendum}", "Sign"),
    "a note with what was added": Place("peer", MOSS, "/contacts/{final note}"),
    "a contact, also of a group": Place("peer", MOSS, "/contacts/{draft}/edit"),
    "meetings": Place("supervisor", MOSS, "/meetings"),
    "files for the payer": Place("biller", None, "/claims/x12", office="sole"),
    "one file": Place("biller", None, "/claims/x12/{file}", office="sole"),
    "an answer of the payer": Place("biller", None, "/claims/x12/answers", "Read the file", office="sole"),
    "no files for payers": Place("biller", None, "/claims/x12"),
    "no charge files": Place("biller", None, "/claims/charges", office="sole"),
    "claims": Place("biller", None, "/claims", office="sole"),
}


@dataclass
class Offices:
    """Both offices and their addresses."""

    worlds: dict[str, World]
    bases: dict[str, str]

    def open(self, page: Page, place: Place) -> None:
        """The page, with all that can be unfolded unfolded."""
        world = self.worlds[place.office]
        desk = world.sit(place.role, place.patient)
        seat(page.context, desk)
        ids = {kind: next(iter(values.values())) for kind, values in world.own.items()}
        page.goto(f"{self.bases[place.office]}{desk.address(place.path.format(**ids))}")
        if place.press:
            page.get_by_role("button", name=place.press, exact=True).click()
            page.locator("[role=alert]").first.wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offices]:
    with ExitStack() as until, maps_read_once():
        sole = open_sole(Path(tmp_path_factory.mktemp("sole")))
        world = open_world(Path(tmp_path_factory.mktemp("world")))
        worlds = {"world": world, "sole": sole}
        sole.own["file"] = {"batch": made(sole.sit("biller", None))}
        with world.office.kit.store.write() as session:
            sent = f"note/{world.own[NOTE]['contact_id']}/1"
            now = world.office.clock()
            disclosures.leaves(session, EHR, MOSS, "chart", "note", sent, "ab", now, part2=True, consent=1)
        bases = {name: until.enter_context(served(each.office.app)) for name, each in worlds.items()}
        yield Offices(worlds, bases)
        for each in worlds.values():
            each.close()


@pytest.fixture(scope="module")
def page(chromium_browser: Browser) -> Iterator[Page]:
    with chromium_browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(15_000)
        yield context.new_page()


@pytest.mark.parametrize("name", sorted(PLACES))
def test_every_control_of_a_page_is_a_stop_of_the_keyboard_in_order_and_in_sight(
    offices: Offices, page: Page, name: str
) -> None:
    page.set_viewport_size({"width": 768, "height": 600})
    offices.open(page, PLACES[name])
    amiss, controls = walk(page)
    assert amiss == []
    assert len(controls) > 5


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ('<button style="outline: none">Save</button>', "no ring"),
        ('<button tabindex="3">Save</button>', "no stop"),
        ('<button style="position: fixed; left: -99rem">Save</button>', "outside of the window"),
        (
            '<button>Save</button><p style="position: fixed; inset: 0; background: #fff">Over it</p>',
            "covered",
        ),
        (
            '<button id="b">Save</button><script>b.onkeydown = at => at.preventDefault()</script>',
            "no way out",
        ),
        ('<button id="b">Save</button><script>b.onfocus = () => b.blur()</script>', "no stop"),
    ],
    ids=["no ring", "order", "outside", "covered", "trap", "never"],
)
def test_a_control_that_cannot_be_reached_left_or_seen_would_be_found(
    page: Page, control: str, words: str
) -> None:
    page.goto("about:blank")
    page.set_content(f'<main><a href="#a">First</a> {control} <a href="#z">Last</a></main>')
    amiss, controls = walk(page)
    assert len(controls) == 3
    assert any(words in line for line in amiss), amiss


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_page_of_the_office_fits_every_width_and_everybody_can_use_it(
    offices: Offices, page: Page, name: str
) -> None:
    offices.open(page, PLACES[name])
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{beyond} px too wide at {width}: {page.evaluate(TOO_WIDE)}"
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


def test_a_biller_reads_a_payers_answer_without_a_mouse(offices: Offices, page: Page, tmp_path: Path) -> None:
    world = offices.worlds["sole"]
    # Whoever begins to listen just before the key is pressed may be too late: the browser then opens a window
    # of its own, and no other. Seen once in four runs.
    page.on("filechooser", lambda _: None)
    with world.as_it_was():
        offices.open(page, Place("biller", None, "/claims", office="sole"))
        for press in ("Files for the payer", "Read an answer of the payer"):
            to(page, page, press)
            page.keyboard.press("Enter")
            page.get_by_role("heading", level=1, name=press).wait_for()
        file = tmp_path / "answer.277"
        file.write_bytes(claim_ack([(numbers(world.office)[0], "A7:562:85")]))
        to(page, page, "The payer's file")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(file)
        to(page, page, "Read the file")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="1 new answer").wait_for()
        # The outcome has the keyboard, so that it is read aloud and the next stop is the claim it names.
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("A7 rejected, information is invalid (562 NPI)").first.wait_for()


def test_a_biller_makes_and_fetches_a_file_without_a_mouse(offices: Offices, page: Page) -> None:
    world = offices.worlds["sole"]
    with world.as_it_was():
        offices.open(page, PLACES["files for the payer"])
        to(page, page, "Download the file", exact=False)
        with page.expect_download() as fetched:
            page.keyboard.press("Enter")
        assert fetched.value.suggested_filename == f"{world.own['file']['batch']}.x12"
