from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = open_office(tmp_path / "data")
    yield opened
    opened.close()
