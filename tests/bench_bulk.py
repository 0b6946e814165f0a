"""Figures of `peerchart map` over whole files: records a second on one process and on two, and memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mappings.fhir.model import model_class
from tests.bench_others import other_figures
from tests.caseload import caseload, seen_at
from tests.generator import generate
from tests.intake_makers import NOW

FEW, MANY, SAMPLE = 2_000, 20_000, 200
# So many contacts of the season by models, and the same again: the start is in both.
ONCE, AGAIN = 150, 450
_MEASURED = """
import resource, sys
from pathlib import Path
from app.cli import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss: a process begins with what the one that started it had at most.
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(peak, used.ru_utime + used.ru_stime)
"""
# The whole of map, but that fhir.resources builds, validates and dumps every Bundle.
_BY_MODELS = """
from mappings.fhir.bundle import labelled, with_people
from mappings.fhir.model import model_class
from mappings.fhir.repeated import spread
from mappings.fhir.writing import Writer

def written(self, entries, cast, *_):
    bundle = labelled(with_people(spread(entries), cast.people), cast.people)
    return model_class("Bundle").model_validate(bundle).model_dump_json().encode()

Writer._written = written
"""


@dataclass(frozen=True)
class Run:
    """One run: the most memory of the asking process in kB, its seconds of the processor, and all seconds."""

    peak: int
    busy: float
    seconds: float


def bulk_figures() -> Iterator[tuple[str, str]]:
    """What is measured, and the figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (FEW, MANY):
            made = generate(seed=7, records=count, bad=0)
            (folder / str(count)).write_bytes(b"\n".join(one.line for one in made))
        lines = caseload(seed=7, records=MANY)
        contacts = len(lines)
        (folder / "season").write_bytes(b"\n".join(lines))
        season = _mapped(folder, "season", 1, seen_at().isoformat())
        bundles = (folder / "out").read_bytes().splitlines()
        plain, leaving = _by_models(bundles), len(bundles)
        del bundles
        same = _the_same_by_models(folder)
        others = list(other_figures(lines[:FEW]))
        small = _mapped(folder, str(FEW), 1)
        one = _mapped(folder, str(MANY), 1)
        two = _mapped(folder, str(MANY), 2)
    yield f"map, {contacts:,} records of a season", f"{contacts / season.seconds:>10,.0f} a second"
    yield "  in seconds of the processor", f"{contacts / season.busy:>10,.0f} a second"
    yield "fhir.resources alone on the Bundles of the season", f"{1 / plain:>10,.0f} a second"
    yield "  the one as many times as fast as the other", f"{plain * leaving / season.busy:>10,.1f}"
    yield "map with fhir.resources building every Bundle", f"{1 / same:>10,.0f} a second"
    yield "  the one as many times as fast as the other", f"{same * contacts / season.busy:>10,.1f}"
    yield from others
    yield f"map, {MANY:,} records, one process", f"{MANY / one.seconds:>10,.0f} a second"
    yield "the same, two processes", f"{MANY / two.seconds:>10,.0f} a second"
    yield "  the one as many times as fast as the other", f"{one.seconds / two.seconds:>10,.1f}"
    yield "  the most that two processes of this machine give", f"{_machine():>10,.1f}"
    yield f"memory of map, {MANY:,} records", f"{one.peak / 1024:>10,.0f} MB"
    yield f"  as many times that of {FEW:,} records", f"{one.peak / small.peak:>10,.2f}"


def _machine() -> float:
    """How many times as much two processes that only count get done as one: less than two where they share a
    core, or others want it."""
    return 2 * _counting(1) / _counting(2)


def _counting(jobs: int) -> float:
    program = "print(sum(str(n).count('7') for n in range(6_000_000)))"
    began = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(jobs)]
    for each in started:
        each.communicate(timeout=600)
    return time.perf_counter() - began


def _by_models(bundles: list[bytes]) -> float:
    """Seconds of the processor in which fhir.resources builds, validates and dumps one Bundle: the least that
    the plain way takes, which has to read, judge and check besides."""
    model, some = model_class("Bundle"), bundles[:: max(1, len(bundles) // SAMPLE)]
    model.model_validate_json(some[0])
    began = time.process_time()
    for each in some:
        model.model_validate_json(each).model_dump_json()
    return (time.process_time() - began) / len(some)


def _the_same_by_models(folder: Path) -> float:
    """Seconds of the processor that one contact of the season takes where models write each Bundle."""
    lines, busy = (folder / "season").read_bytes().splitlines(), []
    for count in (ONCE, AGAIN):
        (folder / "some").write_bytes(b"\n".join(lines[:count]))
        busy.append(_mapped(folder, "some", 1, seen_at().isoformat(), _BY_MODELS).busy)
    return (busy[1] - busy[0]) / (AGAIN - ONCE)


def _mapped(folder: Path, name: str, jobs: int, now: str = NOW, first: str = "") -> Run:
    out = [word for each in ("out", "claims", "report") for word in (f"--{each}", str(folder / each))]
    words = ["map", str(folder / name), *out, "--jobs", str(jobs), "--now", now]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", first + _MEASURED, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    peak, busy = done.stdout.split()[-2:]
    return Run(int(peak), float(busy), time.perf_counter() - began)
