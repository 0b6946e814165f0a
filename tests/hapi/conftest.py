"""One HAPI FHIR server for all the tests of this folder; each test that writes begins with an empty one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli
from tests.generator import generate
from tests.hapi import java
from tests.hapi.fhir_server import FhirServer, Json
from tests.intake_makers import NOW

GENERATED = 100


@pytest.fixture(scope="session")
def classpath() -> str:
    """HAPI and HL7's validator, fetched and compiled; else the tests are skipped and say why."""
    try:
        return java.build()
    except java.NotHere as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def hapi_process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server; HAPI_SERVER names one on this machine that already runs, and is emptied."""
    running = os.environ.get("HAPI_SERVER", "")
    if running.startswith("http://127.0.0.1:"):
        yield running
        return
    classpath = request.getfixturevalue("classpath")
    with java.server(classpath, tmp_path_factory.mktemp("hapi") / "server.log") as base:
        yield base


@pytest.fixture
def hapi(hapi_process: str) -> Iterator[FhirServer]:
    """The server, empty."""
    with FhirServer.at(hapi_process) as server:
        server.empty()
        yield server


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Transactions of generated records and of their claims, as `peerchart map` writes them."""
    folder = tmp_path_factory.mktemp("generated")
    records = generate(seed=23, records=150, bad=0)
    (folder / "in.ndjson").write_bytes(b"\n".join(one.line for one in records))
    files = {name: str(folder / f"{name}.ndjson") for name in ("out", "claims", "report")}
    words = ["map", str(folder / "in.ndjson"), "--now", NOW]
    for name, file in files.items():
        words += [f"--{name}", file]
    CliRunner().invoke(cli, words)
    notes, claims = (_lines(files[name]) for name in ("out", "claims"))
    assert len(notes) > 70
    assert len(claims) > 20
    return [*notes[:80], *claims][:GENERATED]


def _lines(file: str) -> list[Json]:
    return [json.loads(line) for line in Path(file).read_bytes().splitlines()]
