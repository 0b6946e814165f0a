"""Where an installation lies. Commands that only need the rules ask here: to read all settings takes longer
than to load the rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def default_data_dir() -> Path:
    """The data folder of an installation that names none."""
    return Path.home() / ".local" / "share" / "peerchart"


def site_of(site: Path | None, data_dir: Path) -> Path | None:
    """What the site adds to the rules: `site`, or the folder `site` in the data folder where there is one."""
    folder = data_dir / "site"
    return site or (folder if folder.is_dir() else None)


def installed_site(environment: Mapping[str, str], data_dir: Path | None = None) -> Path | None:
    """What the site of the installation adds to the rules: `Settings().site_rules`, whatever the other
    settings are. `data_dir` goes before the PEERCHART_DATA_DIR of the environment."""
    given = {name.lower(): Path(value) for name, value in environment.items()}
    data_dir = data_dir or given.get("peerchart_data_dir", default_data_dir())
    return site_of(given.get("peerchart_site"), data_dir)
