"""Every order in which four windows of one browser can be used: no note lands on another person.

The orders are walked as a graph: a step is taken from each state of the records that some order leads to,
and a state that was seen before is not walked twice. So the number of orders is the number of ways through
the graph, far more than the steps that are taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import engagement, migrations
from app.actor import Actor
from app.settings import Settings
from app.store import Store, open_store
from app.tables import ContactRow, SignatureRow, VersionRow
from tests.app.web.office import EHR, ORIGIN, PEOPLE, STAFF, Clock, Desk, Forms, Office, open_office
from tests.app.web.test_writing_and_signing import WRITTEN

MOSS, FARRELL = "pat-moss", "pat-farrell"
ORDERS_WANTED = 10_000


class OneTransaction(Store):
    """A store whose blocks are savepoints of one open transaction, so that a step can be taken back whole."""

    def __init__(self, settings: Settings) -> None:
        self._real = open_store(settings)
        super().__init__(self._real.engine)
        self.line: Connection = self._real.engine.connect()
        self.line.begin()

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._session() as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._session() as session:
            yield session

    def _session(self) -> Session:
        return Session(self.line, expire_on_commit=False, join_transaction_mode="create_savepoint")

    def close(self) -> None:
        self.line.close()
        self._real.close()


@dataclass(frozen=True)
class Window:
    """One window: who sits at it, whose chart it shows, and the steps that its user takes in turn."""

    desk: Desk
    who: str
    patient: str
    steps: tuple[str, ...]
    client_side: dict[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """A word that only this window writes."""
        return f"Word-{self.who}-{self.patient}"


@dataclass
class Walk:
    """What the walk has seen: the ways from each state on, the states, and how many steps were taken."""

    office: Office
    store: OneTransaction
    windows: tuple[Window, ...]
    ways: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    answers: dict[tuple[str, int], int] = field(default_factory=dict)
    foreign: dict[int, int] = field(default_factory=dict)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    settings = Settings(data_dir=tmp_path, base_url=ORIGIN)
    migrations.upgrade(settings)
    store = OneTransaction(settings)
    office = open_office(tmp_path, clock=Clock(), store=store)
    with store.write() as session:
        lpha = Actor(EHR, "1900000039", "Dana Chen", frozenset({"lpha"}), "setup", FARRELL)
        engagement.record(session, lpha, "undecided", date(2026, 1, 2), office.kit.library, office.kit.now())
    yield Walk(office, store, _windows(office))
    store.close()


def _windows(office: Office) -> tuple[Window, ...]:
    browser = office.app.test_client()
    write = ("begin", "save", "sign")

    def window(who: str, patient: str, *steps: str) -> Window:
        return Window(office.sit(who, patient, browser), who, patient, steps)

    return (
        window("rivera", MOSS, *write, "amend"),
        window("rivera", FARRELL, *write),
        window("okafor", FARRELL, "begin", "save"),
        window("chen", MOSS, "cosign"),
    )


def test_in_every_order_of_the_steps_of_four_windows_no_note_lands_on_another_person(walk: Walk) -> None:
    ways = _ways(walk, (0,) * len(walk.windows))
    assert ways >= ORDERS_WANTED, ways
    assert walk.answers["sign", 303] > 0, "a walk in which nothing is ever signed shows nothing"
    assert walk.answers["cosign", 303] > 0
    assert walk.answers["amend", 303] > 0
    assert walk.foreign[404] > 20
    assert walk.foreign[409] > 50


def _ways(walk: Walk, place: tuple[int, ...]) -> int:
    """The orders from here to the end; every state is walked on from once."""
    key = _state(walk, place)
    if key in walk.ways:
        return walk.ways[key]
    _foreign_forms_change_nothing(walk, key, place)
    open_ = [index for index, at in enumerate(place) if at < len(walk.windows[index].steps)]
    found = 0 if open_ else 1
    for index in open_:
        found += _after_step(walk, place, index)
    walk.ways[key] = found
    return found


def _after_step(walk: Walk, place: tuple[int, ...], index: int) -> int:
    window = walk.windows[index]
    before, savepoint = [dict(each.client_side) for each in walk.windows], walk.store.line.begin_nested()
    step = window.steps[place[index]]
    status = STEPS[step](window)
    walk.taken += 1
    walk.answers[step, status] = walk.answers.get((step, status), 0) + 1
    assert status in (200, 303, 404, 409, 422), (window.word, step, status)
    _nothing_is_misfiled(walk)
    found = _ways(walk, (*place[:index], place[index] + 1, *place[index + 1 :]))
    savepoint.rollback()
    for each, kept in zip(walk.windows, before, strict=True):
        each.client_side.clear()
        each.client_side.update(kept)
    return found


def _begin(window: Window) -> int:
    answer = window.desk.post("/contacts/new")
    window.client_side["contact"] = answer.headers["Location"].split("/")[-2]
    return _open_form(window)


def _open_form(window: Window) -> int:
    page = window.desk.get(f"/contacts/{window.client_side['contact']}/edit")
    _shows_its_own_person(window, page)
    window.client_side["form"] = Forms(page.text).fields
    return page.status_code


def _save(window: Window) -> int:
    form = window.client_side["form"] | WRITTEN | {"note.purpose": [f"{window.word} is why we met."]}
    answer = window.desk.post(f"/contacts/{window.client_side['contact']}/edit", form)
    return answer.status_code


def _sign(window: Window) -> int:
    page = window.desk.get(f"/contacts/{window.client_side['contact']}/sign")
    _shows_its_own_person(window, page)
    form = Forms(page.text).fields | {"confirm": "yes"}
    return window.desk.post(f"/contacts/{window.client_side['contact']}/sign", form).status_code


def _amend(window: Window) -> int:
    return window.desk.post(f"/contacts/{window.client_side['contact']}/amend").status_code


def _cosign(window: Window) -> int:
    home = window.desk.get("/")
    _shows_its_own_person(window, home)
    waiting = re.search(r"/contacts/([^/\"]+)/review", home.text)
    if waiting is None:
        return home.status_code
    page = window.desk.get(f"/contacts/{waiting[1]}/review")
    _shows_its_own_person(window, page)
    form = Forms(page.text).fields | {"confirm": "yes"}
    return window.desk.post(f"/contacts/{waiting[1]}/cosign", form).status_code


STEPS: dict[str, Callable[[Window], int]] = {
    "begin": _begin, "save": _save, "sign": _sign, "amend": _amend, "cosign": _cosign,
}  # fmt: skip


def _shows_its_own_person(window: Window, page: TestResponse) -> None:
    for patient, (mrn, _, family, _) in PEOPLE.items():
        shown = mrn in page.text or family in page.text
        assert shown == (patient == window.patient), (window.word, patient)


def _foreign_forms_change_nothing(walk: Walk, key: str, place: tuple[int, ...]) -> None:
    """The form of a window sent to the address of another, and with that one's own token for a contact of
    the first: refused in words, and nothing is written."""
    pairs = [
        (giver, taker)
        for giver in walk.windows
        for taker in walk.windows
        if giver is not taker and "form" in giver.client_side
    ]
    for giver, taker in pairs[len(walk.ways) % max(len(pairs), 1) :][:1]:
        contact, form = giver.client_side["contact"], giver.client_side["form"]
        foreign = taker.desk.post(f"/contacts/{contact}/edit", form)
        assert foreign.status_code == 409
        assert "shown for another chart" in foreign.text
        own = taker.desk.post(f"/contacts/{contact}/edit", form | {"csrf": [taker.desk.csrf()]})
        if giver.patient != taker.patient and "peer" in STAFF[taker.who][3]:
            assert own.status_code == 404
            assert "There is no such contact in this chart" in own.text
        for answer in (foreign, own):
            walk.foreign[answer.status_code] = walk.foreign.get(answer.status_code, 0) + 1
    assert _state(walk, place) == key


def _nothing_is_misfiled(walk: Walk) -> None:
    with walk.store.read() as session:
        for row, version in _rows(session):
            words = {each for each in _all_words(walk) if each in json.dumps(_plain(version))}
            own = f"Word-{_login(row.author)}-{row.patient}"
            assert words <= {own}, (row.id, row.patient, words)
            assert version.record.individual.id == PEOPLE[row.patient][0]
        for seal in session.scalars(select(SignatureRow)):
            row_ = session.get_one(ContactRow, (EHR, seal.subject))
            others = {mrn for patient, (mrn, *_) in PEOPLE.items() if patient != row_.patient}
            assert not any(mrn.encode() in seal.statement for mrn in others)


def _state(walk: Walk, place: tuple[int, ...]) -> str:
    """The state of the records and of what the windows hold, without ids and moments."""
    with walk.store.read() as session:
        rows = [
            (row.patient, row.author, version.version, version.state, version.edit,
             (version.text or "").replace(row.id, ""),
             version.record.note.purpose if version.record.note else "")
            for row, version in _rows(session)
        ]  # fmt: skip
        seals = sorted(session.scalars(select(SignatureRow.by)).all())
    held = [sorted(each.client_side) for each in walk.windows]
    return json.dumps([place, sorted(rows), seals, held])


def _rows(session: Session) -> list[tuple[ContactRow, VersionRow]]:
    joined = (VersionRow.issuer == ContactRow.issuer) & (VersionRow.contact == ContactRow.id)
    found = session.execute(select(ContactRow, VersionRow).join(VersionRow, joined))
    return [(row, version) for row, version in found]


def _plain(version: VersionRow) -> list[Any]:
    return [version.text, version.record.model_dump(mode="json")]


def _all_words(walk: Walk) -> list[str]:
    return [each.word for each in walk.windows]


def _login(staff_id: str) -> str:
    return next(who for who, (npi, *_) in STAFF.items() if npi == staff_id)
