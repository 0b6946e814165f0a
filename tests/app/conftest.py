import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.idaho import furnish_idaho, open_idaho
from tests.app.office import Office, furnish, open_office


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished installation, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("furnished")
    furnish(folder)
    return folder


@pytest.fixture
def office(tmp_path: Path, furnished: Path) -> Iterator[Office]:
    opened = open_office(shutil.copytree(furnished, tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def furnished_agency(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agency in Idaho, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("agency")
    furnish_idaho(folder)
    return folder


@pytest.fixture
def agency(tmp_path: Path, furnished_agency: Path) -> Iterator[Office]:
    opened = open_idaho(shutil.copytree(furnished_agency, tmp_path / "agency"))
    yield opened
    opened.close()
