"""The libraries of the past: the texts of each one that a kept finding names, as they were on that day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.tables import LibraryRow
from mappings.library import Library, load_kept

PRODUCT = "peerchart"


@dataclass(frozen=True)
class KeptLibrary:
    """A library as it stood: with the version of the program that used it first, and when (aware)."""

    library: Library
    product: str
    first_used_at: datetime


def put(session: Session, library: Library, now: datetime) -> None:
    """Keep the texts of the library, once; to be called in the transaction that keeps a finding of it."""
    known = select(LibraryRow.digest).where(LibraryRow.digest == library.digest)
    if session.scalars(known).first() is not None:
        return
    session.add(
        LibraryRow(digest=library.digest, product=_product(), first_used_at=now, texts=library.texts.packed)
    )
    session.flush()


def take(session: Session, digest: str) -> KeptLibrary | None:
    """The library of a digest as it stood, None where its texts were not kept. Raises ValueError where what
    was kept is not what the digest says."""
    row = session.get(LibraryRow, digest)
    if row is None:
        return None
    library = load_kept(row.texts)
    if library.digest != digest:
        raise ValueError(f"The texts kept for the library {digest} are those of {library.digest}.")
    return KeptLibrary(library, row.product, row.first_used_at)


def _product() -> str:
    try:
        return version(PRODUCT)
    except PackageNotFoundError:  # run from a folder that is not installed
        return "unknown"
