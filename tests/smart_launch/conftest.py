from collections.abc import Iterator

import pytest
import requests

from smart_launch.wire import http_session
from tests.smart_launch.scripted_ehr import ScriptedEhr


@pytest.fixture
def ehr() -> Iterator[ScriptedEhr]:
    server = ScriptedEhr()
    yield server
    server.close()


@pytest.fixture
def stranger() -> Iterator[ScriptedEhr]:
    server = ScriptedEhr()
    yield server
    server.close()


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with http_session() as session:
        yield session
