"""Published FHIR packages in a folder: .tgz files, or folders that one was unpacked into."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mappings.fhir.package.snapshots import NotPublished
from smart_launch.strict_json import UnreadableJson, loads_object

Json = dict[str, Any]
Files = Callable[[], Iterator[tuple[str, bytes]]]
_PREFIX, _MANIFEST = "StructureDefinition-", "package.json"
_MOST = 64 * 1024 * 1024


class UnreadablePackage(ValueError):
    """A file of the folder is no package that can be read; the words name it."""


class Published:
    """Structure definitions of the packages `wanted` (name -> version) in a folder, read when asked for."""

    def __init__(self, folder: Path, wanted: Mapping[str, str]) -> None:
        """Raises UnreadablePackage, and LookupError naming each package that is not there."""
        self._raw: dict[str, bytes] = {}
        missing = dict(wanted)
        for files in _packages(folder):
            name, version = _name(files)
            if missing.get(name) == version:
                del missing[name]
                self._raw |= {
                    file.removeprefix(_PREFIX).removesuffix(".json"): raw
                    for file, raw in files()
                    if file.startswith(_PREFIX)
                }
        if missing:
            listed = ", ".join(f"{name} {version}" for name, version in missing.items())
            raise LookupError(f"{folder} holds no package {listed}")

    def __call__(self, url: str) -> Json:
        """The definition with this canonical address. Raises NotPublished."""
        raw = self._raw.get(url.rsplit("/", 1)[-1])
        found = _json(raw, url) if raw is not None else {}
        if found.get("url") != url:
            raise NotPublished(url)
        return found


def _packages(folder: Path) -> Iterator[Files]:
    for file in sorted(folder.rglob("*.tgz")):
        yield lambda file=file: _of_archive(file)  # type: ignore[misc]  # a default binds this file
    for manifest in sorted(folder.rglob(f"package/{_MANIFEST}")):
        yield lambda below=manifest.parent: _of_folder(below)  # type: ignore[misc]  # as above


def _of_archive(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(file, "r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if folder == "package" and _is_asked_for(name) and member.isfile() and member.size <= _MOST:
                    held = archive.extractfile(member)
                    if held is not None:
                        yield name, held.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreadablePackage(f"{file} cannot be read as a package: {error}") from error


def _of_folder(below: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(below.glob("*.json")):
        if _is_asked_for(file.name):
            yield file.name, file.read_bytes()


def _is_asked_for(name: str) -> bool:
    return name == _MANIFEST or (name.startswith(_PREFIX) and name.endswith(".json"))


def _name(files: Files) -> tuple[str, str]:
    raw = next((raw for name, raw in files() if name == _MANIFEST), b"{}")
    said = _json(raw, _MANIFEST)
    return str(said.get("name", "")), str(said.get("version", ""))


def _json(raw: bytes, what: str) -> Json:
    try:
        return loads_object(raw, max_bytes=_MOST)
    except UnreadableJson as error:
        raise UnreadablePackage(f"{what} cannot be read: {error}") from error
