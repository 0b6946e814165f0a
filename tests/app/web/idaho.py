"""The agency in Idaho behind its pages, its clock in March 2024."""

from __future__ import annotations

from pathlib import Path

from app.service import create_app
from app.settings import Settings
from tests.app import idaho
from tests.app import office as use_cases
from tests.app.web.office import ORIGIN, Clock, Office


def open_agency(folder: Path) -> tuple[Office, use_cases.Office]:
    """The application of the agency in `folder`, and the same memory for its use cases."""
    clock = Clock(idaho.MARCH)
    settings = Settings(data_dir=folder, base_url=ORIGIN, site=idaho.SITE)
    app = create_app(settings, clock=clock)
    app.testing = False
    pages = Office(app, clock)
    kit = pages.kit
    return pages, use_cases.Office(kit.store, kit.keyring, kit.library, settings, idaho.MARCH)
