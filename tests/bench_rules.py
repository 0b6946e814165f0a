"""What the rules cost: loading the library, one record against its whole pack, and a long history."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.orm import Session

from app.bulk.pool import collecting_seldom
from app.judging import around
from mappings.intake import read_record, record_from
from mappings.library import load
from mappings.records import Contact, Record
from mappings.rules import Judgement, judge
from tests.app.billed_history import billed_before
from tests.app.office import ISSUER, MOSS, Office, drafted, furnish, open_office, undecided
from tests.generator import generate
from tests.guidance.builder import AUTHOR, changed, contact_and_entry
from tests.intake_makers import NOW

CLOCK = datetime.fromisoformat(NOW)
HISTORIES = (10, 10_000)
LAST = datetime.fromisoformat("2026-06-29T08:00:00-04:00")
# What pydantic and our own files cost to import stands apart from what it costs to read the rules.
LOADING = (
    "import time; began = time.process_time(); from mappings import library_files;"
    "from mappings.library import load; read = time.process_time(); load(); done = time.process_time();"
    "print(read - began, done - read)"
)
STARTING = (
    "import sys, time\n"
    "from app.cli import main\n"
    "sys.argv[0] = 'peerchart'\n"
    "try:\n"
    "    main()\n"
    "finally:\n"
    "    print(time.process_time(), file=sys.stderr)\n"
)
STARTS = ("map --help", "check {file}", "map {file} --out {out}", "rules explain NY.UNIT.MIN15")


def rule_figures(seconds: float) -> Iterator[tuple[str, str]]:
    """Each figure with its name; the best of several runs, since others may use the machine."""
    lines = [one.line for one in generate(seed=7, records=400, bad=0)]
    known, library = [read_record(line) for line in lines], load()
    imported, loaded = map(min, zip(*(_loading() for _ in range(5)), strict=True))
    yield "library loaded in a new process", _milli(loaded)
    yield "  beside it, what it needs imported", _milli(imported)
    yield from _starts()
    parsed = _best(seconds, lambda: [json.loads(line) for line in lines]) / len(lines)
    yield "JSON of one record parsed", _micro(parsed)
    with collecting_seldom():
        judged = _best(seconds, lambda: judge(known, library, CLOCK)) / len(known)
    yield "one record judged against its whole pack, as in bulk", _micro(judged)
    for length in HISTORIES:
        yield f"one of {length:,} contacts of one person judged", _micro(_of_history(length, seconds))
        yield (
            f"one contact judged in the database after {length:,} claims",
            _micro(_after_claims(length, seconds)),
        )


def history(length: int) -> list[Record]:
    """Contacts of one person, two each day, the last of them on LAST; and the person's plan entry."""
    contact, entry = contact_and_entry("planned")
    days = [LAST - timedelta(days=number // 2, hours=-3 * (number % 2)) for number in range(length)]
    return [record_from(entry), *(record_from(_at(contact, n, start)) for n, start in enumerate(days))]


def _at(contact: dict[str, object], number: int, start: datetime) -> dict[str, object]:
    end = (start + timedelta(minutes=40)).isoformat()
    times = {"start": start.isoformat(), "end": end, "note.edited_at": end}
    return changed(contact, {"id": f"C-{number}", **times, "signatures": [{**AUTHOR, "at": end}]})


def _of_history(length: int, seconds: float) -> float:
    known, library = history(length), load()
    return _best(seconds, lambda: judge(known, library, CLOCK)) / length


def _after_claims(length: int, seconds: float) -> float:
    with TemporaryDirectory() as folder:
        furnish(Path(folder))
        office = open_office(Path(folder))
        undecided(office)
        contact = drafted(office).contact
        billed_before(office, length)
        with office.store.read() as session:
            best = _best(seconds, lambda: _judged_there(session, office, contact))
        office.close()
        return best


def _judged_there(session: Session, office: Office, contact: Contact) -> Judgement:
    return around(session, ISSUER, MOSS, contact).judged(contact, office.library, office.now)


def _loading() -> tuple[float, float]:
    ran = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True)
    imported, loaded = map(float, ran.stdout.split())
    return imported, loaded


def _starts() -> Iterator[tuple[str, str]]:
    """Seconds of the processor for whole commands, on a file of one contact where they read one."""
    with TemporaryDirectory() as folder:
        file, out = Path(folder, "one.ndjson"), Path(folder, "bundle.ndjson")
        file.write_text(json.dumps(contact_and_entry("ad-hoc")[0]))
        for command in STARTS:
            words = command.format(file=file, out=out).split()
            yield f"peerchart {command.format(file='FILE', out='FILE')}", _milli(_started(words))


def _started(words: list[str]) -> float:
    command = [sys.executable, "-c", STARTING, *words]
    return min(
        float(subprocess.run(command, capture_output=True, text=True, check=False).stderr.split()[-1])
        for _ in range(5)
    )


def _best(seconds: float, job: Callable[[], object]) -> float:
    job()
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        began = time.process_time()
        job()
        best = min(best, time.process_time() - began)
    return best


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:>10,.0f} ms"


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:>10,.0f} µs"
