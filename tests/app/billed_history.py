"""Years of released claims of one person, written straight into the memory of an installation."""

from __future__ import annotations

from datetime import timedelta

from app.store import sqlite_module
from tests.app.office import ISSUER, MOSS, NOW, Office, individual, program

_CLAIM = (
    "INSERT INTO claims (issuer, control_number, patient, individual, program, day, rate_code, units, state, "
    "draft, drafted_at, released_at) VALUES (?, ?, ?, ?, ?, ?, '', 2, 'released', '{}', ?, ?)"
)
_UNITS = (
    "INSERT INTO claim_units (issuer, control_number, contact, version, patient, program, day, units, live, "
    '"authorization") VALUES (?, ?, ?, 1, ?, ?, ?, 2, 1, ?)'
)


def billed_before(office: Office, length: int, authorization: str | None = None) -> None:
    """As many released claims of Moss, two a day, the last on the day before the clock of the tests."""
    at = NOW.isoformat()
    # The product's own SQLite: two libraries in one process would take each other's locks away.
    memory = sqlite_module().connect(office.settings.data_dir / "peerchart.sqlite3")
    memory.execute("PRAGMA foreign_keys = OFF")
    for number in range(length):
        day = (NOW.date() - timedelta(days=1 + number // 2)).isoformat()
        whose = ISSUER, f"OLD{number}"
        memory.execute(_CLAIM, (*whose, MOSS, individual(70001).id, program().id, day, at, at))
        memory.execute(_UNITS, (*whose, f"R-{number}", MOSS, program().id, day, authorization))
    memory.commit()
    memory.close()
