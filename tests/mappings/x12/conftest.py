"""The validator's maps are read once for all tests of X12."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mappings.x12.samples import maps_read_once


@pytest.fixture(autouse=True, scope="package")
def quick() -> Iterator[None]:
    """See samples."""
    with maps_read_once():
        yield
