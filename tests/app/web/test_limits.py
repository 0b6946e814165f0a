"""Too many requests: answered 429 in words, before anything is written, and nobody else is kept out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.settings import Settings
from app.shared_counts import SharedCounts
from app.web.limits import Limits
from tests.app.web.office import ORIGIN, Desk, Office, open_office

HERE = {"REMOTE_ADDR": "192.0.2.1"}
THERE = {"REMOTE_ADDR": "192.0.2.2"}


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Office]:
    """An office whose people may ask three times an hour, and an address eight times."""
    own = {"sandbox": "3 per hour", "elsewhere": "1 per hour"}
    opened = open_office(tmp_path, person_limits=own, address_limit="8 per hour")
    yield opened
    opened.kit.store.close()


def _ask(desk: Desk, place: dict[str, str] = HERE) -> int:
    return desk.get("/", environ_base=place).status_code


def _lines(office: Office) -> int:
    with office.kit.store.read() as session:
        found = session.connection().exec_driver_sql("SELECT count(*) FROM audit").scalar()
        return int(found or 0)


def test_who_asks_too_often_is_told_when_to_come_back(strict: Office) -> None:
    desk = strict.sit("rivera", "pat-moss")
    assert [_ask(desk) for _ in range(4)] == [200, 200, 200, 429]
    assert desk.page is not None
    assert "too much at once" in desk.page.text
    assert "Alex Moss" not in desk.page.text
    assert int(desk.page.headers["Retry-After"]) > 0
    assert desk.page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors http://localhost:9" in desk.page.headers["Content-Security-Policy"]


def test_a_refused_request_writes_nothing(strict: Office) -> None:
    desk = strict.sit("rivera", "pat-moss")
    for _ in range(3):
        _ask(desk)
    before = _lines(strict)
    refused = desk.post("/contacts/new", environ_base=HERE)
    assert refused.status_code == 429
    assert _lines(strict) == before
    strict.clock.forward(minutes=20)
    assert _ask(desk, HERE) == 429
    assert _lines(strict) == before


def test_a_colleague_at_the_same_address_and_the_person_at_another_are_not_kept_out(strict: Office) -> None:
    desk = strict.sit("rivera", "pat-moss")
    assert [_ask(desk) for _ in range(4)][-1] == 429
    assert _ask(strict.sit("chen", "pat-moss")) == 200
    assert _ask(desk, THERE) == 200


def test_an_address_that_nobody_is_known_at_has_a_limit_of_its_own(strict: Office) -> None:
    guessing: FlaskClient = strict.app.test_client()
    answers = [
        guessing.get(f"/l/{number:032x}/", base_url=ORIGIN, environ_base=HERE).status_code
        for number in range(10)
    ]
    assert answers == [401] * 8 + [429] * 2
    assert guessing.get("/launch?iss=x", base_url=ORIGIN, environ_base=HERE).status_code == 429


def test_the_address_a_browser_claims_to_have_counts_for_nothing(strict: Office) -> None:
    guessing = strict.app.test_client()
    answers = [
        guessing.get(
            "/", base_url=ORIGIN, environ_base=HERE, headers={"X-Forwarded-For": f"198.51.100.{number}"}
        ).status_code
        for number in range(9)
    ]
    assert answers == [200] * 8 + [429]


def test_behind_a_proxy_of_ours_the_address_is_the_one_it_wrote(tmp_path: Path) -> None:
    office = open_office(tmp_path, proxies=1, address_limit="1 per hour")
    asked = office.app.test_client()
    forged = [
        asked.get("/", base_url=ORIGIN, headers={"X-Forwarded-For": f"{claimed}, {written}"}).status_code
        for claimed, written in (("1.1.1.1", "192.0.2.1"), ("2.2.2.2", "192.0.2.1"), ("3.3.3.3", "192.0.2.9"))
    ]
    office.kit.store.close()
    assert forged == [200, 429, 200]


def test_an_ehr_without_a_limit_of_its_own_has_the_one_of_the_installation(tmp_path: Path) -> None:
    limits = Limits(Settings(data_dir=tmp_path, person_limit="1 per hour", person_limits={"a": "2 per hour"}))
    assert [limits.person("a", "x", "y") is None for _ in range(3)] == [True, True, False]
    assert [limits.person("b", "x", "y") is None for _ in range(2)] == [True, False]


@pytest.mark.parametrize("processes", [1, 2, 7])
def test_a_browser_that_keeps_to_one_of_several_processes_has_the_whole_limit(
    tmp_path: Path, processes: int
) -> None:
    settings, counts = Settings(data_dir=tmp_path, person_limit="20 per hour"), SharedCounts()
    mine, *others = [Limits(settings, counts) for _ in range(processes)]
    assert [mine.person("a", "rivera", "10.0.0.1") for _ in range(20)] == [None] * 20
    assert all(each.person("a", "rivera", "10.0.0.1") for each in (mine, *others))
    assert mine.person("a", "okafor", "10.0.0.1") is None


@pytest.mark.parametrize("rate", ["", "0 per hour", "many", "10 per hour; 3 per second", "10/hour"])
def test_a_rate_that_cannot_be_read_is_refused_with_the_right_form(tmp_path: Path, rate: str) -> None:
    with pytest.raises(ValueError, match="600 per minute"):
        Settings(data_dir=tmp_path, address_limit=rate)


def test_who_has_no_cookie_uses_up_nothing_of_the_person_whose_launch_it_is(strict: Office) -> None:
    desk = strict.sit("rivera", "pat-moss")
    stranger = Desk(strict.app.test_client(), desk.launch_id)
    assert [_ask(stranger) for _ in range(4)] == [401] * 4
    assert [_ask(desk) for _ in range(3)] == [200] * 3
