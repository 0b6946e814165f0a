"""The whole job by hand of a robot: what the people of the programme do in a day, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.demo.browser import Browser, Lost, Page, Value
from app.demo.processes import Demo
from app.demo.setting_up import CLIENT

ZONE = ZoneInfo("America/New_York")
MOSS, LINDQVIST = "pat-moss", "pat-lindqvist"
VISIT = "enc-visit-70002"
MINUTES = 40
UNITS = 2


@dataclass(frozen=True)
class Slot:
    """When one contact was: day and clock times as typed into the form."""

    day: str
    start: str
    end: str


@dataclass
class Walk:
    """What the robot did: the contacts by what they were, and each text exactly as it was shown to sign."""

    demo: Demo
    slots: Iterator[Slot]
    contacts: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    released: int = 0


def walk(demo: Demo, now: datetime) -> Walk:
    """Do the whole job once; `now` is aware. Raises Lost where a page is not as people need it."""
    done = Walk(demo, slots(now))
    _pre_admission(done)
    _cosignature(done)
    _plan(done, now)
    _with_plan(done)
    _claims(done)
    return done


def slots(now: datetime) -> Iterator[Slot]:
    """Times before `now` that lie one after the other on one day, so that nobody is in two places at once."""
    local = now.astimezone(ZONE).replace(second=0, microsecond=0)
    if local.hour < 6:
        local = (local - timedelta(days=1)).replace(hour=18, minute=0)
    end = local - timedelta(minutes=10)
    while True:
        start = end - timedelta(minutes=MINUTES)
        yield Slot(start.date().isoformat(), f"{start:%H:%M}", f"{end:%H:%M}")
        end = start - timedelta(minutes=5)


@contextmanager
def launched(
    demo: Demo, user: str, patient: str | None = None, visit: str | None = None
) -> Iterator[Visitor]:
    """A browser of its own in a launch from the EHR's chart, or from its menu without a patient."""
    browser = Browser()
    try:
        asked = {"user": user, "client_id": CLIENT, "patient": patient, "encounter": visit}
        wanted = {name: value for name, value in asked.items() if value}
        answer = browser.http.post(f"{demo.ehr_base}/launches", json=wanted, timeout=20)
        answer.raise_for_status()
        page = browser.open(answer.json()["launch_url"])
        if "/l/" not in page.url:
            raise Lost(f"the launch of {user} ended at {page.url}: {page.text[:400]}")
        yield Visitor(browser, page)
    finally:
        browser.close()


@dataclass
class Visitor:
    """Somebody in a launch: the browser and the page in front of them."""

    browser: Browser
    page: Page

    @property
    def base(self) -> str:
        """The address of this launch."""
        before, _, after = self.page.url.partition("/l/")
        return f"{before}/l/{after.split('/')[0]}"

    def go(self, path: str) -> Page:
        """Open a page of this launch."""
        self.page = self.browser.open(f"{self.base}{path}")
        return self.page

    def send(self, action: str, changes: Mapping[str, Value | None] | None = None) -> Page:
        """Fill and send a form of the page in front."""
        self.page = self.browser.submit(self.page, action, changes)
        return self.page


def _pre_admission(done: Walk) -> None:
    """Pat Rivera meets Alex Moss, who has not decided yet."""
    with launched(done.demo, "rivera", MOSS) as rivera:
        contact = _new_contact(rivera)
        fields = _contact_fields(next(done.slots))
        _see_findings(done, rivera, fields)
        _save_and_sign(done, rivera, "pre-admission", contact, {**fields, **_PRE_ADMISSION})


def _cosignature(done: Walk) -> None:
    """Dana Chen opens the note from her queue, reads it and co-signs."""
    contact = done.contacts["pre-admission"]
    with launched(done.demo, "chen") as chen:
        chen.go("/queue")
        chen.send(f"/queue/{contact}/open")
        shown = _text_of(chen.page)
        if shown != done.texts["pre-admission"]:
            raise Lost("the co-signer is shown another text than the author signed")
        chen.send(f"/contacts/{contact}/cosign", {"confirm": "yes"})


def _plan(done: Walk, now: datetime) -> None:
    """Dana Chen writes two entries of Maja Lindqvist's treatment plan and signs them."""
    today = now.astimezone(ZONE).date()
    with launched(done.demo, "chen", LINDQVIST) as chen:
        for basis, fields in (("planned", _PLANNED), ("targeted", _TARGETED)):
            chen.go("/plan")
            chen.send("/plan/new", {"basis": basis})
            entry = chen.page.url.split("/plan/")[1].split("/")[0]
            chen.send(f"/plan/{entry}/edit", {**fields, **_period(basis, today), "then": "sign"})
            chen.send(f"/plan/{entry}/sign", {"confirm": "yes"})
            done.entries[basis] = entry


def _with_plan(done: Walk) -> None:
    """Pat Rivera writes a planned contact of the visit, a short-term one, and one nobody had planned."""
    with launched(done.demo, "rivera", LINDQVIST, VISIT) as rivera:
        home = rivera.page.url
        for basis in ("planned", "targeted", "ad-hoc"):
            if basis != "planned":
                break
            _contact_of(done, rivera, home, basis)
    with launched(done.demo, "rivera", LINDQVIST) as rivera:
        home = rivera.page.url
        for basis in ("targeted", "ad-hoc"):
            _contact_of(done, rivera, home, basis)


def _contact_of(done: Walk, rivera: Visitor, home: str, basis: str) -> None:
    rivera.page = rivera.browser.open(home)
    contact = _new_contact(rivera)
    fields = _contact_fields(next(done.slots)) | {"service.basis": basis}
    if basis == "ad-hoc":
        fields |= {"service.rationale": "A letter about her housing came this morning and could not wait."}
    else:
        fields |= {"service.plan_entry": done.entries[basis]}
    _save_and_sign(done, rivera, basis, contact, {**fields, **_ENROLLED})


def _claims(done: Walk) -> None:
    """Iris Moreno releases every claim that is ready."""
    with launched(done.demo, "moreno") as moreno:
        moreno.go("/claims")
        for address in moreno.page.links("/claims/"):
            moreno.page = moreno.browser.open(address)
            action = f"{address.split('?')[0].partition('/l/')[2].partition('/')[2]}/release"
            if any(str(form.action or "").endswith("/release") for form in moreno.page.tree.forms):
                moreno.send(f"/{action}")
                done.released += 1


def _new_contact(visitor: Visitor) -> str:
    visitor.send("/contacts/new")
    return visitor.page.url.split("/contacts/")[1].split("/")[0]


def _see_findings(done: Walk, visitor: Visitor, fields: Mapping[str, Value]) -> None:
    """While the note is still blank, the rules stand beside the fields with what to do."""
    contact = visitor.page.url.split("/contacts/")[1].split("/")[0]
    form = visitor.page.form(f"/contacts/{contact}/edit")
    answer = visitor.browser.http.post(
        f"{visitor.base}/contacts/{contact}/findings",
        data=Browser.values(form, fields),
        headers={"Origin": done.demo.app_base, "HX-Request": "true"},
        timeout=20,
    )
    answer.raise_for_status()
    done.seen["while typing"] = answer.text


def _save_and_sign(
    done: Walk, visitor: Visitor, name: str, contact: str, fields: Mapping[str, Value]
) -> None:
    visitor.send(f"/contacts/{contact}/edit", {**fields, "then": "sign"})
    done.texts[name] = _text_of(visitor.page)
    visitor.send(f"/contacts/{contact}/sign", {"confirm": "yes"})
    done.contacts[name] = contact


def _text_of(page: Page) -> str:
    found = page.tree.xpath("//*[contains(concat(' ', @class, ' '), ' note-text ')]")
    if len(found) != 1:
        raise Lost(f"no single text to sign on {page.url}: {page.text[:800]}")
    return str(found[0].text_content())


def _contact_fields(slot: Slot) -> dict[str, Value]:
    return {
        "status": "finished",
        "start_date": slot.day,
        "start_time": slot.start,
        "end_time": slot.end,
        "service.type": "adult",
        "service.format": "individual",
        "service.place": "onsite",
        "service.modality": "in-person",
        "service.location.kind": "clinic",
        "service.location.name": "Main Street",
        "service.components": ["A-EBT"],
        "recipients": ["individual"],
        "service.voluntary": "yes",
        "note.data_verified": "yes",
        "risk.seen": "no",
    }


def _period(basis: str, today: date) -> dict[str, Value]:
    dated: dict[str, Value] = {
        "plan.from": (today - timedelta(days=14)).isoformat(),
        "plan.to": (today + timedelta(days=166)).isoformat(),
        "plan.review_due": (today + timedelta(days=160)).isoformat(),
        "goal.target": (today + timedelta(days=90)).isoformat(),
    }
    return dated | ({"event.on": (today - timedelta(days=15)).isoformat()} if basis == "targeted" else {})


_PRE_ADMISSION: dict[str, Value] = {
    "engagement.goal": "Decide whether to start treatment",
    "note.purpose": "Get to know each other and hear what Alex hopes for.",
    "note.response": "Alex asked many questions and spoke of earlier experience with clinics.",
    "note.progress": "Alex named two reasons for and one against starting.",
    "note.outcome": "Alex wants to see the group room before deciding; we meet again on Friday.",
    "note.own_words": "I want to look at it first.",
}
_ENROLLED: dict[str, Value] = {
    "note.purpose": "Practise the way to the community choir.",
    "note.response": "Maja was tense at first and then led the way.",
    "note.progress": "She spoke to the choir leader by herself for the first time.",
    "note.outcome": "She goes alone on Thursday and calls afterwards.",
    "note.own_words": "I did not think I could say that.",
}
_PLANNED: dict[str, Value] = {
    "service_type": "adult",
    "goal.text": "Go to the community choir by myself",
    "goal.objective": "Attend twice in a month",
    "components": ["A-CCNT"],
    "frequency.units": "2",
    "frequency.times": "1",
    "frequency.per": "week",
    "status": "active",
}
_TARGETED: dict[str, Value] = _PLANNED | {
    "goal.text": "Feel safe at home again",
    "goal.objective": "Two nights without calling the hotline",
    "event.text": "Visit to the emergency department after a night without sleep",
    "response": "Peer support twice a week for four weeks",
    "components": ["A-EBT"],
}
