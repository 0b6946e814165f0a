import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

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
