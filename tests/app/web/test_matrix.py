"""Every page, every role, every kind of record: who is let in, and what becomes of everybody else.

The expectations are data, `matrix.toml`; the pages are those of the application's own map.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.actor import ROLES
from app.web import launches
from app.web.access import PUBLIC, guard_of
from tests.app.web.matrix_office import ELSEWHERE, MOSS, WHO, Ids, World, cookie_of, with_cookie
from tests.app.web.office import ORIGIN, Desk

DATA = tomllib.loads((Path(__file__).parent / "matrix.toml").read_text(encoding="utf-8"))
STATUS = {"page": 200, "done": 303, "none": 204, "mend": 422, "other": 409, "refused": 403, "absent": 404}
STATUS |= {"unreadable": 400}


@dataclass(frozen=True)
class Line:
    """One line of the matrix: a page and who may use it."""

    endpoint: str
    who: frozenset[str]
    where: str
    record: str | None
    own: int
    but: dict[str, int]
    form: dict[str, str]

    @property
    def places(self) -> tuple[str | None, ...]:
        """The launches in which it may be used: one for a person, one without, or both."""
        return {"chart": (MOSS,), "list": (None,), "both": (MOSS, None)}[self.where]

    def answer(self, role: str, patient: str | None) -> int:
        """What this role is answered for a record of its own."""
        outside = f"{role} outside a chart"
        if patient is None and outside in self.but:
            return self.but[outside]
        return self.but.get(role, self.own)


def _lines() -> dict[str, Line]:
    found = {}
    for endpoint, said in DATA["pages"].items():
        who = DATA["groups"][said["who"]] if isinstance(said["who"], str) else said["who"]
        own, but = STATUS[said["own"]], {each: STATUS[word] for each, word in said.get("but", {}).items()}
        form, record = said.get("form", {}), said.get("record")
        found[endpoint] = Line(endpoint, frozenset(who), said["where"], record, own, but, form)
    return found


LINES = _lines()
EACH = pytest.mark.parametrize("endpoint", sorted(LINES))


def test_every_page_of_the_application_stands_in_the_matrix_and_nothing_else(world: World) -> None:
    pages = {rule.endpoint for rule in world.office.app.url_map.iter_rules()}
    assert pages - PUBLIC == set(LINES)
    assert set(DATA["open"]["pages"]) == PUBLIC


def test_each_role_has_one_person_of_the_matrix() -> None:
    assert set(WHO) == ROLES


@EACH
def test_the_door_of_a_page_is_for_the_roles_of_the_matrix(world: World, endpoint: str) -> None:
    line, guard = LINES[endpoint], guard_of(world.office.app, endpoint)
    assert guard is not None
    assert guard.roles == line.who
    assert guard.person is {"chart": True, "list": False, "both": None}[line.where]


@EACH
def test_a_role_that_is_named_is_answered_for_what_is_its_own(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    for role in sorted(line.who):
        for patient in line.places:
            if role == "engineer" and patient is not None and endpoint != "pages.sign_out":
                continue  # no charts, shown below
            desk = world.sit(role, patient)
            with world.as_it_was():
                answer = _ask(world, desk, line, world.own)
            assert answer.status_code == line.answer(role, patient), (role, patient)


@EACH
def test_a_role_that_is_not_named_is_refused_and_only_the_trail_says_so(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    unnamed = [(role, patient) for role in sorted(ROLES - line.who) for patient in line.places]
    _refused(world, unnamed, line, 403, world.own)


@EACH
def test_an_interface_engineer_is_let_into_no_chart(world: World, endpoint: str) -> None:
    if endpoint != "pages.sign_out":
        _refused(world, [("engineer", MOSS)], LINES[endpoint], 403, world.own)


@EACH
def test_a_page_of_the_chart_is_none_of_the_list_and_the_other_way_round(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    wrong = [place for place in (MOSS, None) if place not in line.places]
    _refused(world, [(min(line.who), place) for place in wrong], line, 403, world.own)


@EACH
def test_in_a_chart_the_record_of_another_person_is_not_there(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    if line.record in world.other and MOSS in line.places:
        charts = [(role, MOSS) for role in sorted(line.who - {"engineer"})]
        answers = _refused(world, charts, line, 404, world.other)
        assert not [answer for answer in answers if "Farrell" in answer.text]


@EACH
def test_a_record_of_another_ehr_is_not_there_and_is_never_forbidden(world: World, endpoint: str) -> None:
    line = LINES[endpoint]
    if line.record in world.elsewhere:
        named = [(role, place) for role in sorted(line.who) for place in line.places]
        outside = [(role, place) for role, place in named if role != "engineer" or place is None]
        _refused(world, outside, line, 404, world.elsewhere)


@pytest.fixture(scope="module")
def shut_out(world: World) -> Callable[[str, str, str | None], Desk]:
    """A browser of this role without an open launch, in one of the ways below; each is made once."""
    return functools.cache(functools.partial(_without, world))


@EACH
@pytest.mark.parametrize("how", ["expired", "signed out", "another browser", "another EHR's cookie", "none"])
def test_without_an_open_launch_of_this_browser_no_page_opens(
    world: World, shut_out: Callable[[str, str, str | None], Desk], endpoint: str, how: str
) -> None:
    line = LINES[endpoint]
    desk = shut_out(how, min(line.who), line.places[0])
    before = world.state()
    answer = _ask(world, desk, line, world.own)
    assert answer.status_code == 401
    assert not [name for name in ("Moss", "Farrell", "Robin") if name in answer.text]
    assert _changed(world, before) == []


def _without(world: World, how: str, role: str, patient: str | None) -> Desk:
    desk = world.afresh(role, patient)
    if how == "expired":
        with world.office.kit.store.write() as session:
            launches.close(session, desk.launch_id, "idle", world.office.clock())
    elif how == "signed out":
        secret = cookie_of(desk)
        assert desk.post("/sign-out").status_code == 200
        return with_cookie(desk, secret)
    elif how == "another browser":
        return Desk(world.office.app.test_client(), desk.launch_id)
    elif how == "another EHR's cookie":
        return with_cookie(desk, cookie_of(world.sit("peer", MOSS, ELSEWHERE)))
    else:
        return Desk(desk.client, "0" * 32)
    return desk


def _refused(
    world: World, who: Sequence[tuple[str, str | None]], line: Line, status: int, ids: dict[str, Ids]
) -> list[TestResponse]:
    """Each role in its place is answered that status; each answer leaves one line in the trail, and all of
    them together leave nothing else."""
    desks = [(world.sit(role, patient), role, patient) for role, patient in who]
    before, answers = world.state(), []
    for desk, role, patient in desks:
        told = world.told()
        answers.append(_ask(world, desk, line, ids))
        assert answers[-1].status_code == status, (role, patient)
        assert world.trail(told) == ["refused"], (role, patient)
    assert _changed(world, before) == [], who
    return answers


def _changed(world: World, before: dict[str, list[Any]]) -> list[str]:
    after = world.state()
    return sorted(table for table in before.keys() | after.keys() if before.get(table) != after.get(table))


def _ask(world: World, desk: Desk, line: Line, ids: dict[str, Ids]) -> TestResponse:
    values: dict[str, Any] = dict(ids[line.record]) if line.record else {}
    rule = next(one for one in world.office.app.url_map.iter_rules() if one.endpoint == line.endpoint)
    method = "POST" if "POST" in (rule.methods or ()) else "GET"
    adapter = world.office.app.url_map.bind(ORIGIN.removeprefix("http://"))
    address = adapter.build(line.endpoint, {**values, "launch_id": desk.launch_id}, method=method)
    below = address.removeprefix(f"/l/{desk.launch_id}")
    return desk.get(below) if method == "GET" else desk.post(below, dict(line.form))
