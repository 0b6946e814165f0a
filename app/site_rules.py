"""Whose rules count: what the site of one EHR adds to the guidance, else what the whole installation adds.

An EHR's own overlay lies in the data folder under `sites/<issuer>`, in the form of any site (`site.toml`,
`packs/`, `tables/`). It is read when the program starts, so that all pages of one process judge alike.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.settings import Settings
from mappings.library import Library, LibraryError, load

OVERLAY = "site.toml"


class SiteRules:
    """The library of each EHR, all read at the start. Raises LibraryError when one of them is not sound."""

    def __init__(self, settings: Settings) -> None:
        self.everywhere = load(settings.site_rules)
        self._own = {folder.name: load(folder) for folder in _folders(settings)}

    def of(self, issuer: str | None) -> Library:
        """The library that counts at an EHR; None asks for that of an EHR without an overlay of its own."""
        return self._own.get(issuer or "", self.everywhere)

    def own(self) -> Mapping[str, Library]:
        """The libraries of the EHRs that have an overlay of their own, by issuer id."""
        return self._own

    def has_own(self, issuer: str) -> bool:
        """True when the EHR has an overlay of its own."""
        return issuer in self._own


def site_of(settings: Settings, issuer: str) -> Path | None:
    """What the site of one EHR adds to the rules, else what the installation adds; None for neither."""
    folder = settings.sites / issuer
    return folder if folder.is_dir() else settings.site_rules


def install(settings: Settings, issuer: str, source: Path, jurisdiction: str) -> Library:
    """Give an EHR the overlay `source` (a file, or a site's folder) in place of the one it has; answers the
    library with it. It has to load first. Raises LibraryError, also for an overlay of another place."""
    _require_place(load(source), source, jurisdiction)
    settings.sites.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{issuer}-", dir=settings.sites))
    try:
        if source.is_dir():
            shutil.copytree(source, fresh, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, fresh / OVERLAY)
        fresh.chmod(0o755)
        remove(settings, issuer)
        fresh.rename(settings.sites / issuer)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return load(settings.sites / issuer)


def remove(settings: Settings, issuer: str) -> bool:
    """Take the EHR's own overlay away; False where it has none."""
    folder = settings.sites / issuer
    there = folder.is_dir()
    if there:
        shutil.rmtree(folder)
    return there


def _folders(settings: Settings) -> list[Path]:
    if not settings.sites.is_dir():
        return []
    return sorted(each for each in settings.sites.iterdir() if each.is_dir() and each.name[0] != ".")


def _require_place(library: Library, source: Path, jurisdiction: str) -> None:
    place = library.overlay.jurisdiction if library.overlay is not None else None
    if place not in (None, jurisdiction):
        words = f"it is for {place}, and the rules of this EHR are those of {jurisdiction or 'no place'}"
        raise LibraryError(str(source), "site overlay", words, f'jurisdiction = "{jurisdiction}"')
