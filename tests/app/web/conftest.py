from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.web.matrix_office import World, open_world
from tests.app.web.office import Office, in_haste, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = open_office(tmp_path)
    in_haste(opened)
    yield opened
    opened.kit.store.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two EHRs with a record of every kind, for tests that leave it as they found it."""
    opened = open_world(tmp_path_factory.mktemp("matrix"))
    yield opened
    opened.close()
