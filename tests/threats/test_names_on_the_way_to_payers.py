"""Names and member ids go to payers in the files made for that, and stand nowhere else on the way (T7): no
command prints them, no address has them, and no log, trail, accounting or other table holds them.
"""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import inspect, text

from app.cli import cli
from app.store import Store
from mappings.library import load
from tests.app.office import ISSUER, MOSS, furnish, open_office
from tests.app.test_x12 import SITE, released
from tests.app.web.sole_biller import made, numbers, open_sole
from tests.mappings.x12.replies import claim_ack, remittance
from tests.mappings.x12.samples import maps_read_once

# How names, days and ids of a person are written here, and how X12 writes them.
WORDS = ("Moss", "MOSS", "Alex", "ALEX", "1990-02-03", "19900203", "AA00001A", "MRN-70001", "Asked many")
# The tables that are the record, and those of what was made of it for others.
RECORD = {"individuals", "contacts", "contact_versions", "signatures", "decisions"}
MADE = {"outbox", "outbox_steps", "claims", "x12_batches"}


@dataclass
class Month:
    """What left for a payer, and all that was said of it: `told` by each command, `logs`, and the tables in
    which a word of a person stands."""

    left: str = ""
    told: dict[str, str] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    found = Month()
    with maps_read_once(), _heard(found.logs):
        _live(found, Path(tmp_path_factory.mktemp("payers")))
    yield found


@contextmanager
def _heard(lines: list[str]) -> Iterator[None]:
    handler, root = _Lines(lines), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _live(found: Month, folder: Path) -> None:
    """A claim is released, leaves in a batch, and the payer answers, once with a file that is cut off."""
    data, out = folder / "data", folder / "out"
    out.mkdir()
    furnish(data)
    office = open_office(data)
    own = office.settings.sites / ISSUER
    own.mkdir(parents=True)
    office.library = load(Path(shutil.copyfile(SITE, own / "site.toml")))
    (number,) = released(office, MOSS)
    _run(found, data, "claims", "export", "--x12", str(out))
    (written,) = out.iterdir()
    found.left = written.read_text(encoding="ascii")
    paid = remittance([f"CLP*{number}*1*52.8*46.2**MC*N1", "NM1*QC*1*MOSS*ALEX****MI*AA00001A"])
    for answer in (claim_ack([(number, "A2:20:PR"), ("PCNOBODY", "A7:562:85")]), paid, paid[:-40]):
        written.write_bytes(answer)
        _run(found, data, "claims", "read", str(written))
    for what in ("disclosures", "consents", "export"):
        _run(found, data, "audit", what, *(("--patient", MOSS) if what != "export" else ()))
    found.tables = _tables(office.store)
    office.close()


def _tables(store: Store) -> set[str]:
    """The tables in which a word of a person stands."""
    found = set()
    with store.engine.connect() as line:
        for table in inspect(line).get_table_names():
            rows = line.execute(text(f'SELECT * FROM "{table}"')).all()  # noqa: S608 - our own tables
            found |= {table for row in rows if _standing(str(tuple(row)))}
    return found


def _run(found: Month, data: Path, *words: str) -> None:
    done = CliRunner().invoke(cli, [*words, "--issuer", ISSUER, "--data", str(data)])
    assert done.exit_code in (0, 1), done.output
    found.told[f"{words[0]} {words[1]} {len(found.told)}"] = done.output


def _standing(content: str) -> list[str]:
    return [word for word in WORDS if word in content]


def test_the_payers_file_names_the_person_and_the_member(month: Month) -> None:
    assert {"MOSS", "ALEX", "19900203", "AA00001A"} <= set(_standing(month.left))


def test_no_command_prints_who_is_in_a_file_that_leaves_or_comes(month: Month) -> None:
    assert {command: _standing(said) for command, said in month.told.items() if _standing(said)} == {}
    assert any("X12 claim" in said for said in month.told.values()), "the accounting tells of the claim"


def test_no_log_says_who_is_in_them(month: Month) -> None:
    assert [line for line in month.logs if _standing(line)] == []


def test_the_pages_for_payers_files_say_who_is_in_them_to_billers_alone(tmp_path: Path) -> None:
    """Who may not open them is told nothing, and what is damaged or of others leaves no name in logs, trail,
    addresses or tables either."""
    logs: list[str] = []
    with maps_read_once(), _heard(logs):
        world = open_sole(tmp_path)
        biller, peer = world.office.sit("moreno"), world.office.sit("rivera")
        batch = made(biller)
        whole = remittance(
            [f"CLP*{numbers(world.office)[0]}*1*52.8*46.2**MC*N1", "NM1*QC*1*MOSS*ALEX****MI*AA00001A"]
        )
        foreign = whole.replace(b"*RIVERBEND      *", b"*OTHERCLINIC    *")
        for file, status in ((whole, 200), (whole[:-40], 422), (foreign, 422)):
            told = {"file": (io.BytesIO(file), "MOSS-ALEX-AA00001A.835")}
            assert biller.post("/claims/x12/answers", told).status_code == status
            assert peer.post("/claims/x12/answers", {"file": (io.BytesIO(file), "a")}).status_code == 403
        shown = biller.get(f"/claims/x12/{batch}")
        refused = peer.get(f"/claims/x12/{batch}").text + peer.post(f"/claims/x12/{batch}").text
    assert "Alex Moss" in shown.text
    assert _standing(refused) == []
    assert _standing(batch) == []
    assert [line for line in logs if _standing(line)] == []
    assert _tables(world.office.kit.store) <= RECORD | MADE
    world.close()


def test_no_table_but_the_record_and_the_files_made_of_it_says_who_is_in_them(month: Month) -> None:
    assert month.tables <= RECORD | MADE
    assert {"individuals", "claims", "x12_batches"} <= month.tables
