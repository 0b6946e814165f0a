"""The texts that were signed here, found by their digests."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.tables import AddendumRow, PlanEntryRow, VersionRow
from mappings.seal import text_digest

_AT_ONCE = 500


def kept_texts(session: Session, digests: Collection[str]) -> set[str]:
    """Of these hex SHA-256 digests those whose text is kept here and still has that digest."""
    wanted, found = sorted(digests), set[str]()
    for table in (VersionRow, PlanEntryRow, AddendumRow):
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            found.update(
                session.scalars(select(table.text).where(table.digest.in_(some), table.text.is_not(None)))
            )
    return {digest for text in found if (digest := text_digest(text)) in digests}
