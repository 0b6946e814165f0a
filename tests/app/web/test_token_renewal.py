"""The token of an open launch: renewed by one at a time, never in a storm, ended when nobody needs it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app import registry
from app.delivery.loop import token_ends_of
from app.delivery.token_ends import TokenEnds
from app.service import create_app
from app.settings import Settings
from app.tables import EndingToken, Launch
from app.web import tokens
from app.web.kit import Kit
from smart_launch.context import LaunchContext
from smart_launch.fhir_client import FhirClient, NotAllowed
from tests.app.web.ehr_stage import AT, House, Visit, housed
from tests.app.web.office import EHR


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with housed(Path(tmp_path_factory.mktemp("renewal"))) as both:
        yield both


@pytest.fixture
def house(standing: House) -> House:
    standing.clock.at = max(standing.clock.at, AT) + timedelta(hours=1)
    for _ in range(50):  # what other tests left open ends first
        if not _ends(standing).round() and not _waiting(standing):
            break
    return standing


def _count(house: House, action: str) -> int:
    return len(house.lines(action))


def _context(visit: Visit) -> LaunchContext:
    kit, row = visit.house.office.kit, visit.row()
    text = kit.keyring.decrypt(row.secret or b"", table="launches", row=row.id, issuer=row.issuer)
    return LaunchContext.from_json(text.decode())


def _ends(house: House) -> TokenEnds:
    kit = house.office.kit
    return token_ends_of(kit.settings, kit.store, kit.keyring, kit.http, house.clock)


def _waiting(house: House) -> list[str]:
    with house.office.kit.store.read() as session:
        return list(session.scalars(select(EndingToken.launch)))


def test_while_the_token_is_good_the_chart_is_read_again_without_renewing_it(house: House) -> None:
    visit, before = house.open(), _count(house, "token renewed")
    assert visit.post("/read-again").status_code == 303
    assert _count(house, "token renewed") == before
    assert _count(house, "chart read again") >= 1


def test_a_token_that_ended_is_renewed_and_the_rotated_one_is_kept_with_it(house: House) -> None:
    visit = house.open()
    old = _context(visit)
    house.clock.forward(seconds=400)
    assert visit.post("/read-again").status_code == 303
    new = _context(visit)
    assert new.access_token != old.access_token
    assert new.refresh_token not in (None, old.refresh_token)
    assert visit.row().refresh_state is None
    house.clock.forward(seconds=400)
    assert visit.post("/read-again").status_code == 303


def _second_process(house: House) -> Kit:
    """The same installation opened once more, with nothing in common but its database."""
    settings = Settings(data_dir=house.folder, base_url=house.app)
    kit: Kit = create_app(settings, clock=house.clock).extensions["peerchart"]
    return kit


def test_many_threads_of_two_processes_ask_the_ehr_once(house: House) -> None:
    visit, before = house.open(), _count(house, "token renewed")
    old = _context(visit)
    first = house.office.kit
    with first.store.read() as session:
        issuer = registry.registered(session, first.keyring).by_id(EHR)
    house.clock.forward(seconds=400)
    house.fault("slow", at="refresh", seconds=0.4, count=1)
    other = _second_process(house)
    kits = [first, other] * 8
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda kit: tokens.good(kit, issuer, visit.id), kits))
    other.store.close()
    assert len({one.access_token for one in got}) == 1
    assert got[0].access_token != old.access_token
    assert _count(house, "token renewed") == before + 1
    assert _count(house, "token not renewed") == 0


def test_after_a_lost_answer_the_person_opens_again_and_the_ehr_is_not_asked_a_second_time(
    house: House,
) -> None:
    visit = house.open()
    house.clock.forward(seconds=400)
    house.fault("no-answer", at="refresh", count=1)
    before = _count(house, "token not renewed")
    for _ in range(5):
        answer = visit.post("/read-again")
        assert answer.status_code == 400
        assert "Open Peerchart from the chart of your EHR again" in answer.text
    assert [line.detail["why"] for line in house.lines("token not renewed")[before:]] == ["refresh-lost"]
    page = visit.get("/")
    assert "disabled" in page.text.partition("Read the chart again")[0].rpartition("<button")[2]


def test_an_attempt_whose_process_died_counts_as_lost(house: House) -> None:
    visit = house.open()
    house.clock.forward(seconds=400)
    with house.office.kit.store.write() as session:
        row = session.get(Launch, visit.id)
        assert row is not None
        row.refresh_state, row.refresh_at = tokens.ASKING, house.clock() - tokens.LEASE
    before = _count(house, "token renewed")
    assert "Open Peerchart" in visit.post("/read-again").text
    assert visit.row().refresh_state == tokens.OVER
    assert _count(house, "token renewed") == before


def test_a_busy_ehr_is_left_in_peace_for_half_a_minute_and_then_asked_again(house: House) -> None:
    visit = house.open()
    house.clock.forward(seconds=400)
    house.fault("down", at="refresh", count=1)
    before = _count(house, "token renewed")
    for _ in range(3):
        assert "Try again in a minute" in visit.post("/read-again").text
    assert _count(house, "token renewed") == before
    house.clock.forward(seconds=31)
    assert visit.post("/read-again").status_code == 303
    assert _count(house, "token renewed") == before + 1


def test_a_refused_renewal_says_open_again(house: House) -> None:
    visit = house.open()
    house.clock.forward(seconds=400)
    house.fault("refresh-reuse", count=1)
    assert "Open Peerchart" in visit.post("/read-again").text
    assert visit.row().refresh_state == tokens.OVER


def test_another_patient_in_the_answer_closes_the_launch_with_a_clear_page(house: House) -> None:
    visit = house.open(faults=[{"name": "patient-changed", "value": "pat-lindqvist"}])
    house.clock.forward(seconds=400)
    said = visit.post("/read-again")
    assert said.status_code == 401
    assert "This window was closed: the EHR now has another patient in view" in said.text
    assert "Alex Moss" not in said.text
    row = visit.row()
    assert (row.closed_why, row.secret) == ("patient-changed", None)
    page = visit.get("/")
    assert page.status_code == 401
    assert "another patient in view" in page.text


def test_without_lasting_access_the_button_is_shown_disabled_with_its_reason(house: House) -> None:
    visit = house.open(faults=["no-refresh-token"])
    house.clock.forward(seconds=400)
    page = visit.get("/").text
    assert "granted no lasting access" in page
    assert "disabled" in page.partition("Read the chart again")[0].rpartition("<button")[2]
    assert "Open Peerchart" in visit.post("/read-again").text


def test_signing_out_ends_the_tokens_at_the_ehr(house: House) -> None:
    visit = house.open()
    token = _context(visit).access_token
    client = FhirClient(house.office.kit.http, f"{house.ehr}/fhir", lambda: token)
    assert client.read("Patient/pat-moss", request_id="r").status == 200
    assert visit.post("/sign-out").status_code == 200
    assert visit.row().secret is None
    assert _ends(house).round() == 1
    with pytest.raises(NotAllowed):
        client.read("Patient/pat-moss", request_id="r")
    assert _waiting(house) == []
    assert _ends(house).round() == 0


def test_signing_out_does_not_depend_on_the_ehr(house: House) -> None:
    visit = house.open()
    house.fault("no-answer", at="revocation", count=2)
    answer = visit.post("/sign-out")
    assert "You are signed out" in answer.text
    assert visit.row().secret is None
    assert _ends(house).round() == 0
    assert _waiting(house) == [visit.row().id]
    house.clock.forward(minutes=2)
    assert _ends(house).round() == 1
    assert _waiting(house) == []


@pytest.mark.parametrize(("forward", "why"), [({"minutes": 15}, "idle"), ({"hours": 10}, "absolute")])
def test_a_launch_that_nobody_comes_back_to_ends_and_its_tokens_with_it(
    house: House, forward: dict[str, float], why: str
) -> None:
    visit, before = house.open(), _count(house, "tokens revoked")
    assert _ends(house).round() == 0
    assert visit.row().closed_why is None
    house.clock.forward(**forward)
    _ends(house).round()
    assert (visit.row().closed_why, visit.row().secret) == (why, None)
    assert _ends(house).round() == 1
    assert _count(house, "tokens revoked") == before + 1
    assert visit.get("/").status_code == 401


def test_who_comes_back_too_late_ends_the_tokens_too(house: House) -> None:
    visit = house.open()
    house.clock.forward(minutes=15)
    assert visit.get("/").status_code == 401
    assert (visit.row().closed_why, visit.row().secret) == ("idle", None)
    assert _ends(house).round() == 1


def test_an_ehr_that_stays_out_of_reach_is_given_up_and_nothing_is_kept(house: House) -> None:
    visit = house.open()
    house.fault("no-answer", at="revocation", count=4)
    visit.post("/sign-out")
    _ends(house).round()
    assert _waiting(house) == [visit.row().id]
    house.clock.forward(hours=1)
    _ends(house).round()
    assert _waiting(house) == []
    assert _count(house, "tokens forgotten") == 1


def test_a_launch_opened_from_a_list_has_no_token_and_offers_no_reading(house: House) -> None:
    desk = house.office.sit("rivera", "pat-moss")
    assert "Read the chart again" not in desk.get("/").text
