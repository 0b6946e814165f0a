"""An office that is its own sole biller: two released claims, of which none left yet."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from sqlalchemy import select

from app import engagement
from app.actor import Actor
from app.tables import ClaimRow
from tests.app.test_x12 import SITE
from tests.app.web.matrix_office import WHO, World
from tests.app.web.office import EHR, Desk, Forms, Office, in_haste, open_office
from tests.app.web.test_writing_and_signing import _cosign, _sign, _write


def open_sole(folder: Path) -> World:
    """The office; nothing went to the payer yet."""
    own = folder / "sites" / EHR
    own.mkdir(parents=True)
    shutil.copyfile(SITE, own / "site.toml")
    office = open_office(folder)
    in_haste(office)
    with office.kit.store.write() as session:
        lpha = Actor(EHR, WHO["lpha"], "Dana Chen", frozenset({"lpha"}), "setup", "pat-farrell")
        engagement.record(session, lpha, "undecided", date(2026, 1, 2), office.kit.library, office.clock())
    for patient, hour in (("pat-moss", "07"), ("pat-farrell", "08")):
        _contact(office, patient, hour)
        release(office.sit("moreno"), numbers(office, "ready")[0])
        office.clock.forward(minutes=1)
    return World(office, folder / "peerchart.sqlite3")


def _contact(office: Office, patient: str, hour: str) -> None:
    peer = office.sit("rivera", patient)
    contact = _write(peer, start_time=[f"{hour}:00"], end_time=[f"{hour}:44"])
    _sign(peer, contact)
    _cosign(office.sit("chen", patient), contact)


def release(biller: Desk, number: str) -> None:
    """Release the claim as it is shown."""
    shown = Forms(biller.get(f"/claims/{number}").text).fields
    assert biller.post(f"/claims/{number}/release", dict(shown)).status_code == 303


def numbers(office: Office, state: str = "released") -> list[str]:
    """The control numbers of the claims in this state, in the order of their release."""
    with office.kit.store.read() as session:
        order = select(ClaimRow.control_number).where(ClaimRow.state == state).order_by(ClaimRow.released_at)
        return list(session.scalars(order))


def made(biller: Desk) -> str:
    """Make the file of what is shown; its name."""
    seen = Forms(biller.get("/claims/x12").text).fields["seen"][0]
    answer = biller.post("/claims/x12", {"seen": seen})
    assert answer.status_code == 303
    assert "said=x12-made" in answer.headers["Location"]
    return answer.headers["Location"].split("/x12/")[1].split("?")[0]
