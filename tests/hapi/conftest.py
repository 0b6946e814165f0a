"""One HAPI FHIR server for all the tests of this folder; each test that writes begins with an empty one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hapi import java
from tests.hapi.fhir_server import FhirServer


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
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judges")
