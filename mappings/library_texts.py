"""The files of a library as they were read, so that what stood in them once can be read again years later."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKS, TABLES, SITE = "packs", "tables", "site"
# A ZIP file carries times; one and the same library must give the same bytes on every day.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file of a library: what it is part of (packs, tables or site), its folder, its name, its bytes."""

    part: str
    folder: str
    name: str
    data: bytes

    @property
    def label(self) -> str:
        """How messages call it: its folder and name."""
        return f"{self.folder}/{self.name}"

    @classmethod
    def read(cls, part: str, path: Path) -> TextFile:
        """The file at a path; of a site its folder stays out, since it is a place of one machine."""
        return cls(part, "" if part == SITE else path.parent.name, path.name, path.read_bytes())


@dataclass(frozen=True)
class LibraryTexts:
    """All files of one library in the order in which they were read; a site's overlay is the last."""

    files: tuple[TextFile, ...] = field(default=(), repr=False)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of names and bytes in their order: the digest of the library."""
        digest = hashlib.sha256()
        for file in self.files:
            if file.part == SITE:
                digest.update(b"site\0" + file.data)
            else:
                digest.update(file.label.encode() + b"\0" + file.data + b"\0")
        return digest.hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """The files as one ZIP file, which any unzip opens; equal texts give equal bytes."""
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as box:
            for number, file in enumerate(self.files):
                path = f"{number:04}-{file.part}/{file.folder or '-'}/{file.name}"
                entry = zipfile.ZipInfo(path, _NO_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                box.writestr(entry, file.data)
        return into.getvalue()


def unpacked(packed: bytes) -> LibraryTexts:
    """What `packed` wrote. Raises ValueError for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as box:
            return LibraryTexts(tuple(_file(box, name) for name in box.namelist()))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"these are not the texts of a library: {error}") from error


def _file(box: zipfile.ZipFile, path: str) -> TextFile:
    shelf, _, rest = path.partition("/")
    folder, _, name = rest.partition("/")
    number, _, part = shelf.partition("-")
    if not number.isdigit() or part not in (PACKS, TABLES, SITE) or not name:
        raise ValueError(f"these are not the texts of a library: {path!r} is none of its files")
    return TextFile(part, "" if folder == "-" else folder, name, box.read(path))
