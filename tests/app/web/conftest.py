import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.web.matrix_office import World, open_world
from tests.app.web.office import Office, in_haste, open_office, reopened
from tests.app.web.sole_biller import open_sole


@pytest.fixture(scope="session")
def furnished_office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an office that was set up once; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("office")
    open_office(folder).kit.store.close()
    return folder


@pytest.fixture
def office(tmp_path: Path, furnished_office: Path) -> Iterator[Office]:
    shutil.copytree(furnished_office, tmp_path, dirs_exist_ok=True)
    opened = reopened(tmp_path)
    in_haste(opened)
    yield opened
    opened.kit.store.close()


@pytest.fixture(scope="session")
def sole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An office that is its own sole biller, for tests that leave it as they found it."""
    opened = open_sole(tmp_path_factory.mktemp("sole"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two EHRs with a record of every kind, for tests that leave it as they found it."""
    opened = open_world(tmp_path_factory.mktemp("matrix"))
    yield opened
    opened.close()
