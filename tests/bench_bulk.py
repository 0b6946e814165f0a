"""Figures of `peerchart map` over whole files: records a second on one process and on two, and memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.generator import generate
from tests.intake_makers import NOW

FEW, MANY = 2_000, 20_000
_MEASURED = """
import resource, sys
from app.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def bulk_figures() -> Iterator[tuple[str, str]]:
    """What is measured, and the figure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (FEW, MANY):
            made = generate(seed=7, records=count, bad=0)
            (folder / str(count)).write_bytes(b"\n".join(one.line for one in made))
        small, _ = _mapped(folder, FEW, 1)
        peak, one = _mapped(folder, MANY, 1)
        _, two = _mapped(folder, MANY, 2)
    yield f"map, {MANY:,} records, one process", f"{MANY / one:>10,.0f} a second"
    yield "the same, two processes", f"{MANY / two:>10,.0f} a second"
    yield "  the one as many times as fast as the other", f"{one / two:>10,.1f}"
    yield f"memory of map, {MANY:,} records", f"{peak / 1024:>10,.0f} MB"
    yield f"  as many times that of {FEW:,} records", f"{peak / small:>10,.2f}"


def _mapped(folder: Path, count: int, jobs: int) -> tuple[int, float]:
    """The most memory of the asking process in kB, and the seconds."""
    out = [word for name in ("out", "claims", "report") for word in (f"--{name}", str(folder / name))]
    words = ["map", str(folder / str(count)), *out, "--jobs", str(jobs), "--now", NOW]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *words], capture_output=True, text=True, check=False, timeout=3600
    )
    return int(done.stdout.split()[-1]), time.perf_counter() - began
