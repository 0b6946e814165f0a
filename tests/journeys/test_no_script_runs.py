"""Whatever is typed, comes from a chart or stands in an address is text: no script runs, in a real browser.

`payloads.json` holds what people and EHRs never write: tags, attributes, addresses, drawings, templates,
tricks of Unicode, tables and JSON. A page passes when nothing of it ran, the browser had no policy violation
to report, nothing was asked of another host, and no payload became an element or an attribute of the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from app import individuals, outbox, staff
from app.individuals import PersonLinks
from app.typed_text import unsendable_words
from app.web.access import cookie_name
from mappings.records import Coverage, Individual, Name
from smart_launch.trouble import ServerIssue
from tests.app.web.office import ADMIN, EHR, Desk, Forms, a_member
from tests.app.web.test_writing_and_signing import WRITTEN
from tests.journeys.stage import Stage, Watched, watch

pytestmark = pytest.mark.browser

PAYLOADS: list[str] = json.loads((Path(__file__).parent / "payloads.json").read_text(encoding="utf-8"))
# What turns the direction of a text is refused where people type.
TYPED = [each for each in PAYLOADS if unsendable_words(each) is None]
FIELDS = ("note.purpose", "note.response", "note.progress", "note.outcome", "note.own_words")
SPY = """
window.ran = []; window.reports = [];
for (const each of ["alert", "confirm", "prompt", "print", "open"])
  window[each] = () => window.ran.push(each);
document.addEventListener("securitypolicyviolation", (event) => window.reports.push(event.violatedDirective));
"""
# What only our own templates may bring: no inline handler, no address that runs, no script but our files.
GROWN = r"""
[...document.querySelectorAll("*")].flatMap(each => [...each.attributes].filter(at =>
    /^on|^hx-on|srcdoc/i.test(at.name)
    || /^[\s\u0000-\u0020]*(javascript|vbscript|data|feed):/i.test(at.value)
        && /^(href|src|action|formaction|data|xlink:href)$/i.test(at.name)
  ).map(at => each.tagName + " " + at.name + "=" + at.value))
  .concat([...document.querySelectorAll("script, iframe, object, embed, base, style, svg, math")]
    .filter(each => !(each.src || "").startsWith(location.origin + "/static/"))
    .map(each => each.outerHTML.slice(0, 100)))
"""
READ = """() => [document.documentElement.textContent, document.title,
  ...[...document.querySelectorAll("input, textarea, option")].map(each => each.value)].join("\\n")"""


@dataclass
class Reader:
    """A window that opens pages and finds everything on them to be text."""

    window: Watched
    stage: Stage
    opened: int = 0
    dialogs: list[str] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)

    @property
    def page(self) -> Page:
        return self.window.page

    def dismisses(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.type)
        dialog.dismiss()

    def open(self, address: str, shown: list[str] | None = None) -> None:
        self.page.goto(address)
        self.finds_only_text(shown)

    def finds_only_text(self, shown: list[str] | None = None) -> None:
        self.opened += 1
        address = self.page.url[:120]
        assert self.page.evaluate("[window.ran, window.reports]") == [[], []], address
        assert self.page.evaluate(GROWN) == [], address
        assert self.dialogs == [], address
        complaints = [each for each in self.window.complaints if "Content Security" in each]
        assert complaints == [], address
        assert self.window.hosts <= {self.stage.app.partition("//")[2], *self.allowed}, self.window.hosts
        text = _plain(self.page.evaluate(READ))
        lost = [each for each in shown or [] if _plain(each) not in text]
        assert lost == [], (address, lost[:3])


@pytest.fixture(scope="module")
def context(chromium_browser: Browser) -> Iterator[BrowserContext]:
    with chromium_browser.new_context() as opened:
        opened.set_default_timeout(20_000)
        yield opened


@pytest.fixture(scope="module")
def reader(context: BrowserContext, stage: Stage) -> Reader:
    window = watch(context)
    made = Reader(window, stage)
    window.page.on("dialog", made.dismisses)
    context.add_init_script(SPY)
    return made


def _plain(text: str) -> str:
    return " ".join(text.split())


def _batches(size: int) -> list[list[str]]:
    return [PAYLOADS[at : at + size] for at in range(0, len(PAYLOADS), size)]


def _sit(stage: Stage, context: BrowserContext, who: str, patient: str | None = None) -> tuple[Desk, str]:
    """A launch for the forms of this process and for the browser alike; with its address."""
    desk = stage.office.sit(who, patient)
    cookie = desk.client.get_cookie(cookie_name(desk.launch_id), domain="127.0.0.1")
    assert cookie is not None
    context.add_cookies(
        [
            {
                "name": cookie_name(desk.launch_id),
                "value": cookie.value,
                "url": stage.app.replace("http:", "https:"),
            }
        ]
    )
    return desk, f"{stage.app}/l/{desk.launch_id}"


def test_the_list_holds_three_hundred_payloads_and_more_and_none_twice() -> None:
    assert len(PAYLOADS) >= 300
    assert len(set(PAYLOADS)) == len(PAYLOADS)
    assert len(TYPED) >= 300


def test_in_the_fields_of_a_note(stage: Stage, context: BrowserContext, reader: Reader) -> None:
    desk, base = _sit(stage, context, "rivera", "pat-lindqvist")
    yesterday = stage.office.clock().date() - timedelta(days=2)
    typed = {name: ["\n".join(TYPED[at :: len(FIELDS)])] for at, name in enumerate(FIELDS)}
    contact = str(desk.post("/contacts/new").headers["Location"].split("/")[-2])
    form = Forms(desk.get(f"/contacts/{contact}/edit").text).fields
    form |= WRITTEN | typed | {"start_date": [str(yesterday)], "start_time": [TYPED[0]]}
    assert desk.post(f"/contacts/{contact}/edit", form).status_code in (303, 422)
    reader.open(f"{base}/contacts/{contact}/edit", TYPED)
    reader.page.get_by_label("Purpose: why you met").press_sequentially("x")
    expect(reader.page.locator("#save-status")).to_contain_text("Saved at")
    reader.finds_only_text(TYPED)
    reader.open(f"{base}/contacts/{contact}/sign", TYPED)
    reader.open(f"{base}/")


def test_in_names_and_coverages_that_a_chart_brought(
    stage: Stage, context: BrowserContext, reader: Reader
) -> None:
    kit, patient = stage.office.kit, "pat-castillo"
    person = _person(stage, "pat-moss").model_copy(
        update={
            "id": PAYLOADS[1],
            "name": Name(given=tuple(PAYLOADS[:-1]), family=PAYLOADS[-1]),
            "coverages": tuple(Coverage(payer=each, member_id=each, order=1) for each in PAYLOADS[:20]),
        }
    )
    with kit.store.write() as session:
        individuals.remember(session, EHR, patient, person, (), PersonLinks(), kit.now())
    desk, base = _sit(stage, context, "rivera", patient)
    reader.open(f"{base}/", PAYLOADS)
    reader.open(f"{base}/plan", PAYLOADS)
    assert desk.post("/contacts/new").status_code == 303
    assert reader.page.locator("#actor, [name=getElementById]").count() == 0
    _, base = _sit(stage, context, "chen", patient)
    reader.open(f"{base}/authorizations/new", PAYLOADS[:20])
    _, base = _sit(stage, context, "rivera")
    reader.open(f"{base}/")


def _person(stage: Stage, patient: str) -> Individual:
    with stage.office.kit.store.read() as session:
        return individuals.find(session, EHR, patient).record


def test_in_the_names_of_staff_and_programme(stage: Stage, context: BrowserContext, reader: Reader) -> None:
    kit, npi = stage.office.kit, "1900000104"
    with kit.store.write() as session:
        name = Name(given=tuple(PAYLOADS[:-1]), family=PAYLOADS[-1])
        record = a_member("rivera").model_copy(update={"id": npi, "npi": npi, "name": name})
        staff.save(session, ADMIN, record, frozenset({"peer"}), True, kit.now())
    try:
        _, base = _sit(stage, context, "whitfield")
        reader.open(f"{base}/staff", PAYLOADS)
        reader.open(f"{base}/staff/{npi}", PAYLOADS)
    finally:
        with kit.store.write() as session:
            staff.save(session, ADMIN, record, frozenset({"peer"}), False, kit.now())


def test_in_a_plan_and_its_goals(stage: Stage, context: BrowserContext, reader: Reader) -> None:
    desk, base = _sit(stage, context, "chen", "pat-lindqvist")
    entry = desk.post("/plan/new", {"basis": "planned"}).headers["Location"].split("/")[-2]
    form = Forms(desk.get(f"/plan/{entry}/edit").text).fields
    text = "\n".join(TYPED)
    form |= {"goal.text": [text], "goal.objective": [text], "goal.target": [TYPED[0]]}
    desk.post(f"/plan/{entry}/edit", form)
    reader.open(f"{base}/plan/{entry}/edit", TYPED)
    reader.open(f"{base}/plan/{entry}", TYPED)
    reader.open(f"{base}/plan")
    desk.post(f"/plan/{entry}/discard")


def test_in_what_an_ehr_says_when_it_refuses(stage: Stage, context: BrowserContext, reader: Reader) -> None:
    kit, now = stage.office.kit, stage.office.clock()
    said = [ServerIssue("error", "invalid", " ".join(batch)) for batch in _batches(40)]
    with kit.store.write() as session:
        for number, outcome in enumerate(said):
            outbox.add(
                session,
                EHR,
                outbox.CHART,
                "note",
                f"spoken-{number}",
                "pat-winters",
                f"C-{number}",
                b"{}",
                now,
            )
            leased = outbox.lease(session, "test", now, 60)
            assert leased is not None
            outbox.refuse(session, leased, str(outcome), now)
    _, base = _sit(stage, context, "whitfield")
    reader.open(f"{base}/deliveries", PAYLOADS)


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("chen", "/queue?q={0}&author={0}&type={0}&age={0}"),
        ("chen", "/?said={0}"),
        ("rivera", "/rules/{0}"),
        ("rivera", "/contacts/{0}?version={0}"),
        ("rivera", "/no/such/page/{0}"),
        ("whitfield", "/staff/{0}"),
        ("whitfield", "/claims/{0}"),
    ],
)
def test_in_searches_filters_and_addresses(
    stage: Stage, context: BrowserContext, reader: Reader, who: str, path: str
) -> None:
    _, base = _sit(stage, context, who)
    for batch in _batches(95):
        reader.open(base + path.format(quote(" ".join(batch), safe="")))


def test_in_the_addresses_of_a_launch(stage: Stage, reader: Reader) -> None:
    for batch in _batches(95):
        said = quote(" ".join(batch), safe="")
        reader.open(f"{stage.app}/launch?iss={said}&launch={said}")
        reader.open(f"{stage.app}/cb/{said}?code={said}&state={said}")
        reader.open(f"{stage.app}/cb/{EHR}?error={said}&error_description={said}&state=x")
        reader.open(f"{stage.app}/l/{said}/")


def test_in_what_the_sign_in_says_when_it_declines(stage: Stage, reader: Reader) -> None:
    reader.allowed.add(stage.ehr.partition("//")[2])  # the way leads over the EHR's own page
    for batch in _batches(95):
        reader.page.goto(f"{stage.app}/launch?iss={stage.ehr}/fhir")
        reader.page.wait_for_url(f"{stage.ehr}/**")
        state = parse_qs(urlsplit(reader.page.url).query)["state"][0]
        said = quote(" ".join(batch), safe="")
        declined = f"error=access_denied&error_description={said}&error_uri={said}"
        reader.open(f"{stage.app}/cb/{EHR}?{declined}&state={state}")
        assert "declined" in reader.page.content()
